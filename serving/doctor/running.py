"""A service that runs, as its callers see it: through the proxy, and without a key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import httpx2

from serving.doctor.finding import Finding, fine, note, wrong
from serving.doctor.keys import is_this_machine

__all__ = ["service"]

_SECONDS: Final = 10.0


def service(url: str) -> Iterator[Finding]:
    """Whether the service at a URL answers, is ready, and keeps to itself what needs a key."""
    no_url = wrong("service", f"{url!r} is no URL", "it cannot be asked", "write https://host")
    try:
        parts = urlsplit(url)
        client = httpx2.Client(base_url=url, timeout=_SECONDS)
    except (ValueError, httpx2.InvalidURL):  # such as a broken IPv6 address, a port of letters
        yield no_url
        return
    if parts.scheme not in ("http", "https") or not parts.hostname:
        yield no_url
        return
    with client:
        try:
            yield from _answers(client, parts.scheme, parts.hostname)
        except UnicodeError:  # a name that no host can have, such as one with two dots together
            yield no_url
        except httpx2.HTTPError as error:
            why = f"nobody can use it ({type(error).__name__})"
            remedy = "see that it runs (systemctl status rung, the log), and the proxy's log"
            yield wrong("service", f"{url} does not answer", why, remedy)


def _answers(client: httpx2.Client, scheme: str, host: str) -> Iterator[Finding]:
    alive = client.get("/healthz")
    if alive.status_code != 200 or b"alive" not in alive.content:
        why = "something else answers there"
        remedy = "let the proxy pass all paths on to the service"
        yield wrong("service", f"/healthz answers {alive.status_code}", why, remedy)
        return
    yield fine("service", "alive")
    yield _readiness(client.get("/readyz"))
    yield _closed(client.get("/v1/queue", params={"limit": "1"}).status_code, host)
    if scheme == "http" and not is_this_machine(host):
        why = "keys and what is said of leads can be read on the way"
        yield wrong("service", "asked without TLS", why, "put a proxy with TLS in front")
    if scheme == "https" and "strict-transport-security" not in alive.headers:
        yield wrong(
            "service",
            "does not know that it is asked over TLS",
            "cookies of the pages are not kept to TLS",
            "let the proxy send X-Forwarded-Proto, and name it in FORWARDED_ALLOW_IPS",
        )


_LACKS: Final = {
    "store": ("nothing can be stored", "see to the database; the cause is in the service's log"),
    "model": ("it has no scores", "see that the bundle of its settings loads: the part model here"),
    "queue": ("it has no queue", "wait until all leads are scored, or see why not in its log"),
}
"""What follows where a part of a service is missing, and what to do."""


def _readiness(ready: httpx2.Response) -> Finding:
    if ready.status_code == 200:
        return fine("service", "ready")
    missing: list[str] = []
    try:
        told = ready.json()
        what = str(told["detail"])
        missing = [part for part in _LACKS if part in told.get("missing", ())]
    except (ValueError, KeyError, TypeError):
        what = f"/readyz answers {ready.status_code}"
    said = [_LACKS[part] for part in missing]
    why = "; ".join(why for why, _ in said) or "whoever asks it may get no answer"
    remedy = "; ".join(remedy for _, remedy in said) or "see what its log says"
    return wrong("service", f"not ready: {what}", why, remedy)


def _closed(status: int, host: str) -> Finding:
    """Whether somebody without a key is refused."""
    if status == 401:
        return fine("service", "asks for a key")
    remedy = "rung key create NAME --scope read"
    if status == 403:
        why = "nobody from elsewhere is answered"
        return note("service", "has no key yet", why, remedy)
    if is_this_machine(host):
        why = "whoever is on this machine may do everything"
        return note("service", "answers this machine without a key", why, remedy)
    why = (
        "anyone may read and change everything: the proxy makes all callers look like this machine"
    )
    return wrong("service", "answers without a key", why, remedy)
