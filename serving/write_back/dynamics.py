"""Dynamics 365: leads are found by a query and written a hundred at a time by Dataverse's Web API.

A score goes into columns of the lead, or into the table of predictive scores that Sales shows. A
PATCH makes what is not there: "If-Match: *" forbids it for leads, and a predictive score is made of
a lead that the query has found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import httpx2

from serving.edge.retry_after import retry_after
from serving.write_back import odata_batch
from serving.write_back.calls import (
    CallFailed,
    Seen,
    Vendor,
    answered,
    ask,
    found_by,
    instant_text,
    is_set,
    parts_within,
    said,
)
from serving.write_back.configuration import PREDICTIVE_SCORE, WriteBack
from serving.write_back.odata_batch import PartAnswer, PartRequest
from serving.write_back.rules import SECOND, Fields, Record
from serving.write_back.tokens import let_in

__all__ = ["DYNAMICS", "payload", "predictive_score"]

_API: Final = "/api/data/v9.2"
_LEAD_ID: Final = "leadid"
_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_VERSION: Final = {"OData-MaxVersion": "4.0", "OData-Version": "4.0"}
_GRADES: Final = {"high": 0, "medium": 1, "low": 2}
"""Grade A, B and C of msdyn_grade."""
_IMPROVING, _STEADY, _DECLINING, _UNKNOWN = range(4)
"""The values of msdyn_scoretrend."""
_SCORE_COLUMNS: Final = ("msdyn_score", "msdyn_grade", "msdyn_scorereasons")
_DUPLICATE: Final = (409, 412)


async def _read(
    client: httpx2.AsyncClient, target: WriteBack, records: Sequence[Record]
) -> Mapping[str, Seen]:
    clauses = [each for record in records if (each := _clause(target.id_property, record))]
    columns = dict.fromkeys(
        each for each in (_LEAD_ID, target.id_property, target.override, target.opt_out) if each
    )
    pairs: list[tuple[object, Seen]] = []
    for part in parts_within(clauses):
        found = await _query(client, target, "leads", [*columns, "merged"], part)
        pairs += [_seen(one, target) for one in found if not is_set(one.get("merged"))]
    return found_by(pairs, records)


def _clause(column: str, record: Record) -> str:
    """Which lead a record is; "" where no lead can be that one."""
    if column != _LEAD_ID:
        return f"{column} eq {_quoted(record.external_id)}"
    return f"{column} eq {record.external_id}" if _GUID.fullmatch(record.external_id) else ""


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


async def _query(
    client: httpx2.AsyncClient,
    target: WriteBack,
    table: str,
    columns: Sequence[str],
    clauses: Sequence[str],
) -> list[dict[str, Any]]:
    """Rows for which any clause holds, the oldest first; all names in it have been checked."""
    parameters = {
        "$select": ",".join(columns),
        "$filter": " or ".join(clauses),
        "$orderby": "createdon",
    }
    url = f"{target.base_url}{_API}/{table}"
    answer = await let_in(
        client,
        target,
        lambda headers: ask(client, "GET", url, params=parameters, headers=headers | _VERSION),
    )
    found: list[dict[str, Any]] = answer["value"]
    return found


def _seen(found: dict[str, Any], target: WriteBack) -> tuple[object, Seen]:
    key = str(found[_LEAD_ID])
    if not _GUID.fullmatch(key):
        raise ValueError(f"{key!r} is no id of a lead")
    is_left = any(is_set(found.get(name)) for name in (target.override, target.opt_out) if name)
    return found[target.id_property], Seen(key, is_left)


async def _write(
    client: httpx2.AsyncClient, target: WriteBack, ready: Sequence[tuple[Record, Seen]]
) -> list[str]:
    if target.scores_in != PREDICTIVE_SCORE:
        changes = [
            PartRequest(
                "PATCH",
                f"{_API}/leads({seen.key})",
                {"If-Match": "*"},
                payload(record.fields, target),
            )
            for record, seen in ready
        ]
        return await _sent(client, target, changes)
    held = await _held(client, target, [seen.key for _, seen in ready])
    wanted = [predictive_score(each.fields, held.get(seen.key.lower())) for each, seen in ready]
    changed = [at for at, values in enumerate(wanted) if values]
    changes = [
        PartRequest("PATCH", f"{_API}/{_score_of(ready[at][1].key)}", {}, wanted[at])
        for at in changed
    ]
    errors = dict(zip(changed, await _sent(client, target, changes), strict=True))
    return [errors.get(at, "") for at in range(len(ready))]


def _score_of(key: str) -> str:
    """The predictive score of a lead, by its alternate key."""
    return f"msdyn_predictivescores(msdyn_entityid='{key}',msdyn_entitytype='lead')"


async def _held(
    client: httpx2.AsyncClient, target: WriteBack, keys: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """The predictive scores that there are, by lead."""
    held = {}
    for part in parts_within([f"msdyn_entityid eq '{key}'" for key in keys]):
        columns = ["msdyn_entityid", "msdyn_entitytype", *_SCORE_COLUMNS]
        for one in await _query(client, target, "msdyn_predictivescores", columns, part):
            if one["msdyn_entitytype"] == "lead":
                held[str(one["msdyn_entityid"]).lower()] = one
    return held


async def _sent(
    client: httpx2.AsyncClient, target: WriteBack, changes: Sequence[PartRequest]
) -> list[str]:
    """What is wrong with each change; "" where it was made."""
    if not changes:
        return []
    more = _VERSION | {
        "Content-Type": odata_batch.CONTENT_TYPE,
        "Prefer": "odata.continue-on-error",
    }
    url, content = f"{target.base_url}{_API}/$batch", odata_batch.body(changes)

    async def call(headers: dict[str, str]) -> list[PartAnswer]:
        answer = await answered(client, "POST", url, content=content, headers=headers | more)
        return odata_batch.answers(answer, len(changes))

    answers = await let_in(client, target, call)
    return [_error(each) for each in answers]


def _error(answer: PartAnswer) -> str:
    """Why one change was not made. A CRM that is busy is so for all that follow."""
    if 200 <= answer.status < 300:
        return ""
    why = f"{answer.status}: {said(answer.text)}"
    if answer.status in (429, 503):
        raise CallFailed(why, round((retry_after(answer.headers) or 0.0) * SECOND))
    if answer.status in _DUPLICATE:
        return f"{why} (another one was first; tried again)"
    return why


def payload(fields: Fields, target: WriteBack) -> dict[str, object]:
    """The columns of a lead; null clears one."""
    values = asdict(fields) | {"scored_at": instant_text(fields.scored_at)}
    if fields.probability is not None:
        values["probability"] = round(fields.probability, 4)
    return target.names.given(values)


def predictive_score(fields: Fields, held: Mapping[str, Any] | None) -> dict[str, object]:
    """The columns of a predictive score; empty where `held`, what the CRM has, says it all."""
    score = None if fields.probability is None else round(100 * fields.probability)
    values: dict[str, object] = {
        "msdyn_score": score,
        "msdyn_grade": _GRADES.get(fields.band or ""),
        "msdyn_scorereasons": fields.reason,
    }
    if held is not None and all(held.get(name) == value for name, value in values.items()):
        return {}
    former = None if held is None else held.get("msdyn_score")
    scored_on = instant_text(fields.scored_at)[:10]
    return values | {"msdyn_scoretrend": _trend(former, score), "msdyn_scoredon": scored_on}


def _trend(former: int | None, score: int | None) -> int:
    if former is None or score is None:
        return _UNKNOWN
    if former == score:
        return _STEADY
    return _IMPROVING if score > former else _DECLINING


DYNAMICS: Final = Vendor(100, _read, _write)
