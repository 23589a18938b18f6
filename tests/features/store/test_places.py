"""Where events stand is what they say, whatever was added, swept and erased."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from features.ladder.file import read_ladder
from features.store import places
from features.store.arrivals import Arrival, Event
from features.store.database import Database
from features.store.events import EventStore
from features.store.places import counted_by_id, ids_beyond, places_of, sent_under
from features.store.privacy.erasures import erase
from features.store.privacy.held import Held, Lead
from features.store.schema import events
from tests.features.store.scene import sweep
from tests.profiles import examples

LEADS = ("", "a", "A", "ann", "é", "\U0001f600", "ann\u0001", "\U0010ffff" * 2)


def noted(database: Database) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """What is noted by message id and by lead; and what would be right."""
    with database.reading() as connection:
        ask = connection.exec_driver_sql
        by_id, by_lead = (
            ask(f"SELECT * FROM {of} UNION ALL SELECT * FROM {of}_new").all()  # noqa: S608
            for of in ("events_by_message", "events_by_lead")
        )
        rows = ask("SELECT message_id, lead_id, occurred_at, known_at, seq FROM events").all()
    return (
        sorted(map(tuple, [*by_id, *by_lead]), key=repr),
        sorted([part for row in rows for part in ((row[0], row[4]), tuple(row[1:]))], key=repr),
    )


def small(database: Database) -> list[int]:
    """How many events the small tables have."""
    names = ("events_by_message_new", "events_by_lead_new")
    with database.reading() as connection:
        return [
            connection.scalar(sa.select(sa.func.count()).select_from(sa.table(name))) or 0
            for name in names
        ]


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small tables hold few events, and are swept a few at a time."""
    monkeypatch.setattr(places, "_MOST", 20)
    monkeypatch.setattr(places, "_STRETCH", 5)


# -------------------------------------------------------------------------- whatever is done to it


class Sweeping(RuleBasedStateMachine):
    """Two processes add events to one store, again and again the same ones, and erase some.

    What is expected is a dict.
    """

    def __init__(self) -> None:
        super().__init__()
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr(places, "_MOST", 6)
        self._patch.setattr(places, "_STRETCH", 3)
        self._folder = TemporaryDirectory()
        path = Path(self._folder.name) / "store.db"
        self.stores = [EventStore.open(path) for _ in range(2)]
        self.expected: dict[str, Event] = {}

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        self._folder.cleanup()
        self._patch.undo()

    @rule(
        which=st.integers(0, 1),
        made=st.lists(
            st.tuples(st.integers(0, 40), st.sampled_from(LEADS), st.integers(-3, 3)), max_size=12
        ),
        arrive=st.booleans(),
    )
    def add(self, which, made, arrive):
        """Through either door: what is new of it is there once, as it came first."""
        given = [Arrival(f"m{number}", lead, "view", at, at + 1) for number, lead, at in made]
        if arrive:
            told = self.stores[which].ingest(given)
        else:
            self.stores[which].append_events([Event(*one[:6]) for one in given])
            told = []
        fresh = []
        for one in given:
            fresh.append(one.message_id not in self.expected)
            self.expected.setdefault(one.message_id, Event(*one[:6]))
        assert told == (fresh if arrive else [])

    @rule(which=st.integers(0, 1), lead=st.sampled_from(LEADS))
    def erase(self, which, lead):
        with self.stores[which].database.writing() as connection:
            connection.execute(sa.delete(events).where(sent_under("sqlite", [lead])))
        self.expected = {key: one for key, one in self.expected.items() if one.lead_id != lead}

    @precondition(lambda self: self.expected)
    @rule(which=st.integers(0, 1))
    def break_off(self, which):
        """A transaction that added events, and may have swept some, and then failed."""
        store = self.stores[which]
        rows = [Event(f"lost{at}", "lost", "view", at, at) for at in range(8)]
        nameless: Any = [("nameless", "lost", None, 1, 1, "{}")]

        def add_in_vain() -> None:
            with store.database.writing() as connection:
                store._inserts.events(connection, rows)
                store._inserts.events(connection, nameless)

        with pytest.raises(sa.exc.IntegrityError):
            add_in_vain()

    @invariant()
    def all_is_found(self):
        one, other = self.stores
        told, right = noted(one.database)
        assert told == right
        assert one.count() == len(self.expected)
        assert one.lead_ids() == sorted({event.lead_id for event in self.expected.values()})
        for number in range(0, 41, 7):
            assert other.event(f"m{number}") == self.expected.get(f"m{number}")
        for lead in LEADS:
            own = [event for event in self.expected.values() if event.lead_id == lead]
            times = sorted((event.occurred_at, event.known_at) for event in own)
            assert [row[1:3] for row in other.events_of(lead)] == times
            stamp = one.stamp(lead)
            assert stamp is None if not own else stamp and stamp[1] == len(own)


TestSweeping = Sweeping.TestCase
TestSweeping.settings = settings(max_examples=examples(40), stateful_step_count=20)


# ------------------------------------------------------------------------------ what sweeping does


@pytest.mark.usefixtures("narrow")
def test_small_tables_stay_small(tmp_path):
    """However many come, and however few at a time; what is swept lies in order in the large."""
    with EventStore.open(tmp_path / "store.db") as store:
        for at in range(60):
            store.append_events([Event(f"{at * 37 % 61:02}", f"lead-{at % 9}", "v", at, at)])
            assert max(small(store.database)) <= 20 + 5
        assert min(small(store.database)) > 10
        store.append_events([Event(f"x{at}", f"lead-{at}", "v", at, at) for at in range(100)])
        assert max(small(store.database)) <= 20
        last = "\U0010ffff"  # no letter is beyond it
        store.append_events([Event(f"{last}{at}", f"{last}{at}", "v", 1, 1) for at in range(100)])
        assert max(small(store.database)) <= 20
        told, right = noted(store.database)
        assert told == right


@pytest.mark.usefixtures("narrow")
def test_sweeps_go_round(tmp_path):
    """A sweep goes on where the last one ended, and begins anew where nothing is left beyond."""
    with EventStore.open(tmp_path / "store.db") as store:
        store.append_events([Event(f"{at:02}", f"{at:02}", "v", 1, 1) for at in range(24)])
        left = "SELECT min(message_id) FROM events_by_message_new"
        with store.database.reading() as connection:
            assert connection.exec_driver_sql(left).scalar() == "05"
        store.append_events([Event("00b", "00b", "v", 1, 1)])  # behind the sweep
        store.append_events([Event(f"z{at}", f"z{at}", "v", 1, 1) for at in range(12)])
        with store.database.reading() as connection:
            assert connection.exec_driver_sql(left).scalar() == "00b"
            large = sa.text("SELECT max(message_id), count(*) FROM events_by_message")
            assert connection.execute(large).one() == ("19", 20)
        for at in range(12):
            store.append_events([Event(f"0z{at:02}{no}", "ann", "v", 1, 1) for no in range(5)])
        with store.database.reading() as connection:
            large = sa.text("SELECT count(*) FROM events_by_message WHERE message_id = '00b'")
            assert connection.scalar(large) == 1


def test_few_events_are_looked_at_seldom(tmp_path):
    """Small tables are counted when they may have grown, not with every event."""
    with EventStore.open(tmp_path / "store.db") as store:
        counted = Counter[str]()

        def count(*told: object) -> None:
            counted.update(["count"] if str(told[2]).startswith("SELECT count(*)") else [])

        sa.event.listen(store.database.engine, "before_cursor_execute", count)
        for at in range(20):
            store.append_events([Event(f"{at}", "ann", "v", at, at)])
        assert counted["count"] == 2  # by the first, of each small table


# ------------------------------------------------------------------------------ on either database


def test_ids_and_counts(store):
    """Ids in order, each once, some at a time; and how many events each has, and of when."""
    made = [Event(f"m{at}", f"lead-{at * 7 % 10}", "v", at, at) for at in range(35)]
    store.append_events(made)
    dialect = store.database.engine.dialect.name
    sweep(store, 15)
    expected = [f"lead-{at}" for at in range(10)]
    with store.database.reading() as connection:
        assert ids_beyond(connection, None, 4) == expected[:4]
        assert ids_beyond(connection, "lead-3", 100) == expected[4:]
        assert ids_beyond(connection, "lead-9", 4) == []
        each = counted_by_id(dialect)
        rows = connection.execute(
            sa.select(
                each.c.lead_id,
                sa.func.sum(each.c.events),
                sa.func.min(each.c.first),
                sa.func.max(each.c.last),
            ).group_by(each.c.lead_id)
        ).all()
        times = {
            lead: [one.occurred_at for one in made if one.lead_id == lead] for lead in expected
        }
        assert {row[0]: tuple(map(int, row[1:])) for row in rows} == {
            lead: (len(own), min(own), max(own)) for lead, own in times.items()
        }
        some = ["lead-2", "lead-5", "nobody"]
        found = connection.scalars(sa.select(events.c.message_id).where(sent_under(dialect, some)))
        assert sorted(found) == sorted(one[0] or "" for one in made if one.lead_id in some)
        own = places_of(dialect, some).c
        told = sa.select(sa.func.count(), sa.func.min(own.occurred_at), sa.func.max(own.known_at))
        assert connection.execute(told).one() == (6, 5, 26)


# ---------------------------------------------------------------------------- nothing is looked for


def scans(store: EventStore, asked: list[tuple[str, object]]) -> Iterator[str]:
    """Those statements that look through all events, or all of their places."""
    path = str(store.database.engine.url.database)
    with sqlite3.connect(path) as connection:
        for text, given in asked:
            plan = connection.execute(f"EXPLAIN QUERY PLAN {text}", given)  # type: ignore[arg-type]
            if any(row[3].startswith("SCAN events") for row in plan):
                yield text
    connection.close()


def test_what_is_asked_of_a_lead_is_asked_of_it_alone(tmp_path):
    """Whatever is done about a lead, no statement looks through the events of the others."""
    ladder = read_ladder("b2b")
    with EventStore.open(tmp_path / "store.db") as store:
        asked: list[tuple[str, object]] = []

        def hear(_: object, __: object, text: str, given: object, *___: object) -> None:
            one = given[0] if isinstance(given, list) else given
            is_size = text.startswith("SELECT count(*) FROM events_by_")
            if text.startswith(("SELECT", "INSERT", "DELETE")) and not is_size:
                asked.append((text, one))

        sa.event.listen(store.database.engine, "before_cursor_execute", hear)
        store.name_by("lead_identified")
        store.ingest([Arrival(f"m{at}", f"l{at % 5}", "view", at, at) for at in range(30)])
        store.ingest([Arrival("x", "l1", "view", 1, 1, anonymous_id="l2")])
        store.append_events([Event("y", "l3", "view", 1, 1)])
        store.append_new([Event("d", "l3", "view", 2, 2)], check=lambda _: None)
        store.log_of(["l1", "l4"], ladder)
        store.recent.log_of(["l1", "l3"], ladder)
        store.recent.log_of(["l1", "l3"], ladder)
        store.names.find("l3")
        with store.database.writing() as connection:
            Lead.read(connection, "l1", 5)
            Held.read(connection, "l2", 5)
            erase(connection, "l3", 5, None)
        for prepared in (
            store._lead_rows._of_lead,
            store._lead_rows._stamp,
            store._of_message,
        ):
            asked.append((prepared.text, ("l1",) * len(prepared.order or ())))
        assert len(asked) > 60
        assert list(scans(store, asked)) == []
