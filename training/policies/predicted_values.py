"""What each option would bring at a decision, as a model of the other leads' decisions foresees it.

The doubly robust estimate of `models.judging.off_policy` weights only what was not foreseen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import lightgbm as lgb
import numpy as np
from scipy.special import expit, logit

from features.arrays import Bools, Floats, Ints
from features.errors import EventsError, NotEnoughData
from models.judging.off_policy import Logged
from models.scores.learners.boosting import SMALL, lead_folds

__all__ = ["foreseen_values", "predicted_values"]

_RARE: Final = 20
"""An option chosen less often has no prediction of its own; means of options shrink as much."""
_TRIM: Final = 0.005
"""The share of the amounts on each side that is pulled in before a model is fitted to them."""
_FEWEST_ROWS: Final = 200
_FEWEST_LEADS: Final = 20
"""Below these, predictions are the options' means."""
_FIRST_FIT: Final = 50
_GROWTH: Final = 1.5
_MOST_ROUNDS: Final = 300
_PATIENCE: Final = 20


def predicted_values(
    matrix: Floats, logged: Logged, *, folds: int = 5, seed: int = 7, binary: bool
) -> Floats:
    """The value expected of each option in each decision, by a model that has not seen the lead.

    Small boosted trees over the signals and the option, from the options' means. A part of the
    leads that may be seen says how many trees are worth having, often none, so that predictions
    from signals without information are the means. Amounts beyond the 0.5 % at either end are
    pulled in to fit, since one of them would move a tree more than it tells.

    Parameters
    ----------
    matrix : shape (n, d), signals at the decision; NaN where absent.
    folds : parts of leads, at least 2; no more than there are leads.
    binary : values are 1.0 and 0.0, and predictions lie in [0, 1]; else they are amounts.

    Returns
    -------
    Floats of shape (n, k). An option that was chosen less than 20 times in the other folds has the
    mean prediction of those chosen more often, weighted by how often.

    Raises
    ------
    EventsError : `matrix` has another number of rows, or a binary value is neither 0 nor 1.
    NotEnoughData : no decisions, or decisions of one lead only.
    """
    _check(matrix, logged, binary)
    lead = np.unique(logged.lead, return_inverse=True)[1]
    leads = int(lead.max()) + 1
    if leads < 2:
        raise NotEnoughData("decisions of a single lead: predictions need a lead to learn from")
    fold = lead_folds(lead, min(folds, leads), seed)
    boosting = _Boosting(len(logged), seed, binary)
    binned = boosting.binned(matrix, logged.chosen)
    predicted = np.empty(logged.probability.shape)
    for at in range(int(fold.max()) + 1):
        model = _fit(boosting, binned, logged, np.flatnonzero(fold != at))
        unseen = np.flatnonzero(fold == at)
        predicted[unseen] = model.predict(matrix[unseen])
    return predicted


def foreseen_values(
    matrix: Floats, logged: Logged, block: Ints, *, seed: int = 7, binary: bool
) -> Floats:
    """The value expected of each option, as a model of earlier blocks' decisions foresees it.

    The same model as that of `predicted_values`, fitted anew whenever there are half as many blocks
    again, first at 50; before that, the mean of all decisions in earlier blocks.

    Parameters
    ----------
    block : shape (n,), of each decision, in the order in which blocks come due; -1 for none. Those
        are neither learned from nor foreseen: their rows are 0.

    Returns
    -------
    Floats of shape (n, k).

    Raises
    ------
    EventsError : as `predicted_values`.
    NotEnoughData : no decisions.
    """
    _check(matrix, logged, binary)
    blocks = int(block.max()) + 1
    inside = block >= 0
    total, count = (
        np.bincount(block[inside], one, blocks).cumsum()
        for one in (logged.value[inside], np.ones(int(inside.sum())))
    )
    before = np.concatenate([[0.0], (total / np.maximum(count, 1.0))[:-1], [0.0]])
    predicted = np.repeat(before[block][:, None], logged.probability.shape[1], axis=1)
    start = _FIRST_FIT
    while start < blocks:
        stop = int(np.ceil(start * _GROWTH))
        seen = np.flatnonzero(inside & (block < start))
        boosting = _Boosting(len(seen), seed, binary)
        binned = boosting.binned(matrix[seen], logged.chosen[seen])
        model = _fit(boosting, binned, logged.rows(seen), np.arange(len(seen)))
        unseen = (block >= start) & (block < stop)
        if unseen.any():
            predicted[unseen] = model.predict(matrix[unseen])
        start = stop
    return predicted


def _check(matrix: Floats, logged: Logged, binary: bool) -> None:
    if len(logged) == 0:
        raise NotEnoughData("no decisions to evaluate a policy on")
    shape = (len(logged), matrix.shape[-1])
    if matrix.shape != shape:
        raise EventsError(f"`matrix` has shape {matrix.shape}, not {shape}")
    odd = ~np.isin(logged.value, (0.0, 1.0))
    if binary and odd.any():
        raise EventsError(f"row {int(odd.argmax())}: the value is neither 0 nor 1")


@dataclass(frozen=True, slots=True)
class _Boosting:
    """How LightGBM is asked: few leaves, for there is little signal in what came of a decision."""

    rows: int
    seed: int
    binary: bool

    @property
    def parameters(self) -> dict[str, object]:
        """LightGBM's parameters; deterministic."""
        return {
            "objective": "binary" if self.binary else "regression",
            "boost_from_average": False,
            "learning_rate": 0.05 if self.rows < SMALL else 0.1,
            "num_leaves": 8,
            "min_data_in_leaf": 20,
            "lambda_l2": 10.0,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "max_bin": 63,
            "cat_smooth": 20.0,
            "max_cat_to_onehot": 16,
            "verbosity": -1,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": self.threads,
        }

    @property
    def threads(self) -> int:
        """LightGBM's word for as many as there are is 0."""
        return 1 if self.rows < SMALL else 0

    def binned(self, matrix: Floats, chosen: Ints) -> lgb.Dataset:
        """The signals and the option in bins, once for all folds: bins know nothing of values."""
        asked = np.column_stack([matrix, chosen])
        parameters = self.parameters
        data = lgb.Dataset(asked, categorical_feature=[matrix.shape[1]], params=parameters)
        return data.construct()

    def loss(self, margin: Floats, value: Floats) -> float:
        """What LightGBM would report before the first tree."""
        if self.binary:
            return float((np.logaddexp(0.0, margin) - value * margin).mean())
        return float(((value - margin) ** 2).mean())


@dataclass(frozen=True, eq=False, slots=True)
class _Values:
    """A fitted model of values.

    Parameters
    ----------
    start : shape (k,), where the trees begin, on the scale that they add up on.
    share : shape (k,), of the choices among the options that were chosen often enough; else 0.
    mean, low, high : of the values that were fitted; no prediction leaves [low, high].
    """

    boosting: _Boosting
    start: Floats
    share: Floats
    mean: float
    low: float
    high: float
    trees: lgb.Booster | None

    def predict(self, matrix: Floats) -> Floats:
        """Shape (n, k): the value expected of each option."""
        predicted = np.full((len(matrix), len(self.share)), self.mean)
        common = np.flatnonzero(self.share)
        if len(common) == 0:
            return predicted
        each = self._of_options(matrix, common)
        predicted[:] = (each @ self.share[common])[:, None]
        predicted[:, common] = each
        return predicted

    def _of_options(self, matrix: Floats, options: Ints) -> Floats:
        margin = np.tile(self.start[options], (len(matrix), 1))
        if self.trees is not None:
            asked = np.column_stack([matrix, np.zeros(len(matrix))])
            for at, option in enumerate(options):
                asked[:, -1] = option
                margin[:, at] += self.trees.predict(
                    asked, raw_score=True, num_threads=self.boosting.threads
                )
        return np.clip(expit(margin) if self.boosting.binary else margin, self.low, self.high)


def _fit(boosting: _Boosting, binned: lgb.Dataset, logged: Logged, rows: Ints) -> _Values:
    """Values as the decisions `rows` tell them."""
    seen = logged.rows(rows)
    value = seen.value if boosting.binary else _trimmed(seen.value)
    mean = float(value.mean())
    often = np.bincount(seen.chosen, minlength=seen.probability.shape[1])
    shrunken = (np.bincount(seen.chosen, value, len(often)) + _RARE * mean) / (often + _RARE)
    start = logit(np.clip(shrunken, 1e-6, 1.0 - 1e-6)) if boosting.binary else shrunken
    common = np.where(often >= _RARE, often, 0)
    share = common / max(common.sum(), 1)
    trees = _boosted(boosting, binned, _Lesson(rows, value, start[seen.chosen], seen.lead))
    return _Values(boosting, start, share, mean, float(value.min()), float(value.max()), trees)


def _trimmed(value: Floats) -> Floats:
    """Extreme amounts pulled in, unless there would be nothing left: rare amounts among zeros."""
    low, high = np.quantile(value, [_TRIM, 1.0 - _TRIM])
    return np.clip(value, low, high) if low < high else value


@dataclass(frozen=True, eq=False, slots=True)
class _Lesson:
    """Rows of the binned signals with what there is to learn of each; all of shape (m,)."""

    row: Ints
    value: Floats
    start: Floats
    lead: Ints

    def of(self, binned: lgb.Dataset, mask: Bools) -> lgb.Dataset:
        """LightGBM's data of some of the rows."""
        part = binned.subset(self.row[mask].tolist()).construct()
        return part.set_label(self.value[mask]).set_init_score(self.start[mask])


def _boosted(boosting: _Boosting, binned: lgb.Dataset, lesson: _Lesson) -> lgb.Booster | None:
    """Trees that improve on the start for leads that they have not seen; None where none do."""
    leads, lead = np.unique(lesson.lead, return_inverse=True)
    if len(lead) < _FEWEST_ROWS or len(leads) < _FEWEST_LEADS:
        return None
    watched = lead_folds(lead, 4, boosting.seed) == 0
    curve: dict[str, dict[str, list[float]]] = {}
    lgb.train(
        boosting.parameters,
        lesson.of(binned, ~watched),
        _MOST_ROUNDS,
        valid_sets=[lesson.of(binned, watched)],
        valid_names=["watched"],
        callbacks=[
            lgb.early_stopping(_PATIENCE, verbose=False),
            lgb.record_evaluation(curve),
        ],
    )
    (losses,) = curve["watched"].values()
    none = boosting.loss(lesson.start[watched], lesson.value[watched])
    rounds = int(np.argmin([none, *losses]))
    everything = np.full(len(lead), True)
    return lgb.train(boosting.parameters, lesson.of(binned, everything), rounds) if rounds else None
