"""What may change the effect of an offer: a few signals of the lead, on one scale.

The strongest signals of the score and who the lead is, each as its rank among training leads, so
that a heavy tail or a unit does not matter; and the score itself.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["Modifier", "Modifiers"]

Floats = npt.NDArray[np.float64]

_KNOTS: Final = 51
_FURTHEST: Final = 2.5
"""Standard deviations; further out is no more than this."""
_MOST_CATEGORIES: Final = 4
_RARE: Final = 0.02
"""What fewer rows than this share have says nothing that could be learned."""
_SAME: Final = 0.9
"""Of two that correlate more than this, the second is left out."""


@dataclass(frozen=True, slots=True)
class Modifier:
    """One number about a lead, with mean 0 and standard deviation about 1 in training.

    Parameters
    ----------
    column : index into the model's matrix; -1 is the margin of the score.
    category : its value where the modifier says whether the column has it.
    is_absent : whether the modifier says that the column has no value.
    knots : of a number: values at evenly spaced ranks, ascending.
    """

    column: int
    name: str
    mean: float
    sd: float
    category: float | None = None
    is_absent: bool = False
    knots: tuple[float, ...] = ()

    def of(self, values: Floats) -> Floats:
        """Shape (n,), from the column's values; 0 where a number is absent."""
        raw = self._raw(values)
        scaled = np.clip((raw - self.mean) / self.sd, -_FURTHEST, _FURTHEST)
        return np.where(np.isnan(scaled), 0.0, scaled)

    def _raw(self, values: Floats) -> Floats:
        if self.category is not None:
            return (values == self.category).astype(np.float64)
        if self.is_absent:
            return np.isnan(values).astype(np.float64)
        if not self.knots:
            return values
        ranks = np.interp(values, self.knots, np.linspace(0.0, 1.0, len(self.knots)))
        return np.where(np.isnan(values), np.nan, ranks)


@dataclass(frozen=True, slots=True)
class Modifiers:
    """The modifiers of a model, in order."""

    each: tuple[Modifier, ...] = ()

    def __len__(self) -> int:
        return len(self.each)

    def of(self, matrix: Floats, margin: Floats) -> Floats:
        """Shape (n, n_modifiers), from a model's matrix and the margins of its score."""
        columns = [one.of(margin if one.column < 0 else matrix[:, one.column]) for one in self.each]
        return np.column_stack(columns) if columns else np.empty((len(matrix), 0))

    @classmethod
    def learn(
        cls,
        matrix: Floats,
        margin: Floats,
        columns: tuple[str, ...],
        wanted: list[int],
        category_columns: list[int],
    ) -> Modifiers:
        """The modifiers of some columns, the most wanted first, none of them said twice."""
        kept: list[Modifier] = []
        values: list[Floats] = []
        for at in wanted:
            for one in _of_column(matrix[:, at], at, columns[at], at in category_columns):
                _keep(one, one.of(matrix[:, at]), kept, values)
        sd = float(margin.std())
        if sd > 0:
            of_margin = Modifier(-1, "score", float(margin.mean()), sd)
            _keep(of_margin, of_margin.of(margin), kept, values)
        return cls(tuple(kept))

    def as_list(self) -> list[dict[str, Any]]:
        """Plain values, for JSON."""
        return [asdict(one) for one in self.each]

    @classmethod
    def of_list(cls, held: list[dict[str, Any]]) -> Modifiers:
        """The reverse of `as_list`."""
        return cls(tuple(Modifier(**{**one, "knots": tuple(one["knots"])}) for one in held))


def _of_column(values: Floats, at: int, name: str, is_category: bool) -> list[Modifier]:
    absent = np.isnan(values)
    found: list[Modifier | None] = []
    if is_category:
        words, counts = np.unique(values[~absent], return_counts=True)
        for word in words[np.argsort(-counts, kind="stable")][:_MOST_CATEGORIES]:
            found.append(_flag(values == word, at, name, category=float(word)))
        return [one for one in found if one is not None]
    found.append(_number(values[~absent], at, name))
    found.append(_flag(absent, at, name, is_absent=True))
    return [one for one in found if one is not None]


def _number(values: Floats, at: int, name: str) -> Modifier | None:
    if len(values) == 0:
        return None
    knots = np.unique(np.quantile(values, np.linspace(0.0, 1.0, _KNOTS)))
    if len(knots) < 2:
        return None
    ranks = np.interp(values, knots, np.linspace(0.0, 1.0, len(knots)))
    if ranks.std() == 0:
        return None
    return Modifier(at, name, float(ranks.mean()), float(ranks.std()), knots=tuple(knots.tolist()))


def _flag(
    holds: npt.NDArray[np.bool_],
    at: int,
    name: str,
    *,
    category: float | None = None,
    is_absent: bool = False,
) -> Modifier | None:
    share = float(holds.mean()) if len(holds) else 0.0
    if not _RARE < share < 1.0 - _RARE:
        return None
    # The scale of a flag is that of a standard deviation at one half: a rare one is no stronger.
    return Modifier(at, name, share, 0.5, category, is_absent)


def _keep(one: Modifier, values: Floats, kept: list[Modifier], held: list[Floats]) -> None:
    """Keep a modifier unless it says what one that is kept says already."""
    if values.std() == 0:
        return
    if all(abs(np.corrcoef(values, other)[0, 1]) < _SAME for other in held):
        kept.append(one)
        held.append(values)
