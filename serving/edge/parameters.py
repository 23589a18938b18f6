"""Values of requests that several routes and pages have, and the errors that point at them."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_origin
from urllib.parse import urlencode

from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.datastructures import QueryParams

from features.errors import did_you_mean
from features.ladder.ladder import Ladder
from features.store.database import is_storable
from serving.edge.schemas import MOST_MEMBERS, too_many

__all__ = [
    "NEXT_PAGE",
    "After",
    "Place",
    "QueryOfRoute",
    "after_of",
    "check_step",
    "cursor_of",
    "next_page",
    "no_cursor",
    "packed",
    "place_in",
    "unpacked",
    "wrong_body",
    "wrong_query",
]


After = tuple[float, str]
"""Priority and id of the last lead of a page."""
Place = tuple[str | int, ...]
"""Where in a body a value stands."""
NEXT_PAGE: Final = {
    "Link": {
        "description": 'Where the next page is, as `rel="next"` (RFC 8288); absent on the last.',
        "schema": {"type": "string"},
    }
}
"""How the header of `next_page` is described, among the headers of an answer."""


@dataclass(frozen=True, slots=True)
class QueryOfRoute:
    """What may stand in the query of a route.

    Parameters
    ----------
    names : all that it reads; None where the shape of its query refuses what it does not read.
    lists : of which of them there may be several.
    """

    names: frozenset[str] | None
    lists: frozenset[str]

    @staticmethod
    def of(dependant: Dependant) -> QueryOfRoute:
        """That of a route whose parameters the framework has worked out."""
        names: set[str] = set()
        lists: set[str] = set()
        is_strict = False
        for field in _query_fields(dependant):
            shape = field.field_info.annotation
            if isinstance(shape, type) and issubclass(shape, BaseModel):
                is_strict |= shape.model_config.get("extra") == "forbid"
                read = {name: one.annotation for name, one in shape.model_fields.items()}
            else:
                read = {field.alias: shape}
            names |= set(read)
            lists |= {name for name, kind in read.items() if get_origin(kind) is list}
        return QueryOfRoute(None if is_strict else frozenset(names), frozenset(lists))

    def check(self, sent: QueryParams) -> None:
        """RequestValidationError where somebody says what nobody reads, or one thing twice.

        Of two values the framework takes the last, and whoever asked for both is not told.
        """
        said = Counter(name for name, _ in sent.multi_items())
        if len(said) > MOST_MEMBERS:
            why = too_many(len(said))
            raise RequestValidationError([{"type": "too_many", "loc": ("query",), "msg": why}])
        read = said if self.names is None else self.names
        twice = [name for name in said if said[name] > 1 and name not in self.lists]
        faults = [
            *(("value", name, _TWICE) for name in twice),
            *(("extra_forbidden", name, _EXTRA) for name in said if name not in read),
        ]
        if faults:
            raise RequestValidationError(
                [{"type": code, "loc": ("query", name), "msg": why} for code, name, why in faults]
            )


def _query_fields(dependant: Dependant) -> Iterator[Any]:
    """Those of a route, and of all that it depends on."""
    yield from dependant.query_params
    for one in dependant.dependencies:
        yield from _query_fields(one)


_TWICE: Final = "it stands there twice; say it once"
_EXTRA: Final = "Extra inputs are not permitted"
_LARGEST: Final = 2**62
"""No instant and no number of a row is larger; stores take whole numbers up to twice that."""


def packed(place: Sequence[Any]) -> str:
    """A place in a list as an opaque text: texts and numbers, or lists of them."""
    text = json.dumps(place, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def unpacked(cursor: str) -> list[Any]:
    """The reverse of `packed`; an empty list, which is no place, where it is none of ours.

    Anybody can make up a cursor. What is told here can be asked for in a store: texts that it
    takes, finite numbers that it holds, None, and lists of these. Whether they are such a place as
    a route has is for the route to say.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = json.loads(text)
    except (binascii.Error, ValueError, RecursionError):
        return []
    if type(place) is not list:
        return []
    values = [one for value in place for one in (value if type(value) is list else [value])]
    return place if all(_is_kept(value) for value in values) else []


def _is_kept(value: object) -> bool:
    if isinstance(value, str):
        return is_storable(value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (type(value) is int and abs(value) < _LARGEST)


def no_cursor(of: str) -> RequestValidationError:
    """The error for a cursor that is none of a list."""
    return wrong_query("cursor", f"this is no next_cursor of {of}; begin without one")


def cursor_of(after: After, order: str) -> str:
    """A place in an order of the queue as an opaque text."""
    return packed([*after, order])


def next_page(path: str, asked: Mapping[str, object]) -> dict[str, str]:
    """The header that names the next page of an answer, which every paged route has.

    Parameters
    ----------
    path : of the route, with what is quoted in it.
    asked : its query; None is what was not asked for, and a list a parameter that comes again.
    """
    told = {name: value for name, value in asked.items() if value is not None}
    return {"Link": f'<{path}?{urlencode(told, doseq=True)}>; rel="next"'}


def after_of(cursor: str | None, order: str) -> After | None:
    """The reverse of `cursor_of`; RequestValidationError where it is none of this order."""
    if cursor is None:
        return None
    match unpacked(cursor):
        case [int() | float() as priority, str(lead_id), str(of_order)]:
            if of_order != order:
                raise wrong_query("cursor", "this is a place in another order; begin without one")
            return float(priority), lead_id
    raise no_cursor("the queue")


def check_step(ladder: Ladder | None, step: str | None) -> None:
    """RequestValidationError where the ladder has no such step."""
    if ladder is None or step is None:
        return
    known = [goal.id for goal in ladder.goals]
    if step not in known:
        hint = did_you_mean(step, known) or f"; its steps are {', '.join(known)}"
        raise wrong_query("step", f"the ladder has no such step{hint}", known)


def wrong_query(name: str, message: str, allowed: Iterable[str] = ()) -> RequestValidationError:
    """The error for a query parameter whose value will not do.

    Parameters
    ----------
    allowed : all values that would do, where they can be listed.
    """
    fault = {"type": "value", "loc": ("query", name), "msg": message, "allowed": list(allowed)}
    return RequestValidationError([fault])


def place_in(value: object, path: str) -> Place:
    """The place that readers of tables call `only_after[0].where.seconds` in what was sent.

    A key may have dots and brackets of its own: the longest that is there is meant.
    """
    place: list[str | int] = []
    while path:
        here: str | int
        index = None if isinstance(value, dict) else _INDEX.match(path)
        if index:
            here, path = int(index[1]), path[index.end() :]
            value = value[here] if isinstance(value, list) and here < len(value) else None
        else:
            keys = value if isinstance(value, dict) else ()
            there = [key for key in keys if path == key or path.startswith((f"{key}.", f"{key}["))]
            here = max(there, key=len, default=_KEY.split(path, maxsplit=1)[0] or path)
            path = path[len(here) :]
            value = value.get(here) if isinstance(value, dict) else None
        place.append(here)
        path = path.removeprefix(".")
    return tuple(place)


_INDEX: Final = re.compile(r"\[([0-9]+)\]")
_KEY: Final = re.compile(r"[.\[]")


def wrong_body(found: Iterable[tuple[Place, str, str]]) -> RequestValidationError:
    """The error for values of a body that will not do: where each is, a code, a sentence."""
    return RequestValidationError(
        [{"type": code, "loc": ("body", *place), "msg": detail} for place, code, detail in found]
    )
