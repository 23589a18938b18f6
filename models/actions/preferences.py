"""What actions are worth, learned from rewards: a ridge regression on crossed features.

How much is learned is chosen on the newest fifth of the events, which nothing else is fitted on;
where no regression tells their rewards better than their mean does, all actions are worth the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import numpy as np

from features.arrays import Floats
from models.actions.features import Features, crossed

if TYPE_CHECKING:
    from sklearn.linear_model import Ridge

__all__ = ["FEWEST", "Preferences", "Rewarded"]

FEWEST: Final = 30
"""Of fewer events nothing is learned."""
_PENALTIES: Final = (1.0, 5.0, 25.0, 125.0)
_HELD_OUT: Final = 0.2
_RARE: Final = 3
"""A feature of fewer events is left out: nothing can be learned of it."""
_MOST_NAMES: Final = 50_000


class Rewarded(NamedTuple):
    """An action that was shown, where, and what it brought.

    Parameters
    ----------
    reward : in [-1, 1].
    """

    situation: Features
    action: Features
    action_id: str
    reward: float


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

    @classmethod
    def learned(cls, events: Sequence[Rewarded]) -> Self:
        """What events teach; the oldest first."""
        if len(events) < FEWEST:
            return cls(len(events))
        rewards = np.array([one.reward for one in events])
        rows = [crossed(one.situation, one.action, one.action_id) for one in events]
        common = Counter(name for row in rows for name in row).most_common(_MOST_NAMES)
        names = {name for name, count in common if count >= _RARE}
        largest: dict[str, float] = {}
        for row in rows:
            for name, amount in row.items():
                if name in names:
                    largest[name] = max(largest.get(name, 0.0), abs(amount))
        scales = {name: top for name, top in largest.items() if top not in (0.0, 1.0)}
        kept = [
            {name: amount / scales.get(name, 1.0) for name, amount in row.items() if name in names}
            for row in rows
        ]
        # Learning alone needs it: serving starts without.
        from sklearn.feature_extraction import DictVectorizer

        vectorizer = DictVectorizer()
        matrix = vectorizer.fit_transform(kept)
        penalty = _penalty(matrix, rewards)
        if penalty is None:
            return cls(len(events), float(rewards.mean()))
        model = _ridge(penalty).fit(matrix, rewards)
        weights = dict(zip(vectorizer.get_feature_names_out(), model.coef_.tolist(), strict=True))
        return cls(
            len(events),
            float(model.intercept_),
            {name: weight for name, weight in weights.items() if weight != 0.0},
            {name: top for name, top in scales.items() if name in weights},
        )

    def worths(self, situation: Features, actions: Sequence[tuple[str, Features]]) -> Floats:
        """What each of some actions, given with their ids, is worth; shape (n_actions,)."""
        return np.array([self._worth(crossed(situation, own, id_)) for id_, own in actions])

    def _worth(self, row: Features) -> float:
        total = self.base
        for name, amount in row.items():
            weight = self.weights.get(name)
            if weight is not None:
                scale = self.scales.get(name)
                total += weight * (amount if scale is None else max(-2.0, min(2.0, amount / scale)))
        return total

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


def _penalty(matrix: Any, rewards: Floats) -> float | None:
    """The penalty whose regression tells the newest rewards best; None where their mean does."""
    held_out = max(1, round(_HELD_OUT * len(rewards)))
    older, newer = slice(0, len(rewards) - held_out), slice(len(rewards) - held_out, None)
    best, least = None, float(((rewards[newer] - rewards[older].mean()) ** 2).mean())
    for penalty in _PENALTIES:
        model = _ridge(penalty).fit(matrix[older], rewards[older])
        error = float(((rewards[newer] - model.predict(matrix[newer])) ** 2).mean())
        if error < least:
            best, least = penalty, error
    return best


def _ridge(penalty: float) -> Ridge:
    from sklearn.linear_model import Ridge  # fitting alone needs it: serving starts without

    return Ridge(alpha=penalty, solver="sparse_cg", tol=1e-6)
