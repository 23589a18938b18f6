"""What a store holds as tables for a warehouse: of one state of it always the same bytes.

They appear together or not at all: nobody reads half a table, or a decision of a lead that is not
there. `KEYS` has the primary key of each.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from features.clock import when
from features.errors import UnknownLadder
from features.files import new_folder
from features.ladder.ladder import Ladder
from features.ladder.words import RECORD
from features.offers.decisions import ANSWER, OF_EXPERIMENT, Decision, message_id
from features.store.arrivals import Event
from features.store.database import Database
from features.store.kept.state import HeldLead, StoreState
from serving.routes.exports.files import write_rows
from serving.routes.exports.reading import MOST_IDS
from serving.routes.exports.rows import FlatRow, row_of, schema_of

__all__ = ["KEYS", "schemas_of", "write_tables"]

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "steps": ("ladder", "step"),
    "leads": ("lead_id",),
    "scores": ("lead_id",),
    "decisions": ("decision_id",),
}
"""Every table, with the columns that tell its rows apart."""
_TIME: Final = pa.timestamp("us", "UTC")
_TEXTS: Final = pa.list_(pa.string())
_STEPS: Final = pa.schema(
    {
        "ladder": pa.string(),
        "step": pa.string(),
        "position": pa.int64(),
        "title": pa.string(),
        "horizon_days": pa.float64(),
        "is_purchase": pa.bool_(),
    }
)
_LEADS: Final = pa.schema(
    {
        "lead_id": pa.string(),
        "ids": _TEXTS,
        "events": pa.int64(),
        "first_event_at": _TIME,
        "last_event_at": _TIME,
        "ladder": pa.string(),
        "step": pa.string(),
        "position": pa.int64(),
    }
)
_DECISIONS: Final = pa.schema(
    {
        "decision_id": pa.string(),
        "lead_id": pa.string(),
        "ladder": pa.string(),
        "step": pa.string(),
        "offer_id": pa.string(),
        "offer_version": pa.int64(),
        "framing": pa.string(),
        "channel": pa.string(),
        "propensity": pa.float64(),
        "options": _TEXTS,
        "propensities": pa.list_(pa.float64()),
        "p_advance": pa.float64(),
        "gain": pa.float64(),
        "policy": pa.string(),
        "model_version": pa.string(),
        "decided_at": _TIME,
        "expires_at": _TIME,
        "exposed_at": _TIME,
        "outcome": pa.float64(),
        "outcome_kind": pa.string(),
        "outcome_at": _TIME,
        "outcome_late": pa.bool_(),
    }
)
_MADE, _SHOWN, _REPORTED = "decision", "exposure", "outcome"
_BEGINNINGS: Final = tuple(f"rung-{what}-" for what in (_MADE, _SHOWN, _REPORTED))
"""How the ids of these messages begin; nobody may send such (`serving/ingestion/values.py`)."""
_PER_BATCH: Final = 1000
"""So many decisions are held at once, with what is known of one more id."""


def schemas_of(ladder: Ladder) -> dict[str, pa.Schema]:
    """The columns of each table."""
    held = {"steps": _STEPS, "leads": _LEADS, "scores": schema_of(ladder), "decisions": _DECISIONS}
    return {name: held[name] for name in KEYS}


def write_tables(
    folder: Path,
    suffix: str,
    database: Database,
    ladder: Ladder,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, int]:
    """Write every table into a folder, `<table><suffix>` in place of former ones; their rows.

    Parameters
    ----------
    suffix : .parquet, .csv or .ndjson.

    Raises
    ------
    UnknownLadder : the leads are scored on another ladder.
    """
    schemas, counts = schemas_of(ladder), dict[str, int]()
    with (
        StoreState.of(database, MOST_IDS) as state,
        new_folder(folder, is_replaced=lambda _: False) as part,
    ):
        scored_on = state.ladders()
        if scored_on and ladder.name not in scored_on:
            raise UnknownLadder.named(ladder.name, sorted(scored_on))
        for name, rows in _tables(state, ladder).items():
            progress(f"writing {name}")
            counts[name] = write_rows(part / f"{name}{suffix}", suffix, schemas[name], rows)
    return counts


def _tables(state: StoreState, ladder: Ladder) -> dict[str, Iterator[list[FlatRow]]]:
    """The rows of each table, some at a time; nothing is read before they are asked for."""
    return {
        "steps": iter([_steps(ladder)]),
        "leads": ([_lead(one) for one in part] for part in state.leads()),
        "scores": ([row_of(one, ids, ladder) for one, ids in part] for part in state.scores()),
        "decisions": _in_batches(_decisions(state, ladder)),
    }


def _in_batches(rows: Iterator[FlatRow]) -> Iterator[list[FlatRow]]:
    while part := list(islice(rows, _PER_BATCH)):
        yield part


def _steps(ladder: Ladder) -> list[FlatRow]:
    return [
        {
            "ladder": ladder.name,
            "step": one.id,
            "position": at,
            "title": one.title,
            "horizon_days": one.horizon_days,
            "is_purchase": one is ladder.purchase,
        }
        for at, one in enumerate(ladder.goals)
    ]


def _lead(held: HeldLead) -> FlatRow:
    return {
        "lead_id": held.lead_id,
        "ids": list(held.ids),
        "events": held.events,
        "first_event_at": when(held.first_at),
        "last_event_at": when(held.last_at),
        "ladder": held.ladder,
        "step": held.step or None,
        "position": held.position,
    }


# ---------------------------------------------------------------------------------------- Decisions


def _decisions(state: StoreState, ladder: Ladder) -> Iterator[FlatRow]:
    """Every decision that `GET /v1/decisions/{id}` finds: those of an id in the order made."""
    for lead, found in state.events(_BEGINNINGS):
        yield from _of_one_id(lead, found, ladder)


def _of_one_id(lead: str, found: Iterable[Event], ladder: Ladder) -> Iterator[FlatRow]:
    """A decision, its exposure and its outcome are kept under one id, and named after it.

    What experiments of others drew is left out: nobody reports what came of it.
    """
    made: dict[str, FlatRow] = {}
    became: dict[str, FlatRow] = {}
    for event in found:
        message, held = str(event.message_id), json.loads(event.properties)
        if message.startswith(_BEGINNINGS[0]):
            row = _decided(lead, event.lead_id, held, ladder)
            is_ours = not row["policy"].startswith(OF_EXPERIMENT)
            if is_ours and message_id(row["decision_id"], _MADE) == message:
                made[row["decision_id"]] = row
        else:
            became[message] = _became(event, held)
    for decision_id, row in made.items():
        for what in (_SHOWN, _REPORTED):
            row |= became.get(message_id(decision_id, what), {})
        yield row


def _decided(lead: str, sent_id: str, held: dict[str, Any], ladder: Ladder) -> FlatRow:
    """EventsError where the event holds no record of a decision; it names the lead."""
    decision = Decision.of_record(sent_id, held.get(RECORD, ""))
    told = held.get(ANSWER, {})
    ranked = {one["offer_id"]: one for one in told.get("ranking", ())}.get(decision.chosen, {})
    return {
        "decision_id": decision.decision_id,
        "lead_id": lead,
        "ladder": told.get("ladder", ladder.name),
        "step": decision.step or None,
        "offer_id": decision.chosen,
        "offer_version": decision.offer_version,
        "framing": decision.framing or None,
        "channel": held.get("channel"),
        "propensity": decision.propensity,
        "options": list(decision.options),
        "propensities": list(decision.probabilities),
        "p_advance": ranked.get("p_advance"),
        "gain": ranked.get("gain"),
        "policy": decision.policy,
        "model_version": decision.policy_version,
        "decided_at": when(decision.as_of),
        "expires_at": when(decision.expires_at),
        **dict.fromkeys(("exposed_at", *_OUTCOME)),
    }


_OUTCOME: Final[Sequence[str]] = ("outcome", "outcome_kind", "outcome_at", "outcome_late")


def _became(event: Event, held: dict[str, Any]) -> dict[str, datetime | float | str | bool | None]:
    """The columns that an exposure or an outcome fills."""
    at = when(event.occurred_at)
    if str(event.message_id).startswith(_BEGINNINGS[1]):
        return {"exposed_at": at}
    values = held.get("value"), held.get("kind"), at, held.get("late")
    return dict(zip(_OUTCOME, values, strict=True))
