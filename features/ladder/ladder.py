"""The ladder: the ordered steps that a business asks of a lead, ending in purchase.

Frozen values only. A ladder is read from a TOML file by `features.ladder.file`; nothing here
touches files, clocks or events.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from features.ladder.action import LeadAction, usual_actions
from features.ladder.controls import Afterwards, Controls, Experiment, refused_afterwards
from features.ladder.event_rule import Condition, EventRule, Gain, Operator
from features.ladder.offer import (
    Commitment,
    Effort,
    EffortWeights,
    Framing,
    Offer,
    OfferVersion,
    Topic,
)
from features.ladder.quiet_hours import QuietHours
from features.ladder.source import ImportColumns, Source

__all__ = [
    "Activity",
    "Afterwards",
    "Band",
    "Beats",
    "Commitment",
    "Condition",
    "Effort",
    "EffortWeights",
    "EventNames",
    "EventRule",
    "Framing",
    "Gain",
    "Groups",
    "How",
    "Identity",
    "Ladder",
    "Limits",
    "Offer",
    "OfferVersion",
    "Operator",
    "PolicySettings",
    "SignalRow",
    "Step",
    "Topic",
    "Trait",
    "Value",
]

_LEARNED_FROM = (
    "name",
    "steps",
    "purchase",
    "traits",
    "signals",
    "beats",
    "events",
    "activity",
    "restart_on",
    "lost_when",
    "back_when",
    "score_at",
    "steps_never_lower",
    "dormant_after_days",
)
"""The parts of a ladder that signals and labels follow from."""
_LOW, _HIGH = 0.2, 0.5
"""Thresholds of chances where the ladder says nothing."""

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
    "days_until",
]


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
class Trait:
    """A profile attribute: the property `id` of traits events. `personal` marks personal data.

    What a lead has is the latest value, by when it happened. Whether it is protected is said by
    where it stands: in `Ladder.traits` or in `Ladder.protected`.
    """

    id: str
    type: Literal["number", "category"]
    personal: bool = False
    says: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells that two ids are one person.

    Parameters
    ----------
    identify_by : names of traits: who has the same address, or the same id of another tool, is one
        lead. Empty: only what senders say of ids joins them.
    shared_mailboxes : addresses, or what stands before the @, of several people each; beside those
        that are anyhow, such as info@.
    """

    identify_by: tuple[str, ...] = ()
    shared_mailboxes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Beats:
    """Events that come in beats while something goes on: what they measure adds up.

    A condition on `measure` reads the sum of the beats of one piece in one go.

    Parameters
    ----------
    per : the text property that names the piece; a beat without one stands for itself.
    most : a beat counts for so much at most: an idle tab is no reading.
    within_minutes : beats that are further apart begin anew.
    """

    event: str
    measure: str
    per: str
    most: float
    within_minutes: float = 30.0


@dataclass(frozen=True, slots=True)
class SignalRow:
    """A signal that the user adds: what to aggregate, which measure, how, over which window.

    `of` empty means everything the lead itself did. `measure` is a numeric property, a text
    property for `last` and `distinct`, or an instant (RFC 3339) for `days_until`. `says` is a
    sentence for a salesperson in which `{value}` stands for the number, `{ago}` for an age and
    `{count:visit}` for a number of visits.
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
    assignment: str = "rung_assignment"


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
    quiet : when nobody is contacted.
    reply_hours : a question is to be answered within so many hours; None means no limit.
    reply_to : rules of the events that want a first reply as a question does, to tell how long it
        takes; nothing else follows from them.
    automatic_replies : rules of the replies and offers that no person sent.
    claim_days : so long a lead is in the hands of whoever did something with it last.
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
    quiet: QuietHours = field(default_factory=QuietHours)
    reply_hours: float | None = None
    reply_to: tuple[EventRule, ...] = ()
    automatic_replies: tuple[EventRule, ...] = ()
    claim_days: float = 3.0


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
    exploration : the share of the probability that is spread evenly over all options, in [0.01, 1].
        It is what every later policy is judged with.
    certainty : how sure it must be, in [0.5, 1), that an offer is worth more than no ask; below it
        its own order decides.
    """

    exploration: float = 0.1
    certainty: float = 0.65


@dataclass(frozen=True, slots=True)
class Groups:
    """When a group of a protected trait is treated apart.

    Parameters
    ----------
    least_ratio : what is done for a group over what is done for the rest, at least so much, in
        (0, 1); the other way round as well. The default is the rule of four fifths (Uniform
        Guidelines on Employee Selection Procedures 1978, 29 CFR 1607.4 D).
    """

    least_ratio: float = 0.8


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
    steps_never_lower : whether the trees of the purchase are held not to lower its chance for the
        steps that were completed; where the data say otherwise, training says so.
    dormant_after_days : a lead silent for longer is no longer scored in training or queued.
    max_effort_jump : the largest ratio of one step's effort to the one below that is not a jump; no
        offer that asks more is recommended.
    traits : what may be learned from, shown and asked for.
    protected : traits that nothing learns from, shows or asks for: the report of groups reads them.
    actions : what a person says to have done; none means those of `buttons`.
    pieces : the text properties that name a piece of content; none means those of the beats.
    sources : tools whose events are understood; how events come in does not change what they
        mean, so they are not part of its identity.
    imports : which columns of a log say what; likewise no part of it.
    source : the text of the file this ladder was read from; not part of its identity.
    after_purchase : what experiments are told by as well, a year on.
    catalogue : the versions of offers that stand in place of the file's, or beside them.
    experiments : what runs on it now (`features.offers.experiments`).
    """

    name: str
    title: str
    steps: tuple[Step, ...]
    purchase: Step
    offers: tuple[Offer, ...] = ()
    commitments: tuple[Commitment, ...] = ()
    topics: tuple[Topic, ...] = ()
    traits: tuple[Trait, ...] = ()
    protected: tuple[Trait, ...] = ()
    groups: Groups = Groups()
    signals: tuple[SignalRow, ...] = ()
    beats: tuple[Beats, ...] = ()
    events: EventNames = EventNames()
    activity: Activity = Activity()
    restart_on: tuple[EventRule, ...] = ()
    lost_when: tuple[EventRule, ...] = ()
    back_when: tuple[EventRule, ...] = ()
    score_at: tuple[EventRule, ...] = ()
    steps_never_lower: bool = True
    dormant_after_days: float = 90.0
    effort_weights: EffortWeights = field(default_factory=EffortWeights)
    max_effort_jump: float = 5.0
    limits: Limits = Limits()
    value: Value = Value()
    after_purchase: tuple[Afterwards, ...] = ()
    policy: PolicySettings = PolicySettings()
    controls: Controls = field(default_factory=Controls)
    experiments: tuple[Experiment, ...] = ()
    identity: Identity = Identity()
    actions: tuple[LeadAction, ...] = ()
    pieces: tuple[str, ...] = ()
    sources: tuple[Source, ...] = field(default=(), compare=False, repr=False)
    imports: ImportColumns | None = field(default=None, compare=False, repr=False)
    source: str = field(default="", compare=False, repr=False)
    catalogue: tuple[OfferVersion, ...] = field(default=(), compare=False, repr=False)
    _hash: int | None = field(default=None, init=False, compare=False, repr=False)

    def __hash__(self) -> int:
        """Computed once: ladders are looked up on every request, and versions differ by little."""
        if self._hash is None:
            held = tuple(getattr(self, each.name) for each in fields(self) if each.compare)
            object.__setattr__(self, "_hash", hash(held))
        return hash(self._hash)

    def __reduce__(self) -> tuple[Any, ...]:
        """Without the hash, which is another one in each process."""
        return _made_again, ({each.name: getattr(self, each.name) for each in _GIVEN},)

    @property
    def goals(self) -> tuple[Step, ...]:
        """All rungs, the purchase last: `goals[p]` is the next step of a lead at position p."""
        return (*self.steps, self.purchase)

    @property
    def buttons(self) -> tuple[LeadAction, ...]:
        """What a person can say to have done with a lead, by a button each."""
        names = self.events
        return self.actions or usual_actions(
            names.offer_extended, names.offer_declined, names.business_replied
        )

    def offers_of(self, step_id: str) -> tuple[Offer, ...]:
        """The active offers that complete a step, in file order; support completes none."""
        return tuple(
            offer
            for offer in self.offers
            if offer.step == step_id and offer.role == "ask" and offer.status == "active"
        )

    def asks_of(self, step_id: str) -> tuple[Offer, ...]:
        """What a step asks for: its active offers, and the paused ones, as they come back."""
        return tuple(
            offer
            for offer in self.offers
            if offer.step == step_id and offer.role == "ask" and offer.status != "retired"
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
        """SHA-256 of what signals and labels follow from: all that a score depends on.

        Offers, limits, titles, sentences, bands and values may change without a new training.
        """
        values = asdict(self)
        learned_from = {key: values[key] for key in _LEARNED_FROM}
        for rung in (*learned_from["steps"], learned_from["purchase"]):
            for key in ("title", "band", "high_from", "low_below"):
                del rung[key]
        for row in (*learned_from["traits"], *learned_from["signals"]):
            del row["says"]
        neither = refused_afterwards(self.after_purchase, self.restart_on)
        if neither and self.activity.against is None:
            learned_from["neither"] = [asdict(one) if one.where else one.event for one in neither]
        text = json.dumps(learned_from, sort_keys=True, default=str, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


_GIVEN = tuple(each for each in fields(Ladder) if each.init)


def _made_again(values: dict[str, Any]) -> Ladder:
    return Ladder(**values)
