"""Hillstrom's e-mails and Starbucks' promotion as experiments, beside their published figures."""

from __future__ import annotations

from typing import Final

import numpy as np

from benchmarks.policies.trials import ARMS, Trial, hillstrom, promotion_trial
from benchmarks.tables import markdown
from models.judging.trials.comparison import Drawn, compared
from models.judging.trials.sample_ratio import sample_ratio
from models.judging.trials.shapes import ArmComparison

__all__ = ["run"]

_SEED: Final = 1
_WORTH: Final = 0.005
_PUBLISHED: Final = {
    ("visit", "Mens E-Mail"): 7.66,
    ("visit", "Womens E-Mail"): 4.52,
    ("conversion", "Mens E-Mail"): 0.681,
    ("conversion", "Womens E-Mail"): 0.311,
    ("purchase", "promoted"): 0.946,
}
"""Differences in percentage points, as DATA.md has them."""


def run() -> str:
    """Each arm beside its control, after all people, in an order by lot."""
    rows = []
    for outcome in ("visit", "conversion"):
        rows += _rows(outcome, hillstrom(ARMS, outcome), ARMS)
    rows += _rows("purchase", promotion_trial(), ("not promoted", "promoted"))
    figures = ["people", "Rung, 95 % at every look", "published", "decided after", "times as many"]
    return markdown(["experiment", *figures], rows)


def _rows(outcome: str, trial: Trial, arms: tuple[str, ...]) -> list[list[str]]:
    order = np.random.default_rng(_SEED).permutation(len(trial))
    trial = trial.rows(order)
    share = np.full((len(trial), trial.arms), 1.0 / trial.arms)
    drawn = Drawn(
        arm=trial.arm,
        share=share,
        reached=trial.outcome > 0,
        is_mature=np.ones(len(trial), dtype=np.bool_),
        known=trial.matrix,
    )
    lot = sample_ratio(trial.arm, share)
    return [_row(outcome, one, lot.alarm is not None) for one in compared(drawn, arms, 0, _WORTH)]


def _row(outcome: str, one: ArmComparison, is_off: bool) -> list[str]:
    effect, ratio = one["effect"], one["ratio"]
    value, high = effect["value"] or 0.0, effect["high"] or 0.0
    decided = "not yet" if one["decided_after"] is None else f"{one['decided_after']:,}"
    top = "" if ratio["high"] is None else f"{ratio['high']:.2f}"
    lot = " (arms off)" if is_off else ""
    return [
        f"{one['arm']}, {outcome}{lot}",
        f"{one['leads']:,}",
        f"{100 * value:+.2f} ({100 * effect['low']:+.2f} to {100 * high:+.2f})",
        f"{_PUBLISHED[outcome, one['arm']]:+.2f}",
        decided,
        f"{ratio['value'] or 0.0:.2f} ({ratio['low']:.2f} to {top})",
    ]
