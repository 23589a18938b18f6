"""Deliveries counted by endpoint."""

from __future__ import annotations

import sqlalchemy as sa

from features.store.schema import deliveries, notifications
from serving.notifications.tally import Tally, tallies

NOW = 1_800_000_000_000_000


def test_tallies(database):
    """Every delivery counts in one state, those that are tried again apart; endpoints apart."""
    rows: list[dict[str, object]] = [
        {"endpoint_id": "a", "delivered_at": NOW},
        {"endpoint_id": "a", "delivered_at": NOW + 5},
        {"endpoint_id": "a", "due_at": NOW},
        {"endpoint_id": "a", "due_at": NOW, "error": "answered 500"},
        {"endpoint_id": "a", "error": "answered 500"},
        {"endpoint_id": "b", "due_at": NOW},
    ]
    usual: dict[str, object] = {
        "attempts": 1,
        "leased_until": 0,
        "due_at": None,
        "delivered_at": None,
        "error": None,
    }
    notes = [
        {"id": str(at), "type": "webhook.test", "created_at": NOW, "data": "{}"}
        for at in range(len(rows))
    ]
    with database.writing() as connection:
        connection.execute(sa.insert(notifications), notes)
        connection.execute(
            sa.insert(deliveries),
            [{**usual, **row, "notification_id": str(at)} for at, row in enumerate(rows)],
        )
    assert tallies(database) == {
        "a": Tally(delivered=2, waiting=2, retried=1, failed=1, delivered_at=NOW + 5),
        "b": Tally(waiting=1),
    }


def test_nothing(database):
    """Where nothing was to be sent there is nothing to count."""
    assert tallies(database) == {}
