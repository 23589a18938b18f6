"""HubSpot: contacts are read and written a hundred at a time, each with a result of its own.

An upsert makes contacts that are not there, so only those that the read has found are written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import httpx2

from serving.write_back.calls import (
    Seen,
    Vendor,
    ask,
    bearer,
    found_by,
    instant_text,
    is_set,
    said,
)
from serving.write_back.configuration import WriteBack
from serving.write_back.rules import Fields, Record

__all__ = ["HUBSPOT", "payload"]

_CONTACTS: Final = "/crm/objects/2026-03/contacts/batch"
_RECORD_ID: Final = "hs_object_id"


async def _read(
    client: httpx2.AsyncClient, target: WriteBack, records: Sequence[Record]
) -> Mapping[str, Seen]:
    body: dict[str, object] = {
        "inputs": [{"id": record.external_id} for record in records],
        "properties": [target.id_property, target.override],
        "propertiesWithHistory": [],
    }
    if target.id_property != _RECORD_ID:
        body["idProperty"] = target.id_property
    answer = await ask(
        client,
        "POST",
        f"{target.base_url}{_CONTACTS}/read",
        json=body,
        headers=bearer(target.token),
    )
    return found_by([_seen(one, target) for one in answer["results"]], records)


def _seen(result: dict[str, Any], target: WriteBack) -> tuple[object, Seen]:
    properties = result["properties"]
    external_id = (
        result["id"] if target.id_property == _RECORD_ID else properties[target.id_property]
    )
    return external_id, Seen(str(external_id), is_set(properties.get(target.override)))


async def _write(
    client: httpx2.AsyncClient, target: WriteBack, ready: Sequence[tuple[Record, Seen]]
) -> list[str]:
    inputs = [
        {
            "id": seen.key,
            "idProperty": target.id_property,
            "properties": payload(record.fields, target),
            "objectWriteTraceId": str(at),
        }
        for at, (record, seen) in enumerate(ready)
    ]
    answer = await ask(
        client,
        "POST",
        f"{target.base_url}{_CONTACTS}/upsert",
        json={"inputs": inputs},
        headers=bearer(target.token),
    )
    return _errors(answer, len(ready))


def payload(fields: Fields, target: WriteBack) -> dict[str, object]:
    """The properties of a contact, all texts; an empty one clears a property."""
    values = asdict(fields) | {"scored_at": instant_text(fields.scored_at)}
    if fields.probability is not None:
        values["probability"] = f"{fields.probability:.4f}"
    return target.names.given({own: value or "" for own, value in values.items()})


def _errors(answer: dict[str, Any], count: int) -> list[str]:
    """What is wrong with each contact; an error that names none is of those without a result."""
    errors: dict[str, str] = {}
    of_nobody = "no result"
    for error in answer.get("errors") or []:
        message = said(f"{error.get('category', '')}: {error.get('message', '')}")
        named = _traces(error)
        errors |= dict.fromkeys(named, message)
        of_nobody = of_nobody if named else message
    accepted = {trace for result in answer["results"] for trace in _traces(result)}
    if not accepted and len(answer["results"]) + len(errors) == count:
        of_nobody = ""  # results without a trace, and one for each
    return [
        errors.get(str(at)) or ("" if str(at) in accepted else of_nobody) for at in range(count)
    ]


def _traces(result: dict[str, Any]) -> list[str]:
    """The traces of an error or a result: a text or a list, in its context or beside it."""
    context = result.get("context") or {}
    traces = context.get("objectWriteTraceId") or result.get("objectWriteTraceId") or []
    return [traces] if isinstance(traces, str) else [str(trace) for trace in traces]


HUBSPOT: Final = Vendor(100, _read, _write)
