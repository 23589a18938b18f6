"""Snapshots as the matrix a model sees: categories as codes that mean the same at every time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from features.arrays import Floats
from features.errors import BundleError
from features.signals.snapshot import Snapshot

__all__ = ["Encoding"]

_FEWEST_ROWS: Final = 3
"""A category in fewer training rows than this has nothing to teach, and is left out."""
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
        """The encoding of a training snapshot."""
        texts, absent = {}, set()
        for at, signal in enumerate(snapshot.signals):
            if signal.id in snapshot.categories:
                held = snapshot.values[:, at]
                is_absent = np.isnan(held)
                counts = Counter(held[~is_absent].astype(int).tolist())
                words = snapshot.categories[signal.id]
                ranked = sorted(counts.items(), key=lambda item: (-item[1], words[item[0]]))
                texts[signal.id] = tuple(
                    words[code]
                    for code, count in ranked[:_MOST_CATEGORIES]
                    if count >= _FEWEST_ROWS
                )
                if texts[signal.id] and is_absent.sum() >= _FEWEST_ROWS:
                    absent.add(signal.id)
        return cls(tuple(signal.id for signal in snapshot.signals), texts, frozenset(absent))

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
