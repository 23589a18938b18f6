"""A first ladder, drafted from a log: final action, steps, offers and traits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from features.arrays import Floats, Ints
from features.errors import NotEnoughData
from features.events.table import EventTable
from features.ladder.activity import ends_of, reads_as_agreed
from features.ladder.ladder import EventNames
from features.ladder.words import OFFER, RECORD
from training.drafting.final import candidates, final_action
from training.drafting.profile import SeenOffer, SeenTrait, seen_offers, seen_traits
from training.drafting.steps import DraftedStep, Measured, drafted_steps, measured
from training.drafting.timeline import NEVER, Deed, Timeline, days

__all__ = ["Draft", "draft_ladder"]

_FEWEST_STEPS = 2
_FEWEST_BUYERS = 10


@dataclass(frozen=True, eq=False, slots=True)
class Draft:
    """What a log tells of a ladder.

    Parameters
    ----------
    final : the last action with what it is like; `took` is in days from the first event.
    spare : events that leads do and that no step reads.
    personal : properties of leads that were left out, as they name people.
    agreed : events of the steps by which, as they are named, something is agreed, with the events
        of the log that end it.
    """

    leads: int
    events: int
    final: Measured
    took: Floats
    steps: tuple[DraftedStep, ...]
    offers: tuple[SeenOffer, ...]
    traits: tuple[SeenTrait, ...]
    personal: tuple[str, ...]
    spare: tuple[str, ...]
    agreed: Mapping[str, tuple[str, ...]]

    def conversion(self, at: int) -> tuple[int, int]:
        """How many leads that completed the step below completed one, and how many did that.

        Parameters
        ----------
        at : of the step, from 1; that after the last step is the final action.
        """
        below = self.steps[at - 1].first != NEVER
        above = self.final.first if at == len(self.steps) else self.steps[at].first
        return int((below & (above != NEVER)).sum()), int(below.sum())


def draft_ladder(
    table: EventTable, final: str | None, progress: Callable[[str], None] = lambda _: None
) -> Draft:
    """The ladder that a log tells of; the same for the same log.

    Parameters
    ----------
    table : read under one id a lead.
    final : the event that ends the ladder; None picks it.

    Raises
    ------
    EventsError : there is no such event, or none that enough leads did.
    NotEnoughData : too few leads came to the end, or there are no steps before it.
    """
    timeline = Timeline.of(table)
    names = EventNames()
    known = candidates(timeline, names)
    event = final_action(timeline, known, names, final)
    end = timeline.first(Deed(event))
    _check_buyers(event, end, len(end))
    progress(f"looking for steps before {event} among {len(known):,} events")
    # A ladder reads a property as one type, and those of Rung itself not at all.
    unread = timeline.of_two_types([*known, names.traits]) | {OFFER, RECORD}
    steps = drafted_steps(timeline, [name for name in known if name != event], end, unread)
    if len(steps) < _FEWEST_STEPS:
        raise NotEnoughData(_no_steps(event, known, steps))
    begun = np.full(timeline.leads, NEVER, dtype=np.int64)
    np.minimum.at(begun, timeline.lead, timeline.occurred_at)
    traits, personal = seen_traits(timeline, names)
    used = {name for step in steps for name in _named(step)} | {event}
    return Draft(
        leads=timeline.leads,
        events=len(timeline.lead),
        final=measured(timeline, Deed(event), end),
        took=days(_last(steps, begun), end),
        steps=tuple(steps),
        offers=tuple(seen_offers(timeline, names, [*(step.first for step in steps), end])),
        traits=tuple(traits),
        personal=tuple(personal),
        spare=tuple(name for name in known if name not in used),
        agreed={
            name: ends_of(name, [one for one in timeline.names if "*" not in one])
            for name in sorted(used - {event})
            if reads_as_agreed(name)
        },
    )


def _named(step: DraftedStep) -> set[str]:
    return {*step.engaged, *(one.deed.event for one in step.deeds)}


def _last(steps: list[DraftedStep], begun: Ints) -> Ints:
    """Shape (leads,): from when the purchase is counted: the first step, else the first event."""
    first = steps[0].first
    return np.where(first == NEVER, begun, first)


def _check_buyers(event: str, end: Ints, leads: int) -> None:
    buyers = int((end != NEVER).sum())
    if buyers < _FEWEST_BUYERS:
        raise NotEnoughData(
            f"{buyers:,} of {leads:,} leads came to {event!r}: at least {_FEWEST_BUYERS} are needed"
            " to see what leads to it; bring a longer log, or name another event by --final"
        )


def _no_steps(event: str, known: list[str], steps: list[DraftedStep]) -> str:
    found = [one.deed.event for step in steps for one in step.deeds]
    others = [name for name in known if name != event]
    said = f"only {', '.join(found)} comes" if found else "nothing that leads do comes"
    return (
        f"{said} before {event!r} in an order and makes it likelier; a ladder has at least"
        f" {_FEWEST_STEPS} steps. The log has {', '.join(others) or 'no other event'}: bring the"
        " events of what leads do on the way, or name another event by --final"
    )
