"""A store keeps what a dict of events would, in whatever order things are done with it."""

from __future__ import annotations

import json
from pathlib import Path

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from features.ladder.file import read_ladder
from features.store.arrivals import Arrival, Event
from features.store.events import Appended, EventStore
from features.store.privacy.erasures import erase, wipe
from features.store.schema import account_members, events
from tests.oracles.event_store_oracle import EventStoreOracle

LADDER = read_ladder("b2b")
_IDS = st.sampled_from(["a", "A", "é", "b", "c"])
_ARRIVALS = st.builds(
    lambda number, lead, at, known, former: Arrival(
        f"m{number}", lead, "view", at, known, json.dumps({"n": at}), previous_id=former
    ),
    st.integers(0, 20),
    _IDS,
    st.integers(-3, 3),
    st.integers(0, 5),
    st.none() | st.none() | st.none() | _IDS,
)
_STEPS = st.lists(
    st.tuples(st.sampled_from(["ingest", "ingest", "append"]), st.lists(_ARRIVALS, max_size=12))
    | st.tuples(st.just("erase"), _IDS)
    | st.tuples(st.sampled_from(["wipe", "reopen"]), st.none()),
    max_size=8,
)


@given(_STEPS)
def test_as_a_dict_would(tmp_path_factory, steps):
    """Brought, brought again, merged, erased, written anew, opened again: it holds the same."""
    path: Path = tmp_path_factory.mktemp("oracle") / "store.db"
    oracle, store = EventStoreOracle(), EventStore.open(path)
    for what, given_ in steps:
        if what == "ingest":
            assert store.ingest(given_) == oracle.ingest(given_)
        elif what == "append":
            rows = [Event(*one[:6]) for one in given_]
            new = oracle.append(rows)
            assert store.append_events(rows) == Appended(new, len(rows) - new)
        elif what == "erase" and oracle.of(store.ids_of(given_)):
            ids = store.ids_of(given_)
            with store.database.writing() as connection:
                assert erase(connection, given_, 9, None).events == oracle.erase(ids)
        elif what == "wipe":
            assert wipe(store.database)
        elif what == "reopen":
            store.close()
            store = EventStore.open(path)
        _assert_same(store, oracle)
    store.close()


def _assert_same(store: EventStore, oracle: EventStoreOracle) -> None:
    with store.database.reading() as connection:
        held = {row.message_id: row for row in connection.execute(sa.select(events))}
    assert {one: Event(**row._mapping) for one, row in held.items()} == oracle.kept
    assert store.count() == len(oracle.kept)
    assert store.count(after=1) == sum(
        max(one.occurred_at, one.known_at) > 1 for one in oracle.kept.values()
    )
    assert store.lead_ids() == sorted({store.lead_of(one.lead_id) for one in oracle.kept.values()})
    for number in range(21):
        assert store.event(f"m{number}") == oracle.kept.get(f"m{number}")
    for lead in ("a", "A", "é", "b", "c"):
        expected = oracle.of(store.ids_of(lead))
        told = [(one.name, one.occurred_at, json.loads(one.properties)) for one in expected]
        assert [(row[0], row[1], row[3]) for row in store.events_of(lead)] == told
        stamp = store.stamp(lead)
        assert (stamp[1:3] if stamp else None) == (
            (len(expected), max(one.known_at for one in expected)) if expected else None
        )
        stamped = None if stamp is None else (stamp, *store.read(lead))
        found = store.read_stamped(lead)
        assert (found[:3] if found else None) == stamped
        assert len(store.log_of([lead], LADDER)) == len(expected)
    assert len(store.log(LADDER)) == len(oracle.kept)


def test_a_duplicate_says_nothing(store):
    """What comes again beside new events is passed over with all that it says."""

    def of(message: str, company: str, at: int) -> Arrival:
        return Arrival(message, "ann", "group", at, at, json.dumps({"group_id": company}))

    assert store.ingest([of("m1", "acme", 1)]) == [True]
    assert store.ingest([of("m1", "other", 5), of("m2", "old", 0), of("m2", "no", 7)]) == [
        *(False, True, False)
    ]
    with store.database.reading() as connection:
        assert connection.scalars(sa.select(account_members.c.account_id)).all() == ["acme"]
