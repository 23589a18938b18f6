"""The way of an interval as shapes."""

from __future__ import annotations

from serving.pages.experiments.pictures import HIGH, WIDE, course_drawn


def at(leads: int, value: float, low: float, high: float):
    return {"leads": leads, "value": value, "low": low, "high": high}


def places(text: str) -> list[tuple[float, float]]:
    return [tuple(map(float, pair.split(","))) for pair in text.split()]  # type: ignore[misc]


def test_from_the_left_edge_to_the_right():
    """No difference is in the middle, more is above; what reaches beyond ends at the edge."""
    drawn = course_drawn(
        "b", [at(2, 0.0, -1.0, 1.0), at(50, 0.2, -0.1, 0.5), at(102, 0.2, 0.1, 0.3)]
    )
    assert drawn is not None
    assert (drawn.zero, drawn.leads) == (HIGH / 2, 102)
    line, band = places(drawn.line), places(drawn.band)
    assert [x for x, _ in line] == [0.0, 288.0, WIDE]
    assert line[0][1] == HIGH / 2
    assert line[2][1] < HIGH / 2
    assert len(band) == 6
    assert (band[0], band[-1]) == ((0.0, 0.0), (0.0, HIGH))
    assert all(0.0 <= y <= HIGH for _, y in band)
    assert drawn.most == 0.3 * 1.6


def test_one_point_is_no_way():
    """Nothing is drawn of it."""
    assert course_drawn("b", []) is None
    assert course_drawn("b", [at(1, 0.0, -1.0, 1.0)]) is None


def test_a_small_difference_stays_small():
    """The picture is never narrower than five of a hundred."""
    drawn = course_drawn("b", [at(1, 0.0, -0.01, 0.01), at(9, 0.001, -0.001, 0.002)])
    assert drawn is not None
    assert drawn.most == 0.05
