"""The models that served before: a score of the past is what was served then."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from features.clock import said_at
from features.errors import BundleError, ModelGone
from features.store.events import EventStore
from models.bundle import Bundle
from models.recalibrated import Recalibrated, moves_of
from serving.scoring.model import Model

__all__ = ["FormerModels"]

_MOST: Final = 2
"""So many are held: each takes the memory of a bundle, and one is asked about at a time."""


class FormerModels:
    """What served at an instant. Threads may share it; it lasts as long as what serves now.

    Parameters
    ----------
    former : a bundle that served, by its hash; None where it is kept no more.
    """

    def __init__(self, store: EventStore, former: Callable[[str], Bundle | None]) -> None:
        self._store, self._former = store, former
        self._held: dict[str, Model] = {}
        self._turn = threading.Lock()

    def then(self, current: Model, as_of: int) -> Model:
        """The model that served at an instant, in microseconds since the epoch.

        It is that of now, `current`, also where nothing served by then.

        Raises
        ------
        ModelGone : it cannot be loaded any more.
        """
        champion = self._store.champions.at(current.bundle.ladder.name, as_of)
        if champion is None or champion.bundle == current.bundle.hash:
            return current
        with self._turn:
            model = self._held.pop(champion.bundle, None) or self._loaded(champion.bundle, as_of)
            self._held[champion.bundle] = model
            for oldest in list(self._held)[:-_MOST]:
                del self._held[oldest]
        return model

    def _loaded(self, hash_: str, as_of: int) -> Model:
        try:
            bundle, why = self._former(hash_), "is kept no more"
        except BundleError as error:
            bundle, why = None, f"cannot be loaded: {error}"
        if bundle is None:
            raise ModelGone(
                f"at {said_at(as_of)} the model {hash_[:12]} served, which {why};"
                " `model=current` asks what serves now"
            )
        moves = moves_of(self._store.recalibrations.of(hash_))
        return Model.of(bundle, track=Recalibrated(bundle, moves))
