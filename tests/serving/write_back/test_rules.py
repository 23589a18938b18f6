"""When a CRM is told: what it holds stays near the truth, and nothing is told for nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.write_back.rules import (
    DAY,
    DELAYS,
    SECOND,
    Fields,
    Outcome,
    RecordState,
    after_call,
    after_score,
    fields_of,
    matters,
)
from tests.serving.write_back.scene import NOW, score

DEADBAND = 0.05
HELD = Fields(0.5, "medium", "human", "watched a video", NOW, "abc")


def details(*lines: tuple[str, str]) -> str:
    return json.dumps({"reasons": [{"signal": id_, "text": text} for id_, text in lines]})


# ------------------------------------------------------------------------------------ what matters


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (replace(HELD, band="high"), True),
        (replace(HELD, band=None), True),
        (replace(HELD, next_step="pilot"), True),
        (replace(HELD, probability=0.55), True),
        (replace(HELD, probability=0.45), True),
        (replace(HELD, probability=0.549), False),
        (replace(HELD, probability=None), True),
        (replace(HELD, reason="another", scored_at=NOW + 1, model_version="def"), False),
    ],
)
def test_what_matters(now, expected):
    """Another band, another step and a move by the deadband matter; all else does not."""
    assert matters(HELD, now, DEADBAND) is expected


def test_first_time():
    """Who holds nothing is told of a probability, and not of a lead that has none."""
    assert matters(None, HELD, DEADBAND)
    assert not matters(None, replace(HELD, probability=None), DEADBAND)


@given(st.integers(0, 20), st.integers(0, 20))
def test_deadband_is_exact(one, other):
    """Twentieths that differ differ by at least 0.05, however a computer writes them."""
    moved = matters(
        replace(HELD, probability=one / 20), replace(HELD, probability=other / 20), 0.05
    )
    assert moved is (one != other)


def test_fields_of_a_score():
    """A CRM is told the strongest reason, not the rest in one, and the short version."""
    row = score("ada", 0.25, reasons=details(("other", "the rest"), ("seen", "saw the offer")))
    expected = Fields(0.25, "medium", "human", "saw the offer", NOW, "0123456789ab", "events")
    assert fields_of(row) == expected


@pytest.mark.parametrize("reasons", ["", "{}", details(), details(("other", "the rest"))])
def test_no_reason(reasons):
    """A score without a reason to tell clears the reason that was told before."""
    assert fields_of(score("ada", reasons=reasons)).reason is None


def test_long_reason():
    """A reason is cut to what every CRM takes."""
    reason = fields_of(score("ada", reasons=details(("a", "x" * 900)))).reason
    assert reason == "x" * 255


@given(
    st.builds(
        Fields,
        st.none() | st.floats(0, 1),
        st.none() | st.text(),
        st.none() | st.text(),
        st.none() | st.text(),
        st.integers(0, 2**60),
        st.text(),
    )
)
def test_round_trip(fields):
    """Fields are read back as they were written."""
    assert Fields.read(fields.text()) == fields


# ------------------------------------------------------------------------------------- what follows


class Crm:
    """A CRM and a row, as `Outbox` and a worker use the rules; `holds` is what the CRM was told."""

    def __init__(self) -> None:
        self.state = RecordState()
        self.holds: Fields | None = None
        self.truth: Fields | None = None
        self.sent: Fields | None = None
        self.at = NOW
        self.trouble = False
        self.needless = 0

    def score(self, fields):
        self.at += SECOND
        self.truth = replace(fields, scored_at=self.at)
        self.state = after_score(self.state, self.truth, DEADBAND, self.at) or self.state

    def claim(self):
        """A worker takes the row, if it is due at all."""
        if self.state.due_at is None or self.sent is not None:
            return
        assert self.state.wanted is not None
        self.at = max(self.at, self.state.due_at)
        if not self.trouble and not matters(self.holds, self.state.wanted, DEADBAND):
            self.needless += 1
        self.state = replace(self.state, attempts=self.state.attempts + 1)
        self.sent = self.state.wanted

    def answer(self, what):
        """The CRM's answer; "lost": it wrote, and we never hear of it."""
        if self.sent is None:
            return
        if what in ("written", "lost"):
            self.holds = self.sent
        self.trouble = what != "written"
        outcome = Outcome("failed" if what == "lost" else what, "" if what == "written" else "no")
        self.state = after_call(self.state, self.sent, outcome, DEADBAND, self.at)
        self.sent = None


FIELDS = st.builds(
    Fields,
    st.none() | st.sampled_from([0.1, 0.12, 0.14, 0.16, 0.18, 0.5]),
    st.sampled_from(["low", "high"]),
    st.sampled_from(["video", "human"]),
    st.none(),
    st.just(0),
    st.just("abc"),
)
ANSWERS = st.sampled_from(["written", "lost", "failed", "untried", "overridden", "missing"])


@given(st.lists(FIELDS | st.just("claim") | ANSWERS, max_size=40))
def test_crm_ends_near_the_truth(actions):
    """Whatever fails, is lost or changes on the way: once the queue is empty, the CRM is right."""
    crm = Crm()
    for action in actions:
        if isinstance(action, Fields):
            crm.score(action)
        elif action == "claim":
            crm.claim()
        else:
            crm.answer(action)
    crm.answer("written")
    for _ in range(2):
        crm.claim()
        crm.answer("written")
    assert crm.state.due_at is None
    if crm.truth is not None and crm.state.wanted is None:
        assert not matters(crm.holds, crm.truth, DEADBAND)
    else:
        assert crm.truth is None or crm.state.attempts > 7  # given up


@given(st.lists(FIELDS | st.just("claim") | st.just("written"), max_size=40))
def test_nothing_is_told_for_nothing(actions):
    """While the CRM answers, each write tells it something that matters."""
    crm = Crm()
    for action in actions:
        if isinstance(action, Fields):
            crm.score(action)
        elif action == "claim":
            crm.claim()
        else:
            crm.answer("written")
    assert crm.needless == 0


def test_newest_wins():
    """Of several changes that wait only the last is told, at the time of the first."""
    first = RecordState(None, HELD, NOW)
    assert after_score(RecordState(), HELD, DEADBAND, NOW) == first
    last = replace(HELD, probability=0.9)
    assert after_score(first, last, DEADBAND, NOW + 9) == RecordState(None, last, NOW)


def test_change_that_is_taken_back():
    """What waits and is no longer true is dropped, as long as the CRM was not asked to take it."""
    waiting = RecordState(HELD, replace(HELD, band="high"), NOW, 0)
    assert after_score(waiting, HELD, DEADBAND, NOW) == RecordState(HELD)
    asked = replace(waiting, attempts=1)
    assert after_score(asked, HELD, DEADBAND, NOW) == replace(asked, wanted=HELD)


def test_delays():
    """It is tried again after 1 s, 30 s, 5 min, 1 h, 6 h, then daily for a week, then no more."""
    state, waits = RecordState(None, HELD, NOW, 0), []
    while state.due_at is not None:
        state = replace(state, attempts=state.attempts + 1)
        state = after_call(state, HELD, Outcome("failed", "no"), DEADBAND, NOW)
        waits.append(state.due_at and state.due_at - NOW)
    assert waits == [*(seconds * SECOND for seconds in (1, 30, 300, 3600, 21600)), *[DAY] * 7, None]
    assert len(DELAYS) == 12


def test_asked_to_wait():
    """A CRM that asks for a longer pause than ours gets it."""
    state = RecordState(None, HELD, NOW, 1)
    after = after_call(state, HELD, Outcome("failed", "429", 60 * SECOND), DEADBAND, NOW)
    assert after.due_at == NOW + 60 * SECOND


@pytest.mark.parametrize(
    ("due_at", "wait", "expected"),
    [
        (NOW - 9, 0, NOW - 9),
        (NOW + DAY, 0, NOW),
        (NOW - 9, 60 * SECOND, NOW + 60 * SECOND),
    ],
    ids=["keeps its place", "of a clock that was ahead", "asked to wait"],
)
def test_untried(due_at, wait, expected):
    """What was not tried costs no attempt, and keeps its place unless the CRM asks to wait."""
    state = RecordState(None, HELD, due_at, 3)
    after = after_call(state, HELD, Outcome("untried", "no", wait), DEADBAND, NOW)
    assert (after.due_at, after.attempts) == (expected, 2)


def test_given_up():
    """What was given up waits for the next change that matters, and is told again then."""
    state = RecordState(None, HELD, None, len(DELAYS) + 1)
    assert after_score(state, replace(HELD, probability=0.51), DEADBAND, NOW) is None
    moved = replace(HELD, probability=0.9)
    assert after_score(state, moved, DEADBAND, NOW) == RecordState(None, moved, NOW, 1)
