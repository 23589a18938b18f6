"""Salesforce: records are found by a query and written two hundred at a time, by an external id.

An upsert makes records that are not there, so only those that the query has found are written.
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
    parts_within,
    said,
)
from serving.write_back.configuration import WriteBack
from serving.write_back.rules import Fields, Record

__all__ = ["SALESFORCE", "payload"]


async def _read(
    client: httpx2.AsyncClient, target: WriteBack, records: Sequence[Record]
) -> Mapping[str, Seen]:
    pairs: list[tuple[object, Seen]] = []
    for part in parts_within([_quoted(record.external_id) for record in records]):
        answer = await ask(
            client,
            "GET",
            f"{target.base_url}/services/data/{target.version}/query",
            params={"q": _query(target, part)},
            headers=bearer(target.token),
        )
        pairs += [_seen(one, target) for one in answer["records"]]
    return found_by(pairs, records)


def _query(target: WriteBack, quoted: Sequence[str]) -> str:
    """SOQL for some records; every name in it is one that the configuration has checked."""
    wanted = f"{target.id_property}, {target.override}"
    return (
        f"SELECT {wanted} FROM {target.record_type}"  # noqa: S608 names are checked, ids quoted
        f" WHERE {target.id_property} IN ({','.join(quoted)})"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _seen(found: dict[str, Any], target: WriteBack) -> tuple[object, Seen]:
    external_id = found[target.id_property]
    return external_id, Seen(str(external_id), is_set(found.get(target.override)))


async def _write(
    client: httpx2.AsyncClient, target: WriteBack, ready: Sequence[tuple[Record, Seen]]
) -> list[str]:
    records = [
        {
            "attributes": {"type": target.record_type},
            target.id_property: seen.key,
            **payload(record.fields, target),
        }
        for record, seen in ready
    ]
    answer = await ask(
        client,
        "PATCH",
        f"{target.base_url}/services/data/{target.version}/composite/sobjects"
        f"/{target.record_type}/{target.id_property}",
        json={"allOrNone": False, "records": records},
        headers=bearer(target.token),
    )
    return [_error(result) for _, result in zip(ready, answer, strict=True)]


def payload(fields: Fields, target: WriteBack) -> dict[str, object]:
    """The fields of a record; null clears one."""
    values = asdict(fields) | {"scored_at": instant_text(fields.scored_at)}
    if fields.probability is not None:
        values["probability"] = round(fields.probability, 4)
    return target.names.given(values)


def _error(result: dict[str, Any]) -> str:
    if result["success"]:
        return ""
    return said("; ".join(f"{one['statusCode']}: {one['message']}" for one in result["errors"]))


SALESFORCE: Final = Vendor(200, _read, _write)
