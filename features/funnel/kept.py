"""Stays beside a store, so that the funnel is counted anew for any leads without the whole log."""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.arrays import Ints
from features.events.log import Codes, encode
from features.funnel.stays import Stays
from features.ladder.ladder import Ladder
from features.signals.fold import NONE
from features.store.identities.turns import Erased
from features.store.kept.columns import KeptColumns

__all__ = ["KIND", "keep_causes", "keep_stays", "newest_causes", "newest_stays"]

KIND: Final = "stays"
_CAUSES: Final = "causes"
"""It names leads that wait for a reply, and so goes where stays go."""
_INSTANTS: Final = ("began", "entered", "advanced", "lost", "left")
_SAID: Final = b"rung"
"""Where the schema of a kept table says the rest."""


def keep_stays(columns: KeptColumns, stays: Stays, erased: Erased | None = None) -> bool:
    """Keep stays in place of those of before; whether they were, see `KeptColumns.keep`."""
    return columns.keep(KIND, stays.ladder.name, stays.until, _table(stays), erased)


def newest_stays(columns: KeptColumns, ladder: Ladder) -> Stays | None:
    """The stays that were kept last; None without any, and of another version of the ladder."""
    table = columns.newest(KIND, ladder.name)
    if table is None:
        return None
    said = json.loads(table.schema.metadata[_SAID])
    return _stays(table, ladder, said) if said["fingerprint"] == ladder.fingerprint else None


def keep_causes(
    columns: KeptColumns, ladder: Ladder, as_of: int, body: object, erased: Erased | None = None
) -> bool:
    """Keep why leads stop, as plain values; whether that was kept, see `KeptColumns.keep`."""
    text = json.dumps(body, allow_nan=False, separators=(",", ":"))
    table = pa.table({"body": [text]})
    said = {_SAID: json.dumps({"fingerprint": ladder.fingerprint})}
    return columns.keep(_CAUSES, ladder.name, as_of, table.replace_schema_metadata(said), erased)


def newest_causes(columns: KeptColumns, ladder: Ladder) -> dict[str, Any] | None:
    """Why leads stop, as kept last; None without any, and of another version of the ladder."""
    table = columns.newest(_CAUSES, ladder.name)
    if table is None:
        return None
    said = json.loads((table.schema.metadata or {}).get(_SAID, b"{}"))
    if said.get("fingerprint") != ladder.fingerprint:
        return None
    found: dict[str, Any] = json.loads(table["body"][0].as_py())
    return found


def _table(stays: Stays) -> pa.Table:
    held = {name: _instants(getattr(stays, name)) for name in _INSTANTS}
    leads = pa.DictionaryArray.from_arrays(
        stays.lead.astype(np.int32), pa.array(stays.leads, pa.string())
    )
    traits = {
        f"trait {one}": _texts(stays.traits[row], stays.values[row])
        for row, one in enumerate(stays.trait_ids)
    }
    table = pa.table(
        {
            "lead_id": leads,
            "goal": stays.goal.astype(np.int8),
            "passed": stays.passed,
            **held,
            **traits,
        }
    )
    said = {
        "fingerprint": stays.ladder.fingerprint,
        "until": stays.until,
        "counted_until": stays.counted_until,
        "traits": stays.trait_ids,
    }
    return table.replace_schema_metadata({_SAID: json.dumps(said)})


def _instants(instants: Ints) -> pa.Array:
    return pa.array(instants, mask=instants == NONE)


def _texts(codes: Codes, values: tuple[str, ...]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(
        pa.array(codes, mask=codes < 0), pa.array(values, pa.string())
    )


def _stays(table: pa.Table, ladder: Ladder, said: dict[str, object]) -> Stays:
    table = table.combine_chunks()
    lead, leads = encode(table["lead_id"])
    traits = said["traits"]
    assert isinstance(traits, list)  # noqa: S101 as it was kept
    known = [encode(table[f"trait {one}"]) for one in traits]
    instants = {
        name: pc.fill_null(table[name], NONE).to_numpy().astype(np.int64) for name in _INSTANTS
    }
    return Stays(
        ladder=ladder,
        leads=leads,
        lead=lead.astype(np.int64),
        goal=table["goal"].to_numpy().astype(np.int64),
        passed=np.asarray(table["passed"].to_numpy(), dtype=np.bool_),
        traits=np.array([codes for codes, _ in known], dtype=np.int32).reshape(
            len(known), len(lead)
        ),
        trait_ids=tuple(traits),
        values=tuple(values for _, values in known),
        until=int(str(said["until"])),
        counted_until=int(str(said["counted_until"])),
        **instants,
    )
