"""A version in a registry, and what its tags tell of when and why an alias named it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from features.clock import instant, microseconds, rfc3339
from features.ladder.ladder import Ladder
from models.logged.former_bundles import Promotion

__all__ = ["CHAMPION", "AliasTags", "ServedVersion", "Version", "ladder_name", "model_name"]

CHAMPION: Final = "champion"
"""The alias of the version that serves."""
_PREFIX: Final = "rung-"
_SINCE: Final = "_since"


@dataclass(frozen=True, slots=True)
class Version:
    """A bundle in the registry."""

    name: str
    version: int
    hash: str
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """A version that an alias names or named.

    Parameters
    ----------
    promotion : by which it came to serve last.
    taken_back : whether somebody went back from it to what served before.
    """

    version: Version
    promotion: Promotion
    taken_back: bool

    @property
    def hash(self) -> str:
        """The hash of its bundle."""
        return self.version.hash


@dataclass(frozen=True, slots=True)
class AliasTags:
    """What the tags of a version are called that tell of an alias."""

    since: str
    by: str
    why: str
    taken_back: str

    @classmethod
    def of(cls, alias: str) -> AliasTags:
        """Such as champion_since, champion_by and champion_why."""
        # The champion's is older than other aliases' tags, and stays what registries have.
        taken_back = "taken_back" if alias == CHAMPION else f"{alias}_taken_back"
        return cls(f"{alias}{_SINCE}", f"{alias}_by", f"{alias}_why", taken_back)

    @staticmethod
    def is_since(tag: str) -> bool:
        """Whether a tag says since when an alias names, or named, its version."""
        return tag.endswith(_SINCE)

    def written(self, promotion: Promotion) -> dict[str, str]:
        """All the tags of a version that comes to serve; "" for those that it is not to have."""
        return {
            self.since: rfc3339(promotion.at),
            self.by: promotion.by,
            self.why: promotion.why,
            self.taken_back: "",
        }

    def read(self, version: Version, tags: Mapping[str, str]) -> ServedVersion:
        """A version with what its tags tell; nothing of one that has none."""
        since = tags.get(self.since)
        at = microseconds(instant(since)) if since else 0
        said = Promotion(at, tags.get(self.by, ""), tags.get(self.why, ""))
        return ServedVersion(version, said, self.taken_back in tags)


def model_name(ladder: Ladder) -> str:
    """What the bundles of a ladder are called in a registry."""
    return f"{_PREFIX}{ladder.name}"


def ladder_name(model: str) -> str:
    """The reverse of `model_name`."""
    return model.removeprefix(_PREFIX)
