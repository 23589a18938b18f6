"""Which event of a log is the purchase: by its name, how rare, how late and how final it is."""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from features.arrays import Ints
from features.errors import EventsError, did_you_mean
from features.ladder.ladder import EventNames
from features.ladder.words import AGAINST_ENDINGS
from training.drafting.timeline import NEVER, Deed, Timeline

__all__ = ["candidates", "final_action"]

_BOUGHT: Final = re.compile(
    r"(?i)(.*[^a-z])?(purchased?|bought|buys?|orders?[ _-]?(placed|completed|paid)|paid|payments?"
    r"|contract[ _-]?signed|signed[ _-]?contract|won|closed[ _-]?won|subscribed"
    r"|subscription[ _-]?(started|created|activated)|became[ _-]customer|converted"
    r"|(check ?out|transaction|deal|sale)s?([ _-]?(completed|closed|made))?)([^a-z].*)?"
)
_FEWEST: Final = 10
"""Leads that must have done a thing to say anything about it."""
_OURS: Final = ("rung_", "offer_", "$")


def candidates(timeline: Timeline, names: EventNames) -> list[str]:
    """The events that leads do and that speak for them, done by enough leads."""
    own = {getattr(names, role) for role in EventNames.__dataclass_fields__}
    return [
        name
        for name in timeline.names
        if name not in own
        and not name.startswith(_OURS)
        and not _unfit(name, names)
        and (timeline.first(Deed(name)) != NEVER).sum() >= _FEWEST
    ]


def _unfit(name: str, names: EventNames) -> str:
    """Why an event completes no step of any ladder; "" where it may."""
    if name.endswith(AGAINST_ENDINGS) or name == names.offer_declined:
        return "it speaks against a lead"
    return "its name has a *, which stands for any letters in a ladder" if "*" in name else ""


def final_action(
    timeline: Timeline, candidates: list[str], names: EventNames, asked: str | None
) -> str:
    """The event that ends the ladder: the one that was asked for, or the likeliest of some.

    Raises
    ------
    EventsError : the log has no such event, or none that may be it.
    """
    if asked is not None:
        if asked not in timeline.names:
            raise EventsError(
                f"no event {asked!r} in the log{did_you_mean(asked, timeline.names)};"
                f" it has {', '.join(timeline.names)}"
            )
        if why := _unfit(asked, names):
            raise EventsError(f"{asked!r} cannot end a ladder: {why}; name another by --final")
        return asked
    scored = sorted((_likeness(timeline, name), name) for name in candidates)
    if not scored:
        raise EventsError(
            f"no event that {_FEWEST} leads did: the log has {', '.join(timeline.names) or 'none'}"
        )
    return scored[-1][1]


def _likeness(timeline: Timeline, name: str) -> float:
    """How much an event looks like the end: 2 for its name, up to 1 for each other sign."""
    first = timeline.first(Deed(name))
    did = first != NEVER
    last = np.full(timeline.leads, -1, dtype=np.int64)
    np.maximum.at(last, timeline.lead, timeline.occurred_at)
    begun = np.full(timeline.leads, NEVER, dtype=np.int64)
    np.minimum.at(begun, timeline.lead, timeline.occurred_at)
    span = np.maximum(1, last[did] - begun[did])
    late = float(np.mean((first[did] - begun[did]) / span))
    rare = 1.0 - float(did.mean())
    terminal = float(np.mean(_after(timeline, first)[did] <= 1))
    return 2.0 * bool(_BOUGHT.fullmatch(name)) + rare + late + terminal


def _after(timeline: Timeline, first: Ints) -> Ints:
    """Shape (leads,): how many events each lead has from an instant on."""
    later = timeline.occurred_at >= first[timeline.lead]
    found: Ints = np.bincount(timeline.lead[later], minlength=timeline.leads)
    return found
