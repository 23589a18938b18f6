"""Whether an estimator can take the place of the trees: found out in a second, before training.

It is fitted on a small sample of the shape of the real one, asked for probabilities, kept and read
back. What would end a long training with an error ends it here with a sentence.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Collection
from typing import Any, Final, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from features.arrays import Bools, Floats, Ints
from features.errors import BundleError
from models.scores.learners.archive import packed, strange_types, unpacked
from models.scores.learners.learner import EstimatorError, own_words, repeatable

__all__ = ["EstimatorError", "rehearse"]

T = TypeVar("T")

_ROWS: Final = 120
_ABSENT: Final = 0.2
"""Share of the values of the sample that are not there."""
_ROUNDING: Final = 1e-6


def rehearse(
    estimator: Any, columns: int, *, trusted: Collection[str] = (), seed: int = 7
) -> list[str]:
    """Try an estimator on a sample that was made up; what is to be known of it, in sentences.

    Parameters
    ----------
    estimator : of scikit-learn's kind, not fitted; it stays as it is.
    columns : how many signals it will meet.
    trusted : types that whoever trains vouches for, such as "mymodule.MyClass".

    Raises
    ------
    EstimatorError : a regressor, no probabilities, probabilities that other rows change, not to be
        cloned, stopped by NaN, or made of types that are not trusted.
    """
    name = type(estimator).__name__
    matrix, happened = _sample(columns, seed)
    _refuse_what_is_no_classifier(estimator, name, np.nan_to_num(matrix), happened)
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")  # of a sample this small: they say nothing of the real one
        fitted = _fitted(estimator, name, matrix, happened, seed)
        said = _probabilities(fitted, name, matrix)
        _refuse_what_depends_on_others(fitted, name, matrix, said)
        _refuse_what_cannot_be_kept(fitted, name, trusted, matrix, said)
        again = _probabilities(_fitted(estimator, name, matrix, happened, seed), name, matrix)
    if np.array_equal(said, again):
        return []
    return [
        f"two fits of {name} on the same rows differ: this bundle cannot be made again bit for bit"
        " (give it a random_state)"
    ]


def _refuse_what_is_no_classifier(
    estimator: Any, name: str, matrix: Floats, happened: Ints
) -> None:
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        raise EstimatorError(
            f"{estimator!r} is no estimator: it has to be an object with fit and predict_proba"
        )
    from sklearn.base import is_regressor  # fitting alone needs it: serving starts without

    if hasattr(estimator, "__sklearn_tags__") and is_regressor(estimator):
        raise EstimatorError(
            f"{name} is a regressor: what is asked is a probability, of a classifier"
        )
    if not hasattr(estimator, "predict_proba") and not _gains_it(estimator, matrix, happened):
        soft = "; give it voting='soft'" if hasattr(estimator, "voting") else ""
        raise EstimatorError(
            f"{name} gives no probabilities: it has no predict_proba{soft or _CALIBRATED}"
        )


def _gains_it(estimator: Any, matrix: Floats, happened: Ints) -> bool:
    """Whether probabilities come with fitting, as to what is stacked under a default estimator."""
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        try:
            return hasattr(repeatable(estimator, 0).fit(matrix, happened), "predict_proba")
        except Exception:  # it is refused anyway, for what it lacks
            return False


_CALIBRATED: Final = "; wrap it in sklearn.calibration.CalibratedClassifierCV"


def _sample(columns: int, seed: int) -> tuple[Floats, Ints]:
    """Rows of both outcomes, a fifth of the values absent; the first column tells them apart.

    Every second column holds small whole numbers, as counts and categories do.
    """
    rng = np.random.default_rng(seed)
    happened = np.arange(_ROWS) % 2
    matrix = rng.normal(size=(_ROWS, columns))
    matrix[:, 1::2] = rng.integers(0, 5, size=matrix[:, 1::2].shape)
    matrix[:, 0] += happened
    absent: Bools = rng.random(matrix.shape) < _ABSENT
    matrix[absent] = np.nan
    return matrix, happened.astype(np.int64)


def _fitted(estimator: Any, name: str, matrix: Floats, happened: Ints, seed: int) -> Any:
    copy = _tried(
        lambda: repeatable(estimator, seed),
        f"{name} cannot be cloned; derive it from sklearn.base.BaseEstimator, and let its"
        " constructor keep its arguments as they are",
    )
    try:
        return copy.fit(matrix.copy(), happened)  # what scales in place is to change no sample
    except Exception as error:
        whole = np.nan_to_num(matrix)
        _tried(
            lambda: repeatable(estimator, seed).fit(whole, happened),
            f"{name} cannot be fitted on a sample of {len(matrix)} rows and {matrix.shape[1]}"
            " columns",
        )
        raise EstimatorError(
            f"{name} does not take NaN, which stands wherever a signal is absent: wrap it in a"
            " pipeline with an imputer, such as make_pipeline(SimpleImputer("
            f"keep_empty_features=True), {name}())"
        ) from error


def _tried(do: Callable[[], T], wrong: str) -> T:
    """What comes of it; whatever an estimator raises becomes our error, with its own words."""
    try:
        return do()
    except Exception as error:
        raise EstimatorError(f"{wrong}: {own_words(error)}") from error


def _probabilities(fitted: Any, name: str, matrix: Floats) -> Floats:
    said = _tried(
        lambda: np.asarray(fitted.predict_proba(matrix.copy()), dtype=np.float64),
        f"{name} was fitted and gives no probabilities",
    )
    if gave := _no_distribution(said, len(matrix)):
        raise EstimatorError(
            f"{name}.predict_proba has to give a row a lead and two columns, of 0 and of 1:"
            f" probabilities that sum to 1; it gave {gave}"
        )
    return said


def _no_distribution(said: Floats, rows: int) -> str:
    """Why what was said is no distribution a row; "" where it is."""
    if said.shape != (rows, 2):
        return f"shape {said.shape}"
    if np.isnan(said).any():
        return f"NaN in {int(np.isnan(said).any(axis=1).sum())} of {rows} rows"
    outside = said[(said < 0.0) | (said > 1.0 + _ROUNDING)]
    if len(outside):
        return f"values outside [0, 1], such as {outside[0]:g}"
    sums = said.sum(axis=1)
    apart = sums[~np.isclose(sums, 1.0, atol=_ROUNDING)]
    return f"rows that do not sum to 1, such as to {apart[0]:g}" if len(apart) else ""


def _refuse_what_depends_on_others(fitted: Any, name: str, matrix: Floats, said: Floats) -> None:
    """Leads are scored alone, a few at a time, and all at once, and are to have one score."""
    others = np.arange(0, len(matrix), 2)[::-1]
    for rows in (others, others[:1]):
        again = _probabilities(fitted, name, matrix[rows])
        if not np.allclose(again, said[rows], rtol=0.0, atol=_ROUNDING):
            raise EstimatorError(
                f"{name} says something else of a lead when other leads are asked about beside it;"
                " a score follows from one lead alone: let what is centred, scaled or ranked go by"
                " what was there in fit"
            )


def _refuse_what_cannot_be_kept(
    fitted: Any, name: str, trusted: Collection[str], matrix: Floats, said: Floats
) -> None:
    archive = _tried(lambda: packed([fitted]), f"{name} cannot be kept without pickle")
    if strange := [kind for kind in strange_types(archive) if kind not in trusted]:
        raise EstimatorError(
            f"{name} is made of types that skops does not trust: {', '.join(strange)}. If you do,"
            f" say so: {' '.join(f'--trust {kind}' for kind in strange)}, or in the configuration"
            f" [estimator] trusted = {json.dumps(strange)}; whoever serves the bundle has to trust"
            " them too (RUNG_TRUSTED_TYPES)"
        )
    try:
        read = unpacked(archive, trusted, trusted)[0]
    except BundleError as error:
        raise EstimatorError(f"{name} can be kept, and not read back: {error}") from error
    if not np.array_equal(_probabilities(read, name, matrix), said):
        raise EstimatorError(
            f"{name} says something else once it was kept and read back: what it learns has to be"
            " in its attributes"
        )
