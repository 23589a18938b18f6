"""The tables of the page as rows."""

from __future__ import annotations

import pytest

from features.store.kept.recalibrations import KeptMove
from serving.pages.models.advice import ready_steps
from serving.pages.models.figures import figures_of
from serving.pages.models.tables import (
    OF_GOAL,
    moves_table,
    ready_table,
    signals_table,
    versions_table,
)
from serving.process.judged.moved import movements
from serving.process.judged.versions import served_so_far
from tests.serving.pages.models import scene
from tests.serving.pages.models.scene import B2B


def rows_of(table) -> list[dict[str, object]]:
    columns, rows = table
    return [dict(zip(columns, row, strict=True)) for row in rows]


@pytest.mark.parametrize(
    ("name", "count", "first"),
    [
        ("reliability", 3, {"told": 0.02, "came": 0.02, "by_chance": True, "chances": 1000}),
        ("gain", 51, {"share_of_leads": 0.0, "This model": 0.0}),
        ("steps", 6, {"expected": 0.2, "came": 0.21, "right_order": 0.8}),
        ("spans", 2, {"from": "2026-06-01T00:00:00Z", "expected": 0.25}),
        ("baselines", 4, {"way": "This model", "right_order": 0.88}),
    ],
)
def test_of_a_goal(fitted, name, count, first):
    """The figures as they are; of what is not known the cell is empty."""
    known = rows_of(OF_GOAL[name](figures_of(scene.evaluation(fitted), "advancement", B2B)))
    assert len(known) == count
    assert known[0].items() >= first.items()
    unknown = rows_of(OF_GOAL[name](figures_of(scene.evaluation(fitted), "purchase", B2B)))
    assert unknown == []


def test_of_the_model(own):
    """How chances moved, what served, what can be learned."""
    move = KeptMove("advancement", own.clock() - 1_000_000, 0.3, 1.0, 7)
    own.store.recalibrations.add(own.scorer.bundle.hash, [move])
    own.refresh()
    (moved,) = rows_of(moves_table(movements(own)))
    assert (moved["goal"], moved["outcomes"]) == ("advancement", 7)
    (serves,) = rows_of(versions_table(served_so_far(own)))
    assert (serves["policy"], serves["to"]) == ("careful", None)
    steps = rows_of(ready_table(ready_steps(scene.readiness())))
    assert [row["step"] for row in steps] == [goal.title for goal in B2B.goals]


def test_signals_that_moved():
    """A row each, with the step; none before it was looked at."""
    (row,) = rows_of(signals_table(scene.ahead()))
    assert (row["step"], row["signal"]) == ("content", "step.content.did.page_viewed")
    assert (row["moved"], row["says"], row["says_before"]) == (
        0.44,
        "viewed no page",
        "viewed 3 pages",
    )
    assert rows_of(signals_table(None)) == []
