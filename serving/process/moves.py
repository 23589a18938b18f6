"""How the probabilities of a bundle have moved with the outcomes, as the store has it."""

from __future__ import annotations

from features.store.events import EventStore
from models.scores.recalibration import Move

__all__ = ["moves_of"]


def moves_of(store: EventStore, bundle: str) -> dict[str, list[Move]]:
    """The moves of each goal, the oldest first, of a bundle by its whole hash."""
    found: dict[str, list[Move]] = {}
    for one in store.recalibrations.of(bundle):
        move = Move(one.intercept, one.slope, one.n, one.known_at)
        found.setdefault(one.goal, []).append(move)
    return found
