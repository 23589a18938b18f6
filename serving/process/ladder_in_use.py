"""The ladder that a bundle is served on: its own, or the file of the settings, with the catalogue.

What scores follow from is the bundle's for good. Offers, titles, limits, bands and values may
change while it serves: in the ladder file that the settings name, or in the catalogue of the store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

from features.errors import BundleError, LadderError
from features.ladder.catalogue import with_catalogue
from features.ladder.file import read_ladder
from features.ladder.ladder import Ladder
from features.store.events import EventStore
from models.bundle import Bundle

__all__ = ["LadderInUse"]


@dataclass(frozen=True, slots=True)
class LadderInUse:
    """Where the ladder of a service comes from.

    Parameters
    ----------
    path : of the ladder file, or the name of a shipped one; "" for the bundle's own.
    clock : the present, in microseconds since the epoch.
    """

    store: EventStore
    path: str
    clock: Callable[[], int]

    def stamp(self, name: str) -> tuple[object, ...]:
        """Another value whenever the ladder of this name may be another one now."""
        return tuple(sorted(self._versions(name).items())), self._file()

    def of(self, bundle: Bundle) -> tuple[Bundle, str]:
        """The bundle on the ladder of now, and what is wrong with that; "" where nothing is.

        Where the file or a version cannot be used, the bundle's own ladder serves.
        """
        problem = ""
        try:
            bundle = bundle.on(self._base(bundle))
        except (BundleError, LadderError) as error:
            problem = f"the ladder {self.path} is not served: {error}"
        found = self.store.offers.at(bundle.ladder.name, self.clock())
        try:
            bundle = bundle.on(with_catalogue(bundle.ladder, found))
        except LadderError as error:
            problem = f"the offers of the store are not served: {error}"
        return bundle, problem

    def _base(self, bundle: Bundle) -> Ladder:
        if not self.path:
            return bundle.ladder
        own = read_ladder(self.path)
        # Versions that the bundle was trained with hold on, where the store has none of its own.
        return with_catalogue(replace(own, catalogue=()), bundle.ladder.catalogue)

    def _versions(self, name: str) -> dict[str, int]:
        return {one.offer_id: one.version for one in self.store.offers.at(name, self.clock())}

    def _file(self) -> str:
        try:
            return blake2b(Path(self.path).read_bytes()).hexdigest() if self.path else ""
        except OSError:  # a shipped one has no path; one that is gone is told of when it is read
            return ""
