"""`rung readiness`: printed, as JSON, and kept in a store."""

from __future__ import annotations

import json

import pytest

import rung
from features.store.events import EventStore
from features.store.kept.columns import KeptColumns
from features.store.kept.reports import Reports
from features.store.privacy import Privacy
from features.store.privacy.erasures import of_report
from tests.serving import world
from training.readiness import readiness as readiness_module


@pytest.fixture
def store(tmp_path):
    return world.filled(tmp_path, world.population(30, world.now()))


def test_it_is_printed(store, capsys):
    """The sentence first, then a line a step with what the next level takes."""
    assert rung.main(["readiness", store, "--ladder", "b2b"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("Scores are the rates of the steps")
    assert any(line.startswith("  Content ") and line.endswith("rates") for line in told)
    assert any("model takes 30 leads that went on and 30 that did not" in line for line in told)


def test_it_fits_into_a_terminal(store, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert rung.main(["readiness", store, "--ladder", "b2b"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line for line in told if len(line) > 80] == []
    assert any(line.startswith("  Content: model takes 30 leads") for line in told)


def test_a_store_keeps_the_newest(store, capsys):
    """What is printed is what is kept; an earlier instant that is asked about is not kept."""
    for _ in range(2):
        capsys.readouterr()
        assert rung.main(["readiness", "--store", store, "--ladder", "b2b", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    early = ["--until", "2020-01-01T00:00:00Z"]
    rung.main(["readiness", store, "--ladder", "b2b", *early])
    with EventStore.open(store) as opened:
        reports = Reports(opened.database)
        kept = reports.newest("readiness", "b2b")
        assert list(reports.stamps("readiness")) == [""]
    assert kept is not None
    assert dict(kept.body) == printed


def test_what_is_missing_is_said(store, capsys):
    """Neither a log nor a ladder, and both a log and a store."""
    assert rung.main(["readiness"]) == 1
    assert "no log is named, and RUNG_DATABASE_URL is not set" in capsys.readouterr().err
    assert rung.main(["readiness", store]) == 1
    assert "no ladder is named, and RUNG_BUNDLE is not set" in capsys.readouterr().err
    assert rung.main(["readiness", store, "--store", store, "--ladder", "b2b"]) == 1
    assert "leave one of them out" in capsys.readouterr().err


def test_who_is_erased_meanwhile(store, capsys, monkeypatch):
    """What is found is printed, and not kept: it may hold texts of theirs. It is due anew."""

    def after_an_erasure(log, *given):
        with EventStore.open(store) as opened:
            Privacy(opened.database).erase(log.leads[0], 1)
        return found(log, *given)

    found = readiness_module.readiness
    monkeypatch.setattr(readiness_module, "readiness", after_an_erasure)
    assert rung.main(["readiness", "--store", store, "--ladder", "b2b"]) == 0
    assert "this is not kept in the store" in capsys.readouterr().err
    with EventStore.open(store) as opened:
        assert Reports(opened.database).newest("readiness", "b2b") is None
        assert KeptColumns(opened.database).taken_at(of_report("readiness"), "b2b") == 1
