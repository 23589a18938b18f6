"""What callers say of a situation and of an action, as named numbers.

As Azure Personalizer reads them: lists of objects, whose texts and truth values are categories and
whose numbers are amounts, at any depth. What an action is worth here and now is told by its own
features and by each of them together with each of the situation's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from math import isfinite
from typing import Any, Final, TypeGuard

from features.events.personal_data import means_contact, tells_contact
from features.events.urls import without_contact

__all__ = [
    "BETWEEN",
    "LEAD",
    "Features",
    "crossed",
    "features_of",
    "own_features",
    "path_of",
    "situation_features",
]

Features = Mapping[str, float]
"""Amounts by their name; a category is the name "colour=red" with the amount 1."""

LEAD: Final = "lead_id"
"""Names the lead; it is no feature."""
BETWEEN: Final = " x "
"""Between the names of a pair of features."""
_MOST_FEATURES: Final = 200
"""Of one action or one situation; more are left out, from the end."""
_DEEPEST: Final = 5
_LONGEST: Final = 200


def features_of(objects: Iterable[object]) -> dict[str, float]:
    """The features of a list of objects; what holds contact data is none."""
    found = (pair for one in objects for pair in _told("", one, 0))
    return {name[:_LONGEST]: amount for name, amount in islice(found, _MOST_FEATURES)}


def path_of(feature: str) -> str:
    """The names that lead to what a feature tells: of "profile.plan=pro" it is "profile.plan"."""
    return feature.partition("=")[0]


def _told(name: str, value: object, depth: int) -> Iterator[tuple[str, float]]:
    """What a value at any depth says, by the path to it."""
    if isinstance(value, Mapping | list | tuple):
        if depth < _DEEPEST:
            for inner, one in _parts(name, value):
                yield from _told(inner, one, depth + 1)
    else:
        yield from _of_value(name, value)


def _of_value(name: str, value: object) -> Iterator[tuple[str, float]]:
    if _is_number(value):
        if isfinite(value):
            yield name, float(value)
    elif isinstance(value, bool):
        yield f"{name}={str(value).lower()}", 1.0
    elif isinstance(value, str):
        shown = str(without_contact({"": value})[0][""])
        if not tells_contact(shown):
            yield f"{name}={shown}", 1.0


def _parts(
    name: str, value: Mapping[Any, object] | Sequence[object]
) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            if key != LEAD and not means_contact(str(key)):
                yield f"{name}.{key}" if name else str(key), one
        return
    # Numbers in a row are a vector, whose places mean something; texts are a set.
    is_vector = all(_is_number(one) for one in value)
    for at, one in enumerate(value):
        yield f"{name}[{at}]" if is_vector else name, one


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def situation_features(situation: Features) -> dict[str, float]:
    """What a situation tells by itself."""
    return {f"situation.{name}": amount for name, amount in situation.items()}


def own_features(action: Features, action_id: str) -> dict[str, float]:
    """What an action tells by itself, its id included."""
    return {**{f"action.{name}": amount for name, amount in action.items()}, f"id={action_id}": 1.0}


def crossed(situation: Features, action: Features, action_id: str) -> dict[str, float]:
    """What a worth is told by: the situation, the action, its id, and each pair of the two."""
    own = own_features(action, action_id)
    pairs = {
        f"{name}{BETWEEN}{other}": amount * its
        for name, amount in own.items()
        for other, its in situation.items()
    }
    return {**situation_features(situation), **own, **pairs}
