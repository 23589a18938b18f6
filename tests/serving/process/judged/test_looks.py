"""The newest report of a kind, whether it is behind, and why there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from features.errors import StoreError
from features.store.schema import reports
from serving.process.judged.looks import look_of
from tests.serving.process.judged.scene import keep

DAY = 86_400.0


def test_why_there_is_none(own, bare):
    """It comes, nothing makes it, or there is no model to look at."""
    assert look_of(own, "scores", "x", seconds=DAY).missing == "soon"
    assert look_of(own, "scores", "x", seconds=0.0).missing == "off"
    assert look_of(bare, "scores", "x", seconds=DAY).missing == "no model"
    assert look_of(bare, "readiness", seconds=DAY, needs_model=False).missing == "no ladder"
    bare.settings = replace(bare.settings, ladder="b2b")
    assert look_of(bare, "readiness", seconds=DAY, needs_model=False).missing == "soon"


def test_what_was_kept(own):
    """The body and its instant; of several the newest."""
    keep(own, "scores", {"at": 1}, "x", age_days=3.0)
    keep(own, "scores", {"at": 2}, "x", age_days=1.0)
    found = look_of(own, "scores", "x", seconds=DAY)
    assert (found.body, found.missing) == ({"at": 2}, "")
    assert own.clock() - found.as_of == pytest.approx(86_400e6, rel=0.01)


def test_behind(own, monkeypatch):
    """Where news came long after it was looked at; silence is not behind."""
    keep(own, "scores", {}, "x", age_days=3.0)
    now = own.clock()
    for news, seconds, behind in (
        (now, DAY, True),
        (now, 0.0, False),
        (now - round(2.9 * 86_400e6), DAY, False),
        (None, DAY, False),
    ):
        monkeypatch.setattr(own.store.scores, "last_news_at", lambda found=news: found)
        assert look_of(own, "scores", "x", seconds=seconds).is_behind is behind


def test_a_report_that_was_changed(own):
    """What is not what was kept is not shown."""
    keep(own, "scores", {"at": 1}, "x")
    with own.store.database.writing() as connection:
        connection.execute(reports.update().values(body='{"at":2}'))
    with pytest.raises(StoreError, match="is not what was kept"):
        look_of(own, "scores", "x", seconds=DAY)
