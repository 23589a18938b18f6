"""One attempt: what counts as delivered, and why it failed, in plain words."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import logging
import socket
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from serving.notifications.addresses import AddressRule
from serving.notifications.attempt import Answer, new_client, post
from tests.serving.notifications.receiver import Got, Reply, receiving

HERE = AddressRule(private=True)


async def here(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


async def attempt(url, rule=HERE, context=None, seconds=5.0) -> Answer:
    async with new_client(rule, context) as client:
        return await post(client, url, {"webhook-id": "a"}, b"{}", seconds)


def answer_to(reply, **options):
    """What comes of an attempt at a receiver that replies so."""

    async def run():
        async with receiving(reply if callable(reply) else lambda _: reply) as receiver:
            return await attempt(receiver.url(), **options), receiver.got

    return asyncio.run(run())


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_delivered(status):
    """Any 2xx is a success."""
    answer, (got,) = answer_to(Reply(status))
    assert answer == Answer(status)
    assert (got.path, got.body, got.headers["webhook-id"]) == ("/hook", b"{}", "a")
    assert got.headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", [304, 400, 404, 410, 429, 500, 503])
def test_refused(status):
    """Any other status is a failure, with what Retry-After said."""
    answer, _ = answer_to(Reply(status, {"Retry-After": "7"}))
    assert answer == Answer(status, f"answered {status}", 7.0)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect(status):
    """A redirect is a failure, and nobody goes where it leads."""
    answer, got = answer_to(Reply(status, {"Location": "/elsewhere"}))
    assert answer == Answer(status, f"answered {status}; redirects are not followed")
    assert [one.path for one in got] == ["/hook"]


def test_no_cookies():
    """A cookie that a receiver sets is not sent back."""

    async def run():
        async with (
            receiving(lambda _: Reply(200, {"Set-Cookie": "a=b; Path=/"})) as receiver,
            new_client(HERE) as client,
        ):
            for _ in range(2):
                await post(client, receiver.url(), {}, b"{}", 5.0)
            return receiver.got

    assert all("cookie" not in one.headers for one in asyncio.run(run()))


def test_timeout():
    """A receiver that does not answer in time has failed."""

    async def never(_: Got) -> Reply:
        await asyncio.sleep(60)
        return Reply()

    answer, _ = answer_to(never, seconds=0.2)
    assert answer == Answer(None, "no answer within 0.2 seconds")


def test_slow_lookup():
    """The lookup of the name counts into the time of an attempt."""

    async def slow(_host: str, _port: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    rule = AddressRule(private=True, resolve=slow)
    answer = asyncio.run(attempt("http://hooks.test/", rule, seconds=0.1))
    assert answer.error == "no answer within 0.1 seconds"


@pytest.mark.parametrize(("length", "seconds"), [(100_000, 60.0), (1, 0.1)])
def test_long_answer(length, seconds, monkeypatch):
    """The answer's body is read to small bounds; its status counts, whatever comes after."""
    monkeypatch.setattr("serving.notifications.attempt._REST_SECONDS", seconds)
    answer, _ = answer_to(Reply(200, {"Content-Length": "50000000"}, b"x" * length), seconds=30.0)
    assert answer == Answer(200)


def test_name_without_address():
    """A name that nobody knows is said to be one."""

    async def nowhere(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    answer = asyncio.run(attempt("http://hooks.test/", AddressRule(True, nowhere)))
    assert answer == Answer(None, "the name of the host has no address")


def test_forbidden():
    """An address that may not be called is an error of the attempt."""
    answer = asyncio.run(attempt("https://hooks.test/", AddressRule(False, here)))
    assert answer.error == "127.0.0.1 is no public address; notifications do not go there"


def test_nobody_listens():
    """A port that nobody listens at is said to be one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    answer = asyncio.run(attempt(f"http://127.0.0.1:{port}/"))
    assert answer.error.startswith("no connection")


def test_next_address():
    """Where the first address takes no connection, the next one is called."""

    async def two(_host: str, _port: int) -> list[str]:
        return ["127.0.0.9", "127.0.0.1"]

    async def run():
        async with receiving() as receiver:
            return await attempt(receiver.url("hooks.test"), AddressRule(True, two))

    assert asyncio.run(run()) == Answer(200)


@pytest.mark.parametrize("raw", [b"SSH-2.0-x\r\n\r\n", b""])
def test_no_http(raw):
    """A receiver that speaks something else, or hangs up, is said to do so."""

    class Other(Reply):
        def raw(self):
            return raw

    answer, _ = answer_to(Other())
    assert answer.error == "the connection was closed before an answer, or the answer is no HTTP"


def test_no_proxy(monkeypatch):
    """A proxy of the environment does not come between."""
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    answer, _ = answer_to(Reply())
    assert answer == Answer(200)


def test_no_url_in_the_log(caplog):
    """The path of a URL, which may hold a token, is in no line of the log."""
    caplog.set_level(logging.INFO)

    async def run():
        async with receiving() as receiver:
            await attempt(receiver.url(path="/services/T0KEN?key=T0KEN"))

    asyncio.run(run())
    assert "T0KEN" not in caplog.text


# ---------------------------------------------------------------------------------------------- TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Certificates of an authority of our own: by name, where certificate and key lie."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])
    root = certificate(issuer, issuer, key.public_key(), key, None)
    (folder / "root.pem").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    for name in ("hooks.test", "other.test", "127.0.0.1"):
        own = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        made = certificate(subject, issuer, own.public_key(), key, name)
        (folder / f"{name}.pem").write_bytes(
            made.public_bytes(serialization.Encoding.PEM)
            + own.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
    return folder


def certificate(subject, issuer, public_key, signer, name):
    """A certificate for a name or an address; of the authority itself where that is None."""
    today = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=name is None, path_length=None), critical=True)
    )
    if name is not None:
        is_address = name[0].isdigit()
        other = x509.IPAddress(ipaddress.ip_address(name)) if is_address else x509.DNSName(name)
        builder = builder.add_extension(x509.SubjectAlternativeName([other]), critical=False)
    return builder.sign(signer, hashes.SHA256())


def over_tls(authority, name, host, trusted=True):
    """An attempt at a host whose receiver shows the certificate of a name."""
    shown = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    shown.load_cert_chain(authority / f"{name}.pem")
    context = ssl.create_default_context(cafile=str(authority / "root.pem") if trusted else None)

    async def run():
        async with receiving(context=shown) as receiver:
            return await attempt(receiver.url(host), AddressRule(True, here), context)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("name", "host"), [("hooks.test", "hooks.test"), ("127.0.0.1", "127.0.0.1")]
)
def test_certificate(authority, name, host):
    """The certificate is checked against the host of the URL, not against its address."""
    assert over_tls(authority, name, host) == Answer(200)


@pytest.mark.parametrize(
    ("name", "host", "trusted", "words"),
    [
        ("other.test", "hooks.test", True, "Hostname mismatch"),
        ("127.0.0.1", "hooks.test", True, "Hostname mismatch"),
        ("hooks.test", "127.0.0.1", True, "IP address mismatch"),
        ("hooks.test", "hooks.test", False, "unable to get local issuer certificate"),
    ],
)
def test_wrong_certificate(authority, name, host, trusted, words):
    """A certificate of another host, or of nobody we trust, is a failure that says so."""
    answer = over_tls(authority, name, host, trusted)
    assert answer.status is None
    assert answer.error.startswith("the certificate will not do: ")
    assert words in answer.error


def test_plain_instead_of_tls():
    """A receiver without TLS at an https URL is said to be one."""

    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(Reply(400).raw())
        await writer.drain()
        writer.close()

    async def run():
        async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
            return await attempt(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")

    answer = asyncio.run(run())
    assert answer.status is None
    assert answer.error.startswith("no TLS connection: ")
