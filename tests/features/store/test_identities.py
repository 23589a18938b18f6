"""Ids, links and leads in a store: any order of the same calls, undoing, and what is read then."""

from __future__ import annotations

import secrets
from collections import defaultdict
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.errors import UnknownLink
from features.events.of_lead import Row
from features.ladder.file import read_ladder
from features.store.arrivals import Arrival
from features.store.events import EventStore
from features.store.identities import links_of
from features.store.identity_rule import ALIAS, CLAIM, resolve
from features.store.migrations import open_database
from features.store.schema import METADATA
from features.store.scores import StoredScore

LADDER = read_ladder("b2b")
_USERS = ["u1", "u2", "u3"]
_ANONYMOUS = ["a1", "a2", "a3"]


def arrival(
    message_id: str,
    subject: str,
    at: int = 10,
    anonymous_id: str | None = None,
    previous_id: str | None = None,
    known_at: int | None = None,
) -> Arrival:
    """A page view."""
    known_at = at if known_at is None else known_at
    return Arrival(
        message_id, subject, "page_viewed", at, known_at, "{}", anonymous_id, previous_id
    )


@st.composite
def calls(draw: st.DrawFn) -> list[Arrival]:
    """Some track, identify and alias calls, all received in the order of their numbers."""
    made = []
    for number in range(draw(st.integers(1, 9))):
        at = draw(st.integers(1, 30))
        kind = draw(st.sampled_from(["anonymous", "user", "both", "alias"]))
        user, anonymous = draw(st.sampled_from(_USERS)), draw(st.sampled_from(_ANONYMOUS))
        made.append(
            arrival(
                f"m{number}",
                anonymous if kind == "anonymous" else user,
                at,
                anonymous if kind == "both" else None,
                draw(st.sampled_from(_USERS + _ANONYMOUS)) if kind == "alias" else None,
                known_at=100,
            )
        )
    return made


def emptied(store: EventStore) -> EventStore:
    """A store with nothing in it, whose process knows nothing of what was in it."""
    with store.database.writing() as connection:
        for table in METADATA.tables.values():
            if table.name != "rung_meta":
                connection.execute(sa.delete(table))
    return EventStore(store.database)


def told(store: EventStore, parts: list[list[Arrival]]) -> EventStore:
    for part in parts:
        store.ingest(part)
    return store


def leads(store: EventStore) -> dict[str, tuple[list[str], list[Row]]]:
    """By lead its ids and its events."""
    return {lead: (store.subjects_of(lead), store.events_of(lead)) for lead in store.lead_ids()}


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(made=calls(), random=st.randoms(use_true_random=False))
def test_any_order_and_duplication(store, made, random):
    """The same calls in any order, repeated and cut into any batches, give the same leads."""
    plainly = leads(told(emptied(store), [made]))
    again = made + random.choices(made, k=len(made))
    random.shuffle(again)
    parts, at = [], 0
    while at < len(again):
        size = random.randint(1, 4)
        parts.append(again[at : at + size])
        at += size
    assert leads(told(emptied(store), parts)) == plainly
    by_subject = defaultdict(list)
    for one in made:
        by_subject[one.subject].append(one.message_id)
    members = resolve(links_of(made))
    expected = {
        members[subject].lead_id if subject in members else subject for subject in by_subject
    }
    assert set(plainly) == expected


def test_the_log_says_what_one_lead_says(store):
    """The log of all, that of some, and the rows of one lead agree on who is whom and when."""
    store.ingest([arrival("1", "anon", 10), arrival("2", "anon", 20)])
    store.ingest([arrival("3", "user", 30, "anon")])
    store.ingest([arrival("4", "phone", 5, known_at=40)])
    store.ingest([arrival("5", "user", 50, "phone", known_at=60)])
    rows = store.events_of("anon")
    # The phone came first, so it is the person; of it the others' events were known from 60 on.
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


def test_undo(store):
    """A link that is undone holds no longer, also when it is told again; its history stays."""
    store.ingest(
        [arrival("1", "ann", 1), arrival("2", "bob", 2), arrival("3", "bob", 3, None, "ann")]
    )
    assert store.subjects_of("ann") == ["ann", "bob"]
    store.undo_link(ALIAS, "ann", "bob", 99)
    assert store.lead_ids() == ["ann", "bob"]
    assert len(store.events_of("ann")) == 1
    EventStore(store.database).ingest([arrival("4", "bob", 1, None, "ann")])
    assert store.lead_ids() == ["ann", "bob"]
    (link,) = store.identities.history("ann")
    assert (link[:3], link.undone_at) == ((ALIAS, "ann", "bob"), 99)
    marked = {mark.subject for mark in store.scores.take_marks(10, 100, 10)}
    assert marked == {"ann", "bob"}
    with pytest.raises(UnknownLink, match="no alias of 'ann' by 'bob' stands"):
        store.undo_link(ALIAS, "ann", "bob", 100)


def test_undoing_a_claim_lets_the_next_claim_hold(store):
    """An anonymous id whose first claim was wrong belongs to the one who claimed it next."""
    store.ingest([arrival("1", "ann", 1, "kiosk"), arrival("2", "bob", 2, "kiosk")])
    assert store.lead_of("kiosk") == "ann"
    store.undo_link(CLAIM, "kiosk", "ann", 99)
    assert store.lead_of("kiosk") == "bob"
    assert store.lead_of("ann") == "ann"


def test_an_earlier_claim_that_comes_late(store):
    """An anonymous id moves to the user whose claim turns out to be the first."""
    store.ingest([arrival("1", "bob", 5, "kiosk")])
    assert store.lead_of("kiosk") == "bob"
    store.ingest([arrival("2", "ann", 3, "kiosk")])
    assert store.lead_of("kiosk") == "ann"
    assert store.subjects_of("bob") == ["bob"]


def test_a_lead_with_very_many_ids(store):
    """Thousands of anonymous ids of one user join one by one without being looked at again."""
    store.ingest([arrival(f"{at}", "user", at + 1, f"anon-{at}") for at in range(2000)])
    statements: list[str] = []
    sa.event.listen(
        store.database.engine,
        "before_cursor_execute",
        lambda *seen: statements.append(seen[2]),
    )
    store.ingest([arrival("more", "user", 9999, "one more")])
    assert len(store.subjects_of("user")) == 2002
    assert len(statements) < 20


def score(lead_id: str, position: int, as_of: int = 1) -> StoredScore:
    return StoredScore(
        lead_id, "b2b", as_of, "value", position, 0.5, 0.4, 0.6, 0.1, 0.5, 0.5, "", "x", as_of, None
    )


def test_the_queue_has_one_score_of_a_merged_lead(store):
    """The moment two ids become one lead, one of their scores is left, under the lead's name."""
    store.ingest([arrival("1", "anon", 1), arrival("2", "user", 2)])
    store.scores.save([score("anon", 3), score("user", 1)])
    store.ingest([arrival("3", "user", 3, "anon")])
    assert [(one.lead_id, one.position) for one in store.scores.queue(10)] == [("user", 3)]
    assert store.scores.of("anon") == score("user", 3)


def test_two_processes(tmp_path: Path):
    """What another process has linked is seen, and what it linked at once is not lost."""
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    with open_database(url) as one, open_database(url) as two:
        first, second = EventStore(one), EventStore(two)
        first.ingest([arrival("1", "user", 1, "a")])
        second.ingest([arrival("2", "user", 2, "b")])
        first.ingest([arrival("3", "other", 3, None, "user")])
        assert second.subjects_of("a") == ["a", "b", "other", "user"]
        assert {second.lead_of(one) for one in ("a", "b", "user")} == {"other"}


def test_random_ids_are_texts(store):
    """Ids are compared as they are, byte by byte."""
    ids = [secrets.token_hex(4), "Ä", "ä", "A\u030a", "Å", "a'; DROP TABLE events; --", "🙂"]
    store.ingest([arrival(f"{at}", one, 1) for at, one in enumerate(ids)])
    assert store.lead_ids() == sorted(ids)
    assert all(len(store.events_of(one)) == 1 for one in ids)
