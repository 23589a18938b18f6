"""The compiled walk that finds the stays of leads before the steps of a ladder."""

from __future__ import annotations

import numba
import numpy as np

from features.arrays import Ints
from features.events.log import Codes
from features.signals.fold import NONE, Events, Program, matches

__all__ = ["FIELDS", "walk"]

GOAL, LEAD, BEGAN, ENTERED, ADVANCED, LOST, PASSED, FIELDS = range(8)
"""The rows of what the walk fills; `features.funnel.stays` says what they mean."""


@numba.njit(cache=True, nogil=True)
def walk(
    first: int,
    last: int,
    events: Events,
    program: Program,
    until: int,
    trait_name: int,
    columns: Ints,
    place: Ints,
    fills: bool,
    found: Ints,
    traits: Codes,
) -> None:
    """Walk the leads `first` to `last - 1`.

    Parameters
    ----------
    place : shape (n_leads + 1,); where it `fills`, where the stays of each lead begin, else it is
        filled with how many each has.
    """
    n_goals = len(program.horizon)
    known = np.empty(len(columns), np.int32)
    for lead in range(first, last):
        at = place[lead] - 1 if fills else np.int64(-1)
        known[:] = -1
        position, began, is_open = 0, np.int64(NONE), False
        lost = np.int64(NONE)
        for row in range(events.starts[lead], events.starts[lead + 1]):
            if events.known[row] > until:
                continue
            when = events.occurred[row]
            if events.name[row] == trait_name:
                for trait in range(len(columns)):
                    code = events.texts[columns[trait], row]
                    if code >= 0:
                        known[trait] = code
                        if fills and is_open and found[ENTERED, at] == when:
                            traits[trait, at] = code
            if began == NONE:
                began = when
                at += 1
                is_open = True
                if fills:
                    _open(at, 0, lead, began, when, lost, known, found, traits)
            top, anew = -1, False
            name = events.name_of[events.name[row]]
            for pair in range(program.pair_start[name], program.pair_start[name + 1]):
                goal = program.selector_goal[program.pair_selector[pair]]
                if goal < 0 or goal == n_goals + 1:
                    continue
                conditional = program.alternative_start[pair] < program.alternative_start[pair + 1]
                if conditional and not matches(pair, row, events, program):
                    continue
                if goal < n_goals:
                    top = max(top, goal)
                elif goal == n_goals:
                    anew = True
                elif goal == n_goals + 2:
                    lost = when
                else:
                    lost = np.int64(NONE)
                if goal > n_goals and is_open and fills:
                    held = found[LOST, at]
                    found[LOST, at] = held if lost != NONE and held != NONE else lost
            buys = top == n_goals - 1
            if top >= position and is_open and (buys or not anew):
                if fills:
                    found[ADVANCED, at] = when
                for goal in range(position + 1, top + 1):
                    at += 1
                    if fills:
                        _open(at, goal, lead, began, when, lost, known, found, traits)
                        found[ADVANCED, at] = when
                        found[PASSED, at] = 1
                position = top + 1
                is_open = position < n_goals
                if is_open:
                    at += 1
                    if fills:
                        _open(at, position, lead, began, when, lost, known, found, traits)
            if anew:
                position, began, is_open = 0, when, True
                at += 1
                if fills:
                    _open(at, 0, lead, began, when, lost, known, found, traits)
        if not fills:
            place[lead] = at + 1


@numba.njit(cache=True, nogil=True)
def _open(
    at: int | np.int64,
    goal: int,
    lead: int,
    began: np.int64,
    entered: np.int64,
    lost: np.int64,
    known: Codes,
    found: Ints,
    traits: Codes,
) -> None:
    """Begin a stay; who is lost already is lost from its beginning."""
    found[GOAL, at], found[LEAD, at] = goal, lead
    found[BEGAN, at], found[ENTERED, at] = began, entered
    found[ADVANCED, at], found[PASSED, at] = NONE, 0
    found[LOST, at] = entered if lost != NONE else NONE
    traits[:, at] = known
