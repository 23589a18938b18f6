"""What may change the effect of an offer: a few signals of the lead, on one scale.

Who the lead is, and the signals that tell most of the outcome; each as its rank among training
leads, so that a heavy tail or a unit does not matter; and the score itself.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from features.arrays import Bools, Floats, Ints

__all__ = ["Modifier", "Modifiers"]


MOST: Final = 20
"""Modifiers; each has a coefficient for every option and every attribute."""
_KNOTS: Final = 51
_FURTHEST: Final = 2.5
"""Standard deviations; further out is no more than this."""
_MOST_CATEGORIES: Final = 3
_RARE: Final = 0.02
"""What fewer rows than this share have says nothing that could be learned."""
_ROWS_AT_ONCE: Final = 4096
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


@dataclass(frozen=True, eq=False, slots=True)
class _Table:
    """All modifiers side by side, so that one lead costs hardly more than one modifier."""

    column: Ints
    mean: Floats
    sd: Floats
    category: Floats
    is_flag: Bools
    is_absent: Bools
    is_plain: Bools
    knots: Floats
    """Shape (n_modifiers, most knots + 1), filled up with infinity."""
    last: Ints
    """The index of each modifier's last knot."""

    @classmethod
    def of(cls, each: tuple[Modifier, ...]) -> _Table:
        """The table of some modifiers."""
        most = max((len(one.knots) for one in each), default=0)
        knots = np.full((len(each), max(most, 2) + 1), np.inf)
        for row, one in enumerate(each):
            knots[row, : len(one.knots)] = one.knots
        return cls(
            column=np.array([one.column for one in each], dtype=np.int64),
            mean=np.array([one.mean for one in each]),
            sd=np.array([one.sd for one in each]),
            category=np.array([np.nan if one.category is None else one.category for one in each]),
            is_flag=np.array([one.category is not None for one in each], dtype=np.bool_),
            is_absent=np.array([one.is_absent for one in each], dtype=np.bool_),
            is_plain=np.array([one.column < 0 for one in each], dtype=np.bool_),
            knots=knots,
            last=np.array([max(len(one.knots), 2) - 1 for one in each], dtype=np.int64),
        )

    def scaled(self, values: Floats) -> Floats:
        """Shape (n, n_modifiers), from the modifiers' columns."""
        raw = np.where(self.is_plain, values, self._ranks(values))
        raw = np.where(self.is_flag, values == self.category, raw)
        raw = np.where(self.is_absent, np.isnan(values), raw)
        scaled = np.clip((raw - self.mean) / self.sd, -_FURTHEST, _FURTHEST)
        scaled[np.isnan(scaled)] = 0.0
        return scaled

    def _ranks(self, values: Floats) -> Floats:
        """Between two knots a value is as far along as it is between them."""
        below = (self.knots <= values[:, :, None]).sum(axis=2) - 1
        below = np.clip(below, 0, self.last - 1)
        row = np.arange(len(self.knots))
        low, high = self.knots[row, below], self.knots[row, below + 1]
        with np.errstate(invalid="ignore"):
            along = np.clip((values - low) / (high - low), 0.0, 1.0)
        ranks: Floats = (below + along) / self.last
        return ranks


@dataclass(frozen=True)
class Modifiers:
    """The modifiers of a model, in order."""

    each: tuple[Modifier, ...] = ()

    def __len__(self) -> int:
        return len(self.each)

    @cached_property
    def _table(self) -> _Table:
        return _Table.of(self.each)

    def of(self, matrix: Floats, margin: Floats) -> Floats:
        """Shape (n, n_modifiers), from a model's matrix and the margins of its score."""
        found = np.empty((len(margin), len(self.each)))
        for start in range(0, len(margin) if self.each else 0, _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            with_margin = np.concatenate([matrix[part], margin[part, None]], axis=1)
            found[part] = self._table.scaled(with_margin[:, self._table.column])
        return found

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
                _keep(one, cls((one,)).of(matrix, margin)[:, 0], kept, values)
        del kept[MOST - 1 :], values[MOST - 1 :]
        sd = float(margin.std()) if len(margin) else 0.0
        if sd > 0:
            of_margin = Modifier(-1, "score", float(margin.mean()), sd)
            _keep(of_margin, cls((of_margin,)).of(matrix, margin)[:, 0], kept, values)
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
    holds: Bools,
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
