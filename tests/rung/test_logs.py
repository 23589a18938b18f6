"""`rung import`, `features`, `score` and `tables`: what they write, and of when."""

from __future__ import annotations

import json
import re
import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from features.clock import instant, microseconds, now
from features.signals.snapshot import snapshot
from features.store.events import EventStore
from features.store.kept.leases import ScoresWith
from features.store.kept.recalibrations import KeptMove
from serving.routes.exports.files import parts_of
from serving.routes.exports.rows import schema_of
from serving.scoring.model import Model, ScoredLeads
from tests.full_disk import full_after
from tests.rung.scene import CHANCES, done, jsonl, message, page, refused


@pytest.fixture
def scores(bundle_folder, events_file, end, tmp_path):
    """What `rung score` wrote at the end of the simulated log."""
    path = tmp_path / "scores.parquet"
    done("score", events_file, "--bundle", bundle_folder, "--as-of", end, "--out", path)
    return path


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


@pytest.mark.parametrize("rows", [[page("never")], []])
def test_nothing_accepted(tmp_path, rows):
    """A log of which no row will do is refused with the reasons, and no store is made."""
    file = jsonl(tmp_path / "events.jsonl", *rows)
    url = f"sqlite:///{tmp_path / 's.db'}"
    said = refused("import", file, "--store", url)
    assert "no row was accepted, and nothing is stored" in said
    assert f"0 of {len(rows)} row" in said
    assert not (tmp_path / "s.db").exists()


def test_a_store_is_moved(tmp_path):
    """With who opted out and who must not come back; only as it is, and into an empty one."""
    rows = [page("2026-01-01"), page("2026-01-02"), page("2026-01-02", "bob")]
    file = jsonl(tmp_path / "events.jsonl", *rows)
    one, other = (f"sqlite:///{tmp_path / name}.db" for name in ("one", "other"))
    done("import", file, "--store", one)
    done("lead", "opt-out", "ann", "--store", one)
    done("lead", "erase", "bob", "--suppress", "--store", one)
    with EventStore.existing(one) as store:
        assert store.scorers.take(ScoresWith("b2b", "1"), "serving", now())
        assert "stop the service first" in refused("import", one, "--store", other)
        store.scorers.release("serving")
    said = done("import", one, "--store", other, "--json").json["copied"]
    assert (said["events"], said["opt_outs"], said["suppressions"]) == (2, 1, 1)
    assert "holds something already (" in refused("import", one, "--store", other)
    assert "--strict is of files" in refused("import", one, "--strict", "--store", other)


def test_a_store_that_is_away_is_named_without_its_password(tmp_path):
    """Whichever way it stands in the URL."""
    source = "postgresql://rung:hunter2@127.0.0.1:1/rung?password=hunter3"
    said = refused("import", source, "--store", f"sqlite:///{tmp_path / 's.db'}")
    assert "rung:***@127.0.0.1:1/rung?password=***" in said
    assert "hunter" not in said


def test_rejects(tmp_path):
    """The bad rows are written where they are asked for."""
    file = jsonl(tmp_path / "events.jsonl", page("2026-01-01"), page("never"))
    url, rejects = f"sqlite:///{tmp_path / 's.db'}", tmp_path / "rejects.jsonl"
    said = done("import", file, "--store", url, "--rejects", rejects, "--json").json
    assert (said["rows"], said["accepted"], said["new"]) == (2, 1, 1)
    assert sum(said["rejected"].values()) == 1
    (row,) = rejects.read_text().splitlines()
    assert json.loads(row)["row"]["occurred_at"] == "neverT09:00:00Z"


def test_contact_data_of_the_first_step(tmp_path):
    """Bad rows are told by line, what is taken out of an address is counted; both need a ladder."""
    rows = [page("2026-01-01") for _ in range(3)]
    rows[1] |= {"email": "ann@example.com"}
    rows[2] |= {"url": "/thanks?email=ann@example.com"}
    file = jsonl(tmp_path / "events.jsonl", *rows)
    one, other = (f"sqlite:///{tmp_path / name}.db" for name in ("one", "other"))
    said = done("import", file, "--store", one, "--ladder", "b2b").out
    assert "1 row rejected: personal data: an event 'page_viewed' is one of the first step" in said
    assert f"  {file}:2: property = 'email'" in said
    assert "1 row kept, contact data taken out of an address: an event 'page_viewed'" in said
    assert f"  {file}:3: url" in said
    assert "ann@example.com" not in said
    with EventStore.existing(one) as store:
        told = [properties for *_, properties in store.events_of("ann")]
    assert [one["url"] for one in told if "url" in one] == ["/thanks?email=redacted"]
    assert "contact data was not looked for" in done("import", file, "--store", other).out
    told = done("import", file, "--store", other, "--json").json
    assert (told["redacted"], told["known"]) == (None, 3)


def test_a_store_trains_and_scores_like_its_file(events_file, bundle_folder, end, tmp_path):
    """A store that was filled from a file gives the scores that the file gives."""
    url = f"sqlite:///{tmp_path / 'events.db'}"
    done("import", events_file, "--store", url)
    for source, out in ((events_file, "file"), (url, "store")):
        path = tmp_path / f"{out}.parquet"
        done("score", source, "--bundle", bundle_folder, "--as-of", end, "--out", path)
    one, other = (pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("file", "store"))
    pd.testing.assert_frame_equal(one.drop(columns="scored_at"), other.drop(columns="scored_at"))


def test_features(trained, events_file, simulated_log, end, tmp_path):
    """A row a lead, with its id, the instant, and a column for each signal of the ladder."""
    out = tmp_path / "signals.parquet"
    said = done("features", events_file, "--ladder", "b2b", "--as-of", end, "--out", out, "--json")
    frame = pd.read_parquet(out)
    columns = list(trained.encoding.columns)
    assert list(frame) == ["lead_id", "as_of", *columns, "ladder.lost"]
    assert str(frame["ladder.lost"].dtype) == "bool"
    assert frame["lead_id"].tolist() == list(simulated_log.leads)
    assert said.json == {"out": str(out), "leads": len(frame), "signals": len(columns)}


def test_a_store_is_scored_as_it_is_served(events_file, bundle_folder, trained, end, tmp_path):
    """With the moves that it has kept by then of this bundle; a file has none."""
    url, out = f"sqlite:///{tmp_path / 's.db'}", tmp_path / "scores.parquet"
    done("import", events_file, "--store", url)
    at = microseconds(instant(end))

    def scored():
        done("score", url, "--bundle", bundle_folder, "--as-of", end, "--out", out)
        return pd.read_parquet(out)

    before = scored()
    moves = [
        KeptMove("advancement", at - 9, 0.5, 1.0, 40),
        KeptMove("advancement", at, 0.9, 1.0, 50),
        KeptMove("advancement", at + 1, -3.0, 1.0, 60),
    ]
    with EventStore.existing(url) as store:
        store.recalibrations.add(trained.hash, moves)
        store.recalibrations.add("0" * 64, [KeptMove("advancement", at, 5.0, 1.0, 9)])
    after = scored()
    known = before["probability"].notna().to_numpy()
    odds = [logit(frame["probability"][known]) for frame in (before, after)]
    np.testing.assert_allclose(odds[1] - odds[0], 0.9, atol=1e-9)
    assert set(before["model_version"]) == {trained.version}
    assert set(after["model_version"]) == {f"{trained.version}+r50"}


def test_score(scores, simulated_log, simulation, trained):
    """The scores have exactly their columns, a row a lead, and lie inside their intervals."""
    frame = pd.read_parquet(scores)
    assert list(frame) == schema_of(trained.ladder).names
    assert frame["lead_id"].tolist() == list(simulated_log.leads)
    assert (frame["features_as_of"] == pd.Timestamp(simulation.end)).all()
    open_ = frame.dropna(subset="step")
    assert set(open_["step"]) <= {goal.id for goal in trained.ladder.goals}
    assert open_["probability"].between(open_["low"], open_["high"]).all()
    for column in ("low", "high", "purchase_probability"):
        assert open_[column].between(0, 1).all()
    bought = frame[frame["step"].isna()]
    assert 0 < len(bought) < len(frame)
    assert (
        bought[["probability", "low", "high", "purchase_probability", "band"]].isna().all(axis=None)
    )


def test_other_horizons(scores, bundle_folder, events_file, end, tmp_path):
    """Two columns each, and how many purchases are to be expected; the rest stays."""
    out = tmp_path / "scores.csv"
    asked = ("score", events_file, "--bundle", bundle_folder, "--as-of", end, "--out", out)
    days = ("--horizon-days", "30", "--horizon-days", "7", "--horizon-days", "30.0000001")
    told = done(*asked, *days).out
    frame, plain = pd.read_csv(out), pd.read_parquet(scores)
    more = ["within_7_days", "purchase_within_7_days", "within_30_days", "purchase_within_30_days"]
    assert list(frame) == [*plain, *more]
    np.testing.assert_allclose(frame["probability"], plain["probability"])
    known = frame.dropna(subset="purchase_within_30_days")
    assert (known["purchase_within_7_days"] < known["purchase_within_30_days"]).all()
    assert (known["purchase_within_30_days"] < known["purchase_probability"]).all()
    week, month = (frame[f"purchase_within_{count}_days"].sum() for count in (7, 30))
    assert f"of these leads: {week:,.1f} within 7 days, {month:,.1f} within 30 days" in told
    said = done(*asked, *days, "--json").json["purchases"]
    assert said == pytest.approx({"7": week, "30": month})
    assert "at most 90 days" in refused(*asked, "--horizon-days", "91")


def test_columns_that_the_docs_call_empty_are_the_empty_ones(scores):
    """What a log alone does not say; whoever relies on a column finds it filled."""
    held = pd.read_parquet(scores)
    said = (Path(__file__).parents[2] / "docs/exports.md").read_text(encoding="utf-8")
    (empty,) = re.findall(r"leave empty what a log alone does not say: (.+?)\n\n", said, re.DOTALL)
    unfilled = {str(name) for name in held if held[name].isna().all()}
    assert {name for name in unfilled if not name.startswith("trait_")} == set(
        re.findall(r"`(\w+)`", empty)
    )


def test_every_score_has_its_reasons(scores, simulated_log, simulation, trained, monkeypatch):
    """Whoever has a next step has the reasons that a service tells, in the queue or not."""
    frame = pd.read_parquet(scores)
    shot = snapshot(simulated_log, trained.ladder, None, simulation.end)
    found = trained.score(shot)
    leads = ScoredLeads(Model.of(trained), trained, shot, found)
    is_scored = frame["probability"].notna()
    assert 0 < frame["rank_pct"].notna().sum() < is_scored.sum() < len(frame)
    for row, (has_chance, told) in enumerate(zip(is_scored, frame["reasons"], strict=True)):
        expected = [one["text"] for one in leads.details(row)["reasons"]] if has_chance else []
        assert list(told) == expected
        assert bool(expected) == has_chance
    monkeypatch.setattr("serving.routes.exports.files._PER_BATCH", 7)
    parts = list(parts_of(trained, shot, found, 0))
    assert {len(part) for part in parts} == {7, len(frame) % 7}
    again = [row["reasons"] for part in parts for row in part]
    assert again == [list(told) for told in frame["reasons"]]


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
    written = pd.read_parquet(scores).rename(columns=CHANCES)[list(found)]
    pd.testing.assert_frame_equal(found, written, check_dtype=False)


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
    whole, then = (one.drop(columns="scored_at") for one in (whole, then))
    pd.testing.assert_frame_equal(whole, then, check_exact=True)


@pytest.mark.parametrize("name", ["scores.csv", "scores.csv.gz", "scores.ndjson"])
def test_scores_of_now(bundle_folder, events_file, tmp_path, name):
    """Without an instant they are of now; each format has the same columns and rows."""
    before = pd.Timestamp.now(tz="UTC")
    for out in (tmp_path / name, tmp_path / "scores.parquet"):
        done("score", events_file, "--bundle", bundle_folder, "--out", out)
    path = tmp_path / name
    is_json = path.suffix == ".ndjson"
    found = pd.read_json(path, lines=True) if is_json else pd.read_csv(path)
    same = pd.read_parquet(tmp_path / "scores.parquet")
    assert list(found) == list(same)
    assert found["lead_id"].astype(str).tolist() == same["lead_id"].tolist()
    assert (pd.to_datetime(found["features_as_of"], utc=True) >= before).all()
    assert found["step"].fillna("").tolist() == same["step"].fillna("").tolist()


def test_nothing_was_known_yet(bundle_folder, events_file, tmp_path):
    """As of an instant before the first event there is nobody to score, and it says why."""
    said = refused(
        *("score", events_file, "--bundle", bundle_folder, "--as-of", "2001-01-01"),
        *("--out", tmp_path / "s.parquet"),
    )
    assert "events.parquet: nothing in it was known by then" in said
    assert "left out (known only later)" in said


def test_that_news_came_last_long_before_is_noted(one_lead, tmp_path):
    """Silence after a log's end is no lapse: it is told with its age, and from when on it is none.

    What became known later than the instant is no news by then; JSON stays as it is.
    """
    asked = ("features", one_lead, "--ladder", "b2b", "--out", tmp_path / "s.csv", "--json")
    said = done(*asked, "--as-of", "2026-09-01")
    assert said.json["leads"] == 1
    told = "nothing became known since 2026-06-29T09:00:00Z, 64 days before 2026-09-01T00:00:00Z"
    assert f"note: {told}: what leads did meanwhile is not in it" in said.err
    _, _, then = said.err.strip().rpartition("--as-of ")
    assert "note:" not in done(*asked, "--as-of", then).err
    told = "since 2026-03-02T09:00:00Z, 6 days before 2026-03-08T12:00:00Z"
    assert told in done(*asked, "--as-of", "2026-03-08T12:00:00Z").err


def test_old_news_is_noted_of_scores(events_file, bundle_folder, simulation, tmp_path):
    """As of now a log of long ago has only quiet leads, which is said; at its end it is not."""
    asked = ("score", events_file, "--bundle", bundle_folder, "--out", tmp_path / "s.csv", "--json")
    late = simulation.end + timedelta(days=40)
    said = done(*asked, "--as-of", late.isoformat())
    assert f"40 days before {late:%Y-%m-%dT%H:%M:%SZ}: what leads did meanwhile" in said.err
    assert said.json["leads"] == 300
    assert "note:" not in done(*asked, "--as-of", simulation.end.isoformat()).err


def test_an_unknown_bundle(events_file, tmp_path):
    """A folder without a bundle is told how to be made one."""
    said = message(
        *("score", events_file, "--bundle", tmp_path, "--as-of", "2026-08-01"),
        *("--out", tmp_path / "s.parquet"),
    )
    assert said.endswith("it has no manifest.json; make one: rung train")


def test_a_damaged_bundle(bundle_folder, events_file, tmp_path):
    """A bundle that was changed is not scored with."""
    folder = Path(shutil.copytree(bundle_folder, tmp_path / "bundle"))
    (folder / "ladder.toml").write_text("# nothing\n")
    said = message(
        *("score", events_file, "--bundle", folder, "--as-of", "2026-08-01"),
        *("--out", tmp_path / "s.parquet"),
    )
    assert "is damaged: its files do not match its hash; train it again" in said


@pytest.mark.parametrize("verb", ["features", "score"])
@pytest.mark.parametrize("out", ["nowhere/out.parquet", "folder.csv"])
def test_output_that_cannot_be_written(bundle_folder, events_file, end, tmp_path, verb, out):
    """A place that does not exist, or is a folder, is named without a traceback."""
    (tmp_path / "folder.csv").mkdir()
    with_ = ("--ladder", "b2b") if verb == "features" else ("--bundle", bundle_folder)
    said = message(verb, events_file, *with_, "--as-of", end, "--out", tmp_path / out)
    assert str(tmp_path / out.split("/")[0]) in said


@pytest.mark.parametrize("verb", ["features", "score"])
def test_a_table_is_what_its_name_says(bundle_folder, events_file, end, tmp_path, verb):
    """As CSV, plain or packed, it holds what the Parquet file holds."""
    with_ = ("--ladder", "b2b") if verb == "features" else ("--bundle", bundle_folder)
    for name in ("t.parquet", "t.csv", "t.CSV.gz"):
        done(verb, events_file, *with_, "--as-of", end, "--out", tmp_path / name)
    expected = pd.read_parquet(tmp_path / "t.parquet")
    assert (tmp_path / "t.csv").read_text().startswith("lead_id,")
    (tmp_path / "t.CSV.gz").rename(tmp_path / "packed.csv.gz")
    for name in ("t.csv", "packed.csv.gz"):
        found = pd.read_csv(tmp_path / name)
        assert list(found) == list(expected)
        assert found["lead_id"].tolist() == expected["lead_id"].tolist()
        numbers = expected.select_dtypes("number").columns
        pd.testing.assert_frame_equal(found[numbers], expected[numbers], check_dtype=False)


@pytest.mark.parametrize("out", ["s.xlsx", "s", "s.csv.zip", "s.json", "parquet"])
def test_other_formats_are_refused(out):
    """Before anything is read, with what is allowed."""
    allowed = f"{out!r} does not say its format; its name must end in .parquet or .csv or .csv.gz"
    for with_ in (("features", "e.csv", "--ladder", "b2b"), ("score", "e.csv", "--bundle", "b")):
        assert allowed in refused(*with_, "--as-of", "2026-03-01", "--out", out, code=2)
    allowed = f"argument --rejects: {out!r} does not say its format; its name must end in .jsonl or"
    assert allowed in refused("import", "e.csv", "--store", "s", "--rejects", out, code=2)


@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
@pytest.mark.parametrize("verb", ["features", "score"])
def test_a_full_disk_leaves_the_old_table(bundle_folder, events_file, end, tmp_path, verb, name):
    """The message names the file, and what was there before is there."""
    out = tmp_path / name
    out.write_text("old")
    with_ = ("--ladder", "b2b") if verb == "features" else ("--bundle", bundle_folder)
    with full_after(2000):
        said = message(verb, events_file, *with_, "--as-of", end, "--out", out)
    assert said == f"rung: {out}: File too large"
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_a_full_disk_leaves_the_old_rejects(tmp_path):
    """So does the list of bad rows."""
    file = jsonl(tmp_path / "events.jsonl", *[page("never")] * 50)
    rejects = tmp_path / "rejects.jsonl"
    rejects.write_text("old")
    with full_after(1000):
        said = message("features", file, "--ladder", "b2b", "--as-of", "2026-03-01",
                       "--out", tmp_path / "t.csv", "--rejects", rejects)  # fmt: skip
    assert said == f"rung: {rejects}: cannot be written: File too large"
    assert rejects.read_text() == "old"


def test_tables(events_file, tmp_path):
    """What a store holds, as tables in a folder; without scores these are empty."""
    store, folder = f"sqlite:///{tmp_path / 'events.db'}", tmp_path / "tables"
    said = message("tables", folder, "--ladder", "b2b", "--store", store)
    assert "there is no such store" in said
    assert not folder.exists()
    done("import", events_file, "--store", store)
    call_ = ("tables", folder, "--ladder", "b2b", "--store", store)
    leads = pd.read_parquet(events_file)["lead_id"].nunique()
    assert f"leads {leads}, scores 0" in done(*call_).out
    said = done(*call_, "--format", "csv", "--json").json
    assert said["folder"] == str(folder)
    assert (said["rows"]["leads"], said["rows"]["scores"]) == (leads, 0)
    assert len(pd.read_parquet(folder / "leads.parquet")) == leads
    assert len(pd.read_csv(folder / "leads.csv")) == leads
