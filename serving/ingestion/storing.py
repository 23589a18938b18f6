"""What all ways of sending events share: how events are stored, and what is answered.

An event that will not do is refused alone, with a reason, unless the sender prefers otherwise. What
is answered as accepted is on the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import orjson
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from features.events.values import MESSAGE_ID
from features.store.arrivals import Arrival, Remark
from features.store.privacy.screening import ids_named, is_stripped
from serving.edge.access.access import Asker
from serving.edge.errors import NotAllowed
from serving.edge.parameters import Place
from serving.edge.problems import of_validation, respond
from serving.ingestion.values import EventRefused, Receipt, rules_of
from serving.process.group_commit import SUPPRESSED
from serving.process.service import Service

__all__ = [
    "LEFT_OUT",
    "MOST_BATCH_BYTES",
    "MOST_EVENTS",
    "WHY_SUPPRESSED",
    "SortedEvents",
    "check_count",
    "receipt_of",
    "refusal",
    "screened_of",
    "shown_id",
    "sort_events",
    "store_events",
    "store_one",
]

MOST_BATCH_BYTES: Final = 500 * 1024
MOST_EVENTS: Final = 2500
WHY_SUPPRESSED: Final = "this lead was erased for good, and nothing more is kept of it"
LEFT_OUT: Final = Remark(
    SUPPRESSED,
    "it tells who somebody is that was erased for good; that was left out, and links nothing",
)
_STATUSES: Final = {"too_large": 413, "too_deep": 400}


def check_count(count: int) -> None:
    """HTTPException 413 where there are more events than a request may have."""
    if count > MOST_EVENTS:
        raise HTTPException(413, f"A request may have {MOST_EVENTS:,} events; this has {count:,}.")


# ------------------------------------------------------------------------------------------ Events


@dataclass(frozen=True, slots=True)
class _Rejection:
    index: int
    message_id: str | None
    refused: EventRefused


@dataclass(frozen=True, slots=True)
class _Warned:
    """An event that is taken, but not with all that it says; the request itself has no index."""

    index: int | None
    message_id: str | None
    remarks: tuple[Remark, ...]


class SortedEvents(NamedTuple):
    """The events of a request: those to store, how often one came twice, and the others.

    Parameters
    ----------
    places : where each of the arrivals stood in the request, with its message id as it was sent.
    warned : those of the events to store that are kept otherwise than they were sent.
    """

    arrivals: list[Arrival]
    places: list[tuple[int, str | None]]
    duplicates: int
    rejections: list[_Rejection]
    warned: list[_Warned]


def receipt_of(service: Service, asker: Asker) -> Receipt:
    """The receipt of a request that came in now."""
    prefix = f"{asker.source}/" if asker.source else ""
    rules = rules_of(service.ladder, of_pages=bool(asker.origins))
    return Receipt(service.clock(), prefix, rules, service.identification)


def sort_events(
    items: Iterable[Any],
    read: Callable[[Any], Arrival],
    id_member: str,
    passed_over: list[EventRefused] | None = None,
) -> SortedEvents:
    """Read each item; of several with one message id the first counts.

    Parameters
    ----------
    passed_over : where `read` puts what it could not read of an item and did without; what is in it
        before is of the request as a whole.
    """
    passed_over = [] if passed_over is None else passed_over
    arrivals: dict[str, Arrival] = {}
    places: list[tuple[int, str | None]] = []
    rejections, warned = [], []
    if of_request := _taken(passed_over):
        warned.append(_Warned(None, None, of_request))
    count = 0
    for index, item in enumerate(items):
        try:
            arrival = read(item)
        except EventRefused as refused:
            rejections.append(_Rejection(index, shown_id(item, id_member), refused))
            passed_over.clear()
            continue
        count += 1
        if arrival.message_id not in arrivals:
            arrivals[arrival.message_id] = arrival
            places.append((index, shown_id(item, id_member)))
        if passed_over or arrival.remarks:
            remarks = (*_taken(passed_over), *arrival.remarks)
            warned.append(_Warned(index, shown_id(item, id_member), remarks))
    duplicates = count - len(arrivals)
    return SortedEvents(list(arrivals.values()), places, duplicates, rejections, warned)


def _taken(passed_over: list[EventRefused]) -> tuple[Remark, ...]:
    """What was passed over, as remarks; the list is empty then."""
    found = tuple(Remark(one.kind, str(one)) for one in passed_over)
    passed_over.clear()
    return found


def shown_id(item: Any, member: str) -> str | None:
    """The message id of an event as it was sent, where it can be shown."""
    value = item.get(member) if type(item) is dict else None
    if type(value) is int:
        value = str(value)
    return value if type(value) is str and 0 < len(value) <= MESSAGE_ID.longest else None


async def store_one(
    service: Service,
    asker: Asker,
    read: Callable[[], Arrival],
    sent_id: str | None,
    passed_over: list[EventRefused] | None = None,
) -> Response:
    """Store the only event of a request; RequestValidationError or HTTPException where refused.

    Parameters
    ----------
    sent_id : its message id as it was sent, where there is one to be shown.
    passed_over : where `read` puts what it could not read and did without.
    """
    try:
        arrival = read()
    except EventRefused as refused:
        service.group_commit.rejected[refused.kind] += 1
        raise refusal(refused) from refused
    remarks = (*_taken(passed_over or []), *arrival.remarks)
    is_new: bool | None = None
    (kept,) = await screened_of(service, [arrival])
    if kept is None:
        service.group_commit.rejected[SUPPRESSED] += 1
    else:
        if is_stripped(arrival, kept) and not asker.origins:
            remarks = (*remarks, LEFT_OUT)
        (is_new,) = await service.group_commit.put([arrival])
    warned = [_Warned(0, sent_id, remarks)] if remarks else []
    if asker.origins:
        return _answer(1, 0, [], warned, {})
    if is_new is None:
        raise refusal(_suppressed())
    return _answer(int(is_new), int(not is_new), [], warned, {})


async def store_events(
    request: Request,
    service: Service,
    asker: Asker,
    events: SortedEvents,
    place: Place,
    *,
    is_alone: bool = False,
) -> Response:
    """Store what is to be stored, and say what became of each.

    With `Prefer: handling=strict` (RFC 7240) one refused event is enough to store nothing. Whoever
    asks with a key for pages, which anybody has, is not told who was erased for good: what is
    refused for that, or is there already, counts as accepted.

    Parameters
    ----------
    place : where in the body the events stand.
    is_alone : whether they are all that one event says: it is a problem where one of them is
        refused, as in `store_one`.
    """
    arrivals, places, duplicates, rejections, warned = events
    is_told = not asker.origins
    kept = await screened_of(service, arrivals)
    refused = [at for at, one in enumerate(kept) if one is None]
    if is_told:
        rejections += [_Rejection(*places[at], _suppressed()) for at in refused]
        warned += _left_out(events, kept)
    if is_alone and rejections:
        service.group_commit.rejected[rejections[0].refused.kind] += 1
        raise refusal(rejections[0].refused) from rejections[0].refused
    service.group_commit.duplicates += duplicates
    service.group_commit.rejected.update(one.refused.kind for one in rejections)
    is_strict = _is_strict(request)
    headers = {"Preference-Applied": "handling=strict"} if is_strict else {}
    if is_strict and rejections:
        rejections.sort(key=lambda one: one.index)
        faults = [_fault(one.refused, (*place, one.index)) for one in rejections]
        return respond(request, replace(of_validation(faults), headers=headers))
    stays = [at for at, one in enumerate(kept) if one is not None]
    is_new = await service.group_commit.put([arrivals[at] for at in stays])
    if not is_told:
        service.group_commit.rejected.update([SUPPRESSED] * len(refused))
        return _answer(len(arrivals), duplicates, rejections, warned, headers)
    late = [at for at, fresh in zip(stays, is_new, strict=True) if fresh is None]
    rejections += [_Rejection(*places[at], _suppressed()) for at in late]  # counted by then
    rejections.sort(key=lambda one: one.index)
    if is_alone and late:
        raise refusal(rejections[0].refused)
    duplicates += is_new.count(False)
    return _answer(is_new.count(True), duplicates, rejections, warned, headers)


def _left_out(events: SortedEvents, kept: Sequence[Arrival | None]) -> list[_Warned]:
    """What is told of those events that are kept without what they tell of somebody else."""
    both = zip(events.places, events.arrivals, kept, strict=True)
    return [
        _Warned(*place, (LEFT_OUT,))
        for place, one, held in both
        if held is not None and is_stripped(one, held)
    ]


async def screened_of(service: Service, arrivals: Sequence[Arrival]) -> Sequence[Arrival | None]:
    """Each arrival as it would be kept; None where it is of who was erased and must not come back.

    What is stored is decided anew within the transaction that stores.
    """
    suppressions = service.store.suppressions
    if suppressions.is_stale:
        await run_in_threadpool(suppressions.refresh)
    if not suppressions.among(ids_named(arrivals)):  # as nearly always: the store is not asked
        return arrivals
    return await run_in_threadpool(service.store.screen, arrivals)


def _suppressed() -> EventRefused:
    return EventRefused("suppressed", (), WHY_SUPPRESSED)


def _is_strict(request: Request) -> bool:
    """Whether the first preference for handling, if there is one, is to be strict."""
    for line in request.headers.getlist("prefer"):
        for preference in line.split(","):
            name, _, value = preference.partition(";")[0].partition("=")
            if name.strip().lower() == "handling":
                return value.strip().strip('"').lower() == "strict"
    return False


def refusal(refused: EventRefused, place: Place = ("body",)) -> Exception:
    """The error of a request whose only event is refused."""
    if refused.kind == "not_from_pages":
        return NotAllowed(f"{refused}.")
    status = _STATUSES.get(refused.kind)
    if status is not None:
        return HTTPException(status, f"{refused}.")
    return RequestValidationError([_fault(refused, place)])


def _fault(refused: EventRefused, place: Place) -> dict[str, Any]:
    return {"type": refused.kind, "loc": (*place, *refused.place), "msg": str(refused)}


def _answer(
    accepted: int,
    duplicates: int,
    rejections: Iterable[_Rejection],
    warned: Iterable[_Warned],
    headers: dict[str, str],
) -> Response:
    body = {
        "success": True,
        "accepted": accepted,
        "duplicates": duplicates,
        "rejected": [
            {
                "index": one.index,
                "message_id": one.message_id,
                "type": one.refused.kind,
                "detail": str(one.refused),
            }
            for one in rejections
        ],
        "warnings": [
            {
                "index": one.index,
                "message_id": one.message_id,
                "type": remark.kind,
                "detail": remark.detail,
            }
            for one in warned
            for remark in one.remarks
        ],
    }
    return Response(orjson.dumps(body), 200, headers, media_type="application/json")
