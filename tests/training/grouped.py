"""Logs with values of traits that were not told, and logs of tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from features.arrays import Ints
from features.events.log import EventLog, LogColumns
from features.ladder.ladder import Ladder
from features.signals.table import ladder_columns


def with_values(log: EventLog, ladder: Ladder, values: dict[str, Any]) -> EventLog:
    """The log with the values of traits of each lead, told with the first of its traits."""
    events = pd.DataFrame(
        {
            "lead": np.array(log.leads)[log.lead_of_rows()],
            "name": np.array(log.names)[log.name],
            "occurred": log.occurred,
            "known": log.known,
        }
    )
    for at, name in enumerate(log.columns.numbers):
        events[name] = log.numbers[at]
    for at, name in enumerate(log.columns.texts):
        words = np.array([*log.text_values[at], None], dtype=object)
        events[name] = words[log.texts[at]]
    for trait in values:
        events[trait] = pd.Series(None, index=events.index, dtype=object)
    told = events[events["name"] == ladder.events.traits].groupby("lead").head(1)
    for trait, of_lead in values.items():
        events.loc[told.index, trait] = told["lead"].map(of_lead)
    columns = LogColumns(*ladder_columns(ladder))
    return EventLog.from_columns(
        events["lead"].tolist(),
        events["name"].tolist(),
        events["occurred"].to_numpy(dtype=np.int64),
        events["known"].to_numpy(dtype=np.int64),
        numbers={name: events[name].to_numpy(dtype=np.float64) for name in columns.numbers},
        texts={
            name: [None if one is None or one != one else one for one in events[name]]
            for name in columns.texts
        },
        columns=columns,
    )


def log_of_table(events: pd.DataFrame, ladder: Ladder) -> EventLog:
    columns = LogColumns(*ladder_columns(ladder))
    return EventLog.from_columns(
        events["lead_id"].tolist(),
        events["name"].tolist(),
        _microseconds(events["occurred_at"]),
        _microseconds(events["known_at"]),
        numbers={
            name: pd.to_numeric(events[name]).to_numpy(dtype=np.float64)
            for name in columns.numbers
            if name in events
        },
        texts={
            name: [None if one is None or one != one else str(one) for one in events[name]]
            for name in columns.texts
            if name in events
        },
        columns=columns,
    )


def _microseconds(times: pd.Series) -> Ints:
    return np.asarray(times.dt.as_unit("us").astype("int64"), dtype=np.int64)
