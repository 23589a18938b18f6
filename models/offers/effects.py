"""What an offer changes, against no ask: a hierarchical Bayesian R-learner.

With m(x) what is expected of a lead whatever is done, and e_a(x) the chance that option a is
chosen, the outcome of a decision is

    y - m(x) = sum over a of (1[a chosen] - e_a(x)) scale(x) tau_a(x) + noise

(Robinson 1988; Nie and Wager 2021). Errors in m and e matter only multiplied by each other. The
effect of an option is linear in a few modifiers h = (1, topic, z) of the lead,

    tau_a(x) = attributes_a (g + G z) + topic_a t + u_a + b_a z

so options share what their attributes say, and keep what is their own as far as the data carry it:
the variances of u, G and b are found by marginal likelihood (empirical Bayes, Efron and Morris
1973). `scale` is m(1 - m) for a yes-or-no outcome, which makes tau a change of log-odds, and m for
an amount, which makes it a share. The posterior is exact given the variances; its intervals are
those of a linear model, conditional on the adjustment being enough where nothing was randomised.
An effect is that of now: where the data say that it has changed, what it was before is a parameter
of its own (`models.offers.changes`). Of what was only observed this is told, and not believed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular
from threadpoolctl import threadpool_limits

from features.arrays import Bools, Floats, Ints
from models.offers.changes import (
    SIZE,
    EffectChange,
    FoundChange,
    Gram,
    InSpans,
    ObservedChange,
    ends_of_spans,
    grown,
    looked_for,
    span_of,
)
from models.offers.options import TOPIC, Options

__all__ = ["EffectRows", "OfferEffects", "fit_effects", "prior_effects"]


_USUAL_SD: Final = np.array([0.2, 0.08, 0.08])
"""Where the standard deviations of u, G and b are looked for, ..."""
_SD_SPREAD: Final = 0.8
"""... and how far from it, in logarithms, before data say otherwise."""
_LEAST_SD, _MOST_SD = 1e-3, 1.5
"""Their bounds: where the expected outcome is far off, no evidence must buy effects without end."""
REST: Final = 0.5
"""The prior's standard deviations of attributes, where they say how far an offset is wrong."""
_DRAWS: Final = 64
_CHUNK: Final = 20_000
_ROWS_AT_ONCE: Final = 128
"""Rows whose deviations are worked out at once: their products fit into the processor's cache."""
_TOPIC: Final = 1
"""The place of topic among h = (1, topic, z)."""


@dataclass(frozen=True, eq=False, slots=True)
class EffectRows:
    """Decisions with what came of them.

    Parameters
    ----------
    contrast : shape (n, n_options), 1 where chosen, less the chance of being chosen; 0 where the
        option was not eligible. Rows sum to 0.
    topic : shape (n, n_options), 1.0 where the option continues the lead's topic.
    modifiers : shape (n, n_modifiers).
    residual : shape (n,), the outcome less what was expected of the lead.
    scale, noise : shape (n,), what turns tau into the outcome's unit; the residual's variance.
    offset : shape (n, n_options), what tau is expected to be beforehand; the fit is about the rest,
        of which nothing is expected on average.
    when : shape (n,), microseconds since the epoch; without it no effect is asked whether it has
        changed.
    may_change : shape (n_options,), whose is, as it was drawn by lot; None is everyone's. Of the
        others it is told alone.
    """

    contrast: Floats
    topic: Floats
    modifiers: Floats
    residual: Floats
    scale: Floats
    noise: Floats
    offset: Floats | None = None
    when: Ints | None = None
    may_change: Bools | None = None

    def __len__(self) -> int:
        return len(self.residual)


class _Quadratic(NamedTuple):
    """The covariances of all options as what they weigh: products of f = (1, z), and topic.

    Parameters
    ----------
    first, second : shape (n_pairs,), the members of f that are multiplied with each other.
    of_products : shape (n_pairs, n_options - 1).
    of_topic : shape (1 + n_modifiers, n_options - 1), what f times topic weighs.
    of_topic_twice : shape (n_options - 1,), what topic times topic weighs.
    """

    first: npt.NDArray[np.intp]
    second: npt.NDArray[np.intp]
    of_products: Floats
    of_topic: Floats
    of_topic_twice: Floats


@dataclass(frozen=True, eq=False)
class OfferEffects:
    """The posterior of tau for every option but the last, no ask, which is the zero.

    Parameters
    ----------
    mean : shape (n_options - 1, 2 + n_modifiers), coefficients of (1, topic, z).
    covariance : shape (n_options - 1, 2 + n_modifiers, 2 + n_modifiers).
    draws : shape (n_draws, n_options - 1, 2 + n_modifiers), joint draws, for questions about
        several options at once.
    deviations : the standard deviations that were found for u, G and b.
    shared, shared_draws : shape (n_shared,) and (n_draws, n_shared), the posterior mean of what
        all options share, g, t and G, and the same draws of it: what is known of one that is new.
    changes : what options did before, where it was not what they do now; one each at most.
    contradicted : of what was only observed, where what was seen lately contradicts all this. It
        is told when it is learned; a bundle does not keep it, as nothing follows from it.
    """

    mean: Floats
    covariance: Floats
    draws: Floats
    deviations: tuple[float, float, float]
    shared: Floats
    shared_draws: Floats
    changes: tuple[EffectChange, ...] = ()
    contradicted: tuple[ObservedChange, ...] = ()

    def tau(self, topic: Floats, modifiers: Floats) -> Floats:
        """Shape (n, n_options): posterior means; `topic` has that shape, 0 for no ask."""
        n, m = topic.shape[0], self.mean
        tau = np.zeros((n, len(m) + 1))
        tau[:, :-1] = m[:, 0] + topic[:, :-1] * m[:, 1] + modifiers @ m[:, 2:].T
        return tau

    def tau_at(self, when: Ints, topic: Floats, modifiers: Floats) -> Floats:
        """As `tau`, what each option did at some instants, shape (n,), of the time learned from."""
        tau = self.tau(topic, modifiers)
        for change in self.changes:
            tau[:, change.option] += change.at(when)
        return tau

    def deviation(self, topic: Floats, modifiers: Floats) -> Floats:
        """Shape (n, n_options): posterior standard deviations of tau."""
        found = np.zeros(topic.shape)
        for start in range(0, len(topic), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            variance = self._variance(topic[part, :-1], modifiers[part])
            found[part, :-1] = np.sqrt(np.maximum(variance, 0.0))
        return found

    def _variance(self, topic: Floats, modifiers: Floats) -> Floats:
        """Shape (n, n_options - 1): h' C h with h = (1, topic, z), C an option's covariance.

        Options differ in their topic alone. The products of the others, f = (1, z), are the same
        for all, and one matrix product weighs them; what has topic in it is added.
        """
        quadratic = self._quadratic
        f = np.concatenate([np.ones((len(modifiers), 1)), modifiers], axis=1)
        products = f[:, quadratic.first] * f[:, quadratic.second]
        of_topic = f @ quadratic.of_topic + topic * quadratic.of_topic_twice
        variance: Floats = products @ quadratic.of_products + topic * of_topic
        return variance

    @cached_property
    def _quadratic(self) -> _Quadratic:
        covariance = self.covariance
        rest = np.delete(np.arange(covariance.shape[1]), _TOPIC)
        first, second = np.triu_indices(len(rest))
        weight = np.where(first == second, 1.0, 2.0)
        return _Quadratic(
            first,
            second,
            (covariance[:, rest[first], rest[second]] * weight).T,
            2.0 * covariance[:, _TOPIC, rest].T,
            covariance[:, _TOPIC, _TOPIC],
        )

    def drawn(self, topic: Floats, modifiers: Floats) -> Floats:
        """Shape (n_draws, n, n_options): joint draws of tau."""
        d = self.draws
        drawn = np.zeros((len(d), *topic.shape))
        drawn[:, :, :-1] = (
            d[:, None, :, 0]
            + topic[None, :, :-1] * d[:, None, :, 1]
            + np.einsum("nz,soz->sno", modifiers, d[:, :, 2:])
        )
        return drawn

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        changes = [one.as_dict() for one in self.changes]
        return {
            "mean": self.mean.tolist(),
            "covariance": self.covariance.tolist(),
            "draws": self.draws.tolist(),
            "deviations": list(self.deviations),
            "shared": self.shared.tolist(),
            "shared_draws": self.shared_draws.tolist(),
            **({"changes": changes} if changes else {}),
        }

    @classmethod
    def of_dict(cls, held: dict[str, Any]) -> OfferEffects:
        """The reverse of `as_dict`."""
        first, second, third = held["deviations"]
        return cls(
            np.array(held["mean"], dtype=np.float64),
            np.array(held["covariance"], dtype=np.float64),
            np.array(held["draws"], dtype=np.float64),
            (float(first), float(second), float(third)),
            np.array(held["shared"], dtype=np.float64),
            np.array(held["shared_draws"], dtype=np.float64),
            tuple(EffectChange.of_dict(one) for one in held.get("changes", [])),
        )


@dataclass(frozen=True, eq=False, slots=True)
class _Layout:
    """Where each part of the parameter vector stands: g and t, u, G, b."""

    options: int
    attributes: int
    modifiers: int
    is_rest: bool = False

    @property
    def group(self) -> Ints:
        """Shape (n_parameters,): 0 for g and t, then 1, 2, 3 for u, G, b."""
        q, k, d = self.attributes, self.options, self.modifiers
        return np.repeat([0, 1, 2, 3], [q + 1, k, q * d, k * d])

    @property
    def shared(self) -> Ints:
        """The places of g, t and G."""
        group = self.group
        first = np.arange(len(group)) <= self.attributes
        return np.flatnonzero(first | (group == 2))

    def reduced(self, options: Options) -> Floats:
        """Shape (k, 2 + d, n_parameters): from parameters to coefficients of (1, topic, z)."""
        q, k, d = self.attributes, self.options, self.modifiers
        to = np.zeros((k, 2 + d, len(self.group)))
        first = q + 1 + k
        for at in range(k):
            to[at, 0, :q] = options.values[at]
            to[at, 1, q] = 1.0
            to[at, 0, q + 1 + at] = 1.0
            for z in range(d):
                to[at, 2 + z, first + z * q : first + (z + 1) * q] = options.values[at]
                to[at, 2 + z, first + q * d + z * k + at] = 1.0
        return to

    def rows(self, weight: Floats, topic: Floats, modifiers: Floats, options: Options) -> Floats:
        """Shape (n, n_parameters), from weights of shape (n, k)."""
        shared = weight @ options.values[:-1]
        parts = [shared, (weight * topic).sum(axis=1, keepdims=True), weight]
        parts += [shared * modifiers[:, [z]] for z in range(self.modifiers)]
        parts += [weight * modifiers[:, [z]] for z in range(self.modifiers)]
        return np.concatenate(parts, axis=1)


def fit_effects(options: Options, rows: EffectRows, seed: int = 7) -> OfferEffects:
    """The posterior after decisions; without any it is the prior.

    Deterministic: the draws come from `seed`. Those of a rest are others than those of what it is
    the rest of, so that the two can be added.
    """
    is_rest = rows.offset is not None
    layout = _Layout(len(options) - 1, options.values.shape[1], rows.modifiers.shape[1], is_rest)
    mean = np.zeros(len(layout.group)) if is_rest else _prior_mean(layout, options)
    ends = ends_of_spans(rows.when)
    # The matrices are small: where another process has a core, a second thread only waits for it.
    with threadpool_limits(1):
        gram, spans = seen = _grams(layout, options, rows, mean, ends)
        logs = _found_deviations(layout, options, gram) if len(rows) else np.log(_USUAL_SD)
        precision = _precision(layout, options, logs)
        lots, others = _candidates(rows, options)
        found = looked_for(gram, spans, precision, lots, _size(layout))
        if found:  # what was taken for a spread of options may have been a change
            gram = grown(gram, spans, found)
            logs = _found_deviations(layout, options, gram, len(found))
            precision = _precision(layout, options, logs, len(found))
        factor = cho_factor(gram.matrix + np.diag(precision), lower=True)
        parameters = cho_solve(factor, gram.vector)
        parameters[: len(mean)] += mean
        covariance = cho_solve(factor, np.eye(len(parameters)))
        usual = precision[: len(mean)]
        observed = looked_for(*seen, usual, others, _size(layout), known=found)
        contradicted = _contradicted(layout, options, seen, mean, ends, logs, found, observed)
    to = layout.reduced(options)
    now = covariance[: len(mean), : len(mean)]
    steps = np.random.default_rng(seed + is_rest).standard_normal((_DRAWS, len(mean)))
    lower = cholesky(now + 1e-12 * np.eye(len(mean)), lower=True)
    drawn = parameters[: len(mean)] + steps @ lower.T
    u, g, b = np.exp(logs)
    shared = layout.shared
    return OfferEffects(
        mean=_short(to @ parameters[: len(mean)]),
        covariance=_short(np.einsum("kip,pq,kjq->kij", to, now, to, optimize=True)),
        draws=_short(np.einsum("kip,sp->ski", to, drawn, optimize=True)),
        deviations=(float(u), float(g), float(b)),
        shared=_short(parameters[shared]),
        shared_draws=_short(drawn[:, shared]),
        changes=_changes(ends, found, _short(parameters[len(mean) :])),
        contradicted=contradicted,
    )


def _changes(
    ends: tuple[int, ...], found: list[FoundChange], sizes: Floats
) -> tuple[EffectChange, ...]:
    """What changed of each option, in the order of the options."""
    if not found:
        return ()
    options, shapes = (np.array(each) for each in zip(*found, strict=True))
    added = _short((options * sizes[:, None]).T @ shapes[:, :-1])
    changed = np.flatnonzero(options.any(axis=0)).tolist()
    return tuple(EffectChange(option, ends, tuple(added[option].tolist())) for option in changed)


def _contradicted(
    layout: _Layout,
    options: Options,
    seen: tuple[Gram, InSpans],
    mean: Floats,
    ends: tuple[int, ...],
    logs: Floats,
    found: list[FoundChange],
    observed: list[FoundChange],
) -> tuple[ObservedChange, ...]:
    """What options that were only observed do now and did before, were their changes believed."""
    if not observed:
        return ()
    gram = grown(*seen, [*found, *observed])
    precision = _precision(layout, options, logs, len(found) + len(observed))
    factor = cho_factor(gram.matrix + np.diag(precision), lower=True)
    parameters = cho_solve(factor, gram.vector)
    lately = _short(layout.reduced(options)[:, 0] @ (parameters[: len(mean)] + mean))
    changes = _changes(ends, observed, _short(parameters[len(mean) + len(found) :]))
    return tuple(ObservedChange(one, float(lately[one.option])) for one in changes)


def _candidates(rows: EffectRows, options: Options) -> tuple[Floats, Floats]:
    """Shapes (n, k): each option that was drawn by lot, and all asks of them; and the others."""
    by_lot = np.ones(len(options), dtype=np.bool_) if rows.may_change is None else rows.may_change
    return _each_and_asks(options, by_lot), _each_and_asks(options, ~by_lot)


def _each_and_asks(options: Options, some: Bools) -> Floats:
    each = np.eye(len(options) - 1)[some[:-1]]
    asks = (some & options.is_ask)[:-1]
    return np.concatenate([each, asks[None]]) if asks.sum() > 1 else each


def _size(layout: _Layout) -> float:
    return SIZE * (REST if layout.is_rest else 1.0)


def _short(values: Floats) -> Floats:
    """Six digits: more mean nothing here, and a bundle keeps all of them as text."""
    size = np.where(values == 0, 1.0, np.abs(values))
    unit = 10.0 ** (np.floor(np.log10(size)) - 5)
    # Dividing by 10^-x is exact where multiplying by 10^x would leave a tail of digits.
    return np.asarray(np.round(values / unit) * unit, dtype=np.float64).round(12)


def prior_effects(
    options: Options, modifiers: int = 0, *, has_offset: bool = False
) -> OfferEffects:
    """What is believed before any decision; of the rest of tau where there is an offset."""
    k = len(options)
    nothing = np.empty((0, k))
    none = np.empty(0)
    z = np.empty((0, modifiers))
    rows = EffectRows(nothing, nothing, z, none, none, none, nothing if has_offset else None)
    return fit_effects(options, rows)


def _prior_mean(layout: _Layout, options: Options) -> Floats:
    mean = np.zeros(len(layout.group))
    mean[: layout.attributes] = [one.mean for one in options.attributes]
    mean[layout.attributes] = TOPIC.mean
    return mean


def _grams(
    layout: _Layout, options: Options, rows: EffectRows, mean: Floats, ends: tuple[int, ...]
) -> tuple[Gram, InSpans]:
    """The normal equations for what lies beyond the prior mean, and their part in each span."""
    own = np.flatnonzero(layout.group == 1)
    whole = Gram(np.zeros((len(mean), len(mean))), np.zeros(len(mean)))
    crossed, pulled = [], []
    span = np.zeros(len(rows), dtype=np.int64)
    if rows.when is not None:
        span = span_of(ends, rows.when)
    for at in range(len(ends) + 1):
        gram = _gram(layout, options, rows, mean, np.flatnonzero(span == at))
        whole = Gram(whole.matrix + gram.matrix, whole.vector + gram.vector)
        crossed.append(gram.matrix[own])
        pulled.append(gram.vector[own])
    return whole, InSpans(np.array(crossed), np.array(pulled), own)


def _gram(layout: _Layout, options: Options, rows: EffectRows, mean: Floats, which: Ints) -> Gram:
    """The same of some rows, in chunks."""
    matrix, vector = np.zeros((len(mean), len(mean))), np.zeros(len(mean))
    for start in range(0, len(which), _CHUNK):
        part = which[start : start + _CHUNK]
        weight = rows.contrast[part, :-1] * (rows.scale[part] / np.sqrt(rows.noise[part]))[:, None]
        design = layout.rows(weight, rows.topic[part, :-1], rows.modifiers[part], options)
        residual = rows.residual[part] / np.sqrt(rows.noise[part]) - design @ mean
        if rows.offset is not None:
            residual -= (weight * rows.offset[part, :-1]).sum(axis=1)
        matrix += design.T @ design
        vector += design.T @ residual
    return Gram(matrix, vector)


def _precision(layout: _Layout, options: Options, logs: Floats, changes: int = 0) -> Floats:
    """Shape (n_parameters,): the prior's precision, for standard deviations exp(logs).

    Sizes of changes are parameters after all others.
    """
    sd = np.exp(logs)[np.maximum(layout.group - 1, 0)]
    sd[: layout.attributes] = [one.sd for one in options.attributes]
    sd[layout.attributes] = TOPIC.sd
    sd[: layout.attributes + 1] *= REST if layout.is_rest else 1.0
    sd = np.concatenate([sd, np.full(changes, _size(layout))])
    return np.asarray(sd**-2.0, dtype=np.float64)


def _found_deviations(layout: _Layout, options: Options, gram: Gram, changes: int = 0) -> Floats:
    """The logarithms of the standard deviations with the largest posterior."""
    from scipy.optimize import minimize  # fitting alone needs it: serving starts without

    usual = np.log(_USUAL_SD)

    def loss(logs: Floats) -> float:
        precision = _precision(layout, options, logs, changes)
        lower = cholesky(gram.matrix + np.diag(precision), lower=True)
        explained = solve_triangular(lower, gram.vector, lower=True)
        evidence = 0.5 * float(explained @ explained) - float(np.log(np.diag(lower)).sum())
        evidence += 0.5 * float(np.log(precision).sum())
        return -evidence + 0.5 * float((((logs - usual) / _SD_SPREAD) ** 2).sum())

    found = minimize(
        loss,
        usual,
        method="Nelder-Mead",
        bounds=[(np.log(_LEAST_SD), np.log(_MOST_SD))] * len(usual),
        options={"maxiter": 60, "xatol": 0.05, "fatol": 0.05},
    )
    return np.asarray(found.x, dtype=np.float64)
