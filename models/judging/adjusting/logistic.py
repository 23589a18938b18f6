"""Logistic regression with a slight ridge, and how sure its slopes are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import expit

from features.arrays import Floats

__all__ = ["Logistic", "fit_logistic", "standardised"]

_MOST_ROUNDS: Final = 30
_CLOSE: Final = 1e-7


@dataclass(frozen=True, eq=False, slots=True)
class Logistic:
    """A fitted regression.

    Parameters
    ----------
    slopes : shape (1 + n_columns,), in log-odds; the first is the intercept.
    covariance : of the slopes; the inverse of the penalised information.
    """

    slopes: Floats
    covariance: Floats

    def chance(self, X: Floats) -> Floats:
        """Shape (n,): the probability of each row of X, shape (n, n_columns)."""
        chance: Floats = expit(self.slopes[0] + X @ self.slopes[1:])
        return chance

    def z(self, column: int) -> float:
        """A slope by its standard error."""
        error = float(np.sqrt(self.covariance[column + 1, column + 1]))
        return float(self.slopes[column + 1]) / error if error > 0 else 0.0


def fit_logistic(X: Floats, happened: Floats, ridge: float = 0.1) -> Logistic:
    """Fit by Newton's method, halving steps that do not improve.

    Parameters
    ----------
    X : shape (n, n_columns), on a scale of about 1.
    happened : shape (n,), 0 or 1.
    ridge : the penalty on half the squared slopes; the intercept has none but a trace.
    """
    rows = np.column_stack([np.ones(len(X)), X])
    penalty = np.full(rows.shape[1], ridge)
    penalty[0] = 1e-6
    slopes = np.zeros(rows.shape[1])
    share = np.clip(happened.mean() if len(happened) else 0.5, 1e-4, 1 - 1e-4)
    slopes[0] = np.log(share / (1.0 - share))
    loss = _loss(rows, happened, slopes, penalty)
    information = np.diag(penalty)
    for _ in range(_MOST_ROUNDS):
        chance = expit(rows @ slopes)
        gradient = rows.T @ (happened - chance) - penalty * slopes
        weight = np.maximum(chance * (1.0 - chance), 1e-9)
        information = (rows * weight[:, None]).T @ rows + np.diag(penalty)
        step = np.linalg.solve(information, gradient)
        size = 1.0
        while size > 1e-4:
            tried = slopes + size * step
            new = _loss(rows, happened, tried, penalty)
            if new <= loss:
                break
            size /= 2.0
        gain, slopes, loss = loss - new, tried, new
        if gain < _CLOSE * (1.0 + abs(loss)):
            break
    return Logistic(slopes, np.linalg.inv(information))


def _loss(rows: Floats, happened: Floats, slopes: Floats, penalty: Floats) -> float:
    score = rows @ slopes
    told = np.logaddexp(0.0, score) - happened * score
    return float(told.sum() + 0.5 * (penalty * slopes**2).sum())


def standardised(X: Floats) -> Floats:
    """Columns with mean 0 and spread 1; those that do not vary are left out."""
    if not len(X):
        return np.zeros((0, 0))
    spread = X.std(axis=0)
    keep = spread > 1e-9
    scaled: Floats = (X[:, keep] - X[:, keep].mean(axis=0)) / spread[keep]
    return scaled
