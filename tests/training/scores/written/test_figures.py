"""The pictures: one of each kind that there are figures for, with everything they compare."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.colors import to_hex, to_rgb

from tests.training.scores.scene import too_early
from training.scores.results import AS_SERVED, MODEL
from training.scores.written.figures import KINDS, figures

SEEN: dict[str, list[list[float]]] = {
    "all colours": np.eye(3).tolist(),
    "no green": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "no red": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "no blue": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
"""Linear red, green and blue as they are seen (Machado, Oliveira and Fernandes 2009)."""
TO_XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
APART = 20.0
"""In CIELAB; 2.3 are just seen where two colours touch."""


def lab_of(colour: str, seen: list[list[float]]) -> npt.NDArray[np.float64]:
    """Where a colour lies in CIELAB, as it is seen."""
    given = np.array(to_rgb(colour))
    linear = np.where(given <= 0.04045, given / 12.92, ((given + 0.055) / 1.055) ** 2.4)
    x, y, z = np.array(TO_XYZ) @ np.clip(np.array(seen) @ linear, 0.0, 1.0) / (0.95, 1.0, 1.089)
    fx, fy, fz = (np.cbrt(v) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return np.array([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)])


def colours_of(goal) -> tuple[dict[str, str], dict[str, str]]:
    """The colours of the names: of the curves of the gain, and of the points of the log loss."""
    drawn = dict(figures(goal, 0.1))
    gain, loss = drawn["gain"].axes[0], drawn["log-loss"].axes[0]
    names = [tick.get_text() for tick in loss.get_yticklabels()]
    points = [to_hex(line.get_color()) for line in loss.lines if line.get_marker() == "o"]
    curves = {str(line.get_label()): to_hex(line.get_color()) for line in gain.lines}
    return curves, dict(zip(names, points, strict=True))


def test_every_kind(judged):
    """A goal that was judged has every picture; the kinds are told in `KINDS`."""
    assert {kind for kind, _ in figures(judged.advancement, 0.1)} == set(KINDS)


def test_outcomes_alone():
    """Of a goal that could not be judged there is what came of the points, and what it rests on."""
    assert [kind for kind, _ in figures(too_early().purchase, 0.1)] == ["outcomes", "signals"]


def test_the_heaviest_signals(judged):
    """A bar a signal, the heaviest on top; those that moved have another colour, and a legend."""
    goal = judged.advancement
    plain = dict(figures(goal, 0.1))["signals"].axes[0]
    names = [tick.get_text() for tick in plain.get_yticklabels()]
    assert names == [one.id for one in goal.signals[:15]]
    assert len(plain.patches) == 15
    assert plain.get_legend() is None
    moved = (goal.signals[0], replace(goal.signals[1], has_moved=True), *goal.signals[2:])
    axes = dict(figures(replace(goal, signals=moved), 0.1))["signals"].axes[0]
    colours = [to_hex(bar.get_facecolor()) for bar in axes.patches]
    assert colours.count(colours[-1]) == 1 < colours.count(colours[0]) == 14
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["as before", "values have moved"]


def test_the_bundle_stands_first(judged):
    """Log loss and gain name the bundle, then every baseline in their order."""
    goal = judged.advancement
    names = [MODEL, *(rival.name for rival in goal.baselines)]
    drawn = dict(figures(goal, 0.1))
    ticks = [label.get_text() for label in drawn["log-loss"].axes[0].get_yticklabels()]
    assert ticks == names
    legend = drawn["gain"].axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [*names, "random order"]


def test_a_step_a_picture(judged):
    """Each step has axes of its own, titled; what is left of the grid is blank."""
    axes = dict(figures(judged.advancement, 0.1))["reliability-steps"].axes
    titles = [one.get_title(loc="left") for one in axes if one.axison]
    assert titles == [step.title for step in judged.advancement.by_step]


def with_served(goal):
    """As of a bundle that serves with moved probabilities: a sixth rival."""
    last = replace(goal.baselines[-1], name=AS_SERVED)
    curve = dict(goal.gain)[goal.baselines[-1].name]
    baselines, gain = (*goal.baselines, last), (*goal.gain, (AS_SERVED, curve))
    return replace(goal, baselines=baselines, gain=gain)


def test_no_two_share_a_colour(judged):
    """Six rivals and the bundle; a name has one colour in both pictures."""
    curves, points = colours_of(with_served(judged.advancement))
    assert len(set(points.values())) == len(points) == 7
    assert {name: curves[name] for name in points} == points


@pytest.mark.parametrize("seen", SEEN)
def test_colours_are_told_apart_by_everybody(judged, seen):
    """Also by who sees no red, no green or no blue."""
    _, points = colours_of(with_served(judged.advancement))
    for one, other in combinations(points.values(), 2):
        gap = np.linalg.norm(lab_of(one, SEEN[seen]) - lab_of(other, SEEN[seen]))
        assert gap > APART, (one, other)
