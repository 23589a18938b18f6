"""`rung mcp`: what it is told on the command line, and what it refuses before it speaks."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys

import pytest

from rung.service import mcp
from rung.service.assistants import server
from tests.rung.scene import call, done, refused


@pytest.fixture
def served(monkeypatch) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    monkeypatch.setattr(server, "serve_standard_input", lambda url, key: found.append((url, key)))
    monkeypatch.setattr(server, "serve_http", lambda url, port: found.append((url, port)))
    return found


def test_the_key_comes_from_the_environment(served, monkeypatch):
    """RUNG_KEY is the key where it is set, and another variable where that is named."""
    monkeypatch.delenv("RUNG_KEY", raising=False)
    done("mcp")
    monkeypatch.setenv("RUNG_KEY", "rung_a_b")
    monkeypatch.setenv("OTHER", "rung_c_d")
    done("mcp", "--url", "https://rung.example.com/")
    done("mcp", "--key-env", "OTHER")
    assert served == [
        ("http://127.0.0.1:8000", ""),
        ("https://rung.example.com", "rung_a_b"),
        ("http://127.0.0.1:8000", "rung_c_d"),
    ]


def test_over_http_no_key_of_ours_is_used(served, monkeypatch):
    """With --http the server gets no key, and refuses to be given one."""
    monkeypatch.setenv("RUNG_KEY", "rung_a_b")
    done("mcp", "--http", "8080")
    assert served == [("http://127.0.0.1:8000", 8080)]
    said = call("mcp", "--http", "8080", "--key-env", "RUNG_KEY")
    assert (said.code, said.out) == (1, "")
    assert "each caller shows a key of their own" in said.err


def test_what_cannot_work_is_refused(monkeypatch):
    """A variable that is not set, a package that is not there: said with what would be right."""
    monkeypatch.delenv("NOTHING", raising=False)
    assert "NOTHING: is not set" in refused("mcp", "--key-env", "NOTHING", code=1)
    monkeypatch.setattr(mcp, "find_spec", lambda _: None)
    assert "pip install 'rung[assistants]'" in refused("mcp", code=1)


@pytest.mark.parametrize("url", ["rung.example.com", "file:///etc", "http://", "http://a?b=c"])
def test_an_address_that_is_none(url):
    """What is no address of a service is a call that cannot be understood."""
    assert "must be an address such as" in refused("mcp", "--url", url, code=2)


def test_an_interrupt_ends_it_while_it_waits_for_input():
    """A person who tried it in a terminal is told what it waits for, and Ctrl-C ends it at once."""
    theirs, ours = pty.openpty()
    command = [sys.executable, "-m", "rung", "mcp"]
    started = subprocess.Popen(command, stdin=ours, stderr=subprocess.PIPE, text=True)
    assert started.stderr is not None
    with started, os.fdopen(theirs, "wb"), started.stderr as said:
        assert "waiting for an assistant" in said.readline()
        started.send_signal(signal.SIGINT)
        assert started.wait(60) == 130
        assert said.read() == "\nrung: stopped\n"
    os.close(ours)
