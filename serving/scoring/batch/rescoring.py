"""Scores leads in batches and stores what the queue is made of: all leads, or those with news.

The order of the queue is the work that a lead is (`serving.scoring.work`); among equals the id
decides. Leads that have bought or are lost, those that do not fit, and those that were silent for
the ladder's `dormant_after_days` are left out of it; who waits for a reply never is, also not for
want of a next step. Whoever opted out of profiling has no score at all.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from math import isnan
from types import MappingProxyType
from typing import Final

import numpy as np
import sqlalchemy as sa

from features.arrays import Bools, Floats
from features.clock import seconds_since
from features.errors import OptedOut, UnknownLead
from features.events.log import EventLog
from features.signals.fold import NONE
from features.store.identities.members import largest_leads
from features.store.identities.turns import ErasedSince
from features.store.kept.leases import Mark
from features.store.kept.notifications import add_notices
from features.store.kept.scores import OUT_OF_QUEUE, Former, StoredScore
from features.store.privacy.opt_outs import opted_out_leads, opted_out_of
from features.store.whole_log.ahead import found_of
from serving.scoring.batch.reading import PartReader, ScoredPart, read_leads
from serving.scoring.batch.rounds import rounds_of, to_be_told_by_news
from serving.scoring.batch.scored import Findings, Scored, SpilledTexts, stored_rows, usual_chances
from serving.scoring.changes import Round, score_changes
from serving.scoring.ranking import Ranking
from serving.scoring.scorer import Scorer
from serving.scoring.work import exact_work, place, tab_of

__all__ = ["CROWDED", "Freshened", "Run", "TellCrms", "TellProgress", "freshen", "rescore"]

TellProgress = Callable[[int, int], None]
"""Is told how many leads were looked at so far, and of how many."""
TellCrms = Callable[[sa.Connection, Sequence[StoredScore]], None]
"""Queues what CRMs are to be told of new scores, in the transaction that keeps them."""

_CHUNK: Final = 5000
"""Leads that are scored at once."""
_EXPLAIN_FRESH: Final = 500
"""So many leads with news are stored with their reasons at once. Where more have news events pour
in, and their reasons are found when somebody looks, or by the next scoring of all."""
_ADVISE_FRESH: Final = 100
_ADVISED: Final = 1000
"""So many leads, those first in the queue, stand there by all that is known of them; the others by
their signals alone, which is much quicker. Where many leads have news, those of them that come as
far up, but at most so many at a time as above; where few have, all, however far down: one may have
refused everything, and is out then."""
_LEASE_US: Final = 30_000_000
"""For so long the leads that a process took to score are its own; then others may, if it died."""
CROWDED: Final = 20_000
"""A lead with more events than this, a bot, is read apart from the others, and after them."""
_CROWDED_REST_US: Final = 20_000_000
"""Read so short a time ago, it waits until the lease of its marks ends: it is read twice a minute,
and its news does not wait for long enough to be an alarm."""


@dataclass(frozen=True, slots=True)
class Run:
    """One scoring of all leads.

    Parameters
    ----------
    as_of : microseconds since the epoch.
    leads, queued : how many were scored, and how many of them stand in the queue.
    by_step : how many queued leads have each step before them, by step id; who waits for a reply
        and has no next step is in none of them.
    bundle : the fingerprint of what scored.
    usual : the mean chance of the queued leads before each step, by step id.
    most_events, most_ids : how many the lead with the most of them has.
    purchases : how many of the leads of each tab are expected to buy, within the horizon of it.
    """

    as_of: int
    seconds: float
    leads: int
    queued: int
    by_step: dict[str, int]
    bundle: str = ""
    usual: dict[str, float] = field(default_factory=dict)
    most_events: int = 0
    most_ids: int = 0
    purchases: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Freshened:
    """Leads with news that were scored.

    Parameters
    ----------
    seconds_waited : from the first news of each to its score, the longest.
    """

    leads: int
    seconds_waited: float


def rescore(
    scorer: Scorer,
    stopping: threading.Event | None = None,
    write_back: TellCrms | None = None,
    is_still_ours: Callable[[], bool] = lambda: True,
    progress: TellProgress = lambda *_: None,
) -> Run | None:
    """Score every lead and store the queue; None where it was told to stop on the way.

    `is_still_ours` is asked between batches: work that took longer than its lease goes on, as long
    as nobody else has begun it.
    """
    started, as_of = time.perf_counter(), scorer.clock()
    erased = scorer.store.identities.erased_now()
    stopping = stopping or threading.Event()
    parts: list[Scored] = []
    most_events = looked_at = 0
    leads = _leads(scorer)
    with SpilledTexts() as reasons, closing(_parts(scorer, as_of, leads)) as found:
        for part in found:
            if stopping.is_set() or not is_still_ours():
                return None
            parts.append(part.scored)
            reasons.put(part.reasons)
            most_events = max(most_events, part.most_events)
            looked_at += len(part.scored.leads)
            progress(looked_at, len(leads))
        # Which part was read first is chance; who is first of equals must not be.
        scored = Scored.joined(sorted(parts, key=lambda part: part.leads[:1]))
        parts.clear()
        queued = _queued(scorer, scored, as_of)
        ranking = Ranking.of(scored.position[queued], scored.advance[queued])
        priority = _priority(scorer, scored, queued, as_of, stopping)
        queued = priority > OUT_OF_QUEUE
        told = Findings(ranking, reasons, "time")
        rows = stored_rows(scorer, scored, priority, told, as_of)
        with scorer.store.database.reading() as connection:
            again = scorer.store.marks.again(connection)
        then = _tellings(scorer, write_back, _before_news(scorer, again))
        left = to_be_told_by_news(scorer)
        scorer.store.scores.save_made(rows, then, clock=scorer.clock, erased=erased, left=left)
    scorer.usual, scorer.ranking = usual_chances(scored, queued), ranking
    placed = zip(scored.step, queued.tolist(), strict=True)
    steps = Counter(step for step, is_queued in placed if is_queued and step)
    return Run(
        as_of,
        time.perf_counter() - started,
        len(scored.leads),
        int(queued.sum()),
        dict(steps),
        scorer.model.bundle.identity,
        scorer.usual,
        most_events,
        _most_ids(scorer),
        _purchases(scored, priority),
    )


def _parts(scorer: Scorer, as_of: int, leads: Sequence[str]) -> Generator[ScoredPart]:
    """Leads, read and scored in parts."""
    store, ladder = scorer.store, scorer.model.bundle.ladder

    def read_here(some: Sequence[str]) -> EventLog:
        return store.log_of(some, ladder)

    look = PartReader(scorer.model, as_of)
    return found_of(read_here, look, store.database, ladder, leads, _CHUNK)


def _purchases(scored: Scored, priority: Floats) -> dict[str, float]:
    """How many leads of each tab are expected to buy."""
    expected: Counter[str] = Counter()
    for place_, chance in zip(priority.tolist(), scored.purchase.tolist(), strict=True):
        tab = tab_of(place_)
        if tab is not None and not isnan(chance):
            expected[tab] += chance
    return dict(expected)


def freshen(
    scorer: Scorer, limit: int = _CHUNK, write_back: TellCrms | None = None
) -> Freshened | None:
    """Score leads of which something new is known, the oldest news first; None without any.

    A mark goes when the score that has seen its news is stored; one that was set again meanwhile
    stays, and so does that of a lead whose news another machine dates into the future.
    """
    marks = scorer.store.marks.take(limit, scorer.clock(), _LEASE_US)
    if not marks:
        scorer.store.recent.let_go_of_erased()
        return None
    leads, left, first = 0, marks, None
    try:
        with scorer.store.database.reading() as connection:
            lead_of = scorer.store.identities.leads_of(connection, [mark.sent_id for mark in marks])
        turns = _turns(scorer, marks, lead_of)
        left = [mark for turn in turns for mark in turn]
        first = min((mark.since for mark in left), default=None)
        for turn in turns:
            leads += _score_marked(scorer, turn, lead_of, write_back)
            left = left[len(turn) :]
    except Exception:
        scorer.store.marks.give_back(left)
        raise
    return None if first is None else Freshened(leads, seconds_since(first, scorer.clock()))


def _most_ids(scorer: Scorer) -> int:
    with scorer.store.database.reading() as connection:
        return max(largest_leads(connection, 1).values(), default=1)


def _turns(
    scorer: Scorer, marks: Sequence[Mark], lead_of: Mapping[str, str]
) -> list[Sequence[Mark]]:
    """The marks that are served together: nobody waits for a lead with very many events.

    One that was read a moment ago is in none: its lease ends, and then it is taken again.
    """
    now = scorer.clock()
    turns: dict[str, list[Mark]] = {"": []}
    for mark in marks:
        lead = lead_of[mark.sent_id]
        read_at = scorer.crowded.get(lead)
        if read_at is None:
            turns[""].append(mark)
        elif not now - _CROWDED_REST_US < read_at <= now:
            turns.setdefault(lead, []).append(mark)
    return [turn for turn in turns.values() if turn]


def _score_marked(
    scorer: Scorer,
    marks: Sequence[Mark],
    lead_of: Mapping[str, str],
    write_back: TellCrms | None,
) -> int:
    """Score the leads of marks, store them, and take the marks away; how many leads there were."""
    sent_ids = {mark.sent_id for mark in marks}
    of_marks = {lead_of[one] for one in sent_ids}
    with scorer.store.database.reading() as connection:
        out = opted_out_of(connection, of_marks)
    as_of, erased = scorer.clock(), scorer.store.identities.erased_now()
    # Whoever has news had some lately, most of them: their events are still at hand.
    log = scorer.store.recent.log_of(sorted(of_marks - out), scorer.model.bundle.ladder)
    few = len(of_marks - out) <= _EXPLAIN_FRESH
    read = read_leads(scorer.model, log, as_of, with_week_ago=few)
    _note_crowded(scorer, log, as_of)
    scored, unseen = read.scored, _known_later(log, as_of)
    queued = _queued(scorer, scored, as_of)
    least = None if few else scorer.store.queue.priority_of(_ADVISED)
    priority = _priority(scorer, scored, queued, as_of, None, _ADVISE_FRESH, least)
    told = Findings(scorer.ranking, read.reasons() if few else {}, "events")
    first = min(mark.since for mark in marks)
    gone = ((sent_ids | of_marks) - set(scored.leads)) - unseen
    rows = stored_rows(scorer, scored, priority, told, as_of)
    scorer.store.scores.save_made(
        rows,
        _tellings(
            scorer,
            write_back,
            _before_news(scorer, [lead_of[one.sent_id] for one in marks if one.is_again]),
            {lead_of[mark.sent_id] for mark in marks if mark.is_news},
            first,
            rounds_of(scorer, log, first, as_of),
        ),
        [mark for mark in marks if lead_of[mark.sent_id] not in unseen],
        sorted(gone),
        clock=scorer.clock,
        erased=erased,
    )
    return len(scored.leads)


def _note_crowded(scorer: Scorer, log: EventLog, as_of: int) -> None:
    for lead, count in zip(log.leads, np.diff(log.starts).tolist(), strict=True):
        if count > CROWDED:
            scorer.crowded[lead] = as_of
        else:
            scorer.crowded.pop(lead, None)


def _leads(scorer: Scorer) -> list[str]:
    """All leads that may be profiled."""
    with scorer.store.database.reading() as connection:
        out = opted_out_leads(connection)
    return [lead for lead in scorer.store.lead_ids() if lead not in out]


def _tellings(
    scorer: Scorer,
    write_back: TellCrms | None,
    stood: Mapping[str, tuple[int, int]],
    live: Collection[str] | None = None,
    since: int | None = None,
    rounds: Mapping[str, Round] = MappingProxyType({}),
) -> Callable[[sa.Connection, Mapping[str, Former], Sequence[StoredScore]], None]:
    """Tells of changes, in the transaction that keeps the scores.

    A lead without a former score is news where something has just arrived of it, and none where a
    scoring of all leads comes upon it: it was imported, or has opted in again.

    Parameters
    ----------
    stood : leads that were parted from others and have news, see `_before_news`.
    live : the leads of which something has just arrived; None: those that are marked.
    since : when the first news came, which is kept for those who watch how fresh scores are.
    rounds : of leads that may have begun the ladder anew.
    """
    ladder = scorer.model.bundle.ladder

    def told(
        connection: sa.Connection, former: Mapping[str, Former], rows: Sequence[StoredScore]
    ) -> None:
        heard = live
        if heard is None:
            unknown = [row.lead_id for row in rows if row.lead_id not in former]
            heard = scorer.store.marks.among(connection, unknown)
        news = [row for row in rows if row.lead_id in former or row.lead_id in heard]
        before = dict(former)
        for row in rows:
            if row.lead_id in stood and row.lead_id not in former:
                at, position = stood[row.lead_id]
                before[row.lead_id] = Former(at, row.step, position, row.band, row.bundle)
        add_notices(connection, score_changes(ladder, before, news, rounds))
        if write_back is not None:
            write_back(connection, rows)
        if since is not None:
            scorer.store.scores.tell_freshness(connection, since, scorer.clock())

    return told


def _before_news(scorer: Scorer, leads: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Until when leads had no news that waits still, and where each of them stood by itself then.

    They were parted from others, or opted in again. What one had completed by then was told of the
    lead that they were, or is told to nobody. Leads without news are not among them.
    """
    if not leads:
        return {}
    with scorer.store.database.reading() as connection:
        since = scorer.store.marks.news_since(connection, leads)
    found: dict[str, tuple[int, int]] = {}
    for lead, came_at in since.items():
        log = scorer.store.log_of([lead], scorer.model.bundle.ladder)
        then = read_leads(scorer.model, log, came_at - 1, with_week_ago=False).scored
        found[lead] = came_at - 1, int(then.position.max(initial=0))
    return found


def _queued(scorer: Scorer, scored: Scored, as_of: int) -> Bools:
    return scored.queued(as_of, scorer.model.bundle.ladder.dormant_after_days)


def _known_later(log: EventLog, as_of: int) -> set[str]:
    """Leads of which something is known that an instant must not see yet."""
    return {log.leads[at] for at in np.unique(log.lead_of_rows()[log.known > as_of])}


def _priority(
    scorer: Scorer,
    scored: Scored,
    queued: Bools,
    as_of: int,
    stopping: threading.Event | None,
    most: int = _ADVISED,
    least: float | None = None,
) -> Floats:
    """Where each lead stands; the first ones by all that is known of them.

    What is suggested to those takes the place of what their signals alone had suggested.

    Parameters
    ----------
    most : how many are looked at closely.
    least : how far up they stand by their signals, if that is to say anything.
    """
    priority = np.where(queued, _by_signals(scored, as_of), OUT_OF_QUEUE)
    first = np.argsort(-priority, kind="stable")[: min(most, int(queued.sum()))]
    if least is not None:
        first = first[priority[first] >= least]
    for at in first.tolist():
        if stopping is not None and stopping.is_set():
            break
        since = int(scored.waiting_since[at])
        with suppress(UnknownLead, OptedOut, ErasedSince):  # since it was scored
            work = exact_work(scorer, scored.leads[at], as_of)
            waits_us = None if since == NONE else as_of - since
            is_out = work.is_out and waits_us is None
            scored.works.put(at, work)
            priority[at] = (
                OUT_OF_QUEUE if is_out else place(work, float(scored.purchase[at]), waits_us)
            )
    return np.asarray(priority, dtype=np.float64)


def _by_signals(scored: Scored, as_of: int) -> Floats:
    return scored.works.places(scored.purchase, scored.waiting_since, as_of)
