"""Whoever follows the changes of scores ends with what is stored, whatever happens in between."""

from __future__ import annotations

import random
import threading
from dataclasses import replace

import pytest
import sqlalchemy as sa

from features.errors import StaleCursor
from features.store.changes import ChangePlace, note_gone
from features.store.events import EventStore
from features.store.kept.scores import score_of
from features.store.privacy import Privacy
from features.store.schema import scores
from tests.features.store.privacy.scene import arrival, score


class Follower:
    """A copy of the scores of a store, as somebody outside keeps it."""

    def __init__(self, store: EventStore) -> None:
        self.store = store
        self.copy: dict[str, object] = {}
        self.place: ChangePlace | None = None
        self.anew = 0

    def read(self, per_part: int = 3, between=lambda: None) -> None:
        """All that there is now; `between` happens after each part."""
        try:
            until = self.store.changes.present(self.place)
            while True:
                part = self.store.changes.part(self.place, until, per_part)
                for change in part.changes:
                    if change.score is None:
                        self.copy.pop(change.lead_id, None)
                    else:
                        self.copy[change.lead_id] = score_of(change.score)
                self.place = part.place
                between()
                if part.is_last:
                    return
        except StaleCursor:
            self.place, self.copy = None, {}
            self.anew += 1
            self.read(per_part)


def stored(store: EventStore) -> dict[str, object]:
    return {score.lead_id: score for score in store.queue.listed(1000)}


def save(store, leads, as_of=1, **changed):
    store.scores.save([replace(score(one, as_of), **changed) for one in leads])


def test_a_copy(store):
    """From the beginning, then what was written since; one that is gone is told once."""
    reader = Follower(store)
    reader.read()
    assert reader.copy == {}
    save(store, "abcdefgh")
    reader.read()
    assert reader.copy == stored(store)
    save(store, "ac", as_of=2, p_advance=0.5)
    Privacy(store.database).opt_out(["b"], 5)
    until = store.changes.present(reader.place)
    changes = store.changes.part(reader.place, until, 100).changes
    assert sorted((one.lead_id, one.score is None) for one in changes) == [
        ("a", False),
        ("b", True),
        ("c", False),
    ]
    reader.read()
    assert reader.copy == stored(store)
    assert reader.anew == 0


def test_who_begins_hears_of_nobody_that_is_gone(store):
    """What was gone before is no news."""
    save(store, "abc")
    Privacy(store.database).opt_out(["b"], 5)
    until = store.changes.present()
    assert [one.lead_id for one in store.changes.part(None, until, 9).changes] == ["a", "c"]


def test_an_erased_lead_is_not_named(store):
    """All is read anew; no change says who it was."""
    reader = Follower(store)
    save(store, "abc")
    store.ingest([arrival(1, "b")])
    reader.read()
    Privacy(store.database).erase("b", 5)
    with pytest.raises(StaleCursor, match="anew"):
        store.changes.present(reader.place)
    reader.read()
    assert set(reader.copy) == {"a", "c"}


def take_away(store, lead: str, *, with_score: bool) -> None:
    """As a merge does it, which waits for no turn."""
    with store.database.writing() as connection:
        if with_score:
            connection.execute(sa.delete(scores).where(scores.c.lead_id == lead))
        note_gone(connection, [lead])


def test_one_that_is_back_before_it_was_told_as_gone(store):
    """It has a score, so nothing is told of its having had none."""
    reader = Follower(store)
    save(store, "ab")
    reader.read()
    take_away(store, "a", with_score=False)
    store.changes.settle()
    reader.read()
    assert reader.copy == stored(store)
    assert "a" in reader.copy


def test_one_that_is_back_with_the_turn_that_tells_of_it(store):
    """Gone and back in one turn have two places, gone first: a part may end between them."""
    reader = Follower(store)
    save(store, "ab")
    reader.read()
    take_away(store, "a", with_score=True)
    save(store, "a", p_advance=0.5)
    reader.read(per_part=1)
    assert reader.copy == stored(store)
    assert "a" in reader.copy


def test_a_place_of_another_store(store):
    """It is none of this order, whether it lies ahead of all changes or not."""
    with pytest.raises(StaleCursor):
        store.changes.present(ChangePlace("", 0, 99, ""))
    with EventStore.open(":memory:") as other:
        save(other, "a")
        reader = Follower(other)
        reader.read()
    save(store, "b")
    reader.store = store
    reader.read()
    assert reader.anew == 1
    assert reader.copy == stored(store)


class Life:
    """What happens to scores, by the luck of a draw."""

    def __init__(self, store: EventStore, seed: int) -> None:
        self.store, self.privacy = store, Privacy(store.database)
        self.draw = random.Random(seed)  # noqa: S311 a seeded test
        self.leads = [f"{kind}{number}" for kind in "uv" for number in range(6)]
        self.sent = 0
        for one in self.leads:
            self.send(one)

    def send(self, lead: str, **more: str) -> None:
        self.sent += 1
        self.store.ingest([arrival(self.sent, lead, **more)])

    def happen(self) -> None:
        one, other = self.draw.sample(self.leads, 2)
        others = ("claim", "alias", "undo", "out", "back", "erase", "gone")
        getattr(self, self.draw.choice(["save"] * 4 + list(others)))(one, other)

    def save(self, *_: str) -> None:
        some = self.draw.sample(self.leads, self.draw.randint(1, 4))
        as_of, chance = self.draw.randint(1, 50), self.draw.random()
        save(self.store, some, as_of=as_of, p_advance=chance)

    def claim(self, one: str, other: str) -> None:
        self.send(one, anonymous_id=other)

    def alias(self, one: str, other: str) -> None:
        self.send(one, previous_id=other)

    def undo(self, one: str, _: str) -> None:
        standing = [link for link in self.store.identities.history(one) if link.undone_at is None]
        if standing:
            self.store.undo_link(*self.draw.choice(standing)[:3], undone_at=99)

    def out(self, one: str, _: str) -> None:
        self.privacy.opt_out([one], 5)

    def back(self, one: str, _: str) -> None:
        self.privacy.opt_in([one], 1)

    def erase(self, one: str, _: str) -> None:
        if self.draw.random() < 0.3:
            self.send(one)
            self.privacy.erase(one, self.draw.randint(1, 9))

    def gone(self, one: str, _: str) -> None:
        self.store.scores.save([], gone=[one])


@pytest.mark.parametrize("seed", range(12))
def test_any_order(store, seed):
    """Scores, merges, undone ones, opt-outs, erasures, clocks that jump: a copy is exact.

    The reader reads between any two of them, a few rows at a time, and things happen meanwhile.
    """
    life, reader = Life(store, seed), Follower(store)
    for _ in range(60):
        life.happen()
        if life.draw.random() < 0.5:
            reader.read(life.draw.randint(1, 4), between=life.happen)
    store.changes.settle()
    reader.read()
    assert reader.copy == stored(store)


def test_many_writers(store):
    """Several write at once and a reader follows: numbers come to light in their order."""
    reader, failed = Follower(store), []
    leads = [f"lead{at}" for at in range(40)]

    def write(seed: int) -> None:
        draw = random.Random(seed)  # noqa: S311 a seeded test
        try:
            for turn in range(25):
                save(store, draw.sample(leads, 10), as_of=turn, p_advance=draw.random())
        except Exception as error:  # told below, in the thread that asserts
            failed.append(error)

    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(4)]
    for one in writers:
        one.start()
    while any(one.is_alive() for one in writers):
        reader.read(7)
    for one in writers:
        one.join()
    reader.read()
    assert failed == []
    assert reader.copy == stored(store)
