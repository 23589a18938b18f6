"""Each step by month of entry: where the dots stand, what the table says."""

from __future__ import annotations

import re

import pytest

from models.judging.funnel.rates import funnel
from serving.pages.ladder.choices import LadderChoice
from serving.pages.ladder.cohorts import cohort_lines, cohort_pictures
from tests.serving.pages.ladder.funnels import climbers, counted, ladder_of

CHOICE = LadderChoice(within="all", every="month")


@pytest.fixture(scope="module")
def found():
    rows = (*climbers(100, 25), *climbers(100, 50, day=45), *climbers(40, 20, day=97))
    stays = counted(ladder_of((0.4, 0.6)), 100, *rows)
    return funnel(stays, CHOICE.selection(stays), CHOICE.by)


def dots(path):
    return [tuple(map(float, one)) for one in re.findall(r"M([\d.]+) ([\d.]+)h0", path)]


def test_dots_stand_at_their_shares(found):
    """From the first month at the left, 0 % at the bottom; hollow where some still have time."""
    picture = cohort_pictures(found, CHOICE)[0]
    cells = [one for one in found["steps"][0]["cohorts"] if one["rate"]["value"] is not None]
    drawn = sorted(dots(picture.done) + dots(picture.open))
    assert [y for _, y in drawn] == pytest.approx(
        [100 * (1 - one["rate"]["value"]) for one in cells], abs=0.05
    )
    assert len(dots(picture.open)) == sum(one["counts"]["pending"] > 0 for one in cells)
    assert drawn[0][0] == 6.0
    assert [picture.band_top, picture.band_high] == pytest.approx([40.0, 20.0])
    assert picture.spans.count("M") == len(cells)


def test_the_table_has_what_is_drawn(found):
    lines = cohort_lines(found, CHOICE)
    assert len(lines) == len({cell["since"] for step in found["steps"] for cell in step["cohorts"]})
    rate, came, address = lines[-1].cells[0]
    cell = found["steps"][0]["cohorts"][0]
    assert came == str(cell["counts"]["came"])
    assert rate == f"{100 * cell['rate']['value']:.0f}\u00a0%"
    assert f"since={cell['since'][:10]}" in address
    assert lines[0].cells[2] == ("", "", "")


def test_one_month_is_no_picture():
    stays = counted(ladder_of(), 10, *climbers(9, 4))
    found = funnel(stays, every="month")
    assert cohort_pictures(found, CHOICE) == []
    assert len(cohort_lines(found, CHOICE)) == 1
