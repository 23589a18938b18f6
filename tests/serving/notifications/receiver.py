"""A receiver on this machine that answers as it is told, and a world of notifications to send."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

from features.store.database import Database
from features.store.kept.notifications import Notice, add_notices
from features.store.schema import deliveries, notifications
from serving.notifications.addresses import AddressRule
from serving.notifications.attempt import new_client
from serving.notifications.delivery import _fill
from serving.notifications.endpoints import Endpoints
from serving.notifications.sender import Sender

SECOND = 1_000_000
HOUR = 3600 * SECOND
START = 1_790_000_000 * SECOND


@dataclass(frozen=True)
class Got:
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass(frozen=True)
class Reply:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def raw(self) -> bytes:
        headers = {"Content-Length": str(len(self.body)), **self.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {self.status} Whatever\r\n{lines}\r\n".encode() + self.body


Answering = Callable[[Got], Reply | Awaitable[Reply]]


@dataclass
class Receiver:
    port: int
    scheme: str
    got: list[Got] = field(default_factory=list)

    def url(self, host: str = "127.0.0.1", path: str = "/hook") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"


@asynccontextmanager
async def receiving(
    answering: Answering = lambda _: Reply(), context: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """A receiver that runs while the block does."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        got = Got(first.split()[1], headers, body)
        receiver.got.append(got)
        reply = answering(got)
        reply = reply if isinstance(reply, Reply) else await reply
        writer.write(reply.raw())
        await writer.drain()
        if len(reply.body) < int(reply.headers.get("Content-Length", 0)):
            await asyncio.sleep(60)  # the rest never comes

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    receiver = Receiver(port, "https" if context else "http")
    try:
        yield receiver
    finally:
        server.close()


@dataclass
class Clock:
    """A clock that goes when it is told to."""

    at: int = START

    def __call__(self) -> int:
        return self.at

    def later(self, seconds: float) -> None:
        self.at += round(seconds * SECOND)


@asynccontextmanager
async def sending(
    database: Database, clock: Clock, timeout_seconds: float = 5.0
) -> AsyncIterator[Sender]:
    """A sender that may call this machine, without jitter."""
    client = new_client(AddressRule(private=True))
    async with client:
        yield Sender(database, client, clock, lambda: 0.0, timeout_seconds)


async def deliver_due(sender: Sender) -> int:
    """What a running service does at one look: a lane for each endpoint; how many attempts."""
    before = sender.attempts.total()
    lanes: dict[str, asyncio.Task[None]] = {}
    await _fill(sender, lanes)
    await asyncio.gather(*lanes.values())
    return sender.attempts.total() - before


def notice(id_: str, at: int = START, type_: str = "step.completed", **data: object) -> Notice:
    return Notice(id_, type_, "lead-1", at, json.dumps({"lead_id": "lead-1", **data}))


def announce(database: Database, notices: Sequence[Notice]) -> None:
    with database.writing() as connection:
        add_notices(connection, notices)


def announce_failed(database: Database, notices: Sequence[Notice], endpoint_id: str) -> None:
    """Notifications that have failed already, so that no service begins to send them meanwhile."""
    with database.writing() as connection:
        add_notices(connection, notices)
        for one in notices:
            _settle(connection, one.id, endpoint_id, **_FAILED)


def delivery(database: Database, notification_id: str, endpoint_id: str) -> sa.RowMapping:
    """The row of one delivery."""
    wanted = sa.select(deliveries).where(
        deliveries.c.notification_id == notification_id, deliveries.c.endpoint_id == endpoint_id
    )
    with database.reading() as connection:
        return connection.execute(wanted).mappings().one()


def settle(database, notification_id, endpoint_id, **values):
    """Change a delivery as if an attempt had been made."""
    with database.writing() as connection:
        _settle(connection, notification_id, endpoint_id, **values)


def _settle(connection, notification_id, endpoint_id, **values):
    connection.execute(
        sa.update(deliveries)
        .where(deliveries.c.notification_id == notification_id)
        .where(deliveries.c.endpoint_id == endpoint_id)
        .values(values)
    )


_FAILED = {"due_at": None, "attempts": 10, "error": "x", "status": 500}


def fail(database, notification_id, endpoint_id):
    settle(database, notification_id, endpoint_id, **_FAILED)


class World:
    """A database, a clock, endpoints at a receiver."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = Clock()
        self.kept = Endpoints(database, self.clock)

    def endpoint(self, receiver, **options) -> str:
        options = {"description": "", "types": [], "path": "/hook", **options}
        url = receiver.url(path=options.pop("path"))
        return self.kept.add(url, **options)[0].id

    def announce(self, *ids: str) -> None:
        announce(self.database, [notice(id_, self.clock()) for id_ in ids])

    def row(self, notification_id: str, endpoint_id: str) -> sa.RowMapping:
        return delivery(self.database, notification_id, endpoint_id)

    def types(self) -> Counter[str]:
        with self.database.reading() as connection:
            return Counter(connection.scalars(sa.select(notifications.c.type)))


def always(status, **headers):
    return lambda _: Reply(status, {name.replace("_", "-"): one for name, one in headers.items()})
