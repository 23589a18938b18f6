"""A lead with several ids and another one, and all that a database can hold of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import pytest
import sqlalchemy as sa

from features.store.arrivals import Arrival
from features.store.database import Database, insert_into
from features.store.kept.notifications import Notice, add_notices
from features.store.kept.scores import StoredScore
from features.store.privacy import Privacy
from features.store.schema import METADATA, endpoints, erasures, write_backs


def arrival(number, sent_id, at=10, **more):
    return Arrival(
        f"m{number}", sent_id, "page_viewed", at, at, json.dumps({"page": f"{sent_id}'s"})
    )._replace(**more)


def score(lead: str, as_of: int = 1) -> StoredScore:
    return StoredScore(
        lead_id=lead,
        ladder="b2b",
        as_of=as_of,
        step="value",
        position=1,
        p_advance=0.25,
        low=0.2,
        high=0.3,
        p_purchase=0.01,
        priority=1.5,
        percentile=0.9,
        reasons=f'{{"base":0.5,"reasons":[{{"text":"{lead} opened an asset"}}]}}',
        bundle="abc",
        scored_at=2,
        last_active=1,
    )


def tell(database: Database, leads: Sequence[str]) -> None:
    """A notification about each lead, and what a CRM is told of it."""
    with database.writing() as connection:
        row: dict[str, object] = {
            "id": "e",
            "url": "https://x.test",
            "description": "Slack",
            "types": "[]",
        }
        row |= {"secret": "whsec_", "created_at": 1}
        insert = insert_into(connection.engine, endpoints).on_conflict_do_nothing()
        connection.execute(insert, row)
        add_notices(
            connection,
            [
                Notice(f"n-{lead}", "step.completed", lead, 20, json.dumps({"lead_id": lead}))
                for lead in leads
            ],
        )
        rows = [
            {
                "connector": "hubspot",
                "lead_id": lead,
                "external_id": f"crm-{lead}",
                "wanted": json.dumps({"score": lead}),
                "due_at": 5,
                "leased_until": 0,
                "attempts": 0,
                "written": None,
            }
            for lead in leads
        ]
        connection.execute(sa.insert(write_backs), rows)


def everything(database: Database) -> dict[str, set[tuple[object, ...]]]:
    """All rows of all tables but that of erasures."""
    with database.reading() as connection:
        return {
            table.name: {tuple(row) for row in connection.execute(sa.select(table))}
            for table in METADATA.sorted_tables
            if table is not erasures
        }


def erase_before_writing(monkeypatch: pytest.MonkeyPatch, database: Database, lead: str) -> None:
    """Whoever writes next has waited for the erasure of a lead, which it has read already."""
    _before_writing(monkeypatch, database, lambda: Privacy(database).erase(lead, 50))


def opt_out_before_writing(monkeypatch: pytest.MonkeyPatch, database: Database, lead: str) -> None:
    """Whoever writes next has waited for the opt-out of a lead, and did not know of it."""
    _before_writing(monkeypatch, database, lambda: Privacy(database).opt_out([lead], 50))


def _before_writing(
    monkeypatch: pytest.MonkeyPatch, database: Database, happens: Callable[[], object]
) -> None:
    write = database.writing

    def after_it() -> AbstractContextManager[sa.Connection]:
        monkeypatch.setattr(database, "writing", write)
        happens()
        return write()

    monkeypatch.setattr(database, "writing", after_it)
