"""`ETag` and `If-Match`: of two who change the same thing at once, the second one is told.

The tag of a thing is a hash of its representation, as `GET` answers it, and strong: any other byte
is another tag (RFC 9110, 8.8 and 13.1). Who changes a thing says in `If-Match` which one was
looked at, and nothing is done where it is another one by then.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Header
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response

from serving.edge.bodies import json_answer
from serving.edge.errors import ChangedMeanwhile

__all__ = ["IfMade", "IfUnchanged", "Unchanged", "tag_of", "tagged_answer"]

_MATCH: Final = "If-Match"
_NONE_MATCH: Final = "If-None-Match"
_TAG: Final = re.compile(r'(W/)?"([!#-~\x80-\xff]*)"')
_LIST: Final = re.compile(rf"[ \t,]*{_TAG.pattern}(?:[ \t]*,[ \t,]*{_TAG.pattern})*[ \t,]*")
_TAG_DIGITS: Final = 32


def tag_of(told: object) -> str:
    """The strong entity tag of a thing, by what is told of it."""
    text = json.dumps(told, separators=(",", ":"))
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:_TAG_DIGITS]}"'


def tagged_answer(request: Request, told: object, headers: Mapping[str, str]) -> Response:
    """A thing with its tag; the short answer where whoever asks has it already."""
    tag = tag_of(told)
    sent = ",".join(request.headers.getlist(_NONE_MATCH))
    known = {f'"{one[2]}"' for one in _TAG.finditer(sent)}
    if sent.strip() == "*" or tag in known:
        return Response(status_code=304, headers={"ETag": tag, **headers})
    return json_answer(told, {"ETag": tag, **headers})


@dataclass(frozen=True, slots=True)
class Unchanged:
    """What must hold of a thing before it is changed.

    Parameters
    ----------
    tags : one of these is its tag; None where nobody asks.
    must_be : it is there, whatever it is.
    must_be_new : it is not there.
    """

    tags: frozenset[str] | None = None
    must_be: bool = False
    must_be_new: bool = False

    @property
    def asks(self) -> bool:
        """Whether anything must hold."""
        return self.tags is not None or self.must_be or self.must_be_new

    def check(self, told: object | None) -> None:
        """ChangedMeanwhile where it does not.

        Parameters
        ----------
        told : the thing, as its tag is made of it; None where there is none.
        """
        if told is None and (self.must_be or self.tags is not None):
            raise ChangedMeanwhile(f"there is none, and {_MATCH} asks for one")
        if told is not None and self.must_be_new:
            raise ChangedMeanwhile(f"there is one, and {_NONE_MATCH} asks for none")
        if self.tags is not None and tag_of(told) not in self.tags:
            raise ChangedMeanwhile("it is not what was looked at: look again, and change that")


def _tags(name: str, lines: Iterable[str]) -> frozenset[str]:
    """Those that are strong: a weak one never says that two things are the same to the byte."""
    sent = ",".join(lines)
    if not _LIST.fullmatch(sent):
        why = f'it is *, or entity tags in their quotes, as in {_MATCH}: "3f0c"'
        raise RequestValidationError([{"type": "value", "loc": ("header", name), "msg": why}])
    return frozenset(f'"{one[2]}"' for one in _TAG.finditer(sent) if not one[1])


async def _unchanged(
    request: Request,
    if_match: Annotated[
        str | None,
        Header(alias=_MATCH, description="The `ETag` of what was looked at, or `*`; else a 412."),
    ] = None,
) -> Unchanged:
    if if_match is None:
        return Unchanged()
    lines = request.headers.getlist(_MATCH)
    if lines == ["*"]:
        return Unchanged(must_be=True)
    return Unchanged(_tags(_MATCH, lines))


IfUnchanged = Annotated[Unchanged, Depends(_unchanged)]
"""What a request wants to hold of what it changes."""


async def _made(
    request: Request,
    wanted: IfUnchanged,
    if_none_match: Annotated[
        str | None,
        Header(alias=_NONE_MATCH, description="`*`: only where there is none yet; else a 412."),
    ] = None,
) -> Unchanged:
    if if_none_match is None:
        return wanted
    if request.headers.getlist(_NONE_MATCH) != ["*"] or wanted.asks:
        why = f"it is * here, and stands without {_MATCH}"
        fault: dict[str, Any] = {"type": "value", "loc": ("header", _NONE_MATCH), "msg": why}
        raise RequestValidationError([fault])
    return Unchanged(must_be_new=True)


IfMade = Annotated[Unchanged, Depends(_made)]
"""The same of a request that also makes what is not there."""
