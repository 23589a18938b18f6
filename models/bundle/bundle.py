"""A ladder with the models that were trained for it: what it says of leads.

Scores are a pure function of a bundle and a snapshot. How it lies on a disk is in
`models.bundle.files`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from features.arrays import Bools, Floats, Ints
from features.errors import BundleError
from features.ladder.ladder import Ladder
from features.signals.snapshot import LOST, Snapshot
from models.offers.offer_model import OfferModel
from models.scores.encoding import Encoding
from models.scores.goal_model import Estimates, GoalModel
from models.scores.reasons import Explanations, explain

__all__ = ["Bundle", "Scores", "version_of"]

_POSITION: Final = "ladder.position"


@dataclass(frozen=True, eq=False, slots=True)
class Scores:
    """What is served: a row a lead, in the order of the snapshot.

    A lead that has bought has no next step: its step is None and its probabilities are NaN.
    """

    leads: tuple[str, ...]
    as_of: Ints
    position: Ints
    step: tuple[str | None, ...]
    advance: Estimates
    purchase: Estimates

    def frame(self) -> pd.DataFrame:
        """Columns lead_id, as_of, step, p_advance, low, high, p_purchase."""
        return pd.DataFrame(
            {
                "lead_id": list(self.leads),
                "as_of": pd.to_datetime(self.as_of, unit="us", utc=True),
                "step": pd.array(list(self.step), dtype="string"),
                "p_advance": self.advance.probability,
                "low": self.advance.low,
                "high": self.advance.high,
                "p_purchase": self.purchase.probability,
            }
        )


@dataclass(frozen=True, eq=False)
class Bundle:
    """A ladder and the models trained for it. Scores are a pure function of it and a snapshot.

    Parameters
    ----------
    outcomes : by so many outcomes its probabilities have moved since it was trained
        (`models.recalibrated`).
    """

    ladder: Ladder
    encoding: Encoding
    advancement: GoalModel
    purchase: GoalModel
    offers: OfferModel
    manifest: dict[str, Any]
    outcomes: int = 0

    @property
    def hash(self) -> str:
        """SHA-256 of everything in the bundle; BundleError before it was saved."""
        if "hash" not in self.manifest:
            raise BundleError("a bundle has its hash once it is saved: save_bundle(bundle, folder)")
        return str(self.manifest["hash"])

    @property
    def identity(self) -> str:
        """The hash, with how many outcomes it has moved by: the same identity, the same scores."""
        return f"{self.hash}+r{self.outcomes}" if self.outcomes else self.hash

    @property
    def learned_on(self) -> Ladder:
        """The ladder that it was trained on, with the catalogue of then."""
        return (self.offers.learned or self.offers).ladder

    @property
    def version(self) -> str:
        """The identity as it is told, such as 3f9a2c41d0be+r512; "unsaved" before there is one."""
        return version_of(self.identity) if "hash" in self.manifest else "unsaved"

    def require_ladder(self, ladder: Ladder) -> None:
        """BundleError unless scores follow from a ladder as from the one it was trained for."""
        if ladder.fingerprint == self.ladder.fingerprint:
            return
        if ladder.name == self.ladder.name:
            trained = f"another version of the ladder {self.ladder.name!r}"
        else:
            trained = f"the ladder {self.ladder.name!r}, and this is {ladder.name!r}"
        raise BundleError(
            f"the bundle was trained for {trained};"
            " train it again, or evaluate it with the ladder.toml in its folder"
        )

    def on(self, ladder: Ladder) -> Bundle:
        """The same on another version of its ladder: other offers, titles, limits, bands, values.

        Scores, and the hash, stay. An offer that was learned of and that the ladder has no more is
        as good as retired.

        Raises
        ------
        BundleError : another version of the steps, signals or events that scores follow from.
        """
        self.require_ladder(ladder)
        if ladder == self.ladder and ladder.catalogue == self.ladder.catalogue:
            return self
        held = {offer.id for offer in ladder.offers}
        gone = tuple(
            replace(offer, status="retired")
            for offer in self.learned_on.offers
            if offer.id not in held
        )
        if gone:
            ladder = replace(ladder, offers=(*ladder.offers, *gone))
        return replace(self, ladder=ladder, offers=self.offers.on(ladder))

    def score(self, snapshot: Snapshot, matrix: Floats | None = None) -> Scores:
        """The probabilities of each row of a snapshot of this bundle's ladder.

        Parameters
        ----------
        matrix : what its encoding makes of the snapshot, where it is at hand.
        """
        matrix = self.encoding.matrix(snapshot) if matrix is None else matrix
        return self._score(
            matrix, snapshot.leads, snapshot.as_of, snapshot.position, snapshot.is_lost
        )

    def score_frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        """As `score`, from a frame of signals such as `rung features` writes.

        Where it does not say who is lost (`ladder.lost`, of an earlier version), nobody is.

        Raises
        ------
        BundleError : a `ladder.position` or `ladder.lost` that the ladder does not have.
        """
        matrix = self.encoding.matrix_of_frame(frame)
        count = len(frame)
        leads = frame["lead_id"] if "lead_id" in frame else pd.RangeIndex(count)
        as_of = pd.to_datetime(frame["as_of"], utc=True) if "as_of" in frame else None
        micros = np.zeros(count, dtype=np.int64)
        if as_of is not None:
            micros = np.asarray(as_of.dt.as_unit("us").astype("int64"), dtype=np.int64)
        position = _position(frame, len(self.ladder.goals))
        names = tuple(str(lead) for lead in leads)
        return self._score(matrix, names, micros, position, _lost(frame)).frame()

    def _score(
        self,
        matrix: Floats,
        leads: tuple[str, ...],
        as_of: Ints,
        position: Ints,
        is_lost: Bools,
    ) -> Scores:
        goals = self.ladder.goals
        bought = position >= len(goals)
        over = bought | is_lost
        rung = np.where(bought, len(goals) - 1, position)
        advance = self.advancement.estimate(matrix, rung)
        # On the last rung the next step is the purchase: one question has one answer.
        last = position == len(goals) - 1
        purchase = advance.where(last, self.purchase.estimate(matrix, rung))
        return Scores(
            leads=leads,
            as_of=as_of,
            position=position,
            step=tuple(
                None if ended else goals[at].id
                for at, ended in zip(position.tolist(), over.tolist(), strict=True)
            ),
            advance=_blank(advance, over),
            purchase=_blank(purchase, over),
        )

    def next_step_chances(self, snapshot: Snapshot) -> Floats:
        """Shape (n,): the probabilities of the next step that `score` tells, and nothing else."""
        goals = len(self.ladder.goals)
        rung = np.minimum(snapshot.position, goals - 1)
        chances = self.advancement.probability(self.encoding.matrix(snapshot), rung)
        return np.where((snapshot.position >= goals) | snapshot.is_lost, np.nan, chances)

    def explain(self, snapshot: Snapshot, matrix: Floats | None = None) -> Explanations:
        """What each signal adds to the probability of advancing; `matrix` as for `score`."""
        rung = np.minimum(snapshot.position, len(self.ladder.goals) - 1)
        matrix = self.encoding.matrix(snapshot) if matrix is None else matrix
        return explain(self.advancement, matrix, rung)


def _position(frame: pd.DataFrame, goals: int) -> Ints:
    """Shape (n,): how many steps each lead has behind it, by the column that says so."""
    held = frame[_POSITION].to_numpy(dtype=np.float64)
    wrong = ~np.isin(held, np.arange(goals + 1))
    if wrong.any():
        one = held[wrong.argmax()]
        raise BundleError(
            f"the column {_POSITION!r} holds {one:g}: it counts the steps that a lead has behind"
            f" it, from 0 to {goals}"
        )
    return held.astype(np.int64)


def _lost(frame: pd.DataFrame) -> Bools:
    """Shape (n,): who is lost, by the column that says so."""
    if LOST not in frame:
        return np.zeros(len(frame), dtype=np.bool_)
    is_lost = frame[LOST].eq(1).to_numpy(dtype=np.bool_)
    wrong = ~(is_lost | frame[LOST].eq(0).to_numpy(dtype=np.bool_))
    if wrong.any():
        held = frame[LOST].iloc[int(wrong.argmax())]
        raise BundleError(f"the column {LOST!r} holds {held!r}: it says true or false of each lead")
    return is_lost


def version_of(identity: str) -> str:
    """What is told of a bundle's identity: twelve digits of its hash, and by what it has moved."""
    hashed, plus, outcomes = identity.partition("+")
    return hashed[:12] + plus + outcomes


def _blank(estimates: Estimates, where: Bools) -> Estimates:
    """NaN where the mask says so."""
    nothing = np.full(len(where), np.nan)
    return Estimates(nothing, nothing, nothing).where(where, estimates)
