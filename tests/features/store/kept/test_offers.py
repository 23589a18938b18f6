"""Versions of offers: each kept for good, and which one holds when."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from features.errors import LadderError, OfferConflict, UnknownOffer
from features.ladder.catalogue import offer_table, with_catalogue
from features.ladder.file import read_ladder
from features.ladder.ladder import Ladder
from features.store.events import EventStore

B2B = read_ladder("b2b")
FIRST = B2B.offers[0]


@pytest.fixture
def kept(database):
    return EventStore(database).offers


def keep(kept, now: int, from_at: int | None = None, ladder: Ladder = B2B, **keys: object):
    table = {**offer_table(FIRST), **keys}
    return kept.keep(ladder, table, from_at=now if from_at is None else from_at, now=now, by="ann")


def test_versions_are_counted_and_kept(kept):
    """Each is another one, of its offer and ladder alone; the former stay."""
    first = keep(kept, 10, title="One")
    second = keep(kept, 20, title="Two")
    other = keep(kept, 30, id="other")
    assert (first.version, second.version, other.version) == (1, 2, 1)
    assert kept.versions("b2b", FIRST.id) == [first, second]
    assert kept.versions("b2b") == [first, second, other]
    assert kept.versions("b2c") == []
    assert (second.made_at, second.by, second.status) == (20, "ann", "active")


def test_of_two_who_saw_the_same_one_keeps(kept):
    """Whoever comes second is refused, also where both come at once."""
    table = offer_table(FIRST)

    def save(name: str) -> bool:
        try:
            kept.keep(B2B, table, from_at=10, now=10, by=name, seen=0)
        except OfferConflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(save, "abcd")) == [False, False, False, True]
    assert kept.keep(B2B, table, from_at=20, now=20, by="ann", seen=1).version == 2


def test_what_holds_at_an_instant(kept):
    """The version that began last; a planned one from its own instant on."""
    now = keep(kept, 10, title="Now")
    planned = keep(kept, 20, from_at=100, title="Planned")
    between = keep(kept, 30, title="Between")
    assert kept.at("b2b", 9) == ()
    assert kept.at("b2b", 10) == kept.at("b2b", 29) == (now,)
    assert kept.at("b2b", 30) == kept.at("b2b", 99) == (between,)
    assert kept.at("b2b", 100) == (planned,)
    ladder = with_catalogue(B2B, kept.at("b2b", 100))
    assert (ladder.offers[0].title, ladder.offers[0].version) == ("Planned", 2)


def test_a_status_keeps_the_rest(kept):
    """To pause is another version of the offer as it is now, and to resume one more."""
    keep(kept, 10, title="Mine")
    ladder = with_catalogue(B2B, kept.at("b2b", 10))
    paused = kept.set_status(ladder, FIRST.id, "paused", from_at=20, now=20, by="bob")
    ladder = with_catalogue(B2B, kept.at("b2b", 20))
    assert (ladder.offers[0].title, ladder.offers[0].status) == ("Mine", "paused")
    kept.set_status(ladder, FIRST.id, "active", from_at=30, now=30, by="bob")
    assert with_catalogue(B2B, kept.at("b2b", 30)).offers[0].status == "active"
    assert (paused.version, paused.by) == (2, "bob")
    with pytest.raises(UnknownOffer, match="did you mean 'framework-video'"):
        kept.set_status(ladder, "framwork-video", "paused", from_at=40, now=40, by="bob")


def test_what_does_not_fit_is_not_kept(kept):
    """The rules of the ladder file hold, with all mistakes; nothing is half kept."""
    with pytest.raises(LadderError) as error:
        keep(kept, 10, step="gone", titel="x")
    assert {one.path for one in error.value.mistakes} == {"step", "titel"}
    assert kept.versions("b2b") == []


def test_many_at_once(kept):
    """Writers at the same moment get versions one after the other, none twice and none lost."""
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda at: keep(kept, at, title=f"At {at}").version, range(12)))
    assert sorted(made) == list(range(1, 13))
    assert [one.version for one in kept.versions("b2b")] != []


def test_all_leads_are_scored_anew(kept, database):
    """What is suggested may be another offer now: a scoring of all is asked for."""
    scores = EventStore(database).scores
    assert scores.full_run()[1] == ""
    keep(kept, 10)
    assert scores.full_run()[1] != ""


def test_paused_with_something_else(kept, database):
    """Those that are extended now, in the transaction of whoever asks; none that was retired."""
    first, second, third = (one.id for one in B2B.offers[:3])
    kept.set_status(B2B, second, "retired", from_at=5, now=5, by="ann")
    kept.set_status(B2B, third, "paused", from_at=90, now=6, by="ann")
    with database.writing() as connection:
        kept.pause(connection, B2B, [first, second, third, "gone"], now=9, by="bob")
    found = {one.offer_id: (one.status, one.version, one.by) for one in kept.at("b2b", 9)}
    assert found == {
        first: ("paused", 1, "bob"),
        second: ("retired", 1, "ann"),
        third: ("paused", 2, "bob"),
    }
