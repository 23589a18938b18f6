"""How sure a figure is, where several rows belong to one lead: pure functions on arrays.

Several rows of one lead are no independent evidence. Standard errors resample whole leads, and an
interval of a rate counts rows by what they are worth (`design_effect`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot
from typing import Final, overload

import numpy as np
import numpy.typing as npt

from features.arrays import Floats, Ints

__all__ = [
    "LeadWeights",
    "design_effect",
    "lead_weights",
    "newcombe",
    "standard_error",
    "wilson",
]

_DRAWS: Final = 200
_FEWEST_DRAWS: Final = 20


@overload
def wilson(successes: float, n: float, z: float = 1.96) -> tuple[float, float]: ...


@overload
def wilson(successes: Floats, n: Floats, z: float = 1.96) -> tuple[Floats, Floats]: ...


def wilson(
    successes: float | Floats, n: float | Floats, z: float = 1.96
) -> tuple[float | Floats, float | Floats]:
    """Wilson's score interval of a rate, in [0, 1] (Wilson 1927); z = 1.96 is 95 %.

    `n` may be an effective number of rows and need not be whole. Without rows it is (0, 1).
    """
    safe = np.maximum(n, 1e-9)
    rate = successes / safe
    middle = (rate + z**2 / (2 * safe)) / (1 + z**2 / safe)
    half = z / (1 + z**2 / safe) * np.sqrt(rate * (1 - rate) / safe + z**2 / (4 * safe**2))
    low = np.clip(middle - half, 0.0, rate)  # rounding must not put the rate outside
    high = np.clip(middle + half, rate, 1.0)
    return (low, high) if isinstance(n, np.ndarray) else (float(low), float(high))


def newcombe(
    one: tuple[float, float, float], other: tuple[float, float, float]
) -> tuple[float, float, float]:
    """The difference of two independent rates with its interval, by the hybrid score (1998).

    Each is a rate with its low and high end; the level is that of the ends.
    """
    (rate, low, high), (other_rate, other_low, other_high) = one, other
    value = rate - other_rate
    down, up = (
        hypot(rate - low, other_high - other_rate),
        hypot(high - rate, other_rate - other_low),
    )
    return value, value - down, value + up


def design_effect(happened: Floats, lead: Ints, group: Ints, weight: Floats | None = None) -> float:
    """How many rows are worth one independent row, at least 1 (Kish 1965).

    `weight`, shape (n,), is what a row counts, and is worth less the more it varies.

    The variance of a group's rate, with the rows of a lead kept together, over what it would be
    with independent rows; over all groups at once, since one group has too few leads to tell.
    """
    if len(happened) == 0:
        return 1.0
    counts = np.ones(len(happened)) if weight is None else weight
    total = np.maximum(np.bincount(group, counts), 1e-12)
    rate = np.bincount(group, counts * happened) / total
    residual = happened - rate[group]
    _, cluster = np.unique(np.stack([group, lead]), axis=1, return_inverse=True)
    together = (np.bincount(cluster.ravel(), counts * residual) ** 2).sum()
    alone = (counts * residual**2).sum() * counts.mean()
    return max(1.0, float(together / alone)) if alone > 0 else 1.0


@dataclass(frozen=True, eq=False, slots=True)
class LeadWeights:
    """How often each lead was drawn in each resampling (Poisson bootstrap of clusters).

    Parameters
    ----------
    cluster : shape (n,), the lead of each row as 0, 1, 2, ...
    draws : shape (n_draws, n_leads).
    """

    cluster: Ints
    draws: npt.NDArray[np.uint8]


def lead_weights(lead: Ints, seed: int, draws: int = _DRAWS) -> LeadWeights:
    """Resamplings of whole leads (Chamandy et al. 2012). The same seed pairs two models' draws."""
    leads, cluster = np.unique(lead, return_inverse=True)
    rng = np.random.default_rng(seed)
    return LeadWeights(cluster, rng.poisson(1.0, (draws, len(leads))).astype(np.uint8))


def standard_error(draws: Floats) -> float | None:
    """The spread of a figure over resamplings; of a difference, over the differences of draws.

    None where fewer than 20 resamplings have a figure.
    """
    finite = draws[np.isfinite(draws)]
    return float(finite.std(ddof=1)) if len(finite) >= _FEWEST_DRAWS else None
