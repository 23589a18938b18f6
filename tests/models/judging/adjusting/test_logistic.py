"""The regression is that of another library, and its standard errors are right."""

from __future__ import annotations

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from models.judging.adjusting.logistic import fit_logistic, standardised


def rows(seed, n=800):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    went = rng.random(n) < expit(-0.5 + X @ np.array([0.8, 0.0, -0.4]))
    return X, went.astype(np.float64)


def test_the_fit_is_the_best_one():
    """As scikit-learn's with the same penalty."""
    X, went = rows(1)
    ours = fit_logistic(X, went, ridge=2.0)
    theirs = LogisticRegression(C=0.5, tol=1e-10, max_iter=1000).fit(X, went)
    assert np.allclose(ours.slopes[1:], theirs.coef_[0], atol=1e-4)
    assert np.isclose(ours.slopes[0], theirs.intercept_[0], atol=1e-4)
    assert np.allclose(ours.chance(X), theirs.predict_proba(X)[:, 1], atol=1e-5)


def test_z_has_the_level_it_says():
    """Of slopes that are none about 5 in 100 are beyond 1.96; the planted ones have their sign."""
    z = np.array(
        [[fit.z(0), fit.z(1), fit.z(2)] for fit in (fit_logistic(*rows(s)) for s in range(300))]
    )
    assert 0.02 < (np.abs(z[:, 1]) > 1.96).mean() < 0.085
    assert 0.9 < z[:, 1].std() < 1.1
    assert (z[:, 0] > 3).all()
    assert (z[:, 2] < 0).mean() > 0.99


def test_separated_rows_and_few_columns_have_a_fit():
    """The penalty holds slopes that would go on for ever; without columns there is the share."""
    X = np.array([[-1.0], [-1.0], [1.0], [1.0]])
    fitted = fit_logistic(X, np.array([0.0, 0.0, 1.0, 1.0]), ridge=0.1)
    assert np.isfinite(fitted.slopes).all()
    assert fitted.slopes[1] > 1.0
    alone = fit_logistic(np.zeros((4, 0)), np.array([0.0, 1.0, 1.0, 1.0]))
    assert np.allclose(alone.chance(np.zeros((2, 0))), 0.75, atol=1e-4)
    assert fit_logistic(np.zeros((3, 1)), np.ones(3)).chance(np.zeros((1, 1)))[0] > 0.99


def test_standardised_leaves_out_what_does_not_vary():
    """Mean 0 and spread 1; a constant column is gone."""
    X = np.array([[1.0, 5.0], [3.0, 5.0]])
    assert standardised(X).tolist() == [[-1.0], [1.0]]
    assert standardised(np.zeros((0, 2))).shape == (0, 0)
