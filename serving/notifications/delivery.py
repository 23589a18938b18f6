"""Delivers notifications: claims what is due, sends it, and keeps what came of it.

A delivery counts as done after a 2xx that is kept, so one whose sender dies in between is sent
again, under the same id. Processes share the work through leases: a claim holds for a minute, and
no attempt lasts so long. Clocks of different machines may differ by half of that.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Final

from starlette.concurrency import run_in_threadpool

from features.clock import is_over
from features.errors import StoreError
from serving.edge.logs import log, log_failure
from serving.notifications.attempt import Answer, post
from serving.notifications.bodies import body_of
from serving.notifications.claims import Claim, claimed, ready
from serving.notifications.outcomes import THROTTLING, give_up_old, keep, purge
from serving.notifications.sender import Sender
from serving.notifications.signature import signed_headers
from serving.process.service import Service

__all__ = ["keep_delivering"]

_PURGE_PAUSE_US: Final = 3_600 * 1_000_000
_PAUSE_SECONDS: Final = 1.0
_LAST_SECONDS: Final = 10.0


async def keep_delivering(service: Service, told: asyncio.Event | None = None) -> None:
    """Deliver what is due, every second and whenever `told` is set, until cancelled or stopping.

    Then nothing more is claimed, and what is being sent has ten seconds to end.
    """
    sender = Sender.of(service)
    lanes: dict[str, asyncio.Task[None]] = {}
    purge_at = 0
    try:
        while not service.stopping.is_set():
            await _fill(sender, lanes)
            if is_over(purge_at, sender.clock(), _PURGE_PAUSE_US):
                purge_at = sender.clock() + _PURGE_PAUSE_US
                await run_in_threadpool(_purge_quietly, sender)
            await _told(told)
    finally:
        sender.closing.set()
        await _end(lanes)
        await sender.client.aclose()


async def _fill(sender: Sender, lanes: dict[str, asyncio.Task[None]]) -> None:
    """Start a lane for each endpoint that something is due for: a slow one holds up no other."""
    for endpoint_id in [one for one, lane in lanes.items() if lane.done()]:
        del lanes[endpoint_id]
    try:
        due = await run_in_threadpool(ready, sender)
    except Exception as error:  # the edge of the process: nobody else would hear of it
        log_failure("deliveries cannot be read", error)
        return
    for endpoint_id in due:
        if endpoint_id not in lanes and sender.may_claim(endpoint_id):
            lanes[endpoint_id] = asyncio.create_task(_lane(sender, endpoint_id))


async def _lane(sender: Sender, endpoint_id: str) -> None:
    """Batch after batch to one endpoint, while something is due."""
    try:
        while sender.may_claim(endpoint_id) and await _batch(sender, endpoint_id):
            pass
    except Exception as error:  # likewise
        log_failure("delivery failed", error, endpoint=endpoint_id)


async def _told(told: asyncio.Event | None) -> None:
    """Wait for a second, or until told."""
    if told is None:
        await asyncio.sleep(_PAUSE_SECONDS)
        return
    with suppress(TimeoutError):
        await asyncio.wait_for(told.wait(), _PAUSE_SECONDS)
    told.clear()


async def _end(lanes: dict[str, asyncio.Task[None]]) -> None:
    """Wait for what is being sent, and let go of what does not end: its claim runs out."""
    if not lanes:
        return
    _, left = await asyncio.wait(lanes.values(), timeout=_LAST_SECONDS)
    for lane in left:
        lane.cancel()
    await asyncio.gather(*left, return_exceptions=True)


async def _batch(sender: Sender, endpoint_id: str) -> int:
    """Send some of what is due for one endpoint; how many."""
    claims = await run_in_threadpool(claimed, sender, endpoint_id)
    await asyncio.gather(*(_deliver(sender, claim) for claim in claims))
    return len(claims)


async def _deliver(sender: Sender, claim: Claim) -> None:
    """One attempt, and what came of it, kept: whatever went wrong, it counts."""
    try:
        answer = await _attempted(sender, claim)
    except Exception as error:  # ours: uncounted, it would be made again without end
        answer = _failed_here(claim, None, error)
    sender.attempts[_outcome(answer)] += 1
    try:
        await run_in_threadpool(keep, sender, claim, answer)
    except Exception as error:  # likewise
        await _keep_after(sender, claim, answer, error)


async def _attempted(sender: Sender, claim: Claim) -> Answer:
    at = sender.clock()
    body = body_of(claim.type, claim.lead_id, claim.created_at, claim.data, claim.extra)
    headers = signed_headers(claim.notification_id, at, body, claim.secrets)
    return await post(sender.client, claim.url, headers, body, sender.timeout_seconds, at)


def _failed_here(claim: Claim, status: int | None, error: Exception) -> Answer:
    """What an attempt comes to that an error of ours has ended."""
    log_failure("delivery failed", error, endpoint=claim.endpoint_id)
    return Answer(status, f"an error of Rung's own, {type(error).__name__}; see its log")


async def _keep_after(sender: Sender, claim: Claim, answer: Answer, error: Exception) -> None:
    """Keep that an attempt failed whose outcome would not be kept.

    One that was delivered is left alone, and so is all while the store is away: when the claim has
    run out it is sent again, under the same id.
    """
    failed = _failed_here(claim, answer.status, error)
    if not answer.error or isinstance(error, StoreError):
        return
    try:
        await run_in_threadpool(keep, sender, claim, failed)
    except Exception as again:  # the edge of the process: nobody else would hear of it
        log_failure("delivery failed", again, endpoint=claim.endpoint_id)


def _outcome(answer: Answer) -> str:
    """What an attempt counts as."""
    if not answer.error:
        return "delivered"
    if answer.status is None:
        return "unanswered"
    return "throttled" if answer.status in THROTTLING else "refused"


def _purge_quietly(sender: Sender) -> None:
    try:
        count = purge(sender.database, sender.clock())
        given_up = give_up_old(sender.database, sender.clock())
    except Exception as error:  # the edge of the process
        log_failure("old notifications cannot be forgotten", error)
        return
    if count:
        log("old notifications forgotten", count=count)
    if given_up:
        log("notifications given up: 30 days old", logging.WARNING, count=given_up)
