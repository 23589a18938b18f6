"""A small ladder, and logs of rows that say on which day something happened."""

from __future__ import annotations

import numpy as np

from features.events.log import DAY_US, EventLog, LogColumns
from features.ladder.ladder import Effort, EventRule, Ladder, Offer, Step
from features.signals.table import ladder_columns

__all__ = ["LADDER", "START", "Row", "as_log"]

START = 20_000 * DAY_US
LADDER = Ladder(
    name="small",
    title="Small",
    steps=(
        Step("look", "Look", (EventRule("video"),), horizon_days=7.0),
        Step("talk", "Talk", (EventRule("session"),), horizon_days=14.0),
    ),
    purchase=Step("purchase", "Buy", (EventRule("order"),), horizon_days=30.0),
    offers=(
        Offer("call", "talk", "A call", "call", Effort(15, human=True), rep_minutes=30.0),
        Offer("mail", "talk", "A mail", "mail", Effort(5)),
    ),
)
Row = tuple[str, str, float, dict[str, object]]


def as_log(rows: list[Row]) -> EventLog:
    """A log of (lead, name, day, properties) rows."""
    columns = LogColumns(*ladder_columns(LADDER))
    days = np.array([row[2] for row in rows])
    return EventLog.from_columns(
        [row[0] for row in rows],
        [row[1] for row in rows],
        START + np.round(days * DAY_US).astype(np.int64),
        texts={
            name: [None if row[3].get(name) is None else str(row[3][name]) for row in rows]
            for name in columns.texts
        },
        columns=columns,
    )
