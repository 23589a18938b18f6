"""The events of some ids are those of all, whichever way they are read."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.store.arrivals import Event
from features.store.events import EventStore
from features.store.schema import events
from features.store.whole_log import tables
from features.store.whole_log.tables import events_where, table_of, table_of_ids
from tests.features.store.scene import COLUMNS, sweep
from tests.profiles import examples

IDS = ["ann", 'bob, "the" [first]', "čeněk", "dee"]
NAMES = ["view", "a,b", 'quoted "', "[odd]", "Ünïcode \\u0041", "{}", "\x1f"]
PROPERTIES = [
    {},
    {"minutes": 3.5},
    {"section": "a,[b]", "own_data": True},
    {"note": '\u2028 é"}]'},
]


def sorted_rows(table):
    """What a table says, event by event."""
    columns = [table.lead_id, table.name, *table.texts.values()]
    lists = [column.to_pylist() for column in columns]
    lists += [table.occurred_at.tolist(), table.known_at.tolist()]
    lists += [["nan" if one != one else one for one in row] for row in table.numbers.values()]
    return sorted(zip(*lists, strict=True), key=repr)


def assert_as_each(store: EventStore, ids: list[str]) -> None:
    with store.database.reading() as connection:
        found = table_of_ids(connection, ids, COLUMNS)
        each = table_of(connection, [events_where(events.c.lead_id.in_(ids))], COLUMNS)
    assert sorted(found.numbers) == sorted(each.numbers)
    assert sorted(found.texts) == sorted(each.texts)
    assert sorted_rows(found) == sorted_rows(each)


said = st.tuples(
    st.sampled_from(IDS),
    st.sampled_from(NAMES),
    st.sampled_from([0, 7, -5, 2**62, 1_774_000_000_000_000]),
    st.sampled_from([0, 8, 2**62 + 1]),
    st.sampled_from(PROPERTIES),
)


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(said, max_size=12), st.sets(st.sampled_from([*IDS, "nobody"])), st.integers(1, 4))
def test_by_id_and_by_event(store, told, asked, many):
    """All that is stored comes back, however much of it one id has, noted lately or long ago."""
    with store.database.writing() as connection:
        connection.execute(sa.delete(events))
    made = [
        Event(str(at), lead, name, occurred, known, json.dumps(properties, ensure_ascii=False))
        for at, (lead, name, occurred, known, properties) in enumerate(told)
    ]
    store.append_events(made[len(made) // 3 :])
    sweep(store, len(made) // 5)
    store.append_events(made[: len(made) // 3])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tables, "_MANY", many)
        patched.setattr(tables, "_GROUPS_AT_ONCE", 2)
        assert_as_each(store, sorted(asked))


def test_a_text_that_is_too_long_for_sqlite(store):
    """Where the events of an id do not fit into one text, each is read by itself."""
    store.append_events(
        Event(f"{lead}-{at}", lead, "view", at, at, json.dumps({"note": "x" * 900, "minutes": at}))
        for lead in IDS
        for at in range(9)
    )
    with store.database.reading() as connection:
        if store.database.is_sqlite:
            raw = connection.connection.driver_connection
            was = raw.setlimit(0, 5000)  # of the length of a text
        try:
            found = table_of_ids(connection, IDS, COLUMNS)
        finally:
            if store.database.is_sqlite:
                raw.setlimit(0, was)
    assert len(found) == 36
    assert_as_each(store, IDS)
