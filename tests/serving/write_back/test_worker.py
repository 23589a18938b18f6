"""How a CRM is told when it does not answer as it should, and how a process ends."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import re
import threading
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import pytest

from features.store.events import EventStore
from serving.edge.logs import LOGGER
from serving.write_back import calls
from serving.write_back import worker as subject
from serving.write_back.outbox import Outbox
from serving.write_back.rules import SECOND
from serving.write_back.worker import keep_writing
from tests.databases import opened
from tests.serving.callers import said_here
from tests.serving.write_back.fakes import Answer, running
from tests.serving.write_back.scene import FAKES, NOW, Scene, target_of


@pytest.fixture(params=sorted(FAKES))
def scene(request, tmp_path):
    """Each CRM in turn; "ada" was scored."""
    with running(FAKES[request.param]()) as fake, opened(tmp_path / "rung.db") as database:
        fake.records = {"ada": {}, "ben": {}}
        scene = Scene(database, fake, target_of(request.param, fake.url))
        scene.score("ada", 0.5)
        yield scene


@pytest.fixture
def lines(caplog):
    """What is logged: the event and its values."""
    caplog.set_level(logging.INFO, LOGGER.name)
    return lambda: [(one.getMessage(), getattr(one, "values", {})) for one in said_here(caplog)]


def after(scene, read: bool, answer: Answer | None) -> None:
    """Let the CRM answer so to the look-up, or to the write; again where a token is renewed."""
    is_renewed = answer and answer.status == 401 and scene.target.connector == "dynamics"
    answers = [answer, answer] if is_renewed else [answer]
    scene.fake.answers = answers if read else [None, *answers]


@pytest.mark.parametrize("read", [True, False])
@pytest.mark.parametrize("status", [401, 403])
def test_credentials_refused(scene, lines, read, status):
    """A CRM that does not let us in is left alone for a quarter of an hour, and the log says so."""
    after(scene, read, Answer(status, {"message": "expired"}))
    assert scene.tell() == 1
    row = scene.row("ada")
    assert (row.attempts, row.due_at, row.leased_until) == (0, NOW + 900 * SECOND, 0)
    assert row.error.startswith(f"{status}: ")
    event, values = lines()[0]
    assert event == "the CRM refuses us, write-back stops"
    assert (values["connector"], values["seconds"]) == (scene.target.connector, 900)
    assert "secret-token" not in str(lines())
    scene.score("ben", 0.5)
    count = len(scene.fake.calls)
    assert scene.tell() == 0
    assert len(scene.fake.calls) == count
    scene.now += 900 * SECOND
    assert scene.tell() == 2
    assert scene.held == {"ada": 0.5, "ben": 0.5}


@pytest.mark.parametrize("read", [True, False])
def test_too_many_requests(scene, read):
    """A CRM that asks to wait is not asked before."""
    after(scene, read, Answer(429, {"message": "slow down"}, {"Retry-After": "7"}))
    scene.tell()
    assert scene.row("ada").due_at == NOW + 7 * SECOND
    scene.score("ben", 0.5)
    scene.now += 7 * SECOND - 1
    assert scene.tell() == 0
    scene.now += 1
    assert scene.tell() == 2
    assert scene.held == {"ada": 0.5, "ben": 0.5}


@pytest.mark.parametrize("read", [True, False])
@pytest.mark.parametrize(
    "header",
    [
        "Fri, 31 Dec 99999999999 23:59:59 GMT",
        "Fri, 31 Dec 2026 99999999999:59:59 GMT",
        "1e400",
        "-7",
    ],
)
def test_retry_after_of_any_shape(scene, read, header):
    """A time to wait that cannot be read is the usual one; the attempt is counted and kept."""
    after(scene, read, Answer(429, {"message": "slow down"}, {"Retry-After": header}))
    assert scene.tell() == 1
    row = scene.row("ada")
    assert (row.attempts, row.due_at, row.leased_until) == (1, NOW + SECOND, 0)
    assert row.error.startswith("429: ")


@pytest.mark.parametrize("error", [OverflowError("too large"), RuntimeError("no"), UnicodeError()])
@pytest.mark.parametrize("place", ["read", "write"])
def test_an_error_of_ours_is_a_failure(scene, monkeypatch, place, error):
    """Whatever a call fails with, it counts, says so, and the CRM is told after the usual wait."""
    kind = scene.target.connector

    async def fails(*_):
        raise error

    with monkeypatch.context() as patch:
        vendor = subject.VENDORS[kind]
        failing = vendor._replace(read=fails) if place == "read" else vendor._replace(write=fails)
        patch.setitem(subject.VENDORS, kind, failing)
        assert scene.tell() == 1
    row = scene.row("ada")
    assert (row.attempts, row.due_at, row.leased_until) == (1, NOW + SECOND, 0)
    assert type(error).__name__ in row.error
    assert scene.tell() == 0
    scene.now += SECOND
    assert scene.tell() == 1
    assert scene.held["ada"] == 0.5


def test_a_pause_of_a_clock_that_was_ahead(scene):
    """A CRM that failed in the future is asked again as soon as the clock is right."""
    scene.fake.answers = [Answer(429, None, {"Retry-After": "600"})]
    scene.now += 30 * 86_400 * SECOND
    assert scene.tell() == 1
    scene.now -= 30 * 86_400 * SECOND
    assert scene.tell() == 1
    assert scene.held["ada"] == 0.5


def test_wait_until(scene):
    """The time to wait may be told as a date."""
    until = formatdate(time.time() + 90, usegmt=True)
    scene.fake.answers = [Answer(503, None, {"Retry-After": until})]
    scene.tell()
    assert 80 * SECOND < scene.row("ada").due_at - NOW <= 91 * SECOND


@pytest.mark.parametrize("read", [True, False])
@pytest.mark.parametrize("status", [302, 408, 500, 502, 503, 504])
def test_failures_of_the_crm(scene, lines, read, status):
    """A CRM that fails is tried again after a second, then after longer and longer."""
    for wait in (1, 30, 300, 3600):
        after(scene, read, Answer(status, b"<html>sorry</html>"))
        before = scene.now
        assert scene.tell() == 1
        assert scene.row("ada").due_at == before + wait * SECOND
        scene.now = scene.row("ada").due_at
    assert lines()[0][0] == "the CRM cannot be told now, write-back waits"
    assert scene.tell() == 1
    assert (scene.held["ada"], scene.row("ada").error) == (0.5, None)
    assert scene.pauses[scene.target.connector].failures == 0


@pytest.mark.parametrize("read", [True, False])
@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b"{}", b"3", b'{"results": 3}', b'"x"'])
def test_answers_that_are_none(scene, read, body):
    """A success that makes no sense counts as a failure, where it had to tell us something."""
    after(scene, read, Answer(200, body))
    assert scene.tell() == 1
    row = scene.row("ada")
    names_errors_alone = scene.target.connector == "customerio" and not read
    is_fine = names_errors_alone and body in (b"{}", b"", b"[]", b'{"results": 3}')
    assert (row.error is None, row.written is not None) == (is_fine, is_fine)


_BOMB = gzip.compress(gzip.compress(b"\0" * 40_000_000, 9), 9)
_LONG = b"[" + b" " * 200_000 + b"]"


@pytest.mark.parametrize("read", [True, False])
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(200, _BOMB, {"Content-Encoding": "gzip, gzip"}), "gzip, gzip that cannot be"),
        (Answer(200, gzip.compress(_LONG), {"Content-Encoding": "gzip"}), "gzip that cannot be"),
        (Answer(503, b"{}", {"Content-Encoding": "br"}), "503, and br that cannot be"),
        (Answer(200, _LONG), "more than 100000 bytes"),
        (Answer(200, b"[" * 90_000), "200, and what is no JSON|values of"),
        (Answer(503, b"\xe9t\xe9", {"Content-Type": "text/plain; charset=rot13"}), "503: .t."),
    ],
)
def test_answers_that_are_hostile(scene, monkeypatch, read, answer, said):
    """Nobody waits while one is read that is too long, packed into itself, or in a code of its own.

    What is read of it is counted as a failure, as any other answer that tells nothing.
    """
    monkeypatch.setattr(calls, "_MOST_BYTES", 100_000)
    after(scene, read, answer)
    assert scene.tell() == 1
    row = scene.row("ada")
    assert row.written is None
    is_batch = scene.target.connector == "dynamics" and not read and answer.status == 200
    assert re.search(said, row.error) or (is_batch and "ValueError" in row.error), row.error


def test_packed_answers_are_read(scene, monkeypatch):
    """As CRMs send them to whoever says that gzip is understood."""
    plain = scene.fake.answer

    def packed(call):
        answer = plain(call)
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        headers = answer.headers | {"Content-Encoding": "gzip"}
        return Answer(answer.status, gzip.compress(body), headers)

    monkeypatch.setattr(scene.fake, "answer", packed)
    assert scene.tell() == 1
    assert (scene.held["ada"], scene.row("ada").error) == (0.5, None)


def test_query_that_is_refused(scene):
    """A look-up that the CRM does not understand is told, and tried again later."""
    scene.fake.answers = [Answer(400, [{"errorCode": "INVALID_FIELD"}])]
    scene.tell()
    assert "INVALID_FIELD" in scene.row("ada").error
    scene.now = scene.row("ada").due_at
    scene.tell()
    assert scene.held["ada"] == 0.5


def test_no_answer(scene, monkeypatch):
    """A CRM that does not answer in time may have written; it is told again."""
    monkeypatch.setattr(calls, "SECONDS", 0.2)
    over = threading.Event()
    scene.fake.before_write = lambda: over.wait(30) and None
    assert scene.tell() == 1
    over.set()
    row = scene.row("ada")
    assert (row.error, row.attempts) == ("no answer within 0.2 seconds", 1)
    monkeypatch.setattr(calls, "SECONDS", 20.0)
    scene.now = row.due_at
    scene.tell()
    assert scene.held["ada"] == 0.5


def test_out_of_reach(tmp_path):
    """A CRM that nobody listens for is a failure like others."""
    with running(FAKES["hubspot"]()) as fake:
        target = target_of("hubspot", fake.url)
    with opened(tmp_path / "rung.db") as database:
        scene = Scene(database, fake, target)
        scene.score("ada")
        scene.tell()
        assert scene.row("ada").error.startswith("out of reach: ")


def test_out_of_time(scene, monkeypatch):
    """Nothing is written when the lease is nearly over: others may have the records then."""
    read = scene.fake.behave

    def slow(call: Any) -> object:
        scene.now += 590 * SECOND
        return read(call)

    monkeypatch.setattr(scene.fake, "behave", slow)
    scene.tell()
    assert scene.fake.writes == []
    assert scene.row("ada").error


def test_two_crms(tmp_path):
    """One CRM that fails holds up no other."""
    with (
        running(FAKES["hubspot"]()) as hubspot,
        running(FAKES["mautic"]()) as mautic,
        opened(tmp_path / "rung.db") as database,
    ):
        hubspot.records = {"ada": {}}
        mautic.records = {"ada": {}}
        hubspot.answers = [Answer(500)]
        one = Scene(database, hubspot, target_of("hubspot", hubspot.url))
        other = Scene(database, mautic, target_of("mautic", mautic.url))
        one.score("ada", 0.5)
        other.score("ada", 0.5)
        assert (one.tell(), other.tell()) == (1, 1)
        assert (one.held, other.held) == ({"ada": None}, {"ada": 0.5})


# ----------------------------------------------------------------------------------- the loop


@dataclass
class Running:
    """As much of a service as the loop needs."""

    write_backs: list[Any]
    store: EventStore
    scorer: Any
    stopping: threading.Event = field(default_factory=threading.Event)


def service_of(scene: Scene) -> Running:
    clock = SimpleNamespace(clock=lambda: scene.now)
    return Running([scene.target], EventStore(scene.database), clock)


def test_loop(scene):
    """The loop tells what is due batch after batch, and ends when the service does."""
    written = threading.Event()
    service = service_of(scene)

    async def run() -> None:
        task = asyncio.create_task(keep_writing(service))
        await asyncio.to_thread(written.wait, 30)
        service.stopping.set()
        await task

    scene.fake.before_write = written.set
    asyncio.run(run())
    assert scene.held["ada"] == 0.5
    assert scene.row("ada").due_at is None


def test_scores_of_long_ago(scene, monkeypatch):
    """After a rest of three months a CRM is told of what is scored then, and not of before."""
    monkeypatch.setattr(subject, "_POLL_SECONDS", 0.01)
    service, written, looks = service_of(scene), threading.Event(), 0
    service.store.scores.finish_full_run({"as_of": scene.now}, "")
    scene.now += 91 * 86_400 * SECOND
    is_outdated = subject._is_outdated

    def look(one: Any) -> bool:
        nonlocal looks
        looks += 1
        if looks == 3:  # the process beside has scored all leads anew
            scene.score("ada", 0.125)
            service.store.scores.finish_full_run({"as_of": scene.now}, "")
        return is_outdated(one)

    monkeypatch.setattr(subject, "_is_outdated", look)

    async def run() -> None:
        task = asyncio.create_task(keep_writing(service))
        await asyncio.to_thread(written.wait, 30)
        service.stopping.set()
        await task

    told: list[Any] = []

    def note() -> None:
        told.append(looks)
        written.set()

    scene.fake.before_write = note
    asyncio.run(run())
    assert told == [3]
    assert scene.held["ada"] == 0.125


def test_nobody_scores(scene, monkeypatch, lines):
    """Where nothing is scored for ten minutes more, what is known is told."""
    monkeypatch.setattr(subject, "_POLL_SECONDS", 0.0)
    monkeypatch.setattr(subject, "_MOST_LOOKS", 5)
    service = service_of(scene)
    service.store.scores.finish_full_run({"as_of": scene.now - 86_401 * SECOND}, "")
    asyncio.run(subject._until_scored(service))
    assert [event for event, _ in lines()] == [
        "write-back begins with scores of long ago: nothing scores"
    ]
    service.store.scores.finish_full_run({"as_of": scene.now + 86_401 * SECOND}, "")
    assert not subject._is_outdated(service)


def test_no_crms(scene):
    """Without a CRM to tell, the loop has nothing to do."""
    service = service_of(scene)
    service.write_backs = []
    asyncio.run(keep_writing(service))
    assert scene.fake.calls == []


def test_end_in_the_middle(scene):
    """A write that is under way when the process ends is finished and kept."""
    arrived, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        arrived.set()
        go_on.wait(30)

    async def run() -> None:
        task = asyncio.create_task(keep_writing(service_of(scene)))
        await asyncio.to_thread(arrived.wait, 30)
        task.cancel()
        asyncio.get_running_loop().call_later(0.05, go_on.set)
        with pytest.raises(asyncio.CancelledError):
            await task

    scene.fake.before_write = hold
    asyncio.run(run())
    row = scene.row("ada")
    assert (scene.held["ada"], row.due_at, row.leased_until) == (0.5, None, 0)


def test_end_without_an_answer(scene, monkeypatch):
    """A look-up that does not end with the process is let go of, and the records given back."""
    monkeypatch.setattr("serving.write_back.worker._GRACE_SECONDS", 0.05)
    arrived, go_on = threading.Event(), threading.Event()
    behave = scene.fake.behave

    def hold(call: Any) -> object:
        arrived.set()
        go_on.wait(30)
        return behave(call)

    async def run() -> None:
        task = asyncio.create_task(keep_writing(service_of(scene)))
        await asyncio.to_thread(arrived.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    monkeypatch.setattr(scene.fake, "behave", hold)
    asyncio.run(run())
    go_on.set()
    row = scene.row("ada")
    assert (row.attempts, row.leased_until, row.due_at) == (0, 0, NOW)


def test_loop_outlives_errors(scene, lines, monkeypatch):
    """An error that nobody foresaw is in the log, and the loop goes on."""
    monkeypatch.setattr("serving.write_back.worker._POLL_SECONDS", 0.0)
    written = threading.Event()
    claim = Outbox.claim
    left = [ZeroDivisionError("1/0")]

    def failing(*arguments: Any) -> Any:
        if left:
            raise left.pop()
        return claim(*arguments)

    monkeypatch.setattr(Outbox, "claim", failing)
    scene.fake.before_write = written.set
    service = service_of(scene)

    async def run() -> None:
        task = asyncio.create_task(keep_writing(service))
        await asyncio.to_thread(written.wait, 30)
        service.stopping.set()
        await task

    asyncio.run(run())
    assert ("write-back failed", {"connector": scene.target.connector}) in lines()
    assert scene.held["ada"] == 0.5
