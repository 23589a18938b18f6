"""The ladder: the ordered steps that a business asks of a lead, ending in purchase.

Frozen values only. A ladder is read from a TOML file by `features.ladder_file`; nothing here
touches files, clocks or events.
"""

from __future__ import annotations

import builtins
import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Literal

__all__ = [
    "Band",
    "Condition",
    "Effort",
    "EffortWeights",
    "EventNames",
    "EventRule",
    "How",
    "Ladder",
    "Offer",
    "Operator",
    "SignalRow",
    "Step",
    "Trait",
]

Operator = Literal["is", "is_not", "one_of", "at_least", "at_most", "above", "below"]
How = Literal[
    "count",
    "sum",
    "mean",
    "max",
    "min",
    "last",
    "days_since_first",
    "days_since_last",
    "active_days",
    "decayed_count",
    "distinct",
]


@dataclass(frozen=True, slots=True)
class Condition:
    """A claim about one property of an event. An absent property meets no condition but `is_not`.

    `at_least`, `at_most`, `above` and `below` compare numbers; `is` and `is_not` compare a number,
    a truth value (stored as 1 or 0) or a text; `one_of` holds a tuple of texts.
    """

    property: str
    operator: Operator
    value: float | str | tuple[str, ...]

    @builtins.property  # the field `property` hides it here
    def is_text(self) -> bool:
        """Whether the condition reads a text property rather than a number."""
        return isinstance(self.value, str | tuple)


@dataclass(frozen=True, slots=True)
class EventRule:
    """Events of one name whose properties meet all conditions."""

    event: str
    where: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Band:
    """The healthy range of a conversion rate, as two fractions in [0, 1]."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Step:
    """One rung. Completed by the first event that meets any of the rules in `complete_when`.

    Parameters
    ----------
    horizon_days : days within which a lead on the rung below is expected to complete this one.
    band : healthy conversion from the rung below into this one; None on the first step.
    engaged_by : names of the events that show engagement at this step; its completion events are
        among them.
    """

    id: str
    title: str
    complete_when: tuple[EventRule, ...]
    horizon_days: float
    band: Band | None = None
    engaged_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EffortWeights:
    """What each part of an effort counts, in minutes' worth. The ladder file may change them."""

    per_minute: float = 1.0
    per_form_field: float = 3.0
    live: float = 10.0
    human: float = 15.0
    money: float = 30.0


@dataclass(frozen=True, slots=True)
class Effort:
    """What an offer asks of the lead: minutes, form fields by name, presence, a human, money."""

    minutes: float = 0.0
    form_fields: tuple[str, ...] = ()
    live: bool = False
    human: bool = False
    money: float = 0.0

    def score(self, weights: EffortWeights) -> float:
        """The effort as one number, in minutes' worth."""
        return (
            weights.per_minute * self.minutes
            + weights.per_form_field * len(self.form_fields)
            + weights.live * self.live
            + weights.human * self.human
            + weights.money * (self.money > 0)
        )


@dataclass(frozen=True, slots=True)
class Offer:
    """A micro-commitment that can be extended to a lead to complete the step `step`.

    `value_minutes` is how long the lead has use of it, `rep_minutes` what it costs the seller;
    `valid_from` and `valid_until` are aware instants; `guarantee_days` is set on guarantees,
    `scope_days` on pilots and trials.
    """

    id: str
    step: str
    title: str
    kind: str
    effort: Effort
    value_minutes: float = 0.0
    topics: tuple[str, ...] = ()
    framing: str = ""
    rep_minutes: float = 0.0
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    guarantee_days: int | None = None
    scope_days: int | None = None


@dataclass(frozen=True, slots=True)
class Trait:
    """A profile attribute: the property `id` of traits events. `personal` marks personal data."""

    id: str
    type: Literal["number", "category"]
    personal: bool = False
    says: str = ""


@dataclass(frozen=True, slots=True)
class SignalRow:
    """A signal that the user adds: what to aggregate, which measure, how, over which window.

    `of` empty means everything the lead itself did. `measure` is a numeric property, or a text
    property for `last` and `distinct`. `says` is a sentence for a salesperson in which `{value}`
    stands for the number, `{ago}` for an age and `{count:visit}` for a number of visits.
    """

    id: str
    of: tuple[EventRule, ...]
    how: How
    measure: str = ""
    measure_type: Literal["number", "category"] = "number"
    window_days: float | None = None
    half_life_days: float | None = None
    says: str = ""


@dataclass(frozen=True, slots=True)
class EventNames:
    """What the events with a fixed role are called in this business's log."""

    traits: str = "identify"
    offer_extended: str = "offer_extended"
    offer_seen: str = "offer_seen"
    offer_declined: str = "offer_declined"
    lead_asked: str = "lead_asked"
    business_replied: str = "business_replied"


@dataclass(frozen=True, slots=True)
class Ladder:
    """The whole ladder file, as values.

    Parameters
    ----------
    steps : 2 to 12 steps in order, without the purchase.
    purchase : the last rung; its horizon is counted from the instant of scoring.
    restart_on : events with which a lead begins the ladder anew (a repeat buyer, a new campaign).
        Completions before them no longer count as position; signals still see the whole history. An
        event that also completes a step (an order, for a repeat buyer) only restarts.
    score_at : events at which leads are scored in training; empty means at any instant.
    dormant_after_days : a lead silent for longer is no longer scored in training or queued.
    max_effort_jump : the largest ratio of one step's effort to the one below that is not a jump.
    source : the text of the file this ladder was read from; not part of its identity.
    """

    name: str
    title: str
    steps: tuple[Step, ...]
    purchase: Step
    offers: tuple[Offer, ...] = ()
    traits: tuple[Trait, ...] = ()
    signals: tuple[SignalRow, ...] = ()
    events: EventNames = EventNames()
    restart_on: tuple[EventRule, ...] = ()
    score_at: tuple[EventRule, ...] = ()
    dormant_after_days: float = 90.0
    effort_weights: EffortWeights = EffortWeights()
    max_effort_jump: float = 5.0
    source: str = field(default="", compare=False, repr=False)

    @property
    def goals(self) -> tuple[Step, ...]:
        """All rungs, the purchase last: `goals[p]` is the next step of a lead at position p."""
        return (*self.steps, self.purchase)

    def offers_of(self, step_id: str) -> tuple[Offer, ...]:
        """The offers that complete a step, in file order."""
        return tuple(offer for offer in self.offers if offer.step == step_id)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything but the source text; comments and spacing do not change it."""
        values = asdict(self)
        del values["source"]
        text = json.dumps(values, sort_keys=True, default=str, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
