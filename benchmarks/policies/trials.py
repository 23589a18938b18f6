"""Two public trials, a row a person: Hillstrom's e-mails and Starbucks' promotion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from benchmarks.public_data import read_csv
from features.arrays import Bools, Floats, Ints

__all__ = ["ARMS", "HILLSTROM_COLUMNS", "Trial", "hillstrom", "promotion_trial"]


ARMS: Final = ("No E-Mail", "Mens E-Mail", "Womens E-Mail")


@dataclass(frozen=True, eq=False, slots=True)
class Trial:
    """A randomised trial, a row a person.

    Parameters
    ----------
    matrix : shape (n, n_columns), what was known before.
    category_columns : of `matrix`.
    arm : shape (n,), in [0, arms); 0 is the control.
    outcome : shape (n,).
    arms : each was drawn with a chance of 1 / `arms`.
    """

    matrix: Floats
    columns: tuple[str, ...]
    category_columns: list[int]
    arm: Ints
    outcome: Floats
    arms: int

    def __len__(self) -> int:
        return len(self.arm)

    def rows(self, keep: Ints | Bools) -> Trial:
        """Some of the people."""
        return Trial(
            self.matrix[keep],
            self.columns,
            self.category_columns,
            self.arm[keep],
            self.outcome[keep],
            self.arms,
        )

    def halves(self, seed: int) -> tuple[Trial, Trial]:
        """One half to learn from, the other to judge on."""
        train, test = train_test_split(np.arange(len(self)), test_size=0.5, random_state=seed)
        return self.rows(train), self.rows(test)


HILLSTROM_COLUMNS: Final = (
    "recency", "history", "mens", "womens", "newbie", "zip_code", "channel", "history_segment",
)  # fmt: skip


_CATEGORIES: Final = [5, 6]


@lru_cache
def _customers() -> pd.DataFrame:
    return read_csv("hillstrom.csv.gz")


def hillstrom(arms: Sequence[str], outcome: str) -> Trial:
    """The customers of some arms, the control first; `outcome` is a column: visit or spend."""
    customers = _customers()
    customers = customers[customers["segment"].isin(arms)]
    known = customers[list(HILLSTROM_COLUMNS)].copy()
    for text in ("zip_code", "channel"):
        known[text] = pd.Categorical(known[text], sorted(set(known[text]))).codes
    known["history_segment"] = known["history_segment"].str[0].astype(int)
    return Trial(
        matrix=known.to_numpy(dtype=np.float64),
        columns=HILLSTROM_COLUMNS,
        category_columns=_CATEGORIES,
        arm=customers["segment"].map(list(arms).index).to_numpy(dtype=np.int64),
        outcome=customers[outcome].to_numpy(dtype=np.float64),
        arms=len(arms),
    )


def promotion_trial() -> Trial:
    """Promoted to or not, and whether the product was bought."""
    people = read_csv("starbucks_promo_train.csv.gz")
    columns = tuple(f"V{at}" for at in range(1, 8))
    return Trial(
        matrix=people[list(columns)].to_numpy(dtype=np.float64),
        columns=columns,
        category_columns=[],
        arm=(people["Promotion"] == "Yes").to_numpy().astype(np.int64),
        outcome=people["purchase"].to_numpy(dtype=np.float64),
        arms=2,
    )
