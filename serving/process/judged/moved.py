"""How outcomes have moved the chances that are served, told of a typical lead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from scipy.special import expit

from models.recalibrated import FAR, GOALS, shift_of, typical_log_odds
from serving.process.service import Service

__all__ = ["MovedAt", "Movement", "movements"]

_COURSE: Final = 80
"""Points of the way that chances took."""


@dataclass(frozen=True, slots=True)
class MovedAt:
    """From an instant on, what a typical lead's chance was, by so many outcomes."""

    known_at: int
    chance: float
    outcomes: int


@dataclass(frozen=True, slots=True)
class Movement:
    """How the chances of one goal have moved since the model was trained.

    Parameters
    ----------
    trained, now : the chance of a typical lead, in (0, 1).
    outcomes : that say so; 0 where none is known yet.
    turned : leads' log-odds lie so many times as far apart as they were trained to.
    is_far : whether odds are twice what they were, or half: the world has moved.
    course : on the way, the oldest first.
    """

    goal: Literal["advancement", "purchase"]
    trained: float
    now: float
    outcomes: int
    turned: float
    is_far: bool
    course: tuple[MovedAt, ...]


def movements(service: Service) -> list[Movement]:
    """Of each goal of the model that serves, as of now; none before there is a model."""
    scorer = service.scorer
    if scorer.bundle is None:
        return []
    track, as_of = scorer.model.track, service.clock()
    found = []
    for goal in GOALS:
        typical = typical_log_odds(track.bundle, goal)
        known = [move for move in track.moves.get(goal, ()) if move.known_at <= as_of]
        move = track.moves_at(as_of)[goal]
        places = np.linspace(0, max(len(known) - 1, 0), min(len(known), _COURSE)).round()
        told = [known[int(at)] for at in np.unique(places)] if known else []
        found.append(
            Movement(
                goal=goal,
                trained=float(expit(typical)),
                now=float(expit(move.at(typical))),
                outcomes=move.n,
                turned=move.slope,
                is_far=abs(shift_of(track.bundle, goal, move)) >= FAR,
                course=tuple(
                    MovedAt(one.known_at, float(expit(one.at(typical))), one.n) for one in told
                ),
            )
        )
    return found
