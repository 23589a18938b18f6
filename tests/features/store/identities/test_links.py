"""Links in a store: any order of the same calls, undoing, and what becomes of scores."""

from __future__ import annotations

import threading
from collections import defaultdict
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.errors import UnknownLink
from features.store.events import EventStore
from features.store.identities import links
from features.store.identities.links import links_of
from features.store.identities.rule import ALIAS, CLAIM, resolve
from features.store.kept.scores import StoredScore
from features.store.migrations import open_database
from features.store.privacy import Privacy
from tests.features.store.identities.scene import (
    arrival,
    calls,
    emptied,
    leads,
    standing_links,
    told,
)
from tests.profiles import examples


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
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
    by_id = defaultdict(list)
    for one in made:
        by_id[one.sent_id].append(one.message_id)
    members = resolve(links_of(made))
    expected = {members[sent_id].lead_id if sent_id in members else sent_id for sent_id in by_id}
    assert set(plainly) == expected


def test_undo(store):
    """A link that is undone holds no longer, also when it is told again; its history stays."""
    store.ingest(
        [arrival("1", "ann", 1), arrival("2", "bob", 2), arrival("3", "bob", 3, None, "ann")]
    )
    assert store.ids_of("ann") == ["ann", "bob"]
    store.undo_link(ALIAS, "ann", "bob", 99)
    assert store.lead_ids() == ["ann", "bob"]
    assert len(store.events_of("ann")) == 1
    EventStore(store.database).ingest([arrival("4", "bob", 1, None, "ann")])
    assert store.lead_ids() == ["ann", "bob"]
    (link,) = store.identities.history("ann")
    assert (link[:3], link.undone_at) == ((ALIAS, "ann", "bob"), 99)
    marked = {mark.sent_id for mark in store.marks.take(10, 100, 10)}
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
    assert store.ids_of("bob") == ["bob"]


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
    assert len(store.ids_of("user")) == 2002
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
    assert [(one.lead_id, one.position) for one in store.queue.listed(10)] == [("user", 3)]
    assert store.scores.of("anon") == score("user", 3)


def test_two_processes(tmp_path: Path):
    """What another process has linked is seen, and what it linked at once is not lost."""
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    with open_database(url) as one, open_database(url) as two:
        first, second = EventStore(one), EventStore(two)
        first.ingest([arrival("1", "user", 1, "a")])
        second.ingest([arrival("2", "user", 2, "b")])
        first.ingest([arrival("3", "other", 3, None, "user")])
        assert second.ids_of("a") == ["a", "b", "other", "user"]
        assert {second.lead_of(one) for one in ("a", "b", "user")} == {"other"}


@pytest.mark.parametrize("stored", [[("anon", 1)], [("anon", 1), ("user", 0)]])
def test_a_merge_and_a_score_at_once(store, monkeypatch, stored):
    """A score that somebody stores while its lead is merged is not lost, and told of once."""
    told: list[tuple[str, int, int]] = []

    def tell(_, former, rows):
        for row in rows:
            before = former[row.lead_id].position if row.lead_id in former else 0
            told.extend((row.lead_id, before, at) for at in range(before + 1, row.position + 1))

    def save(as_of: int) -> None:
        store.scores.save([score("user", 3, as_of)], tell, clock=lambda: 9)

    saving = threading.Thread(target=save, args=(7,))
    look = links._scored

    def looked(*asked):
        found = look(*asked)
        saving.start()
        saving.join(1.0)  # whoever stores may have to wait for the end of this
        return found

    store.ingest([arrival("1", "anon"), arrival("2", "user")])
    store.scores.save([score(*one) for one in stored])
    monkeypatch.setattr(links, "_scored", looked)
    store.ingest([arrival("3", "user", 10, "anon")])
    saving.join()
    save(8)
    assert [(one.lead_id, one.position) for one in store.queue.listed(10)] == [("user", 3)]
    assert told == [("user", 1, 2), ("user", 1, 3)]


def test_an_erasure_by_another_process(store):
    """A link that went with it is kept when it is told again, by whoever remembers the former."""
    store.ingest([arrival("1", "ann", 1, "anon")])
    store.ingest([arrival("2", "ann", 2, "anon")])
    Privacy(store.database).erase("ann", 5)
    store.ingest([arrival("3", "anon", 10), arrival("4", "ann", 11, "anon")])
    assert store.ids_of("ann") == ["ann", "anon"]
    assert len(standing_links(store)) == 1


def test_an_erasure_between_keeping_and_remembering(store, monkeypatch):
    """A link that was erased before this process remembers it is not taken for kept."""
    remember = store.identities.remember

    def late(*told):
        monkeypatch.undo()
        Privacy(store.database).erase("ann", 5)
        store.ingest([arrival("2", "bob", 9, "other")])  # has seen the erasure
        remember(*told)

    monkeypatch.setattr(store.identities, "remember", late)
    store.ingest([arrival("1", "ann", 1, "anon")])
    store.ingest([arrival("3", "anon", 10), arrival("4", "ann", 11, "anon")])
    assert store.ids_of("ann") == ["ann", "anon"]


def test_links_that_are_told_again_are_not_looked_up(store):
    """Whoever keeps events asks once a batch who was erased, and of no link that it remembers."""
    asked = []
    sa.event.listen(store.database.engine, "before_cursor_execute", lambda *of: asked.append(of[2]))
    store.ingest([arrival(f"o{at}", f"u{at}", 1, f"a{at}") for at in range(9)])
    asked.clear()
    store.ingest([arrival(f"n{at}", f"u{at}", 2, f"a{at}") for at in range(9)])
    assert not [text for text in asked if "identit" in text]
    assert len([text for text in asked if "erasures" in text]) == 1
