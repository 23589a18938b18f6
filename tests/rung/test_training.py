"""`rung train` and `evaluate`: the bundle, the report, small logs."""

from __future__ import annotations

import json
import shutil
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.clock import rfc3339
from features.ladder.file import read_ladder
from models.bundle import load_bundle
from rung.training import _champion, _not_learned, _print_goal, _print_signals, _say_how_old
from tests.full_disk import full_after
from tests.rung.scene import done, jsonl, message, page
from training.scores.results import Counts, GoalEvaluation, SignalUse


@pytest.mark.slow
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


def trained_on(*arguments: object, out: Path) -> tuple[dict[str, Any], str]:
    """What the manifest of a bundle says that it was trained on, and what the verb noted."""
    said = done("train", *arguments, "--ladder", "b2b", "--out", out, "--json")
    return said.json, said.err


@pytest.mark.parametrize(
    "clocks",
    [
        {"occurred_at": "2099-01-01T00:00:00Z"},
        {"occurred_at": "2026-02-01T00:00:00Z", "known_at": "2099-01-01T00:00:00Z"},
        {"occurred_at": "2099-01-01T00:00:00Z", "known_at": "2026-02-01T00:00:00Z"},
    ],
    ids=["renewal", "known only then", "happens only then"],
)
@pytest.mark.parametrize("source", ["file", "store"])
def test_what_has_not_happened_is_set_aside(simulation, tmp_path, clocks, source):
    """An event dated in the future decides nothing: the pending stay pending, and it is said."""
    some = simulation.events[simulation.events["lead_id"] < "lead-00060"]
    clock = {key: pd.Timestamp(value) for key, value in {"known_at": None, **clocks}.items()}
    clock["known_at"] = clock["occurred_at"] if pd.isna(clock["known_at"]) else clock["known_at"]
    row = {"message_id": "m", "lead_id": some["lead_id"].iloc[0], "name": "renewal", **clock}
    file, more = tmp_path / "e.parquet", tmp_path / "more.parquet"
    some.to_parquet(file, index=False)
    pd.concat([some, pd.DataFrame([row])]).to_parquet(more, index=False)
    if source == "store":
        url = f"sqlite:///{tmp_path / 'events.db'}"
        assert "1 dated in the future: kept" in done("import", more, "--store", url).out
        more = url
    alone, noted = trained_on(file, out=tmp_path / "alone")
    assert noted == ""
    beside, noted = trained_on(more, out=tmp_path / "beside")
    assert noted == "note: 1 row set aside (dated in the future)\n"
    assert beside["trained_on"] == alone["trained_on"]
    assert beside["trained_on"]["advancement"]["pending"] > 0
    assert beside["until"] == alone["until"]


@pytest.mark.slow
def test_nothing_is_judged_after_the_last_thing_known(
    events_file, simulated_log, bundle_folder, tmp_path
):
    """An `--until` after the end of the log is the end of the log, in training and judging."""
    alone, noted = trained_on(events_file, out=tmp_path / "alone")
    assert noted == ""
    later, noted = trained_on(events_file, "--until", "2027-12-31", out=tmp_path / "later")
    assert later == alone | {"bundle": str(tmp_path / "later")}
    assert later["until"] == int(simulated_log.known.max())
    last = rfc3339(later["until"])
    assert noted.startswith(
        f"note: --until 2027-12-31T00:00:00Z is after the last thing known, {last}"
    )
    rest = ("evaluate", events_file, "--ladder", "b2b", "--bundle", bundle_folder, "--json")
    said = done(*rest, "--until", "2027-12-31")
    assert said.err == noted
    assert said.json["until"] == last
    assert said.json["advancement"]["counts"]["pending"] > 0


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


def test_train_says_what_it_leaves_out(drawn):
    """By its horizon: what advanced before that was over is not pending, and is out as well."""
    counts = load_bundle(drawn.bundle).manifest["trained_on"]["advancement"]
    line = next(one for one in drawn.said.out.splitlines() if one.startswith("advancement: "))
    assert f"{counts['pending']:,} whose horizon is not over (left out); answers" in line


def test_train_says_which_offers_it_did_not_learn_from(tmp_path):
    """Offers that are dropped are told with their number and the reason, and in the manifest."""
    days = [f"2026-01-{day:02}" for day in range(1, 31)]
    rows = [page(day) for day in days]
    for day in days[::3]:
        rows.append(page(day) | {"name": "offer_extended", "properties": {"offer": "brochure"}})
    file = jsonl(tmp_path / "events.jsonl", *rows)
    said = done("train", file, "--ladder", "b2b", "--out", tmp_path / "bundle")
    line = "  not learned from: offers by others that the ladder does not have (10)"
    assert line in said.out.splitlines()
    told = load_bundle(tmp_path / "bundle").manifest["decisions"]["dropped"]
    assert told == {"unknown_offer": 10}


def test_evaluate_json(report, trained):
    """As JSON the evaluation names the bundle, its period and both goals with their verdicts."""
    found = report[1].json
    assert report[1].err == ""
    assert found["version"] == trained.version
    assert not found["flatters"]
    assert found["advancement"]["performance"]["log_loss"] > 0
    assert found["advancement"]["verdict"]
    counts = found["advancement"]["counts"]
    assert counts["decided"] == found["advancement"]["performance"]["n"]
    assert counts["decided_leads"] == found["advancement"]["performance"]["leads"]
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
    assert "  judged: " in said.out
    assert "this bundle" in said.out
    assert said.out.count("  rests on ") == 2
    assert "judging on later outcomes" in said.err


def test_the_heaviest_signals_are_told(capsys):
    """Three of them and how many more; what has moved only where something has."""
    quiet = SignalUse("one", 0.04, 0.5, "higher", 1.0, 1.0, 0.01, 0.01, has_moved=False)
    signals = tuple(replace(quiet, id=name) for name in ("one", "two", "three", "four"))
    _print_signals(signals)
    assert capsys.readouterr().out == "  rests on one 50 %, two 50 %, three 50 % and 1 more\n"
    _print_signals((replace(quiet, moved=0.5, has_moved=True),))
    assert capsys.readouterr().out.splitlines() == [
        "  rests on one 50 %",
        "  Moved beyond what chance explains: `one` (stability index 0.50).",
    ]
    _print_signals(())
    assert capsys.readouterr().out == ""


def test_the_headline_says_how_many_are_judged(capsys):
    """Points that advanced before their horizon was over are not among them."""
    counts = Counts(1245, 266, 256, 59, 0, 930, 62, 62, 55, 3, 52)
    _print_goal(GoalEvaluation("advancement", counts, "model", True, (), note="a note"))
    assert capsys.readouterr().out.splitlines()[:2] == [
        "advancement: 1,245 points of 266 leads; 256 advanced, 59 lapsed, 930 pending",
        "  judged: the 62 points of 55 leads whose horizon is over; one that advanced waits for"
        " that as well",
    ]
    known = replace(counts, lost=10, decided=325, decided_leads=200)
    _print_goal(GoalEvaluation("advancement", known, "model", True, (), note="a note"))
    told = capsys.readouterr().out.splitlines()[1]
    assert told == "  judged: the 325 points of 200 leads whose outcome is known"


def test_training_tells_nothing_to_learn_from_too_few_leads():
    """Where one in ten went on it takes 850 leads until it can say that there is nothing."""
    counts = {"reached": 822, "points": 7183, "leads": 420}
    assert _not_learned("purchase", counts).endswith(
        "not sure yet: it takes at least 370 more leads"
    )
    assert _not_learned("purchase", counts | {"leads": 900}).startswith("nothing to learn about")
    assert "more leads" in _not_learned("purchase", {"reached": 0, "points": 3, "leads": 3})


def test_evaluate_says_how_groups_fare(bundle_folder, simulation, trained_until, tmp_path):
    """A trait that the ladder protects since: its groups are told, in words, page and JSON."""
    ladder, events = tmp_path / "protected.toml", simulation.events.copy()
    trait = '\n[[trait]]\nid = "gender"\ntype = "category"\nprotected = true\n'
    ladder.write_text(read_ladder("b2b").source + trait)
    traits = events["name"] == "identify"
    events["gender"] = events["lead_id"].map(lambda lead: "fm"[ord(lead[-1]) % 2]).where(traits)
    events.to_parquet(tmp_path / "events.parquet", index=False)
    said = done(
        *("evaluate", tmp_path / "events.parquet", "--ladder", ladder, "--bundle", bundle_folder),
        *("--from", trained_until.isoformat(), "--report", tmp_path / "report"),
    )
    assert "groups, by the limit 0.8 to 1.25 of the ratio to the rest:" in said.out
    assert "  gender: known of " in said.out
    told = json.loads((tmp_path / "report" / "report.json").read_text())["groups"]
    found = {one["group"] for one in told["figures"]}
    assert {"f", "m"} <= found <= {"f", "m", "all others"}  # together where one is small
    assert "## Groups treated alike" in (tmp_path / "report" / "report.md").read_text()


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
    assert {"lead_id", "step", "probability", "low", "high"} <= set(frame)
    assert frame["lead_id"].tolist() == ["ann"]
    assert 0 < frame["low"][0] < frame["probability"][0] < frame["high"][0] < 1


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
    assert pd.read_parquet(out)["probability"].between(0, 1).all()


def test_score_at_that_matches_nothing(tmp_path):
    """A ladder that is scored at events of another name says which were looked for."""
    ladder = tmp_path / "ladder.toml"
    text = read_ladder("b2b").source
    ladder.write_text(text.replace("score_at = []", 'score_at = [{ event = "called" }]', 1))
    file = jsonl(tmp_path / "one.jsonl", page("2026-01-01"))
    said = message("train", file, "--ladder", ladder, "--out", tmp_path / "bundle")
    assert said == "rung: no event matches the ladder's score_at (called): nothing to train on"


def test_a_bundle_for_another_ladder(bundle_folder, events_file, b2b, tmp_path):
    """A bundle is judged with its own ladder, or not at all; a comment makes no other ladder."""
    rest = ("evaluate", events_file, "--bundle", bundle_folder)
    said = message(*rest, "--ladder", "b2c")
    assert "trained for the ladder 'b2b', and this is 'b2c'; train it again" in said
    assert "the ladder.toml in its folder" in said
    changed = tmp_path / "changed.toml"
    changed.write_text(b2b.source.replace("horizon_days = 14", "horizon_days = 15", 1))
    assert "trained for another version" in message(*rest, "--ladder", changed)
    changed.write_text("# mine\n" + b2b.source)
    assert "no lead to score" in message(*rest, "--ladder", changed, "--from", "2027-11-01")


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
    for log in (one_lead, tmp_path / "not read before.csv"):
        said = message("train", log, "--ladder", "b2b", "--out", tmp_path)
        assert "holds 'thesis.txt' and no bundle; choose an empty folder" in said
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_cannot_be_made(bundle_folder, one_lead, events_file, tmp_path):
    """So is a bundle's or a report's folder where a file stands."""
    file = tmp_path / "file"
    file.write_text("a file")
    said = message("train", one_lead, "--ladder", "b2b", "--out", file)
    assert f"{file} is no folder" in said
    assert str(file) in message(
        *("evaluate", events_file, "--ladder", "b2b", "--bundle", bundle_folder),
        *("--report", file),
    )


def test_a_place_is_looked_at_first(bundle_folder, tmp_path):
    """Before the log, which takes long: none is there, and it is the report that is told of."""
    (tmp_path / "file").write_text("a file")
    evaluate = ("evaluate", tmp_path / "none.csv", "--ladder", "b2b", "--bundle", bundle_folder)
    for option, name in (("--report", "file/report"), ("--predictions", "gone/all.parquet")):
        assert str(tmp_path / name) in message(*evaluate, option, tmp_path / name)


def renamed(names: dict[str, str], tmp_path: Path, days: int = 200) -> Path:
    """Leads who look at pages and take tools, with other names than the ladder's."""
    rows = []
    for number in range(20):
        start = pd.Timestamp("2026-01-05") + pd.Timedelta(days=number)
        for day in range(0, days, 10):
            name = "tool_used" if day % 50 == 20 else "page_viewed"
            when = (start + pd.Timedelta(days=day)).strftime("%Y-%m-%d")
            rows.append(page(when, f"lead-{number}") | {"name": names[name]})
    return jsonl(tmp_path / "renamed.jsonl", *rows)


@pytest.mark.parametrize(
    ("page_viewed", "tool_used", "hint"),
    [
        ("Page_Viewed", "Tool_Used", "; for 'Page_Viewed' did you mean 'page_viewed'?"),
        ("PAGE VIEWED", "x", "; for 'PAGE VIEWED' did you mean 'page_viewed'?"),
        ("Seite", "Werkzeug", ""),
    ],
)
def test_names_that_the_ladder_does_not_read(tmp_path, page_viewed, tool_used, hint):
    """A log none of whose names the ladder knows trains nothing: both sides are named."""
    file = renamed({"page_viewed": page_viewed, "tool_used": tool_used}, tmp_path)
    said = message("train", file, "--ladder", "b2b", "--out", tmp_path / "bundle")
    assert said.startswith("rung: no event is one that the ladder 'b2b' reads: the log has '")
    assert f"{page_viewed!r}, {tool_used!r}, the ladder wants '" in said
    assert "'video_watched'" in said or " more" in said
    assert said.endswith(hint or " more")
    assert not (tmp_path / "bundle").exists()


def test_a_name_that_is_spelt_otherwise_is_told(tmp_path):
    """Where some names fit, those that differ in spelling alone are named, by every verb."""
    file = renamed({"page_viewed": "page_viewed", "tool_used": "ToolUsed"}, tmp_path)
    bundle, line = tmp_path / "bundle", "note: the log has 'ToolUsed' where the ladder reads"
    said = done("train", file, "--ladder", "b2b", "--out", bundle, "--json")
    assert said.err == f"{line} 'tool_used': it is not read\n"
    out = tmp_path / "scores.parquet"
    rest = ("--as-of", "2026-06-01", "--out", out, "--json")
    assert line in done("score", file, "--bundle", bundle, *rest).err
    assert line in done("features", file, "--ladder", "b2b", *rest).err


def test_scores_of_names_that_the_ladder_does_not_read(bundle_folder, tmp_path):
    """A log to score whose names are all unknown is scored, and this is said."""
    file = renamed({"page_viewed": "Seite", "tool_used": "Werkzeug"}, tmp_path)
    rest = ("--as-of", "2026-06-01", "--out", tmp_path / "scores.parquet", "--json")
    said = done("score", file, "--bundle", bundle_folder, *rest)
    assert said.err.startswith(
        "note: no event is one that the ladder 'b2b' reads: the log has 'Sei"
    )


def notes_of(tmp_path: Path, *rows: dict[str, object]) -> str:
    """What training says of a small log, which is in the manifest as well."""
    file = jsonl(tmp_path / "log.jsonl", *rows)
    said = done("train", file, "--ladder", "b2b", "--out", tmp_path / "bundle")
    note, *_ = load_bundle(tmp_path / "bundle").manifest["notes"]
    assert f"  {note}" in said.out.splitlines()
    return str(note)


def test_why_there_are_no_decision_points(tmp_path):
    """One known_at for all, leads that had all bought, and a log of a moment are told apart."""
    days = [f"2026-0{month}-01" for month in range(1, 9)]
    imported = [page(day, known_at="2026-09-01T00:00:00Z") for day in days]
    assert notes_of(tmp_path, *imported).startswith(
        "there is no decision point: all 8 events became known at one instant, 2026-09-01T00:00:00Z"
    )
    order = page(days[0]) | {"name": "contract_signed"}
    assert notes_of(tmp_path, order, page(days[3])) == (
        "there is no decision point: every lead had bought before it could be scored"
    )
    assert notes_of(tmp_path, page(days[0])) == (
        "there is no decision point: the log ends 0 days after its first event was known"
    )


def test_a_log_that_became_known_at_once_is_told(tmp_path):
    """Half a year that was imported within two days is told by both spans."""
    days = pd.date_range("2026-01-01", periods=180).strftime("%Y-%m-%d")
    rows = [
        page(day, f"lead-{at % 9}", known_at=f"2026-08-0{1 + at % 2}T00:00:00Z")
        for at, day in enumerate(days)
    ]
    note = notes_of(tmp_path, *rows)
    assert note.startswith("events that happened over 179 days all became known within 1: if known")


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_full_disk_leaves_the_old_bundle(one_lead, tmp_path):
    """Training over a good bundle that cannot be written leaves the good one whole, and loads."""
    out = tmp_path / "bundle"
    done("train", one_lead, "--ladder", "b2b", "--out", out, "--until", "2026-04-01")
    (out / "served_policy.json").write_text("{}")
    (out / "note.txt").write_text("mine")
    before = files_of(out)
    for size in (500, 4000):
        with full_after(size):
            said = message("train", one_lead, "--ladder", "b2b", "--out", out)
        assert said == f"rung: {out}: File too large"
        assert files_of(out) == before
    assert list(tmp_path.iterdir()) == [out]
    done("train", one_lead, "--ladder", "b2b", "--out", out)
    after = files_of(out)
    assert after["manifest.json"] != before["manifest.json"]
    assert set(before) - set(after) == {"served_policy.json"}
    assert load_bundle(out).manifest["until"] > json.loads(before["manifest.json"])["until"]


def test_a_full_disk_leaves_the_old_report(report, bundle_folder, events_file, tmp_path):
    """So does a report; the policy's report beside it stays as well."""
    folder = Path(shutil.copytree(report[0], tmp_path / "report"))
    (folder / "policy.json").write_text("{}")
    before = files_of(folder)
    rest = ("evaluate", events_file, "--ladder", "b2b", "--bundle", bundle_folder)
    with full_after(20_000):
        said = message(*rest, "--report", folder)
    assert said == f"rung: {folder}: File too large"
    assert files_of(folder) == before


def test_figures_that_flatter_are_told_first(bundle_folder, events_file, trained_until, tmp_path):
    """A period inside training is noted before anything is judged, and on top of the page."""
    early = pd.Timestamp(trained_until) - pd.Timedelta(days=40)
    report = tmp_path / "report"
    said = done(
        *("evaluate", events_file, "--ladder", "b2b", "--bundle", bundle_folder),
        *("--from", early.isoformat(), "--report", report),
    )
    note, judging = (said.err.index(words) for words in ("note: judged from", "judging on"))
    assert note < judging
    assert "the figures flatter it. Leave --from out" in said.err
    assert "these figures flatter it" in "".join((report / "report.md").read_text()[:400])


def test_a_silent_store_is_said_to_be_one(capsys, monkeypatch):
    """Without `--until` the end is the last thing known; where that is long ago it is noted."""
    monkeypatch.setattr("features.clock.now", lambda: 1_800_000_000_000_000)
    day = 86_400_000_000
    _say_how_old(1_800_000_000_000_000 - day)
    assert capsys.readouterr().err == ""
    _say_how_old(1_800_000_000_000_000 - 9 * day)
    said = capsys.readouterr().err
    assert said.startswith("note: the store heard nothing since 2027-01-06T08:00:00Z, 9 days ago")


def test_predictions_are_written(bundle_folder, events_file, tmp_path):
    """`--predictions` writes what was said of each point and what came; the name says how."""
    out = tmp_path / "predictions.csv"
    said = done(
        *("evaluate", events_file, "--ladder", "b2b", "--bundle", bundle_folder),
        *("--predictions", out, "--json"),
    )
    table = pd.read_csv(out)
    assert "note:" not in said.err
    assert list(table) == [
        *("lead_id", "as_of", "step", "goal", "probability", "low", "high", "outcome"),
        *("decided_at", "judged", "weight"),
    ]
    points = said.json["advancement"]["counts"]["points"]
    assert (table["goal"] == "advancement").sum() == points


# ------------------------------------------------------------------------------------------ probes


@pytest.fixture(scope="module")
def early(simulation, tmp_path_factory) -> Path:
    """A log in which half of the texts are known a day before they are read."""
    leads = sorted(simulation.events["lead_id"].unique())[:200]
    some = simulation.events[simulation.events["lead_id"].isin(leads)].copy()
    texts = some.index[some["name"] == "content_read"][::2]
    assert len(texts) > 20
    some["known_at"] = some["known_at"].astype("datetime64[us, UTC]")
    some.loc[texts, "known_at"] = some.loc[texts, "occurred_at"] - pd.Timedelta(days=1)
    file: Path = tmp_path_factory.mktemp("early") / "events.parquet"
    some.to_parquet(file, index=False)
    return file


def test_a_leak_stops_training(early, tmp_path):
    """The message names the event and what would be right; no bundle is written."""
    out = tmp_path / "bundle"
    said = message("train", early, "--ladder", "b2b", "--out", out)
    assert said.startswith("rung: not trained: the log seems to know outcomes")
    assert not out.exists()


def test_a_leak_is_accepted_with_a_reason(early, tmp_path):
    """The reason is printed and kept; an id that nothing was found for is noted."""
    out = tmp_path / "bundle"
    given = ("train", early, "--ladder", "b2b", "--out", out)
    assert message(*given, "--accept-leak", "event.content_read", " ") == (
        "rung: --accept-leak event.content_read: takes a reason, which the bundle keeps"
    )
    reasons = ("--accept-leak", "event.content_read", "planned", "--accept-leak", "order", "so")
    said = done(*given, *reasons)
    assert "note: --accept-leak order: no probe found anything there" in said.err
    assert "; accepted: planned" in said.out
    (found,) = [one for one in load_bundle(out).manifest["probes"] if one["stops"]]
    assert (found["id"], found["accepted"]) == ("event.content_read", "planned")


def test_beside_a_folder_of_another_version(tmp_path):
    """It is known by its hash, and the report says why nothing was compared."""
    (tmp_path / "manifest.json").write_text(json.dumps({"format": 4, "hash": "abc"}))
    parsed = Namespace(champion=str(tmp_path), trust=[])
    found = _champion(parsed, read_ladder("b2b"), lambda _: None)
    assert (found.hash, found.bundle) == ("abc", None)
    assert "has bundle format 4" in found.why
