"""A bundle made ready to serve, and what it says of some leads at an instant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import orjson

from features.arrays import Bools, Floats
from features.events.log import EventLog
from features.events.of_lead import Row, log_of_rows
from features.ladder.controls import LEFT_ALONE_POLICIES
from features.offers.history import OfferHistory
from features.signals.program import Compiled, compile_ladder
from features.signals.snapshot import Snapshot, snapshot_at, snapshot_of_known
from features.signals.table import TRAIT
from models.bundle import Bundle, Scores
from models.recalibrated import Recalibrated
from models.recommendation import Adviser
from models.scores.reasons import Explanations, Reason, reasons, reasons_of_all
from models.served_policy import DEFAULT
from serving.scoring.answers import Details, ReasonAnswer

__all__ = ["Model", "ScoredLeads"]

_FIRST: Final = np.zeros(1, dtype=np.int64)


@dataclass(frozen=True, eq=False, slots=True)
class Model:
    """A bundle with what follows from it, worked out once.

    Parameters
    ----------
    track : the bundle as it serves at each instant; `bundle` is that of now.
    is_fit : shape (n_signals,), whether a signal says who the lead is.
    adviser : recommends with the bundle and the policy that serves.
    others : those of other policies, by which an experiment lets some leads be advised.
    """

    bundle: Bundle
    track: Recalibrated
    compiled: Compiled
    is_fit: Bools
    adviser: Adviser
    others: dict[str, Adviser] = field(default_factory=dict)

    @classmethod
    def of(cls, bundle: Bundle, policy: str = DEFAULT, track: Recalibrated | None = None) -> Model:
        """Make ready to score with a bundle, and to recommend by a policy."""
        compiled = compile_ladder(bundle.ladder)
        is_fit = np.array([signal.is_fit for signal in compiled.signals])
        track = track or Recalibrated(bundle, {})
        return cls(bundle, track, compiled, is_fit, Adviser(bundle, policy))

    def adviser_of(self, history: OfferHistory) -> Adviser:
        """What recommends for a lead: by the policy of its arm, if it is in an experiment of such.

        Of several the one that began last decides.
        """
        for experiment in reversed(self.bundle.ladder.experiments):
            arm = experiment.arm(history.arms.get(experiment.id, ("", 0))[0])
            if arm is not None and arm.policy and arm.policy not in LEFT_ALONE_POLICIES:
                if arm.policy not in self.others:
                    self.others[arm.policy] = Adviser(self.bundle, arm.policy)
                return self.others[arm.policy]
        return self.adviser

    def estimate(self, snapshot: Snapshot, as_of: int) -> ScoredLeads:
        """The leads of a snapshot, all of one instant."""
        bundle = self.track.at(as_of)
        matrix = bundle.encoding.matrix(snapshot)
        return ScoredLeads(self, bundle, snapshot, bundle.score(snapshot, matrix), matrix)

    def estimate_log(self, log: EventLog, as_of: int) -> ScoredLeads:
        """The leads of a log of which something was known at an instant."""
        return self.estimate(snapshot_of_known(log, self.compiled, as_of), as_of)

    def estimate_rows(self, lead_id: str, rows: Sequence[Row], as_of: int) -> ScoredLeads:
        """One lead from its events, at one instant."""
        log = log_of_rows(lead_id, rows, self.compiled.columns)
        instants = np.full(1, as_of, dtype=np.int64)
        snapshot = snapshot_at(log, self.compiled, log.leads, _FIRST, instants)
        return self.estimate(snapshot, as_of)

    def next_step_chances(self, snapshot: Snapshot, as_of: int) -> Floats:
        """Shape (n,): as `estimate` has them, without intervals and the chance of purchase."""
        return self.track.at(as_of).next_step_chances(snapshot)


@dataclass(frozen=True, eq=False)
class ScoredLeads:
    """The leads of which something was known, with their signals and scores, row by row.

    Parameters
    ----------
    bundle : as it served at the instant that was asked for.
    matrix : the snapshot as its models read it, where it is at hand.
    """

    model: Model
    bundle: Bundle
    snapshot: Snapshot
    scores: Scores
    matrix: Floats | None = None

    @cached_property
    def explanations(self) -> Explanations:
        """The contributions of every signal; the costly part, computed when it is asked for."""
        return self.bundle.explain(self.snapshot, self.matrix)

    def traits(self) -> list[str]:
        """What is known of the traits that the ladder names: of each row a JSON object."""
        columns = [
            (at, signal.measure)
            for at, signal in enumerate(self.snapshot.signals)
            if signal.id.startswith(TRAIT)
        ]
        if not columns:
            return ["{}"] * len(self.snapshot)
        names = [name for _, name in columns]
        rows = list(zip(*(self.snapshot.column(at) for at, _ in columns), strict=True))
        told = {row: _object(names, row) for row in set(rows)}  # many leads have the same
        return [told[row] for row in rows]

    def details(self, row: int, most: int = 5) -> Details:
        """Why one row has its probability, with at most so many reasons and the rest in one."""
        explanations = self.explanations
        told = reasons(self.snapshot, explanations, row, most)
        points = explanations.points[row]
        fit = float(points[self.model.is_fit].sum())
        return _details(float(explanations.base[row]), fit, float(points.sum()), told)

    def details_of(self, rows: npt.NDArray[np.intp]) -> dict[str, Details]:
        """Why some rows have theirs, by lead; of those alone the contributions are computed."""
        snapshot = self.snapshot.rows(rows)
        explanations = self.bundle.explain(snapshot)
        sums = [
            explanations.base.tolist(),
            explanations.points[:, self.model.is_fit].sum(axis=1).tolist(),
            explanations.points.sum(axis=1).tolist(),
        ]
        told = zip(*sums, reasons_of_all(snapshot, explanations), strict=True)
        return {lead: _details(*one) for lead, one in zip(snapshot.leads, told, strict=True)}


def _object(names: Sequence[str], values: Sequence[float | str | None]) -> str:
    """A JSON object of the values that there are."""
    known = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    return orjson.dumps(known).decode()


def _details(base: float, fit: float, points: float, told: tuple[Reason, ...]) -> Details:
    return {
        "base": base,
        "fit": fit,
        "engagement": points - fit,
        "reasons": [_line(one) for one in told],
    }


def _line(reason: Reason) -> ReasonAnswer:
    return {"signal": reason.signal, "text": reason.text, "points": reason.points}
