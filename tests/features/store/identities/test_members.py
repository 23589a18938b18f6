"""What is read of a lead with several ids: who is whom, and since when."""

from __future__ import annotations

import secrets

from features.ladder.file import read_ladder
from tests.features.store.identities.scene import arrival

LADDER = read_ladder("b2b")


def test_the_log_says_what_one_lead_says(store):
    """The log of all, that of some, and the rows of one lead agree on who is whom and when."""
    store.ingest([arrival("1", "anon", 10), arrival("2", "anon", 20)])
    store.ingest([arrival("3", "user", 30, "anon")])
    store.ingest([arrival("4", "phone", 5, known_at=40)])
    store.ingest([arrival("5", "user", 50, "phone", known_at=60)])
    rows = store.events_of("anon")
    # The phone came first, so it is the lead; of it the others' events were known from 60 on.
    assert [(row[1], row[2]) for row in rows] == [(5, 40), (10, 60), (20, 60), (30, 60), (50, 60)]
    for log in (store.log(LADDER), store.log_of(["phone"], LADDER), store.log_of(["user"], LADDER)):
        assert log.leads == ("user",)
        assert list(zip(log.occurred.tolist(), log.known.tolist(), strict=True)) == [
            (row[1], row[2]) for row in rows
        ]
    assert store.read("phone")[0] == "user"


def test_what_was_known_before_ids_were_one(store):
    """The id that a lead began with keeps its past; of another's nothing was known before."""
    store.ingest([arrival("1", "anon", 10), arrival("2", "user", 20)])
    store.ingest([arrival("3", "user", 30, "anon")])
    known = {row[1]: row[2] for row in store.events_of("user")}
    assert known == {10: 10, 20: 30, 30: 30}


def test_an_alias_before_what_it_is_about(store):
    """An alias that comes before all events of the two ids joins them when they come."""
    store.ingest([arrival("1", "new", 5, previous_id="old")])
    store.ingest([arrival("2", "old", 1)])
    assert store.lead_ids() == ["new"]
    assert len(store.events_of("old")) == 2


def test_random_ids_are_texts(store):
    """Ids are compared as they are, byte by byte."""
    ids = [secrets.token_hex(4), "Ä", "ä", "A\u030a", "Å", "a'; DROP TABLE events; --", "🙂"]
    store.ingest([arrival(f"{at}", one, 1) for at, one in enumerate(ids)])
    assert store.lead_ids() == sorted(ids)
    assert all(len(store.events_of(one)) == 1 for one in ids)
