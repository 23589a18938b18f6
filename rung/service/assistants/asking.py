"""Asks the service, with the key of the one who wants to know; its refusals become a sentence."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final
from urllib.parse import quote

import httpx2

from features.errors import Unusable

__all__ = ["AWAY", "NOT_RUNG", "NoAnswer", "ServiceClient", "answer_of", "new_http", "segment"]

AWAY: Final = "away"
NOT_RUNG: Final = "not-rung"
"""Kinds of no answer beside those of the service's problems."""
_SECONDS: Final = 30.0
_KIND: Final = re.compile(r"urn:problem-type:rung:([a-z-]{1,60})")
_CODE: Final = re.compile(r"[a-z_-]{1,60}")
_WORD: Final = re.compile(r"[a-z][a-z0-9_-]{0,99}")
_SENTENCES: Final = {
    "key-needed": "Rung needs a key, or does not know this one; `rung key create` makes one.",
    "unknown-lead": "Rung knows no such lead; find_lead looks one up.",
    "unknown-decision": "Rung has made no such decision; decision ids come from what_to_say.",
    "opted-out": "This lead has opted out of profiling: leave it in peace.",
    "decision-conflict": "It is stored otherwise already, and what was stored first stays.",
    "too-many-requests": "This key asks too often; wait a moment.",
    "no-model": "Rung has no model yet, so there are no scores; the operator trains one.",
    "no-such-address": "The service has no such address; it may be a Rung of another version.",
    "store-unavailable": "Rung cannot read its store now; try again in a moment.",
}
"""By the kind of a problem. Its detail may repeat what strangers wrote, so it is not told."""
_DETAILED: Final = {"not-allowed", "unknown-ladder"}
"""Kinds of which the detail is told: keys, scopes and ladders are the operator's own words."""
_AWAY: Final = "Rung does not answer at its address; `rung serve` starts it."
_NOT_RUNG: Final = "What answers at this address does not answer as Rung does; check --url."


class NoAnswer(Unusable):
    """The service refused, or is not there. The message is a sentence for an assistant.

    Parameters
    ----------
    kind : of the service's problem, `AWAY` or `NOT_RUNG`; "" where it was not asked.
    """

    def __init__(self, sentence: str, kind: str = "") -> None:
        self.kind = kind
        super().__init__(sentence)


@dataclass(frozen=True, slots=True)
class ServiceClient:
    """A client of the service, for whoever asks.

    Parameters
    ----------
    authorization : the header as they showed it; "" where they showed none.
    came_from : the address they asked from; "" for a program of this machine's own user.
    """

    http: httpx2.AsyncClient
    authorization: str = ""
    came_from: str = ""

    async def get(self, path: str, query: Mapping[str, object] | None = None) -> Any:
        """What a GET answers. What is None in the query is left out."""
        asked = {name: str(value) for name, value in (query or {}).items() if value is not None}
        return await self._answer("GET", path, {"params": asked})

    async def post(self, path: str, body: Mapping[str, object] | None = None) -> Any:
        """What a POST answers. What is None in the body is left out."""
        if body is None:
            return await self._answer("POST", path, {})
        told = {name: value for name, value in body.items() if value is not None}
        return await self._answer("POST", path, {"json": told})

    async def _answer(self, method: str, path: str, options: dict[str, Any]) -> Any:
        """The JSON that is answered.

        Raises
        ------
        NoAnswer : it is a problem, or none of Rung's, or nobody answers.
        """
        try:
            answer = await self.http.request(method, path, headers=self._headers(), **options)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise NoAnswer(_AWAY, AWAY) from error
        return answer_of(answer)

    def _headers(self) -> dict[str, str]:
        """The key, and that the request is another's.

        A service without a key answers its own machine alone, and nobody through a proxy. We are
        one to whoever asks over HTTP, and say so: else this would be a way around.
        """
        headers = {"Authorization": self.authorization} if self.authorization else {}
        return headers | ({"X-Forwarded-For": self.came_from} if self.came_from else {})


def answer_of(answer: httpx2.Response) -> dict[str, Any]:
    """The JSON object that the service answered.

    Raises
    ------
    NoAnswer : it is a problem, or none of Rung's.
    """
    try:
        told = answer.json()
    except ValueError as error:
        raise NoAnswer(_NOT_RUNG, NOT_RUNG) from error
    if not isinstance(told, dict):
        raise NoAnswer(_NOT_RUNG, NOT_RUNG)
    if answer.status_code == httpx2.codes.OK:
        return told
    found = _KIND.fullmatch(str(told.get("type")))
    if found is None:
        raise NoAnswer(_NOT_RUNG, NOT_RUNG)
    raise NoAnswer(_sentence(found[1], answer.status_code, told), found[1])


def new_http(url: str) -> httpx2.AsyncClient:
    """A client of the service at an address; it follows no redirect and keeps no cookie."""
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it logs addresses, with ids in them
    return httpx2.AsyncClient(
        base_url=url,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        timeout=_SECONDS,
    )


def segment(id_: str) -> str:
    """An id as one segment of a path, whatever is in it: neither / nor .. leads anywhere else."""
    return quote(id_, safe="").replace(".", "%2E")


# ----------------------------------------------------------------------------------------- Refusals


def _sentence(kind: str, status: int, problem: Mapping[str, Any]) -> str:
    """A problem as a sentence for an assistant."""
    if kind in _SENTENCES:
        return _SENTENCES[kind]
    if kind in _DETAILED:
        return _line(f"Rung refuses: {problem.get('detail')}")
    if kind == "limit-reached":
        return (
            f"A limit holds it back ({_code(problem.get('reason'))}): do not extend the offer,"
            " and ask what_to_say again."
        )
    if kind == "invalid-request":
        return f"Rung cannot use {_pointers(problem)}."
    return f"Rung answers {status} ({kind}); what is behind it stands in the service's log."


def _pointers(problem: Mapping[str, Any]) -> str:
    """What was wrong in a request: the places, codes of what will not do there, and what would."""
    errors = problem.get("errors") or []
    told = [
        f"{_line(str(one.get('pointer')))} ({_code(one.get('code'))}{_allowed(one.get('allowed'))})"
        for one in errors
    ]
    return ", ".join(told) or "the request"


def _allowed(values: object) -> str:
    """What would do, as the service lists it: words of the operator's own, such as ids of steps."""
    words = values if isinstance(values, list) else []
    told = [one for one in words if isinstance(one, str) and _WORD.fullmatch(one)]
    return f"; there are {', '.join(told)}" if told else ""


def _code(value: object) -> str:
    """A word of Rung's own; what is no such word is not told."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else "no reason given"


def _line(text: str) -> str:
    return " ".join(text.split())
