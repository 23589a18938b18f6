"""The bodies of notifications, and what an endpoint has asked to find in them beside the ids.

What is included is read when a delivery is attempted first, and kept with it: every attempt has the
same body. Never are these contact data, and of a lead that has opted out nothing is included, not
even what was kept before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import sqlalchemy as sa

from features.clock import rfc3339
from features.events.personal_data import means_contact, tells_contact
from features.events.properties import parse_object
from features.events.urls import without_contact
from features.store.identities.members import ids_of
from features.store.privacy.opt_outs import opted_out_of
from features.store.schema import deliveries, scores

__all__ = ["INCLUDES", "Include", "body_of", "fill", "sample"]

Include = Literal["ids", "traits", "offer", "reasons"]
INCLUDES: Final[tuple[Include, ...]] = ("ids", "traits", "offer", "reasons")
"""What an endpoint may ask for, each a member of `data`."""

_MOST_BODY_BYTES: Final = 20_000
_REST: Final = "other"
"""The reason that stands for all that are not told one by one."""
_SAMPLE: Final[Mapping[str, object]] = {
    "ids": ["lead-0001", "visitor-0001"],
    "traits": {"company_size": 120.0, "industry": "software"},
    "offer": {"id": "demo", "gain": 0.05, "rep_minutes": 30.0},
    "reasons": [{"signal": "example", "text": "a sentence that says what speaks for the lead"}],
}


def body_of(
    type_: str, lead_id: str | None, created_at: int, data: str, extra: str | None = None
) -> bytes:
    """The body of a notification, below 20 KB, the same for every attempt.

    Parameters
    ----------
    data : the text of a JSON object. Where it is too long the body has `lead_id` and `"omitted"`
        in its place.
    extra : the text of another one, whose members come after; left out where it is too long.
    """
    for told in (_joined(data, extra), data) if extra else (data,):
        body = _body(type_, created_at, told)
        if len(body) < _MOST_BODY_BYTES:
            return body
    return _body(type_, created_at, json.dumps({"lead_id": lead_id, "omitted": True}))


def _joined(data: str, extra: str | None) -> str:
    if not extra or extra == "{}":
        return data
    return extra if data == "{}" else f"{data[:-1]},{extra[1:]}"


def _body(type_: str, created_at: int, data: str) -> bytes:
    head = f'{{"type":{json.dumps(type_)},"timestamp":"{rfc3339(created_at)}","data":'
    return f"{head}{data}}}".encode()


def sample(include: Sequence[str]) -> str | None:
    """The members of a test: those that are asked for; None where none is."""
    return _text({name: _SAMPLE[name] for name in INCLUDES if name in include}) if include else None


# --------------------------------------------------------------------------------- what is included


def fill(
    connection: sa.Connection, endpoint_id: str, rows: Sequence[sa.RowMapping]
) -> dict[str, str]:
    """What the bodies of some deliveries include, by notification; kept where it was not yet.

    It is a part of the transaction that claims them.

    Parameters
    ----------
    rows : `notification_id`, `lead_id`, `data` and `extra` of deliveries to one endpoint; its
        `include`.
    """
    found = {row["notification_id"]: row["extra"] for row in rows if row["extra"] is not None}
    leads = {row["lead_id"] for row in rows if row["lead_id"] is not None}
    out = opted_out_of(connection, leads)  # also an id that became theirs after the first attempt
    for row in rows:
        notification, lead = row["notification_id"], row["lead_id"]
        include = json.loads(row["include"])
        if lead in out and (include or row["extra"] is not None):
            told = _text({})
        elif lead is not None and include and row["extra"] is None:
            told = _text(_included(connection, lead, include, json.loads(row["data"])))
        else:
            continue
        if told != row["extra"]:
            found[notification] = told
            asked = {"notification": notification, "endpoint": endpoint_id, "found": told}
            connection.execute(_FILL, asked)
    return found


_FILL: Final = (
    sa.update(deliveries)
    .where(deliveries.c.notification_id == sa.bindparam("notification"))
    .where(deliveries.c.endpoint_id == sa.bindparam("endpoint"))
    .values(extra=sa.bindparam("found", type_=sa.Text))
)


def _included(
    connection: sa.Connection, lead_id: str, include: Sequence[str], data: Mapping[str, Any]
) -> dict[str, object]:
    lead, ids = ids_of(connection, lead_id)
    row = connection.execute(sa.select(scores).where(scores.c.lead_id == lead)).mappings().first()
    score: Mapping[str, Any] = dict(row) if row else {}
    if "offer_id" in data:  # a decision: the offer is what was decided, not what is suggested now
        score = {**score, **{name: data.get(name) for name in ("offer_id", "gain", "rep_minutes")}}
    told = {"ids": [one for one in ids if not tells_contact(one)]}
    return {
        name: told[name] if name in told else _OF_SCORE[name](score)
        for name in INCLUDES
        if name in include
    }


def _traits(score: Mapping[str, Any]) -> object:
    """Those that the ladder names, without any that says how to reach a person."""
    named = {
        name: value
        for name, value in (parse_object(score.get("traits") or "{}") or {}).items()
        if not means_contact(name) and not (isinstance(value, str) and tells_contact(value))
    }
    return without_contact(named)[0]


def _offer(score: Mapping[str, Any]) -> object:
    if score.get("offer_id") is None:
        return None
    return {"id": score["offer_id"], "gain": score["gain"], "rep_minutes": score["rep_minutes"]}


def _reasons(score: Mapping[str, Any]) -> object:
    """The strongest first; those that are told together are no reason of their own."""
    lines = (parse_object(score.get("reasons") or "{}") or {}).get("reasons")
    return [
        {"signal": one["signal"], "text": one["text"]}
        for one in (lines if isinstance(lines, list) else [])
        if one["signal"] != _REST and not tells_contact(one["text"])
    ]


_OF_SCORE: Final[dict[str, Callable[[Mapping[str, Any]], object]]] = {
    "traits": _traits,
    "offer": _offer,
    "reasons": _reasons,
}


def _text(members: Mapping[str, object]) -> str:
    return json.dumps(members, separators=(",", ":"))
