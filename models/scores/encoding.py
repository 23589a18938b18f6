"""Snapshots as the matrix a model sees: categories as codes that mean the same at every time."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from features.arrays import Floats, Ints
from features.errors import BundleError
from features.signals.snapshot import Snapshot

__all__ = ["FEWEST_OF_TEXT", "Encoding"]

FEWEST_OF_TEXT: Final = 10
"""Leads that must have had a text for it to become a code, or to be named in a report.

Both outlive those they were made of, and are copied to where no erasure reaches. What fewer
leads said may tell who they are (statistical offices publish no cell of fewer than about ten), and
has next to nothing to teach. All traits are held to it: whether a text names somebody follows from
what people write, and `personal` is only what the ladder's owner thought they would.
"""
_MOST_CATEGORIES: Final = 1000


@dataclass(frozen=True)
class Encoding:
    """The columns of a model's matrix, in order, with the texts of each category.

    Parameters
    ----------
    columns : signal ids.
    texts : for each category column, its texts; the code of a text is its index, the most frequent
        first. A text that is not among them is NaN.
    absent : the category columns that were now and then without a text: having none is a code of
        its own there, the one after the last text. Trees can then tell who said nothing from who
        said what nobody had said before.
    """

    columns: tuple[str, ...]
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()

    @classmethod
    def learn(cls, snapshot: Snapshot) -> Encoding:
        """The encoding of a training snapshot.

        A text becomes a code if enough different leads had it, in however many rows; any other is
        as good as one that training did not hold.
        """
        texts, absent = {}, set()
        lead = pd.factorize(np.array(snapshot.leads, dtype=object))[0]
        for at, signal in enumerate(snapshot.signals):
            if signal.id in snapshot.categories:
                words = snapshot.categories[signal.id]
                held = snapshot.values[:, at]
                code = np.where(np.isnan(held), len(words), held).astype(np.int64)
                rows = np.bincount(code, minlength=len(words) + 1)
                leads = _leads_of_codes(code, lead, len(words) + 1)
                often = np.flatnonzero(leads[:-1] >= FEWEST_OF_TEXT).tolist()
                ranked = sorted(often, key=lambda one: (-rows[one], words[one]))
                texts[signal.id] = tuple(words[one] for one in ranked[:_MOST_CATEGORIES])
                if texts[signal.id] and leads[-1] >= FEWEST_OF_TEXT:
                    absent.add(signal.id)
        return cls(tuple(signal.id for signal in snapshot.signals), texts, frozenset(absent))

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "columns": list(self.columns),
            "texts": {key: list(texts) for key, texts in self.texts.items()},
            "absent": sorted(self.absent),
        }

    @classmethod
    def of_dict(cls, held: dict[str, Any]) -> Encoding:
        """The reverse of `as_dict`; ValueError where a column or a text of one is no text."""
        texts = {key: tuple(texts) for key, texts in held["texts"].items()}
        columns, absent = tuple(held["columns"]), frozenset(held["absent"])
        told = [*columns, *(text for of_one in texts.values() for text in of_one)]
        if not all(isinstance(one, str) for one in told) or not absent <= texts.keys():
            raise ValueError("its columns, and what they say, are not told by texts")
        return cls(columns, texts, absent)

    @cached_property
    def category_columns(self) -> list[int]:
        """The indices of the category columns."""
        return [at for at, column in enumerate(self.columns) if column in self.texts]

    def matrix(self, snapshot: Snapshot) -> Floats:
        """Shape (n, n_columns), NaN where absent, but for categories with a code for that."""
        if tuple(signal.id for signal in snapshot.signals) != self.columns:
            raise BundleError("the model was trained on other signals than this ladder has")
        if not self.texts:
            return snapshot.values
        matrix = snapshot.values.copy()
        for at in self.category_columns:
            column = self.columns[at]
            matrix[:, at] = self._recode(
                column, snapshot.categories.get(column, ()), snapshot.values[:, at]
            )
        return matrix

    def _recode(self, column: str, words: tuple[str, ...], held: Floats) -> Floats:
        code_of = self._codes[column]
        table = np.array([code_of.get(word, np.nan) for word in (*words, None)])
        return table[np.where(np.isnan(held), -1, held).astype(np.int64)]

    @cached_property
    def _codes(self) -> dict[str, dict[str | None, float]]:
        """By column the code of each text, and of having none."""
        codes: dict[str, dict[str | None, float]] = {}
        for column, texts in self.texts.items():
            codes[column] = {text: float(code) for code, text in enumerate(texts)}
            if column in self.absent:
                codes[column][None] = float(len(texts))
        return codes

    def matrix_of_frame(self, frame: pd.DataFrame) -> Floats:
        """As `matrix`, from a frame with a column a signal (as `Snapshot.frame` gives)."""
        absent = [column for column in self.columns if column not in frame]
        if absent:
            raise BundleError(f"the input lacks the signal columns {absent[:5]}")
        matrix = np.empty((len(frame), len(self.columns)))
        for at, column in enumerate(self.columns):
            if column in self.texts:
                code_of = self._codes[column]
                words = frame[column].astype(object)
                words = words.where(words.notna(), None)
                matrix[:, at] = [code_of.get(word, np.nan) for word in words]
            else:
                matrix[:, at] = frame[column].to_numpy(dtype=np.float64, na_value=np.nan)
        return matrix


def _leads_of_codes(code: Ints, lead: Ints, size: int) -> Ints:
    """Shape (size,): how many different leads stand in the rows of each code."""
    leads = int(lead.max(initial=-1)) + 1
    pairs = np.unique(code * max(leads, 1) + lead)
    return np.bincount(pairs // max(leads, 1), minlength=size)
