"""What a process does beside answering: it keeps scores fresh, and looks for another model.

Several processes may serve one store. Leads with news are shared out among them; a scoring of all
leads is done by one, and the others take over what it found.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any, Final

from starlette.concurrency import run_in_threadpool

from features.clock import is_ahead
from features.store.identities.turns import hold_leads
from features.store.kept.notifications import KEPT_US, add_notices
from features.store.kept.scores import StoredScore
from serving.edge.logs import log, log_failure
from serving.process.service import Service
from serving.process.working.joining import is_joined, is_named, join_stored, name_stored
from serving.scoring.batch.rescoring import Freshened, Run, TellProgress, freshen, rescore
from serving.scoring.changes import reply_overdue
from serving.scoring.ranking import Ranking

__all__ = ["alarm", "keep_current", "keep_fresh", "keep_informed", "keep_scored"]

_LOOK_SECONDS: Final = 1.0
"""How often a process looks for news that another one has stored."""
_GATHER_SECONDS: Final = 0.1
"""How long news gathers at least, so that what comes together is scored together."""
_MOST_GATHER_SECONDS: Final = 1.0
"""Under load scoring rests as long as it worked, up to this, where requests are answered beside it:
they get the processor, and more of what is new of a lead is scored at once."""
_LATE_SECONDS: Final = 3.0
"""News that waited longer than this lets it rest no more."""
_CURRENT_SECONDS: Final = 2.0
"""How often a process looks for another model."""
_RUN_SECONDS: Final = 2.0
"""How often a process looks whether all leads are to be scored."""
_TELL_SECONDS: Final = 1.0
"""How often it is told how far the first scoring of all leads has come."""
_LEASE_US: Final = 60_000_000
_RECENT_US: Final = 60_000_000
_LEAST_PAUSE_SECONDS: Final = 2.0
_LOG_SECONDS: Final = 60.0
"""How often the log hears of work that goes on failing for the same reason."""


# -------------------------------------------------------------------------------- leads with news


async def keep_fresh(service: Service) -> None:
    """Score leads with news, until cancelled."""
    news = service.group_commit.news
    while not service.stopping.is_set():
        news.clear()
        await run_in_threadpool(_attempt, service, _enter)
        await run_in_threadpool(_attempt, service, _let_go)
        started = time.perf_counter()
        scored = await run_in_threadpool(_attempt, service, _freshen)
        worked = time.perf_counter() - started
        if not scored:
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), _LOOK_SECONDS)
        await asyncio.sleep(_rest(service, worked))


def _rest(service: Service, worked: float) -> float:
    """For how many seconds news gathers after so many of work."""
    may_rest = service.shares_processors and service.freshness < _LATE_SECONDS
    return max(min(worked, _MOST_GATHER_SECONDS) if may_rest else 0.0, _GATHER_SECONDS)


def _enter(service: Service) -> bool:
    """Write to the log what people did and can no longer undo; whether there was anything."""
    return service.store.actions.enter(service.clock()) > 0


def _let_go(service: Service) -> bool:
    """Keep no answer of whoever was erased, also where nobody asks and this process scores none."""
    service.kept_scores.let_go_of_erased(service.scorer)
    return False


def _freshen(service: Service) -> bool:
    """Whether there were leads with news, and a model to score them with."""
    scorer = service.scorer
    if scorer.bundle is None or not service.may_score():
        return False
    done: Freshened | None = freshen(scorer, write_back=service.write_back)
    service.freshness = done.seconds_waited if done else 0.0
    if done:
        log("freshened", logging.DEBUG, leads=done.leads, seconds=round(done.seconds_waited, 3))
    return done is not None


# -------------------------------------------------------------------------------------- all leads


async def keep_scored(service: Service) -> None:
    """See to it that all leads are scored at intervals, and that waiting leads are told of."""
    while not service.stopping.is_set():
        await run_in_threadpool(_attempt, service, _join)
        await run_in_threadpool(_attempt, service, _name)
        await run_in_threadpool(_attempt, service, _score_all)
        await run_in_threadpool(_attempt, service, alarm)
        await run_in_threadpool(_attempt, service, _learn)
        await asyncio.sleep(_RUN_SECONDS)


def _join(service: Service) -> bool:
    """Join what was stored before the ladder identified by it, if nobody else does."""
    identification, ladder = service.identification, service.ladder
    if (
        service.held_back is not None
        or identification is None
        or is_joined(service.store, ladder.identity)
    ):
        return False
    with _held(service, "joining") as is_ours:
        if not is_ours():
            return False
        changed = join_stored(
            *(service.store, identification, ladder.identity, ladder.events.traits),
            *(service.clock, is_ours),
        )
    log("joined", leads=changed)
    return bool(changed)


def _name(service: Service) -> bool:
    """Let leads be found by the traits that were stored before, if nobody else does."""
    store, traits_event = service.store, service.ladder.events.traits
    if service.held_back is not None or is_named(store, traits_event):
        return False
    with _held(service, "naming") as is_ours:
        if not is_ours():
            return False
        count = name_stored(store, traits_event, is_ours)
    log("named", logging.DEBUG, events=count)
    return bool(count)


def _score_all(service: Service) -> bool:
    """Score all leads, if it is time and nobody else does; take over what was found elsewhere."""
    scorer = service.scorer
    if scorer.bundle is None:
        return False
    kept, wanted = scorer.store.scores.full_run()
    if not service.may_score() or not _is_due(service, kept, wanted):
        _take_over(service, kept)
        return False
    with _held(service, "full run") as is_ours:
        if not is_ours():
            return False
        service.refresh()  # who asked for it may have changed the offers
        if not service.may_score():
            return False
        scorer = service.scorer
        run = rescore(
            *(scorer, service.stopping, service.write_back),
            lambda: service.may_score() and is_ours(),
            _told_at_times(service) if kept is None else lambda *_: None,
        )
        if run is None:
            return False
        scorer.store.scores.finish_full_run(asdict(run), wanted)
    service.run = run
    log("scored", leads=run.leads, queued=run.queued, seconds=round(run.seconds, 3))
    return True


def _told_at_times(service: Service) -> TellProgress:
    """Lets pages say how far the first scoring of all leads has come; until then they have none."""
    told_at = time.monotonic()

    def tell(looked_at: int, leads: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= _TELL_SECONDS:
            told_at = time.monotonic()
            service.store.scores.tell_progress(looked_at, leads)

    return tell


def _learn(service: Service) -> bool:
    """Learn what callers' own actions bring, if rewards have come and nobody else does.

    What is too old is forgotten, whether there is anything to learn or not.
    """
    service.ranker.forget_old()
    due = service.ranker.due()
    if not due:
        return False
    with _held(service, "learning") as is_ours:
        if not is_ours():
            return False
        service.ranker.learn(due)
    return True


@contextmanager
def _held(service: Service, work: str) -> Iterator[Callable[[], bool]]:
    """Work that one process at a time does; what says whether it is this one, and is to go on."""
    held = service.store.leases.held(work, service.holder, service.clock, _LEASE_US)
    with held as is_ours:
        yield lambda: not service.stopping.is_set() and is_ours()


async def keep_informed(service: Service) -> None:
    """Know what others find who score, until cancelled."""
    while not service.stopping.is_set():
        await run_in_threadpool(_attempt, service, _inform)
        await asyncio.sleep(_RUN_SECONDS)


def _inform(service: Service) -> bool:
    """Take over what the last scorings have found."""
    if service.scorer.bundle is None:
        return False
    _take_over(service, service.store.scores.full_run()[0])
    now = service.scorer.clock()
    service.freshness = service.store.scores.freshness(now - _RECENT_US, now)
    return True


def _is_due(service: Service, kept: dict[str, Any] | None, wanted: str) -> bool:
    scorer = service.scorer
    if kept is None or kept["bundle"] != scorer.model.bundle.identity:
        return True
    pause = _LEAST_PAUSE_SECONDS if wanted else service.settings.rescore_seconds
    at, now = kept["as_of"], scorer.clock()
    return bool(is_ahead(at, now) or now - at >= pause * 1e6)


def _take_over(service: Service, kept: dict[str, Any] | None) -> None:
    """Know what another process, or this one before it was started anew, has found."""
    if kept is None or (service.run is not None and service.run.as_of == kept["as_of"]):
        return
    scorer = service.scorer
    found = Ranking.of(*scorer.store.scores.chances(kept["bundle"]))
    scorer.usual, scorer.ranking = kept.get("usual", {}), found
    service.run = Run(**kept)


def alarm(service: Service) -> bool:
    """Tell of leads that have waited too long for a reply, each once; whether there are any.

    That they have is no news once what was told then is kept no more: nobody is told again, and
    nothing of a history that was imported.
    """
    minutes = service.reply_minutes
    if not minutes:
        return False
    now = service.scorer.clock()
    # They are asked for every other second, and told once: of the others only who they are is read.
    late = now - round(minutes * 60e6)
    waiting = service.store.scores.waiting(late, since=late - KEPT_US)
    new = dict(one for one in waiting if one not in service.alarmed)
    untold: list[StoredScore] = []
    if new:
        with service.store.database.writing() as connection:
            hold_leads(connection)  # of who was erased by now, or is out, nothing is told
            untold = [
                row
                for row in service.store.scores.within(connection, list(new))
                if row.waiting_since == new[row.lead_id]  # it may have been answered
            ]
            add_notices(connection, [reply_overdue(row, now, minutes) for row in untold])
    service.alarmed = set(waiting)
    return bool(untold)


# ----------------------------------------------------------------------------------- another model


async def keep_current(service: Service) -> None:
    """Look for another model or policy to serve with, until cancelled."""
    while not service.stopping.is_set():
        await run_in_threadpool(_attempt, service, Service.refresh)
        await run_in_threadpool(_attempt, service, _take_over_learned)
        await asyncio.sleep(_CURRENT_SECONDS)


def _take_over_learned(service: Service) -> bool:
    """Choose among callers' own actions by what is learned by now."""
    return service.ranker.take_over()


def _attempt(service: Service, work: Callable[[Service], bool]) -> bool:
    """Whether work was done; what it fails with is logged, and it is tried again later."""
    name = work.__name__.strip("_").replace("_", " ")
    try:
        done = work(service)
    except Exception as error:  # the edge of the process: nobody else would hear of it
        service.failures[name] = f"{name} failed: {type(error).__name__}; see the log"
        _log_at_times(service, name, error)
        return False
    service.failures.pop(name, None)
    if service.logged.pop(name, None):
        log("background work goes on", work=name)
    return done


def _log_at_times(service: Service, name: str, error: Exception) -> None:
    """Log what work fails with; while it goes on failing alike, once a minute.

    It is tried every second or two, and a store may be away for a night.
    """
    why, now = f"{type(error).__name__}: {error}", time.monotonic()
    before, logged_at = service.logged.get(name, ("", now))
    if why != before or now - logged_at >= _LOG_SECONDS:
        service.logged[name] = why, now
        log_failure("background work failed", error, work=name)
