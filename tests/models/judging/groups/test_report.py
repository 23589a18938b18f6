"""What a report says of groups: its sentences, its table, and what keeps a gate shut."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

from features.signals.protected import ProtectedTrait
from models.judging.groups.figures import GroupMeasure
from models.judging.groups.report import (
    CALIBRATION,
    FOUND,
    SELECTED,
    GroupsReport,
    group_lines,
    group_refusals,
    group_rows,
    groups_report,
)

MEASURES = (SELECTED, CALIBRATION)
LEAST = 0.8


def reported(ratio: float = 0.4, groups: int = 2, off: float = 1.0, leads: int = 4000):
    """A report of one trait: the last group has `ratio` times the selection, and `off` chances."""
    lead = np.arange(leads)
    group = lead % groups
    names = ("f", "m", "x", "y")[:groups]
    last = group == groups - 1
    turn = lead // groups % 100
    came = (turn < np.where(last, 40 * ratio, 40)).astype(float)
    after = (turn < np.where(last, 40 * off, 40)).astype(float)

    def measured(one: ProtectedTrait) -> list[GroupMeasure]:
        return [
            GroupMeasure(one.id, SELECTED, one.groups, one.group, lead, came),
            GroupMeasure(
                one.id, CALIBRATION, one.groups, one.group, lead, after, np.full(leads, 0.4)
            ),
        ]

    found = groups_report([ProtectedTrait("gender", names, group)], lead, measured, LEAST)
    assert isinstance(found, GroupsReport)
    return found


def held(**world: Any) -> dict[str, Any]:
    """The same as it comes back from a file."""
    found: dict[str, Any] = json.loads(json.dumps(reported(**world).as_dict(), allow_nan=False))
    return found


def refused(report: Any, protected=("gender",), least: float = LEAST, measures=MEASURES):
    return group_refusals(report, protected, least, measures)


def test_alike_passes():
    """Where groups are alike, nothing speaks against it."""
    report = held(ratio=1.0)
    assert {one["verdict"] for one in report["figures"]} == {"alike"}
    assert refused(report) == []


def test_a_report_comes_back():
    """What it is written as is read as what it was, also from a file."""
    found = reported(ratio=0.7)
    assert GroupsReport.of_dict(json.loads(json.dumps(found.as_dict()))) == found
    with pytest.raises(KeyError, match="traits"):
        GroupsReport.of_dict({"least_ratio": 0.8})


def test_unknown_passes_and_is_said():
    """Small groups refuse nothing, and the report says that they are small; none has its name."""
    report = reported(ratio=0.5, leads=40)
    assert refused(json.loads(json.dumps(report.as_dict()))) == []
    assert {one.group for one in report.figures} == {"all others"}
    assert any("there are no two groups of 30 leads" in line for line in group_lines(report))


def test_apart_is_refused_in_one_sentence():
    """It names the group, the figure and the limit; of two groups the lesser speaks for both."""
    (line,) = refused(held(ratio=0.4))
    assert line == (
        "gender 'm' is apart: 16.0 % stand at the top of the queue, 40.0 % of the rest; that is"
        " 0.40 times as much (95 % interval 0.36 to 0.45), at least 0.80 is allowed"
    )


def test_more_than_the_rest_is_refused_too():
    """Of three groups one that has far more is named, with the other limit."""
    lines = refused(held(ratio=2.0, groups=3, leads=6000))
    assert any(
        line.startswith("gender 'x' is apart: 80.0 % stand at the top of the queue, 40.0 %")
        and line.endswith("at most 1.25 is allowed")
        for line in lines
    )


def test_chances_that_are_off_for_one_group():
    """The sentence says how far the chances lie off, and what came for each foreseen."""
    (line,) = refused(held(ratio=1.0, off=0.5))
    assert line.startswith(
        "gender 'm' is apart: the chances lie +20.0 % off the rate that came, those of the rest"
        " 0.0 %; what came of them is 0.50 times that of the rest (95 % interval "
    )
    assert line.endswith(", at least 0.80 is allowed")


def test_nobody_of_a_group_is_told():
    """A ratio of 0 has an interval that begins at 0."""
    assert "that is 0.00 times as much (95 % interval 0.00 to " in refused(held(ratio=0.0))[0]


def test_the_rest_came_to_nothing():
    """There is no ratio then: many times as much; of two groups the one with nothing speaks."""
    assert [line.split(" is apart")[0] for line in refused(held(ratio=0.0))] == ["gender 'm'"]
    report = held(ratio=2.0, groups=3, leads=6000)
    more = [one for one in report["figures"] if (one["group"], one["measure"]) == ("x", SELECTED)]
    more[0].update(rest=0.0, ratio=None, ratio_low=1.5, ratio_high=None)
    lines = [line for line in refused(report) if line.startswith("gender 'x'")]
    assert lines == [
        "gender 'x' is apart: 80.0 % stand at the top of the queue, 0.0 % of the rest; that is many"
        " times as much (95 % interval from 1.50 on), at most 1.25 is allowed"
    ]


def test_only_what_is_asked_for_refuses():
    """A group that is apart by another measure is told in the report, and shuts no gate."""
    report = held(ratio=0.4)
    assert len(refused(report, measures=(SELECTED,))) == 1
    assert refused(report, measures=(CALIBRATION,)) == []


# ------------------------------------------------------------------------------- it fails closed


def test_nothing_is_asked_where_nothing_is_protected():
    """A ladder without a protected trait needs no report of groups."""
    assert refused(None, protected=()) == []


def test_no_report_is_refused():
    """A protected trait that was not looked at is refused, by its name."""
    assert refused(None) == [
        "the trait 'gender' is protected, and the report says nothing of its groups: evaluate it"
        " again"
    ]


def test_another_trait_is_refused():
    """One that was looked at does not stand for one that was not."""
    (line,) = refused(held(ratio=1.0), protected=("gender", "age"))
    assert "the trait 'age' is protected, and the report says nothing" in line


def test_what_was_reported_counts_without_the_ladder():
    """Groups that are apart refuse, also where the bundle's own ladder protects nothing."""
    assert len(refused(held(ratio=0.4), protected=())) == 1


def test_another_limit_is_refused():
    """A verdict by another limit than the ladder's is none."""
    (line,) = refused(held(ratio=1.0), least=0.9)
    assert "held to a ratio of 0.8, the ladder says 0.9 ([groups] least_ratio)" in line


def test_a_trait_that_nobody_has_is_refused():
    """Of a trait without a value nobody can say that its groups are treated alike."""
    trait = ProtectedTrait("gender", (), np.full(50, -1))
    found = groups_report([trait], np.arange(50), lambda _: [], LEAST)
    assert found is not None
    (line,) = refused(found.as_dict())
    assert "of no lead is its value known" in line


def test_a_measure_that_is_missing_is_refused():
    """What was not measured is not alike."""
    (line,) = refused(held(ratio=1.0), measures=(*MEASURES, FOUND))
    assert "the report does not say found of its groups" in line


@pytest.mark.parametrize("key", ["least_ratio", "traits", "figures"])
@pytest.mark.parametrize("damage", ["gone", None, "x", 3])
def test_a_damaged_report_is_refused(key, damage):
    """Whatever is wrong with it, it does not pass."""
    report = deepcopy(held(ratio=1.0))
    if damage == "gone":
        del report[key]
    else:
        report[key] = damage
    assert refused(report)


@pytest.mark.parametrize("damage", [[], "x", 3, True, {}])
def test_no_report_at_all(damage):
    """So it is with what is no report of groups."""
    assert refused(damage)


def test_a_figure_of_another_shape_is_refused():
    """A figure without a verdict, or with a member that there is none of, is damage."""
    report = held(ratio=0.4)
    report["figures"][0].pop("measure")
    assert "damaged" in refused(report)[0]
    report = held(ratio=0.4)
    report["figures"][1]["more"] = 1
    assert "damaged" in refused(report)[0]


def test_a_verdict_of_no_name_is_refused():
    """A verdict that is none of the three does not pass for one that is not apart."""
    report = held(ratio=0.4)
    report["figures"][1]["verdict"] = "Apart"
    assert "damaged" in refused(report)[0]


# -------------------------------------------------------------------------------------- in words


def test_leads_known_and_not():
    """A lead counts as known where its value was at any row."""
    trait = ProtectedTrait("gender", ("f",), np.array([0, -1, -1, 0]))
    found = groups_report([trait], np.array([1, 1, 2, 3]), lambda _: [], LEAST)
    assert found is not None
    assert [(one.trait, one.known, one.unknown) for one in found.traits] == [("gender", 2, 1)]


def test_no_protected_trait_no_report():
    """Without one there is nothing to say."""
    assert groups_report([], np.arange(3), lambda _: [], LEAST) is None


def test_table_and_lines_say_the_same():
    """A row and a line for each figure, with its verdict."""
    report = reported(ratio=0.4)
    heads, rows = group_rows(report)
    assert {len(row) for row in rows} == {len(heads)}
    assert rows[1] == (
        "gender", "m", "2,000", "stand at the top of the queue", "16.0 %", "14.5 % to 17.7 %",
        "40.0 %", "0.40", "0.36 to 0.45", "apart",
    )  # fmt: skip
    lines = group_lines(report)
    assert lines[0].endswith("0.8 to 1.25 of the ratio to the rest:")
    assert lines[1] == "  gender: known of 4,000 leads, of 0 it is not"
    assert len(lines) == 2 + len(rows)
    assert lines[3] == (
        "    m: 16.0 % stand at the top of the queue, the rest 40.0 %; ratio 0.36 to 0.45: apart"
    )
