"""What Rung decided, and what became of it, as events of the log.

A decision is one event with the whole record in one property: what was eligible and with which
probability, what was not and why, what was chosen, by which policy. That it reached the lead (the
exposure) and what was reported back (the outcome) are events of their own that name the decision.
Nothing else is kept of it, so a log is all that learning and judging need.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from features.errors import EventsError
from features.events.log import EventLog
from features.ladder.ladder import Ladder
from features.ladder.words import RECORD, USEFUL
from features.store.events import Event

__all__ = [
    "ANSWER",
    "BELIEVED_WORSE",
    "OF_EXPERIMENT",
    "Decided",
    "Decision",
    "decision_event",
    "decisions_of",
    "exposure_events",
    "message_id",
    "outcome_event",
]

ANSWER: Final = "answer"
"""The property of a decision event that holds what the caller was told."""
OF_EXPERIMENT: Final = "experiment:"
"""How the policy of a decision is called that somebody else's experiment made, before its id."""
BELIEVED_WORSE: Final = "believed_worse"
"""The code of an offer that could be extended, and was left out by what was believed of it."""
_SUM_WITHIN: Final = 1e-6
_UNREADABLE: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What reading a text that is no record may raise."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One choice among options, with the probabilities that it was drawn from.

    Parameters
    ----------
    as_of : what was known, in microseconds since the epoch.
    step : the id of the lead's next step; "" after the purchase.
    options, probabilities : what could be chosen; in (0, 1] each and 1 together.
    on_topic : the options that continue what the lead used last, with those left out by belief.
    excluded : offer id and the code of why it was not eligible.
    framing, framing_probability : how the offer is put, and the chance of that way; "" and 1.0
        where there is one way only.
    other_framings : the other ways that it could have been put, with the chance of each; of a
        decision before they were written down, none.
    expires_at : when the window for its outcome closes, in microseconds since the epoch.
    offer_version : of what was chosen, in the catalogue beside the ladder file; 0 is the file's.
    useful : the offer that is sent, asking nothing, where the choice is to nurture; "" for none.

    Raises
    ------
    EventsError : probabilities that are none, an option twice, or a choice that was not among the
        options.
    """

    decision_id: str
    lead_id: str
    as_of: int
    step: str
    options: tuple[str, ...]
    probabilities: tuple[float, ...]
    chosen: str
    policy: str
    policy_version: str
    expires_at: int
    on_topic: tuple[str, ...] = ()
    excluded: tuple[tuple[str, str], ...] = ()
    framing: str = ""
    framing_probability: float = 1.0
    offer_version: int = 0
    useful: str = ""
    other_framings: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no policy could have drawn."""
        total = math.fsum(self.probabilities)
        possible = all(0.0 < p <= 1.0 for p in self.probabilities)
        if len(self.probabilities) != len(self.options) or not possible:
            raise EventsError(f"decision {self.decision_id!r}: a probability in (0, 1] an option")
        chances = (self.framing_probability, *(chance for _, chance in self.other_framings))
        if not all(0.0 < chance <= 1.0 for chance in chances):
            raise EventsError(f"decision {self.decision_id!r}: a framing's chance is in (0, 1]")
        if len(set(self.options)) < len(self.options):
            raise EventsError(f"decision {self.decision_id!r}: names an option twice")
        if abs(total - 1.0) > _SUM_WITHIN:
            raise EventsError(f"decision {self.decision_id!r}: the probabilities add up to {total}")
        if self.chosen not in self.options:
            raise EventsError(f"decision {self.decision_id!r}: {self.chosen!r} is no option of it")

    @property
    def propensity(self) -> float:
        """The probability that what was chosen was chosen with."""
        return self.probabilities[self.options.index(self.chosen)]

    @property
    def is_of_others(self) -> bool:
        """Whether it was drawn by somebody else's experiment and imported, not by Rung."""
        return self.policy.startswith(OF_EXPERIMENT)

    @property
    def believed_worse(self) -> tuple[str, ...]:
        """The offers that another policy could have chosen, or the same by other beliefs."""
        return tuple(offer for offer, why in self.excluded if why == BELIEVED_WORSE)

    def record(self) -> str:
        """The decision as JSON text: the property that `of_record` reads."""
        others = [list(pair) for pair in self.other_framings]
        return json.dumps(
            {
                "decision_id": self.decision_id,
                "as_of": self.as_of,
                "step": self.step,
                "options": list(self.options),
                "probabilities": list(self.probabilities),
                "chosen": self.chosen,
                "policy": [self.policy, self.policy_version],
                "expires_at": self.expires_at,
                "on_topic": list(self.on_topic),
                "excluded": [list(pair) for pair in self.excluded],
                "framing": [self.framing, self.framing_probability],
                "offer_version": self.offer_version,
                "useful": self.useful,
                **({"other_framings": others} if others else {}),
            },
            separators=(",", ":"),
            ensure_ascii=False,
        )

    @classmethod
    def of_record(cls, lead_id: str, text: str) -> Decision:
        """The reverse of `record`; EventsError, naming the lead, where the text is no record."""
        try:
            held = json.loads(text)
            return cls(
                decision_id=str(held["decision_id"]),
                lead_id=lead_id,
                as_of=_instant(held["as_of"]),
                step=str(held["step"]),
                options=tuple(map(str, held["options"])),
                probabilities=tuple(map(float, held["probabilities"])),
                chosen=str(held["chosen"]),
                policy=str(held["policy"][0]),
                policy_version=str(held["policy"][1]),
                expires_at=_instant(held["expires_at"]),
                on_topic=tuple(map(str, held["on_topic"])),
                excluded=tuple((str(one), str(why)) for one, why in held["excluded"]),
                framing=str(held["framing"][0]),
                framing_probability=float(held["framing"][1]),
                offer_version=int(held.get("offer_version", 0)),
                useful=str(held.get("useful", "")),
                other_framings=tuple(
                    (str(one), float(chance)) for one, chance in held.get("other_framings", ())
                ),
            )
        except EventsError as error:
            raise EventsError(f"lead {lead_id!r}: {error}") from error
        except _UNREADABLE as error:
            raise EventsError(f"lead {lead_id!r}: {text[:80]!r} is no record of a decision") from (
                error
            )


def _instant(value: Any) -> int:
    """Microseconds that a log can hold; an error of `_UNREADABLE` otherwise."""
    return int(np.int64(int(value)))


def message_id(decision_id: str, what: str) -> str:
    """The id of an event of a decision: once a decision, whatever the id is made of."""
    digest = blake2b(decision_id.encode(), digest_size=16).hexdigest()
    return f"rung-{what}-{digest}"


def decision_event(
    decision: Decision,
    ladder: Ladder,
    answer: Mapping[str, object] | None = None,
    channel: str | None = None,
) -> Event:
    """The event of a decision; its flat properties are for people and other tools.

    Parameters
    ----------
    answer : what the caller was told, kept to tell it again.
    channel : where the offer was to be extended, kept for the exposure; None where that was open.
    """
    properties: dict[str, object] = {
        "decision_id": decision.decision_id,
        "offer": decision.chosen,
        "step": decision.step,
        "propensity": decision.propensity,
        "policy": decision.policy,
        RECORD: decision.record(),
    }
    if decision.useful:
        properties[USEFUL] = decision.useful
    if channel is not None:
        properties["channel"] = channel
    if answer is not None:
        properties[ANSWER] = answer
    return _event(ladder.events.decision, decision, decision.as_of, "decision", properties)


def exposure_events(decision: Decision, ladder: Ladder, exposed_at: int) -> list[Event]:
    """That the choice reached the lead; for an offer of the ladder also that it was extended.

    What is sent to nurture is no ask, and is said with the exposure.

    Parameters
    ----------
    exposed_at : when it did, in microseconds since the epoch.
    """
    named = {"decision_id": decision.decision_id}
    record = json.dumps(named, separators=(",", ":"))
    exposure = {**named, RECORD: record}
    if decision.is_of_others:  # nobody who reads it is to take it for Rung's own
        exposure["policy"] = decision.policy
    if decision.useful:
        exposure[USEFUL] = decision.useful
    events = [_event(ladder.events.exposure, decision, exposed_at, "exposure", exposure)]
    if any(offer.id == decision.chosen for offer in ladder.offers):
        told = {**named, "offer": decision.chosen}
        if decision.framing:
            told["framing"] = decision.framing
        events.append(_event(ladder.events.offer_extended, decision, exposed_at, "extended", told))
    return events


def outcome_event(
    decision: Decision, ladder: Ladder, occurred_at: int, known_at: int, value: float, kind: str
) -> Event:
    """What was reported back; late where it happened after the decision's window.

    Parameters
    ----------
    occurred_at, known_at : when it happened, and now; in microseconds since the epoch.

    Raises
    ------
    EventsError : a value that is not in [0, 1]; in the log it would be in the way of all learning.
    """
    if not 0.0 <= value <= 1.0:
        raise EventsError(
            f"decision {decision.decision_id!r}: the outcome {value} is not in [0, 1]"
        )
    late = occurred_at > decision.expires_at
    told = {"decision_id": decision.decision_id, "value": value, "late": late}
    record = json.dumps(told, separators=(",", ":"))
    properties = {**told, "kind": kind, RECORD: record}
    event = _event(ladder.events.outcome, decision, occurred_at, "outcome", properties)
    return event._replace(known_at=max(occurred_at, known_at))


def _event(
    name: str, decision: Decision, occurred_at: int, what: str, properties: Mapping[str, object]
) -> Event:
    return Event(
        message_id(decision.decision_id, what),
        decision.lead_id,
        name,
        occurred_at,
        occurred_at,
        json.dumps(properties, separators=(",", ":"), ensure_ascii=False),
    )


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision of a log with what became of it.

    Parameters
    ----------
    lead : index into the log's leads.
    exposed_at : None where it is not known to have reached the lead.
    outcome : the value in [0, 1] that was reported within the window; None without one.
    """

    decision: Decision
    lead: int
    exposed_at: int | None = None
    outcome: float | None = None


def decisions_of(log: EventLog, ladder: Ladder) -> list[Decided]:
    """The decisions of a log in its order, each once.

    Raises
    ------
    EventsError : an event of a decision whose record cannot be read, or which says what cannot be;
        the message names the lead.
    """
    made = _records(log, ladder.events.decision)
    exposed = _by_decision(log, ladder.events.exposure)
    reported = _by_decision(log, ladder.events.outcome)
    found: dict[str, Decided] = {}
    for _, lead, text in made:
        decision = Decision.of_record(log.leads[lead], text)
        if decision.decision_id in found:
            continue
        exposure = exposed.get(decision.decision_id)
        found[decision.decision_id] = Decided(
            decision=decision,
            lead=lead,
            exposed_at=None if exposure is None else int(log.occurred[exposure[0]]),
            outcome=_outcome(log, decision, reported.get(decision.decision_id)),
        )
    return list(found.values())


def _outcome(
    log: EventLog, decision: Decision, found: tuple[int, dict[str, Any]] | None
) -> float | None:
    """The value of an outcome; None where none was reported, or for a time after the window."""
    if found is None:
        return None
    row, held = found
    if held.get("late") or log.occurred[row] > decision.expires_at:
        return None
    value = held.get("value")
    if not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        raise EventsError(f"lead {decision.lead_id!r}: the outcome {value!r} is not in [0, 1]")
    return float(value)


def _records(log: EventLog, name: str) -> list[tuple[int, int, str]]:
    """Row, lead and record of each event of a name."""
    rows = _rows_of(log, name)
    if not len(rows):
        return []
    column = log.columns.texts.index(RECORD)
    words, codes = log.text_values[column], log.texts[column]
    leads = log.lead_of_rows()
    absent = [int(row) for row in rows if codes[row] < 0]
    if absent:
        lead = log.leads[int(leads[absent[0]])]
        raise EventsError(f"lead {lead!r}: a {name!r} event without its {RECORD!r}")
    return [(int(row), int(leads[row]), words[codes[row]]) for row in rows]


def _rows_of(log: EventLog, name: str) -> npt.NDArray[np.intp]:
    if name not in log.names:
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(log.name == log.names.index(name))


def _by_decision(log: EventLog, name: str) -> dict[str, tuple[int, dict[str, Any]]]:
    """The first row that names each decision, with what it says."""
    found: dict[str, tuple[int, dict[str, Any]]] = {}
    for row, lead, text in _records(log, name):
        try:
            held = json.loads(text)
            decision_id = str(held["decision_id"])
        except _UNREADABLE as error:
            raise EventsError(
                f"lead {log.leads[lead]!r}: a {name!r} event with {text[:80]!r}, which names no"
                " decision"
            ) from error
        found.setdefault(decision_id, (row, held))
    return found
