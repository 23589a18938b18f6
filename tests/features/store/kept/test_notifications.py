"""Notifications: kept once, with a delivery for every endpoint that wants them."""

from __future__ import annotations

import sqlalchemy as sa

from features.store.kept.notifications import Notice, add_notices
from features.store.schema import deliveries, endpoints, notifications


def endpoint(connection, id_, types="[]", disabled_at=None):
    row = {"id": id_, "url": "https://x.test", "description": "", "types": types}
    row |= {"secret": "whsec_", "created_at": 1, "disabled_at": disabled_at}
    connection.execute(sa.insert(endpoints), row)


def test_who_is_told(database):
    """Endpoints that are on get what they name, or all where they name nothing."""
    with database.writing() as connection:
        endpoint(connection, "all")
        endpoint(connection, "steps", '["step.completed"]')
        endpoint(connection, "off", disabled_at=5)
        notices = [Notice("n1", "step.completed", "ann", 7, "{}")]
        notices.append(Notice("n2", "model.promoted", None, 8, "{}"))
        assert add_notices(connection, notices) == 2
        found = connection.execute(sa.select(deliveries)).mappings().all()
    told = {(one["notification_id"], one["endpoint_id"], one["due_at"]) for one in found}
    assert told == {("n1", "all", 7), ("n1", "steps", 7), ("n2", "all", 8)}


def test_each_fact_once(database):
    """The same fact found again is no news: what was kept first stays, and nobody is told twice."""
    notice = Notice("n", "step.completed", "ann", 7, "{}")
    with database.writing() as connection:
        endpoint(connection, "all")
        assert add_notices(connection, [notice, notice]) == 1
        assert add_notices(connection, [notice._replace(created_at=9)]) == 0
        assert connection.scalars(sa.select(notifications.c.created_at)).all() == [7]
        assert len(connection.execute(sa.select(deliveries)).all()) == 1
