"""Where notifications may be sent: nowhere inside the network of the one who runs the service.

A URL is checked when it is given. Its host is resolved and its addresses are checked at every
attempt, and the connection goes to an address that was checked, so a name that means something
else a moment later leads nowhere else.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import httpx2

from serving.notifications.errors import ForbiddenAddress

__all__ = ["AddressRule", "CheckedTransport", "Resolve", "resolved"]

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""From a host and a port to the texts of its IP addresses; OSError where there is none."""
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LABEL: Final = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_NAME: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_LONGEST_NAME: Final = 253
_MOST_ADDRESSES: Final = 4


def _networks(*texts: str) -> tuple[_Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


# IANA's registries of special-purpose addresses; of IPv6, 2000::/3 alone is handed out to networks.
_PUBLIC: Final = _networks("0.0.0.0/0", "2000::/3")
_SPECIAL: Final = _networks(
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
    *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24"),
    *("192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24"),
    *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    *("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
)
_PRIVATE: Final = _networks(
    *("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    *("::1/128", "fc00::/7"),
)
"""What the operator can let through."""
_METADATA: Final = _networks("100.100.100.200/32", "fd00:ec2::254/128")
"""Private addresses where clouds keep credentials; nobody receives notifications there."""


async def resolved(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system has them; OSError where there is none."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


@dataclass(frozen=True, slots=True)
class AddressRule:
    """Which URLs may be called.

    Parameters
    ----------
    private : let private and loopback addresses through, and plain http.
    """

    private: bool = False
    resolve: Resolve = resolved

    def url(self, text: str) -> httpx2.URL:
        """The URL of an endpoint, in its normal form.

        Raises
        ------
        ForbiddenAddress : nothing may be sent there, or it is no URL. Names are not resolved here.
        """
        url = _parsed(text)
        if url.scheme != "https" and not (self.private and url.scheme == "http"):
            raise ForbiddenAddress("a URL begins with https://")
        if "@" in url.netloc.decode() or url.userinfo or "@" in _authority(text):
            raise ForbiddenAddress(
                "a URL holds no user and no password; the signature is the proof"
            )
        if url.port is not None and not 0 < url.port < 65_536:
            raise ForbiddenAddress(f"{url.port} is no port")
        address = _literal(_host(url))
        if address is not None:
            self._check(address)
        return url.copy_with(fragment=None)

    async def addresses(self, url: httpx2.URL) -> list[str]:
        """The addresses of a URL's host that may be connected to, at least one.

        Raises
        ------
        ForbiddenAddress : the host has none but forbidden ones.
        OSError : it has none at all.
        """
        host = _host(url)
        port = url.port or (443 if url.scheme == "https" else 80)
        literal = _literal(host)
        texts = [str(literal)] if literal else await self.resolve(host, port)
        allowed, refusal = [], ForbiddenAddress(f"{host} has no address")
        for text in texts:
            try:
                allowed.append(self._check(ipaddress.ip_address(text)))
            except ForbiddenAddress as error:
                refusal = error
        if not allowed:
            raise refusal
        return allowed[:_MOST_ADDRESSES]

    def _check(self, address: _Address) -> str:
        """The text of an address that may be connected to; one with a zone is for this machine."""
        if isinstance(address, ipaddress.IPv6Address) and address.scope_id:
            raise ForbiddenAddress(f"{address} has a zone; an address of others has none")
        if _is_public(address) or (self.private and _is_private(address)):
            return str(address)
        raise ForbiddenAddress(f"{address} is no public address; notifications do not go there")


def _parsed(text: str) -> httpx2.URL:
    try:
        return httpx2.URL(text)
    except (httpx2.InvalidURL, ValueError) as error:
        raise ForbiddenAddress("this is no URL; write https://example.com/rung") from error


def _authority(text: str) -> str:
    """What stands between `//` and the path, as it was written."""
    return re.split(r"[/?#]", text.partition("//")[2], maxsplit=1)[0]


def _host(url: httpx2.URL) -> str:
    """The host in ASCII; ForbiddenAddress where it is neither a name nor an address."""
    host = url.raw_host.decode("ascii")
    if _literal(host) is not None:
        return host
    is_name = len(host) <= _LONGEST_NAME and _NAME.fullmatch(host)
    if not is_name or _NUMBER.fullmatch(host.rpartition(".")[2]):
        raise ForbiddenAddress(f"{host!r} is no name of a host; an address is written 198.51.100.7")
    return host


def _literal(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_public(address: _Address) -> bool:
    return _is_in(address, _PUBLIC) and not _is_in(address, _SPECIAL)


def _is_private(address: _Address) -> bool:
    return _is_in(address, _PRIVATE) and not _is_in(address, _METADATA)


def _is_in(address: _Address, networks: tuple[_Network, ...]) -> bool:
    return any(address in network for network in networks)


class CheckedTransport(httpx2.AsyncHTTPTransport):
    """Connects to addresses that a rule allows, to nothing else; TLS is checked against the name.

    A connection serves one request: two names at one address never share one, and no proxy of the
    environment comes between.
    """

    def __init__(self, rule: AddressRule, context: ssl.SSLContext) -> None:
        alone = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
        super().__init__(verify=context, limits=alone, trust_env=False)
        self._rule = rule

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request to the first address that takes a connection."""
        named = request.url
        request.extensions = {**request.extensions, "sni_hostname": _host(named)}
        *others, last = await self._rule.addresses(named)
        try:
            for address in others:
                try:
                    return await self._sent(request, named, address)
                except (httpx2.ConnectError, httpx2.ConnectTimeout):
                    continue
            return await self._sent(request, named, last)
        finally:
            request.url = named

    async def _sent(
        self, request: httpx2.Request, named: httpx2.URL, address: str
    ) -> httpx2.Response:
        request.url = named.copy_with(host=address)
        return await super().handle_async_request(request)
