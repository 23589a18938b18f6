"""The command line, through `rung.main`: what each verb prints, writes, refuses and exits with."""

from __future__ import annotations

import io
import json
import re
import shutil
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

import rung
from features.ladder.file import read_ladder
from features.reading import read_events
from features.store.events import EventStore
from models.bundle import load_bundle
from models.offers.policy import POLICIES
from models.served_policy import read_served
from training.simulation.world import SimulationConfig, simulate

VERBS = (
    *("demo", "ladder", "import", "train", "evaluate", "features", "score", "publish", "policy"),
    *("key", "lead", "serve", "work", "doctor"),
)
POLICY_VERBS = ("evaluate", "compare", "promote")
KEY_VERBS = ("create", "list", "revoke")
SCORES = ["lead_id", "as_of", "step", "p_advance", "low", "high", "p_purchase"]


class Said(NamedTuple):
    """How a call ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def call(*arguments: object) -> Said:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = rung.main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
    return Said(code, out.getvalue(), err.getvalue())


def done(*arguments: object) -> Said:
    """A call that must succeed."""
    said = call(*arguments)
    assert said.code == 0, said.err
    return said


def refused(*arguments: object, code: int = 1) -> str:
    """What a call that must be refused says, in one message."""
    said = call(*arguments)
    assert said.code == code, said
    assert said.out == ""
    assert "Traceback" not in said.err
    return said.err


def message(*arguments: object) -> str:
    """The last line that a refused call says."""
    lines = [line for line in refused(*arguments).splitlines() if line.startswith("rung: ")]
    assert len(lines) == 1
    return lines[0]


def jsonl(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def page(day: str, lead_id: str = "ann", **more: object) -> dict[str, object]:
    return {"lead_id": lead_id, "name": "page_viewed", "occurred_at": f"{day}T09:00:00Z", **more}


@pytest.fixture(scope="module")
def end(simulation) -> str:
    return str(simulation.end.isoformat())


@pytest.fixture(scope="module")
def report(bundle_folder, events_file, tmp_path_factory) -> tuple[Path, Said]:
    """The folder that `rung evaluate --report` wrote, and what it printed."""
    folder = tmp_path_factory.mktemp("evaluated") / "report"
    said = done(
        *("evaluate", events_file, "--ladder", "b2b", "--bundle", bundle_folder),
        *("--report", folder, "--json"),
    )
    return folder, said


@pytest.fixture
def scores(bundle_folder, events_file, end, tmp_path):
    """What `rung score` wrote at the end of the simulated log."""
    path = tmp_path / "scores.parquet"
    done("score", events_file, "--bundle", bundle_folder, "--as-of", end, "--out", path)
    return path


# --------------------------------------------------------------------------------------------- Help


@pytest.mark.parametrize(
    "verb",
    [
        (),
        *((verb,) for verb in VERBS),
        ("ladder", "check"),
        *(("policy", verb) for verb in POLICY_VERBS),
        *(("key", verb) for verb in KEY_VERBS),
    ],
)
def test_help(verb):
    """Every verb explains itself, every option of it, and exits with 0."""
    said = done(*verb, "--help")
    assert said.out.startswith(" ".join(["usage: rung", *verb]))
    assert said.err == ""


def test_help_lists_every_verb():
    """The verbs of the list are those there are."""
    listed = done("--help").out
    assert [verb for verb in VERBS if f"\n    {verb} " not in listed] == []


@pytest.mark.parametrize("verb", [(), ("train",), ("score",)])
def test_help_is_instant(verb):
    """Help loads no library that takes its time."""
    text = f"""
import sys, rung
try:
    rung.main({[*verb, "--help"]!r})
except SystemExit as end:
    heavy = set("numpy pandas pyarrow numba lightgbm sklearn mlflow fastapi sqlalchemy".split())
    print("LOADED", end.code, sorted(heavy & set(sys.modules)))
"""
    found = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout.splitlines()[-1] == "LOADED 0 []"


def test_no_verb_and_an_unknown_one():
    """A call that cannot be understood exits with 2 and says what there is."""
    assert "VERB" in refused(code=2)
    assert "invalid choice: 'trian'" in refused("trian", code=2)
    assert "--ladder" in refused("train", "events.parquet", "--out", "bundle", code=2)


def test_the_installed_program(tmp_path):
    """`rung` is this command line, and hands its exit code to the shell."""
    program = Path(sys.executable).with_name("rung")
    if not program.exists():
        pytest.skip("rung is not installed")
    found = subprocess.run(
        [program, "ladder", "check", "nothing.toml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert found.returncode == 3
    assert "is neither a file nor a shipped ladder" in found.stderr


# ------------------------------------------------------------------------------------- ladder check


def test_ladder_check(b2b):
    """The ladder stands as a table, every step in a line, and the advice is counted."""
    said = done("ladder", "check", "b2b")
    first_words = [line.split(" ")[0] for line in said.out.splitlines() if line[:1].strip()]
    assert first_words == ["step", *(goal.id for goal in b2b.goals), "0"]
    assert said.out.endswith("0 pieces of advice\n")


@pytest.mark.parametrize("name", ["b2b", "b2b-assessment", "b2c"])
def test_ladder_check_json(name):
    """As JSON: the name, the number of steps and the advice."""
    found = done("ladder", "check", name, "--json").json
    assert found["ladder"] == name
    assert found["steps"] >= 2
    assert isinstance(found["advice"], list)


def test_ladder_check_gives_advice(b2b, tmp_path):
    """A ladder that may be used but could be better exits with 0 and says how, and where."""
    file = tmp_path / "ladder.toml"
    file.write_text(b2b.source.replace('step = "content"', 'step = "value"', 1))
    said = done("ladder", "check", file)
    found = done("ladder", "check", file, "--json").json["advice"]
    assert len(found) >= 1
    for one in found:
        assert {"path", "text", "source"} == set(one)
        assert f"  {one['path']}: {one['text']} [{one['source']}]" in said.out
    counted = f"{len(found)} piece{'s' if len(found) != 1 else ''} of advice"
    assert counted in said.out


TEN_MISTAKES = """\
[ladder]
name = "Small Ladder"
dormant_after_days = -1
colour = "red"

[[step]]
id = "watch"
title = "Watch"
horizon_days = "a week"
complete_when = [{event = "video", where = {fraction = {at_leest = 0.8}}}]

[[step]]
id = "talk"
title = "Talk"
horizon_days = 14
band = [0.6, 0.4]
complete_when = []

[purchase]
complete_when = [{event = "order"}]

[[offer]]
id = "clip"
step = "wacth"
title = "A clip"
kind = "video"
effort = {minuts = 3}
"""


def test_ten_mistakes_at_once(tmp_path):
    """A file with ten mistakes is refused once, with all ten in the order of the file."""
    file = tmp_path / "ladder.toml"
    file.write_text(TEN_MISTAKES)
    first, *lines = refused("ladder", "check", file, code=3).splitlines()
    assert first == f"{file}: 10 mistakes"
    assert [line.split(":")[0].strip() for line in lines] == [
        "ladder.name",
        "ladder.dormant_after_days",
        "ladder.colour",
        "step[0].horizon_days",
        "step[0].complete_when[0].where.fraction.at_leest",
        "step[1].band",
        "step[1].complete_when",
        "purchase.horizon_days",
        "offer[0].step",
        "offer[0].effort.minuts",
    ]
    assert "did you mean 'watch'?" in lines[8]


def test_any_verb_refuses_a_ladder_with_mistakes(events_file, tmp_path):
    """It is the same code and the same list wherever a ladder is read."""
    file = tmp_path / "ladder.toml"
    file.write_text(TEN_MISTAKES)
    for rest in (
        ("train", events_file, "--out", tmp_path / "b"),
        ("import", events_file, "--store", f"sqlite:///{tmp_path / 's.db'}"),
    ):
        assert "10 mistakes" in refused(*rest, "--ladder", file, code=3)
    assert {path.name for path in tmp_path.iterdir()} == {"ladder.toml"}


# --------------------------------------------------------------------------------- The whole circle


def test_import(events_file, simulation, tmp_path):
    """A log is put into a store once; what is there already is counted, not stored again."""
    url = f"sqlite:///{tmp_path / 'events.db'}"
    count = len(simulation.events)
    first = done("import", events_file, "--store", url, "--ladder", "b2b", "--json").json
    assert (first["rows"], first["accepted"], first["new"], first["known"]) == (count,) * 3 + (0,)
    again = done("import", events_file, "--store", url)
    assert f"0 new events in {url}; {count:,} were there" in again.out
    with EventStore.existing(url) as store:
        assert store.count() == count


def test_train_gives_the_bundle_of_the_function(
    trained, trained_until, events_file, bundle_folder, tmp_path
):
    """`rung train` on the file gives, bit for bit, what `training.pipeline.train` gave."""
    out = tmp_path / "bundle"
    said = done(
        *("train", events_file, "--ladder", "b2b", "--out", out),
        *("--until", trained_until.isoformat(), "--json"),
    )
    assert said.err == ""
    assert said.json["hash"] == trained.hash
    assert said.json["bundle"] == str(out)
    assert said.json["trained_on"]["advancement"]["evidence"] == "model"
    for path in bundle_folder.iterdir():
        assert (out / path.name).read_bytes() == path.read_bytes()


def test_a_store_trains_and_scores_like_its_file(events_file, bundle_folder, end, tmp_path):
    """A store that was filled from a file gives the scores that the file gives."""
    url = f"sqlite:///{tmp_path / 'events.db'}"
    done("import", events_file, "--store", url)
    for source, out in ((events_file, "file"), (url, "store")):
        path = tmp_path / f"{out}.parquet"
        done("score", source, "--bundle", bundle_folder, "--as-of", end, "--out", path)
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "file.parquet"), pd.read_parquet(tmp_path / "store.parquet")
    )


def test_evaluate_json(report, trained):
    """As JSON the evaluation names the bundle, its period and both goals with their verdicts."""
    found = report[1].json
    assert report[1].err == ""
    assert found["version"] == trained.version
    assert not found["flatters"]
    assert found["advancement"]["performance"]["log_loss"] > 0
    assert found["advancement"]["verdict"]
    assert found["purchase"]["performance"] or found["purchase"]["note"]


def test_evaluate_writes_a_report(report):
    """The report is there to be read by people, and by the gate."""
    folder, said = report
    assert json.loads((folder / "report.json").read_text()) == said.json
    assert (folder / "report.md").read_text().startswith("#")
    assert any(path.suffix == ".png" for path in folder.rglob("*"))


def test_evaluate_in_words(bundle_folder, events_file, trained_until):
    """A person reads a line of counts, the verdict and a table with the baselines."""
    said = done(
        *("evaluate", events_file, "--ladder", "b2b", "--bundle", bundle_folder),
        *("--from", trained_until.isoformat()),
    )
    assert "advancement: " in said.out
    assert "pending (not judged)" in said.out
    assert "this bundle" in said.out
    assert "judging on later outcomes" in said.err


def test_features(trained, events_file, simulated_log, end, tmp_path):
    """A row a lead, with its id, the instant, and a column for each signal of the ladder."""
    out = tmp_path / "signals.parquet"
    said = done("features", events_file, "--ladder", "b2b", "--as-of", end, "--out", out, "--json")
    frame = pd.read_parquet(out)
    columns = list(trained.encoding.columns)
    assert list(frame) == ["lead_id", "as_of", *columns]
    assert frame["lead_id"].tolist() == list(simulated_log.leads)
    assert said.json == {"out": str(out), "leads": len(frame), "signals": len(columns)}


def test_score(scores, simulated_log, simulation, trained):
    """The scores have exactly their columns, a row a lead, and lie inside their intervals."""
    frame = pd.read_parquet(scores)
    assert list(frame) == SCORES
    assert frame["lead_id"].tolist() == list(simulated_log.leads)
    assert (frame["as_of"] == pd.Timestamp(simulation.end)).all()
    open_ = frame.dropna(subset="step")
    assert set(open_["step"]) <= {goal.id for goal in trained.ladder.goals}
    assert open_["p_advance"].between(open_["low"], open_["high"]).all()
    for column in ("low", "high", "p_purchase"):
        assert open_[column].between(0, 1).all()
    bought = frame[frame["step"].isna()]
    assert 0 < len(bought) < len(frame)
    assert bought[["p_advance", "low", "high", "p_purchase"]].isna().all(axis=None)


def test_score_json(trained, bundle_folder, events_file, end, tmp_path):
    """As JSON: where the scores are, how many, and by which bundle."""
    out = tmp_path / "scores.parquet"
    call_ = ("score", events_file, "--bundle", bundle_folder, "--as-of", end, "--out", out)
    found = done(*call_, "--json")
    assert found.json == {"out": str(out), "leads": 300, "bundle": trained.version}
    assert found.err == ""
    assert done(*call_).out == f"300 leads in {out} (bundle {trained.version})\n"


def test_scores_of_the_features_are_the_scores(scores, trained, events_file, end, tmp_path):
    """Scoring what `rung features` wrote gives what `rung score` wrote."""
    out = tmp_path / "signals.parquet"
    done("features", events_file, "--ladder", "b2b", "--as-of", end, "--out", out)
    found = trained.score_frame(pd.read_parquet(out))
    pd.testing.assert_frame_equal(found, pd.read_parquet(scores), check_dtype=False)


def test_scores_of_the_past_do_not_know_the_future(
    bundle_folder, events_file, simulation, trained_until, tmp_path
):
    """As of the past, the whole log gives the scores that the log of that day gives."""
    known = simulation.events["known_at"] <= pd.Timestamp(trained_until)
    assert 100 < known.sum() < len(known) - 100
    simulation.events[known].to_parquet(tmp_path / "then.parquet", index=False)
    for name, source in (("whole", events_file), ("then", tmp_path / "then.parquet")):
        done(
            *("score", source, "--bundle", bundle_folder, "--as-of", trained_until.isoformat()),
            *("--out", tmp_path / f"{name}-scores.parquet"),
        )
    whole, then = (
        pd.read_parquet(tmp_path / f"{name}-scores.parquet") for name in ("whole", "then")
    )
    pd.testing.assert_frame_equal(whole, then, check_exact=True)


# --------------------------------------------------------------------------------------- Small logs


@pytest.fixture(scope="module")
def one_lead(tmp_path_factory) -> Path:
    """A lead that looks at a page a week for half a year."""
    days = pd.date_range("2026-01-05", periods=26, freq="7D").strftime("%Y-%m-%d")
    return jsonl(tmp_path_factory.mktemp("one") / "one.jsonl", *(page(day) for day in days))


def test_a_log_of_one_lead(one_lead, tmp_path):
    """One lead is enough to train and to be scored; it says that no model did it."""
    out = tmp_path / "bundle"
    said = done("train", one_lead, "--ladder", "b2b", "--out", out)
    assert "advancement: " in said.out
    assert "answers come from the steps' rates" in said.out
    assert "\noffers: 0 decisions drawn with known probabilities, " in said.out
    assert load_bundle(out).advancement.learner is None
    path = tmp_path / "scores.parquet"
    done("score", one_lead, "--bundle", out, "--as-of", "2026-08-01", "--out", path)
    frame = pd.read_parquet(path)
    assert list(frame) == SCORES
    assert frame["lead_id"].tolist() == ["ann"]
    assert 0 < frame["low"][0] < frame["p_advance"][0] < frame["high"][0] < 1


def test_a_log_without_an_outcome_yet(tmp_path):
    """Before the first horizon is over, the bands of the ladder answer."""
    file = jsonl(tmp_path / "new.jsonl", *(page(f"2026-01-{day:02}") for day in range(1, 9)))
    said = done("train", file, "--ladder", "b2b", "--out", tmp_path / "bundle")
    assert said.out.count("answers come from the ladder's bands") == 2
    assert "0 points of 0 leads, 0 reached" in said.out


def test_a_log_of_one_event(tmp_path):
    """A single event is enough for a bundle that answers from the bands, and scores the lead."""
    file = jsonl(tmp_path / "one.jsonl", page("2026-01-01"))
    said = done("train", file, "--ladder", "b2b", "--out", tmp_path / "bundle")
    assert said.out.count("answers come from the ladder's bands") == 2
    out = tmp_path / "scores.parquet"
    done("score", file, "--bundle", tmp_path / "bundle", "--as-of", "2026-01-02", "--out", out)
    assert pd.read_parquet(out)["p_advance"].between(0, 1).all()


def test_score_at_that_matches_nothing(tmp_path):
    """A ladder that is scored at events of another name says which were looked for."""
    ladder = tmp_path / "ladder.toml"
    text = read_ladder("b2b").source
    ladder.write_text(text.replace("score_at = []", 'score_at = [{ event = "called" }]', 1))
    file = jsonl(tmp_path / "one.jsonl", page("2026-01-01"))
    said = message("train", file, "--ladder", ladder, "--out", tmp_path / "bundle")
    assert said == "rung: no event matches the ladder's score_at (called): nothing to train on"


@pytest.mark.parametrize("name", ["empty.jsonl", "empty.csv", "empty.parquet"])
def test_an_empty_log(name, tmp_path):
    """A log without an event is refused, in any format."""
    file = tmp_path / name
    if file.suffix == ".parquet":
        pd.DataFrame({"lead_id": [], "name": [], "occurred_at": []}, dtype=str).to_parquet(file)
    else:
        file.write_text("lead_id,name,occurred_at\n" if file.suffix == ".csv" else "")
    said = message("train", file, "--ladder", "b2b", "--out", tmp_path / "bundle")
    assert said == f"rung: {file}: there is no event in it"


def test_nothing_was_known_yet(bundle_folder, events_file, tmp_path):
    """As of an instant before the first event there is nobody to score, and it says why."""
    said = refused(
        *("score", events_file, "--bundle", bundle_folder, "--as-of", "2001-01-01"),
        *("--out", tmp_path / "s.parquet"),
    )
    assert "there is no event in it" in said
    assert "left out (known only later)" in said


# ---------------------------------------------------------------------------------- What is refused


@pytest.mark.parametrize(
    ("verb", "option"),
    [
        (("train", "e.csv", "--ladder", "b2b", "--out", "b"), "--until"),
        (("score", "e.csv", "--bundle", "b", "--out", "s"), "--as-of"),
        (("features", "e.csv", "--ladder", "b2b", "--out", "s"), "--as-of"),
        (("evaluate", "e.csv", "--ladder", "b2b", "--bundle", "b"), "--from"),
        (("evaluate", "e.csv", "--ladder", "b2b", "--bundle", "b"), "--until"),
    ],
)
def test_a_time_without_a_zone(verb, option):
    """It could mean anything: the call is not understood, and the message says what to write."""
    said = refused(*verb, option, "2026-03-01T12:00:00", code=2)
    assert f"argument {option}: '2026-03-01T12:00:00' has no time zone" in said
    assert "write 2026-03-01T12:00:00Z for UTC" in said
    assert "is not a time" in refused(*verb, option, "yesterday", code=2)


@pytest.mark.parametrize("count", ["0", "-3", "many", "1.5"])
def test_a_count_that_is_none(count):
    """So is a number of leads that is no number."""
    assert "must be a whole number from 1" in refused("demo", f"--leads={count}", code=2)


def test_an_unknown_file(tmp_path):
    """A file that is not there is named, with the one that was meant."""
    jsonl(tmp_path / "events.jsonl", page("2026-01-01"))
    said = message("train", tmp_path / "event.jsonl", "--ladder", "b2b", "--out", tmp_path / "b")
    assert "there is no such file; did you mean 'events.jsonl'?" in said


def test_an_unknown_store(tmp_path):
    """A store that is not there is not made by reading it."""
    url = f"sqlite:///{tmp_path / 'none.db'}"
    said = message("train", url, "--ladder", "b2b", "--out", tmp_path / "b")
    assert "there is no such store; import events into it first" in said
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_bundle(events_file, tmp_path):
    """A folder without a bundle is told how to be made one."""
    said = message(
        *("score", events_file, "--bundle", tmp_path, "--as-of", "2026-08-01"),
        *("--out", tmp_path / "s.parquet"),
    )
    assert said.endswith("it has no manifest.json; make one: rung train")


def test_an_unknown_ladder(events_file, tmp_path):
    """A ladder that is neither a file nor shipped is told which there are."""
    said = refused("train", events_file, "--ladder", "b2d", "--out", tmp_path / "b", code=3)
    assert "is neither a file nor a shipped ladder" in said
    assert "(shipped: b2b, b2b-assessment, b2c)" in said


def test_strict(tmp_path):
    """With --strict one bad row refuses the log and all are counted; without, they are left out."""
    days = pd.date_range("2026-01-05", periods=26, freq="7D").strftime("%Y-%m-%d")
    rows = [*(page(day) for day in days), page("yesterday"), page("2026-02-31"), page("")]
    file = jsonl(tmp_path / "events.jsonl", *rows)
    rest = ("train", file, "--ladder", "b2b", "--out", tmp_path / "bundle")
    said = refused(*rest, "--strict")
    assert f"rung: {file}: refused, as bad rows are" in said
    assert "3 rows rejected" in said
    assert "events.jsonl:27" in said
    assert not (tmp_path / "bundle").exists()
    told = done(*rest).err
    assert "26 of 29 rows accepted" in told
    assert "3 rows rejected" in told


def test_rejects(tmp_path):
    """The bad rows are written where they are asked for."""
    file = jsonl(tmp_path / "events.jsonl", page("2026-01-01"), page("never"))
    url, rejects = f"sqlite:///{tmp_path / 's.db'}", tmp_path / "rejects.jsonl"
    said = done("import", file, "--store", url, "--rejects", rejects, "--json").json
    assert (said["rows"], said["accepted"], said["new"]) == (2, 1, 1)
    assert sum(said["rejected"].values()) == 1
    (row,) = rejects.read_text().splitlines()
    assert json.loads(row)["row"]["occurred_at"] == "neverT09:00:00Z"


def test_timezone(tmp_path):
    """Times without a zone are bad rows, unless a zone is given for them."""
    file = jsonl(tmp_path / "e.jsonl", page("2026-01-01") | {"occurred_at": "2026-01-01T09:00:00"})
    rest = ("features", file, "--ladder", "b2b", "--as-of", "2026-01-02")
    out = tmp_path / "s.parquet"
    assert "there is no event in it" in refused(*rest, "--out", out)
    done(*rest, "--out", out, "--timezone", "Europe/Berlin")
    assert pd.read_parquet(out)["activity.days_since_last"][0] == pytest.approx(16 / 24)
    assert "no time zone 'Mars'" in message(*rest, "--out", out, "--timezone", "Mars")


def test_a_csv_with_a_wrong_column(tmp_path):
    """The column that is missing is named, with those that are there and the one that is meant."""
    file = tmp_path / "events.csv"
    file.write_text("lead,name,occurred_at\nann,page_viewed,2026-01-01T09:00:00Z\n")
    said = message("train", file, "--ladder", "b2b", "--out", tmp_path / "b")
    columns = "it has lead, name, occurred_at; did you mean 'lead'?"
    assert said == f"rung: {file}: no column lead_id; {columns}"


def test_a_bundle_for_another_ladder(bundle_folder, events_file, b2b, tmp_path):
    """A bundle is judged with its own ladder, or not at all; a comment makes no other ladder."""
    rest = ("evaluate", events_file, "--bundle", bundle_folder)
    said = message(*rest, "--ladder", "b2c")
    assert "trained for another version of the ladder 'b2b'" in said
    assert "the ladder.toml in its folder" in said
    changed = tmp_path / "changed.toml"
    changed.write_text(b2b.source.replace("horizon_days = 14", "horizon_days = 15", 1))
    assert "trained for another version" in message(*rest, "--ladder", changed)
    changed.write_text("# mine\n" + b2b.source)
    assert "no lead to score" in message(*rest, "--ladder", changed, "--from", "2027-11-01")


def test_a_damaged_bundle(bundle_folder, events_file, tmp_path):
    """A bundle that was changed is not scored with."""
    folder = Path(shutil.copytree(bundle_folder, tmp_path / "bundle"))
    (folder / "ladder.toml").write_text("# nothing\n")
    said = message(
        *("score", events_file, "--bundle", folder, "--as-of", "2026-08-01"),
        *("--out", tmp_path / "s.parquet"),
    )
    assert "is damaged: its files do not match its hash; train it again" in said


def test_nothing_to_judge(bundle_folder, events_file):
    """A period in which nobody could be scored is refused by its instants."""
    said = message(
        *("evaluate", events_file, "--ladder", "b2b", "--bundle", bundle_folder),
        *("--from", "2027-11-01"),
    )
    assert "no lead to score between 2027-11-01T00:00:00Z and" in said


def test_a_bundle_is_not_written_over_something_else(one_lead, tmp_path):
    """Training into a folder that holds other files is refused and leaves them alone."""
    (tmp_path / "thesis.txt").write_text("ten years")
    said = message("train", one_lead, "--ladder", "b2b", "--out", tmp_path)
    assert "holds 'thesis.txt' and no bundle; choose an empty folder" in said
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("verb", ["features", "score"])
@pytest.mark.parametrize("out", ["nowhere/out.parquet", "folder"])
def test_output_that_cannot_be_written(bundle_folder, events_file, end, tmp_path, verb, out):
    """A place that does not exist, or is a folder, is named without a traceback."""
    (tmp_path / "folder").mkdir()
    with_ = ("--ladder", "b2b") if verb == "features" else ("--bundle", bundle_folder)
    said = message(verb, events_file, *with_, "--as-of", end, "--out", tmp_path / out)
    assert str(tmp_path / out.split("/")[0]) in said


def test_a_folder_that_cannot_be_made(bundle_folder, one_lead, events_file, tmp_path):
    """So is a bundle's or a report's folder where a file stands."""
    file = tmp_path / "file"
    file.write_text("a file")
    assert str(file) in message("train", one_lead, "--ladder", "b2b", "--out", file)
    assert str(file) in message(
        *("evaluate", events_file, "--ladder", "b2b", "--bundle", bundle_folder),
        *("--report", file),
    )


# ------------------------------------------------------------------------------------------ publish


def test_publish_without_a_report(bundle_folder, tmp_path):
    """No bundle gets into the registry without a report: the option, the file, its bundle."""
    registry = ("--registry", f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert "--report" in refused("publish", bundle_folder, *registry, code=2)
    said = message("publish", bundle_folder, "--report", tmp_path / "none", *registry)
    assert said.endswith("make one: rung evaluate --report")
    assert list(tmp_path.iterdir()) == []


def test_publish_with_the_report_of_another_bundle(trained, bundle_folder, report, tmp_path):
    """A report speaks for the bundle that it judged."""
    other = tmp_path / "report"
    shutil.copytree(report[0], other)
    told = json.loads((other / "report.json").read_text()) | {"version": "0123456789ab"}
    (other / "report.json").write_text(json.dumps(told))
    said = message(
        *("publish", bundle_folder, "--report", other),
        *("--registry", f"sqlite:///{tmp_path / 'mlflow.db'}"),
    )
    assert f"the report is of bundle 0123456789ab, this is {trained.version}" in said


@pytest.mark.parametrize("text", ["[]", "{}", "nonsense"])
def test_publish_with_a_report_that_is_none(bundle_folder, tmp_path, text):
    """A report.json that is something else is refused like one that is not there."""
    (tmp_path / "report.json").write_text(text)
    said = message(
        *("publish", bundle_folder, "--report", tmp_path),
        *("--registry", f"sqlite:///{tmp_path / 'mlflow.db'}"),
    )
    assert "report" in said


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Operation with range is deprecated")  # MLflow's example
def test_publish_and_promote(bundle_folder, report, tmp_path):
    """A bundle whose report passes becomes the champion; one that fails exits with 1."""
    registry = ("--registry", f"sqlite:///{tmp_path / 'mlflow.db'}")
    first = call("publish", bundle_folder, "--report", report[0], *registry, "--json")
    assert first.code == 0, first.err
    assert (first.json["name"], first.json["version"]) == ("rung-b2b", 1)
    assert not first.json["champion"]
    worse = tmp_path / "worse"
    shutil.copytree(report[0], worse)
    told = json.loads((worse / "report.json").read_text())
    told["advancement"]["performance"]["ece"] = 0.5
    (worse / "report.json").write_text(json.dumps(told))
    second = call("publish", bundle_folder, "--report", worse, "--promote", *registry)
    assert second.code == 1
    assert "the gate: advancement: calibration error 0.500, at most" in second.out
    assert "the champion stays what it was" in second.out
    told["advancement"]["performance"]["ece"] = 0.0
    told["advancement"]["verdict"] = "better"
    (worse / "report.json").write_text(json.dumps(told))
    third = call("publish", bundle_folder, "--report", worse, "--promote", *registry, "--json")
    assert (third.code, third.json["champion"], third.json["version"]) == (0, True, 3)


# ------------------------------------------------------------------------------------------- policy


class Drawn(NamedTuple):
    """A log of offers that were drawn, the bundle that its first part trained, what that said."""

    events: Path
    bundle: Path
    said: Said


@pytest.fixture(scope="module")
def drawn(b2b, tmp_path_factory) -> Drawn:
    folder = tmp_path_factory.mktemp("drawn")
    config = SimulationConfig(leads=400, days=400, arrive_days=300, drawn=True, match_sd=0.4)
    simulation = simulate(b2b, config)
    events, bundle = folder / "events.parquet", folder / "bundle"
    simulation.events.to_parquet(events, index=False)
    split = simulation.end - timedelta(days=200)
    said = done(
        *("train", events, "--ladder", "b2b", "--out", bundle, "--until", split.isoformat())
    )
    return Drawn(events, bundle, said)


@pytest.fixture(scope="module")
def policy_report(drawn, tmp_path_factory) -> tuple[Path, Said]:
    """The folder that `rung policy evaluate --report` wrote, and what it printed."""
    folder = tmp_path_factory.mktemp("judged") / "report"
    rest = ("--bundle", drawn.bundle, "--report", folder)
    return folder, done("policy", "evaluate", drawn.events, *rest)


@pytest.fixture
def served(drawn, tmp_path) -> Path:
    """A copy of the bundle, to promote a policy in."""
    return Path(shutil.copytree(drawn.bundle, tmp_path / "bundle"))


def good_report(policy_report: tuple[Path, Said], folder: Path, **more: object) -> Path:
    """The report with figures that pass the gate."""
    told = json.loads((policy_report[0] / "policy.json").read_text())
    told["assessment"] |= {"weight_share": 0.01, "segments": {}}
    told["assessment"]["value"] |= {"effective_sample_size": 1e5, "support": 1.0}
    sure = {"value": 5.0, "error": 1.0, "low": 3.0, "high": 7.0}
    told["assessment"]["gain"] |= {"dr": sure, "snips": sure, "disagreement": 0.1}
    folder.mkdir()
    (folder / "policy.json").write_text(json.dumps(told | more))
    return folder


def test_train_says_what_offers_were_learned_from(drawn):
    """How many decisions were drawn, made by others and left out, as the manifest has it."""
    made = load_bundle(drawn.bundle).manifest["decisions"]
    assert made["drawn"] > 100
    assert made["pending"] > 10
    line = (
        f"offers: {made['drawn']:,} decisions drawn with known probabilities,"
        f" {made['observed']:,} made by others (adjusted), {made['pending']:,} pending (left out)"
    )
    assert line in drawn.said.out.splitlines()


def test_policy_evaluate_in_words(policy_report):
    """A line of counts, a line for each estimator, and what the gate would miss."""
    folder, said = policy_report
    first, *rest = said.out.splitlines()
    assert re.fullmatch(
        r"learned: [\d,]+ decisions of [\d,]+ leads, worth [\d,]+ of equal weight;"
        r" [\d,]+ pending \(not judged\)",
        first,
    )
    assert [line.split()[0] for line in rest[:3]] == ["IPS", "SNIPS", "DR"]
    assert all("a decision; over logged " in line for line in rest[:3])
    assert rest[3:]
    assert all(line.startswith("  the gate: ") for line in rest[3:])
    page = (folder / "policy.md").read_text()
    for line in rest[3:]:
        assert line.removeprefix("  the gate: ") in page


def test_policy_evaluate_writes_a_report(policy_report, drawn):
    """Figures for the gate, a page and a picture for people, all policies beside each other."""
    folder, said = policy_report
    assert {path.name for path in folder.iterdir()} == {"policy.json", "policy.md", "policy.png"}
    told = json.loads((folder / "policy.json").read_text())
    assert told["bundle"] == load_bundle(drawn.bundle).version
    assert (told["name"], told["against"], told["flatters"]) == ("learned", "logged", False)
    page = (folder / "policy.md").read_text()
    assert all(f"| `{name}` |" in page for name in POLICIES)
    assert f"report in {folder}" in said.err


def test_policy_evaluate_json(drawn, policy_report):
    """As JSON it is what the report holds, and nothing else is said."""
    said = done("policy", "evaluate", drawn.events, "--bundle", drawn.bundle, "--json")
    assert said.err == ""
    assert said.json == json.loads((policy_report[0] / "policy.json").read_text())


def test_policy_evaluate_another(drawn):
    """Any policy against any other, in a period that is given."""
    rest = ("--policy", "only:no_ask", "--against", "rules", "--from", "2026-03-01", "--json")
    told = done("policy", "evaluate", drawn.events, "--bundle", drawn.bundle, *rest).json
    assert (told["name"], told["against"]) == ("only:no_ask", "rules")
    assert (told["start"], told["flatters"]) == ("2026-03-01T00:00:00Z", True)


def test_policy_compare(drawn, policy_report):
    """A table with all policies, and as JSON their figures."""
    said = done("policy", "compare", drawn.events, "--bundle", drawn.bundle)
    names = [line.split("`")[1] for line in said.out.splitlines()[2:]]
    assert sorted(names) == sorted(POLICIES)
    told = done("policy", "compare", drawn.events, "--bundle", drawn.bundle, "--json").json
    assert set(told) == set(POLICIES)
    alone = json.loads((policy_report[0] / "policy.json").read_text())["assessment"]
    assert told["learned"]["gain"] == alone["gain"]


def test_a_policy_that_is_not_good_enough_is_not_promoted(served, policy_report):
    """It exits with 1, says what is missing and what serves, and changes nothing."""
    said = call("policy", "promote", served, "--report", policy_report[0])
    *missing, last = said.out.splitlines()
    assert said.code == 1
    assert missing
    assert [line.removeprefix("the gate: ") for line in missing] == [
        line.removeprefix("  the gate: ") for line in policy_report[1].out.splitlines()[4:]
    ]
    assert last == "rules serves; nothing was changed"
    assert not (served / "served_policy.json").exists()
    told = call("policy", "promote", served, "--report", policy_report[0], "--json")
    assert (told.code, told.json["passed"], told.json["serves"]) == (1, False, "rules")
    assert len(told.json["missing"]) == len(missing)


def test_a_policy_with_a_good_report_is_promoted(served, policy_report, tmp_path):
    """It serves from then on, until a later report carries another policy."""
    good = good_report(policy_report, tmp_path / "good")
    assert done("policy", "promote", served, "--report", good).out == "learned serves\n"
    bundle = load_bundle(served)
    assert read_served(served, bundle) == "learned"
    held = json.loads((served / "served_policy.json").read_text())
    assert held["report"] == json.loads((good / "policy.json").read_text())
    refused_ = call("policy", "promote", served, "--report", policy_report[0])
    assert refused_.out.splitlines()[-1] == "learned serves; nothing was changed"
    other = good_report(policy_report, tmp_path / "other", name="thompson")
    told = done("policy", "promote", served, "--report", other, "--json").json
    assert told == {"passed": True, "missing": [], "serves": "thompson"}
    assert read_served(served, bundle) == "thompson"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"flatters": True}, "the gate: judged on decisions from "),
        ({"against": "rules"}, "the gate: judged against 'rules': "),
    ],
)
def test_a_report_of_the_wrong_kind_promotes_nothing(served, policy_report, tmp_path, more, said):
    """Good figures of decisions that were learned from, or against a weak rival, are not enough."""
    report = good_report(policy_report, tmp_path / "report", **more)
    found = call("policy", "promote", served, "--report", report)
    assert found.code == 1
    assert found.out.startswith(said)
    assert not (served / "served_policy.json").exists()


def test_a_policy_of_another_bundle_is_not_promoted(
    bundle_folder, trained, drawn, policy_report, tmp_path
):
    """A report speaks for the bundle that it judged."""
    said = message("policy", "promote", bundle_folder, "--report", policy_report[0])
    version = load_bundle(drawn.bundle).version
    assert f"the report is of bundle {version}, this is {trained.version}" in said
    assert not (bundle_folder / "served_policy.json").exists()
    none = message("policy", "promote", bundle_folder, "--report", tmp_path)
    assert none.endswith("make one: rung policy evaluate --report")


def test_a_policy_that_there_is_none_of_is_not_promoted(served, policy_report, tmp_path):
    """A bundle is never left with a choice that cannot be served."""
    report = good_report(policy_report, tmp_path / "report", name="lerned")
    assert "no policy 'lerned'" in message("policy", "promote", served, "--report", report)
    assert not (served / "served_policy.json").exists()


def test_a_log_without_drawn_decisions(bundle_folder, events_file):
    """Where the service has drawn nothing there is nothing to judge a policy on."""
    for verb in ("evaluate", "compare"):
        said = message("policy", verb, events_file, "--bundle", bundle_folder)
        assert "no drawn decision after" in said
        assert said.endswith("(0 pending); a policy can be judged once the service has drawn some")


def test_an_unknown_policy(drawn):
    """It is named, with those there are."""
    rest = (drawn.events, "--bundle", drawn.bundle, "--policy", "lerned")
    said = message("policy", "evaluate", *rest)
    assert "no policy 'lerned'; did you mean 'learned'? (there are learned, rules" in said


# --------------------------------------------------------------------------------------------- keys


@pytest.fixture
def key_store(tmp_path) -> str:
    return f"sqlite:///{tmp_path / 'keys.db'}"


def test_key_create(key_store):
    """A key is printed alone, so that a script can keep it; what is said of it goes elsewhere."""
    said = done("key", "create", "website", "--scope", "ingest", "--store", key_store)
    assert re.fullmatch(r"rung_[a-z0-9]{12}_[\w-]{43}\n", said.out)
    assert "cannot be shown again" in said.err


def test_key_create_json(key_store):
    """As JSON the key stands beside what will be shown of it later."""
    options = ("--scope", "read", "--scope", "ingest", "--source", "web", "--store", key_store)
    made = done("key", "create", "website", *options, "--json").json
    assert made.pop("key").startswith(f"rung_{made['id']}_")
    assert (made["name"], made["scopes"], made["source"]) == ("website", ["ingest", "read"], "web")
    assert done("key", "list", "--store", key_store, "--json").json == [made]


def test_key_list_and_revoke(key_store):
    """Keys are listed with what they may do, revoked ones as such, secrets never."""
    text = done("key", "create", "website", "--scope", "ingest", "--store", key_store).out.strip()
    key_id, secret = text.split("_", 2)[1:]
    done("key", "create", "crm", "--scope", "read", "--source", "crm", "--store", key_store)
    listed = done("key", "list", "--store", key_store).out
    assert f"{key_id}  website: ingest; made 20" in listed
    assert "crm: read, source crm; made 20" in listed
    revoked = done("key", "revoke", key_id, "--store", key_store)
    assert f"{key_id} (website) is revoked" in revoked.out
    again = done("key", "revoke", key_id, "--store", key_store, "--json").json
    listed = done("key", "list", "--store", key_store).out
    assert f"website: ingest; revoked {again['revoked_at']}" in listed
    assert secret not in listed + revoked.out


def test_keys_of_the_environment(key_store, monkeypatch):
    """Without a store that of the environment is meant."""
    monkeypatch.setenv("RUNG_DATABASE_URL", key_store)
    done("key", "create", "website", "--scope", "ingest")
    assert len(done("key", "list", "--json").json) == 1


def test_no_key_yet(key_store):
    """A store without keys says what that means."""
    EventStore.open(key_store).close()
    assert "answers its own machine alone" in done("key", "list", "--store", key_store).out


def test_keys_that_are_refused(key_store, tmp_path):
    """No scope, an unknown one, an unknown id and an absent store are refused with a remedy."""
    store = ("--store", key_store)
    assert "needs a scope; there are ingest" in message("key", "create", "a", *store)
    said = message("key", "create", "a", "--scope", "reed", *store)
    assert "no scope 'reed'; did you mean 'read'" in said
    assert "no key 'abc' was made here" in message("key", "revoke", "abc", *store)
    absent = tmp_path / "absent.db"
    assert "no such store" in message("key", "list", "--store", absent)
    assert not absent.exists()


def test_serve_says_whom_it_answers(key_store, bundle_folder, monkeypatch):
    """Before it serves, the service says that there is no key; nothing where there is one."""
    served = []
    monkeypatch.setattr("uvicorn.run", lambda _, **options: served.append(options))
    verb = ("serve", "--store", key_store, "--bundle", bundle_folder)
    assert "no key: answers this machine alone; make one with `rung key create`" in done(*verb).out
    done("key", "create", "website", "--scope", "ingest", "--store", key_store)
    assert done(*verb).out == ""
    assert [options["host"] for options in served] == ["127.0.0.1"] * 2


# ------------------------------------------------------------------------------------------- doctor


def test_doctor(key_store, bundle_folder, monkeypatch):
    """A deployment without faults: a line for each part, and the exit code 0."""
    monkeypatch.delenv("RUNG_BUNDLE", raising=False)
    done("key", "create", "ops", "--scope", "admin", "--store", key_store)
    said = done("doctor", "--store", key_store, "--bundle", bundle_folder)
    lines = said.out.splitlines()
    assert f"fine  store: reachable, {key_store}" in lines
    assert {line.split(" ")[0] for line in lines} == {"fine", "note"}
    found = done("doctor", "--store", key_store, "--bundle", bundle_folder, "--json").json
    assert found["fine"] is True
    assert len(found["findings"]) == len(lines)


def test_doctor_finds_faults(key_store, tmp_path):
    """A fault is told with what to do, and the exit code is 1; so is an absent service."""
    where = ("--store", key_store, "--bundle", tmp_path / "none", "--url", "http://127.0.0.1:9")
    said = call("doctor", *where)
    assert (said.code, said.err) == (1, "")
    wrong = [line for line in said.out.splitlines() if line.startswith("WRONG ")]
    assert [line.split()[1] for line in wrong] == ["model:", "service:"]
    assert all(". Do: " in line for line in wrong)
    found = call("doctor", *where, "--json")
    assert (found.code, found.json["fine"]) == (1, False)


def test_serve_ends_well_on_a_signal(key_store, bundle_folder, monkeypatch):
    """The server stops on SIGTERM with the code 0, and gives requests ten seconds."""
    served = []

    def run(_, **options):
        served.append(options)
        signal.raise_signal(signal.SIGTERM)  # as uvicorn does once it has stopped

    monkeypatch.setattr("uvicorn.run", run)
    former = signal.getsignal(signal.SIGTERM)
    assert call("serve", "--store", key_store, "--bundle", bundle_folder).code == 0
    assert signal.getsignal(signal.SIGTERM) is former
    assert served[0]["timeout_graceful_shutdown"] == 10
    assert served[0]["log_config"]["loggers"]["uvicorn"]["level"] == "INFO"


# --------------------------------------------------------------------------------------------- demo


@pytest.mark.slow
def test_demo(tmp_path):
    """`rung demo --once` makes everything from nothing and prints the top of a queue."""
    found = subprocess.run(
        [sys.executable, "-m", "rung", "demo", "--once", "--leads", "150"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert found.returncode == 0, found.stderr
    assert "The top of the queue" in found.stdout
    assert "  1. " in found.stdout
    assert "rung-b2b version 1" in found.stdout
    folder = tmp_path / "artifacts" / "demo"
    assert {path.name for path in tmp_path.iterdir()} == {"artifacts"}
    made = {"bundle", "report", "events.parquet", "events.db", "mlflow.db", "ladder.toml"}
    assert made <= {path.name for path in folder.iterdir()}
    log, _ = read_events(f"sqlite:///{folder / 'events.db'}", load_bundle(folder / "bundle").ladder)
    assert len(log.leads) == 150
