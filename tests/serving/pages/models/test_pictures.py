"""The shapes of the pictures of a model."""

from __future__ import annotations

from itertools import pairwise

import pytest

from serving.pages.models.figures import Gains, Promise
from serving.pages.models.pictures import gains_drawn, moves_drawn, promises_drawn
from serving.process.judged.moved import MovedAt


def promise(told: float, came: float, inside: bool = True) -> Promise:
    return Promise(100, told, came, max(came - 0.1, 0.0), came + 0.1, inside)


def test_kept_promises_lie_on_the_diagonal():
    """To the right what was told, upwards what came; all within the picture."""
    drawn = promises_drawn([promise(0.01, 0.01), promise(0.5, 0.5), promise(0.3, 0.6, False)])
    assert drawn is not None
    for dot in drawn.dots[:2]:
        assert dot.y == pytest.approx(300.0 - dot.x)
    assert drawn.dots[2].y < 300.0 - drawn.dots[2].x
    assert [dot.inside for dot in drawn.dots] == [True, True, False]
    assert all(0.0 <= value <= 300.0 for dot in drawn.dots for value in (dot.x, dot.low, dot.high))
    places = [place for place, _ in drawn.ticks]
    assert drawn.ticks[0] == (0.0, "0 %")
    assert min(b - a for a, b in pairwise(places)) >= 30.0
    assert promises_drawn([]) is None


def test_gains_go_from_nothing_to_all():
    """The model's comes last, so that it lies on top."""
    lines = gains_drawn(
        [Gains("This model", (0.0, 0.5, 1.0), (0.0, 0.9, 1.0), True),
         Gains("Other", (0.0, 0.5, 1.0), (0.0, 0.6, 1.0), False)]
    )  # fmt: skip
    assert [one.name for one in lines] == ["Other", "This model"]
    assert lines[1].points == "0.0,300.0 150.0,30.0 300.0,0.0"


def test_moves_are_steps():
    """A chance holds until the next outcome moves it; one point is no way."""
    course = [MovedAt(0, 0.2, 1), MovedAt(50, 0.3, 2), MovedAt(100, 0.25, 3)]
    found = moves_drawn(course, 0.2)
    assert found is not None
    line, trained = found
    pairs = [tuple(map(float, pair.split(","))) for pair in line.split()]
    assert [x for x, _ in pairs] == [0.0, 300.0, 300.0, 600.0, 600.0]
    assert pairs[0][1] == pairs[1][1] == pytest.approx(trained, abs=0.1)
    assert pairs[2][1] < pairs[4][1] < pairs[0][1]
    assert moves_drawn(course[:1], 0.2) is None
