"""Customer.io: people are looked up by its App API and written by its Track API, in batches.

An identify makes people that are not there, so only those that the look-up has found are written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import httpx2

from serving.write_back.calls import Seen, Vendor, ask, bearer, found_by, is_set, said
from serving.write_back.configuration import WriteBack
from serving.write_back.rules import SECOND, Fields, Record

__all__ = ["CUSTOMERIO", "payload"]


async def _read(
    client: httpx2.AsyncClient, target: WriteBack, records: Sequence[Record]
) -> Mapping[str, Seen]:
    answer = await ask(
        client,
        "POST",
        f"{target.read_url}/v1/customers/attributes",
        params={"id_type": target.id_property},
        json={"ids": [record.external_id for record in records]},
        headers=bearer(target.read_token),
    )
    return found_by([_seen(one["customer"], target) for one in answer["customers"]], records)


def _seen(person: dict[str, Any], target: WriteBack) -> tuple[object, Seen]:
    attributes = person["attributes"]
    identifiers = {"id": person.get("id")} | attributes | (person.get("identifiers") or {})
    external_id = identifiers[target.id_property]
    return external_id, Seen(str(external_id), is_set(attributes.get(target.override)))


async def _write(
    client: httpx2.AsyncClient, target: WriteBack, ready: Sequence[tuple[Record, Seen]]
) -> list[str]:
    batch = [
        {
            "type": "person",
            "action": "identify",
            "identifiers": {target.id_property: seen.key},
            "attributes": payload(record.fields, target),
        }
        for record, seen in ready
    ]
    answer = await ask(
        client,
        "POST",
        f"{target.base_url}/api/v2/batch",
        json={"batch": batch},
        auth=(target.user, target.password),
    )
    errors = {int(one["batch_index"]): _error(one) for one in (answer or {}).get("errors") or []}
    return [errors.get(at, "") for at in range(len(ready))]


def payload(fields: Fields, target: WriteBack) -> dict[str, object]:
    """The attributes of a person; an empty text clears one, an instant is in seconds."""
    values = asdict(fields) | {"scored_at": fields.scored_at // SECOND}
    if fields.probability is not None:
        values["probability"] = round(fields.probability, 4)
    return target.names.given(
        {own: "" if value is None else value for own, value in values.items()}
    )


def _error(error: dict[str, Any]) -> str:
    told = (error.get("reason"), error.get("field"), error.get("message"))
    return said(": ".join(str(part) for part in told if part)) or "refused without a word"


CUSTOMERIO: Final = Vendor(100, _read, _write)
