"""A version in a registry, and what its tags tell of when and why an alias named it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from features.clock import instant, microseconds, rfc3339
from features.errors import BundleError
from features.ladder.ladder import Ladder
from models.logged.former_bundles import Promotion

__all__ = [
    "CHAMPION",
    "AliasTags",
    "Naming",
    "ServedVersion",
    "Version",
    "ladder_name",
    "model_name",
]

CHAMPION: Final = "champion"
"""The alias of the version that serves."""
_PREFIX: Final = "rung-"
_SINCE: Final = "_since"
_COMING: Final = "_coming"


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
class Naming:
    """That an alias is to name a version.

    Parameters
    ----------
    takes_back : the number of the version that it named, where that is gone back from; else 0.
    """

    promotion: Promotion
    takes_back: int = 0

    def as_text(self) -> str:
        """All of it, for one tag."""
        said = self.promotion
        held = {"at": said.at, "by": said.by, "why": said.why, "takes_back": self.takes_back}
        return json.dumps(held)

    @classmethod
    def of_text(cls, text: str) -> Naming:
        """The reverse of `as_text`; BundleError for a tag that somebody else wrote."""
        try:
            held = json.loads(text)
            said = Promotion(int(held["at"]), str(held["by"]), str(held["why"]))
            return cls(said, int(held["takes_back"]))
        except (ValueError, TypeError, KeyError) as error:
            raise BundleError(
                f"a tag of a version in the registry that ends in {_COMING} is none of Rung's, and"
                f" says {text[:40]!r}: delete it there"
            ) from error


@dataclass(frozen=True, slots=True)
class AliasTags:
    """What the tags of a version are called that tell of an alias.

    Parameters
    ----------
    coming : tells all that the others will while an alias begins to name the version; then it goes.
    """

    since: str
    by: str
    why: str
    taken_back: str
    coming: str

    @classmethod
    def of(cls, alias: str) -> AliasTags:
        """Such as champion_since, champion_by and champion_why."""
        # The champion's is older than other aliases' tags, and stays what registries have.
        taken_back = "taken_back" if alias == CHAMPION else f"{alias}_taken_back"
        coming = f"{alias}{_COMING}"
        return cls(f"{alias}{_SINCE}", f"{alias}_by", f"{alias}_why", taken_back, coming)

    @staticmethod
    def tells_of_naming(tag: str) -> bool:
        """Whether a tag says that an alias names, named or was to name its version."""
        return tag.endswith((_SINCE, _COMING))

    def coming_of(self, tags: Mapping[str, str]) -> Naming | None:
        """What is on its way to a version, as its tags tell; None where all tags are there."""
        return Naming.of_text(tags[self.coming]) if self.coming in tags else None

    def written(self, promotion: Promotion) -> dict[str, str]:
        """All the tags of a version that comes to serve; "" for those that it is not to have."""
        return {
            self.since: rfc3339(promotion.at),
            self.by: promotion.by,
            self.why: promotion.why,
            self.taken_back: "",
        }

    def read(
        self, version: Version, tags: Mapping[str, str], coming: Naming | None = None
    ) -> ServedVersion:
        """A version with what its tags tell; nothing of one that has none.

        Parameters
        ----------
        coming : what is on its way to another version, which may take this one back.
        """
        since = tags.get(self.since)
        at = microseconds(instant(since)) if since else 0
        said = Promotion(at, tags.get(self.by, ""), tags.get(self.why, ""))
        is_left = coming is not None and coming.takes_back == version.version
        return ServedVersion(version, said, self.taken_back in tags or is_left)


def model_name(ladder: Ladder) -> str:
    """What the bundles of a ladder are called in a registry."""
    return f"{_PREFIX}{ladder.name}"


def ladder_name(model: str) -> str:
    """The reverse of `model_name`."""
    return model.removeprefix(_PREFIX)
