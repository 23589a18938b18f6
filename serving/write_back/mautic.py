"""Mautic: contacts are found by a property and edited by their id; PATCH makes none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import httpx2

from features.clock import when
from serving.write_back.calls import (
    Seen,
    Vendor,
    ask,
    bearer,
    found_by,
    is_set,
    parts_within,
    said,
)
from serving.write_back.configuration import WriteBack
from serving.write_back.rules import Fields, Record

__all__ = ["MAUTIC", "payload"]

_MOST_FOUND: Final = 1000
"""Of contacts with the same value of a property there may be several."""


async def _read(
    client: httpx2.AsyncClient, target: WriteBack, records: Sequence[Record]
) -> Mapping[str, Seen]:
    pairs: list[tuple[object, Seen]] = []
    for part in parts_within([_quoted(record.external_id) for record in records]):
        answer = await ask(
            client,
            "GET",
            f"{target.base_url}/api/contacts",
            params={
                "where[0][col]": target.id_property,
                "where[0][expr]": "in",
                "where[0][val]": ",".join(part),
                "orderBy": "id",
                "limit": str(_MOST_FOUND),
            },
            **_credentials(target),
        )
        pairs += [_seen(one, target) for one in _listed(answer["contacts"])]
    return found_by(pairs, records)


def _quoted(text: str) -> str:
    """A value of a list in the form that Mautic reads: CSV, with the entities of HTML."""
    return '"' + text.replace("&", "&amp;").replace('"', '""') + '"'


def _seen(contact: dict[str, Any], target: WriteBack) -> tuple[object, Seen]:
    values = contact["fields"]["all"]
    external_id = contact["id"] if target.id_property == "id" else values[target.id_property]
    return external_id, Seen(str(contact["id"]), is_set(values.get(target.override)))


async def _write(
    client: httpx2.AsyncClient, target: WriteBack, ready: Sequence[tuple[Record, Seen]]
) -> list[str]:
    contacts = [{"id": int(seen.key), **payload(record.fields, target)} for record, seen in ready]
    answer = await ask(
        client,
        "PATCH",
        f"{target.base_url}/api/contacts/batch/edit",
        json=contacts,
        **_credentials(target),
    )
    statuses, errors = _numbered(answer["statusCodes"]), _numbered(answer.get("errors") or {})
    return [_error(statuses[at], errors.get(at)) for at in range(len(ready))]


def payload(fields: Fields, target: WriteBack) -> dict[str, object]:
    """The fields of a contact; an empty text clears one, an instant is in UTC."""
    values = asdict(fields) | {"scored_at": f"{when(fields.scored_at):%Y-%m-%d %H:%M:%S}"}
    if fields.probability is not None:
        values["probability"] = round(fields.probability, 4)
    return target.names.given(
        {own: "" if value is None else value for own, value in values.items()}
    )


def _error(status: int, error: dict[str, Any] | None) -> str:
    if status < 400 and error is None:
        return ""
    return said(f"{status}: {(error or {}).get('message', '')}")


def _credentials(target: WriteBack) -> dict[str, Any]:
    if target.token:
        return {"headers": bearer(target.token)}
    return {"auth": (target.user, target.password)}


def _listed(values: Any) -> list[Any]:
    """The values of what PHP writes as a list or as an object, whichever it is."""
    return list(values.values()) if isinstance(values, dict) else list(values)


def _numbered(values: Any) -> dict[int, Any]:
    """The same by number."""
    if isinstance(values, dict):
        return {int(at): value for at, value in values.items()}
    return dict(enumerate(values))


MAUTIC: Final = Vendor(100, _read, _write)
