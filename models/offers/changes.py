"""Whether what an offer does has changed on the way: it wore out, say, or turned good.

The posterior of `models.offers.effects` is about one tau for all time. Here time is cut into spans
of as many decisions each, and tau of an option in an earlier span may be another than in the last:

    tau in span s = tau now + the sum over changes j of the option of shape_j(s) size_j

A shape is 1 until the end of some span and 0 from there on, or falls evenly from 1 to 0 over all of
them. Each option is asked by itself, and all asks together. A change is believed where the outcomes
are 20 times as likely with one (all of its shapes counted alike) as without. By Markov's inequality
that comes by chance for at most one in 20 that do not change, and in fact for far fewer. The best
goes first, and then what is left is asked again. Where none is believed nothing is forgotten, and
the posterior is what it was. What is forgotten of an option that changed is its level; how it
depends on the lead stays.

Only what was drawn by lot is believed to have changed: how others chose changes with time as well.
Of what was only observed it is asked whether the average of all time is contradicted by what was
seen lately, which is told and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from features.arrays import Floats, Ints

__all__ = [
    "EffectChange",
    "FoundChange",
    "Gram",
    "InSpans",
    "ObservedChange",
    "ends_of_spans",
    "grown",
    "looked_for",
    "span_of",
]

SIZE: Final = 0.7
"""The prior's standard deviation of how far an effect changes."""
LEAST: Final = 20.0
"""How many times as likely the outcomes are to be with a change as without."""
SPANS: Final = 10


class Gram(NamedTuple):
    """What rows come to: all that a Gaussian likelihood needs of them.

    Parameters
    ----------
    matrix, vector : shape (n_parameters, n_parameters) and (n_parameters,).
    """

    matrix: Floats
    vector: Floats


class InSpans(NamedTuple):
    """The part of a Gram that is about what options have of their own, in each span of time.

    Parameters
    ----------
    crossed : shape (n_spans, k, n_parameters), the rows of the Gram's matrix.
    pulled : shape (n_spans, k), the entries of its vector.
    own : shape (k,), the places of these parameters.
    """

    crossed: Floats
    pulled: Floats
    own: Ints


class FoundChange(NamedTuple):
    """A change that is believed: of which options, shape (k,), and its shape (n_spans,)."""

    options: Floats
    shape: Floats


@dataclass(frozen=True, slots=True)
class EffectChange:
    """How much more an option did in earlier spans than it does now.

    Parameters
    ----------
    option : its place.
    ends : where the spans but the last end, in microseconds since the epoch.
    added : of each of these spans, in tau.
    """

    option: int
    ends: tuple[int, ...]
    added: tuple[float, ...]

    def at(self, when: Ints) -> Floats:
        """Shape (n,): what is added to tau of now at some instants."""
        added = np.array([*self.added, 0.0])
        return added[span_of(self.ends, when)]

    @property
    def since(self) -> int:
        """When it changed, or by when the most of it had: the end of the span with the last half.

        Microseconds since the epoch.
        """
        return self.ends[self._last]

    @property
    def before(self) -> float:
        """How much more it did before that than now, on average over the spans, in tau."""
        return float(np.mean(self.added[: self._last + 1]))

    @property
    def _last(self) -> int:
        size = np.abs(self.added)
        return int(np.flatnonzero(size >= 0.5 * size.max())[-1])

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"option": self.option, "ends": list(self.ends), "added": list(self.added)}

    @classmethod
    def of_dict(cls, held: dict[str, Any]) -> EffectChange:
        """The reverse of `as_dict`."""
        ends = tuple(int(end) for end in held["ends"])
        return cls(int(held["option"]), ends, tuple(float(one) for one in held["added"]))


@dataclass(frozen=True, slots=True)
class ObservedChange:
    """What was only observed, and contradicts the average of all time, which is believed.

    Parameters
    ----------
    lately : what the option does now, in tau, were it believed that it has changed; `change` says
        what it did before that.
    """

    change: EffectChange
    lately: float


def ends_of_spans(when: Ints | None) -> tuple[int, ...]:
    """Where each span but the last ends, so that each holds about as many decisions.

    Parameters
    ----------
    when : shape (n,), microseconds since the epoch; without it there is one span.
    """
    if when is None or not len(when):
        return ()
    order = np.sort(when)
    places = np.arange(1, SPANS) * len(order) // SPANS
    return tuple(np.unique(order[places][order[places] > order[0]]).tolist())


def span_of(ends: tuple[int, ...], when: Ints) -> Ints:
    """Shape (n,): the span of each instant."""
    found: Ints = np.searchsorted(np.array(ends, dtype=np.int64), when, side="right")
    return found.astype(np.int64)


def looked_for(
    gram: Gram,
    spans: InSpans,
    precision: Floats,
    candidates: Floats,
    size: float = SIZE,
    known: Sequence[FoundChange] = (),
) -> list[FoundChange]:
    """The changes that are believed, in the order of being found; shapes are 0 in the last span.

    Parameters
    ----------
    precision : shape (n_parameters,), the prior's.
    candidates : shape (n_candidates, k), 1 for the options that change together.
    size : the prior's standard deviation of a change.
    known : changes that are believed beside them already; they are not among those returned.
    """
    shapes = _shapes(len(spans.pulled))
    found = list(known)
    while len(shapes) and len(found) < len(known) + len(candidates):
        told = _evidence(gram, spans, precision, candidates, shapes, found, size)
        of_all = np.logaddexp.reduce(told, axis=1) - np.log(len(shapes))
        best = int(of_all.argmax())
        if of_all[best] < np.log(LEAST):
            break
        found.append(FoundChange(candidates[best], shapes[int(told[best].argmax())]))
    return found[len(known) :]


def grown(gram: Gram, spans: InSpans, found: list[FoundChange]) -> Gram:
    """The Gram with a parameter more for each change: its size."""
    if not found:
        return gram
    options, shapes = (np.array(each) for each in zip(*found, strict=True))
    crossed = np.einsum("cs,ck,skp->cp", shapes, options, spans.crossed, optimize=True)
    among = options @ spans.crossed[:, :, spans.own] @ options.T
    twice = np.einsum("cs,ds,scd->cd", shapes, shapes, among)
    pulled = ((shapes @ spans.pulled) * options).sum(axis=1)
    matrix = np.block([[gram.matrix, crossed.T], [crossed, twice]])
    return Gram(matrix, np.concatenate([gram.vector, pulled]))


def _shapes(spans: int) -> Floats:
    """Shape (n_shapes, n_spans): a step at the end of each span but the last, and an even fall."""
    if spans < 2:
        return np.empty((0, spans))
    steps = np.tri(spans)[:-1]
    return np.concatenate([steps, np.linspace(1.0, 0.0, spans)[None]]) if spans > 2 else steps


def _evidence(
    gram: Gram,
    spans: InSpans,
    precision: Floats,
    candidates: Floats,
    shapes: Floats,
    found: list[FoundChange],
    size: float,
) -> Floats:
    """Shape (n_candidates, n_shapes): how much likelier outcomes are with a change, as logarithms.

    What is left of a change's column beside all other parameters has a Gaussian likelihood of its
    own: with a prior of its size, and with a size of 0.
    """
    whole = grown(gram, spans, found)
    prior = np.concatenate([precision, np.full(len(found), size**-2.0)])
    factor = cho_factor(whole.matrix + np.diag(prior), lower=True)
    of_span = np.einsum("ck,skp->csp", candidates, spans.crossed, optimize=True)
    among = of_span[:, :, spans.own]
    columns = [shapes @ of_span]
    for one in found:
        columns.append((shapes * one.shape) @ (among @ one.options)[:, :, None])
    flat = np.concatenate(columns, axis=2).reshape(len(candidates) * len(shapes), -1)
    shape = len(candidates), len(shapes)
    taken = (flat * cho_solve(factor, flat.T).T).sum(axis=1).reshape(shape)
    explained = (flat @ cho_solve(factor, whole.vector)).reshape(shape)
    twice = (among * candidates[:, None]).sum(axis=2) @ (shapes**2).T
    rest = candidates @ spans.pulled.T @ shapes.T - explained
    told = np.maximum(twice - taken, 0.0) + size**-2.0
    log_odds: Floats = 0.5 * rest**2 / told - 0.5 * np.log(told * size**2)
    return log_odds
