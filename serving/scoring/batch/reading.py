"""Some leads that were read once: their scores, what is likely suggested, and their reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import orjson

from features.arrays import Bools, Floats, Ints
from features.events.log import DAY_US, EventLog
from features.ladder.ladder import EventNames
from features.signals.fold import NONE
from features.signals.snapshot import Snapshot, snapshots_of_known
from serving.scoring.batch.scored import Scored
from serving.scoring.model import Model, ScoredLeads
from serving.scoring.work import likely_work

__all__ = ["PartReader", "ReadLeads", "ScoredPart", "read_leads"]

_WEEK_US: Final = 7 * DAY_US


class ScoredPart(NamedTuple):
    """What remains of some leads when their events have been looked at.

    Parameters
    ----------
    reasons : of those that have a next step, by lead, as JSON.
    most_events : how many the lead with the most of them has.
    """

    scored: Scored
    reasons: dict[str, str]
    most_events: int


@dataclass(frozen=True, eq=False, slots=True)
class PartReader:
    """Makes parts of logs. It holds all that it needs, so that another process may do it.

    Parameters
    ----------
    as_of : microseconds since the epoch.
    """

    model: Model
    as_of: int

    def __call__(self, log: EventLog) -> ScoredPart:
        """The leads of a log that has all that the model's ladder reads."""
        read = read_leads(self.model, log, self.as_of, with_week_ago=True)
        most = int(np.diff(log.starts).max(initial=0))
        return ScoredPart(read.scored, read.reasons(), most)


@dataclass(frozen=True, eq=False, slots=True)
class ReadLeads:
    """Leads whose scores and reasons come from the same events."""

    scored: Scored
    estimates: ScoredLeads
    queued: Bools

    def reasons(self) -> dict[str, str]:
        """The reasons of the leads that have a next step, as JSON; also of those in no queue."""
        details = self.estimates.details_of(np.flatnonzero(~np.isnan(self.scored.advance)))
        return {lead: orjson.dumps(one).decode() for lead, one in details.items()}


def read_leads(model: Model, log: EventLog, as_of: int, *, with_week_ago: bool) -> ReadLeads:
    """The leads of a log of which something was known at an instant.

    Parameters
    ----------
    as_of : microseconds since the epoch.
    with_week_ago : whether the chances of a week before are looked for.
    """
    ladder = model.bundle.ladder
    instants = (as_of, as_of - _WEEK_US) if with_week_ago else (as_of,)
    now, *before = snapshots_of_known(log, model.compiled, instants)
    estimates = model.estimate(now, as_of)
    snapshot, scores = estimates.snapshot, estimates.scores
    longest_us = round(ladder.dormant_after_days * DAY_US)
    waiting_since, asked_at = _waiting(log, snapshot, ladder.events, as_of, as_of - longest_us)
    scored = Scored(
        leads=list(snapshot.leads),
        step=[step or "" for step in scores.step],
        waiting_since=waiting_since,
        asked_at=asked_at,
        works=likely_work(estimates),
        traits=estimates.traits(),
        position=scores.position,
        last_active=snapshot.last_active,
        advance=scores.advance.probability,
        low=scores.advance.low,
        high=scores.advance.high,
        purchase=scores.purchase.probability,
        week_ago=np.full(len(snapshot), np.nan),
    )
    queued = scored.queued(as_of, ladder.dormant_after_days)
    for then in before:
        scored.week_ago[:] = _week_ago(model, scored, queued, then, as_of - _WEEK_US)
    return ReadLeads(scored, estimates, queued)


def _week_ago(model: Model, scored: Scored, queued: Bools, then: Snapshot, as_of: int) -> Floats:
    """The chances at an instant of the queued leads that stood before the same step then.

    Parameters
    ----------
    then : the leads of which something was known at that instant.

    Returns
    -------
    Shape (n,), NaN for the others.
    """
    found = np.full(len(scored.leads), np.nan)
    place = {lead: at for at, lead in enumerate(scored.leads)}
    now = np.array([place[lead] for lead in then.leads], dtype=np.intp)
    stood = queued[now] & (scored.position[now] == then.position)
    found[now[stood]] = model.next_step_chances(then.rows(stood), as_of)
    return found


def _waiting(
    log: EventLog, snapshot: Snapshot, names: EventNames, as_of: int, after: int
) -> tuple[Ints, Ints]:
    """When each lead that waits for a reply asked first, and when its last question became known.

    Microseconds since the epoch; NONE for the others.

    Who asked before `after` waits no more; the same goes for the commitment to reply.
    """
    since = np.full(len(snapshot), NONE, dtype=np.int64)
    again = since.copy()
    if names.lead_asked not in log.names:
        return since, again
    lead, known = log.lead_of_rows(), log.known <= as_of
    asked = known & (log.name == log.names.index(names.lead_asked))
    replied_at = np.full(len(log.leads), NONE, dtype=np.int64)
    if names.business_replied in log.names:
        replied = known & (log.name == log.names.index(names.business_replied))
        np.maximum.at(replied_at, lead[replied], log.occurred[replied])
    open_ = asked & (log.occurred > np.maximum(replied_at[lead], after))
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for row in np.flatnonzero(open_).tolist():  # in time order for each lead
        first.setdefault(log.leads[lead[row]], int(log.occurred[row]))
        last[log.leads[lead[row]]] = max(int(log.known[row]), last.get(log.leads[lead[row]], NONE))
    for at, one in enumerate(snapshot.leads) if first else ():
        since[at], again[at] = first.get(one, NONE), last.get(one, NONE)
    return since, again
