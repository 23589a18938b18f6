"""`Idempotency-Key`: who has lost an answer asks again, and is given what was made for it before.

The key becomes the id of what a request makes. So nothing else is kept of it, it holds as long as
what was made is there, and of two that ask at the same time one makes it. The header is that of
draft-ietf-httpapi-idempotency-key-header-07; its quotes may be left out.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Header
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request

from serving.edge.access.access import Asker

__all__ = ["AskedAgain", "OnceKey", "key_of_another"]

_NAME: Final = "Idempotency-Key"
_QUOTED: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_KEY: Final = re.compile(r"[ -~]{1,255}")
_ID_DIGITS: Final = 32


@dataclass(frozen=True, slots=True)
class OnceKey:
    """What somebody calls a request that they may send again.

    Parameters
    ----------
    asker : whose it is: the id of a key, "" for this machine while there is none. Another's key of
        the same name is another.
    """

    asker: str
    name: str

    def id_of(self, *what: str) -> str:
        """The id of what is made, 32 hex digits: the same whenever the same is asked for."""
        told = json.dumps([self.asker, self.name, *what])
        return hashlib.sha256(told.encode()).hexdigest()[:_ID_DIGITS]


async def _asked_again(
    request: Request,
    sent: Annotated[
        str | None,
        Header(
            alias=_NAME,
            description="Your own; the same again makes nothing anew.",
        ),
    ] = None,
) -> OnceKey | None:
    if sent is None:
        return None
    lines = request.headers.getlist(_NAME)
    text = lines[0].strip()
    name = text
    if text.startswith('"'):
        quoted = _QUOTED.fullmatch(text)
        name = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else ""
    if len(lines) > 1 or not _KEY.fullmatch(name):
        raise _wrong("send it once, with 1 to 255 characters of ASCII", "value")
    asker: Asker | None = request.scope["state"].get("asker")
    return OnceKey(asker.key_id if asker else "", name)


def key_of_another() -> RequestValidationError:
    """The error where a key has come with something else before."""
    return _wrong(
        "it came with another request before, or what it made was changed since; take a new key",
        "used",
    )


def _wrong(message: str, code: str) -> RequestValidationError:
    return RequestValidationError([{"type": code, "loc": ("header", _NAME), "msg": message}])


AskedAgain = Annotated[OnceKey | None, Depends(_asked_again)]
"""The key of a request; None where it has none."""
