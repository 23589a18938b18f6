"""When a CRM is told of a score, and what becomes of the telling. Pure: no clock, no database.

A CRM is told the state of a lead, not its changes: of several changes that wait only the last is
written, and writing it twice is the same as writing it once.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Final, Literal

from features.events.properties import parse_object
from features.store.kept.scores import StoredScore
from models.bundle import version_of

__all__ = [
    "DAY",
    "DELAYS",
    "SECOND",
    "FieldKind",
    "Fields",
    "Outcome",
    "Record",
    "RecordState",
    "after_call",
    "after_score",
    "fields_of",
    "matters",
]

SECOND: Final = 1_000_000
"""Microseconds."""
DAY: Final = 86_400 * SECOND
_QUICK: Final = (SECOND, 30 * SECOND, 300 * SECOND, 3_600 * SECOND, 6 * 3_600 * SECOND)
_DAYS: Final = 7
DELAYS: Final = (*_QUICK, *[DAY] * _DAYS)
"""Microseconds to wait after each failure in a row; the one after these ends it."""

_LONGEST_REASON: Final = 255
"""What a text field of any of the CRMs holds."""
_REST: Final = "other"
"""The reason that stands for all that are not told one by one."""
_ROUNDING: Final = 1e-9
"""0.3 - 0.25 is a little less than 0.05 to a computer."""


@dataclass(frozen=True, slots=True)
class Fields:
    """What a CRM holds, or is to hold, of a lead.

    Parameters
    ----------
    probability : of completing the next step, in [0, 1]; None for a lead without a next step.
    next_step : a step's id.
    reason : the strongest one, as a sentence.
    cause : why the score is another one than before: events, time, model or recalibration.
    scored_at : microseconds since the epoch, UTC.
    """

    probability: float | None
    band: str | None
    next_step: str | None
    reason: str | None
    scored_at: int
    model_version: str
    cause: str | None = None

    def text(self) -> str:
        """As the text of a JSON object."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> Fields:
        """What `text` gave."""
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class Record:
    """A lead to tell a CRM of, as one process has it for itself until `leased_until`."""

    lead_id: str
    external_id: str
    fields: Fields
    leased_until: int


@dataclass(frozen=True, slots=True)
class RecordState:
    """What a CRM was told of a lead last, and what it is to be told.

    Parameters
    ----------
    written : as last accepted; None before that.
    wanted : None where there is nothing to tell.
    due_at : microseconds; None where there is nothing to tell, or the telling was given up.
    attempts : since the last acceptance. While it is 0, the CRM holds `written` for certain.
    """

    written: Fields | None = None
    wanted: Fields | None = None
    due_at: int | None = None
    attempts: int = 0


FieldKind = Literal["written", "failed", "overridden", "missing", "untried"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of telling a CRM of one lead.

    Parameters
    ----------
    kind : overridden, a person has taken the record over; missing, the CRM has no such record;
        untried, the CRM did not let us in, or was not told of this lead.
    error : why it was not written; "" where it was.
    wait : microseconds that the CRM asks us to wait at least.
    """

    kind: FieldKind
    error: str = ""
    wait: int = 0


def fields_of(score: StoredScore) -> Fields:
    """What a CRM is to hold of a scored lead."""
    return Fields(
        probability=score.p_advance,
        band=score.band,
        next_step=score.step or None,
        reason=_first_reason(score.reasons),
        scored_at=score.scored_at,
        model_version=version_of(score.bundle),
        cause=score.cause,
    )


def _first_reason(reasons: str) -> str | None:
    """The strongest reason's sentence; None where the score was stored without reasons."""
    details = parse_object(reasons) if reasons else None
    lines = details.get("reasons") if details else None
    for line in lines if isinstance(lines, list) else []:
        if line["signal"] != _REST:
            return str(line["text"])[:_LONGEST_REASON]
    return None


def matters(held: Fields | None, now: Fields, deadband: float) -> bool:
    """Whether what is known now is worth telling to who holds something else.

    It is where the band or the step is another one, or the probability has come, gone, or moved by
    at least `deadband`. Who holds nothing is told of a lead as soon as it has a score.
    """
    if held is None:
        return now.probability is not None
    if (held.band, held.next_step) != (now.band, now.next_step):
        return True
    if held.probability is None or now.probability is None:
        return held.probability is not now.probability
    return abs(now.probability - held.probability) >= deadband - _ROUNDING


def after_score(state: RecordState, now: Fields, deadband: float, as_of: int) -> RecordState | None:
    """The state once a lead is scored anew; None where nothing changes.

    What waits is replaced by what is known now, and dropped where the CRM holds that already. A
    telling that was given up begins again with the next change that matters.
    """
    if state.due_at is not None:
        if state.attempts == 0 and not matters(state.written, now, deadband):
            return replace(state, wanted=None, due_at=None)
        return replace(state, wanted=now)
    if state.wanted is not None:
        if not matters(state.wanted, now, deadband):
            return None
        return replace(state, wanted=now, due_at=as_of, attempts=1)  # what it holds is not certain
    if not matters(state.written, now, deadband):
        return None
    return replace(state, wanted=now, due_at=as_of, attempts=0)


def after_call(
    state: RecordState, sent: Fields, outcome: Outcome, deadband: float, as_of: int
) -> RecordState:
    """The state once a CRM has answered; `sent` is what it was told, or was to be told.

    What is wanted no more by then, as of a lead that has opted out, is not tried again.
    """
    if outcome.kind != "written":
        due = None if state.wanted is None else _due_again(state, outcome, as_of)
        attempts = state.attempts - (outcome.kind == "untried")
        return replace(state, due_at=due, attempts=attempts)
    if state.wanted is not None and matters(sent, state.wanted, deadband):
        return RecordState(sent, state.wanted, as_of)
    return RecordState(sent)


def _due_again(state: RecordState, outcome: Outcome, as_of: int) -> int | None:
    """When to try again; None for never.

    What was not tried keeps its place, before all that was refused since.
    """
    if outcome.kind == "overridden":
        return as_of + DAY
    if outcome.kind == "missing":
        return as_of + DAY if state.attempts <= _DAYS else None
    if outcome.kind == "untried":
        place = as_of if state.due_at is None else min(state.due_at, as_of)
        return as_of + outcome.wait if outcome.wait else place
    if state.attempts > len(DELAYS):
        return None
    return as_of + max(DELAYS[state.attempts - 1], outcome.wait)
