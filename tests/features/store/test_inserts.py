"""Each message id goes in once, whoever brings it at the same time."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest
import sqlalchemy as sa

from features.errors import StoreError
from features.events.table import EventTable
from features.store.arrivals import Arrival, Event
from features.store.events import Appended, EventStore
from features.store.schema import account_members, events, hands, lead_words


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
    with pytest.raises(sa.exc.IntegrityError, match=r"(?i)not.null"):
        store.append_events([good, good._replace(message_id="b", name=None)])  # type: ignore[arg-type]
    assert store.count() == 0


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_large_batches_of_which_a_part_is_known(database, share):
    """Of a batch of several statements each event that is new is told, and kept as it is."""
    store, draw = EventStore(database), random.Random(5)  # noqa: S311 not a secret
    known = [Arrival(f"k-{at}", f"lead-{at % 7}", "view", at, at) for at in range(900)]
    assert all(store.ingest(known))
    sent = [
        draw.choice(known)._replace(name="other")
        if draw.random() < share
        else Arrival(f"n-{at}", f"lead-{at % 9}", "new", at, at)
        for at in range(1400)
    ]
    assert store.ingest(sent) == [one.name == "new" for one in sent]
    assert store.ingest(sent) == [False] * len(sent)
    with database.reading() as connection:
        found = connection.execute(sa.select(events.c.message_id, events.c.name))
        kept = {row.message_id: row.name for row in found}
    new = [one for one in sent if one.name == "new"]
    assert kept == {one.message_id: one.name for one in (*known, *new)}


def test_the_same_arrivals_at_once(database):
    """Of many who bring the same events at once each is heard, and each event is new to one."""
    store = EventStore(database)
    made = [Arrival(f"m-{at}", f"lead-{at % 7}", "view", 1, 1) for at in range(300)]

    def bring(number: int) -> int:
        order = random.Random(number).sample(made, 300)  # noqa: S311 not a secret
        parts = [order[at : at + 60] for at in range(0, 300, 60)]
        return sum(store.ingest(part).count(True) for part in parts)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(bring, range(8))) == 300
    assert store.count() == 300


def noted(store):
    """What events say beside themselves, as it is kept: of hands, of companies, of names."""
    with store.database.reading() as connection:
        return [
            sorted(map(tuple, connection.execute(sa.select(table))))
            for table in (hands, account_members, lead_words)
        ]


CLAIMED = Event("m1", "ann", "lead_claimed", 5, 5, '{"by":"Mallory"}')
SAYING = [
    CLAIMED,
    Event("m2", "ann", "group", 5, 5, '{"group_id":"evil","name":"Evil"}'),
    Event("m3", "ann", "identify", 5, 5, '{"name":"Mallory Mint"}'),
]


def ingested(store, rows):
    store.ingest([Arrival(*row) for row in rows])


def appended(store, rows):
    store.append_events(rows)


def appended_one_by_one(store, rows):
    for row in rows:
        store.append_new([row])


def appended_after_another(store, rows):
    for row in rows:
        store.append_new([Event(f"new-{store.count()}", "cem", "view", 1, 1), row])


def imported(store, rows):
    ids, leads, names, occurred, known, said = zip(*rows, strict=True)
    store.append(
        EventTable(
            pa.array(ids),
            pa.array(leads),
            pa.array(names),
            np.array(occurred, dtype=np.int64),
            np.array(known, dtype=np.int64),
            documents=pa.array(said),
        )
    )


@pytest.mark.parametrize(
    "bring", [ingested, appended, appended_one_by_one, appended_after_another, imported]
)
def test_an_event_that_is_passed_over_says_nothing(store, bring):
    """What came under a message id first stands, also for whose a lead is and what it is called."""
    store.name_by("identify")
    first = [row._replace(name="view", properties="{}") for row in SAYING]
    bring(store, first)
    before = noted(store)
    assert before == [[], [], []]
    news = Event("m4", "bob", "lead_claimed", 5, 5, '{"by":"Kim"}')
    bring(store, [*SAYING, news, news._replace(properties='{"by":"Mallory"}')])
    assert store.hands.of("ann").owner_at(6) == ""
    assert store.hands.of("bob").owner_at(6) == "Kim"
    assert noted(store)[1:] == before[1:]


def test_what_is_new_is_noted_as_it_comes(store):
    """Of two events at one instant the later in a call counts, whatever their message ids are."""
    kim, lee = (CLAIMED._replace(properties=json.dumps({"by": one})) for one in ("Kim", "Lee"))
    known = Event("m0", "ann", "view", 1, 1)
    store.append_events([known])
    store.append_events([known, kim._replace(message_id="b"), lee._replace(message_id="a")])
    assert store.hands.of("ann").owner_at(6) == "Lee"
