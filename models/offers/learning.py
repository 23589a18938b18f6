"""From decisions with one kind of outcome to the effects of the options on it.

What is expected of each lead, the modifiers, then the effects: the main path of learning from
decisions, on arrays. Where the options were not drawn at random, the chances that they were chosen
with must have been estimated before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from features.arrays import Bools, Floats, Ints
from models.offers.effects import EffectRows, OfferEffects, fit_effects, prior_effects
from models.offers.expected import Expected, Kind, expect, log_odds
from models.offers.modifiers import Modifiers
from models.offers.options import Options

__all__ = ["OutcomeEffects", "Tried", "expected_of", "learn_effects", "margin_of", "scale_of"]


_MODIFIERS: Final = 12
"""So many of the columns that tell most of the outcome, beside those that say who the lead is."""
_HEAVY_TAIL: Final = 0.99
"""Amounts beyond this quantile of those that are any are taken as it, to learn from."""
_POWERS: Final = (1.0, 1.5, 2.0)
"""Of the mean, that the variance of an amount may follow."""


@dataclass(frozen=True, eq=False, slots=True)
class Tried:
    """Decisions with what was known when they were taken, a row each.

    Parameters
    ----------
    matrix : shape (n, n_columns), the signals at the decision, NaN where absent.
    fit_columns : indices of the columns that say who the lead is: they come first as modifiers.
    position, lead, chosen : shape (n,).
    probability : shape (n, n_options), the chance of each option, 0 where it was not eligible.
    topic : shape (n, n_options), 1.0 where the option continued the lead's topic.
    reach : shape (n, n_options), the chance that an option reaches its lead once it is chosen.
    as_of : shape (n,), microseconds since the epoch.
    is_lot : shape (n,), whether it was drawn, and its chances are known.
    """

    matrix: Floats
    columns: tuple[str, ...]
    category_columns: list[int]
    fit_columns: list[int]
    position: Ints
    lead: Ints
    chosen: Ints
    probability: Floats
    topic: Floats
    reach: Floats
    as_of: Ints
    is_lot: Bools

    def __len__(self) -> int:
        return len(self.lead)

    def rows(self, keep: Bools) -> Tried:
        """Some of the decisions, by mask."""
        return Tried(
            self.matrix[keep],
            self.columns,
            self.category_columns,
            self.fit_columns,
            self.position[keep],
            self.lead[keep],
            self.chosen[keep],
            self.probability[keep],
            self.topic[keep],
            self.reach[keep],
            self.as_of[keep],
            self.is_lot[keep],
        )

    @property
    def by_lot(self) -> Bools:
        """Shape (n_options,): whether an option was possible where it was drawn by lot alone."""
        possible = self.probability > 0.0
        by_others = possible[~self.is_lot].any(axis=0)
        return np.asarray(possible.any(axis=0) & ~by_others, dtype=np.bool_)

    @property
    def contrast(self) -> Floats:
        """Shape (n, n_options): 1 where chosen, less the chance of it, as far as options reach.

        What does not reach its lead is no ask, and to choose it changes nothing. So the effect of a
        choice is that of what reaches times the chance that it does, and what is learned is the
        effect of the latter: the draw is an instrument for it (Imbens and Angrist 1994).
        """
        contrast = -self.probability
        contrast[np.arange(len(self)), self.chosen] += 1.0
        contrast *= self.reach
        contrast[:, -1] = -contrast[:, :-1].sum(axis=1)
        return contrast


@dataclass(frozen=True, eq=False)
class OutcomeEffects:
    """The effects of all options on one kind of outcome.

    Parameters
    ----------
    kind : a "share" has effects in log-odds, an "amount" in shares of what is expected.
    """

    kind: Kind
    modifiers: Modifiers
    effects: OfferEffects

    @classmethod
    def prior(
        cls, options: Options, kind: Kind = "share", *, has_offset: bool = False
    ) -> OutcomeEffects:
        """What is believed before any decision; beyond an offset where there is one."""
        return cls(kind, Modifiers(), prior_effects(options, has_offset=has_offset))

    def of(self, matrix: Floats, expected: Floats) -> Floats:
        """Shape (n, n_modifiers), of leads of whom so much is expected."""
        return self.modifiers.of(matrix, margin_of(expected, self.kind))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "kind": self.kind,
            "modifiers": self.modifiers.as_list(),
            "effects": self.effects.as_dict(),
        }

    @classmethod
    def of_dict(cls, held: dict[str, Any]) -> OutcomeEffects:
        """The reverse of `as_dict`."""
        kind: Kind = "amount" if held["kind"] == "amount" else "share"
        effects = OfferEffects.of_dict(held["effects"])
        return cls(kind, Modifiers.of_list(held["modifiers"]), effects)


def learn_effects(
    options: Options,
    tried: Tried,
    outcome: Floats,
    kind: Kind,
    *,
    offset: Floats | None = None,
    expected: Expected | None = None,
    seed: int = 7,
) -> tuple[OutcomeEffects, Expected]:
    """The effects on an outcome, and what is expected of the leads.

    Parameters
    ----------
    outcome : shape (n,): in [0, 1] for a "share", in the business's currency for an "amount".
    offset : shape (n, n_options), what tau is believed to be beforehand.
    expected : where it is at hand already.
    """
    if kind == "amount":
        outcome = _without_tail(outcome)
    expected = expected or expected_of(tried, outcome, kind, seed)
    margin = margin_of(expected.mean, kind)
    modifiers = _modifiers(tried, expected, margin)
    residual = outcome - expected.mean
    rows = EffectRows(
        contrast=tried.contrast,
        topic=tried.topic,
        modifiers=modifiers.of(tried.matrix, margin),
        residual=residual,
        scale=scale_of(expected.mean, kind),
        noise=_noise(expected.mean, residual, kind),
        offset=offset,
        when=tried.as_of,
        may_change=tried.by_lot,
    )
    return OutcomeEffects(kind, modifiers, fit_effects(options, rows, seed)), expected


def expected_of(tried: Tried, outcome: Floats, kind: Kind, seed: int = 7) -> Expected:
    """What is expected of each lead, cross-fitted."""
    return expect(
        tried.matrix,
        outcome,
        tried.lead,
        tried.position,
        tried.category_columns,
        kind,
        seed,
    )


def margin_of(expected: Floats, kind: Kind) -> Floats:
    """What is expected on the scale on which the score modifies effects."""
    return log_odds(expected) if kind == "share" else np.log(np.maximum(expected, 1e-9))


def scale_of(expected: Floats, kind: Kind) -> Floats:
    """What turns tau into the unit of the outcome."""
    return expected * (1.0 - expected) if kind == "share" else expected


def _without_tail(amount: Floats) -> Floats:
    """One very large order must not decide what is offered to everybody."""
    some = np.abs(amount[amount != 0])
    if not len(some):
        return amount
    # An amount that is there: between the two largest, the quantile of a few is the outlier's.
    most = np.quantile(some, _HEAVY_TAIL, method="lower")
    return np.clip(amount, -most, most)


def _modifiers(tried: Tried, expected: Expected, margin: Floats) -> Modifiers:
    """Who the lead is, then what tells most; none where nothing was told but the steps' rates."""
    if expected.learner is None:
        return Modifiers()
    importance = expected.importance(len(tried.columns))
    best = [int(at) for at in np.argsort(-importance, kind="stable") if importance[at] > 0]
    wanted = list(dict.fromkeys([*tried.fit_columns, *best[:_MODIFIERS]]))
    return Modifiers.learn(tried.matrix, margin, tried.columns, wanted, tried.category_columns)


def _noise(expected: Floats, residual: Floats, kind: Kind) -> Floats:
    """The variance of the residual: that of a coin, or the power of the mean that fits best."""
    if kind == "share":
        return expected * (1.0 - expected)
    fits = [_of_power(expected, residual, power) for power in _POWERS]
    return max(fits, key=lambda noise: _likelihood(residual, noise))


def _of_power(expected: Floats, residual: Floats, power: float) -> Floats:
    raised = expected**power
    level = float(np.mean(residual**2 / raised)) if len(raised) else 1.0
    return raised * max(level, 1e-12)


def _likelihood(residual: Floats, noise: Floats) -> float:
    return float(-0.5 * np.sum(np.log(noise) + residual**2 / noise))
