"""A retrained bundle serves where its gate lets it, with who wanted it so and why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from features.errors import NotEnoughData
from features.ladder.ladder import Ladder
from features.store.events import Event, EventStore
from features.store.privacy import Privacy
from models.bundle import Bundle
from models.gate import Gate
from models.logged.former_bundles import Promotion
from models.sources import FolderSource
from tests.gates import scores_gate
from training.pipeline import begin_training
from training.scores.evaluate import evaluate
from training.scores.reordering import Incumbent
from training.upkeep import promoting
from training.upkeep.promoting import promote_retrained
from training.upkeep.retraining import Retraining

SAID = Promotion(1_770_000_000_000_000, "ann", "it is better")


@pytest.fixture(scope="module")
def done(trained, simulated_log) -> Retraining:
    """A bundle that is its own twin, judged on what came after it."""
    found = evaluate(trained, simulated_log, until=int(simulated_log.known.max()))
    return Retraining(trained, "it is better", trained, found)


@pytest.fixture
def reports(monkeypatch) -> list[dict[str, Any]]:
    """The reports that were judged: by these the gate is passed, whatever they say."""
    found: list[dict[str, Any]] = []

    def passed(report: dict[str, Any], bundle: Bundle, former: str, *, accepted: object) -> Gate:
        assert accepted is None
        found.append(report)
        return scores_gate(bundle, beside=former)

    monkeypatch.setattr(promoting, "judge", passed)
    return found


def test_the_first(done, trained, simulated_log, tmp_path, reports):
    """It serves from the source, and who had it done and why are kept with it."""
    source = FolderSource(tmp_path / "serving")
    came = promote_retrained(done, Incumbent(), simulated_log, source, SAID)
    assert (came.bundle, came.missing, came.promoted) == (trained.version, (), True)
    (one,) = source.versions()
    assert (one.hash, one.from_at, one.by, one.why) == (trained.hash, SAID.at, SAID.by, SAID.why)
    (report,) = reports
    assert (report["version"], report["champion"]) == (trained.version, "")
    assert report["reordering"] is None


def test_beside_a_champion(done, trained, simulated_log, tmp_path, reports):
    """How many leads at the top would be others is a part of what is judged."""
    source = FolderSource(tmp_path / "serving")
    promote_retrained(done, Incumbent(), simulated_log, source, SAID)
    promote_retrained(
        done, Incumbent(trained.hash, trained), simulated_log, source, Promotion(SAID.at + 1, "bob")
    )
    first, second = source.versions()
    assert (first.by, second.by) == ("bob", "ann")
    beside = reports[1]["reordering"]
    assert (beside["champion"], reports[1]["champion"]) == (trained.hash, trained.hash)
    assert {order["overlap"] for order in beside["orders"]} == {1.0}


def test_in_place_of_one_that_cannot_be_read(done, simulated_log, tmp_path, reports):
    """Nothing is compared, and that is said: the gate refuses it where nobody has accepted it."""
    former = Incumbent("f" * 64, why="it has format 4")
    promote_retrained(done, former, simulated_log, FolderSource(tmp_path / "serving"), SAID)
    (report,) = reports
    beside = report["reordering"]
    assert (beside["champion"], report["champion"]) == (former.hash, former.hash)
    assert "it has format 4" in beside["note"]


@pytest.mark.usefixtures("reports")
def test_a_store_knows_what_serves(done, trained, simulated_log, tmp_path):
    """Erasures name it once it is to serve, those of meanwhile as well; no dry run does."""
    with EventStore.open(tmp_path / "store.db") as store:
        store.append_events([Event("m", "ann", "view", 1, 1), Event("n", "bob", "view", 1, 1)])
        privacy = Privacy(store.database)
        made = replace(done, begun=begin_training(str(tmp_path / "store.db"), SAID.at))
        privacy.erase("ann", SAID.at)
        source = FolderSource(tmp_path / "serving")
        promote_retrained(made, Incumbent(), simulated_log, source, SAID, dry_run=True)
        assert privacy.erasures()[0].models == ()
        promote_retrained(made, Incumbent(), simulated_log, source, SAID)
        assert privacy.erasures()[0].models == (trained.version,)
        assert [one.bundle for one in privacy.erase("bob", SAID.at).models] == [trained.hash]


def test_a_dry_run(done, trained, simulated_log, tmp_path, reports):
    """What would be promoted is judged, and nothing serves."""
    source = FolderSource(tmp_path / "serving")
    came = promote_retrained(done, Incumbent(), simulated_log, source, SAID, dry_run=True)
    assert (came.bundle, came.missing, came.promoted) == (trained.version, (), False)
    assert len(reports) == 1
    assert source.stamp() is None


def test_who_asks_and_what_is_compared(done, trained, simulated_log, monkeypatch):
    """The judged period; the champion by its hash; what is accepted and trusted is passed on."""
    told: list[Any] = []
    meant: Any = "accepted"
    champion: Any = SimpleNamespace(hash="the champion's")

    def points(log: object, ladder: Ladder, **period: int) -> str:
        told.append((log, ladder, period["start"], period["end"]))
        return "points"

    def compared(bundle: Bundle, former: Incumbent, points: str) -> SimpleNamespace:
        told.append((bundle.hash, former.hash, former.bundle, points))
        return SimpleNamespace(as_dict=lambda: {"compared": 1})

    def judge(report: dict[str, Any], bundle: Bundle, former: str, *, accepted: object) -> Gate:
        told.append((report["reordering"], former, accepted))
        return scores_gate(bundle)

    class Source:
        def promote(self, _: Path, gate: Gate, promotion: Promotion, *, trusted: object) -> None:
            told.append((gate.bundle, promotion, trusted))

    for one in (compared, judge):
        monkeypatch.setattr(promoting, one.__name__, one)
    monkeypatch.setattr(promoting, "decision_points", points)
    source: Any = Source()
    more: Any = {"accepted": meant, "trusted": ("a.type",)}
    period = done.evaluation.start, done.evaluation.until
    assert period[0] < period[1] <= int(simulated_log.known.max())
    early = replace(done, evaluation=replace(done.evaluation, until=period[1] - 1))
    former = Incumbent(champion.hash, champion)
    promote_retrained(early, former, simulated_log, source, SAID, **more)
    assert told == [
        (simulated_log, trained.ladder, period[0], period[1] - 1),
        (trained.hash, champion.hash, champion, "points"),
        ({"compared": 1}, champion.hash, meant),
        (trained.hash, SAID, ("a.type",)),
    ]


def test_a_gate_that_was_not_passed(done, simulated_log, tmp_path, monkeypatch):
    """What is missing is told, and nothing serves."""
    monkeypatch.setattr(
        promoting,
        "judge",
        lambda _, bundle, former, **__: scores_gate(bundle, former, flatters=True),
    )
    source = FolderSource(tmp_path / "serving")
    came = promote_retrained(done, Incumbent(), simulated_log, source, SAID)
    assert not came.promoted
    assert came.missing
    assert source.stamp() is None


def test_nothing_came_of_it(simulated_log, tmp_path):
    """Where the champion stays there is nothing to promote."""
    done = Retraining(None, "no better")
    with pytest.raises(NotEnoughData, match="there is nothing to promote"):
        promote_retrained(done, Incumbent(), simulated_log, FolderSource(tmp_path), SAID)
