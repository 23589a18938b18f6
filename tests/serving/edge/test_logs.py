"""The log: lines of a request have its id, all are JSON, and none holds what was sent."""

from __future__ import annotations

import base64
import io
import json
import logging
import logging.config
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from features.errors import StoreError
from serving.connectors.configuration import Connectors
from serving.connectors.connector import ConnectorOptions
from serving.edge import logs
from serving.edge.logs import JsonLines, log, logging_of_process, masked
from tests.serving.callers import Clock, bearer, client_of, make, running

CANARY = "c4n4ry"
"""What nobody may find in the log; every value that is sent holds it."""
HEADERS = {
    **{"User-Agent": CANARY, "Referer": f"https://{CANARY}", "Cookie": f"rung_session={CANARY}"},
    **{"X-Request-Id": f"rung_{CANARY}_{CANARY}", "If-None-Match": f'"{CANARY}"'},
    **{"webhook-signature": f"v1,{CANARY}", "X-HubSpot-Signature-v3": CANARY},
    **{"Stripe-Signature": f"t=1,v1={CANARY}", "Calendly-Webhook-Signature": f"t=1,v1={CANARY}"},
    **{"Ocp-Apim-Subscription-Key": CANARY, "X-Custom": CANARY, "Prefer": CANARY},
}
PROPERTIES = {"email": f"{CANARY}@example.com", "deep": {CANARY: [CANARY]}}
BODIES = {
    "/v1/track": {"userId": CANARY, "event": CANARY, "properties": PROPERTIES},
    "/v1/identify": {"userId": CANARY, "traits": PROPERTIES, "writeKey": CANARY},
    "/v1/batch": {"batch": [{"type": "track", "userId": CANARY, "event": "a", **PROPERTIES}]},
    "/v1/events": {"events": [{"message_id": CANARY, "lead_id": CANARY, "name": CANARY,
                               "occurred_at": CANARY, "properties": PROPERTIES}]},
    "/v1/cloudevents": {"specversion": "1.0", "id": CANARY, "source": CANARY, "data": PROPERTIES},
    "/v1/scores:batch": {"leads": [CANARY, {"lead_id": CANARY, "events": [PROPERTIES]}]},
    "/v1/recommendations": {"lead_id": CANARY, "channel": CANARY, "decision_id": CANARY},
    "/v1/decisions/a/outcome": {"value": 1, "kind": CANARY},
    "/v1/webhooks": {"url": f"https://user:{CANARY}@example.com/{CANARY}", "description": CANARY},
    "/v1/connectors/stripe": {"id": CANARY, "data": PROPERTIES},
    "/v1/connectors/hubspot": [{"eventId": CANARY, **PROPERTIES}],
    "/personalizer/v1.0/rank": {"contextFeatures": [PROPERTIES], "eventId": CANARY, "actions": []},
    "/login": {"key": CANARY},
}  # fmt: skip


@contextmanager
def written(only_here: bool) -> Iterator[io.StringIO]:
    """What all loggers write in our form, or what this thread writes of it."""
    lines, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(JsonLines())
    here = threading.get_ident()
    handler.addFilter(lambda record: not only_here or record.thread == here)
    former = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    logs.LOGGER.setLevel(logging.DEBUG)
    yield lines
    root.removeHandler(handler)
    root.setLevel(former)
    logs.LOGGER.setLevel(logging.NOTSET)


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What all write: services that other tests have started may have something to say, too."""
    with written(only_here=False) as found:
        yield found


@pytest.fixture
def own_lines() -> Iterator[io.StringIO]:
    """What the test itself writes."""
    with written(only_here=True) as found:
        yield found


def read(lines: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


@pytest.fixture
def app(tmp_path):
    with running(tmp_path, Clock()) as found:
        options = {
            "stripe": ConnectorOptions(secret=CANARY),
            "hubspot": ConnectorOptions(secret=CANARY),
        }
        found.state.connectors = Connectors(options)
        yield found


# ----------------------------------------------------------------------------- Nothing that was sen


def send_everything(app, key: str | None) -> None:
    client = client_of(app)
    basic = base64.b64encode(f"{CANARY}:".encode()).decode()
    shown = [bearer(key)] if key else [{}, bearer(f"rung_{CANARY}_x"), {"Authorization": basic}]
    for path, body in BODIES.items():
        for headers in shown:
            everything = {**HEADERS, **headers}
            client.post(path, json=body, headers=everything, params={"q": CANARY})
            client.post(path, content=f"{{{CANARY}".encode(), headers=everything)
    for path in ("/v1/queue", "/v1/leads/a/score", "/", "/metrics", "/nowhere"):
        for headers in shown:
            client.get(
                path, headers={**HEADERS, **headers}, params={"cursor": CANARY, "as_of": CANARY}
            )


@pytest.mark.parametrize("scope", [None, "admin", "ingest"])
def test_nothing_that_was_sent_is_logged(app, lines, scope):
    """Whatever stands in a header, a field or a query: no line of any logger has it."""
    key = make(app, scope) if scope else None
    send_everything(app, key)
    assert len([line for line in read(lines) if line["event"] == "request"]) > 30
    assert CANARY not in lines.getvalue()
    assert key is None or key.split("_", 2)[2] not in lines.getvalue()


@pytest.mark.parametrize(
    "error",
    [
        ValueError(f"cannot read {CANARY}"),
        KeyError(CANARY),
        sa.exc.IntegrityError("INSERT", {"properties": CANARY}, Exception(f"detail: {CANARY}")),
        ExceptionGroup(f"several {CANARY}", [ValueError(CANARY)]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_do_not_quote(app, lines, monkeypatch, error):
    """An error that nobody foresaw is told by its kind and its place, not by what it quotes."""

    def fail(_):
        try:
            raise RuntimeError(CANARY)
        except RuntimeError:
            raise error from None if isinstance(error, KeyError) else error

    monkeypatch.setattr(app.state.service.store, "ingest", fail)
    body = {"userId": "ann", "event": "a", "properties": PROPERTIES}
    answer = client_of(app).post("/v1/track", json=body, headers={"X-Request-Id": "here.1"})
    assert answer.status_code == 500
    (line,) = [line for line in read(lines) if line["event"] == "unexpected error"]
    assert type(error).__name__ in str(line["error"])
    assert "in fail" in str(line["error"])
    assert line["request_id"] == "here.1"
    assert CANARY not in lines.getvalue()


def test_errors_of_ours_are_told_whole(own_lines):
    """What Rung says on purpose, and what the system says of files, is in the line; causes too."""
    try:
        try:
            raise OSError(28, "No space left on device", "rung.db")
        except OSError as error:
            raise StoreError("it is full") from error
    except StoreError:
        log("failed", logging.ERROR, error=True)
    (line,) = read(own_lines)
    told = str(line["error"])
    assert told.index("No space left on device: 'rung.db'") < told.index("which led to")
    assert told.endswith("features.errors.StoreError: it is full\n")


def test_a_circle_of_causes_ends(own_lines):
    """Errors that are each other's cause are told a few times, not for ever."""
    one, other = OSError("one"), OSError("other")
    one.__cause__, other.__cause__ = other, one
    try:
        raise one
    except OSError:
        log("failed", logging.ERROR, error=True)
    assert 2 < str(read(own_lines)[0]["error"]).count("OSError: other") < 10


def test_others_say_one_line(own_lines):
    """Of what other loggers say the first line is kept, since the rest may quote values."""
    logging.getLogger("asyncio").error("Task exception was never retrieved\n%s", CANARY)
    logging.getLogger("uvicorn.error").error("Traceback (most recent call last):\n  why it fails")
    assert [line["event"] for line in read(own_lines)] == [
        "Task exception was never retrieved",
        "Traceback (most recent call last):\n  why it fails",
    ]


# ------------------------------------------------------------------------------------------- Keys

SECRET = "Qm9-vF_3kd0aZ7yXw2LsTuPq"  # noqa: S105 nobody's
KEYS = [
    (f"rung_abcdefghijkm_{SECRET}", "rung_abcdefghijkm_***"),
    (f"rung%5Fabcdefghijkm%5f{SECRET}", "rung%5Fabcdefghijkm%5f***"),
    (f"whsec_{SECRET}+/=", "whsec_***"),
    ("sk_live_51H8abcDEF", "sk_live_***"),
    ("rk_test_51H8abcDEF", "rk_test_***"),
    ("pat-na1-0a1b2c3d-4e5f-6789", "pat-na1-***"),
    ("xoxb-1234567890-abcdef", "xoxb-***"),
    ("https://hooks.slack.com/services/T0/B0/xyz", "https://hooks.slack.com/***"),
    (f"eyJhbGciOiJI.eyJzdWIi.{SECRET}", "eyJ***"),
    (f"Authorization: Bearer {SECRET}", "Authorization: Bearer ***"),
    (f"postgresql://ann:{SECRET}@db/rung", "postgresql://ann:***@db/rung"),
    ("https://ann:p@ss:w@db/rung", "https://ann:***@db/rung"),
    (f"/x?a=1&apiKey={SECRET}&b=2", "/x?a=1&apiKey=***&b=2"),
    (f"/x?access_token={SECRET}", "/x?access_token=***"),
]


@pytest.mark.parametrize(("text", "shown"), KEYS)
def test_keys_are_masked_wherever_they_stand(own_lines, text, shown):
    """In values, in what others say and in what an error names: no secret, all else as it was."""
    log("ours", path=f"/v1/{text}")
    logging.getLogger("uvicorn.access").warning('"GET /v1/%s HTTP/1.1" 200', text)
    try:
        raise OSError(f"no file {text}")
    except OSError:
        log("failed", logging.ERROR, error=True, deep={"why": [text]})
    said = {str(one["event"]): one for one in read(own_lines)}
    assert said["ours"]["path"] == f"/v1/{shown}"
    assert f'"GET /v1/{shown} HTTP/1.1" 200' in said
    assert str(said["failed"]["error"]).endswith(f"OSError: no file {shown}\n")
    assert said["failed"]["deep"] == {"why": [shown]}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://ann:pä🪜ss@db/rung", "postgresql://ann:***@db/rung"),
        (f"/x?token=ü{SECRET}", "/x?token=***"),
        (f"first line\nBearer {SECRET}", "first line\nBearer ***"),
        (f"\tBasic {SECRET}", "\tBasic ***"),
    ],
)
def test_keys_are_masked_as_they_were_written(own_lines, text, shown):
    """A letter or a new line that is an escape in JSON hides no secret, at any depth."""
    try:
        raise OSError(f"no: {text}")
    except OSError:
        log("failed", logging.ERROR, error=True, deep=[{text: (text,)}])
    (line,) = read(own_lines)
    assert str(line["error"]).endswith(f"OSError: no: {shown}\n")
    assert line["deep"] == [{shown: [shown]}]


@pytest.mark.parametrize(
    "text",
    [
        *("rung_process_virtual_memory_bytes", "/v1/leads/rung_ann/score", "rung_session"),
        *(
            "RUNG_DATABASE_URL",
            "/x?keyword=shoes&page=2",
            "http://127.0.0.1:8000/a@b",
            "basic words",
        ),
        *("desk_live_chat_opened", "patience-is-a-virtue", "sqlite:///rung.db"),
    ],
)
def test_what_is_no_key_stays(text):
    """Names, addresses and words are told as they are."""
    assert masked(text) == text


@pytest.mark.parametrize(
    "part", ["rung_", "rung_a_", "://", "://a:", "eyJ", "?key", "?a", "a", "sk_live_", "Bearer "]
)
def test_no_text_takes_long(part):
    """Whatever stands in a path, its line is soon written."""
    started = time.thread_time()
    masked("?" + part * (60_000 // len(part)))
    masked(part + "a" * 60_000)
    assert time.thread_time() - started < 2.0


@pytest.mark.parametrize(
    "path",
    ["/{key}", "/v1/leads/{key}/score", "/v1/webhooks/{key}", "/static/{key}", "/v1/{key}/x"],
)
def test_a_key_in_a_path(app, lines, path):
    """A key that a caller has put into an address is not in the log, nor in its query."""
    key = make(app, "read")
    client = client_of(app)
    client.get(path.format(key=key), headers=bearer(key), params={"writeKey": key})
    client.post(path.format(key=key), headers=bearer(key), json={})
    secret = key.split("_", 2)[2]
    shown = [str(line["path"]) for line in read(lines) if line["event"] == "request"]
    assert shown == [path.format(key=f"{key.removesuffix(secret)}***")] * 2
    assert secret not in lines.getvalue()


# ------------------------------------------------------------------------------------ Request ids


def test_lines_of_a_request_have_its_id(app, lines, monkeypatch):
    """What is logged while a request is served, in its threads too, has the id of its answer."""
    store = app.state.service.store
    real = store.queue.listed

    def queue(*arguments):
        log("looking")
        logging.getLogger("elsewhere").warning("too")
        return real(*arguments)

    monkeypatch.setattr(store.queue, "listed", queue)
    client = client_of(app)
    ids = [client.get("/readyz").headers["x-request-id"] for _ in range(2)]
    log("outside")
    by_event: dict[object, list[object]] = {}
    for line in read(lines):
        by_event.setdefault(line["event"], []).append(line.get("request_id"))
    assert by_event["looking"] == by_event["too"] == by_event["request"] == ids
    assert by_event["outside"] == [None]


@pytest.mark.parametrize("given", ["rung_abc_def", "whsec_abc"])
def test_a_key_is_no_request_id(app, lines, given):
    """A key that somebody sends as an id is neither answered nor logged."""
    answer = client_of(app).get("/healthz", headers={"X-Request-Id": given})
    assert answer.headers["x-request-id"] != given
    assert given not in lines.getvalue()


# ----------------------------------------------------------------------------------- The process


@pytest.fixture
def untouched() -> Iterator[None]:
    """Loggers as they were, afterwards."""
    names = ("", "rung", "uvicorn", "uvicorn.access", "uvicorn.error", "psycopg")
    loggers = [logging.getLogger(name) for name in names]
    held = [(one, one.handlers[:], one.level, one.propagate) for one in loggers]
    yield
    for one, handlers, level, propagate in held:
        one.handlers[:], one.propagate = handlers, propagate
        one.setLevel(level)


@pytest.mark.usefixtures("untouched")
def test_all_of_a_process_is_json(capsys):
    """Our lines, the server's, and warnings of others are each one JSON object, once."""
    logging.config.dictConfig(logging_of_process("info"))
    log("ours")
    log("unseen", logging.DEBUG)
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 7)
    logging.getLogger("uvicorn.access").info("GET /?%s", CANARY)
    logging.getLogger("elsewhere").warning("careful")
    logging.getLogger("elsewhere").info("unseen")
    logging.getLogger("psycopg").warning("error ignored terminating %s", CANARY)
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["level"], line["event"]) for line in said] == [
        ("info", "ours"),
        ("info", "Started server process [7]"),
        ("warning", "careful"),
    ]


@pytest.mark.usefixtures("untouched")
def test_a_server_with_its_own_log(monkeypatch):
    """Handlers that uvicorn has set up before it loads the app write in our form from then on."""
    monkeypatch.setattr(logs, "LOGGER", logging.Logger("rung-alone"))
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    monkeypatch.setattr(logging.getLogger("uvicorn"), "handlers", [handler])
    logs.log_to_stderr("info")
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    assert json.loads(written.getvalue())["event"] == "Invalid HTTP request received."


class _Full(io.StringIO):
    """A stream on a full disk."""

    def write(self, _: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_line_that_cannot_be_written_leaves_no_trace(monkeypatch, capsys):
    """Python would write one of its own to standard error, which is where the disk may be full."""
    monkeypatch.setattr(logging, "raiseExceptions", True)
    logging_of_process("info")
    handler = logging.StreamHandler(_Full())
    monkeypatch.setattr(logs.LOGGER, "handlers", [handler])
    monkeypatch.setattr(logs.LOGGER, "propagate", False)
    log("refused", logging.ERROR)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("value", "read_back"),
    [
        ("plain", "plain"),
        ("für \u2028 \u202e \x9b", "für \u2028 \u202e \x9b"),
        ("half \ud800", "half \ud800"),
        (2**70, 2**70),
        (None, None),
        (1.5, 1.5),
        (["für", float("nan"), 2**63], ["für", None, 2**63]),
        (["half \ud800", float("inf"), (-1.5,)], ["half \ud800", None, [-1.5]]),
        ({2: 2**70, (1, 2): float("-inf")}, {"2": 2**70, "(1, 2)": None}),
        ("\x00 🪜 ü\t", "\x00 🪜 ü\t"),
        (Clock, str(Clock)),
    ],
    ids=repr,
)
def test_a_line_is_ascii_and_json(own_lines, value, read_back):
    """Whatever a value is: no terminal and no reader of lines takes a character for its own."""
    log("told", what=value)
    text = own_lines.getvalue()
    assert text.isascii()
    assert text.count("\n") == 1
    assert read(own_lines)[0]["what"] == read_back
    assert '{"time":"' in text
    assert '","what":' in text
