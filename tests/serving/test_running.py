"""The service as a process: it answers by its settings, and scores in a process beside."""

from __future__ import annotations

import signal
import socket
from contextlib import AbstractContextManager, nullcontext

import pytest

from features.store.events import EventStore
from serving import running
from serving.edge.access.keys import Keys
from serving.edge.connections import BoundedProtocol
from serving.settings import Settings, SettingsError
from tests.serving import world


@pytest.fixture
def environment(folder, tmp_path) -> dict[str, str]:
    return {
        "RUNG_DATABASE_URL": f"sqlite:///{tmp_path / 'rung.db'}",
        "RUNG_BUNDLE": str(folder / "rates"),
        "RUNG_PORT": "8123",
    }


@pytest.fixture
def workers(monkeypatch) -> list[dict[str, str]]:
    """The environments of the workers that were started; none of them is."""
    started: list[dict[str, str]] = []

    def worker(given: dict[str, str], _: str) -> AbstractContextManager[None]:
        started.append(given)
        return nullcontext()

    monkeypatch.setattr(running, "Worker", worker)
    return started


@pytest.fixture
def served(monkeypatch) -> list[dict[str, object]]:
    """What the server was started with."""
    options: list[dict[str, object]] = []
    monkeypatch.setattr("uvicorn.run", lambda app, **more: options.append({"app": app} | more))
    return options


def test_no_key(environment):
    """A store that nobody made a key in, also one that is not there yet."""
    settings = Settings.from_environment(environment)
    assert running.has_no_key(settings)
    with EventStore.existing(settings.database_url) as store:
        Keys(store.database).create("website", ["ingest"], "", as_of=world.now())
    assert not running.has_no_key(settings)


def another_program(host: str) -> socket.socket:
    if ":" not in host:
        return socket.create_server((host, 0))
    try:
        return socket.create_server((host, 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_address_where_another_program_answers(host):
    """It is said what is the matter and what to do, for as long as that is so."""
    with another_program(host) as other:
        port = other.getsockname()[1]
        with pytest.raises(SettingsError) as error:
            running.check_address(host, port)
    (mistake,) = error.value.mistakes
    assert mistake.path == "RUNG_PORT"
    assert f"another program answers at {host}:{port}" in str(mistake)
    running.check_address(host, port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no such name", "é" * 300])
def test_an_address_that_this_machine_does_not_have(host):
    with pytest.raises(SettingsError, match=r"RUNG_HOST: .* is no address of this machine"):
        running.check_address(host, 0)


def test_it_scores_beside(environment, workers, served):
    """The server has its address and no work; a worker with the same settings has it."""
    running.run(environment)
    assert workers == [environment]
    assert (served[0]["host"], served[0]["port"]) == ("127.0.0.1", 8123)
    assert served[0]["http"] is BoundedProtocol


def test_others_score(environment, workers, served):
    """Where scoring takes place elsewhere there is no worker."""
    running.run(environment | {"RUNG_SCORING": "elsewhere"})
    assert (workers, len(served)) == ([], 1)


def test_it_ends_well(environment, workers, monkeypatch):
    """SIGTERM ends it with the code 0, and means afterwards what it meant before."""
    monkeypatch.setattr("uvicorn.run", lambda *_, **__: signal.raise_signal(signal.SIGTERM))
    former = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit, match="0"):
        running.run(environment)
    assert signal.getsignal(signal.SIGTERM) is former
    assert workers
