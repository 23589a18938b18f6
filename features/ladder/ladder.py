"""The ladder: the ordered steps that a business asks of a lead, ending in purchase.

Frozen values only. A ladder is read from a TOML file by `features.ladder.file`; nothing here
touches files, clocks or events.
"""

from __future__ import annotations

import builtins
import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Literal

from features.ladder.source import Source

__all__ = [
    "Activity",
    "Band",
    "Commitment",
    "Condition",
    "Effort",
    "EffortWeights",
    "EventNames",
    "EventRule",
    "Framing",
    "Gain",
    "How",
    "Ladder",
    "Limits",
    "Offer",
    "Operator",
    "PolicySettings",
    "SignalRow",
    "Step",
    "Trait",
    "Value",
]

_LOW, _HIGH = 0.2, 0.5
"""Thresholds of chances where the ladder says nothing."""

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
    """Events of one name whose properties meet all conditions.

    Parameters
    ----------
    event : the name; in rules of activity "*_failed" stands for all names that end so, and "*" for
        all names.
    """

    event: str
    where: tuple[Condition, ...] = ()

    def names(self, name: str) -> bool:
        """Whether events of this name may meet the rule."""
        return name.endswith(self.event[1:]) if self.event[:1] == "*" else name == self.event


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
    high_from, low_below : chances of completing it from which a lead is high, and below which it is
        low; None stands for the edges of `band`, or one half and a fifth without one.
    """

    id: str
    title: str
    complete_when: tuple[EventRule, ...]
    horizon_days: float
    band: Band | None = None
    engaged_by: tuple[str, ...] = ()
    high_from: float | None = None
    low_below: float | None = None

    @property
    def thresholds(self) -> tuple[float, float]:
        """Below the first a chance is low, from the second on it is high."""
        low, high = (self.band.low, self.band.high) if self.band else (_LOW, _HIGH)
        low = low if self.low_below is None else self.low_below
        high = high if self.high_from is None else self.high_from
        return min(low, high), high


@dataclass(frozen=True, slots=True)
class EffortWeights:
    """What each part of an effort counts, in minutes' worth. The ladder file may change them.

    `per_money` is the minutes' worth of one unit of the ladder's currency.
    """

    per_minute: float = 1.0
    per_form_field: float = 3.0
    live: float = 10.0
    human: float = 15.0
    per_money: float = 0.01


@dataclass(frozen=True, slots=True)
class Effort:
    """What an offer asks of the lead: minutes, form fields by name, presence, a human, money.

    `money` is a sum in the ladder's currency.
    """

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
            + weights.per_money * self.money
        )


@dataclass(frozen=True, slots=True)
class Commitment:
    """Something agreed with a lead that is under way: while it is, nothing else is asked.

    It is open from an event that meets `begins` until the first that meets `until`, or until its
    end, or for `days`; whichever comes first.

    Parameters
    ----------
    title : what is under way, to be read after "while": "a session is booked".
    ends_at : the property of the beginning event that holds when it ends, as RFC 3339; "" for none.
    """

    id: str
    title: str
    begins: tuple[EventRule, ...]
    until: tuple[EventRule, ...] = ()
    ends_at: str = ""
    days: float | None = None


@dataclass(frozen=True, slots=True)
class Framing:
    """One way to put an offer to a lead, under a name of its own so that it can be compared."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A micro-commitment that can be extended to a lead to complete the step `step`.

    `value_minutes` is how long the lead has use of it, `rep_minutes` what it costs the seller;
    `valid_from` and `valid_until` are aware instants; `guarantee_days` is set on guarantees,
    `scope_days` on pilots and trials.

    Parameters
    ----------
    framing : how it is put to the lead; `framings` are variants of it that are tried at random.
    channels : where it can be extended, such as "email"; empty means anywhere.
    only_after : it is eligible only when an event met one of these rules; empty means always.
    again_after_days : how long until it may be extended to the same lead again; None means as the
        ladder's limits say.
    role : a "support" offer helps with the step just completed (tips, a case study) and asks for
        nothing; it is no ask, so caps and cool-downs of asks do not hold it back.
    during : ids of commitments; it is due while one of them is open, and only then.
    not_while : ids of commitments that hold this offer back; one that any offer names here holds
        back the offers that name it, and no others.
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
    framings: tuple[Framing, ...] = ()
    channels: tuple[str, ...] = ()
    only_after: tuple[EventRule, ...] = ()
    again_after_days: float | None = None
    role: Literal["ask", "support"] = "ask"
    during: tuple[str, ...] = ()
    not_while: tuple[str, ...] = ()


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
    consent: str = "consent"
    consultation: str = "consultation_outcome"
    decision: str = "rung_decision"
    exposure: str = "rung_exposure"
    outcome: str = "rung_outcome"


@dataclass(frozen=True, slots=True)
class Activity:
    """Which events are the lead's own interest; tried in the order against, ours, interest.

    An event that meets none of the rules is neutral: signals may read it, it is no activity. None
    stands for what `features.ladder.activity` makes of the ladder.

    Parameters
    ----------
    interest : what the lead did that shows interest.
    against : refusals, bounces, withdrawals, failures and complaints.
    ours : what the business did.
    """

    interest: tuple[EventRule, ...] | None = None
    against: tuple[EventRule, ...] | None = None
    ours: tuple[EventRule, ...] | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What keeps a lead from being pushed, and a rep from being asked for too much.

    Parameters
    ----------
    asks, asks_days : at most so many asks in so many days (the fatigue cap).
    days_between_asks : the cool-down after any ask.
    days_before_sales : after a step below the human one was completed, no offer with a human in it
        for so long: support first, not a pitch.
    again_after_days : how long until the same offer may be extended again.
    declined_days : how long an offer that was declined stays out.
    unanswered, rest_days : after so many asks in a row without an answer, none for so long.
    rep_minutes_a_day : what all offers extended in a day (UTC) may cost the seller; None means no
        limit.
    form_fields : at most so many profile fields are asked for at one step, those that the offer
        itself asks for among them.
    offer_open_days : so long an offer without an answer stands for itself: nothing else is asked.
    support_days : for so long after a step that has support offers there is support and no ask.
    consent : whether a channel is open until the lead refuses it (opt_out), or closed until the
        lead grants it (opt_in).
    """

    asks: int = 3
    asks_days: float = 14.0
    days_between_asks: float = 1.0
    days_before_sales: float = 1.0
    again_after_days: float = 21.0
    declined_days: float = 90.0
    unanswered: int = 4
    rest_days: float = 14.0
    rep_minutes_a_day: float | None = None
    form_fields: int = 3
    offer_open_days: float = 3.0
    support_days: float = 1.0
    consent: Literal["opt_in", "opt_out"] = "opt_out"


@dataclass(frozen=True, slots=True)
class Gain:
    """Events that are worth something: `worth` each, or `worth` times their `measure`."""

    rule: EventRule
    worth: float = 1.0
    measure: str = ""


@dataclass(frozen=True, slots=True)
class Value:
    """What a decision is judged by: gains within a horizon, less what the offer costs.

    Parameters
    ----------
    purchase : what a purchase is worth, in the business's currency; counted where `gains` is empty.
    rep_minute : what a minute of a rep costs.
    effort_minute : what a minute's worth of the lead's effort costs in goodwill.
    horizon_days : how long after the decision gains count; None means the purchase's horizon.
    gains : counted instead of the purchase where there are any.
    currency : what all sums are in, by its three letters (ISO 4217).
    """

    purchase: float = 1.0
    rep_minute: float = 0.0
    effort_minute: float = 0.0
    horizon_days: float | None = None
    gains: tuple[Gain, ...] = ()
    currency: str = "EUR"


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """How the service chooses among eligible offers.

    Parameters
    ----------
    exploration : the share of the probability that is spread evenly over all options, in (0, 1].
        It is what every later policy is judged with.
    certainty : how sure it must be, in [0.5, 1), that an offer is worth more than no ask; below it
        the lead is nurtured.
    """

    exploration: float = 0.1
    certainty: float = 0.65


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
    lost_when : events by which a lead is lost: it declined for good, does not qualify, bought
        elsewhere. It is out of the queue and the scores from then on.
    back_when : events by which a lost lead is back.
    score_at : events at which leads are scored in training; empty means at any instant.
    dormant_after_days : a lead silent for longer is no longer scored in training or queued.
    max_effort_jump : the largest ratio of one step's effort to the one below that is not a jump; no
        offer that asks more is recommended.
    sources : tools whose events are understood; how events come in does not change what they
        mean, so they are not part of its identity.
    source : the text of the file this ladder was read from; not part of its identity.
    """

    name: str
    title: str
    steps: tuple[Step, ...]
    purchase: Step
    offers: tuple[Offer, ...] = ()
    commitments: tuple[Commitment, ...] = ()
    traits: tuple[Trait, ...] = ()
    signals: tuple[SignalRow, ...] = ()
    events: EventNames = EventNames()
    activity: Activity = Activity()
    restart_on: tuple[EventRule, ...] = ()
    lost_when: tuple[EventRule, ...] = ()
    back_when: tuple[EventRule, ...] = ()
    score_at: tuple[EventRule, ...] = ()
    dormant_after_days: float = 90.0
    effort_weights: EffortWeights = EffortWeights()
    max_effort_jump: float = 5.0
    limits: Limits = Limits()
    value: Value = Value()
    policy: PolicySettings = PolicySettings()
    sources: tuple[Source, ...] = field(default=(), compare=False, repr=False)
    source: str = field(default="", compare=False, repr=False)

    def __hash__(self) -> int:
        """A cheap one: ladders are looked up on every request, and differ by name or are equal."""
        return hash((self.name, self.title, len(self.steps), len(self.offers)))

    @property
    def goals(self) -> tuple[Step, ...]:
        """All rungs, the purchase last: `goals[p]` is the next step of a lead at position p."""
        return (*self.steps, self.purchase)

    def offers_of(self, step_id: str) -> tuple[Offer, ...]:
        """The offers that complete a step, in file order; support completes none."""
        return tuple(
            offer for offer in self.offers if offer.step == step_id and offer.role == "ask"
        )

    def offer(self, offer_id: str) -> Offer | None:
        """The offer of an id; None for none, such as nurture."""
        return next((offer for offer in self.offers if offer.id == offer_id), None)

    @property
    def value_horizon_days(self) -> float:
        """How long after a decision its gains count."""
        return self.value.horizon_days or self.purchase.horizon_days

    def cost(self, offer: Offer) -> float:
        """What extending an offer costs, in the business's currency."""
        effort = offer.effort.score(self.effort_weights)
        return self.value.rep_minute * offer.rep_minutes + self.value.effort_minute * effort

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all but the sources and the text; comments and spacing do not change it."""
        values = asdict(self)
        del values["source"], values["sources"]
        text = json.dumps(values, sort_keys=True, default=str, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
