"""Leads worked out in part: they are what the whole set of links gives, at a bounded cost."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.store.arrivals import Arrival
from features.store.events import EventStore
from features.store.identities.rule import ALIAS, CLAIM
from tests.databases import opened
from tests.features.store.identities.scene import arrival, emptied, kept_members, standing_links
from tests.oracles.identity_oracle import leads
from tests.profiles import examples

_IDS = st.sampled_from(["u1", "u2", "u3", "u4", "a1", "a2", "a3", "a4", "a5"])
_STEPS = st.lists(
    st.tuples(st.sampled_from([CLAIM, CLAIM, ALIAS, "undo"]), _IDS, _IDS, st.integers(1, 9)),
    min_size=1,
    max_size=14,
)
MANY = 4000


@settings(
    max_examples=examples(150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=_STEPS, sizes=st.lists(st.integers(1, 4), min_size=14, max_size=14))
def test_what_is_kept_is_what_follows_from_all_links(store, steps, sizes):
    """Claims, aliases and undone links, in any batches: each id is where the naive rule has it."""
    store = emptied(store)
    waiting: list[Arrival] = []
    for number, (kind, source, target, at) in enumerate(steps):
        if kind != "undo":
            claimed, given_up = (source, None) if kind == CLAIM else (None, source)
            known_at = at + number % 3
            waiting.append(arrival(f"m{number}", target, at, claimed, given_up, known_at))
        if kind == "undo" or len(waiting) >= sizes[number]:
            store.ingest(waiting)
            waiting = []
        stand = standing_links(store)
        if kind == "undo" and stand:
            store.undo_link(*stand[at % len(stand)][:3], undone_at=99)
        assert kept_members(store) == leads(standing_links(store))


@pytest.mark.parametrize("kind", [CLAIM, ALIAS])
def test_a_lead_with_many_ids_moves_as_one(store, kind):
    """Ids that hang on a user go where it goes: to another name, to another lead, and back."""
    ids = [f"anon-{at}" for at in range(40)]
    store.ingest(
        [
            arrival(f"m-{one}", "user", 5, *((one, None) if kind == CLAIM else (None, one)))
            for one in ids
        ]
    )
    store.ingest([arrival("renamed", "account", 7, previous_id="user")])
    assert store.ids_of("anon-7") == sorted([*ids, "account", "user"])
    assert kept_members(store) == leads(standing_links(store))
    store.undo_link(ALIAS, "user", "account", undone_at=8)
    assert store.lead_of("anon-7") == "user"
    assert store.lead_of("account") == "account"
    assert kept_members(store) == leads(standing_links(store))


def _ten(store: EventStore, number: int, one: Callable[[int], Arrival]) -> None:
    store.ingest([one(number * 10 + at) for at in range(10)])


CROWDS: dict[str, Callable[[int], Arrival]] = {
    "anonymous ids of one user": lambda at: arrival(f"{at}", "user", at + 1, f"anon-{at}"),
    "previous ids of one user": lambda at: arrival(f"{at}", "user", at + 1, None, f"anon-{at}"),
    "users of one kiosk": lambda at: arrival(f"{at}", f"user-{at}", at + 1, "kiosk"),
    "users of one kiosk, each before the other": lambda at: arrival(
        f"{at}", f"user-{at}", 10**6 - at, "kiosk"
    ),
    "both calls of each id": lambda at: arrival(
        f"{at}", "user", at + 1, f"anon-{at}", f"anon-{at}"
    ),
}


@pytest.mark.parametrize("crowd", CROWDS)
def test_the_last_claims_cost_what_the_first_ones_did(tmp_path, crowd):
    """However many ids are linked already: counted in the steps that the database takes."""
    store = EventStore(opened(tmp_path / "rung.db"))
    _ten(store, 0, CROWDS[crowd])
    first = _steps(store, lambda: _ten(store, 1, CROWDS[crowd]))
    for start in range(20, MANY, 500):
        store.ingest([CROWDS[crowd](at) for at in range(start, start + 500)])
    last = _steps(store, lambda: _ten(store, MANY, CROWDS[crowd]))
    assert last < 2 * first
    assert _steps(store, lambda: store.ingest([arrival("else", "else", 1, "anon-else")])) < first


def test_the_statements_of_a_claim_are_few(store):
    """On any database a batch of claims takes the same few statements."""
    store.ingest([CROWDS["anonymous ids of one user"](at) for at in range(2000)])
    statements: list[str] = []
    sa.event.listen(
        store.database.engine, "before_cursor_execute", lambda *seen: statements.append(seen[2])
    )
    store.ingest([CROWDS["anonymous ids of one user"](at) for at in range(9000, 9100)])
    assert len(statements) < 20
    assert len(store.ids_of("user")) == 2101


def test_an_alias_of_a_long_chain_takes_few_statements(store):
    """Each id of it is called by the new one; those that nothing hangs on take no statement."""
    store.ingest([arrival(f"{at}", f"id-{at + 1}", 1, None, f"id-{at}") for at in range(300)])
    store.ingest([arrival(f"v{at}", f"id-{at}", 1, f"anon-{at}") for at in (7, 250)])
    statements: list[str] = []
    sa.event.listen(
        store.database.engine, "before_cursor_execute", lambda *seen: statements.append(seen[2])
    )
    store.ingest([arrival("last", "id-301", 2, None, "id-300")])
    assert len(statements) < 30
    assert store.lead_of("anon-7") == store.lead_of("id-0") == "id-301"
    assert kept_members(store) == leads(standing_links(store))


def _steps(store: EventStore, work: Callable[[], object]) -> int:
    """How many steps SQLite's machine takes for some work."""
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 1
        return 0

    @sa.event.listens_for(store.database.engine, "checkout")
    def watch(connection: sqlite3.Connection, *_: object) -> None:
        connection.set_progress_handler(step, 1)

    work()
    sa.event.remove(store.database.engine, "checkout", watch)
    with store.database.reading() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.set_progress_handler(None, 0)
    return taken


def test_a_store_that_does_not_know_yet_which_ids_hang(tmp_path: Path):
    """Ids of a store from before are found out when their lead is touched."""
    store = EventStore(opened(tmp_path / "rung.db"))
    store.ingest([arrival(f"{at}", "user", at + 1, f"anon-{at}") for at in range(30)])
    with store.database.writing() as connection:
        connection.exec_driver_sql("UPDATE identities SET hangs_on = NULL")
    store.ingest([arrival("alias", "account", 50, None, "user")])
    store.ingest([arrival("alias-2", "account-2", 60, None, "account")])
    assert store.lead_of("anon-3") == "account-2"
    assert kept_members(store) == leads(standing_links(store))
