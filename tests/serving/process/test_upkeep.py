"""Chores beside a service: when they are due, who does them, and what is said when they fail."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

import pytest

from features.errors import StoreAway
from features.funnel.kept import KIND
from features.offers.experiments import body_of, experiment_of
from features.store.events import EventStore
from features.store.kept.meta import meta_of, set_meta
from features.store.kept.reports import Report, Reports
from features.store.privacy import Privacy
from models.judging.served import OFFERS, POLICY, SCORES, about_policy
from serving.edge.logs import LOGGER
from serving.process import upkeep
from serving.process.judged.drifting import has_drifted
from serving.process.service import Service
from serving.process.upkeep import Chore, do, is_due, seconds_until_again
from serving.settings import Settings
from tests.serving import world
from tests.serving.counting import count
from tests.serving.live.process import ROOT, eventually

SECOND = 1_000_000


@pytest.fixture
def service(url, folder):
    opened = Service.open(Settings(url, folder / "rates"), clock=world.Clock())
    yield opened
    opened.close()


@dataclass
class Took:
    """How long each run takes, by the clock of who does it, and how late it is by that."""

    seconds: float = 0.0
    at: float = 0.0

    def monotonic(self) -> float:
        return self.at


@pytest.fixture(autouse=True)
def took(monkeypatch) -> Took:
    """A run takes no time, unless a test says so: to start Python takes as long as it takes."""
    found, run = Took(), upkeep._run

    def timed(*given):
        ended = run(*given)
        found.at += found.seconds
        return ended

    monkeypatch.setattr(upkeep, "_run", timed)
    monkeypatch.setattr(upkeep, "time", found)
    return found


def chore(program: str, every: float = 60.0) -> Chore:
    return Chore("try", every, (sys.executable, "-c", program))


def test_a_chore_is_due_at_intervals(service):
    """At first, and when its pause has passed since it began; also after a clock was set back."""
    one = chore("pass")
    assert is_due(service, one)
    assert do(service, one)
    assert not is_due(service, one)
    service.clock.at += 59 * SECOND
    assert not is_due(service, one)
    service.clock.at += SECOND
    assert is_due(service, one)
    assert do(service, one)
    service.clock.at -= 100 * SECOND
    assert is_due(service, one)


def test_a_chore_that_is_urged(service):
    """It is begun before its pause is over, but at most once a week: what it does may not help."""
    wanted = False
    one = replace(chore("pass", every=30 * 86400.0), urged_by=lambda _: wanted)
    assert do(service, one)
    service.clock.at += 6 * 86_400 * SECOND
    wanted = True
    assert not is_due(service, one)
    service.clock.at += 86_400 * SECOND
    assert is_due(service, one)
    wanted = False
    assert not is_due(service, one)


def test_a_chore_that_is_only_urged(service):
    """Without a pause nothing else begins it, neither at first nor ever."""
    never = replace(chore("pass", every=inf), urged_by=lambda _: False)
    wanted = replace(never, urged_by=lambda _: True)
    assert not is_due(service, never)
    assert is_due(service, wanted)
    assert do(service, wanted)
    assert not is_due(service, wanted)
    service.clock.at += 10_000 * 86_400 * SECOND
    assert not is_due(service, never)
    assert is_due(service, wanted)


def test_what_an_erasure_took_away_is_made_again_at_once(service):
    """It does not wait for its pause, but is made once a minute where lead after lead is erased."""
    funnel = replace(chore("pass", every=3600.0), keeps="stays")
    count(service.store, service.ladder)
    assert do(service, funnel)
    service.clock.at += 600 * SECOND
    assert not is_due(service, funnel)
    Privacy(service.store.database).erase("lead-0001", service.clock())
    assert is_due(service, funnel)
    assert not is_due(service, replace(funnel, keeps="")), "of other chores it takes nothing"
    assert do(service, funnel)
    count(service.store, service.ladder)
    Privacy(service.store.database).erase("lead-0002", service.clock())
    service.clock.at += 59 * SECOND
    assert not is_due(service, funnel)
    service.clock.at += SECOND
    assert is_due(service, funnel)
    count(service.store, service.ladder)
    assert not is_due(service, funnel)


def test_a_report_that_an_erasure_took_away_is_made_again(service):
    """Readiness has words of leads: it is looked at anew, and not a day later."""
    looks = replace(chore("pass", every=86400.0), keeps="report readiness")
    report = Report("readiness", service.ladder.name, "", 5, {"offers": []})
    reports = Reports(service.store.database)
    reports.keep(report)
    assert do(service, looks)
    service.clock.at += 600 * SECOND
    before = reports.erased()
    assert not is_due(service, looks)
    Privacy(service.store.database).erase("lead-0001", service.clock())
    assert reports.newest("readiness", service.ladder.name) is None
    assert is_due(service, looks)
    assert reports.keep(report, before) == "", "what was read before the erasure is not kept"
    assert is_due(service, looks)
    assert reports.keep(report, reports.erased())
    assert not is_due(service, looks)


def test_what_erasures_take_away(service):
    """Of what is done beside a service these may name leads, or have texts of them."""
    from rung.service.worker import chores_of

    keeps = {one.name: one.keeps for one in chores_of(service.settings) if one.keeps}
    assert keeps == {
        "funnel": KIND,
        "readiness": "report readiness",
        "champion": "report scores",
    }


def test_what_takes_long_rests_longer_after_an_erasure_too(service, took):
    """Whoever erases many leads of a large store does not have it counted all the time."""
    funnel = replace(chore("pass", every=3600.0), keeps="stays")
    took.seconds = 4.0
    count(service.store, service.ladder)
    assert do(service, funnel)
    Privacy(service.store.database).erase("lead-0001", service.clock())
    service.clock.at += 79 * SECOND
    assert not is_due(service, funnel)
    assert seconds_until_again(service, "try", 3600.0) == 80 + 4 + 2
    service.clock.at += SECOND
    assert is_due(service, funnel)


def test_what_takes_long_rests_longer(service, took):
    """A chore that took a quarter of a second rests five."""
    one = chore("pass", every=1.0)
    took.seconds = 0.25
    assert do(service, one)
    service.clock.at += 5 * SECOND - 1
    assert not is_due(service, one)
    service.clock.at += 1
    assert is_due(service, one)


def test_without_a_model_nothing_is_due(url, tmp_path):
    """There is nothing to keep up."""
    service = Service.open(Settings(url, tmp_path / "none"), clock=world.Clock())
    assert not is_due(service, chore("pass"))
    service.close()


def test_one_process_does_it(service):
    """Whoever else wants to meanwhile does not; afterwards it may."""
    one = chore("pass")
    assert service.store.leases.take("upkeep try", "another", service.clock(), 60 * SECOND)
    assert not do(service, one)
    service.store.leases.release("upkeep try", "another")
    assert do(service, one)


def test_it_is_told_what_serves(service, tmp_path):
    """The store and the bundle are in its environment, and no other setting of the service."""
    told = tmp_path / "told"
    program = (
        "import os, pathlib;"
        f"pathlib.Path({str(told)!r}).write_text('\\n'.join(sorted("
        "f'{k}={v}' for k, v in os.environ.items() if k.startswith('RUNG_'))))"
    )
    assert do(service, chore(program))
    assert told.read_text().splitlines() == [
        f"RUNG_BUNDLE={service.folder}",
        f"RUNG_DATABASE_URL={service.settings.database_url}",
        "RUNG_TRUSTED_TYPES=",
    ]


def test_a_chore_that_changes_what_serves(service, monkeypatch):
    """It is told where that stands, not of the copy that is loaded; what came of it is logged."""
    logged: dict[str, object] = {}
    monkeypatch.setattr(upkeep, "log", lambda event, *_, **more: logged.update({event: more}))
    place = {"RUNG_MODEL": "rung-b2b@champion", "RUNG_REGISTRY": "sqlite:///mlflow.db"}
    names = "sorted(k for k in os.environ if k.startswith('RUNG_'))"
    one = chore(f"import os; print({names}, os.environ['RUNG_MODEL'])")
    assert do(service, replace(one, settings=place, is_told=True))
    (said,) = [told["said"] for told in logged.values() if isinstance(told, dict)]
    variables = ["RUNG_DATABASE_URL", "RUNG_MODEL", "RUNG_REGISTRY", "RUNG_TRUSTED_TYPES"]
    assert said == f"{variables} rung-b2b@champion"


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({}, {"RUNG_BUNDLE": "artifacts/bundle"}),
        (
            {"model": "rung-b2b@live", "registry": "sqlite:///a.db", "tracking": "http://t"},
            {
                "RUNG_MODEL": "rung-b2b@live",
                "RUNG_REGISTRY": "sqlite:///a.db",
                "RUNG_TRACKING": "http://t",
            },
        ),
    ],
)
def test_training_anew_is_a_chore_where_somebody_wants_it(more, place):
    from rung.service.worker import chores_of

    settings = Settings(**more)
    assert "retrain" not in [one.name for one in chores_of(settings)]
    weekly = replace(settings, retrain_days=7.0, ladder="b2b")
    (one,) = [each for each in chores_of(weekly) if each.name == "retrain"]
    assert one.every_seconds == 7 * 86_400
    assert one.command[3:] == ("retrain", "--by", "rung work", "--ladder", "b2b")
    assert (one.settings, one.needs_model, one.urged_by) == (place, True, None)
    on_drift = replace(settings, retrain_on_drift="yes")
    (one,) = [each for each in chores_of(on_drift) if each.name == "retrain"]
    assert (one.every_seconds, one.urged_by) == (inf, has_drifted)
    both = replace(weekly, retrain_on_drift="yes")
    (one,) = [each for each in chores_of(both) if each.name == "retrain"]
    assert (one.every_seconds, one.urged_by) == (7 * 86_400, has_drifted)


def test_a_chore_that_fails(service):
    """It is a failure of the service until it is done again, with what it said last in the log."""
    assert not do(service, chore("import sys; sys.exit('no such thing')"))
    assert service.failures["try"] == "try failed; see the log"
    assert do(service, chore("pass"))
    assert "try" not in service.failures


@pytest.mark.parametrize("end", ["", "sys.exit('no such thing')"], ids=["well", "failing"])
def test_a_chore_that_says_a_lot(service, caplog, end):
    """More than a pipe holds holds nobody up; what was said last of it is in the log."""
    program = f"import sys; sys.stderr.write('€' * 100_000 + chr(10)); {end}"
    done: list[bool] = []
    beside = threading.Thread(target=lambda: done.append(do(service, chore(program))))
    with caplog.at_level(logging.INFO, LOGGER.name):
        beside.start()
        beside.join(30)
        service.stopping.set()
        beside.join(30)
    assert done == [not end]
    if end:
        (said,) = (one.values["said"] for one in caplog.records if one.msg == "upkeep failed")
        assert said.endswith("€€\nno such thing")
        assert len(said) == 500 - 1  # with its last line break


def test_a_chore_that_fails_is_tried_again_soon(service):
    """After a minute, then after twice as long each time, but never later than when it is due."""
    bad, good = chore("raise SystemExit(1)", every=300.0), chore("pass", every=300.0)
    for pause in (60, 120, 240, 300, 300):
        assert is_due(service, good)
        assert not do(service, bad)
        service.clock.at += (pause - 1) * SECOND
        assert not is_due(service, good), pause
        service.clock.at += SECOND
    assert do(service, good)
    service.clock.at += 299 * SECOND
    assert not is_due(service, good)
    service.clock.at += SECOND
    assert not do(service, bad)
    service.clock.at += 60 * SECOND
    assert is_due(service, good), "what was done before does not count any more"


def test_a_chore_whose_process_died(service, monkeypatch):
    """It is due when its lease is over, by whichever process; so is one that lost the store."""
    daily = chore("pass", every=86_400.0)

    def dies(*_: object) -> None:
        raise StoreAway("the database is being restarted")

    with monkeypatch.context() as patch:
        patch.setattr(upkeep, "_run", dies)
        patch.setattr(service.store.leases, "release", lambda *_: None)
        with pytest.raises(StoreAway):
            do(service, daily)
    service.holder = "another"
    service.clock.at += 59 * SECOND
    assert not do(service, daily)
    service.clock.at += SECOND
    assert is_due(service, daily)
    assert do(service, daily)
    service.clock.at += 3600 * SECOND
    assert not is_due(service, daily)


def test_what_a_former_version_kept(service):
    """It kept 0 of a run that died, else how long it took; and it can read what is kept now."""
    with service.store.database.writing() as connection:
        set_meta(connection, "upkeep try", f"{service.clock.at} 0")
    service.clock.at += 60 * SECOND
    assert is_due(service, chore("pass", every=86_400.0))
    with service.store.database.writing() as connection:
        set_meta(connection, "upkeep try", f"{service.clock.at} 5000000")
    assert not is_due(service, chore("pass"))
    service.clock.at += 100 * SECOND
    assert is_due(service, chore("pass"))
    for program in ("pass", "raise SystemExit(1)"):
        do(service, chore(program))
        with service.store.database.reading() as connection:
            begun, took = (int(part) for part in (meta_of(connection, "upkeep try") or "").split())
        assert begun == service.clock.at
        assert (took > 0) == (program == "pass")


def test_looking_whether_it_is_due_only_reads(folder, postgresql_url):
    """So that pages answer while the server only reads."""
    with EventStore.open(postgresql_url) as store:
        store.append_events([world.event("ann", "page_viewed", world.now())])
    service = Service.open(Settings(postgresql_url, folder / "rates"), clock=world.Clock())
    try:
        assert do(service, chore("pass"))
        with service.store.database.engine.connect() as connection:
            name = connection.exec_driver_sql("SELECT current_database()").scalar()
            connection.exec_driver_sql(
                f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'
            )
            connection.commit()
        service.store.database.engine.dispose()
        assert not is_due(service, chore("pass"))
        assert seconds_until_again(service, "try", 60.0) > 0
    finally:
        service.close()


def test_it_ends_with_the_service(service):
    """A chore that is under way is stopped."""
    service.stopping.set()
    began = time.monotonic()
    assert not do(service, chore("import time; time.sleep(60)"))
    assert time.monotonic() - began < 30
    assert service.failures == {}
    service.stopping.clear()
    assert is_due(service, chore("pass"))  # as it was before: it was not done


def test_what_is_broken_off_is_due_as_it_was(service):
    """The former time of one that was done stays, and so does a failure by itself."""
    assert do(service, chore("pass"))
    service.stopping.set()
    assert not do(service, chore("import time; time.sleep(60)"))
    service.stopping.clear()
    assert not is_due(service, chore("pass"))
    assert not do(service, chore("raise SystemExit(1)"))
    assert not is_due(service, chore("pass"))
    assert "try" in service.failures


KILLED = """
import sys
from pathlib import Path
from serving.process.service import Service
from serving.process.upkeep import Chore, do
from serving.settings import Settings
url, bundle, program = sys.argv[1:]
do(Service.open(Settings(url, Path(bundle))), Chore("try", 60.0, (sys.executable, "-c", program)))
"""
LONG = """
import os, pathlib, time
from rung.chore import end_with_parent
end_with_parent()
pathlib.Path({path!r}).write_text(str(os.getpid()))
time.sleep(120)
"""


def is_running(pid: int) -> bool:
    """Whether there is such a process, and it has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"  # of which nobody has asked how it ended


@pytest.mark.slow
def test_it_ends_with_a_worker_that_is_killed(url, folder, tmp_path):
    """Nobody is left to stop it, and before its lease is over it is gone."""
    told = tmp_path / "pid"
    program = LONG.format(path=str(told))
    command = [sys.executable, "-c", KILLED, url, str(folder / "rates"), program]
    with subprocess.Popen(command, cwd=ROOT) as worker:
        eventually(lambda: told.exists() and told.read_text() != "")
        pid = int(told.read_text())
        assert is_running(pid)
        worker.kill()
        assert worker.wait(60) == -signal.SIGKILL
    eventually(lambda: not is_running(pid))


def test_every_chore_ends_with_its_worker(service):
    """Each is run by what watches its standard input."""
    from rung.service.worker import chores_of

    every = replace(service.settings, retrain_days=7.0)
    commands = [one.command for one in chores_of(every)]
    assert len(commands) == 6
    assert {one[:3] for one in commands} == {(sys.executable, "-m", "rung.chore")}


@pytest.mark.parametrize("away", [False, True])
def test_it_ends_where_its_lease_is_lost(service, took, caplog, monkeypatch, away):
    """Another worker may begin it; of a store that is away for a moment nothing is lost."""
    one = chore("import time; time.sleep(60)")
    asked: list[float] = []

    def take(name: str, holder: str, now: int, long: int, real=service.store.leases.take) -> bool:
        took.at += 11.0
        asked.append(took.at)
        if away and len(asked) > 1:
            raise StoreAway("the database is being restarted")
        return len(asked) < 4 and real(name, holder, now, long)

    def wait(_: float) -> bool:
        took.at += 11.0
        return False

    monkeypatch.setattr(service.stopping, "wait", wait)
    monkeypatch.setattr(service.store.leases, "take", take)
    with caplog.at_level(logging.INFO, LOGGER.name):
        assert not do(service, one)
    (said,) = (one.values["said"] for one in caplog.records if one.msg == "upkeep failed")
    assert said.startswith("another process may be at it by now")
    assert len(asked) == (3 if away else 4), "it may come back within forty seconds"
    with service.store.database.reading() as connection:
        begun, undone = (meta_of(connection, "upkeep try") or "").split()
    assert (int(begun), undone) == (service.clock(), "-1"), "as it was when it was begun"


def test_an_empty_store_has_nothing_to_do(folder, tmp_path):
    """With the first event a chore is due."""
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    service = Service.open(Settings(url, folder / "rates"), clock=world.Clock())
    try:
        assert not is_due(service, chore("pass"))
        service.store.append_events([world.event("ann", "page_viewed", service.clock())])
        assert is_due(service, chore("pass"))
    finally:
        service.close()


def test_recalibrating_is_such_a_chore(service):
    """What `rung serve` has done: the command itself, as it is run, on the store of a service."""
    from rung.service.worker import chores_of

    one = next(each for each in chores_of(service.settings) if each.name == "recalibrate")
    assert do(service, one), service.failures
    with EventStore.open(service.settings.database_url) as store:
        moves = store.recalibrations.of(service.scorer.bundle.hash)
    assert {move.goal for move in moves} <= {"advancement", "purchase"}
    assert moves


@pytest.mark.slow
def test_what_is_looked_at_is_such_a_chore_too(url, tmp_path):
    """Readiness, funnel, experiments: also before there is a model, where a ladder is named."""
    from rung.service.worker import chores_of

    settings = Settings(url, tmp_path / "none", ladder="b2b")
    service = Service.open(settings, clock=world.Clock())
    arms = [{"id": "a", "share": 0.5}, {"id": "b", "share": 0.5}]
    body = body_of(experiment_of({"id": "x", "kind": "ladder", "control": "a", "arms": [
        {**arm, "offers": [], "policy": ""} for arm in arms
    ]}))  # fmt: skip
    service.store.experiments.start("b2b", "x", body, now=service.clock(), by="me")
    try:
        for one in chores_of(settings):
            if not one.needs_model:
                assert is_due(service, one)
                assert do(service, one), service.failures
        reports = Reports(service.store.database)
        report, shown = reports.newest("readiness", "b2b"), reports.newest("experiment", "b2b", "x")
        stays = service.funnel.stays(service.ladder)
    finally:
        service.close()
    assert report is not None
    assert len(report.body["steps"]) == 6
    assert stays is not None
    assert len(stays) > 0
    assert shown is not None
    assert shown.body["leads"] == 0
    off = replace(settings, readiness_seconds=0.0, funnel_seconds=0.0, experiments_seconds=0.0)
    assert [one.name for one in chores_of(off)] == ["recalibrate", "champion"]
    (without,) = chores_of(replace(off, judge_seconds=0.0))
    assert without.name == "recalibrate"


@pytest.mark.slow
def test_judging_what_serves_is_such_a_chore(service):
    """Beside a model: what came of its scores, the offers by lot, and the learned policy."""
    from rung.service.worker import chores_of

    one = next(each for each in chores_of(service.settings) if each.name == "champion")
    assert do(service, one), service.failures
    reports, bundle = Reports(service.store.database), service.scorer.bundle.hash
    assert reports.newest(SCORES, "b2b", bundle) is not None
    assert reports.newest(OFFERS, "b2b") is not None
    assert reports.newest(POLICY, "b2b", about_policy(bundle, "learned")) is not None
