"""What another process finds is what would be found here, also where it goes away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from features.errors import StoreError
from features.events.log import EventLog
from features.signals.program import compile_ladder
from features.signals.snapshot import Snapshot, snapshot, snapshots_of_known
from features.store.arrivals import Event
from features.store.events import EventStore
from features.store.whole_log import ahead
from features.store.whole_log.ahead import found_of
from tests.features.store.scene import LADDER, assert_same_log

LEADS = [f"lead-{at:02}" for at in range(40)]
INSTANTS = (9, 1)
"""At 9 all is known, at 1 nothing yet of a third of the leads."""


class Seen(NamedTuple):
    """A log, what was known at each of the instants, and which process found it."""

    log: EventLog
    known: tuple[Snapshot, ...]
    process: int


def look(log: EventLog) -> Seen:
    return Seen(log, snapshots_of_known(log, compile_ladder(LADDER), INSTANTS), os.getpid())


def look_here_alone(log: EventLog, here: int) -> list[str]:
    if os.getpid() != here:
        raise StoreError("this is for one process alone")
    return list(log.leads)


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


def leads_of(log: EventLog, held: object) -> list[str]:
    assert held is not None
    return list(log.leads)


def found_nothing(_: EventLog) -> None:
    return None


def parts_of(store, here, look=look, leads=tuple(LEADS)):
    return found_of(here, look, store.database, LADDER, leads, 10)


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
            if given[0] is not ahead._tell:
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
        assert_same_log(seen.log, log)
        for instant, known in zip(INSTANTS, seen.known, strict=True):
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
    assert_all(filled, parts_of(filled, here))
    assert here.leads == LEADS[20:30]
    assert [process.returncode is not None for process in started] == [True]


def test_a_reader_that_takes_long(filled, started, monkeypatch):
    """Meanwhile others are read here; what it was asked for is not read twice."""
    is_done, ask = threading.Event(), ahead._ask
    monkeypatch.setattr(ahead, "_ASKED", 1)
    monkeypatch.setattr(ahead, "_ask", lambda *given: is_done.wait(60) and ask(*given))
    here = Here(filled)
    parts = parts_of(filled, here)
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
    parts = parts_of(filled, here)
    found = [next(parts)]
    started[0].kill()
    started[0].wait()
    here.answered = None
    found += parts
    assert_all(filled, found)
    assert here.leads[:10] == LEADS[20:30]
    assert here.leads[10:] in (LEADS[10:20] + LEADS[30:], LEADS[30:])


@pytest.mark.usefixtures("started")
def test_a_reader_that_is_gone_before_it_is_asked(filled, monkeypatch):
    """One that never starts leaves all of it to be read here."""
    monkeypatch.setattr(ahead, "_READER", "features.store.whole_log.no_such_module")
    here = Here(filled)
    assert_all(filled, parts_of(filled, here))
    assert sorted(here.leads) == LEADS


def test_whoever_stops_ends_it(filled, started):
    """A scoring that is stopped leaves no process behind."""
    parts = parts_of(filled, Here(filled))
    next(parts)
    parts.close()
    assert started[0].returncode is not None


def test_what_is_found_comes_from_both(filled, started, answered):
    """Each process looks at what it has read itself."""
    seen = list(parts_of(filled, Here(filled, answered)))
    assert [one.process for one in seen].count(os.getpid()) == 1
    assert {one.process for one in seen} == {os.getpid(), started[0].pid}


def test_what_it_cannot_look_at_is_looked_at_here(filled, started):
    """And where nobody can, whoever asked is told why."""
    only_here = partial(look_here_alone, here=os.getpid())
    found = parts_of(filled, Here(filled), only_here)
    assert sorted(lead for leads in found for lead in leads) == LEADS
    with pytest.raises(StoreError, match="for one process alone"):
        list(parts_of(filled, Here(filled), partial(look_here_alone, here=-1)))
    assert all(process.returncode is not None for process in started)


@pytest.mark.parametrize("held", [lambda: 0, threading.Lock()], ids=["a lambda", "a lock"])
def test_what_cannot_be_handed_over_is_looked_at_here(filled, started, caplog, held):
    """It takes longer, and that is said, with the reason."""
    here = Here(filled)
    found = parts_of(filled, here, partial(leads_of, held=held))
    assert sorted(lead for leads in found for lead in leads) == LEADS
    assert here.leads == LEADS
    assert started == []
    assert "by one process" in caplog.text
    assert "lambda" in caplog.text or "lock" in caplog.text


@pytest.mark.usefixtures("started")
def test_nothing_found_is_found_too(filled):
    """None is an answer, and no reason to look again."""
    here = Here(filled)
    assert list(parts_of(filled, here, found_nothing)) == [None] * 4


@pytest.mark.usefixtures("started")
def test_a_store_that_it_cannot_read_is_read_here(filled, monkeypatch):
    """The reason is told by whoever reads here."""
    monkeypatch.setattr(filled.database.engine.url.__class__, "render_as_string", _nowhere)
    here = Here(filled)
    assert_all(filled, parts_of(filled, here))
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
    parts = list(parts_of(filled, Here(filled), leads=LEADS[:leads]))
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
    parts = parts_of(filled, here)
    found = [next(parts)]
    started[0].send_signal(signal.SIGINT)
    assert_all(filled, [*found, *parts])
    assert here.leads == LEADS[20:30]
