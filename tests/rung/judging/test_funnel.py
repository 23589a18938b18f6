"""`rung funnel`: what it prints and writes, of a file and of a store; and what is refused."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import rung
from features.clock import said_at
from features.funnel.kept import newest_stays
from features.ladder.file import read_ladder
from features.store.events import EventStore
from features.store.kept.columns import KeptColumns
from features.store.privacy import Privacy
from models.judging.funnel import why
from models.judging.funnel.causes.cause_wording import fields_said


def run(*words: str) -> int:
    return rung.main(["funnel", *map(str, words), "--ladder", "b2b"])


def test_a_table_and_sentences(events_file, capsys):
    assert run(events_file, "--by", "source") == 0
    said = capsys.readouterr().out
    assert " that had come by " in said
    assert "from first to purchase" in said
    assert "from Value exchange to purchase" in said
    assert "the steps multiplied" in said
    assert "not known" in said
    assert "of 100 go on within 14 days" in said
    assert "Biggest lever, if it is below at all: If Trial went from 59 to 60 of 100" in said
    assert "weeks are shown" not in said
    for part in ("Why they stop", "Content that creates intent", "Replies\n  Half of"):
        assert part in said


def test_the_causes_say_that_they_are_of_all(events_file, capsys):
    """What is picked picks the table alone."""
    assert run(events_file, "--from", "2026-02-01") == 0
    assert "Why they stop (of all leads, whoever is counted above)\n" in capsys.readouterr().out
    assert run(events_file) == 0
    assert "Why they stop\n" in capsys.readouterr().out


def test_a_folder_for_a_meeting(events_file, tmp_path, capsys):
    out = tmp_path / "funnel"
    assert run(events_file, "--out", out, "--every", "month", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert json.loads((out / "funnel.json").read_text()) == found
    assert (
        f" that had come by {said_at(found['counted_until'])}: " in (out / "funnel.md").read_text()
    )
    steps = pd.read_csv(out / "steps.csv")
    assert steps["came"].tolist() == [step["counts"]["came"] for step in found["steps"]]
    assert len(pd.read_csv(out / "cohorts.csv")) == sum(len(s["cohorts"]) for s in found["steps"])
    assert {"trait", "value", "rate"} <= set(pd.read_csv(out / "segments.csv").columns)
    causes = json.loads((out / "causes.json").read_text())
    assert causes["diagnosis"]["ladder"] == "b2b"
    page = (out / "funnel.md").read_text()
    assert causes["replies"]["says"] in page
    assert "**From Value exchange to the purchase: " in page
    assert "The biggest lever, if it is below at all." in page
    asked = [step for step in causes["diagnosis"]["steps"] if step["by_fields"]]
    assert {"value", "participation"} <= {step["id"] for step in asked}
    assert all(fields_said(step) in page for step in asked)
    for name in ("steps.png", "cohorts.png", "fields.png"):
        assert name in page
        assert (out / name).stat().st_size > 5000
    assert all(step["title"] in page for step in found["steps"])


def test_no_text_of_a_table_is_a_formula(events_file, tmp_path):
    """What anybody sent as a trait is shown in a spreadsheet, and not worked out."""
    log, evil = pd.read_parquet(events_file), '=HYPERLINK("http://x","y")'
    log["source"] = log["source"].mask(log["source"].notna(), evil)
    log.to_parquet(tmp_path / "events.parquet")
    assert run(tmp_path / "events.parquet", "--out", tmp_path / "out") == 0
    values = pd.read_csv(tmp_path / "out" / "segments.csv")["value"].tolist()
    assert f"'{evil}" in values
    assert evil not in values
    assert json.dumps(evil) in (tmp_path / "out" / "funnel.json").read_text()


def test_the_causes_as_json(events_file, capsys):
    assert run(events_file, "--json", "--why") == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"funnel", "causes"}
    rates = [step["rate"] for step in found["funnel"]["steps"]]
    assert [step["rate"] for step in found["causes"]["diagnosis"]["steps"]] == rates


def test_the_leads_behind_a_number(events_file, capsys):
    assert run(events_file, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    step = found["steps"][1]
    assert run(events_file, "--list", f"{step['id']}:lapsed") == 0
    assert len(capsys.readouterr().out.split()) == step["counts"]["lapsed"]
    assert run(events_file, "--list", step["id"], "--json") == 0
    assert len(json.loads(capsys.readouterr().out)) == step["counts"]["came"]


def test_nobody_behind_a_number(events_file, capsys):
    """No line, so that lines can be counted."""
    assert run(events_file, "--list", "content:lost") == 0
    assert capsys.readouterr().out == ""


def test_one_lead_of_whom_little_is_known(tmp_path, capsys):
    """One lead, not "1 leads"; and a rate of which nothing is known is no "at least 0 %"."""
    log = tmp_path / "e.csv"
    log.write_text("lead_id,event,occurred_at\na,page_viewed,2026-01-01T09:00:00Z\n")
    assert run(log) == 0
    said = capsys.readouterr().out
    assert ", of 1 lead.\n" in said
    assert "at least 0 %" not in said
    assert "not known yet" in said


def test_it_fits_into_a_terminal(events_file, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert run(events_file, "--by", "source") == 0
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if len(line) > 80] == []
    assert sum(line.startswith("  Content ") for line in said) > 1


def test_a_store_is_as_its_file_but_for_who_left(events_file, tmp_path, capsys):
    url = f"sqlite:///{tmp_path / 'rung.db'}"
    assert rung.main(["import", str(events_file), "--store", url, "--ladder", "b2b"]) == 0
    capsys.readouterr()
    assert run(events_file, "--json") == 0
    of_file = json.loads(capsys.readouterr().out)
    assert run(url, "--json") == 0
    assert json.loads(capsys.readouterr().out) == of_file
    with EventStore.open(url) as store:
        lead = store.lead_ids()[0]
    assert rung.main(["lead", "opt-out", lead, "--store", url]) == 0
    capsys.readouterr()
    assert run(url, "--json") == 0
    of_store = json.loads(capsys.readouterr().out)
    assert of_store["leads"] == of_file["leads"]  # counted, as it came


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "source"], "write a trait, = and its value"),
        (["--only", "sorce=fair"], "did you mean 'source'"),
        (["--only", "source=fair", "--only", "source="], "'source' is asked for twice"),
        (
            ["--only", "source=nosuch"],
            "no lead had the source 'nosuch' when it came to a step; there",
        ),
        (["--only", "source=", "--only", "industry=retial"], "did you mean 'retail'"),
        (
            ["--list", "trial", "--only", "source=nosuch"],
            "no lead had the source 'nosuch' when it came to a step; there",
        ),
        (["--from", "2026-09-01", "--to", "2026-06-01"], "over before it begins"),
        (["--from", "2026-03-01", "--to", "2026-03-01"], "over before it begins"),
        (["--by", "sorce"], "did you mean 'source'"),
        (["--list", "trail"], "did you mean 'trial'"),
        (["--list", "trial:gone"], "the state is one of"),
        (["--list", "trial:left"], "who opted out is counted and not named"),
    ],
)
def test_what_cannot_be_counted_is_said(events_file, capsys, words, said):
    assert run(events_file, *words) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("times", [1, 9])
def test_who_is_erased_while_it_is_counted_is_not_kept(events_file, tmp_path, monkeypatch, times):
    """It is counted again without the lead; where that is so each time nothing is kept."""
    url = f"sqlite:///{tmp_path / 'rung.db'}"
    assert rung.main(["import", str(events_file), "--store", url, "--ladder", "b2b"]) == 0
    erased: list[str] = []
    true = why.causes_of

    def slowly(log, *given):
        if len(erased) < times:
            with EventStore.open(url) as store:
                Privacy(store.database).erase(log.leads[0], 1, is_suppressed=True)
            erased.append(log.leads[0])
        return true(log, *given)

    monkeypatch.setattr(why, "causes_of", slowly)
    assert run("--store", url, "--json") == (0 if times == 1 else 1)
    with EventStore.open(url) as store:
        kept = newest_stays(KeptColumns(store.database), read_ladder("b2b"))
    if times == 1:
        assert kept is not None
        assert not set(erased) & set(kept.leads)
    else:
        assert kept is None
