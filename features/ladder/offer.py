"""What can be extended to a lead, in versions, and what is agreed with it and under way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from features.ladder.event_rule import EventRule

__all__ = [
    "Commitment",
    "Effort",
    "EffortWeights",
    "Framing",
    "Offer",
    "OfferStatus",
    "OfferVersion",
    "Topic",
]

OfferStatus = Literal["active", "paused", "retired"]
"""Whether an offer may be extended: now, later perhaps, never again."""


_BOUNDED_BY_DAYS: Final = ("pilot", "trial")


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
class Framing:
    """One way to put an offer to a lead, under a name of its own so that it can be compared."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A micro-commitment that can be extended to a lead to complete the step `step`.

    `value_minutes` is how long the lead has use of it, `rep_minutes` what it costs the seller;
    `valid_from`, `valid_until` and `repeats_until` are aware instants; `guarantee_days` is set on
    guarantees, `scope_days` on pilots and trials.

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
    repeats_days : it is valid again, for as long, each so many days after `valid_from`.
    repeats_until : the last instant at which a repetition may begin; None means there is no end.
    status : only an active offer is extended.
    version : of the catalogue that is kept beside the ladder file; 0 is the file's own.
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
    repeats_days: int | None = None
    repeats_until: datetime | None = None
    status: OfferStatus = "active"
    version: int = 0

    @property
    def is_bounded_by_days(self) -> bool:
        """Whether it is of a kind that runs for some days, whether or not it says how many."""
        return self.kind.casefold() in _BOUNDED_BY_DAYS


@dataclass(frozen=True, slots=True)
class OfferVersion:
    """An offer as its owner wanted it from an instant on.

    Parameters
    ----------
    version : counts the versions of the offer, from 1; 0 is the ladder file's own.
    body : JSON text: the keys of an [[offer]] table; instants as RFC 3339.
    from_at, made_at : since when it holds, and when it was made; microseconds since the epoch.
    by : who made it.
    """

    offer_id: str
    version: int
    body: str
    status: OfferStatus
    from_at: int
    made_at: int
    by: str


@dataclass(frozen=True, slots=True)
class Commitment:
    """Something agreed with a lead that is under way: while it is, nothing else is asked.

    It is open from an event that meets `begins` until the first that meets `until`, or until its
    end, or for `days`; whichever comes first. Where the event does not say when it ends, that is
    after `else_days`.

    Parameters
    ----------
    title : what is under way, to be read after "while": "a session is booked".
    begins : empty where it follows another.
    ends_at : the property of the beginning event that holds when it ends, as RFC 3339; "" for none.
    else_days : None where it has then no end of its own.
    after : the commitment that it follows, "" for none: it is open from when that one has run its
        time without any event that ends it, such as an outcome that is due by then.
    """

    id: str
    title: str
    begins: tuple[EventRule, ...]
    until: tuple[EventRule, ...] = ()
    ends_at: str = ""
    days: float | None = None
    after: str = ""
    else_days: float | None = None

    @property
    def untold_days(self) -> float | None:
        """How long it lasts at the most where the event does not say; None: nothing says."""
        return min((days for days in (self.days, self.else_days) if days is not None), default=None)


@dataclass(frozen=True, slots=True)
class Topic:
    """What events say of a topic: that it matters to the lead, for `days` after the last of them.

    Parameters
    ----------
    name : as offers name it among their topics, in any spelling.
    says : the events that say so, as rules.
    """

    name: str
    says: tuple[EventRule, ...]
    days: float = 90.0
