"""Pieces of content, and the instants at which leads that stood before a step engaged with any.

Who reads a piece does something at that instant, which tells of itself that it is still there. So
it is compared with leads that did something else at such an instant, and had not read it by then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np

from features.arrays import Bools, Ints
from features.events.log import EventLog
from features.funnel.stays import Stays
from features.ladder.ladder import Ladder
from features.ladder.words import OFFER
from features.signals.fold import NONE

__all__ = ["NEVER", "Contents", "Piece", "contents_of", "ends_of_stays", "piece_properties"]

NEVER: Final = int(np.iinfo(np.int64).max)
"""When a lead first had a piece that it never had."""
_LEADS_TO: Final = 0.5
"""An offer leads to a piece where at least this share of its uses names the offer."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of content: the value of a text property; `offers` are, or lead to, it."""

    property: str
    value: str
    offers: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Contents:
    """Instants of engagement within stays; arrays without another shape have shape (n,).

    Parameters
    ----------
    pieces : those that any lead had, in order of property and value.
    stay : the index of the stay that each instant is in, in order.
    instant : microseconds since the epoch.
    piece : what the lead had then; -1 for something that names no piece.
    ordinal : how many instants of the same stay came before.
    lead_of_use, piece_of_use, first_use : shape (n_uses,), when each lead first had each piece.
    """

    pieces: tuple[Piece, ...]
    stay: Ints
    instant: Ints
    piece: Ints
    ordinal: Ints
    lead_of_use: Ints
    piece_of_use: Ints
    first_use: Ints

    def first_by_lead(self, piece: int, leads: int) -> Ints:
        """Shape (leads,): when each lead first had a piece, or `NEVER`."""
        found = np.full(leads, NEVER, dtype=np.int64)
        own = self.piece_of_use == piece
        found[self.lead_of_use[own]] = self.first_use[own]
        return found


def piece_properties(ladder: Ladder) -> tuple[str, ...]:
    """The text properties that name pieces: as the ladder says, else those of its beats."""
    return ladder.pieces or tuple(dict.fromkeys(one.per for one in ladder.beats))


def contents_of(log: EventLog, stays: Stays, interest: Bools) -> Contents:
    """The pieces of a log, and the instants of engagement in its stays.

    Parameters
    ----------
    interest : shape (n_events,), what leads did themselves; of that what engages with a step, or
        completes one, is an instant.
    """
    names = {name for goal in stays.ladder.goals for name in goal.engaged_by}
    names |= {rule.event for goal in stays.ladder.goals for rule in goal.complete_when}
    engages = np.array([name in names for name in log.names], dtype=np.bool_)
    rows = np.flatnonzero(interest & engages[log.name] & (log.known <= stays.until))
    code, pieces = _pieces(log, rows, stays.ladder)
    leads = log.lead_of_rows()[rows]
    had = code >= 0
    pair = leads[had] * max(len(pieces), 1) + code[had]
    first, at = np.unique(pair, return_index=True)  # rows of a lead are in order of time
    start, stop = _within(stays, leads, log.occurred[rows])
    size = stop - start
    stay = np.repeat(np.arange(len(stays)), size)
    ordinal = np.arange(len(stay)) - np.repeat(np.cumsum(size) - size, size)
    taken = np.repeat(start, size) + ordinal
    return Contents(
        pieces=pieces,
        stay=stay,
        instant=log.occurred[rows][taken],
        piece=code[taken],
        ordinal=ordinal,
        lead_of_use=first // max(len(pieces), 1),
        piece_of_use=first % max(len(pieces), 1),
        first_use=log.occurred[rows][had][at],
    )


def ends_of_stays(stays: Stays) -> Ints:
    """Shape (n,): until when what a lead does can still change what comes of its stay."""
    ends = stays.entered + stays.horizon
    for other in (stays.advanced, stays.lost, stays.left):
        ends = np.where(other != NONE, np.minimum(ends, other), ends)
    return np.asarray(ends)


def _pieces(log: EventLog, rows: Ints, ladder: Ladder) -> tuple[Ints, tuple[Piece, ...]]:
    """The piece that each row names by the first property that names one, and all pieces."""
    code = np.full(len(rows), -1, dtype=np.int64)
    pieces: list[Piece] = []
    for name in piece_properties(ladder):
        if name not in log.columns.texts:
            continue
        column = log.columns.texts.index(name)
        text = log.texts[column, rows].astype(np.int64)
        text[code >= 0] = -1
        used = np.unique(text[text >= 0])
        place = np.full(len(log.text_values[column]) + 1, -1, dtype=np.int64)
        place[used] = len(pieces) + np.arange(len(used))
        code = np.where(text >= 0, place[text], code)
        words = [log.text_values[column][at] for at in used.tolist()]
        pieces += [Piece(name, word) for word in words]
    found = _offers_of_pieces(log, rows, code, len(pieces), ladder)
    return code, tuple(
        Piece(one.property, one.value, tuple(dict.fromkeys((*_is_offer(one, ladder), *led))))
        for one, led in zip(pieces, found, strict=True)
    )


def _is_offer(piece: Piece, ladder: Ladder) -> tuple[str, ...]:
    return tuple(offer.id for offer in ladder.offers if offer.id == piece.value)


def _offers_of_pieces(
    log: EventLog, rows: Ints, code: Ints, pieces: int, ladder: Ladder
) -> list[list[str]]:
    """The offers that the uses of each piece name."""
    if OFFER not in log.columns.texts or not pieces:
        return [[] for _ in range(pieces)]
    column = log.columns.texts.index(OFFER)
    words, known = log.text_values[column], {offer.id for offer in ladder.offers}
    text = log.texts[column, rows].astype(np.int64)
    uses = np.bincount(code[code >= 0], minlength=pieces)
    named = (code >= 0) & (text >= 0)
    pairs, count = np.unique(code[named] * max(len(words), 1) + text[named], return_counts=True)
    found: list[list[str]] = [[] for _ in range(pieces)]
    for pair, many in zip(pairs.tolist(), count.tolist(), strict=True):
        piece, word = divmod(pair, len(words))
        if words[word] in known and many >= _LEADS_TO * uses[piece]:
            found[piece].append(words[word])
    return found


def _within(stays: Stays, lead: Ints, instant: Ints) -> tuple[Ints, Ints]:
    """Shape (n_stays,) each: the first row in a stay, and the first after it."""
    start, stop = np.zeros(len(stays), np.int64), np.zeros(len(stays), np.int64)
    starts = np.searchsorted(lead, np.arange(len(stays.leads) + 1))
    _find(starts, instant, stays.lead, stays.entered, ends_of_stays(stays), start, stop)
    return start, stop


@numba.njit(cache=True, nogil=True)
def _find(
    starts: Ints, instant: Ints, lead: Ints, since: Ints, until: Ints, start: Ints, stop: Ints
) -> None:
    for at in range(len(lead)):
        row = starts[lead[at]]
        while row < starts[lead[at] + 1] and instant[row] < since[at]:
            row += 1
        start[at] = row
        while row < starts[lead[at] + 1] and instant[row] < until[at]:
            row += 1
        stop[at] = row
