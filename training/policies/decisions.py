"""The decisions of a log as a model and a judge see them: what could be chosen, what came of it.

Decisions that Rung drew carry their propensities. Offers that were extended without it are
decisions too, whose propensities have to be estimated; for the times when nothing was asked,
instants are drawn from the lives of leads at which no offer followed while they stood where they
were. An offer that follows because the lead went on says nothing against such an instant: to leave
it out would leave out those that went on without being asked.

A decision counts whether it reached its lead or not (intention to treat). What was chosen may
decide whether it does, as where a mail counts as seen once it is opened: those that are reached are
then other leads than those that were left alone, whatever was drawn. Whether it did is told with
it. A decision whose window is not over does not count: no outcome by then is a zero, and what is
reported later is left out.

What somebody else's experiment drew is a lot as well, and tells what offers change. It is none of
Rung's: what a policy is worth, and what is watched look by look, is told without it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from features.arrays import Bools, Floats, Ints
from features.errors import EventsError
from features.events.log import DAY_US, EventLog
from features.ladder.ladder import EventRule, Ladder
from features.ladder.words import OFFER, things
from features.offers.decisions import Decided, decisions_of
from features.signals.linked_log import link
from features.signals.program import compile_ladder, compile_signals
from features.signals.snapshot import Snapshot, snapshot_at
from models.offers.options import options_of
from training.decision_points import Points, decision_points
from training.labels import label

__all__ = [
    "Decisions",
    "all_draws",
    "among_next_step",
    "asked_by_others",
    "certain_choices",
    "decided_by_rung",
    "drawn_decisions",
    "lots_of_others",
    "observed_decisions",
    "uncounted_gains",
]


_NOT_ASKED_DAYS: Final = 3.0
"""An instant counts as one of no ask if no offer at the same rung follows within so many days."""
_NOT_ASKED_US: Final = round(_NOT_ASKED_DAYS * DAY_US)
_MOST_MEASURED: Final = 0.9
"""Of the events of a gain so many at least have its measure, or it is said."""


@dataclass(frozen=True, eq=False, slots=True)
class Decisions:
    """Decisions with what came of them, a row each.

    Parameters
    ----------
    lead : shape (n,), indices into the log's leads.
    snapshot : what was known at each.
    chosen : shape (n,), indices into the ladder's options.
    probability : shape (n, n_options); 0 where not eligible. Of observed decisions, which are drawn
        by nobody, 1 wherever the option was possible, until it is estimated.
    eligible : shape (n, n_options), what could be extended: beside what could be chosen that is
        what the policy of then left out because it believed it to do harm.
    topic : shape (n, n_options), whether the option continued the lead's topic.
    advanced : shape (n,), 1.0 where the next step (or one above) was completed in its horizon, or
        what was reported as the outcome.
    value : shape (n,), the gains within the value's horizon, costs not taken off: purchases (0 or
        1) or amounts.
    step_is_over : shape (n,), whether the window of the next step is over: what is known of that
        need not wait for the purchase.
    is_over : shape (n,), whether both windows are over.
    framing, framing_chance : of each, and how likely that way was; "" and 1.0 where there was one
        way only.
    is_shown : shape (n,), whether it is known to have reached its lead; of no ask it always is.
    """

    lead: Ints
    snapshot: Snapshot
    chosen: Ints
    probability: Floats
    eligible: Bools
    topic: Bools
    advanced: Floats
    value: Floats
    step_is_over: Bools
    is_over: Bools
    framing: tuple[str, ...]
    framing_chance: Floats
    is_shown: Bools

    def __len__(self) -> int:
        return len(self.lead)

    @property
    def position(self) -> Ints:
        """Shape (n,), the rungs completed at each."""
        return self.snapshot.position

    @property
    def as_of(self) -> Ints:
        """Shape (n,), microseconds since the epoch."""
        return self.snapshot.as_of

    def rows(self, keep: Bools) -> Decisions:
        """Some of the decisions, by mask."""
        return Decisions(
            self.lead[keep],
            self.snapshot.rows(keep),
            self.chosen[keep],
            self.probability[keep],
            self.eligible[keep],
            self.topic[keep],
            self.advanced[keep],
            self.value[keep],
            self.step_is_over[keep],
            self.is_over[keep],
            tuple(self.framing[at] for at in np.flatnonzero(keep)),
            self.framing_chance[keep],
            self.is_shown[keep],
        )

    @property
    def reach(self) -> Floats:
        """Shape (n_options,): the share of the decisions for each that reached their leads.

        1.0 for an option that was never chosen.
        """
        count = np.bincount(self.chosen, minlength=self.probability.shape[1])
        shown = np.bincount(self.chosen[self.is_shown], minlength=len(count))
        reach: Floats = np.where(count > 0, shown / np.maximum(count, 1), 1.0)
        return reach


def drawn_decisions(log: EventLog, ladder: Ladder, until: int) -> Decisions:
    """The decisions that Rung drew, from what was known by `until`.

    What was chosen with certainty was not drawn: beside it there is nothing to compare with.

    Raises
    ------
    EventsError : a record that names an option the ladder does not have.
    """
    log = log.known_by(until)
    made = [one for one in decided_by_rung(log, ladder) if one.decision.propensity < 1.0]
    return _with_reports(_of_draws(log, ladder, until, made), made)


def all_draws(log: EventLog, ladder: Ladder, until: int) -> Decisions:
    """As `drawn_decisions`, with what was chosen with certainty as well.

    What came of each is what the log has: outcomes that were reported do not take its place.
    """
    log = log.known_by(until)
    return _of_draws(log, ladder, until, decided_by_rung(log, ladder))


def lots_of_others(log: EventLog, ladder: Ladder, until: int) -> tuple[Decisions, int]:
    """What experiments of others drew for the next steps of leads, and how many draws were not.

    A lead counts once an experiment, by its first arm, also where two ids turned out to be one
    lead. The chances are as `among_next_step` has them.

    Raises
    ------
    EventsError : a record that names an option the ladder does not have.
    """
    log = log.known_by(until)
    made = [one for one in decisions_of(log, ladder) if one.decision.is_of_others]
    first: dict[tuple[str, int], Decided] = {}
    for one in sorted(made, key=lambda one: (one.decision.as_of, one.decision.decision_id)):
        first.setdefault((one.decision.policy, one.lead), one)
    lots = _of_draws(log, ladder, until, list(first.values()))
    chances, fits = among_next_step(ladder, lots.position, lots.probability, lots.chosen)
    fits &= ~lots.snapshot.is_lost
    lots.probability[:] = chances
    return lots.rows(fits), int((~fits).sum())


def among_next_step(
    ladder: Ladder, position: Ints, probability: Floats, chosen: Ints
) -> tuple[Floats, Bools]:
    """A lot among any options as one among those of each lead's next step, and no ask.

    Where a lead stands is known before the lot, so among those who drew one of these options it is
    chance which: the chances are divided by that of any of them.

    Returns
    -------
    Shape (n, n_options), 0 for all others; and shape (n,), whether such an option was drawn, and
    another one could have been.
    """
    options = options_of(ladder)
    fits = options.rung == position[:, None]
    fits[:, options.no_ask] = True
    chances = np.where(fits, probability, 0.0)
    is_lot = fits[np.arange(len(chosen)), chosen] & ((chances > 0.0).sum(axis=1) > 1)
    total = chances.sum(axis=1, keepdims=True)
    return chances / np.where(total > 0.0, total, 1.0), is_lot


def decided_by_rung(log: EventLog, ladder: Ladder) -> list[Decided]:
    """What Rung decided by itself, in the order of the rows of `all_draws`."""
    return [one for one in decisions_of(log, ladder) if not one.decision.is_of_others]


def _of_draws(log: EventLog, ladder: Ladder, until: int, made: list[Decided]) -> Decisions:
    options = options_of(ladder)
    place = {name: at for at, name in enumerate(options.ids)}
    probability = np.zeros((len(made), len(options)))
    topic, worse = np.zeros((2, *probability.shape), dtype=np.bool_)
    for row, one in enumerate(made):
        unknown = [name for name in one.decision.options if name not in place]
        if unknown:
            raise EventsError(
                f"decision {one.decision.decision_id!r} names {unknown[0]!r}, which this ladder"
                " does not have; judge it with the ladder of its time"
            )
        at = [place[name] for name in one.decision.options]
        probability[row, at] = one.decision.probabilities
        topic[row, [place[name] for name in one.decision.on_topic if name in place]] = True
        worse[row, [place[name] for name in one.decision.believed_worse if name in place]] = True
    chosen = np.array([place[one.decision.chosen] for one in made], dtype=np.int64)
    return _with_outcomes(
        log,
        ladder,
        until,
        np.array([one.lead for one in made], dtype=np.int64),
        np.array([one.decision.as_of for one in made], dtype=np.int64),
        (
            *(chosen, probability, worse | (probability > 0.0), topic),
            tuple(one.decision.framing for one in made),
            np.array([one.decision.framing_probability for one in made], dtype=np.float64),
        ),
        np.array([one.exposed_at is not None for one in made], dtype=np.bool_)
        | (chosen == options.no_ask),
    )


def observed_decisions(log: EventLog, ladder: Ladder, until: int, seed: int) -> Decisions:
    """Offers that were extended by others, and instants of no ask, from what was known then.

    Only offers of the lead's next step count: what is extended out of order tells little.
    """
    log = log.known_by(until)
    options = options_of(ladder)
    lead, as_of, offer = _extended(log, ladder)
    quiet_lead, quiet_at = _not_asked(log, ladder, until, seed)
    lead = np.concatenate([lead, quiet_lead])
    as_of = np.concatenate([as_of, quiet_at])
    chosen = np.concatenate([offer, np.full(len(quiet_lead), options.no_ask)]).astype(np.int64)
    order = np.lexsort([as_of, lead])
    lead, as_of, chosen = lead[order], as_of[order], chosen[order]
    shape = (len(lead), len(options))
    nothing = np.zeros(shape, dtype=np.bool_)
    framings = ("",) * len(lead), np.ones(len(lead))
    choices = chosen, np.zeros(shape), nothing.copy(), nothing, *framings
    is_shown = np.ones(len(lead), dtype=np.bool_)
    decisions = _with_outcomes(log, ladder, until, lead, as_of, choices, is_shown)
    possible = _possible(ladder)[np.minimum(decisions.position, len(ladder.goals) - 1)]
    fits = possible[np.arange(len(chosen)), decisions.chosen] > 0
    decisions.probability[:] = possible
    decisions.eligible[:] = possible > 0
    return decisions.rows(fits & (decisions.position < len(ladder.goals)))


def asked_by_others(log: EventLog, ladder: Ladder, until: int) -> tuple[int, int]:
    """How many offers others extended by then, and how many of these the ladder has."""
    log = log.known_by(until)
    lead, _, offer = _extended_by_others(log, ladder)
    return len(lead), int((offer >= 0).sum())


def certain_choices(log: EventLog, ladder: Ladder, until: int) -> int:
    """How many decisions that had reached their leads by then were chosen with certainty.

    That is what is decided for a lead that a person works with, or among one option.
    """
    made = decided_by_rung(log.known_by(until), ladder)
    return sum(one.decision.propensity >= 1.0 for one in made if one.exposed_at is not None)


def _possible(ladder: Ladder) -> Floats:
    """Shape (n_goals, n_options): 1 for the asks of the next step and for no ask."""
    options = options_of(ladder)
    rows = [(options.rung == at) & options.is_ask for at in range(len(ladder.goals))]
    possible = np.array(rows, dtype=np.float64)
    possible[:, options.no_ask] = 1.0
    return possible


def _extended(log: EventLog, ladder: Ladder) -> tuple[Ints, Ints, Ints]:
    """Lead, instant before it, and option of every offer of the ladder that others extended."""
    lead, before, option = _extended_by_others(log, ladder)
    known = option >= 0
    return lead[known], before[known], option[known]


def _extended_by_others(log: EventLog, ladder: Ladder) -> tuple[Ints, Ints, Ints]:
    """As `_extended`, with offers that the ladder does not have: their option is -1."""
    options = options_of(ladder)
    rows = _rows_named(log, ladder.events.offer_extended)
    lead = log.lead_of_rows()
    ours = _rows_named(log, ladder.events.exposure)
    exposed = set(zip(lead[ours].tolist(), log.occurred[ours].tolist(), strict=True))
    column = log.columns.texts.index(OFFER)
    place = {name: at for at, name in enumerate(options.ids[:-2])}
    words = [place.get(word, -1) for word in log.text_values[column]]
    code_of = np.array([*words, -1], dtype=np.int64)
    option = code_of[log.texts[column][rows]]
    keep = np.array(
        [
            pair not in exposed
            for pair in zip(lead[rows].tolist(), log.occurred[rows].tolist(), strict=True)
        ],
        dtype=np.bool_,
    )
    return lead[rows[keep]], log.occurred[rows[keep]] - 1, option[keep]


def _not_asked(log: EventLog, ladder: Ladder, until: int, seed: int) -> tuple[Ints, Ints]:
    """Leads and instants at which nothing was asked of them for some days, where they stood."""
    points = decision_points(log, ladder, end=until, seed=seed)
    rows = _rows_named(log, ladder.events.offer_extended)  # of one lead after the other, in time
    lead, asked_at = log.lead_of_rows()[rows], log.occurred[rows]
    names = tuple(log.leads[at] for at in lead)
    stood = snapshot_at(log, compile_ladder(ladder), names, lead, asked_at - 1).position
    first = np.searchsorted(lead, points.lead, side="left").tolist()
    last = np.searchsorted(lead, points.lead, side="right").tolist()
    quiet = np.array(
        [
            _is_quiet(asked_at[start:stop], stood[start:stop], as_of, position)
            for start, stop, as_of, position in zip(
                first, last, points.as_of.tolist(), points.position.tolist(), strict=True
            )
        ],
        dtype=np.bool_,
    )
    quiet &= points.as_of + _NOT_ASKED_US <= until
    return points.lead[quiet], points.as_of[quiet]


def _is_quiet(asked_at: Ints, stood: Ints, as_of: int, position: int) -> bool:
    """Whether no offer was extended soon after an instant to a lead that stood there still."""
    next_ = int(np.searchsorted(asked_at, as_of, side="right"))
    if next_ == len(asked_at) or asked_at[next_] > as_of + _NOT_ASKED_US:
        return True
    return bool(stood[next_] != position)


def _rows_named(log: EventLog, name: str) -> Ints:
    if name not in log.names:
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(log.name == log.names.index(name)).astype(np.int64)


def _with_outcomes(
    log: EventLog,
    ladder: Ladder,
    until: int,
    lead: Ints,
    as_of: Ints,
    choices: tuple[Ints, Floats, Bools, Bools, tuple[str, ...], Floats],
    is_shown: Bools,
) -> Decisions:
    """What was known at each instant, and what came after."""
    compiled = compile_ladder(ladder)
    names = tuple(log.leads[at] for at in lead)
    snapshot = snapshot_at(log, compiled, names, lead, as_of)
    bought = snapshot.position >= len(ladder.goals)
    position = np.minimum(snapshot.position, len(ladder.goals) - 1)
    at_rung = replace(snapshot, position=position)
    points = Points(lead, at_rung)
    advanced, purchased = label(log, ladder, points, until)
    if ladder.value_horizon_days != ladder.purchase.horizon_days:
        purchase = replace(ladder.purchase, horizon_days=ladder.value_horizon_days)
        _, purchased = label(log, replace(ladder, purchase=purchase), points, until)
    horizon = round(ladder.value_horizon_days * DAY_US)
    if ladder.value.gains:
        value, over = _gains(log, ladder, lead, as_of, horizon), as_of + horizon <= until
    else:
        value, over = purchased.happened, purchased.mature
    chosen, probability, eligible, topic, framing, framing_chance = choices
    return Decisions(
        lead=lead,
        snapshot=snapshot,
        chosen=chosen,
        probability=probability,
        eligible=eligible,
        topic=topic,
        advanced=np.where(bought, 0.0, advanced.happened),
        value=value,
        step_is_over=advanced.mature,
        is_over=advanced.mature & over,
        framing=framing,
        framing_chance=framing_chance,
        is_shown=is_shown,
    )


def _with_reports(decisions: Decisions, made: list[Decided]) -> Decisions:
    """Where an outcome was reported in time, it is the outcome."""
    for row, one in enumerate(made):
        if one.outcome is not None:
            decisions.advanced[row] = one.outcome
    return decisions


def _gains(log: EventLog, ladder: Ladder, lead: Ints, as_of: Ints, horizon: int) -> Floats:
    """Shape (n,): what the ladder's gains come to in (as_of, as_of + horizon]."""
    worth = np.zeros(len(log))
    for gain in ladder.value.gains:
        rows = _rows_met(log, gain.rule)
        measured = np.ones(len(rows))
        if gain.measure:
            measured = np.nan_to_num(log.numbers[log.columns.numbers.index(gain.measure), rows])
        worth[rows] += gain.worth * measured
    total = np.concatenate([[0.0], np.cumsum(worth)])
    first = _first_after(log, lead, as_of)
    last = _first_after(log, lead, as_of + horizon)
    found: Floats = total[last] - total[first]
    return found


def uncounted_gains(log: EventLog, ladder: Ladder) -> list[str]:
    """Gains of the ladder that count nothing in a log, or little, as their measure is not there."""
    found = []
    for gain in ladder.value.gains:
        rows, event = _rows_met(log, gain.rule), gain.rule.event
        if event not in log.names:
            found.append(f"no event is called {event!r}, a gain of [value]: it counts nothing")
        elif gain.measure and len(rows):
            held = log.numbers[log.columns.numbers.index(gain.measure), rows]
            has = len(rows) - int(np.isnan(held).sum())
            if has < _MOST_MEASURED * len(rows):
                found.append(
                    f"of {things(len(rows), 'event')} {event!r}, a gain of [value], {has:,} have"
                    f" {gain.measure!r} as a number: the others count nothing"
                )
    return found


def _rows_met(log: EventLog, rule: EventRule) -> Ints:
    compiled = compile_signals((), goals=(((rule,), 1.0),), columns=log.columns)
    return np.flatnonzero(link(log, compiled).meets(0)).astype(np.int64)


def _first_after(log: EventLog, lead: Ints, as_of: Ints) -> Ints:
    """Shape (n,): the first row of each lead that happened after an instant."""
    found = np.empty(len(lead), dtype=np.int64)
    for row, (one, now) in enumerate(zip(lead.tolist(), as_of.tolist(), strict=True)):
        start, stop = log.starts[one], log.starts[one + 1]
        found[row] = start + np.searchsorted(log.occurred[start:stop], now, side="right")
    return found
