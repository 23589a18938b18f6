"""What gives the margin: boosted trees, or any scikit-learn classifier in their place.

A learner answers two questions about rows: their margin (log-odds before calibration), and what
each column adds to it. It can be written to a file without pickle, and read back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from scipy.special import logit
from threadpoolctl import ThreadpoolController, threadpool_limits

from features.arrays import Floats, Ints
from features.errors import BundleError, Unusable
from models.scores.learners.archive import packed, strange_types, unpacked
from models.scores.learners.boosting import threads_for
from models.scores.trees.packed import PackedTrees

if TYPE_CHECKING:
    import lightgbm as lgb

__all__ = [
    "Averaged",
    "BoostedTrees",
    "EstimatorError",
    "FoldedClassifiers",
    "Learner",
    "column_of_one",
    "cross_fit_classifier",
    "own_words",
    "read_learner",
    "repeatable",
]


_SUREST: Final = 1e-6
"""How close to 0 and 1 a classifier's own probability is taken at its word."""
_MOST_AT_ONCE: Final = 50_000
"""Rows that the classifiers are asked of together while columns are taken away."""
_turn: Final = threading.Lock()
"""Of whoever asks a classifier: scikit-learn changes the filters of warnings while it works, and
before Python 3.14 those are of the whole process; two at once leave them as neither found them."""


class EstimatorError(Unusable):
    """An estimator that cannot take the place of the trees; the message says what would do."""


def own_words(error: Exception) -> str:
    """What an estimator raised, in a line."""
    said = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


class Learner(Protocol):
    """What a goal's model needs of whatever gives its margin."""

    suffix: str
    """Of the file it is kept in."""

    def margins(self, matrix: Floats) -> Floats:
        """Shape (n,), log-odds before calibration."""

    def contributions(self, matrix: Floats) -> Floats:
        """Shape (n, n_columns); with a constant, each row sums to its margin."""

    def to_bytes(self) -> bytes:
        """What its file holds; the same learner gives the same bytes."""


@dataclass(frozen=True, eq=False)
class BoostedTrees:
    """A LightGBM model. What a column adds is its SHAP value, along the paths of the trees.

    LightGBM fits and is the oracle; what it fitted is walked by `models.scores.trees`, and LightGBM
    is not needed for that: it takes two seconds to import.

    Parameters
    ----------
    text : what `Booster.model_to_string` gives.
    """

    text: str
    suffix = ".txt"

    @cached_property
    def trees(self) -> PackedTrees:
        """The same trees as arrays."""
        return PackedTrees(self.text)

    @cached_property
    def booster(self) -> lgb.Booster:
        """The same trees as LightGBM has them."""
        import lightgbm as lgb

        return lgb.Booster(model_str=self.text)

    def margins(self, matrix: Floats) -> Floats:
        """Shape (n,), log-odds before calibration."""
        return self.trees.margins(matrix)

    def contributions(self, matrix: Floats) -> Floats:
        """Shape (n, n_columns), in log-odds."""
        return self.trees.contributions(matrix)

    def to_bytes(self) -> bytes:
        """LightGBM's own text."""
        return self.text.encode()

    @classmethod
    def of_bytes(cls, content: bytes) -> BoostedTrees:
        """The reverse of `to_bytes`.

        Raises
        ------
        ValueError : it is no LightGBM model, or one that is not walked here.
        """
        learner = cls(content.decode())
        try:
            _ = learner.trees
        except BundleError as error:
            raise ValueError(str(error)) from error
        return learner


@dataclass(frozen=True, eq=False)
class Averaged:
    """Classifiers of scikit-learn's kind, one a fold; the margin is the mean of their log-odds.

    What a column adds is what the margin loses when the column takes its usual value, scaled so
    that all add up: an approximation, where the trees have the exact one.

    Parameters
    ----------
    columns : indices of the columns that the classifiers see; one without a value teaches nothing.
    usual : shape (n_columns,), NaN where a column is usually absent.
    trusted : types that the classifiers are made of and that whoever trained them vouched for.
    """

    classifiers: tuple[Any, ...]
    columns: Ints
    usual: Floats
    trusted: frozenset[str] = frozenset()
    suffix = ".skops"

    def margins(self, matrix: Floats) -> Floats:
        """Shape (n,), log-odds before calibration; NaN where a classifier gives that.

        What serves does not stop for it: a lead whose chance nobody knows has no score.
        """
        each = [_log_odds(one, matrix[:, self.columns]) for one in self.classifiers]
        return np.asarray(np.mean(each, axis=0), dtype=np.float64)

    def contributions(self, matrix: Floats) -> Floats:
        """Shape (n, n_columns), in log-odds.

        It asks the classifiers once more for every column of a row that is not as usual, many rows
        at once: about as much as the margins of so many rows.
        """
        most = max(1, _MOST_AT_ONCE // max(1, len(self.columns)))
        parts = [self._added(matrix[at : at + most]) for at in range(0, len(matrix), most)]
        return np.concatenate(parts) if parts else np.zeros_like(matrix)

    def _added(self, matrix: Floats) -> Floats:
        usual = self.usual[self.columns]
        seen = matrix[:, self.columns]
        row, at = np.nonzero((seen != usual) & ~(np.isnan(seen) & np.isnan(usual)))
        column = self.columns[at]
        without = matrix[row]
        without[np.arange(len(row)), column] = self.usual[column]
        margins = self.margins(np.concatenate([self.usual[None, :], matrix, without]))
        start, whole = margins[0], margins[1 : len(matrix) + 1]
        added = np.zeros_like(matrix)
        added[row, column] = whole[row] - margins[len(matrix) + 1 :]
        return _adding_up(added, whole - start)

    def to_bytes(self) -> bytes:
        """A skops archive: arrays and a schema, with no time in it.

        Raises
        ------
        BundleError : a type that skops does not trust, and that is not listed.
        """
        archive = packed(
            {"classifiers": list(self.classifiers), "columns": self.columns, "usual": self.usual}
        )
        if strange := set(strange_types(archive)) - self.trusted:
            raise BundleError(
                f"{sorted(strange)[0]} cannot be kept safely: skops does not trust it; list it with"
                " --trust, or use another estimator"
            )
        return archive

    @classmethod
    def of_bytes(
        cls, content: bytes, listed: Collection[str] = (), permitted: Collection[str] = ()
    ) -> Averaged:
        """The reverse of `to_bytes`; types that are not both listed and permitted are refused."""
        held = unpacked(content, listed, permitted)
        return cls(tuple(held["classifiers"]), held["columns"], held["usual"], frozenset(listed))


@cache
def _threads() -> ThreadpoolController:
    """Of the libraries that are loaded; to look for them takes longer than to score a lead."""
    return ThreadpoolController()


def _log_odds(classifier: Any, matrix: Floats) -> Floats:
    threads = threads_for(len(matrix)) or None
    with _turn, _threads().limit(limits=threads, user_api="openmp"):
        said = np.asarray(classifier.predict_proba(matrix), dtype=np.float64)
    probability = said[:, column_of_one(classifier)]
    return np.asarray(logit(np.clip(probability, _SUREST, 1.0 - _SUREST)), dtype=np.float64)


def column_of_one(classifier: Any) -> int:
    """Which column of `predict_proba` is that of 1; the second where `classes_` do not say."""
    found = np.flatnonzero(np.asarray(getattr(classifier, "classes_", (0, 1))) == 1)
    return int(found[0]) if len(found) == 1 else 1


def _adding_up(added: Floats, way: Floats) -> Floats:
    """Contributions in proportion to `added` that sum to `way`; even where they cancel out."""
    rest = way - added.sum(axis=1)
    weight = np.abs(added)
    total = weight.sum(axis=1, keepdims=True)
    even = np.full_like(added, 1.0 / added.shape[1])
    share = np.divide(weight, total, out=even, where=total > 0)
    return np.asarray(added + share * rest[:, None], dtype=np.float64)


@dataclass(frozen=True, eq=False, slots=True)
class FoldedClassifiers:
    """Clones of one classifier, each fitted without one fold of leads."""

    classifiers: tuple[Any, ...]
    columns: Ints
    usual: Floats
    trusted: frozenset[str] = frozenset()

    def margins(self, matrix: Floats, fold: Ints) -> Floats:
        """Shape (n,): log-odds from the clone that has not seen the row's fold.

        Raises
        ------
        EstimatorError : a classifier fails, or gives NaN.
        """
        margins = np.zeros(len(matrix))
        for at, classifier in enumerate(self.classifiers):
            rows = np.flatnonzero(fold == at)
            if len(rows):
                seen = matrix[np.ix_(rows, self.columns)]
                with _telling(classifier, "giving probabilities"):
                    margins[rows] = _log_odds(classifier, seen)
                if unsaid := int(np.isnan(margins[rows]).sum()):
                    raise EstimatorError(
                        f"{type(classifier).__name__} gave NaN for a probability, in {unsaid:,} of"
                        f" {len(rows):,} rows"
                    )
        return margins

    def learner(self) -> Averaged:
        """All clones together."""
        return Averaged(self.classifiers, self.columns, self.usual, self.trusted)


def cross_fit_classifier(
    classifier: Any,
    matrix: Floats,
    happened: Floats,
    fold: Ints,
    *,
    seed: int = 0,
    trusted: Collection[str] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> FoldedClassifiers:
    """Fit a clone a fold. The classifier meets NaN where a signal is absent, and says what it does.

    A pipeline with an imputer takes care of NaN. Columns without a value in some fold are left out.
    Each clone is `repeatable` with a seed of its own.

    Raises
    ------
    EstimatorError : the classifier fails on these rows, as it did not on the sample of `rehearse`.
    """
    folds = range(int(fold.max()) + 1)
    held = [~np.isnan(matrix[fold != at]).all(axis=0) for at in folds]
    columns = np.flatnonzero(np.all(held, axis=0))
    fitted = []
    # One after another: in threads they would meet over the filters of warnings (`_turn`), and what
    # comes back from another process is kept in other bytes, so that hashes followed from where.
    for at in folds:
        progress(f"fitting {type(classifier).__name__}, fold {at + 1} of {len(folds)}")
        copy = repeatable(classifier, seed + at)
        fitted.append(_fit_one(copy, matrix[np.ix_(fold != at, columns)], happened[fold != at]))
    absent = np.isnan(matrix).mean(axis=0)
    with_values = np.where(np.isnan(matrix).all(axis=0), 0.0, matrix)
    usual = np.where(absent > 0.5, np.nan, np.nanmedian(with_values, axis=0))
    return FoldedClassifiers(tuple(fitted), columns, usual, frozenset(trusted))


def repeatable(classifier: Any, seed: int) -> Any:
    """An unfitted clone that gives the same model each time, on however many processors.

    A `random_state` that was left open, here or in a part, is the seed. `n_jobs` is 1 everywhere:
    forests add up the votes of their trees in the order in which threads come to an end.
    """
    from sklearn.base import clone  # fitting alone needs it: serving starts without

    copy = clone(classifier)
    fixed: dict[str, int] = {}
    for name, value in copy.get_params(deep=True).items():
        last = name.rpartition("__")[2]
        if last == "random_state" and value is None:
            fixed[name] = seed
        elif last == "n_jobs" and value not in (None, 1):
            fixed[name] = 1
    return copy.set_params(**fixed) if fixed else copy


def _fit_one(classifier: Any, matrix: Floats, happened: Floats) -> Any:
    # OpenMP's number of threads is of the thread that asks, and its sums follow from it.
    with threadpool_limits(1, user_api="openmp"), _telling(classifier, "fitting"):
        return classifier.fit(matrix, happened.astype(np.int64))


@contextmanager
def _telling(classifier: Any, doing: str) -> Iterator[None]:
    """What a classifier raises becomes our error, with its own words."""
    try:
        yield
    except Exception as error:
        raise EstimatorError(
            f"{type(classifier).__name__} failed while {doing}: {own_words(error)}"
        ) from error


def read_learner(
    folder: Path, name: str, listed: Collection[str] = (), permitted: Collection[str] = ()
) -> Learner | None:
    """The learner that a folder holds under a name; None where there is none.

    Parameters
    ----------
    listed, permitted : types of the bundle's own, as in `archive.unpacked`.
    """
    path = folder / f"{name}{BoostedTrees.suffix}"
    if path.exists():
        return BoostedTrees.of_bytes(path.read_bytes())
    path = folder / f"{name}{Averaged.suffix}"
    if path.exists():
        return Averaged.of_bytes(path.read_bytes(), listed, permitted)
    return None
