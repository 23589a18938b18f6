"""Load on a service of this machine: requests on kept connections, one at a time on each.

Requests are made before the clock starts, and answers are looked at no further than their status
and length, so that the client takes as little of the machine as it can.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

__all__ = ["Load", "all_answered", "get", "load", "post"]


@dataclass(slots=True)
class Load:
    """What came of it.

    Parameters
    ----------
    seconds : from the first request to the last answer.
    milliseconds : of each request, in the order of the answers.
    statuses : how often each was answered.
    """

    seconds: float = 0.0
    milliseconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.milliseconds) / self.seconds

    def share(self, quantile: float) -> float:
        """The milliseconds that such a share of the requests stayed within."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, round(quantile * len(ordered)))]


def all_answered(found: Iterable[Load]) -> None:
    """RuntimeError unless each request was answered, and well."""
    for one in found:
        if set(one.statuses) != {200}:
            raise RuntimeError(f"answers that are not 200: {one.statuses}")


def get(url: str, path: str, headers: str = "") -> bytes:
    """A GET as bytes; `headers` are further lines, each with its end."""
    return f"GET {path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n{headers}\r\n".encode()


def post(url: str, path: str, body: bytes, headers: str = "") -> bytes:
    """A POST of JSON as bytes."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    )
    return head.encode() + body


def load(url: str, requests: Sequence[bytes], connections: int, seconds: float = 0.0) -> Load:
    """Send requests over so many connections.

    Parameters
    ----------
    seconds : send them in turn again and again for so long; 0 sends each once.
    """
    return asyncio.run(_load(url, requests, connections, seconds))


async def _load(url: str, requests: Sequence[bytes], connections: int, seconds: float) -> Load:
    done = Load()
    following = iter(range(len(requests))) if not seconds else None
    started = time.perf_counter()
    until = started + seconds

    async def client(number: int) -> None:
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        at = number * len(requests) // connections
        while True:
            if following is not None:
                chosen = next(following, None)
                if chosen is None:
                    break
            elif time.perf_counter() >= until:
                break
            else:
                chosen = at % len(requests)
                at += 1
            sent = time.perf_counter()
            writer.write(requests[chosen])
            status = await _answer(reader)
            done.milliseconds.append((time.perf_counter() - sent) * 1e3)
            done.statuses[status] = done.statuses.get(status, 0) + 1
        writer.close()

    await asyncio.gather(*(client(number) for number in range(connections)))
    done.seconds = time.perf_counter() - started
    return done


async def _answer(reader: asyncio.StreamReader) -> int:
    """The status of an answer, which is read to its end."""
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    at = lower.find(b"content-length:")
    if at >= 0:
        await reader.readexactly(int(lower[at + 15 : lower.index(b"\r\n", at)]))
    elif b"transfer-encoding: chunked" in lower:
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    return int(head[9:12])
