"""What actions are worth, learned from rewards: a ridge regression on crossed features.

Actions are compared with those of their own time: each window of choices of a slot has a level of
its own. What is chosen more often since it was thought better would else be praised for the time
since. How much is learned is chosen on the newest fifth of the events, which nothing else is fitted
on; where no regression tells their rewards better than the means of their windows do, all actions
are worth the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import numpy as np

from features.arrays import Floats, Ints
from models.actions.features import (
    BETWEEN,
    Features,
    crossed,
    own_features,
    situation_features,
)

if TYPE_CHECKING:
    from sklearn.linear_model import Ridge

__all__ = ["FEWEST", "Preferences", "Rewarded"]

FEWEST: Final = 30
"""Of fewer events nothing is learned."""
_PENALTIES: Final = (1.0, 5.0, 25.0, 125.0)
_HELD_OUT: Final = 0.2
_WINDOW: Final = 100
"""Choices of a slot in a row that share a level of their own."""
_FREEDOM: Final = 10.0
"""A level weighs so much: it is held back by the penalty over the square of it, next to nothing."""
_RARE: Final = 3
"""A feature of fewer events is left out: nothing can be learned of it."""
_MOST_NAMES: Final = 50_000
_MOST_COUNTED: Final = 500_000
"""So many features are counted at once; of more, those are let go that are told least."""
_MOST_TOLD: Final = 10_000_000
"""Features of all events together that are learned from: half a minute's work."""


class Rewarded(NamedTuple):
    """An action that was shown, where, and what it brought.

    Parameters
    ----------
    reward : in [-1, 1].
    slot : where several are chosen at once, which of them it is.
    is_settled : whether those of its time that brought nothing are known as well.
    """

    situation: Features
    action: Features
    action_id: str
    reward: float
    slot: str = ""
    is_settled: bool = True


@dataclass(frozen=True, slots=True)
class Preferences:
    """What an action is worth in a situation: `base` and a weight for each feature.

    Parameters
    ----------
    events : how many it was learned from.
    scales : the largest amount of features that are no categories; amounts are told in it, and
        none counts more than twice of it.
    """

    events: int = 0
    base: float = 0.0
    weights: Mapping[str, float] = field(default_factory=dict)
    scales: Mapping[str, float] = field(default_factory=dict)

    _pairs: Mapping[str, Mapping[str, str]] = field(init=False, repr=False, compare=False)
    """The features that a weight is of, by each two parts that their name may have been made of."""

    def __post_init__(self) -> None:
        """Note which pairs have a weight: to name all that an action makes takes long."""
        pairs: dict[str, dict[str, str]] = {}
        for name in self.weights:
            at = name.find(BETWEEN)
            while at >= 0:
                pairs.setdefault(name[:at], {})[name[at + len(BETWEEN) :]] = name
                at = name.find(BETWEEN, at + 1)
        object.__setattr__(self, "_pairs", pairs)

    @classmethod
    def learned(cls, events: Sequence[Rewarded]) -> Self:
        """What events teach; the oldest first. The newest count where they tell too much.

        Those that are not settled count while there are few others.
        """
        settled = [one for one in events if one.is_settled]
        if len(settled) >= FEWEST:
            events = settled  # among what is known to have brought something all seem as good
        if len(events) < FEWEST:
            return cls(len(events))
        told = _newest(events)
        rewards = np.array([one.reward for one in told])
        names = _common(told)
        # Learning alone needs it: serving starts without.
        from sklearn.feature_extraction import DictVectorizer

        vectorizer = DictVectorizer()
        # A row at a time: of all of them together there may be more than memory holds.
        matrix = vectorizer.fit_transform(
            {name: amount for name, amount in row.items() if name in names} for row in _rows(told)
        )
        largest = np.zeros(matrix.shape[1])
        np.maximum.at(largest, matrix.indices, np.abs(matrix.data))
        scale = np.where((largest == 0.0) | (largest == 1.0), 1.0, largest)
        matrix.data /= scale[matrix.indices]
        windows = _windows(told)
        penalty = _penalty(matrix, windows, rewards)
        if penalty is None:
            return cls(len(told), float(rewards.mean()))
        model = _fitted(penalty, matrix, windows, rewards)
        columns = vectorizer.get_feature_names_out()
        weights = dict(zip(columns, model.coef_[: len(columns)].tolist(), strict=True))
        scales = dict(zip(columns, scale.tolist(), strict=True))
        return cls(
            len(told),
            float(model.intercept_),
            {name: weight for name, weight in weights.items() if weight != 0.0},
            {name: top for name, top in scales.items() if top != 1.0},
        )

    def worths(self, situation: Features, actions: Sequence[tuple[str, Features]]) -> Floats:
        """What each of some actions, given with their ids, is worth; shape (n_actions,)."""
        return np.array([self._worth(situation, own_features(own, id_)) for id_, own in actions])

    def _worth(self, situation: Features, own: Features) -> float:
        total = self.base
        if not self.weights:
            return total
        for name, amount in (*situation_features(situation).items(), *own.items()):
            total += self._told_by(name, amount)
        for name, amount in own.items():
            if (others := self._pairs.get(name)) is not None:
                for other, its in situation.items():
                    if (pair := others.get(other)) is not None:
                        total += self._told_by(pair, amount * its)
        return total

    def _told_by(self, name: str, amount: float) -> float:
        """What a feature adds to the worth."""
        weight = self.weights.get(name)
        if weight is None:
            return 0.0
        scale = self.scales.get(name)
        return weight * (amount if scale is None else max(-2.0, min(2.0, amount / scale)))

    def plain(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "events": self.events,
            "base": self.base,
            "weights": dict(self.weights),
            "scales": dict(self.scales),
        }

    @classmethod
    def of_plain(cls, values: Mapping[str, Any]) -> Self:
        """From what `plain` gave."""
        return cls(values["events"], values["base"], values["weights"], values["scales"])


def _newest(events: Sequence[Rewarded]) -> Sequence[Rewarded]:
    """The newest of some events, as many as do not tell more than is learned from."""
    left = _MOST_TOLD
    for at in range(len(events) - 1, -1, -1):
        left -= (len(events[at].action) + 2) * (len(events[at].situation) + 1)
        if left < 0:
            return events[min(at + 1, len(events) - FEWEST) :]
    return events


def _rows(events: Iterable[Rewarded]) -> Iterator[Features]:
    return (crossed(one.situation, one.action, one.action_id) for one in events)


def _common(events: Iterable[Rewarded]) -> frozenset[str]:
    """The names of the features that most events tell, of those that are not rare."""
    counts: Counter[str] = Counter()
    rare = 1
    for row in _rows(events):
        counts.update(row.keys())
        while len(counts) > _MOST_COUNTED:  # nearly all are of one event alone, such as times
            counts = Counter({name: count for name, count in counts.items() if count > rare})
            rare += len(counts) > _MOST_COUNTED
    return frozenset(name for name, count in counts.most_common(_MOST_NAMES) if count >= _RARE)


def _windows(events: Sequence[Rewarded]) -> Ints:
    """Shape (n,): the window of each event, by its slot and its place among those of the slot.

    Slots that fill no window are one: a level of hardly any events would leave nothing to learn.
    """
    counts = Counter(one.slot for one in events)
    seen: Counter[str | None] = Counter()
    numbers: dict[tuple[str | None, int], int] = {}
    found = np.empty(len(events), dtype=np.int64)
    for at, one in enumerate(events):
        slot = one.slot if counts[one.slot] >= _WINDOW else None
        found[at] = numbers.setdefault((slot, seen[slot] // _WINDOW), len(numbers))
        seen[slot] += 1
    return found


def _penalty(matrix: Any, windows: Ints, rewards: Floats) -> float | None:
    """The penalty whose regression tells the newest rewards best; None where none tells more.

    What is told of a reward is how far it is from the mean of its window.
    """
    held_out = max(1, round(_HELD_OUT * len(rewards)))
    older, newer = slice(0, len(rewards) - held_out), slice(len(rewards) - held_out, None)
    best, least = None, _spread(rewards[newer], windows[newer])
    for penalty in _PENALTIES:
        model = _fitted(penalty, matrix[older], windows[older], rewards[older])
        told = matrix[newer] @ model.coef_[: matrix.shape[1]]
        error = _spread(rewards[newer] - told, windows[newer])
        if error < least:
            best, least = penalty, error
    return best


def _spread(values: Floats, windows: Ints) -> float:
    """The mean square of how far values are from the mean of their window."""
    counts = np.maximum(np.bincount(windows), 1)
    means = np.bincount(windows, values) / counts
    return float(((values - means[windows]) ** 2).mean())


def _fitted(penalty: float, matrix: Any, windows: Ints, rewards: Floats) -> Ridge:
    """The regression, whose last weights are the levels of the windows."""
    # Fitting alone needs these: serving starts without.
    from scipy.sparse import csr_matrix, hstack
    from sklearn.linear_model import Ridge

    count = len(rewards)
    levels = csr_matrix((np.full(count, _FREEDOM), windows, np.arange(count + 1)))
    both = hstack([matrix, levels], format="csr")
    return Ridge(alpha=penalty, solver="sparse_cg", tol=1e-6).fit(both, rewards)
