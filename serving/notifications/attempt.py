"""One attempt to deliver: a POST, its status, and in plain words why it failed."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx2

from serving.edge.retry_after import retry_after
from serving.notifications.addresses import AddressRule, CheckedTransport
from serving.notifications.errors import ForbiddenAddress

__all__ = ["Answer", "new_client", "post"]

_MOST_ANSWER_BYTES: Final = 4096
_REST_SECONDS: Final = 2.0
"""For so long the rest of an answer is read, which nobody looks at."""
_LONGEST_ERROR: Final = 300
_HEADERS: Final = {
    "User-Agent": "Rung-Webhooks/1.0",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt.

    Parameters
    ----------
    status : None where there was no answer.
    error : "" where the notification was taken.
    wait : the seconds that the receiver asks for, at most a day; None where it does not say.
    """

    status: int | None
    error: str = ""
    wait: float | None = None


def new_client(rule: AddressRule, context: ssl.SSLContext | None = None) -> httpx2.AsyncClient:
    """A client that connects as a rule allows, follows no redirect and keeps no cookie."""
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it logs URLs, which may hold tokens
    return httpx2.AsyncClient(
        transport=CheckedTransport(rule, context or httpx2.create_ssl_context()),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers=_HEADERS,
        follow_redirects=False,
        timeout=None,
        trust_env=False,
    )


async def post(
    client: httpx2.AsyncClient,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    seconds: float,
    as_of: int | None = None,
) -> Answer:
    """Send a notification. All of it, from the name's lookup on, may take so many seconds.

    Parameters
    ----------
    as_of : the present in microseconds since the epoch, for a receiver that asks us to wait until a
        date and does not say what time it is there.
    """
    sent = {**headers, "Content-Type": "application/json"}
    try:
        async with (
            asyncio.timeout(seconds),
            client.stream("POST", url, content=body, headers=sent) as response,
        ):
            answer = _answer(response, as_of)
            with suppress(httpx2.HTTPError, TimeoutError):
                await _rest(response)
            return answer
    except TimeoutError:
        return Answer(None, f"no answer within {seconds:g} seconds")
    except (httpx2.HTTPError, httpx2.InvalidURL, ForbiddenAddress, OSError) as error:
        return Answer(None, _in_words(error)[:_LONGEST_ERROR])


def _answer(response: httpx2.Response, as_of: int | None) -> Answer:
    status = response.status_code
    if response.is_success:
        return Answer(status)
    error = f"answered {status}" + ("; redirects are not followed" * response.has_redirect_location)
    return Answer(status, error, retry_after(response.headers, as_of))


async def _rest(response: httpx2.Response) -> None:
    """Read the answer as far as a receiver that is well may want to write it."""
    read = 0
    async with asyncio.timeout(_REST_SECONDS):
        async for part in response.aiter_raw():
            read += len(part)
            if read > _MOST_ANSWER_BYTES:
                return


# ------------------------------------------------------------------------------------- Plain words


def _in_words(error: BaseException) -> str:
    """Why an attempt failed. It names no path, no query and no secret."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ForbiddenAddress):
            return str(cause)
        if isinstance(cause, socket.gaierror):
            return "the name of the host has no address"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate will not do: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"no TLS connection: {(cause.reason or 'the handshake failed').lower()}"
    return _of_connection(error, causes)


def _of_connection(error: BaseException, causes: list[BaseException]) -> str:
    said = next((one.strerror for one in causes if isinstance(one, OSError) and one.strerror), "")
    because = f": {said.lower()}" if said else ""
    if isinstance(error, httpx2.RemoteProtocolError):
        return "the connection was closed before an answer, or the answer is no HTTP"
    if isinstance(error, httpx2.ReadError | httpx2.WriteError):
        return f"the connection broke{because}"
    return f"no connection{because}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error, what it came of, what that came of; each error of a group for itself."""
    seen: set[int] = set()
    found = [error]
    while found:
        one = found.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        found += one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        found += [inner for inner in (one.__cause__, one.__context__) if inner is not None]
