"""Schemathesis makes up requests from the service's own description, and holds it to that."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import schemathesis
from fastapi import FastAPI
from pydantic import ValidationError
from schemathesis.config import SchemathesisConfig
from schemathesis.core.transport import Response
from schemathesis.engine import events, from_schema
from schemathesis.python import asgi

from features.store.migrations import open_database
from serving.app import create_app
from serving.edge.access.keys import Keys
from serving.edge.access.shown import is_personalizer
from serving.edge.schemas import ProblemAnswer
from serving.settings import Settings
from tests.serving.conftest import copy_of
from tests.serving.live.process import eventually
from tests.serving.shapes import check_error

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Generating overly large repr"),  # of a batch of events
]

_SEED = 4
PARTS = int(os.environ.get("PROOF_OPERATIONS", "1"))
"""Of how many parts of the operations a run that has little time asks one. `test_as_described` asks
for all of them, and of the others each asks for a part of its own: between them, for all."""
_SEGMENT = (
    r"^/v1/(batch|import|identify|track|page|screen|group|alias|call|[abgimpst])$"
    r"|^/beacon/v1/batch$|^/batch/$|^/capture/$|^/i/v0/e/$|^/sourceConfig/$"
)
"""They take whatever the clients of others send: what is not read is not looked at either."""
_ALWAYS = {"GET /readyz", "GET /v1/queue", "POST /v1/events"}
"""What a test names is asked in every part."""
_SENDING = ("/v1/events", "/v1/cloudevents", "/v1/projects/{key}/settings")
_INSIDE = ("Traceback", "sqlalchemy", "sqlite3", "psycopg", "SELECT ", "INSERT ", 'File \\"')
"""What no answer may show."""


@dataclass
class Told:
    """What a run has found: failures, and how often each operation answered with each status."""

    failures: dict[str, str] = field(default_factory=dict)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)

    def of(self, label: str) -> set[int]:
        """The statuses that an operation answered with."""
        return {status for name, status in self.statuses if name == label}

    @property
    def labels(self) -> set[str]:
        return {label for label, _ in self.statuses}


def _here(app: FastAPI) -> Any:
    """The app as a caller on the same machine finds it."""

    async def called(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope = {**scope, "client": ("127.0.0.1", 50000)}
        await app(scope, receive, send)

    return called


def _config(
    key: str, examples: int, phases: Iterable[str], ids: dict[str, str], is_later: bool
) -> SchemathesisConfig:
    """Every check but those that ask for what is not promised.

    A request may be refused though it fits its schema, as one with a cursor of another list is.
    Ids of leads may hold slashes: DELETE of `/v1/leads/x/export` is about the lead `x/export`, so
    that an address has methods which its description gives to another.
    """
    answered = ["2xx", "3xx", "4xx", *(["503"] if is_later else [])]
    checks = {
        "positive_data_acceptance": {"enabled": False},
        "unsupported_method": {"enabled": False},
        "ignored_auth": {"enabled": bool(key)},
        "not_a_server_error": {"expected-statuses": answered},
        "negative_data_rejection": {"expected-statuses": _REFUSALS},
    }
    unlimited = {"negative_data_rejection": {"enabled": False}}
    return SchemathesisConfig.from_dict(
        {
            "seed": _SEED,
            "base-url": "http://127.0.0.1",
            "continue-on-failure": True,
            "suppress-health-check": ["all"],
            "headers": {"Authorization": f"Bearer {key}"} if key else {},
            "parameters": {"header.Prefer": "handling=strict"} | ids,
            "phases": {phase: {"enabled": phase in phases} for phase in _PHASES},
            "generation": {"max-examples": examples, "database": "none"},
            "analysis": {"constants": {"enabled": False}},  # other examples after each edit
            "cache": {"enabled": False},
            "checks": checks,
            "operations": [{"include-path-regex": _SEGMENT, "checks": unlimited}],
        }
    )


_PHASES = ("examples", "coverage", "fuzzing", "stateful")
_REFUSALS = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "503"]


class Fuzzed:
    """The service in this process, and Schemathesis on it."""

    def __init__(self, folder: Path, path: Path, bundle: str = "fitted", scope: str = "") -> None:
        url = copy_of(folder, path)
        self._key = ""
        if scope:
            with open_database(url) as database:
                self._key = Keys(database).create("fuzz", [scope], as_of=1)[1]
        settings = Settings(url, folder / bundle, log_level="error", webhook_private="allow")
        self._app = create_app(settings)
        self._here = _here(self._app)
        with self.client():
            has_scored = self._app.state.service
            eventually(lambda: bundle == "none" or has_scored.run is not None)

    def client(self) -> asgi.ASGIClient:
        """A caller of the service."""
        return asgi.ASGIClient(self._here, "http://127.0.0.1")

    def run(
        self,
        examples: int,
        phases: Iterable[str] = _PHASES,
        ids: dict[str, str] | None = None,
        is_later: bool = False,
        part: int | None = None,
    ) -> Told:
        """What Schemathesis finds; with `ids`, in what is asked of those alone.

        Parameters
        ----------
        ids : of path parameters. What they name is not removed.
        is_later : whether the service may say that it is not ready.
        part : which of `PARTS` to ask, and what is `_ALWAYS` asked; None for all.
        """
        config = _config(self._key, examples, set(phases), ids or {}, is_later)
        schema: Any = schemathesis.openapi.from_asgi(
            "/openapi.json", self._here, config=config, headers={"Host": "127.0.0.1"}
        )
        if ids:
            schema = schema.exclude(lambda one: not _is_about(one.operation, ids))
        if part is not None:
            labels = sorted(one.ok().label for one in schema.get_all_operations())
            asked = {*labels[part % PARTS :: PARTS], *_ALWAYS}
            schema = schema.exclude(lambda one: one.operation.label not in asked)
        return _told(schema)


def _is_about(operation: Any, ids: Iterable[str]) -> bool:
    """Whether an operation is about something of these ids, and does not remove it."""
    names = (f"{{{name.removeprefix('path.')}}}" for name in ids)
    return operation.method != "delete" and any(name in operation.path for name in names)


@pytest.fixture
def fuzzed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Fuzzed]]:
    """Makes services to be asked."""
    # No request leaves this process: each would look for the proxies of the machine.
    monkeypatch.setattr("requests.sessions.get_environ_proxies", lambda *_, **__: {})
    yield partial(Fuzzed, folder, tmp_path)
    asgi.shutdown_lifespans()


def _told(schema: Any) -> Told:
    told = Told()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _look(event.recorder, told)
        elif isinstance(event, events.NonFatalError):
            told.failures[f"{event.label}: it cannot be asked"] = event.info.format()
        elif isinstance(event, events.FatalError):
            raise event.exception
    return told


def _look(recorder: Any, told: Told) -> None:
    """Keep what a scenario found, each kind of failure of an operation once."""
    for checks in recorder.checks.values():
        for check in checks:
            if check.failure_info is not None:
                failure = check.failure_info.failure
                example = f"{failure.message}\n{check.failure_info.code_sample}"
                told.failures.setdefault(f"{failure.operation}: {check.name}", example)
    for id_, interaction in recorder.interactions.items():
        if interaction.response is None:
            continue
        label = recorder.cases[id_].value.operation.label
        told.statuses[label, interaction.response.status_code] += 1
        wrong = _wrong(interaction.response)
        if wrong:
            request = interaction.request
            told.failures.setdefault(
                f"{label}: {wrong}", f"{request.method} {request.uri} {request.body!r:.500}"
            )


def _wrong(response: Response) -> str:
    """What is wrong with an answer; "" for nothing. Its size is not of interest."""
    text = response.text
    shown = [word for word in _INSIDE if word in text]
    if shown:
        return f"shows its inside: {shown}"
    if response.status_code < 400:
        return ""
    (kind,) = response.headers["content-type"]
    path = urlsplit(str(response.request.url)).path
    try:
        check_error(path, kind, response.status_code, json.loads(text))
    except (AssertionError, ValidationError):
        return f"a {response.status_code} that is no problem"
    if is_personalizer(path):
        return ""
    problem = ProblemAnswer.model_validate(json.loads(text), strict=True)
    is_later = problem.retryable and "retry-after" in response.headers
    if problem.status in (429, 503) and not is_later:
        return "a problem that says not when to ask again"
    return ""


def _has_no_failures(told: Told) -> None:
    shown = (f"--- {name}\n{_short(example)}" for name, example in sorted(told.failures.items()))
    assert not told.failures, "\n".join(shown)


def _short(text: str, half: int = 1000) -> str:
    """Its beginning and its end, as the cause of an error stands there."""
    return text if len(text) <= 2 * half else f"{text[:half]}\n[...]\n{text[-half:]}"


def test_as_described(fuzzed):
    """Whatever is asked, the answer is one that the description has, and no error of the server."""
    told = fuzzed().run(examples=6 if PARTS == 1 else 3)
    _has_no_failures(told)
    assert sum(told.statuses.values()) > 2000
    assert len({label for label, status in told.statuses if status < 300}) > 20
    assert not {status for _, status in told.statuses if status >= 500}


def test_of_what_is_there(fuzzed):
    """So it is where the endpoint, the decision and the lead exist that a request is about."""
    service = fuzzed()
    with service.client() as client:
        made = client.post("/v1/webhooks", json={"url": "http://127.0.0.1:9/nobody"}).json()
        asked = {"lead_id": "lead-0001", "defer_exposure": True}
        decision = client.post("/v1/recommendations", json=asked).json()["decision_id"]
    ids = {
        "path.endpoint_id": made["id"],
        "path.decision_id": decision,
        "path.eventId": decision,
        "path.lead_id": "lead-0001",
    }
    told = service.run(5, ("coverage", "fuzzing"), ids)
    _has_no_failures(told)
    assert {"GET /v1/webhooks/{endpoint_id}", "GET /v1/leads/{lead_id}/score"} < told.labels
    for label in told.labels - _NEVER_DONE:
        assert min(told.of(label)) < 300, label


_NEVER_DONE = {
    "GET /v1/decisions/{decision_id}",
    "POST /v1/leads/{lead_id}/identities:undo",
    "POST /personalizer/{version}/multislot/events/{eventId}/activate",
    "POST /personalizer/{version}/multislot/events/{eventId}/reward",
}
"""They would have to be told of a link that exists, or of an event that has slots; and once a lead
has opted out, nobody is shown what was decided of it."""


def test_without_model(fuzzed):
    """Without a model a route does without it, or is a 503 that says when to ask again."""
    told = fuzzed("none").run(3, ("coverage",), is_later=True, part=0)
    _has_no_failures(told)
    assert {status for _, status in told.statuses if status >= 500} == {503}
    assert told.of("GET /readyz") >= {503}
    assert 200 in told.of("POST /v1/events")


def test_with_a_key(fuzzed):
    """With a key that may do all, and without it refused: no credential is ignored."""
    told = fuzzed(scope="admin").run(3, ("coverage",), part=1)
    _has_no_failures(told)
    assert {401, 200} <= told.of("GET /v1/queue")
    assert not {status for _, status in told.statuses if status >= 500}


def test_with_a_small_key(fuzzed):
    """A key that may only send events gets nothing else, however the request is made."""
    told = fuzzed(scope="ingest").run(3, ("coverage",), part=2)
    _has_no_failures(told)
    for label in told.labels:
        path = label.partition(" ")[2]
        if re.match(_SEGMENT, path) or path in _SENDING:
            assert 200 in told.of(label), label
        elif not path.startswith(("/healthz", "/readyz", "/v1/connectors/")):
            assert 403 in told.of(label), label
            assert told.of(label) <= {401, 403, 404, 405}, label
