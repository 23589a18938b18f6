"""What another process sees ahead is what would be seen here, also where it goes away."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import pandas as pd
import pytest

from features.signals.snapshot import snapshot
from features.store.arrivals import Event
from features.store.events import EventStore
from features.store.whole_log import ahead
from features.store.whole_log.ahead import Wanted, seen_of
from tests.features.store.scene import LADDER, assert_same_log

LEADS = [f"lead-{at:02}" for at in range(40)]
WANTED = Wanted(LADDER, (9, 1))
"""At 9 all is known, at 1 nothing yet of a third of the leads."""


@pytest.fixture
def filled(store):
    store.append_events(
        Event(f"{lead}-{at}", lead, "view", at, at, f'{{"minutes":{at},"section":"s{at % 3}"}}')
        for number, lead in enumerate([*LEADS, "somebody-else"])
        for at in range(number % 3, number % 3 + 5)
    )
    return store


@pytest.fixture
def started(monkeypatch):
    """Processes that read, from the first lead on, whatever this machine has."""
    begun: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def start(*args, **given):
        begun.append(popen(*args, **given))
        return begun[-1]

    monkeypatch.setattr(ahead, "_WORTH_A_PROCESS", 1)
    monkeypatch.setattr(ahead, "processors", lambda: 2)
    monkeypatch.setattr("features.store.whole_log.ahead.subprocess.Popen", start)
    return begun


class Here:
    """Reads leads in this process, and remembers which.

    Parameters
    ----------
    answered : what is waited for before each; None: for nothing.
    """

    def __init__(self, store: EventStore, answered: threading.Event | None = None) -> None:
        self.store = store
        self.answered = answered
        self.leads: list[str] = []

    def __call__(self, leads):
        if self.answered is not None:
            assert self.answered.wait(60)
            self.answered.clear()
        self.leads += leads
        return self.store.log_of(leads, LADDER)


@pytest.fixture
def answered(monkeypatch) -> threading.Event:
    """Set whenever the process that reads has answered."""
    found = threading.Event()

    class Asking(ThreadPoolExecutor):
        def submit(self, *given, **named):
            future = super().submit(*given, **named)
            future.add_done_callback(lambda _: found.set())
            return future

    monkeypatch.setattr(ahead, "ThreadPoolExecutor", Asking)
    return found


def assert_all(store, parts):
    """Ten leads each, all of them once, and what was known of them at both instants."""
    leads: list[str] = []
    for seen in parts:
        leads += seen.log.leads
        log = store.log_of(seen.log.leads, LADDER)
        assert_same_log(seen.log, log.without_properties())
        for instant, known in zip(WANTED.instants, seen.known, strict=True):
            there = [lead for lead in log.leads if int(lead.partition("-")[2]) % 3 <= instant]
            expected = snapshot(log, LADDER, there, np.full(len(there), instant))
            pd.testing.assert_frame_equal(known.frame(), expected.frame())
            assert known.signals == expected.signals
            for field in ("position", "last_active", "lost_at"):
                assert getattr(known, field).tolist() == getattr(expected, field).tolist()
    assert sorted(leads) == sorted(LEADS)


def test_both_read(filled, started, answered):
    """What is not read there is read here, and the process ends with the last."""
    here = Here(filled, answered)
    assert_all(filled, seen_of(here, filled.database, LEADS, WANTED, 10))
    assert here.leads == LEADS[30:]
    assert [process.returncode is not None for process in started] == [True]


def test_a_reader_that_takes_long(filled, started, monkeypatch):
    """Meanwhile others are read here; what it was asked for is not read twice."""
    is_done, ask = threading.Event(), ahead._ask
    monkeypatch.setattr(ahead, "_ASKED", 1)
    monkeypatch.setattr(ahead, "_ask", lambda *given: is_done.wait(60) and ask(*given))
    here = Here(filled)
    parts = seen_of(here, filled.database, LEADS, WANTED, 10)
    found = list(islice(parts, 3))
    assert here.leads == LEADS[10:]
    is_done.set()
    found += parts
    assert_all(filled, found)
    assert here.leads == LEADS[10:]
    assert started[0].returncode is not None


def test_a_reader_that_is_killed(filled, started, answered):
    """What it has not told is read here."""
    here = Here(filled, answered)
    parts = seen_of(here, filled.database, LEADS, WANTED, 10)
    found = [next(parts)]
    started[0].kill()
    started[0].wait()
    here.answered = None
    found += parts
    assert_all(filled, found)
    assert here.leads[:10] == LEADS[30:]
    assert here.leads[10:] in (LEADS[10:30], LEADS[20:30])


@pytest.mark.usefixtures("started")
def test_a_reader_that_is_gone_before_it_is_asked(filled, monkeypatch):
    """One that never starts leaves all of it to be read here."""
    monkeypatch.setattr(ahead, "_READER", "features.store.whole_log.no_such_module")
    here = Here(filled)
    assert_all(filled, seen_of(here, filled.database, LEADS, WANTED, 10))
    assert sorted(here.leads) == LEADS


def test_whoever_stops_ends_it(filled, started):
    """A scoring that is stopped leaves no process behind."""
    parts = seen_of(Here(filled), filled.database, LEADS, WANTED, 10)
    next(parts)
    parts.close()
    assert started[0].returncode is not None


@pytest.mark.usefixtures("started")
def test_a_store_that_it_cannot_read_is_read_here(filled, monkeypatch):
    """The reason is told by whoever reads here."""
    monkeypatch.setattr(filled.database.engine.url.__class__, "render_as_string", _nowhere)
    here = Here(filled)
    assert_all(filled, seen_of(here, filled.database, LEADS, WANTED, 10))
    assert sorted(here.leads) == LEADS


def _nowhere(*_, **__):
    return "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.mark.parametrize(
    ("leads", "processors"), [(39, 2), (40, 1)], ids=["few leads", "one processor"]
)
def test_few_leads_or_one_processor(filled, started, monkeypatch, leads, processors):
    """Where it would not pay no process is started."""
    monkeypatch.setattr(ahead, "_WORTH_A_PROCESS", 40)
    monkeypatch.setattr(ahead, "processors", lambda: processors)
    parts = list(seen_of(Here(filled), filled.database, LEADS[:leads], WANTED, 10))
    assert sum(len(seen.log.leads) for seen in parts) == leads
    assert started == []


def test_it_ends_with_its_input():
    """Of a process that was killed no reader stays behind."""
    reader = subprocess.Popen(
        [sys.executable, "-m", ahead._READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert reader.stdin is not None
    reader.stdin.close()
    assert reader.wait(60) == 0
    assert reader.stdout is not None
    reader.stdout.close()


def test_an_interrupt_leaves_it_to_whoever_started_it(filled, started, answered):
    """Ctrl-C reaches all processes of a terminal: the reader says nothing of it, and reads on."""
    here = Here(filled, answered)
    parts = seen_of(here, filled.database, LEADS, WANTED, 10)
    found = [next(parts)]
    started[0].send_signal(signal.SIGINT)
    assert_all(filled, [*found, *parts])
    assert here.leads == LEADS[30:]
