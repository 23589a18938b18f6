"""What was learned of offers, told of a catalogue that has changed since.

What was learned stays with an offer's id. One that was edited moves by what its changed attributes
are worth; one that is new starts from its attributes, with the spread that options of its kind have
among themselves. Nothing is learned here.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b
from typing import Final

import numpy as np

from features.arrays import Floats
from models.offers.effects import OfferEffects
from models.offers.options import Options

__all__ = ["columns_of", "projected"]

_SAME: Final = 1e-12


def columns_of(options: Options, learned: Options) -> list[int | None]:
    """The place of each option among those that were learned of; None for one that is new."""
    place = {name: at for at, name in enumerate(learned.ids)}
    return [place.get(name) for name in options.ids]


def projected(effects: OfferEffects, learned: Options, options: Options) -> OfferEffects:
    """The effects of a catalogue's options, by what was learned of another's.

    Parameters
    ----------
    learned : the options that the effects are of.
    options : of the new catalogue, told by the attributes of `learned`.
    """
    places = columns_of(options, learned)[:-1]  # no ask is the zero
    each = [_of_option(effects, learned, options, at, was) for at, was in enumerate(places)]
    return OfferEffects(
        mean=np.array([mean for mean, _, _ in each]),
        covariance=np.array([covariance for _, covariance, _ in each]),
        draws=np.stack([draws for _, _, draws in each], axis=1),
        deviations=effects.deviations,
        shared=effects.shared,
        shared_draws=effects.shared_draws,
        changes=tuple(
            replace(one, option=places.index(one.option))
            for one in effects.changes
            if one.option in places
        ),
    )


def _of_option(
    effects: OfferEffects, learned: Options, options: Options, at: int, was: int | None
) -> tuple[Floats, Floats, Floats]:
    """The mean, covariance and draws of one option's coefficients."""
    if was is None:
        return _new(effects, options.ids[at], options.values[at])
    mean, covariance, draws = effects.mean[was], effects.covariance[was], effects.draws[:, was]
    changed = options.values[at] - learned.values[was]
    if np.abs(changed).max(initial=0.0) <= _SAME:
        return mean, covariance, draws
    moved = draws + _by_attributes(effects.shared_draws, changed, mean.shape[0], topic=0.0)
    by = _by_attributes(effects.shared[None], changed, mean.shape[0], topic=0.0)[0]
    return mean + by, np.cov(moved, rowvar=False), moved


def _new(effects: OfferEffects, option_id: str, values: Floats) -> tuple[Floats, Floats, Floats]:
    """An option of which nothing was learned but what its attributes share with others."""
    width = effects.mean.shape[1]
    known = _by_attributes(effects.shared_draws, values, width, topic=1.0)
    u, _, b = effects.deviations
    own = np.array([u, 0.0, *[b] * (width - 2)])
    seed = int.from_bytes(blake2b(option_id.encode(), digest_size=8).digest())
    draws = known + own * np.random.default_rng(seed).standard_normal(known.shape)
    mean = _by_attributes(effects.shared[None], values, width, topic=1.0)[0]
    return mean, np.cov(known, rowvar=False) + np.diag(own**2), draws


def _by_attributes(shared: Floats, values: Floats, width: int, *, topic: float) -> Floats:
    """Shape (n, width): coefficients of (1, topic, z) that follow from attributes alone.

    Parameters
    ----------
    shared : shape (n, n_shared), values of g, t and G, G modifier by modifier.
    """
    count = len(values)
    g, t = shared[:, :count], shared[:, count]
    by_modifier = shared[:, count + 1 :].reshape(len(shared), width - 2, count)
    return np.column_stack([g @ values, topic * t, by_modifier @ values])
