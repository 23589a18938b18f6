"""Somebody else's experiment as decisions: each lead's arm with the chances of all options.

Assignments and the arms as they were designed -> what contradicts them -> events for the log. What
an arm is worth is not told here: outcomes are in the log, and training learns from all of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from math import fsum
from typing import Any, Final

import numpy as np
import pyarrow as pa

from features.arrays import Bools, Floats, Ints
from features.clock import said_at
from features.errors import ExperimentConflict, ExperimentError, did_you_mean
from features.events.log import DAY_US, EventLog
from features.events.table import EventTable
from features.ladder.controls import Experiment
from features.ladder.ladder import Ladder
from features.ladder.words import OFFER, things
from features.offers.decisions import (
    OF_EXPERIMENT,
    Decision,
    decision_event,
    decisions_of,
    exposure_events,
)
from features.offers.experiments import check_experiment_of_others
from features.signals.program import compile_ladder
from features.signals.snapshot import snapshot_at
from features.store.events import Event
from models.judging.trials.sample_ratio import sample_ratio
from models.offers.options import NO_ASK, options_of
from training.policies.assignments_file import NEVER, Assignments
from training.policies.decisions import among_next_step

__all__ = ["ImportedExperiment", "WhoIsWhom", "import_experiment"]

_MOST_NAMED: Final = 5
_BOUGHT: Final = "bought"
_LOST: Final = "lost"


@dataclass(frozen=True, slots=True)
class WhoIsWhom:
    """Who is whom in a store.

    Parameters
    ----------
    lead_of : what the lead of an id is called, of ids that share a lead with others.
    opted_out : what the leads are called that must not be profiled.
    """

    lead_of: Mapping[str, str] = field(default_factory=dict)
    opted_out: Set[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ImportedExperiment:
    """What became of the leads of an experiment. All counts but those of `arms` are disjoint.

    Parameters
    ----------
    arms : how many leads of the file are in each.
    p : how likely arms as uneven are by chance, if the shares are as they were designed.
    learnable : leads whose next step was that of what they could have got.
    other_step : kept, and not learned from: by the next step that they had instead, "bought" after
        the purchase, "lost" for those that were over.
    later : assigned after the last that is known of anybody, and left for a later import.
    opted_out : left out, as they must not be profiled.
    unknown : of all that are kept, those of whom nothing else is known; they count as others do.
    crossed : of all that are kept, ids that are one lead with another id in another arm.
    unreached : of all that are kept, those whom what they were to get did not reach.
    again : rows that said the same of an id again.
    """

    arms: dict[str, int]
    p: float
    learnable: int
    other_step: dict[str, int]
    later: int
    opted_out: int
    unknown: int
    crossed: int
    unreached: int
    again: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def import_experiment(
    log: EventLog,
    ladder: Ladder,
    experiment: Experiment,
    assigned: Assignments,
    known: WhoIsWhom = WhoIsWhom(),
    *,
    now: int,
) -> tuple[EventTable, ImportedExperiment]:
    """The events of an experiment that somebody else made, for the store that a log is of.

    Who was asked counts as asked, whether it can be learned from or not. The events are known with
    the last that the log knows: that the file came later says nothing of what leads did meanwhile.

    Parameters
    ----------
    experiment : see `features.offers.experiments.check_experiment_of_others`.
    now : microseconds since the epoch.

    Raises
    ------
    ExperimentError : what is said cannot be so: arms that are not described, leads that the store
        does not have, an instant that has not come, or arms that the shares do not give.
    ExperimentConflict : it was imported before, and otherwise.
    EventsError : a decision of the log that cannot be read.
    """
    check_experiment_of_others(experiment, ladder)
    arm = _arms_of(experiment, assigned)
    last = log.judged_until(None)
    _check_times(experiment, assigned, now, last)
    p = _check_lot(experiment, arm, np.tile(_shares(experiment), (len(arm), 1)))
    leads = [known.lead_of.get(one, one) for one in assigned.ids]
    is_out = np.array([lead in known.opted_out for lead in leads], dtype=np.bool_)
    is_later = assigned.at > last
    kept = np.flatnonzero(~is_out & ~is_later)
    leads = [leads[row] for row in kept]
    lot = _Lot.of(log, ladder, experiment, assigned.rows(kept), arm[kept], leads)
    if not (lot.lead >= 0).any():
        raise ExperimentError(
            f"experiment {experiment.id!r}: nothing is known of any of its leads, such as"
            f" {leads[0]!r}: name them by the ids that events have"
            if len(kept)
            else f"experiment {experiment.id!r}: all of its leads opted out"
        )
    _check_fitting(ladder, experiment, lot)
    events, unreached = _events(log, ladder, experiment, lot, last)
    counts = np.bincount(arm, minlength=len(experiment.arms)).tolist()
    return events, ImportedExperiment(
        arms={one.id: count for one, count in zip(experiment.arms, counts, strict=True)},
        p=p,
        learnable=int(lot.fits.sum()),
        other_step=lot.elsewhere(ladder),
        later=int((is_later & ~is_out).sum()),
        opted_out=int(is_out.sum()),
        unknown=int((lot.lead < 0).sum()),
        crossed=_crossed(leads, lot.assigned.arms),
        unreached=unreached,
        again=assigned.again,
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Lot:
    """The leads of an experiment with where they stood.

    Parameters
    ----------
    arm, chosen : shape (n,), indices into the experiment's arms and the ladder's options.
    lead : shape (n,), indices into the log's leads; -1 for one that it does not have.
    as_of : shape (n,), the last instant before each was assigned: what was done at once is later.
    position : shape (n,), the rungs completed then.
    is_lost, fits : shape (n,), whether it was over then, and whether it can be learned from.
    chances : shape (n, n_options), as `among_next_step` has them.
    """

    assigned: Assignments
    arm: Ints
    chosen: Ints
    lead: Ints
    as_of: Ints
    position: Ints
    is_lost: Bools
    fits: Bools
    chances: Floats

    @classmethod
    def of(
        cls,
        log: EventLog,
        ladder: Ladder,
        experiment: Experiment,
        assigned: Assignments,
        arm: Ints,
        leads: Sequence[str],
    ) -> _Lot:
        place = {lead: at for at, lead in enumerate(log.leads)}
        lead = np.array([place.get(one, -1) for one in leads], dtype=np.int64)
        as_of = assigned.at - 1
        position = np.zeros(len(lead), dtype=np.int64)
        is_lost = np.zeros(len(lead), dtype=np.bool_)
        there = np.flatnonzero(lead >= 0)
        names = tuple(leads[row] for row in there.tolist())
        found = snapshot_at(log, compile_ladder(ladder), names, lead[there], as_of[there])
        position[there], is_lost[there] = found.position, found.is_lost
        options = options_of(ladder)
        got = np.array([options.index(one.offers[0]) for one in experiment.arms])
        shares = np.zeros((len(lead), len(options)))
        for option, share in zip(got, _shares(experiment), strict=True):
            shares[:, option] += share
        chosen = got[arm]
        chances, fits = among_next_step(ladder, position, shares, chosen)
        return cls(assigned, arm, chosen, lead, as_of, position, is_lost, fits & ~is_lost, chances)

    def elsewhere(self, ladder: Ladder) -> dict[str, int]:
        """Of those that cannot be learned from, how many stood before each step."""
        steps = [*(goal.id for goal in ladder.goals), _BOUGHT]
        stood = Counter(
            _LOST if self.is_lost[row] else steps[self.position[row]]
            for row in np.flatnonzero(~self.fits)
        )
        return {step: stood[step] for step in (*steps, _LOST) if stood[step]}


# ------------------------------------------------------------------------------- what cannot be so


def _arms_of(experiment: Experiment, assigned: Assignments) -> Ints:
    """Shape (n,): the place of each arm."""
    place = {arm.id: at for at, arm in enumerate(experiment.arms)}
    strange = Counter(arm for arm in assigned.arms if arm not in place)
    if strange:
        named = ", ".join(f"{arm!r} ({count:,})" for arm, count in strange.most_common(_MOST_NAMED))
        hint = did_you_mean(next(iter(strange)), place)
        raise ExperimentError(
            f"experiment {experiment.id!r}: leads are in arms that are not described: {named};"
            f" described are {', '.join(map(repr, place))}{hint}"
        )
    return np.array([place[arm] for arm in assigned.arms], dtype=np.int64)


def _check_times(experiment: Experiment, assigned: Assignments, now: int, last: int) -> None:
    ahead = assigned.at > now
    if ahead.any():
        row = int(ahead.argmax())
        raise ExperimentError(
            f"experiment {experiment.id!r}: {things(int(ahead.sum()), 'lead')} assigned in the"
            f" future, such as {assigned.ids[row]!r} at {said_at(int(assigned.at[row]))}"
        )
    if (assigned.at > last).all():
        raise ExperimentError(
            f"experiment {experiment.id!r}: all leads are assigned after the last that is known of"
            f" anybody, {said_at(last)}: import what they did first"
        )


def _shares(experiment: Experiment) -> Floats:
    """Shape (n_arms,), 1 together but for the last digits."""
    total = fsum(arm.share for arm in experiment.arms)
    return np.array([arm.share / total for arm in experiment.arms])


def _check_lot(experiment: Experiment, arm: Ints, shares: Floats, who: str = "") -> float:
    """The p-value of the arms; ExperimentError where the shares surely do not give them."""
    found = sample_ratio(arm, shares)
    if found.alarm is not None:
        counts = np.bincount(arm, minlength=len(experiment.arms))
        due = shares.sum(axis=0)
        told = ", ".join(
            f"{one.id} has {count:,} leads and was to have about {expected:,.0f}"
            for one, count, expected in zip(experiment.arms, counts, due, strict=True)
        )
        why = (
            "either the times are later than what the arms did, or something sorts the leads"
            if who
            else "either the shares were others, or something sorts the leads"
        )
        raise ExperimentError(
            f"experiment {experiment.id!r}: {who}the arms do not have the leads that their shares"
            f" give them: {told}; {why}. Nothing that is compared between them holds"
        )
    return float(found.p[-1])


def _check_fitting(ladder: Ladder, experiment: Experiment, lot: _Lot) -> None:
    """As `_check_lot` of those that are learned from: where they stood must not hang on the arm."""
    rows = np.flatnonzero(lot.fits)
    if not len(rows):
        return
    options = options_of(ladder)
    got = np.array([options.index(one.offers[0]) for one in experiment.arms])
    each = _shares(experiment) * (lot.chances[rows][:, got] > 0.0)
    each /= each.sum(axis=1, keepdims=True)
    whose = "among leads whose next step was the offer's when they were assigned, "
    _check_lot(experiment, lot.arm[rows], each, whose)


def _crossed(leads: Sequence[str], arms: Sequence[str]) -> int:
    """How many ids belong to a lead of which another id was in another arm before."""
    first: dict[str, str] = {}
    return sum(first.setdefault(lead, arm) != arm for lead, arm in zip(leads, arms, strict=True))


# -------------------------------------------------------------------------------------- the events


def _events(
    log: EventLog, ladder: Ladder, experiment: Experiment, lot: _Lot, last: int
) -> tuple[EventTable, int]:
    """The events, all of them known with the last of the log, and how many were not reached."""
    found: list[Event] = []
    unreached = 0
    extended = _extended(log, ladder)
    for row, decision in enumerate(_decisions(log, ladder, experiment, lot)):
        found.append(decision_event(decision, ladder))
        reached_at = _reached_at(lot, row, decision, extended)
        if reached_at == NEVER or reached_at > last:
            unreached += decision.chosen != NO_ASK
            continue
        exposure, *asked = exposure_events(decision, ladder, reached_at)
        there = extended.get((int(lot.lead[row]), decision.chosen), ())
        # What the log has of the same ask already is not to count as another one.
        found += [exposure, *(one for one in asked if one.occurred_at not in there)]
    return _table(found, last), unreached


def _decisions(
    log: EventLog, ladder: Ladder, experiment: Experiment, lot: _Lot
) -> Iterator[Decision]:
    """The whole lot of each lead: which of its options were for the next step is told later."""
    policy = f"{OF_EXPERIMENT}{experiment.id}"
    imported = [one.decision for one in decisions_of(log, ladder) if one.decision.is_of_others]
    before = {one.decision_id: one for one in imported if one.policy == policy}
    _check_new(experiment, lot, [one for one in imported if one.policy != policy])
    shares: dict[str, float] = {}
    for arm, share in zip(experiment.arms, _shares(experiment).tolist(), strict=True):
        shares[arm.offers[0]] = shares.get(arm.offers[0], 0.0) + share
    version = _version(shares)
    for row, id_ in enumerate(lot.assigned.ids):
        position, as_of = int(lot.position[row]), int(lot.as_of[row])
        step = ladder.goals[position] if position < len(ladder.goals) else None
        chosen = experiment.arms[lot.arm[row]].offers[0]
        offer = ladder.offer(chosen)
        decision = Decision(
            decision_id=f"{policy}:{id_}",
            lead_id=id_,
            as_of=as_of,
            step=step.id if step else "",
            options=tuple(shares),
            probabilities=tuple(shares.values()),
            chosen=chosen,
            policy=policy,
            policy_version=version,
            expires_at=as_of + (round(step.horizon_days * DAY_US) if step else 0),
            offer_version=offer.version if offer else 0,
        )
        _check_same(experiment, before.get(decision.decision_id), decision)
        yield decision


def _version(shares: Mapping[str, float]) -> str:
    """What differs whenever the lot does."""
    told = ",".join(f"{option}={share:.9g}" for option, share in sorted(shares.items()))
    return blake2b(told.encode(), digest_size=6).hexdigest()


def _check_same(experiment: Experiment, before: Decision | None, decision: Decision) -> None:
    if before is None:
        return
    for what, was, is_ in (
        ("with other arms or shares", before.policy_version, decision.policy_version),
        ("in another arm", before.chosen, decision.chosen),
        ("at another time", before.as_of, decision.as_of),
    ):
        if was != is_:
            raise ExperimentConflict(
                f"experiment {experiment.id!r} was imported before, lead {decision.lead_id!r}"
                f" {what}: what was imported is not changed, import it as it was"
            )


def _check_new(experiment: Experiment, lot: _Lot, others: Sequence[Decision]) -> None:
    """ExperimentConflict where it is there under another id: it would count twice.

    Of two experiments that put leads into arms at one instant no more than some arms are the same.
    """
    mine = {
        (id_, int(as_of)): experiment.arms[arm].offers[0]
        for id_, as_of, arm in zip(lot.assigned.ids, lot.as_of, lot.arm, strict=True)
    }
    for policy in sorted({one.policy for one in others}):
        theirs = {
            (one.decision_id.removeprefix(f"{policy}:"), one.as_of): one.chosen
            for one in others
            if one.policy == policy
        }
        both = mine.keys() & theirs.keys()
        if 2 * len(both) > len(mine) and all(mine[one] == theirs[one] for one in both):
            named = policy.removeprefix(OF_EXPERIMENT)
            raise ExperimentConflict(
                f"experiment {experiment.id!r}: {len(both):,} of its {len(mine):,} leads were put"
                f" into the same arms at the same instants in {named!r}, which was imported before:"
                " they would count twice"
            )


_Extended = Mapping[tuple[int, str], Sequence[int]]
"""Lead and offer -> when it was extended, in time order."""


def _extended(log: EventLog, ladder: Ladder) -> _Extended:
    found: dict[tuple[int, str], list[int]] = {}
    name = ladder.events.offer_extended
    if name not in log.names or OFFER not in log.columns.texts:
        return found
    rows = np.flatnonzero(log.name == log.names.index(name))
    column = log.columns.texts.index(OFFER)
    words, codes = log.text_values[column], log.texts[column, rows].tolist()
    leads, times = log.lead_of_rows()[rows].tolist(), log.occurred[rows].tolist()
    for lead, at, code in zip(leads, times, codes, strict=True):
        if code >= 0:
            found.setdefault((lead, words[code]), []).append(at)
    return found


def _reached_at(lot: _Lot, row: int, decision: Decision, extended: _Extended) -> int:
    """When it reached the lead: as the file says, or the log, or else at once; or `NEVER`."""
    at = int(lot.assigned.at[row])
    if lot.assigned.reached_at is not None and decision.chosen != NO_ASK:
        at = int(lot.assigned.reached_at[row])
        if at == NEVER:
            return NEVER
    asked = extended.get((int(lot.lead[row]), decision.chosen), ())
    return next((one for one in asked if at <= one <= decision.expires_at), at)


def _table(events: Sequence[Event], known_at: int) -> EventTable:
    return EventTable(
        pa.array([one.message_id for one in events], pa.string()),
        pa.array([one.lead_id for one in events], pa.string()),
        pa.array([one.name for one in events], pa.string()),
        np.array([one.occurred_at for one in events], dtype=np.int64),
        np.full(len(events), known_at, dtype=np.int64),
        documents=pa.array([one.properties for one in events], pa.string()),
    )
