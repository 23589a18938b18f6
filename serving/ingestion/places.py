"""Where the parts of an event stand in what was sent: other forms call them otherwise, elsewhere.

What is refused points into the request, so whoever translates one form into another says where each
part came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from serving.edge.parameters import Place

__all__ = ["AS_NAMED", "Placed", "Sent", "shown"]

_NOWHERE_ELSE: Final[Mapping[str, Place]] = MappingProxyType({})
_LONGEST_PART: Final = 200


class Placed(NamedTuple):
    """The properties of an event, and where they stand.

    Parameters
    ----------
    place : of the object that holds them.
    moved : where those stand that are not in it, by their names.
    is_whole : whether nothing inside of it can be pointed at, as in base64.
    """

    values: dict[str, Any]
    place: Place
    moved: Mapping[str, Place] = _NOWHERE_ELSE
    is_whole: bool = False

    def place_of(self, path: Place) -> Place:
        """Where a property, or a part of one, stands."""
        if self.is_whole:
            return self.place
        moved = self.moved.get(str(path[0])) if path else None
        return (*self.place, *path) if moved is None else (*moved, *path[1:])


class Sent(NamedTuple):
    """Where the members of a call stand that was made of something else.

    Parameters
    ----------
    members : by their names in the call; the others stand under their own.
    properties : those of the call, or its traits, that stand elsewhere; likewise.
    """

    members: Mapping[str, Place] = _NOWHERE_ELSE
    properties: Mapping[str, Place] = _NOWHERE_ELSE

    def place(self, member: str) -> Place:
        """Where a member stands."""
        return self.members.get(member, (member,))


AS_NAMED: Final = Sent()
"""Of a call as it was sent: each member stands under its own name."""


def shown(place: Place) -> str:
    """A place as sentences name it: properties.$set.email."""
    return ".".join(str(part)[:_LONGEST_PART] for part in place)
