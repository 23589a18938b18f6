"""What a request shows of whoever sends it: a key, the site of a page, this machine."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from functools import lru_cache
from typing import Final, cast
from urllib.parse import urlsplit

from fastapi import Request

__all__ = [
    "is_loopback",
    "is_loopback_name",
    "is_of_host",
    "is_personalizer",
    "key_in",
    "key_of",
    "origin_of",
]

_LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PORT: Final = re.compile(r":[0-9]*\Z")


def is_personalizer(path: str) -> bool:
    """Whether a path is one of Azure Personalizer's, whose clients have a header of their own."""
    return path.startswith("/personalizer/")


def key_of(request: Request) -> str | None:
    """The key in the headers of a request, None where there is none."""
    scope = request.scope
    for name, value in scope["headers"]:  # as they came: `request.headers` takes its time
        if name == b"authorization":
            return key_in(value.decode("latin-1"))
        if name == b"ocp-apim-subscription-key" and is_personalizer(scope["path"]):
            return cast(str, value.decode("latin-1"))
    return None


def key_in(given: str) -> str:
    """The key in the value of an Authorization header, "" where there is none in it."""
    kind, _, value = given.partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    return _of_basic(value.strip()) if kind.lower() == "basic" else ""


def _of_basic(value: str) -> str:
    """The user name of basic credentials, "" where they are none."""
    try:
        name, colon, _ = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return name if colon else ""


def origin_of(request: Request) -> str | None:
    """The site whose page asks, another than this service; None where no page does."""
    scope = request.scope
    origin = host = ""
    for name, value in scope["headers"]:
        if name == b"origin":
            origin = value.decode("latin-1")
        elif name == b"host":
            host = value.decode("latin-1")
    return None if not origin or is_of_host(origin, host) else origin


def is_of_host(origin: str, host: str) -> bool:
    """Whether an origin, as browsers send it, is the site at a host; what is no origin never is."""
    try:
        return urlsplit(origin).netloc.lower() == host.lower() != ""
    except ValueError:  # such as a broken IPv6 address
        return False


@lru_cache(64)
def is_loopback_name(host: str) -> bool:
    """Whether a `Host` names this machine to itself, with a port or without."""
    return _PORT.sub("", host.lower()) in _LOOPBACK_NAMES


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own, to which nobody else has a way."""
    if address == "127.0.0.1":
        return True
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    inner = getattr(parsed, "ipv4_mapped", None) or parsed
    return bool(inner.is_loopback)
