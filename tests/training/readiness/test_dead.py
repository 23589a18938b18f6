"""Steps that nothing can be learned of: each kind, with a sentence that says what would help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from features.ladder.ladder import Beats, Condition, EventRule, Ladder, Step
from tests.training.readiness.scene import LADDER, log_of
from training.readiness.dead import dead_reasons
from training.readiness.ways import ways_of


def reasons(rows: Sequence[tuple[object, ...]], at: int, ladder: Ladder = LADDER):
    log = log_of(rows, ladder)
    return [
        (one["why"], one["text"]) for one in dead_reasons(log, ladder, ways_of(log, ladder), at)
    ]


ALIVE: list[tuple[object, ...]] = [
    ("a", "video", 0, 0.9),
    ("a", "trial", 1, float("nan"), "full"),
    ("a", "order", 2),
]


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_step_that_somebody_completes_is_alive(at):
    """One completion is enough."""
    assert reasons(ALIVE, at) == []


def test_a_name_that_never_occurs():
    """The name that was probably meant is told."""
    assert reasons([("a", "vidoe", 0, 0.9)], 0) == [
        ("never_named", "no event is called 'video'; did you mean 'vidoe'?")
    ]


def test_a_name_that_the_ladder_reads_as_it_stands():
    """What it means already is no other name misspelt."""
    step = replace(LADDER.steps[0], complete_when=(EventRule("webinar_attended"),))
    ladder = replace(LADDER, steps=(step, LADDER.steps[1]))
    assert reasons([("a", "offer_extended", 0)], 0, ladder) == [
        ("never_named", "no event is called 'webinar_attended'")
    ]


def test_a_threshold_that_nobody_meets():
    """The property, what it should be, and what numbers there are."""
    rows = [("a", "video", 0, 0.2), ("b", "video", 0, 0.7), ("c", "video", 0)]
    assert reasons(rows, 0) == [
        (
            "never_met",
            "of 3 events 'video' none meets a condition: 'part' is at least 0.8 (values there are"
            " from 0.2 to 0.7, in 2 events)",
        )
    ]


def test_one_event_is_no_events():
    """One is counted as one, and its value is no range."""
    ((_, text),) = reasons([("a", "video", 0, 0.7)], 0)
    assert text.startswith("of 1 event 'video' none meets a condition: ")
    assert text.endswith(" (values there are 0.7 alone, in 1 event)")


def test_a_property_that_is_never_there():
    """As a percentage it would be seen; absent, that is said."""
    assert "(no such event has it as a number)" in reasons([("a", "video", 0)], 0)[0][1]


def test_a_text_that_nobody_has():
    """The texts there are, but not what one lead alone has."""
    nan = float("nan")
    rows = [("a", "video", 0, 0.9), *(("ab"[at], "trial", 1, nan, "Full") for at in (0, 1))]
    rows.append(("c", "trial", 1, nan, "secret of c"))
    (one,) = reasons(rows, 1)
    assert one == (
        "never_met",
        "of 3 events 'trial' none meets a condition: 'plan' is 'full' (values there are 'Full')",
    )
    (alone,) = reasons([ALIVE[0], ("c", "trial", 1, nan, "secret of c")], 1)
    assert "it has texts that no two leads share" in alone[1]


def test_conditions_that_are_never_met_at_once():
    """Each by some event, and never all by one."""
    both = (Condition("part", "at_least", 0.8), Condition("plan", "is", "full"))
    step = replace(LADDER.steps[0], complete_when=(EventRule("video", both),))
    ladder = replace(LADDER, steps=(step, LADDER.steps[1]))
    rows = [("a", "video", 0, 0.9), ("a", "video", 1, 0.1, "full")]
    assert reasons(rows, 0, ladder) == [
        (
            "never_met",
            "of 2 events 'video' none meets all conditions at once, though each is met by some",
        )
    ]


def test_beats_that_never_add_up_to_enough():
    """Sums are told, as the condition reads sums."""
    ladder = replace(LADDER, beats=(Beats("video", "part", "plan", 1.0),))
    rows = [("a", "video", at / 1000, 0.2, "x") for at in range(3)]
    assert "values there are from 0.2 to 0.6" in reasons(rows, 0, ladder)[0][1]


def test_a_step_that_everybody_passes_by():
    """Of five leads that went further none had completed it before; of five with one, it lives."""
    rows: list[tuple[object, ...]] = [(f"{at}", "order", 1.0) for at in range(5)]
    rows += [("0", "trial", 2.0, float("nan"), "full"), ("0", "video", 0.0, 0.9)]
    assert reasons(rows, 1) == [
        ("skipped", "all 5 leads that went further had not completed it before")
    ]
    rows.append(("1", "trial", 0.5, float("nan"), "full"))
    assert reasons(rows, 1) == []


def test_a_step_that_nobody_reached():
    """Beside that no event is called so, which the end of a young log explains."""
    assert reasons([("a", "video", 0, 0.9)], 2) == [
        ("never_named", "no event is called 'order'"),
        ("never_reached", "no lead has completed 'Tries' yet"),
    ]


def test_all_ways_to_complete_a_step_are_told():
    """Each of its rules, with its own reason."""
    rules = (EventRule("video", (Condition("part", "above", 1.0),)), EventRule("call"))
    ladder = replace(LADDER, steps=(Step("look", "Looks", rules, 7.0), LADDER.steps[1]))
    ((why, text),) = reasons([("a", "video", 0, 0.9)], 0, ladder)
    assert why == "never_met"
    assert "'part' is above 1" in text
    assert text.endswith("; no event is called 'call'")
