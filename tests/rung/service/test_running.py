"""`rung serve` and `doctor`: whom it answers, how it ends, what is wrong with it."""

from __future__ import annotations

import signal
import socket

import pytest

from tests.rung.scene import call, done


@pytest.mark.slow
def test_serve_says_whom_it_answers(key_store, bundle_folder, monkeypatch):
    """Before it serves, the service says that there is no key; nothing where there is one."""
    served = []
    monkeypatch.setattr("uvicorn.run", lambda _, **options: served.append(options))
    verb = ("serve", "--store", key_store, "--bundle", bundle_folder, "--port", "0")
    assert "no key: answers this machine alone; make one with `rung key create`" in done(*verb).out
    done("key", "create", "website", "--scope", "ingest", "--store", key_store)
    assert done(*verb).out == ""
    assert [options["host"] for options in served] == ["127.0.0.1"] * 2


def test_serve_where_another_program_answers(tmp_path, bundle_folder):
    """Nothing is begun, and no store made."""
    store = tmp_path / "rung.db"
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        said = call("serve", "--store", store, "--bundle", bundle_folder, "--port", port)
    assert (said.code, said.out, store.exists()) == (1, "", False)
    assert f"another program answers at 127.0.0.1:{port}" in said.err


@pytest.mark.slow
def test_serve_ends_well_on_a_signal(key_store, bundle_folder, monkeypatch):
    """The server stops on SIGTERM with the code 0, and gives requests ten seconds."""
    served = []

    def run(_, **options):
        served.append(options)
        signal.raise_signal(signal.SIGTERM)  # as uvicorn does once it has stopped

    monkeypatch.setattr("uvicorn.run", run)
    former = signal.getsignal(signal.SIGTERM)
    verb = ("serve", "--store", key_store, "--bundle", bundle_folder, "--port", "0")
    assert call(*verb).code == 0
    assert signal.getsignal(signal.SIGTERM) is former
    assert served[0]["timeout_graceful_shutdown"] == 10
    assert served[0]["log_config"]["loggers"]["uvicorn"]["level"] == "INFO"


def test_doctor(key_store, bundle_folder, monkeypatch):
    """A deployment without faults: a line for each part, and the exit code 0."""
    monkeypatch.delenv("RUNG_BUNDLE", raising=False)
    done("key", "create", "ops", "--scope", "admin", "--store", key_store)
    said = done("doctor", "--store", key_store, "--bundle", bundle_folder)
    lines = said.out.splitlines()
    assert f"fine  store: reachable, {key_store}" in lines
    assert {line.split(" ")[0] for line in lines} == {"fine", "note"}
    found = done("doctor", "--store", key_store, "--bundle", bundle_folder, "--json").json
    assert found["fine"] is True
    assert len(found["findings"]) == len(lines)


def test_doctor_finds_faults(key_store, tmp_path):
    """A fault is told with what to do, and the exit code is 1; so is an absent service."""
    where = ("--store", key_store, "--bundle", tmp_path / "none", "--url", "http://127.0.0.1:9")
    said = call("doctor", *where)
    assert (said.code, said.err) == (1, "")
    wrong = [line for line in said.out.splitlines() if line.startswith("WRONG ")]
    assert [line.split()[1] for line in wrong] == ["model:", "service:"]
    assert all(". Do: " in line for line in wrong)
    found = call("doctor", *where, "--json")
    assert (found.code, found.json["fine"]) == (1, False)
