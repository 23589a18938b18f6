"""Protected traits: which group a lead was in at an instant, and events without what tells it.

The report of groups reads the groups. Pages, timelines and assistants get events without them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np

from features.arrays import Floats, Ints
from features.events.log import EventLog, LogColumns, Times
from features.events.urls import without_parameters
from features.ladder.field_names import PEOPLE, field_key, plain
from features.ladder.ladder import Ladder
from features.signals.program import Compiled, compile_signals
from features.signals.snapshot import snapshot_at
from features.signals.table import ladder_columns, protected_signals

__all__ = ["ProtectedTrait", "names_protected", "protected_traits", "without_protected"]

_MOST: Final = 12
"""Groups of a category; what is rarer is one group together."""
_PARTS: Final = 4
"""Groups of a number, of about as many leads each."""
_LABELS: Final = frozenset(
    {
        *("name", "field", "fieldname", "label", "key", "id", "ref", "title", "text", "prompt"),
        *("question", "questionname", "questiontext", "questiontitle"),
        *("property", "propertyname", "attribute", "trait"),
    }
)
"""How a form names the field that an answer is of, by `plain`; Jotform's question is a `text`."""
_OF_A_FIELD: Final = _LABELS | {"type", "required", "position", "index", "order"}
"""What says of a field which it is, and nothing of the answer."""
_DEEPEST: Final = 64
"""What nests deeper, JSON in texts included, is left out unread: no event that is taken does."""
_PARTS_OF_PATHS: Final = re.compile(r"[.\[\]/:]+")


@dataclass(frozen=True, eq=False, slots=True)
class ProtectedTrait:
    """A protected trait of some leads, each at its own instant.

    Parameters
    ----------
    groups : what each group is called.
    group : shape (n,), an index into `groups`; -1 where the value was not known by then.
    """

    id: str
    groups: tuple[str, ...]
    group: Ints


def protected_traits(
    log: EventLog, ladder: Ladder, lead: Ints, as_of: Times
) -> tuple[ProtectedTrait, ...]:
    """Every protected trait of a ladder: the value that was known last, by each instant.

    The groups of a category are its values, the 12 that most leads have and one of all the others;
    those of a number are four of about as many leads each.

    Parameters
    ----------
    lead, as_of : shape (n,), indices into the log's leads, and microseconds since the epoch.

    Raises
    ------
    EventsError : the log was read for another ladder.
    """
    if not ladder.protected:
        return ()
    names = tuple(log.leads[at] for at in lead)
    found = snapshot_at(log, _compiled(ladder), names, lead, as_of)
    return tuple(
        _of_words(trait.id, found.values[:, at], found.categories[signal.id], lead)
        if signal.is_category
        else _of_numbers(trait.id, found.values[:, at], lead)
        for at, (trait, signal) in enumerate(zip(ladder.protected, found.signals, strict=True))
    )


@lru_cache(maxsize=64)
def _compiled(ladder: Ladder) -> Compiled:
    columns = LogColumns(*ladder_columns(ladder))
    goals = tuple((goal.complete_when, goal.horizon_days) for goal in ladder.goals)
    return compile_signals(protected_signals(ladder), goals=goals, columns=columns)


def _of_words(trait: str, values: Floats, words: tuple[str, ...], lead: Ints) -> ProtectedTrait:
    code = np.nan_to_num(values, nan=-1.0).astype(np.int64)
    pairs = np.unique(np.stack([code, lead]), axis=1)
    leads = np.bincount(pairs[0][pairs[0] >= 0], minlength=len(words))
    order = np.argsort(-leads, kind="stable")
    held = order[: int((leads > 0).sum())]
    often = held if len(held) <= _MOST + 1 else held[:_MOST]  # one alone is no group of others
    place = np.full(len(words) + 1, -1, dtype=np.int64)
    place[held] = len(often)
    place[often] = np.arange(len(often))
    groups = [words[at] for at in often]
    if len(held) > len(often):
        groups.append(f"{len(held) - len(often)} others")
    return ProtectedTrait(trait, tuple(groups), place[code])


def _of_numbers(trait: str, values: Floats, lead: Ints) -> ProtectedTrait:
    known = ~np.isnan(values)
    if not known.any():
        return ProtectedTrait(trait, (), np.full(len(values), -1, dtype=np.int64))
    held = np.unique(np.stack([lead[known].astype(np.float64), values[known]]), axis=1)[1]
    # "inverted_cdf" cuts at values that leads have, so that the names of the groups say them.
    cuts = np.quantile(held, np.arange(1, _PARTS) / _PARTS, method="inverted_cdf")
    edges = np.unique(cuts[cuts < held.max()])
    group = np.searchsorted(edges, values, side="left").astype(np.int64)
    lows = ["", *(f"above {edge:g}" for edge in edges)]
    highs = [*(f"up to {edge:g}" for edge in edges), ""]
    groups = tuple(f"{low} {high}".strip() or "all" for low, high in zip(lows, highs, strict=True))
    return ProtectedTrait(trait, groups, np.where(known, group, -1))


# ----------------------------------------------------------------------------- What others are told


def without_protected(ladder: Ladder, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of an event without those that name a protected trait, at any depth.

    Spelling makes no difference (`features.ladder.field_names`). An answer of a form that is kept
    as a name beside a value is left out as well, wherever it stands: nothing is left of properties
    that are one. Of addresses the values of parameters of such a name are.
    """
    if not ladder.protected:
        return dict(properties)
    keys = _keys(ladder)
    return {} if _is_answer(properties, keys) else _without(properties, keys)


def names_protected(ladder: Ladder, path: str) -> bool:
    """Whether a name, or the names of a path such as `profile.religion`, mean a protected trait."""
    return bool(ladder.protected) and _is_protected(path, _keys(ladder))


@lru_cache(maxsize=64)
def _keys(ladder: Ladder) -> frozenset[str]:
    """Every name of the protected traits, also with whose they are before it."""
    ids = [plain(trait.id) for trait in ladder.protected]
    return frozenset(
        [*(field_key(one) for one in ids), *ids, *(who + one for one in ids for who in PEOPLE)]
    )


def _is_protected(name: str, keys: frozenset[str]) -> bool:
    names = (name, *_PARTS_OF_PATHS.split(name)) if _PARTS_OF_PATHS.search(name) else (name,)
    return any(field_key(one) in keys or plain(one) in keys for one in names)


def _without(properties: Mapping[str, Any], keys: frozenset[str], depth: int = 0) -> dict[str, Any]:
    return {
        name: _pruned(value, keys, depth + 1)
        for name, value in properties.items()
        if not (_is_protected(name, keys) or _is_answer(value, keys))
    }


def _pruned(value: object, keys: frozenset[str], depth: int = 0) -> object:
    if isinstance(value, Mapping | list | tuple):
        if depth > _DEEPEST:
            return None
        if isinstance(value, Mapping):
            return _without(value, keys, depth)
        return [_pruned(one, keys, depth + 1) for one in value if not _is_answer(one, keys)]
    if isinstance(value, str):
        return _text(value, keys, depth)
    return value


def _text(text: str, keys: frozenset[str], depth: int) -> str:
    """A text, where it is an address or JSON, without what names a protected trait."""
    if text[:1] in ("{", "["):
        try:
            read = json.loads(text)
        except ValueError:
            return text
        except RecursionError:
            return ""
        left = None if _is_answer(read, keys) else _pruned(read, keys, depth + 1)
        return text if left == read else json.dumps(left)
    return without_parameters(text, lambda name: _is_protected(name, keys))


def _is_answer(value: object, keys: frozenset[str], depth: int = 0) -> bool:
    """Whether a value is the answer to a question for a protected trait."""
    if isinstance(value, list | tuple):  # a name and its value
        return len(value) == 2 and isinstance(value[0], str) and _is_protected(value[0], keys)
    return isinstance(value, Mapping) and any(
        _is_label(label, keys, depth) for name, label in value.items() if plain(name) in _LABELS
    )


def _is_label(label: object, keys: frozenset[str], depth: int) -> bool:
    """Whether what names a field means a protected trait: a text, or an object that has one."""
    if isinstance(label, str):
        return _is_protected(label, keys)
    return (
        isinstance(label, Mapping)
        and depth < _DEEPEST
        and all(plain(name) in _OF_A_FIELD for name in label)
        and _is_answer(label, keys, depth + 1)
    )
