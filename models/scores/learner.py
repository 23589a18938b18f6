"""What gives the margin: boosted trees, or any scikit-learn classifier in their place.

A learner answers two questions about rows: their margin (log-odds before calibration), and what
each column adds to it. It can be written to a file without pickle, and read back.
"""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import lightgbm as lgb
import numpy as np
import skops.io
from joblib import Parallel, delayed
from scipy.special import logit
from sklearn.base import clone
from skops.io.exceptions import UntrustedTypesFoundException

from features.arrays import Floats, Ints
from features.errors import BundleError
from models.scores.boosting import threads_for

__all__ = [
    "Averaged",
    "BoostedTrees",
    "FoldedClassifiers",
    "Learner",
    "cross_fit_classifier",
    "read_learner",
]


_SUREST: Final = 1e-6
"""How close to 0 and 1 a classifier's own probability is taken at its word."""
_NO_TIME: Final = (1980, 1, 1, 0, 0, 0)


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
    """A LightGBM model. What a column adds is its SHAP value, along the paths of the trees."""

    booster: lgb.Booster
    suffix = ".txt"

    def margins(self, matrix: Floats) -> Floats:
        """Shape (n,), log-odds before calibration."""
        margins = self.booster.predict(matrix, raw_score=True, num_threads=threads_for(len(matrix)))
        return np.asarray(margins, dtype=np.float64)

    def contributions(self, matrix: Floats) -> Floats:
        """Shape (n, n_columns), in log-odds."""
        threads = threads_for(100 * len(matrix))  # a row takes a hundred times as long
        shap = self.booster.predict(matrix, pred_contrib=True, num_threads=threads)
        return np.asarray(shap, dtype=np.float64)[:, :-1]

    def to_bytes(self) -> bytes:
        """LightGBM's own text."""
        return str(self.booster.model_to_string()).encode()

    @classmethod
    def of_bytes(cls, content: bytes) -> BoostedTrees:
        """The reverse of `to_bytes`."""
        return cls(lgb.Booster(model_str=content.decode()))


@dataclass(frozen=True, eq=False)
class Averaged:
    """Classifiers of scikit-learn's kind, one a fold; the margin is the mean of their log-odds.

    What a column adds is what the margin loses when the column takes its usual value, scaled so
    that all add up: an approximation, where the trees have the exact one.

    Parameters
    ----------
    columns : indices of the columns that the classifiers see; one without a value teaches nothing.
    usual : shape (n_columns,), NaN where a column is usually absent.
    """

    classifiers: tuple[Any, ...]
    columns: Ints
    usual: Floats
    suffix = ".skops"

    def margins(self, matrix: Floats) -> Floats:
        """Shape (n,), log-odds before calibration."""
        each = [_log_odds(one, matrix[:, self.columns]) for one in self.classifiers]
        return np.asarray(np.mean(each, axis=0), dtype=np.float64)

    def contributions(self, matrix: Floats) -> Floats:
        """Shape (n, n_columns), in log-odds."""
        whole = self.margins(matrix)
        start = float(self.margins(self.usual[None, :])[0])
        added = np.zeros_like(matrix)
        for column in self.columns:
            without = matrix.copy()
            without[:, column] = self.usual[column]
            added[:, column] = whole - self.margins(without)
        return _adding_up(added, whole - start)

    def to_bytes(self) -> bytes:
        """A skops archive: arrays and a schema, with no time in it."""
        held = {
            "classifiers": list(self.classifiers),
            "columns": self.columns,
            "usual": self.usual,
        }
        archive = _canonical(skops.io.dumps(held))
        strange = set(skops.io.get_untrusted_types(data=archive)) - _TRUSTED
        if strange:
            raise BundleError(
                f"{sorted(strange)[0]} cannot be kept safely: skops does not trust it; use another"
                " estimator"
            )
        return archive

    @classmethod
    def of_bytes(cls, content: bytes) -> Averaged:
        """The reverse of `to_bytes`; types that skops does not trust are refused."""
        try:
            held = skops.io.loads(content, trusted=sorted(_TRUSTED))
        except UntrustedTypesFoundException as error:
            raise BundleError(f"the bundle holds types that are not trusted: {error}") from error
        return cls(tuple(held["classifiers"]), held["columns"], held["usual"])


def _log_odds(classifier: Any, matrix: Floats) -> Floats:
    probability = np.asarray(classifier.predict_proba(matrix), dtype=np.float64)[:, 1]
    return np.asarray(logit(np.clip(probability, _SUREST, 1.0 - _SUREST)), dtype=np.float64)


def _adding_up(added: Floats, way: Floats) -> Floats:
    """Contributions in proportion to `added` that sum to `way`; even where they cancel out."""
    rest = way - added.sum(axis=1)
    weight = np.abs(added)
    total = weight.sum(axis=1, keepdims=True)
    even = np.full_like(added, 1.0 / added.shape[1])
    share = np.divide(weight, total, out=even, where=total > 0)
    return np.asarray(added + share * rest[:, None], dtype=np.float64)


def _canonical(archive: bytes) -> bytes:
    """The same archive with objects numbered in order and entries undated.

    skops names objects by their place in memory and dates the entries; equal models shall be equal
    bytes.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as held:
        entries = {name: held.read(name) for name in held.namelist()}
    number: dict[str, str] = {}

    def renumbered(found: re.Match[str]) -> str:
        return number.setdefault(found[0], str(len(number) + 1))

    schema = _MEMORY.sub(renumbered, entries.pop("schema.json").decode())
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as new:
        new.writestr(zipfile.ZipInfo("schema.json", _NO_TIME), schema)
        renamed = {_MEMORY.sub(renumbered, name): content for name, content in entries.items()}
        for name in sorted(renamed):
            new.writestr(zipfile.ZipInfo(name, _NO_TIME), renamed[name])
    return out.getvalue()


_MEMORY: Final = re.compile(r"(?<=\"__id__\": )\d+|\d{9,}(?=\.npy)")
_TRUSTED: Final = frozenset({"numpy.dtype"})
"""What skops would ask about and cannot do anything."""


@dataclass(frozen=True, eq=False, slots=True)
class FoldedClassifiers:
    """Clones of one classifier, each fitted without one fold of leads."""

    classifiers: tuple[Any, ...]
    columns: Ints
    usual: Floats

    def margins(self, matrix: Floats, fold: Ints) -> Floats:
        """Shape (n,): log-odds from the clone that has not seen the row's fold."""
        margins = np.zeros(len(matrix))
        for at, classifier in enumerate(self.classifiers):
            rows = np.flatnonzero(fold == at)
            if len(rows):
                margins[rows] = _log_odds(classifier, matrix[np.ix_(rows, self.columns)])
        return margins

    def learner(self) -> Averaged:
        """All clones together."""
        return Averaged(self.classifiers, self.columns, self.usual)


def cross_fit_classifier(
    classifier: Any, matrix: Floats, happened: Floats, fold: Ints
) -> FoldedClassifiers:
    """Fit a clone a fold. The classifier meets NaN where a signal is absent, and says what it does.

    A pipeline with an imputer takes care of NaN. Columns without a value in some fold are left out.
    """
    folds = range(int(fold.max()) + 1)
    held = [~np.isnan(matrix[fold != at]).all(axis=0) for at in folds]
    columns = np.flatnonzero(np.all(held, axis=0))
    fitted = Parallel(n_jobs=-1, prefer="threads")(
        delayed(_fit_one)(classifier, matrix[np.ix_(fold != at, columns)], happened[fold != at])
        for at in folds
    )
    absent = np.isnan(matrix).mean(axis=0)
    with_values = np.where(np.isnan(matrix).all(axis=0), 0.0, matrix)
    usual = np.where(absent > 0.5, np.nan, np.nanmedian(with_values, axis=0))
    return FoldedClassifiers(tuple(fitted), columns, usual)


def _fit_one(classifier: Any, matrix: Floats, happened: Floats) -> Any:
    return clone(classifier).fit(matrix, happened.astype(np.int64))


def read_learner(folder: Path, name: str) -> Learner | None:
    """The learner that a folder holds under a name; None where there is none."""
    for kind in (BoostedTrees, Averaged):
        path = folder / f"{name}{kind.suffix}"
        if path.exists():
            learner: Learner = kind.of_bytes(path.read_bytes())
            return learner
    return None
