"""Addresses: nothing is sent into the network of the one who runs the service."""

from __future__ import annotations

import asyncio
import ipaddress

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.notifications.addresses import AddressRule, CheckedTransport, resolved
from serving.notifications.errors import ForbiddenAddress

INSIDE = {
    "loopback": ["127.0.0.1", "127.8.8.8", "::1"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12::1"],
    "shared": ["100.64.0.1"],
    "link-local": ["169.254.169.254", "fe80::1"],
    "metadata": ["100.100.100.200", "fd00:ec2::254"],
    "multicast": ["224.0.0.1", "239.1.1.1", "ff02::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "192.0.0.8", "100::1", "4000::1", "fec0::1"],
    "unspecified": ["0.0.0.0", "0.1.2.3", "::"],  # noqa: S104 to be refused
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "benchmarks": ["198.18.0.1", "2001:2::1"],
    "mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::7f00:1"],
    "nat64": ["64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1"],
    "6to4": ["2002:7f00:1::1", "2002:a00:1::", "2002:808:808::1", "192.88.99.1"],
    "teredo": ["2001:0:4136:e378:8000:63bf:3fff:fdd2"],
}
ALL_INSIDE = [(kind, address) for kind, addresses in INSIDE.items() for address in addresses]
LET_THROUGH = ("loopback", "private", "shared")


def with_brackets(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def answering(*addresses: str):
    """A resolver that knows one answer."""

    async def resolve(_host: str, _port: int) -> list[str]:
        return list(addresses)

    return resolve


def addresses_of(rule: AddressRule, url: str) -> list[str]:
    return asyncio.run(rule.addresses(httpx2.URL(url)))


@pytest.mark.parametrize(("kind", "address"), ALL_INSIDE)
def test_inside_as_literal(kind, address):
    """An address inside is refused where it stands in the URL; some the operator lets through."""
    url = f"https://{with_brackets(address)}:8443/x"
    with pytest.raises(ForbiddenAddress, match="is no public address"):
        AddressRule().url(url)
    if kind in LET_THROUGH:
        assert AddressRule(private=True).url(url).port == 8443
    else:
        with pytest.raises(ForbiddenAddress, match="is no public address"):
            AddressRule(private=True).url(url)


@pytest.mark.parametrize(("kind", "address"), ALL_INSIDE)
def test_inside_by_name(kind, address):
    """A name that means an address inside is refused when it is about to be called."""
    rule = AddressRule(resolve=answering(address))
    assert rule.url("https://hooks.example.com/x").host == "hooks.example.com"
    with pytest.raises(ForbiddenAddress, match="is no public address"):
        addresses_of(rule, "https://hooks.example.com/x")
    through = AddressRule(private=True, resolve=answering(address))
    if kind in LET_THROUGH:
        assert addresses_of(through, "https://hooks.example.com/x")
    else:
        with pytest.raises(ForbiddenAddress, match="is no public address"):
            addresses_of(through, "https://hooks.example.com/x")


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize(
    "host",
    [
        *("2130706433", "0x7f000001", "0X7F.1", "0x7f.0.0.1", "127.1", "127.0.1", "017700000001"),
        *("0177.0.0.1", "127.0.0.01", "1.2.3.4.5", "example.0x", "example.1", "256.1.1.1"),
        *("127.0.0.1.", "example.com.", "a..b", ".example.com", "-a.example", "exa%6dple.com"),
        *("exa mple.com", "a_b\\c.example", "x" * 64 + ".example", "a." * 127 + "example"),
        *("①②⑦.0.0.1", "[::1", "[127.0.0.1]", "[fe80::1%25eth0]", "", "example.com:99999"),
        "[2606:4700::1111%25eth0]",
        *("example.com:0", "example.com:-1", "example.com:x", "localhost\x00.example"),
    ],
)
def test_odd_hosts(host, private):
    """A host that is neither a name nor an address in its one spelling is refused."""
    with pytest.raises(ForbiddenAddress):
        AddressRule(private).url(f"https://{host}/")


def test_wide_full_stops():
    """A host is looked at as it will be called, not as it was written."""
    with pytest.raises(ForbiddenAddress, match=r"127\.0\.0\.1 is no public address"):
        AddressRule().url("https://127。0。0。1/")


@pytest.mark.parametrize(
    "authority",
    [
        *("user@example.com", "user:word@example.com", "@example.com", ":@example.com"),
        *("example.com\\@127.0.0.1", "example.com@127.0.0.1"),
    ],
)
def test_credentials(authority):
    """A URL with a user or a password is refused, and the word is not repeated."""
    with pytest.raises(ForbiddenAddress, match="no user and no password") as caught:
        AddressRule(private=True).url(f"https://{authority}/")
    assert "word@" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://example.com/", "ftp://example.com", "//example.com", "x"])
def test_https_alone(url):
    """Only https will do."""
    with pytest.raises(ForbiddenAddress, match="begins with https://"):
        AddressRule().url(url)


def test_http_for_the_operator():
    """Plain http is let through with private addresses, other schemes never."""
    assert AddressRule(private=True).url("http://10.1.2.3/").scheme == "http"
    with pytest.raises(ForbiddenAddress, match="begins with https://"):
        AddressRule(private=True).url("ftp://10.1.2.3/")


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("HTTPS://Hooks.Example.com/", "https://hooks.example.com/"),
        ("https://example.com:8443/a?b=c#d", "https://example.com:8443/a?b=c"),
        ("https://8.8.8.8/a", "https://8.8.8.8/a"),
        ("https://[2606:4700::1111]:1/", "https://[2606:4700::1111]:1/"),
        ("https://bücher.example/ä", "https://xn--bcher-kva.example/%C3%A4"),
        ("https://example.com/a@b", "https://example.com/a@b"),
    ],
)
def test_allowed(text, normal):
    """A public URL is kept in its normal form, whatever its port."""
    assert str(AddressRule().url(text)) == normal


@given(st.ip_addresses())
def test_no_special_address(address):
    """What is let through is globally reachable by the standard library's own tables too."""
    try:
        AddressRule().url(f"https://{with_brackets(str(address))}/")
    except ForbiddenAddress:
        return
    assert address.is_global
    assert not address.is_multicast


@given(st.ip_addresses(v=4))
def test_no_address_in_another(address):
    """An IPv4 address inside an IPv6 address is refused in every known embedding."""
    packed = int(address)
    for base, shift in (("::ffff:0:0", 0), ("::", 0), ("64:ff9b::", 0), ("2002::", 80)):
        outer = ipaddress.IPv6Address(int(ipaddress.IPv6Address(base)) | packed << shift)
        with pytest.raises(ForbiddenAddress, match="is no public address"):
            AddressRule().url(f"https://[{outer}]/")


def test_public_among_private():
    """Of several addresses those that may be called are, and no other."""
    rule = AddressRule(resolve=answering("10.0.0.1", "8.8.8.8", "::1", "2606:4700::1111"))
    found = addresses_of(rule, "https://hooks.example.com/")
    assert found == ["8.8.8.8", "2606:4700::1111"]


def test_no_address():
    """A name without an address is not called."""
    with pytest.raises(ForbiddenAddress, match="has no address"):
        addresses_of(AddressRule(resolve=answering()), "https://hooks.example.com/")


def test_system_resolver():
    """The system's resolver gives each address once."""
    found = asyncio.run(resolved("127.0.0.1", 443))
    assert found == ["127.0.0.1"]


def test_connects_to_what_was_checked(monkeypatch):
    """A name that means something else a moment later: the address that was checked is called.

    The certificate is checked against the name, and the name stands in the Host header.
    """
    answers = [["8.8.8.8"], ["127.0.0.1"], ["127.0.0.1"]]
    calls: list[tuple[str, str, str]] = []

    async def resolve(_host: str, _port: int) -> list[str]:
        return answers.pop(0)

    async def connected(_, request):
        names = request.extensions["sni_hostname"], request.headers["host"]
        calls.append((request.url.host, *names))
        return httpx2.Response(204)

    monkeypatch.setattr(httpx2.AsyncHTTPTransport, "handle_async_request", connected)

    async def send() -> None:
        transport = CheckedTransport(AddressRule(resolve=resolve), httpx2.create_ssl_context())
        async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
            await client.post("https://hooks.example.com:8443/x")
            with pytest.raises(ForbiddenAddress, match=r"127\.0\.0\.1 is no public address"):
                await client.post("https://hooks.example.com:8443/x")

    asyncio.run(send())
    assert calls == [("8.8.8.8", "hooks.example.com", "hooks.example.com:8443")]
    assert len(answers) == 1
