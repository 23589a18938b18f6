"""What happens in a simulated world, as it is written down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.arrays import Ints
from features.events.log import DAY_US, EventLog, LogColumns
from features.ladder.ladder import Ladder
from features.signals.table import ladder_columns
from training.simulation.config import SimulationConfig
from training.simulation.names import lead_ids

__all__ = ["SimulatedLog"]


class SimulatedLog:
    """The events of a simulation while it runs; leads are known by their numbers."""

    def __init__(self, ladder: Ladder, config: SimulationConfig) -> None:
        self.ladder, self.config = ladder, config
        self.lead_ids = lead_ids(config.leads)
        self._chunks: list[pd.DataFrame] = []

    def emit(
        self,
        name: str,
        lead: Ints,
        occurred_at: Ints,
        properties: Mapping[str, npt.NDArray[Any]],
    ) -> None:
        """Write down an event of each lead; arrays of one shape (n,), instants in microseconds."""
        columns = {"lead": lead, "occurred": occurred_at, **properties}
        self._chunks.append(pd.DataFrame(columns).assign(name=name))

    def so_far(self) -> EventLog:
        """Everything that happened yet, as known when it happened."""
        frame = pd.concat(self._chunks, ignore_index=True)
        columns = LogColumns(*ladder_columns(self.ladder))
        names = np.array(self.lead_ids, dtype=object)
        return EventLog.from_columns(
            names[frame["lead"]].tolist(),
            frame["name"].tolist(),
            frame["occurred"].to_numpy(dtype=np.int64),
            numbers={
                key: pd.to_numeric(frame[key]).to_numpy(dtype=np.float64)
                for key in columns.numbers
                if key in frame
            },
            texts={
                key: [None if one is None or one != one else str(one) for one in frame[key]]
                for key in columns.texts
                if key in frame
            },
            columns=columns,
        )

    def indices(self, log: EventLog, lead: Ints) -> Ints:
        """Leads by their number, as indices into a log."""
        place = {lead_id: at for at, lead_id in enumerate(log.leads)}
        return np.array([place[self.lead_ids[one]] for one in lead], dtype=np.int64)

    def table(self, rng: np.random.Generator) -> pd.DataFrame:
        """The log as a user would bring it, in the order in which things became known."""
        frame = pd.concat(self._chunks, ignore_index=True)
        if self.config.drift is not None and self.config.drift.silences:
            silent = frame["name"] == self.config.drift.silences
            frame = frame[~silent | (frame["occurred"] < self.config.drifts_at)]
        late = rng.random(len(frame)) < self.config.late_share
        delay = np.where(late, rng.exponential(2.0, len(frame)), 0.0)
        frame["known"] = frame["occurred"] + (delay * DAY_US).astype(np.int64)
        frame = frame[frame["known"] <= self.config.ends_at].sort_values(
            ["known", "occurred", "lead"], kind="stable"
        )
        names = np.array(self.lead_ids, dtype=object)
        head = pd.DataFrame(
            {
                "message_id": [f"sim-{self.config.seed}-{n}" for n in range(len(frame))],
                "lead_id": names[frame["lead"]],
                "name": frame["name"].to_numpy(),
                "occurred_at": pd.to_datetime(frame["occurred"].to_numpy(), unit="us", utc=True),
                "known_at": pd.to_datetime(frame["known"].to_numpy(), unit="us", utc=True),
            }
        )
        rest = frame.drop(columns=["lead", "occurred", "known", "name"]).reset_index(drop=True)
        return pd.concat([head, rest], axis=1)
