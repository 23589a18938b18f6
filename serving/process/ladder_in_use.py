"""The ladder that a bundle is served on: its own, or the file of the settings, with the catalogue.

What scores follow from is the bundle's for good. Offers, titles, limits, bands and values may
change while it serves: in the ladder file that the settings name, or in the catalogue of the store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from features.errors import BundleError, LadderError
from features.ladder.catalogue import as_far_as_it_fits
from features.ladder.file import read_ladder
from features.offers.experiments import experiment_of, with_experiments
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
        numbers = self.store.offers.numbers_at(name, self.clock())
        return numbers, self.store.experiments.running(name), self._file()

    def of(self, bundle: Bundle) -> tuple[Bundle, str]:
        """The bundle on the ladder of now, and what is wrong with that; "" where nothing is.

        Where the file cannot be used the bundle's own ladder serves; a version that does not fit is
        left out, and the others serve.
        """
        problems: list[str] = []
        ladder = bundle.ladder
        if self.path:
            try:
                own = read_ladder(self.path)
                bundle.require_ladder(own)
                ladder = own
            except (BundleError, LadderError) as error:
                problems.append(f"the ladder {self.path} is not served: {error}")
        # Versions that the bundle was trained with hold on, where the store has none of its own.
        found = self.store.offers.at(bundle.ladder.name, self.clock())
        ladder, unfit = as_far_as_it_fits(ladder, [*bundle.ladder.catalogue, *found])
        running = self.store.experiments.of(ladder.name, "running")
        ladder = with_experiments(ladder, [experiment_of(one.body) for one in running])
        return bundle.on(ladder), "; ".join([*problems, *unfit])

    def _file(self) -> str:
        try:
            return blake2b(Path(self.path).read_bytes()).hexdigest() if self.path else ""
        except OSError:  # a shipped one has no path; one that is gone is told of when it is read
            return ""
