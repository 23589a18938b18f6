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
    other = {**table, "title": "Other"}
    assert kept.keep(B2B, other, from_at=20, now=20, by="ann", seen=1).version == 2


def test_what_is_so_already_is_no_other_version(kept):
    """Whoever sends an offer, or a status, again changes nothing."""
    planned = keep(kept, 5, from_at=90, title="Planned")
    first = keep(kept, 10, title="One")
    count = len(kept.versions("b2b"))
    assert keep(kept, 20, title="One") == first
    assert kept.set_status(B2B, FIRST.id, "active", from_at=30, now=30, by="bob") == first
    assert len(kept.versions("b2b")) == count
    paused = kept.set_status(B2B, FIRST.id, "paused", from_at=40, now=40, by="bob")
    assert paused.version > first.version > planned.version
    assert kept.set_status(B2B, FIRST.id, "paused", from_at=50, now=50, by="bob") == paused


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


# ------------------------------------------------------------------------------------------- Plans


def at(kept, instant: int, offer_id: str = FIRST.id):
    """The offer as it holds at an instant."""
    offer = with_catalogue(B2B, kept.at("b2b", instant)).offer(offer_id)
    assert offer is not None
    return offer


def now_of(kept, now: int) -> Ladder:
    """The ladder as a service has it at an instant."""
    return with_catalogue(B2B, kept.at("b2b", now))


def edit(kept, now: int, from_at: int | None = None, **keys: object):
    """An edit of what the offer says now, its state among it, as a form has it."""
    ladder = now_of(kept, now)
    offer = ladder.offer(FIRST.id)
    assert offer is not None
    table = {**offer_table(offer), "status": offer.status, **keys}
    since = now if from_at is None else from_at
    return kept.keep(ladder, table, from_at=since, now=now, by="ann")


def state(kept, now: int, status, from_at: int | None = None):
    since = now if from_at is None else from_at
    times = {"from_at": since, "now": now}
    return kept.set_status(now_of(kept, now), FIRST.id, status, **times, by="bob")


def test_a_planned_state_keeps_later_edits(kept):
    """It changes the state alone at its instant, however the offer was edited since."""
    state(kept, 10, "paused", 100)
    edit(kept, 20, title="Edited", effort={"minutes": 33})
    assert (at(kept, 20).title, at(kept, 20).status) == ("Edited", "active")
    then = at(kept, 100)
    assert (then.title, then.effort.minutes, then.status) == ("Edited", 33, "paused")


def test_a_planned_edit_keeps_a_later_state(kept):
    """It changes what was edited alone: what was paused meanwhile stays paused."""
    edit(kept, 10, 100, title="Spring")
    state(kept, 20, "paused")
    assert (at(kept, 20).title, at(kept, 20).status) == (FIRST.title, "paused")
    assert (at(kept, 100).title, at(kept, 100).status) == ("Spring", "paused")
    state(kept, 30, "active")
    assert (at(kept, 30).status, at(kept, 100).status) == ("active", "active")


def test_plans_add_up(kept):
    """Each changes its own part from its instant on, in whatever order they are made."""
    edit(kept, 10, 300, title="Third", topics=["third"])
    state(kept, 11, "paused", 200)
    edit(kept, 12, 100, framing="First")
    edit(kept, 13, value_minutes=77)
    told = [
        (one.title, one.framing, one.status, one.value_minutes, one.topics)
        for one in (at(kept, when) for when in (13, 100, 200, 300))
    ]
    own = (FIRST.title, FIRST.topics)
    assert told == [
        (own[0], FIRST.framing, "active", 77, own[1]),
        (own[0], "First", "active", 77, own[1]),
        (own[0], "First", "paused", 77, own[1]),
        ("Third", "First", "paused", 77, ("third",)),
    ]
    # What a plan says of the same thing goes before what was changed earlier.
    edit(kept, 14, title="Now")
    assert [at(kept, when).title for when in (14, 200, 300)] == ["Now", "Now", "Third"]


def test_a_plan_is_called_off(kept):
    """What was to change then does not; other plans stay, and so does what was changed since."""
    edited = edit(kept, 10, 100, title="Spring")
    paused = state(kept, 11, "paused", 200)
    edit(kept, 12, framing="Since")
    ladder = now_of(kept, 20)
    kept.call_off(ladder, FIRST.id, edited.version, now=20, by="eve")
    told = [(at(kept, when).title, at(kept, when).status) for when in (99, 100, 200)]
    assert told == [(FIRST.title, "active"), (FIRST.title, "active"), (FIRST.title, "paused")]
    kept.call_off(ladder, FIRST.id, paused.version, now=21, by="eve")
    assert [at(kept, when).status for when in (100, 200)] == ["active", "active"]
    assert {at(kept, when).framing for when in (20, 100, 200)} == {"Since"}
    with pytest.raises(OfferConflict):
        kept.call_off(ladder, FIRST.id, paused.version, now=22, by="eve", seen=1)
    with pytest.raises(UnknownOffer, match="is to come"):
        kept.call_off(ladder, FIRST.id, paused.version, now=300, by="eve")
    with pytest.raises(UnknownOffer, match=r"there is no|did you mean"):
        kept.call_off(ladder, "framwork-video", 1, now=22, by="eve")


def test_all_of_a_table(kept):
    """As a former version had it, or as it is now: what is meant is all of it."""
    edit(kept, 10, 100, title="Spring")
    edit(kept, 20, 100)  # as it is now: nothing else can be meant than that the plan is off
    assert at(kept, 100).title == FIRST.title
    edit(kept, 30, title="Now")
    table = {**offer_table(FIRST), "framing": "Whole"}
    times = {"from_at": 100, "now": 40}
    kept.keep(now_of(kept, 40), table, **times, by="ann", is_whole=True)
    assert (at(kept, 100).title, at(kept, 100).framing) == (FIRST.title, "Whole")


def test_what_is_planned_and_new(kept):
    """An offer that is not there yet is edited before its day; it comes as it was edited."""
    new = {**offer_table(FIRST), "id": "spring", "title": "Spring"}
    kept.keep(B2B, new, from_at=100, now=10, by="ann")
    kept.keep(B2B, {**new, "framing": "Sooner"}, from_at=50, now=20, by="ann")
    assert [at(kept, when, "spring").framing for when in (50, 100)] == ["Sooner", "Sooner"]


def test_paused_with_something_else_as_planned(kept, database):
    """What is planned for an offer does not take it up again."""
    edit(kept, 5, 100, title="Spring")
    with database.writing() as connection:
        kept.pause(connection, B2B, [FIRST.id], now=9, by="bob")
    assert (at(kept, 100).title, at(kept, 100).status) == ("Spring", "paused")
