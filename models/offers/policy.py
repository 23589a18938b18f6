"""Policies: from what is believed of each option to the probability of choosing it.

A policy names what it would choose; `probabilities` mixes that with an even share for every option,
so that each is tried now and then and every later policy can be judged on the log. Nothing leaves
before it was checked to be a distribution with that floor.

What each factor of a policy is worth is found out by an experiment that has the policy without it
in an arm. Such a policy is for arms alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from features.arrays import Bools, Floats, Ints
from features.errors import PolicyError, did_you_mean
from features.ladder.ladder import PolicySettings
from models.offers.options import Options

__all__ = [
    "POLICIES",
    "POLICIES_WITHOUT",
    "Beliefs",
    "Policy",
    "choose",
    "harmless",
    "policy",
    "policy_to_serve",
    "probabilities",
    "uniform_number",
    "validated",
]


_SUM_WITHIN: Final = 1e-9
_FLOOR_WITHIN: Final = 1e-12
_NOTHING: Final = 1e-12
"""A difference of beliefs that is none."""
_SURE_SD: Final = 1e-12
"""Of a gain that is known: its sign alone says how sure it is."""


@dataclass(frozen=True, eq=False, slots=True)
class Beliefs:
    """What is believed of the options of some leads, a row a lead, a column an option.

    Parameters
    ----------
    eligible : which options there are; no ask is always among them, and nurture, but in the log of
        others.
    advance : P(the next step within its horizon | option).
    uplift_sd : the posterior standard deviation of what the option adds to that of no ask.
    uplift_draws : shape (n_draws, n, n_options), joint draws of the same.
    gain, gain_sd : what choosing the option adds to the value of no ask, costs taken off, in the
        business's currency; and its posterior standard deviation.
    gain_draws : shape (n_draws, n, n_options), joint draws of the same.
    topic : whether the option continues what the lead used last.
    is_active : shape (n,), whether the lead did anything in the last week.
    """

    options: Options
    eligible: Bools
    advance: Floats
    uplift_sd: Floats
    uplift_draws: Callable[[], Floats]
    gain: Floats
    gain_sd: Floats
    gain_draws: Callable[[], Floats]
    topic: Bools
    is_active: Bools


@dataclass(frozen=True, slots=True)
class Policy:
    """What chooses.

    Parameters
    ----------
    shares : gives the shares of the options, shape (n, n_options), before exploration; rows sum to
        1.
    is_guarded : whether it chooses, and explores, among what is believed harmless alone.
    weighs_value : False: what an option is worth is what it adds to the chance of the next step.
    explores : False: the even share of exploration is none.
    """

    shares: Callable[[Beliefs, PolicySettings], Floats]
    is_guarded: bool = False
    weighs_value: bool = True
    explores: bool = True

    def __call__(self, beliefs: Beliefs, settings: PolicySettings) -> Floats:
        """Its shares among the options that it may choose."""
        return self.shares(self.seen(beliefs), settings)

    def seen(self, beliefs: Beliefs) -> Beliefs:
        """The beliefs that it goes by, with the options that it may choose as the eligible ones."""
        if not self.weighs_value:
            beliefs = _without_value(beliefs)
        return replace(beliefs, eligible=harmless(beliefs)) if self.is_guarded else beliefs


def _without_value(beliefs: Beliefs) -> Beliefs:
    """With what an option adds to the chance of the next step in the place of its gain."""
    alone = beliefs.advance[:, [beliefs.options.no_ask]]
    return replace(
        beliefs,
        gain=beliefs.advance - alone,
        gain_sd=beliefs.uplift_sd,
        gain_draws=beliefs.uplift_draws,
    )


def harmless(beliefs: Beliefs) -> Bools:
    """Shape (n, n_options): the eligible options that are not believed worse than to ask nothing.

    Neither their chance of the next step nor their gain may be below that of no ask, which is
    always among them: what is advised never contradicts what is shown. Help with what was agreed
    is owed, whatever it costs.
    """
    options, no_ask = beliefs.options, beliefs.options.no_ask
    owed = options.is_support & options.is_for_now
    allowed = beliefs.eligible & ((beliefs.gain >= -_NOTHING) | owed)
    allowed &= beliefs.advance >= beliefs.advance[:, [no_ask]] - _NOTHING
    allowed[:, no_ask] = beliefs.eligible[:, no_ask]
    return allowed


def probabilities(which: Policy, beliefs: Beliefs, settings: PolicySettings) -> Floats:
    """Shape (n, n_options): what a policy chooses with, 0 for an option that it may not choose.

    Raises
    ------
    PolicyError : the policy gave what is no distribution over the options that it may choose.
    """
    seen = which.seen(beliefs)
    shares = which.shares(seen, settings)
    even = _even(seen.eligible)
    exploration = settings.exploration if which.explores else 0.0
    mixed = (1.0 - exploration) * shares + exploration * even
    return validated(mixed, seen.eligible, exploration)


def validated(mixed: Floats, eligible: Bools, exploration: float) -> Floats:
    """The same, if every row is a distribution over its eligible options that keeps the floor."""
    floor = exploration * _even(eligible)
    wrong = ~np.isfinite(mixed).all(axis=1)
    wrong |= np.abs(np.where(np.isfinite(mixed), mixed, 0.0).sum(axis=1) - 1.0) > _SUM_WITHIN
    wrong |= (mixed < floor - _FLOOR_WITHIN).any(axis=1)
    wrong |= ((mixed != 0.0) & ~eligible).any(axis=1)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise PolicyError(
            f"row {at}: {mixed[at].tolist()} is no distribution over the eligible options with the"
            f" floor {float(floor[at].max()):.4f}"
        )
    return mixed


def choose(shares: Floats, decision_id: str) -> int:
    """The option that a decision's id draws from a distribution: the same for the same id."""
    total = np.cumsum(shares)
    at = int(np.searchsorted(total, uniform_number(decision_id) * total[-1], side="right"))
    while at >= len(shares) or shares[at] == 0.0:  # the last bit of a sum may lie beyond the end
        at -= 1
    return at


def uniform_number(text: str) -> float:
    """A number in [0, 1) that follows from a text alone, evenly spread over texts."""
    digest = blake2b(text.encode(), digest_size=8).digest()
    return (int.from_bytes(digest) >> 11) / 2.0**53


def policy(name: str, options: Options) -> Policy:
    """The policy of a name: of POLICIES or POLICIES_WITHOUT, or `only:` and the id of an option.

    Raises
    ------
    PolicyError : there is none of that name.
    """
    if name in _NAMED:
        return _NAMED[name]
    kind, _, option_id = name.partition(":")
    if kind == "only" and option_id in options.ids:
        return Policy(partial(_only, options.ids.index(option_id)))
    known = [*_NAMED, *(f"only:{one}" for one in options.ids)]
    raise PolicyError(
        f"no policy {name!r}{did_you_mean(name, known)} (there are {', '.join(POLICIES)} and"
        f" only:OFFER; for an arm of an experiment {', '.join(POLICIES_WITHOUT)})"
    )


def policy_to_serve(name: str, options: Options) -> Policy:
    """The same, of those that may serve all leads.

    Raises
    ------
    PolicyError : there is none of that name, or it is for an arm of an experiment alone.
    """
    found = policy(name, options)
    if not found.weighs_value:
        raise PolicyError(
            f"the policy {name!r} goes by the next step, whatever that does to the purchase: it is"
            f" for an arm of an experiment; serve {name.partition(':')[0]!r}"
        )
    if not found.explores:
        raise PolicyError(
            f"the policy {name!r} tries nothing out, so that no later policy could be judged on"
            " what it did: it is for an arm of an experiment; serve"
            f" {name.partition(':')[0]!r}"
        )
    return found


# ------------------------------------------------------------------------------------- the policies


def learned(beliefs: Beliefs, settings: PolicySettings) -> Floats:
    """The option worth most down the ladder, if it is surely enough worth more than no ask.

    Otherwise the evidence does not separate the options, and the ladder's order decides, as the
    careful policy has it: to nurture whoever is in doubt loses more than it spares. It is what is
    chosen where it is as surely worth more than that; help with what is under way is owed.
    """
    options, eligible = beliefs.options, beliefs.eligible
    rows = np.arange(len(eligible))
    candidates = eligible.copy()
    candidates[:, [options.nurture, options.no_ask]] = False
    sure = ndtr(beliefs.gain / np.maximum(beliefs.gain_sd, _SURE_SD))
    candidates &= sure >= settings.certainty
    nurtured = np.where(eligible[:, options.nurture], beliefs.gain[:, options.nurture], 0.0)
    candidates &= beliefs.gain > nurtured[:, None]
    best = np.where(candidates, beliefs.gain, -np.inf).argmax(axis=1)
    in_order = careful(beliefs, settings).argmax(axis=1)
    ahead = nurtured - beliefs.gain[rows, in_order]
    # As if the two were independent; they are rather alike, so this asks for more than certainty.
    spread = np.hypot(beliefs.gain_sd[:, options.nurture], beliefs.gain_sd[rows, in_order])
    is_less = ndtr(ahead / np.maximum(spread, _SURE_SD)) >= settings.certainty
    is_less &= eligible[:, options.nurture] & ~(options.is_support & options.is_for_now)[in_order]
    in_order = np.where(is_less, options.nurture, in_order)
    return _one_each(np.where(candidates.any(axis=1), best, in_order), len(options))


def careful(beliefs: Beliefs, settings: PolicySettings) -> Floats:
    """The ladder's own order until the evidence separates the offers of the step.

    Whoever is active gets the lightest next ask that continues the topic, or one that is surely
    enough worth more; `certainty` says how sure. Where nothing is to be asked there is help: with
    what is under way, then with the step just taken, then something useful. Served, it chooses
    among what is believed harmless alone.
    """
    options = beliefs.options
    rows = np.arange(len(beliefs.eligible))
    asks = beliefs.eligible & options.is_ask & beliefs.is_active[:, None]
    first = _lightest(beliefs, asks)
    ahead = beliefs.gain - beliefs.gain[rows, first][:, None]
    # As if the two were independent; they are rather alike, so this asks for more than certainty.
    spread = np.hypot(beliefs.gain_sd, beliefs.gain_sd[rows, first][:, None])
    better = asks & (ndtr(ahead / np.maximum(spread, _SURE_SD)) >= settings.certainty)
    best = np.where(better, beliefs.gain, -np.inf).argmax(axis=1)
    ask = np.where(better.any(axis=1), best, first)
    help_ = beliefs.eligible & options.is_support
    gentle = np.where(help_.any(axis=1), _lightest(beliefs, help_), _gentlest(beliefs))
    return _one_each(np.where(asks.any(axis=1), ask, gentle), len(options))


def _lightest(beliefs: Beliefs, among: Bools) -> Ints:
    """Shape (n,): what is for just now first, then what continues the topic, then the lightest."""
    options = beliefs.options
    order = options.effort[None, :] - np.where(beliefs.topic, 1e6, 0.0)
    order = order - np.where(options.is_for_now, 1e7, 0.0)[None, :]
    lightest: Ints = np.where(among, order, np.inf).argmin(axis=1)
    return lightest


def rules(beliefs: Beliefs, settings: PolicySettings) -> Floats:  # noqa: ARG001 a policy's shape
    """The ladder's own order, without learning: whoever is active gets the lightest next ask.

    One that continues the topic goes before one that does not; whoever is quiet is nurtured.
    """
    options = beliefs.options
    asks = beliefs.eligible & options.is_ask & beliefs.is_active[:, None]
    lightest = _lightest(beliefs, asks)
    return _one_each(np.where(asks.any(axis=1), lightest, _gentlest(beliefs)), len(options))


def uniform(beliefs: Beliefs, settings: PolicySettings) -> Floats:  # noqa: ARG001 a policy's shape
    """Every eligible option alike: what learns most about all of them."""
    return _even(beliefs.eligible)


def greedy(beliefs: Beliefs, settings: PolicySettings) -> Floats:  # noqa: ARG001 a policy's shape
    """The likeliest next click, whatever it does to the purchase: a rival, not a recommendation."""
    best = np.where(beliefs.eligible, beliefs.advance, -np.inf).argmax(axis=1)
    return _one_each(best, len(beliefs.options))


def thompson(beliefs: Beliefs, settings: PolicySettings) -> Floats:  # noqa: ARG001 a policy's shape
    """Each option as often as it is worth most, as far as is known (Thompson 1933)."""
    draws = np.where(beliefs.eligible[None], beliefs.gain_draws(), -np.inf)
    best = draws.argmax(axis=2)
    counts = np.zeros(beliefs.eligible.shape)
    for drawn in best:
        counts[np.arange(len(counts)), drawn] += 1.0
    return counts / len(best)


def _only(
    option: int,
    beliefs: Beliefs,
    settings: PolicySettings,  # noqa: ARG001 a policy's shape
) -> Floats:
    """One option wherever it is eligible, else no ask."""
    there = beliefs.eligible[:, option]
    return _one_each(np.where(there, option, beliefs.options.no_ask), len(beliefs.options))


POLICIES: Final[dict[str, Policy]] = {
    "learned": Policy(learned, is_guarded=True),
    "careful": Policy(careful, is_guarded=True),
    "rules": Policy(rules),
    "uniform": Policy(uniform),
    "greedy": Policy(greedy),
    "thompson": Policy(thompson),
}
POLICIES_WITHOUT: Final[dict[str, Policy]] = {
    **{
        f"{name}:no_value": replace(POLICIES[name], weighs_value=False)
        for name in ("learned", "careful", "thompson")
    },
    **{
        f"{name}:no_exploration": replace(POLICIES[name], explores=False)
        for name in ("learned", "careful", "rules", "greedy")
    },
}
"""Those that have the factor, without it: arms of experiments that tell what it is worth.

To choose by the value is no factor of the ladder's order, of chance or of the likeliest step; and
what chance chooses is all exploration, as is a share of what Thompson's draws do.
"""
_NAMED: Final = {**POLICIES, **POLICIES_WITHOUT}


def _gentlest(beliefs: Beliefs) -> Ints:
    """Shape (n,): nurture, or no ask where a log did not know the other."""
    options = beliefs.options
    there = beliefs.eligible[:, options.nurture]
    return np.where(there, options.nurture, options.no_ask).astype(np.int64)


def _even(eligible: Bools) -> Floats:
    share: Floats = eligible / eligible.sum(axis=1, keepdims=True)
    return share


def _one_each(chosen: npt.NDArray[np.intp] | Ints, width: int) -> Floats:
    shares = np.zeros((len(chosen), width))
    shares[np.arange(len(chosen)), chosen] = 1.0
    return shares
