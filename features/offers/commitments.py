"""What is under way with a lead: a booked session, a running pilot, a question that waits.

While something that was agreed is under way, nothing else is asked. What to do meanwhile is an
offer too: it names the commitment in `during`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from features.clock import instant_if_any
from features.events.log import DAY_US
from features.ladder.ladder import Commitment, EventRule, Ladder
from features.ladder.words import REPLY

__all__ = ["Open", "commitments_of", "followed_by", "opened", "still_open"]

_FAR: Final = 2**62
"""An end that never comes."""


@dataclass(frozen=True, slots=True)
class Open:
    """A commitment that was begun; instants in microseconds since the epoch, UTC.

    Parameters
    ----------
    ends : when it is over at the latest.
    """

    since: int
    ends: int


def commitments_of(ladder: Ladder) -> tuple[Commitment, ...]:
    """The ladder's own, after the one that every ladder has: to answer what was asked.

    One that follows another is begun and ended by what begins and ends that one.
    """
    names = ladder.events
    reply = Commitment(
        REPLY,
        "a question waits for an answer",
        begins=(EventRule(names.lead_asked),),
        until=(EventRule(names.business_replied),),
        days=ladder.dormant_after_days,  # by then nobody waits any more
    )
    own = {one.id: one for one in ladder.commitments}
    return (reply, *(_following(one, own[one.after]) if one.after else one for one in own.values()))


def _following(one: Commitment, followed: Commitment) -> Commitment:
    return replace(one, begins=followed.begins, until=(*followed.until, *one.until))


def followed_by(commitment: Commitment, ladder: Ladder) -> Commitment | None:
    """The commitment that another follows; None where it follows none."""
    return next((one for one in ladder.commitments if one.id == commitment.after), None)


def opened(
    commitment: Commitment,
    followed: Commitment | None,
    before: Open | None,
    when: int,
    properties: Mapping[str, object],
) -> Open:
    """What an event that begins a commitment makes of it.

    Parameters
    ----------
    followed : what it follows: it opens where that one runs out.
    before : how it stood; begun again while it is open, it has been so since then.
    when : of the event, in microseconds since the epoch.
    """
    if followed is not None:
        since = _ends_of(followed, when, properties)
        return Open(since, _ends_of(commitment, since, properties))
    since = before.since if before is not None and when < before.ends else when
    return Open(since, _ends_of(commitment, when, properties))


def _ends_of(commitment: Commitment, begun_at: int, properties: Mapping[str, object]) -> int:
    """When a commitment that began so ends at the latest."""
    said = instant_if_any(properties.get(commitment.ends_at)) if commitment.ends_at else None
    days = commitment.untold_days if said is None else commitment.days
    by_days = _FAR if days is None else begun_at + round(days * DAY_US)
    return by_days if said is None else min(said, by_days)


def still_open(begun: Mapping[str, Open], order: Sequence[str], as_of: int) -> dict[str, Open]:
    """The commitments that are open at an instant, in the ladder's order."""
    return {
        name: begun[name]
        for name in order
        if name in begun and begun[name].since <= as_of < begun[name].ends
    }
