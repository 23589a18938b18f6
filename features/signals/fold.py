"""The compiled kernel: one walk over a lead's events known at an instant gives all its signals.

Training, serving and every batch job call `fold`; there is no second implementation but the slow
oracle in `tests/oracles`. A `Program` is what `features.signals.program` makes of a table of
signals.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from features.arrays import Bools, Floats, Ints

__all__ = [
    "NONE",
    "Events",
    "Program",
    "fold",
    "matches",
    "next_completions",
    "rows_of_goal",
]

NONE: Final = np.iinfo(np.int64).min
"""An instant that never was."""
_DAY: Final = 86_400_000_000
_HOUR: Final = 3_600_000_000
_LN2: Final = float(np.log(2.0))

# The kernel's operations; the same numbers as `Op` in `table` (a test holds
# them together). Module constants, because numba freezes them and an enum's member it does not.
COUNT, SUM, MEAN, MAX, MIN, LAST = range(6)
DAYS_SINCE_FIRST, DAYS_SINCE_LAST, ACTIVE_DAYS, DECAYED_COUNT, DISTINCT, TREND = range(6, 12)
STREAK, HOURS_WAITING, REPLY_HOURS = range(12, 15)
POSITION, STEPS_COMPLETED, DAYS_AT_POSITION, PACE, PROFILE_COMPLETENESS = range(15, 20)
DAYS_UNTIL = 20

NO_GOAL, AGAINST, OURS, ACTIVITY, INTEREST, NOT_AGAINST = -1, -2, -3, -4, -5, -6

# Kinds of condition.
AT_LEAST, AT_MOST, ABOVE, BELOW, EQUAL, NOT_EQUAL, TEXT_IN, TEXT_NOT_IN = range(8)


class Events(NamedTuple):
    """The columns of a log, with its names and texts translated for one program."""

    starts: Ints
    name: npt.NDArray[np.int32]
    occurred: Ints
    known: Ints
    numbers: Floats
    texts: npt.NDArray[np.int32]
    name_of: Ints
    """The program's name of each of the log's names."""
    text_start: Ints
    """Where each text column begins in `text_of`; one entry more than there are columns."""
    text_of: Ints
    """The program's text of each of the log's texts; -1 where no condition asks for it."""


class Program(NamedTuple):
    """A table of signals as arrays. `x_start[i]:x_start[i + 1]` is always the range that `i` owns.

    names -> pairs (a selector the name may match) -> alternatives -> conditions; a pair without
    alternatives matches always. selectors -> entries (a signal to update).
    """

    pair_start: Ints
    pair_selector: Ints
    alternative_start: Ints
    condition_start: Ints
    conditions: Ints
    """Rows of (kind, column, first text, last text)."""
    condition_value: Floats
    condition_text: Ints
    selector_goal: Ints
    """The goal that the selector completes; `n_goals` restarts the ladder, `n_goals + 1` is an
    event at which leads are scored, `n_goals + 2` loses the lead and `n_goals + 3` wins it back.
    AGAINST and OURS (which come first) are what cannot be activity, ACTIVITY is what the lead
    itself did that shows interest, INTEREST what counts only where it is neither, NOT_AGAINST what
    counts only where it does not speak against the lead, NO_GOAL none of these."""
    entry_start: Ints
    windowed_start: Ints
    """Of each selector, where its entries with a window begin: they come last."""
    entries: Ints
    """Rows of (op, signal, window in microseconds, column, is category, ends). The column is the
    measure's row in `numbers` or, for categories, in `texts`; -1 is the event's name. `ends` is 1
    where the selector is the signal's `until`."""
    signals: Ints
    """Rows of (op, column, is trait)."""
    half_life: Floats
    """Of each signal, in microseconds."""
    by_op: npt.NDArray[np.uint64]
    """The signals in the order of their ops."""
    op_start: Ints
    """Where each op begins in `by_op`; one entry more than there are ops."""
    windowed: Ints
    """The signals with a window."""
    longest_window: int
    """In microseconds; 0 where no signal has a window."""
    horizon: Floats
    """Of each goal, in microseconds."""


@numba.njit(cache=True, nogil=True)
def _compare(kind: int, value: float, wanted: float) -> bool:
    """One numeric condition. An absent (NaN) value meets NOT_EQUAL alone, as documented."""
    if kind == AT_LEAST:
        return bool(value >= wanted)
    if kind == AT_MOST:
        return bool(value <= wanted)
    if kind == ABOVE:
        return bool(value > wanted)
    if kind == BELOW:
        return bool(value < wanted)
    if kind == EQUAL:
        return bool(value == wanted)
    return bool(value != wanted)


@numba.njit(cache=True, nogil=True)
def matches(pair: int, row: int, events: Events, program: Program) -> bool:
    """Whether a row meets any of the pair's alternatives."""
    return _met(
        pair, row, program.alternative_start, program.condition_start, program.conditions,
        program.condition_value, program.condition_text,
        events.numbers, events.texts, events.text_start, events.text_of,
    )  # fmt: skip


@numba.njit(cache=True, nogil=True, inline="always")
def _met(
    pair: int,
    row: int,
    alternative_start: Ints,
    condition_start: Ints,
    conditions: Ints,
    condition_value: Floats,
    condition_text: Ints,
    numbers: Floats,
    texts: npt.NDArray[np.int32],
    text_start: Ints,
    text_of: Ints,
) -> bool:
    """As `matches`. Written out where it is used: to hand over so many arrays takes longer."""
    any_met = False
    alternative = alternative_start[pair]
    while alternative < alternative_start[pair + 1] and not any_met:
        met = True
        condition = condition_start[alternative]
        while condition < condition_start[alternative + 1] and met:
            kind, column = conditions[condition, 0], conditions[condition, 1]
            if kind < TEXT_IN:
                value = numbers[column, row] if column >= 0 else np.nan
                met = _compare(kind, value, condition_value[condition])
            else:
                code = texts[column, row] if column >= 0 else -1
                met = kind == TEXT_NOT_IN
                if code >= 0:
                    text = text_of[text_start[column] + code]
                    for at in range(conditions[condition, 2], conditions[condition, 3]):
                        if condition_text[at] == text:
                            met = kind == TEXT_IN
            condition += 1
        any_met = met
        alternative += 1
    return any_met


@numba.njit(cache=True, nogil=True)
def fold(
    events: Events,
    program: Program,
    order: Ints,
    lead: Ints,
    as_of: Ints,
    out: Floats,
    position: Ints,
    last_active: Ints,
    lost_at: Ints,
) -> None:
    """Fill the signals of each (lead, as_of) that `order` names.

    The snapshots of a lead are filled in one walk over its events: what has no window goes on from
    one instant to the next, and only what has one is counted anew for each, over the rows that the
    longest window reaches. A lead of whom something was learned late starts again for each instant.

    Parameters
    ----------
    order : indices into `lead` and `as_of`, those of a lead together. In the order of the log,
        neighbours share cache lines; in parts, each thread takes one.
    lead : shape (n,), indices into the log's leads; -1 is a lead without events.
    as_of : shape (n,), microseconds since the epoch.
    out : shape (n, n_signals), filled; NaN where a signal is absent, codes for categories.
    position : shape (n,), filled with the number of the highest rung completed.
    last_active : shape (n,), filled with when the lead last showed interest, NONE if never.
    lost_at : shape (n,), filled with when a lost lead was lost, NONE for all others.
    """
    # Locals, not fields: numba loads a field of a named tuple, and counts a reference, at each use.
    starts, names, occurred, known = events.starts, events.name, events.occurred, events.known
    numbers, texts, name_of = events.numbers, events.texts, events.name_of
    pair_start, pair_selector = program.pair_start, program.pair_selector
    alternative_start, selector_goal = program.alternative_start, program.selector_goal
    entry_start, windowed_start = program.entry_start, program.windowed_start
    condition_start, conditions = program.condition_start, program.conditions
    condition_value, condition_text = program.condition_value, program.condition_text
    text_start, text_of = events.text_start, events.text_of
    entries, half_life, windowed = program.entries, program.half_life, program.windowed
    longest_window = program.longest_window
    horizon, signals, by_op, op_start = (
        program.horizon, program.signals, program.by_op, program.op_start,
    )  # fmt: skip
    n_goals = len(horizon)
    blank = np.zeros((len(signals), 3))
    blank[:, 0] = np.nan
    cells = blank.copy()
    done = np.empty(n_goals, np.int64)
    began, active, lost = NONE, NONE, NONE
    seen, seen_start = _room_for_distinct(events, program)
    stamp, walk = 0, 0
    first, row, first_row, last_row, reach = 0, 0, 0, 0, 0
    while first < len(order):
        last = first + 1
        while last < len(order) and lead[order[last]] == lead[order[first]]:
            last += 1
        group = order[first:last]
        if lead[order[first]] >= 0:
            first_row, last_row = starts[lead[order[first]]], starts[lead[order[first]] + 1]
        else:
            first_row, last_row = 0, 0
        # Alone, or where what is known does not grow in the order of the rows: all in one pass.
        at_once = len(group) == 1 or not _grows(known, first_row, last_row)
        if not at_once:
            group = _in_time(group, as_of)
        for turn in range(len(group)):
            at = group[turn]
            now = as_of[at]
            if turn == 0 or at_once:
                cells[:] = blank
                done[:] = NONE
                began, active, lost = NONE, NONE, NONE
                row, reach = first_row, first_row
                stamp += 1
                walk = stamp
            until = row
            while until < last_row and (occurred if at_once else known)[until] <= now:
                until += 1
            if not at_once:
                for signal in windowed:
                    cells[signal, 0], cells[signal, 1], cells[signal, 2] = np.nan, 0.0, 0.0
                while reach < until and now - occurred[reach] >= longest_window:
                    reach += 1
                stamp += 1
            # First the rows that are new and the entries without a window (at once, all entries);
            # then the rows that a window reaches and the entries with one.
            for windows in range(1 if at_once else 2):
                begin = row if windows == 0 else reach
                mark = walk if windows == 0 else stamp
                for here in range(begin, until):
                    if known[here] > now:
                        continue
                    when = occurred[here]
                    age = now - when
                    name = name_of[names[here]]
                    against, barred = False, False
                    for pair in range(pair_start[name], pair_start[name + 1]):
                        conditional = alternative_start[pair] < alternative_start[pair + 1]
                        if conditional and not _met(
                            pair, here, alternative_start, condition_start, conditions,
                            condition_value, condition_text, numbers, texts, text_start, text_of,
                        ):  # fmt: skip
                            continue
                        selector = pair_selector[pair]
                        goal = selector_goal[selector]
                        if goal == AGAINST or goal == OURS:
                            barred = True
                            against = against or goal == AGAINST
                        elif (barred and (goal == ACTIVITY or goal == INTEREST)) or (
                            against and goal == NOT_AGAINST
                        ):
                            continue
                        elif windows == 1:
                            pass
                        elif goal == ACTIVITY:
                            active = when
                            if began == NONE:
                                began = when
                        elif goal == n_goals:
                            done[:] = NONE
                            began = when
                        elif 0 <= goal < n_goals and done[goal] == NONE:
                            done[goal] = when
                        elif goal == n_goals + 2:
                            lost = when
                        elif goal == n_goals + 3:
                            lost = NONE
                        entry = windowed_start[selector] if windows == 1 else entry_start[selector]
                        end = entry_start[selector + 1]
                        if not at_once and windows == 0:
                            end = windowed_start[selector]
                        while entry < end:
                            if age < entries[entry, 2]:
                                op, signal = entries[entry, 0], entries[entry, 1]
                                if op == COUNT:
                                    cells[signal, 1] += 1.0
                                elif op == DECAYED_COUNT:
                                    _decay(cells, signal, when, half_life[signal])
                                elif op == DAYS_SINCE_LAST:
                                    cells[signal, 0] = when
                                elif op <= LAST and entries[entry, 4] == 0:
                                    _measure(cells, signal, op, numbers[entries[entry, 3], here])
                                else:
                                    _update(
                                        cells, op, entries, entry, half_life[signal], here, mark,
                                        when, names, numbers, texts, seen, seen_start,
                                    )  # fmt: skip
                            entry += 1
            row = until
            position[at] = _finish(
                now, began, done, horizon, signals, by_op, op_start, half_life, cells, out[at]
            )
            last_active[at] = active
            lost_at[at] = lost
        first = last


@numba.njit(cache=True, nogil=True)
def _grows(known: Ints, first: int, last: int) -> bool:
    grows = True
    for row in range(first + 1, last):
        grows = grows and known[row] >= known[row - 1]
    return grows


@numba.njit(cache=True, nogil=True)
def _in_time(group: Ints, as_of: Ints) -> Ints:
    for at in range(1, len(group)):
        if as_of[group[at]] < as_of[group[at - 1]]:
            return group[np.argsort(as_of[group], kind="mergesort")]
    return group


@numba.njit(cache=True, nogil=True, inline="always")
def _decay(cells: Floats, signal: int, when: int, half_life: float) -> None:
    """One more of a count that halves with age. It is held as of its last event, cell 0."""
    held = cells[signal, 0]
    if not np.isnan(held):
        cells[signal, 1] *= np.exp(-_LN2 * (when - held) / half_life)
    cells[signal, 1] += 1.0
    cells[signal, 0] = when


@numba.njit(cache=True, nogil=True)
def _room_for_distinct(events: Events, program: Program) -> tuple[Ints, Ints]:
    """A cell for each (DISTINCT signal, value): the last walk that met the value."""
    start = np.zeros(len(program.signals) + 1, np.int64)
    for signal in range(len(program.signals)):
        op, column = program.signals[signal, 0], program.signals[signal, 1]
        room = 0
        if op == DISTINCT and column < 0:
            room = len(events.name_of)
        elif op == DISTINCT:
            room = events.text_start[column + 1] - events.text_start[column]
        start[signal + 1] = start[signal] + room
    return np.full(start[-1], -1, np.int64), start


@numba.njit(cache=True, nogil=True, inline="always")
def _measure(cells: Floats, signal: int, op: int, value: float) -> None:
    """One more value for SUM, MEAN, MAX, MIN or LAST: the aggregate, and how many there were."""
    if np.isnan(value):
        return
    held = cells[signal, 0]
    if op == LAST or np.isnan(held):
        cells[signal, 0] = value
    elif op == MAX:
        cells[signal, 0] = max(held, value)
    elif op == MIN:
        cells[signal, 0] = min(held, value)
    else:
        cells[signal, 0] = held + value
    cells[signal, 1] += 1.0


@numba.njit(cache=True, nogil=True, inline="always")
def _update(
    cells: Floats,
    op: int,
    entries: Ints,
    entry: int,
    half_life: float,
    row: int,
    walk: int,
    when: int,
    names: npt.NDArray[np.int32],
    numbers: Floats,
    texts: npt.NDArray[np.int32],
    seen: Ints,
    seen_start: Ints,
) -> None:
    """Tell a signal of the rarer kinds about one event. What its cells hold is the op's own."""
    signal, column = entries[entry, 1], entries[entry, 3]
    if op == DAYS_SINCE_FIRST:
        if np.isnan(cells[signal, 0]):
            cells[signal, 0] = when
    elif op == ACTIVE_DAYS:
        day = float(when // _DAY)
        if cells[signal, 0] != day:
            cells[signal, 1] += 1.0
            cells[signal, 0] = day
    elif op == LAST:
        code = texts[column, row]
        if code >= 0:
            cells[signal, 0] = code
    elif op == DISTINCT:
        code = names[row] if column < 0 else texts[column, row]
        place = seen_start[signal] + code
        if code >= 0 and seen[place] != walk:
            seen[place] = walk
            cells[signal, 1] += 1.0
    elif op == DAYS_UNTIL:
        if not np.isnan(numbers[column, row]):
            cells[signal, 0] = numbers[column, row]
    elif op == TREND:
        if not np.isnan(cells[signal, 0]):
            decay = -_LN2 * (when - cells[signal, 0]) / half_life
            cells[signal, 1] *= np.exp(decay)
            cells[signal, 2] *= np.exp(decay / 4.0)
        cells[signal, 1] += 1.0
        cells[signal, 2] += 1.0
        cells[signal, 0] = when
    else:
        _pair_up(cells, signal, op, when, entries[entry, 5] == 1)


@numba.njit(cache=True, nogil=True, inline="always")
def _pair_up(cells: Floats, signal: int, op: int, when: int, ends: bool) -> None:
    """What one kind of event begins and another ends; cell 0 is when the open one began."""
    if op == STREAK:
        cells[signal, 1] = 0.0 if ends else cells[signal, 1] + 1.0
    elif not ends:
        if np.isnan(cells[signal, 0]):
            cells[signal, 0] = when
    elif not np.isnan(cells[signal, 0]):
        cells[signal, 1] += when - cells[signal, 0]
        cells[signal, 2] += 1.0
        cells[signal, 0] = np.nan


@numba.njit(cache=True, nogil=True)
def _finish(
    now: int,
    began: int,
    done: Ints,
    horizon: Floats,
    signals: Ints,
    by_op: npt.NDArray[np.uint64],
    op_start: Ints,
    half_life: Floats,
    cells: Floats,
    out: Floats,
) -> int:
    """Write one snapshot from its cells, and return the highest rung completed.

    The signals of one op after the other: the op is asked for once, not for each of them.
    """
    rung, completed = 0, 0
    for goal in range(len(done)):
        if done[goal] != NONE:
            rung = goal + 1
            completed += 1
    reached = done[rung - 1] if rung > 0 else began
    for op in range(len(op_start) - 1):
        first, last = op_start[op], op_start[op + 1]
        if first == last:
            continue
        if op == COUNT or op == ACTIVE_DAYS or op == DISTINCT or op == STREAK:
            for at in range(first, last):
                out[by_op[at]] = cells[by_op[at], 1]
        elif op == DECAYED_COUNT:
            for at in range(first, last):
                signal = by_op[at]
                out[signal] = 0.0
                if cells[signal, 1] > 0.0:
                    decay = -_LN2 * (now - cells[signal, 0]) / half_life[signal]
                    out[signal] = cells[signal, 1] * np.exp(decay)
        elif op == DAYS_SINCE_LAST or op == DAYS_SINCE_FIRST:
            for at in range(first, last):
                out[by_op[at]] = (now - cells[by_op[at], 0]) / _DAY
        elif op == SUM:
            for at in range(first, last):
                held = cells[by_op[at], 0]
                out[by_op[at]] = 0.0 if np.isnan(held) else held
        elif op == MAX or op == MIN or op == LAST:
            for at in range(first, last):
                out[by_op[at]] = cells[by_op[at], 0]
        elif op == MEAN:
            for at in range(first, last):
                out[by_op[at]] = _ratio(cells[by_op[at], 0], cells[by_op[at], 1])
        elif op == TREND:  # rates, not counts: the long window is four times as long
            for at in range(first, last):
                signal = by_op[at]
                decay = -_LN2 * (now - cells[signal, 0]) / half_life[signal]
                short, long = cells[signal, 1] * np.exp(decay), cells[signal, 2] * np.exp(decay / 4)
                out[signal] = _ratio(4.0 * short, long)
        elif op == HOURS_WAITING:
            for at in range(first, last):
                out[by_op[at]] = (now - cells[by_op[at], 0]) / _HOUR
        elif op == REPLY_HOURS:
            for at in range(first, last):
                out[by_op[at]] = _ratio(cells[by_op[at], 1] / _HOUR, cells[by_op[at], 2])
        elif op == DAYS_UNTIL:  # what is over is no more to come
            for at in range(first, last):
                left = (cells[by_op[at], 0] - now) / _DAY
                out[by_op[at]] = left if left >= 0.0 else np.nan
        else:
            told = np.nan
            if op == POSITION:
                told = float(rung)
            elif op == STEPS_COMPLETED:
                told = float(completed)
            elif op == DAYS_AT_POSITION and reached != NONE:
                told = (now - reached) / _DAY
            elif op == PACE:
                told = _pace(rung, began, done, horizon)
            elif op == PROFILE_COMPLETENESS:
                told = _completeness(signals, cells)
            for at in range(first, last):
                out[by_op[at]] = told
    return rung


@numba.njit(cache=True, nogil=True)
def _completeness(signals: Ints, cells: Floats) -> float:
    """The share of the profile's traits that are known; absent where a ladder asks for none."""
    known, traits = 0, 0
    for signal in range(len(signals)):
        if signals[signal, 2] == 1:
            traits += 1
            known += 0 if np.isnan(cells[signal, 0]) else 1
    return _ratio(float(known), float(traits))


@numba.njit(cache=True, nogil=True)
def _ratio(over: float, under: float) -> float:
    return float(over / under) if under > 0.0 else np.nan


@numba.njit(cache=True, nogil=True)
def _pace(rung: int, began: int, done: Ints, horizon: Floats) -> Any:
    """How long the last step took, as a fraction of its horizon."""
    if rung == 0:
        return np.nan
    before = began
    for goal in range(rung - 1):
        before = max(before, done[goal])
    if before == NONE:
        return np.nan
    return max(0.0, (done[rung - 1] - before) / horizon[rung - 1])


@numba.njit(cache=True, nogil=True)
def next_completions(
    events: Events,
    program: Program,
    lead: Ints,
    as_of: Ints,
    position: Ints,
    until: int,
    found: Ints,
) -> None:
    """When each (lead, as_of) next completes a rung above `position`, and the purchase.

    What counts was not known at `as_of` and is known by `until`. It may have happened before
    `as_of` and been reported late: to whoever asked at `as_of` it was still to come. NONE where
    nothing is known. An event that restarts the ladder ends the search; what it completes itself
    counts where it is the purchase, as whoever begins anew has no step completed.

    Parameters
    ----------
    found : shape (5, n), filled with when it advanced, when that became known, when it purchased,
        when that became known, and when the loss became known by which it is lost since.
    """
    n_goals = len(program.horizon)
    for at in range(len(lead)):
        found[:, at] = NONE
        stopped = False
        for row in range(events.starts[lead[at]], events.starts[lead[at] + 1]):
            if events.known[row] <= as_of[at] or events.known[row] > until or stopped:
                continue
            when = events.occurred[row]
            advances, buys = False, False
            name = events.name_of[events.name[row]]
            for pair in range(program.pair_start[name], program.pair_start[name + 1]):
                goal = program.selector_goal[program.pair_selector[pair]]
                if goal < 0 or goal == n_goals + 1:
                    continue
                first, last = program.alternative_start[pair], program.alternative_start[pair + 1]
                if first < last and not matches(pair, row, events, program):
                    continue
                if goal == n_goals:  # the selectors of goals come before that
                    stopped = True
                    if advances and not buys:
                        found[0, at], found[1, at] = NONE, NONE
                elif goal == n_goals + 2:
                    found[4, at] = events.known[row]
                elif goal == n_goals + 3:
                    found[4, at] = NONE
                elif goal >= position[at] and found[0, at] == NONE:
                    found[0, at] = when
                    found[1, at] = events.known[row]
                    advances = True
                if goal == n_goals - 1:
                    buys = True
                    if found[2, at] == NONE:
                        found[2, at] = when
                        found[3, at] = events.known[row]


@numba.njit(cache=True, nogil=True)
def rows_of_goal(events: Events, program: Program, goal: int) -> Bools:
    """Which rows of the log meet the rules of one goal number (see `Program.selector_goal`)."""
    met = np.zeros(len(events.name), np.bool_)
    for row in range(len(met)):
        name = events.name_of[events.name[row]]
        for pair in range(program.pair_start[name], program.pair_start[name + 1]):
            if program.selector_goal[program.pair_selector[pair]] != goal:
                continue
            first, last = program.alternative_start[pair], program.alternative_start[pair + 1]
            met[row] = met[row] or first == last or matches(pair, row, events, program)
    return met
