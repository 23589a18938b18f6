"""What the store keeps: each event once, in time order, and the latest score of a lead."""

from __future__ import annotations

import json
import random
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from features.errors import EventsError, StoreError
from features.events.log import EventLog, LogColumns
from features.events.of_lead import log_of_rows
from features.ladder.file import read_ladder
from features.reading import read_events, read_table
from features.signals.table import ladder_columns
from features.store import events as store_module
from features.store.arrivals import Arrival
from features.store.events import Appended, Event, EventStore, StoredScore

LADDER = read_ladder("b2b")
COLUMNS = LogColumns(*ladder_columns(LADDER))
ROWS: list[dict[str, object]] = [
    {"lead_id": "bob", "name": "view", "occurred_at": "2026-03-02T00:00:00Z", "section": "docs"},
    {"lead_id": "ann", "name": "tool_used", "occurred_at": "2026-03-01T00:00:00Z", "minutes": 4.5},
    {"lead_id": "ann", "name": "view", "occurred_at": "2026-02-01T00:00:00Z", "own_data": True},
    {"lead_id": "ann", "name": "view", "occurred_at": "2026-02-01T00:00:00Z", "own_data": True},
    {
        "lead_id": "ann",
        "name": "call",
        "occurred_at": "2026-04-01T00:00:00Z",
        "known_at": "2026-03-31T00:00:00Z",
        "message_id": "m1",
        "minutes": "12",
        "note": "é",
    },
]
"""Two rows say the same, one was known before it occurred, one has a message id."""

SCORE = StoredScore(
    lead_id="ann",
    ladder="b2b",
    as_of=1,
    step="value",
    position=1,
    p_advance=0.25,
    low=0.2,
    high=0.3,
    p_purchase=0.01,
    priority=1.5,
    percentile=0.9,
    reasons='["opened an asset"]',
    bundle="abc",
    scored_at=2,
    last_active=1,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


@pytest.fixture
def store(tmp_path: Path):
    with EventStore.open(tmp_path / "store.db") as opened:
        yield opened


def imported(store: EventStore, file: Path) -> Appended:
    return store.append(read_table(file, needs=COLUMNS)[0])


def assert_same_log(one: EventLog, other: EventLog) -> None:
    for field in ("leads", "names", "columns", "text_values"):
        assert getattr(one, field) == getattr(other, field)
    for field in ("starts", "name", "occurred", "known", "numbers", "texts"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field), err_msg=field)


def test_round_trip(store, file, tmp_path):
    """A store gives the log that the file it was filled from gives, by object and by URL."""
    expected, _ = read_events(file, LADDER)
    assert imported(store, file) == Appended(5, 0)
    assert_same_log(store.log(LADDER), expected)
    log, report = read_events(f"sqlite:///{tmp_path / 'store.db'}", LADDER)
    assert_same_log(log, expected)
    assert (report.rows, report.accepted) == (5, 5)


def test_importing_again_adds_nothing(store, file, tmp_path):
    """Events without a message id are recognised, and two equal rows stay two events."""
    imported(store, file)
    assert imported(store, file) == Appended(0, 5)
    backwards = tmp_path / "backwards.jsonl"
    backwards.write_text("".join(reversed(file.read_text().splitlines(keepends=True))))
    assert imported(store, backwards) == Appended(0, 5)
    assert store.count() == 5
    thrice = tmp_path / "thrice.jsonl"
    thrice.write_text("".join(json.dumps(row) + "\n" for row in [*ROWS, ROWS[2]]))
    assert imported(store, thrice) == Appended(1, 5)


def test_ids_do_not_depend_on_the_ladder(store, file):
    """A file imported for another ladder is still the same file."""
    imported(store, file)
    assert store.append(read_table(file)[0]) == Appended(0, 5)


def test_batches(store, tmp_path, monkeypatch):
    """Equal rows on both sides of a batch's border are told apart, and progress is reported."""
    monkeypatch.setattr("features.store.events._BATCH", 2)
    file = tmp_path / "e.jsonl"
    file.write_text((json.dumps(ROWS[0]) + "\n") * 5)
    seen: list[str] = []
    assert store.append(read_table(file)[0], progress=seen.append) == Appended(5, 0)
    assert seen[0] == "2 of 5 events stored"
    assert len(store.log(LADDER)) == 5


def test_events_of(store, file):
    """A lead's events come in time order, with the properties as they were given."""
    imported(store, file)
    rows = store.events_of("ann")
    assert [(name, properties) for name, _, _, properties in rows] == [
        ("view", {"own_data": True}),
        ("view", {"own_data": True}),
        ("tool_used", {"minutes": 4.5}),
        ("call", {"minutes": "12", "note": "é"}),
    ]
    assert rows[-1][1:3] == (1_775_001_600_000_000, 1_774_915_200_000_000)
    assert store.events_of("nobody") == []


def test_one_lead_is_the_same_by_any_way(store, file):
    """The rows of a lead, its log by id, and its part of the whole log say the same."""
    imported(store, file)
    by_id = store.log_of(["ann", "ann", "nobody"], LADDER)
    assert_same_log(by_id, log_of_rows("ann", store.events_of("ann"), COLUMNS))
    whole = store.log(LADDER)
    part = whole.only(np.array([lead == "ann" for lead in whole.leads]))
    np.testing.assert_array_equal(part.numbers, by_id.numbers)
    assert len(store.log_of([], LADDER)) == 0


def test_until(store, file):
    """A log up to an instant holds what was known then, the instant included."""
    imported(store, file)
    log = store.log(LADDER, until=datetime(2026, 3, 1, tzinfo=UTC))
    assert (log.leads, len(log)) == (("ann",), 3)


def test_values_that_say_no_number_are_absent(store):
    """What came in unchecked cannot break a log; log and request path agree about it."""
    odd = '{"minutes":"few","own_data":"1e999","section":7,"watched_fraction":[1]}'
    store.append_events([Event("m", "ann", "view", 1, 1, odd)])
    log = store.log(LADDER)
    assert np.isnan(log.numbers).all()
    assert_same_log(log, log_of_rows("ann", store.events_of("ann"), COLUMNS))
    assert log.text_values[COLUMNS.texts.index("section")] == ("7",)


def test_append_events(store):
    """A few events at once: each message id once, also within the call, the first one stays."""
    first = Event("m", "ann", "view", 1, 1, '{"minutes":1}')
    assert store.append_events([first, first._replace(properties="{}")]) == Appended(1, 1)
    assert store.append_events([first._replace(lead_id="bob")]) == Appended(0, 1)
    assert store.append_events([]) == Appended(0, 0)
    assert store.events_of("ann") == [("view", 1, 1, {"minutes": 1})]
    with pytest.raises(StoreError, match="an event without a message_id"):
        store.append_events([first._replace(message_id=None)])
    assert (store.count(), store.lead_ids()) == (1, ["ann"])


def test_a_failed_call_stores_nothing(store):
    """The events of one call are stored all or none."""
    good = Event("a", "ann", "view", 1, 1)
    with pytest.raises(sa.exc.IntegrityError, match="NOT NULL"):
        store.append_events([good, good._replace(message_id="b", name=None)])  # type: ignore[arg-type]
    assert store.count() == 0


def test_threads(store):
    """Threads write and read at once without losing an event."""

    def work(number: int) -> int:
        for at in range(20):
            store.append_events([Event(f"{number}-{at}", f"lead{number}", "view", at, at)])
        return len(store.events_of(f"lead{number}"))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [20] * 8
    assert store.count() == 160


def test_the_same_arrivals_at_once(database):
    """Of many who bring the same events at once each is heard, and each event is new to one."""
    store = EventStore(database)
    made = [Arrival(f"m-{at}", f"lead-{at % 7}", "view", 1, 1) for at in range(300)]

    def bring(number: int) -> int:
        order = random.Random(number).sample(made, 300)  # noqa: S311 not a secret
        parts = [order[at : at + 60] for at in range(0, 300, 60)]
        return sum(sum(store.ingest(part)) for part in parts)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(bring, range(8))) == 300
    assert store.count() == 300


def test_durable(tmp_path):
    """Readers go on beside a writer, a commit is on the disk, and what was stored stays."""
    path = tmp_path / "store.db"
    with EventStore.open(path) as store:
        store.append_events([Event("m", "ann", "view", 1, 1)])
        with store.database.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    with EventStore.existing(f"sqlite:///{path}") as store:
        assert store.count() == 1


def test_in_memory():
    """A store in memory is one store, whichever thread asks."""
    with EventStore.open(":memory:") as store, ThreadPoolExecutor(1) as pool:
        store.append_events([Event("m", "ann", "view", 1, 1)])
        assert pool.submit(store.count).result() == 1


# ---------------------------------------------------------------------------- what belongs together

MADE = Event("made", "ann", "rung_decision", 5, 6, '{"offer":"é"}')
SHOWN = Event("shown", "ann", "rung_exposure", 7, 7)


def test_event(store):
    """An event is found by its message id, as it was given, whatever that id is."""
    store.append_events([MADE, SHOWN])
    assert store.event("made") == MADE
    assert store.event("shown") == SHOWN
    for unknown in ("", "MADE", "made ", "made' OR '1'='1", "é"):
        assert store.event(unknown) is None


def test_append_new(store):
    """Events are added with the minutes they cost if the first is new; else nothing is."""
    assert store.append_new([MADE, SHOWN], 20_000, 30.0)
    assert (store.count(), store.rep_minutes(20_000), store.rep_minutes(19_999)) == (2, 30.0, 0.0)
    later = Event("later", "ann", "view", 9, 9)
    assert not store.append_new([MADE._replace(lead_id="bob"), later], 20_000, 30.0)
    assert (store.count(), store.rep_minutes(20_000), store.event("later")) == (2, 30.0, None)
    assert store.append_new([later], 20_000, 12.5)
    assert store.append_new([later._replace(message_id="free")])
    assert (store.count(), store.rep_minutes(20_000)) == (4, 42.5)


def test_append_new_beside_a_known_event(store):
    """An event that is there already keeps none of the others out, if it is not the first."""
    store.append_events([SHOWN._replace(properties='{"first":1}')])
    assert store.append_new([MADE, SHOWN])
    kept = store.event("shown")
    assert kept is not None
    assert kept.properties == '{"first":1}'


def test_append_new_is_all_or_nothing(store):
    """Where one event cannot be stored, none of them is, and no minutes are counted."""
    with pytest.raises(sa.exc.IntegrityError, match="NOT NULL"):
        store.append_new([MADE, SHOWN._replace(name=None)], 20_000, 30.0)  # type: ignore[arg-type]
    assert (store.count(), store.rep_minutes(20_000)) == (0, 0.0)
    assert store.append_new([MADE])


def test_append_new_at_once(tmp_path):
    """Of many that add the same first event at the same time, from two stores, one succeeds."""
    path = tmp_path / "store.db"
    with EventStore.open(path) as one, EventStore.open(path) as other:

        def add(number: int) -> bool:
            events = [MADE._replace(message_id=f"made-{number // 8}")]
            events.append(Event(f"own-{number}", "ann", "view", 1, 1))
            return (one, other)[number % 2].append_new(events, 20_000, 1.0)

        with ThreadPoolExecutor(8) as pool:
            added = list(pool.map(add, range(80)))
        assert [sum(added[at : at + 8]) for at in range(0, 80, 8)] == [1] * 10
        assert (one.count(), one.rep_minutes(20_000)) == (20, 10.0)


def test_minutes_in_another_database():
    """PostgreSQL understands how minutes are added as well."""
    engine = sa.create_mock_engine("postgresql://", lambda *_: None)
    statement = store_module._add_minutes(engine)  # type: ignore[arg-type]
    text = str(statement.compile(dialect=engine.dialect))
    assert "ON CONFLICT (day) DO UPDATE" in text
    assert "rep_minutes.minutes + excluded.minutes" in text


# ------------------------------------------------------------------------------------------- scores


def test_scores(store):
    """The latest score of a lead replaces the one before."""
    assert store.scores.of("ann") is None
    assert store.scores.save([SCORE, replace(SCORE, lead_id="bob", p_advance=None)]) == 2
    store.scores.save([replace(SCORE, priority=0.5)])
    assert store.scores.of("ann") == replace(SCORE, priority=0.5)
    bob = store.scores.of("bob")
    assert bob is not None
    assert bob.p_advance is None


def test_queue(store):
    """The queue goes by priority, then by lead, and goes on after the last one seen."""
    priorities = {"a": 0.1, "b": 0.3, "c": 0.3, "d": 1 / 3, "e": 0.0}
    store.scores.save(replace(SCORE, lead_id=k, priority=p) for k, p in priorities.items())
    seen, after = [], None
    while part := store.scores.queue(2, after):
        seen += [score.lead_id for score in part]
        after = part[-1].priority, part[-1].lead_id
    assert seen == ["d", "b", "c", "a", "e"]


# -------------------------------------------------------------------------------- what is no store


def test_a_database_of_others(tmp_path):
    """A database that holds something else is refused, and left as it was."""
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE customers (id INTEGER)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"other.db: not a store of Rung; it holds customers"):
        EventStore.open(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("{folder}/text.db", "cannot be opened: file is not a database"),
        ("{folder}/no/store.db", "cannot be opened: unable to open database file"),
        ("sqlite:////{folder}/no/store.db", "cannot be opened"),
        ("nonsense://host/x", "a store is SQLite or PostgreSQL"),
        ("://", "is no store; write a path, sqlite:///events.db or postgresql://"),
    ],
)
def test_what_cannot_be_opened(tmp_path, url, message):
    """A place that is no database says so."""
    (tmp_path / "text.db").write_text("no database at all, only text " * 20)
    with pytest.raises(StoreError, match=message):
        EventStore.open(url.format(folder=tmp_path))


def test_no_store_yet(tmp_path):
    """Reading asks for a store that exists, and makes none."""
    with pytest.raises(StoreError, match=r"there is no such store; import events into it first"):
        EventStore.existing(tmp_path / "store.db")
    assert not (tmp_path / "store.db").exists()


def test_an_empty_store(store, tmp_path):
    """A store without events has no log to read."""
    assert store.count() == 0
    with pytest.raises(EventsError, match="there is no event in it"):
        read_events(f"sqlite:///{tmp_path / 'store.db'}", LADDER)
