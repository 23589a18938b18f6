"""A look at a service from inside it."""

from __future__ import annotations

import pytest

from features.ladder.file import read_ladder
from serving.doctor import work
from serving.doctor.examination import RunningParts, examine_running
from serving.edge.access.keys import Keys
from serving.settings import Settings

NOW = 1_800_000_000_000_000


@pytest.fixture
def parts(database, tmp_path):
    return RunningParts(
        Settings(bundle=tmp_path / "none"), {"SECRET": "x"}, database, read_ladder("b2b")
    )


def found_in(parts, **options):
    return {one.part for one in examine_running(parts, lambda: NOW, **options)}


def test_quick_and_whole(parts):
    """What takes long is looked at when all is asked for, and then only."""
    long = {"model", "events"}
    quick = found_in(parts)
    assert not quick & long
    assert found_in(parts, is_whole=True) == quick | long | {"leads"}


def test_what_each_key_sent_is_for_later(parts):
    """Whether a key was ever used is found by reading events: when all is asked for."""
    Keys(parts.database).create("web", ["ingest"], "web", as_of=NOW)

    def told(**options):
        return [one.what for one in examine_running(parts, lambda: NOW, **options)]

    assert not any("has never sent" in one for one in told())
    assert any("has never sent" in one for one in told(is_whole=True))


def test_one_part_hides_no_other(parts, monkeypatch):
    """A part that cannot be looked at is a finding of its own."""

    def broken(*_):
        raise OSError("no such device")

    monkeypatch.setattr(work, "marks", broken)
    found = examine_running(parts, lambda: NOW)
    (scoring,) = [one for one in found if one.part == "scoring"]
    assert "no such device" in scoring.what
    assert {"notifications", "write-back"} <= {one.part for one in found}


def test_no_secret_is_shown(parts):
    """What a service was started with is not told by what it is made of."""
    assert "SECRET" not in repr(parts)
