"""Actions: kept at once, written once, taken back until then, done by one person at a time."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Event as Signal

import pytest
import sqlalchemy as sa

from features.clock import rfc3339
from features.errors import ActionConflict
from features.store.events import Event
from features.store.people.actions import UNDO_US
from features.store.privacy import Privacy
from features.store.privacy.erasures import Erasure
from features.store.privacy.suppressions import suppressed_among
from features.store.schema import actions, hands, lead_words
from tests.features.store.kept.scene import SCORE

NOW = 1_790_000_000_000_000


@pytest.fixture
def filled(store):
    """A store with a lead."""
    store.name_by("identify")
    seen = Event("m", "ann", "identify", NOW - 9, NOW - 9, '{"name": "Ann Berg"}')
    store.append_events([seen])
    return store


def do(store, name="Bob", now=NOW, lead="ann", once="", minutes=20):
    events = [
        ("session_held", {"minutes": minutes}),
        ("lead_claimed", {"by": name, "until": rfc3339(now + 10**12)}),
    ]
    return store.actions.do(
        lead, "b2b", "held", "Held", events, by=f"key-{name}", name=name, now=now, once=once
    )


def names(store):
    return [row[0] for row in store.events_of("ann")]


def test_it_is_written_when_it_is_due(filled):
    """Ten seconds later, once, as of when it was done, and the lead is to be scored anew."""
    do(filled)
    assert filled.actions.enter(NOW + UNDO_US - 1) == 0
    assert names(filled) == ["identify"]
    assert filled.actions.enter(NOW + UNDO_US) == 1
    assert filled.actions.enter(NOW + UNDO_US) == 0
    held = [row for row in filled.events_of("ann") if row[0] == "session_held"]
    assert held == [("session_held", NOW, NOW + UNDO_US, {"minutes": 20})]
    assert [mark.sent_id for mark in filled.marks.take(9, NOW + UNDO_US, 10**6)] == ["ann"]
    assert filled.hands.of("ann").owner_at(NOW + UNDO_US) == "Bob"
    assert filled.actions.open() == {}


def test_of_a_clock_that_was_ahead(filled):
    """It is written at once, as of now, and not when that time comes; it is too late to undo it."""
    ahead = do(filled, now=NOW + 30 * 86_400_000_000)
    with pytest.raises(ActionConflict, match="too late"):
        filled.actions.undo(ahead.id, name="Bob", now=NOW)
    assert filled.actions.enter(NOW) == 1
    assert ("session_held", NOW, NOW, {"minutes": 20}) in filled.events_of("ann")
    assert filled.actions.open() == {}
    near = do(filled, now=NOW + UNDO_US)
    assert filled.actions.enter(NOW) == 0
    assert filled.actions.undo(near.id, name="Bob", now=NOW).undone_at == NOW


def test_a_form_that_is_sent_again(filled):
    """It is kept once, however late; filled in otherwise, or taken back, it is something else."""
    form, later = "f" * 32, NOW + 3_600_000_000
    first = do(filled, once=form)
    assert first.id == form
    filled.actions.enter(NOW + UNDO_US)
    assert do(filled, now=later, once=form).id == form
    assert do(filled, now=later, once=form, minutes=30).id != form
    assert do(filled, name="Bob", now=later, lead="eve", once=form).id != form
    assert filled.actions.among([form, "g" * 32]) == {form}
    back = do(filled, now=later + UNDO_US, once="e" * 32)
    filled.actions.undo(back.id, name="Bob", now=later + UNDO_US + 1)
    assert do(filled, now=later + UNDO_US + 2, once="e" * 32).id != back.id


def test_an_answer_that_was_mended_is_another(filled):
    """A time that was agreed is compared as it is, and until when a lead is held by the clock."""
    form, later = "f" * 32, NOW + 300_000_000

    def booked(now, at):
        told = [
            ("call_booked", {"at": rfc3339(at)}),
            ("lead_claimed", {"by": "Bob", "until": rfc3339(now + 10**12)}),
        ]
        given = ("ann", "b2b", "booked", "Booked", told)
        return filled.actions.do(*given, by="key-Bob", name="Bob", now=now, once=form).id

    assert booked(NOW, later) == form
    assert booked(later, later) == form
    assert booked(later, later + 60_000_000) != form


def test_pressed_twice(filled):
    """What is pressed again within a moment is done once, and taken back as a whole."""
    first = do(filled)
    assert do(filled, now=NOW + 1_999_999) == first
    assert do(filled, name="Eve", now=NOW + 1, lead="bob").id != first.id
    assert filled.actions.undo(first.id, name="Bob", now=NOW + 9).undone_at == NOW + 9
    assert [*filled.actions.open()] == ["bob"]
    again = do(filled, now=NOW + 10)
    assert again.id != first.id
    assert do(filled, now=NOW + 10 + 2_000_000).id != again.id


def test_what_differs_is_done_as_well(filled):
    """Another text, another number, or another day is no second press of the same."""

    def kept(now, **properties):
        events = [("session_held", properties)]
        done = filled.actions.do(
            *("ann", "b2b", "held", "Held", events), by="key", name="Bob", now=now
        )
        return done.id

    day = 86_400_000_000
    said: list[dict[str, object]] = [
        {"minutes": 20},
        {"minutes": 30},
        {"text": "Call back"},
        {"text": "Call again"},
        {"until": rfc3339(NOW + day)},
        {"until": rfc3339(NOW + 14 * day)},
        {},
    ]
    assert len({kept(NOW + at, **one) for at, one in enumerate(said)}) == len(said)
    assert len({kept(NOW + 99 + at, until=rfc3339(NOW + day + at)) for at in range(3)}) == 1


def test_two_who_write_at_once(filled):
    """What is due is written once, however many processes look."""
    for at in range(5):
        do(filled, now=NOW + at * 2_000_000)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: filled.actions.enter(NOW + 3 * UNDO_US), range(8)))
    assert names(filled).count("session_held") == 5


def test_taken_back(filled):
    """What was taken back is never written, and the audit keeps both."""
    kept = do(filled)
    back = filled.actions.undo(kept.id, name="Bob", now=NOW + 1)
    assert back.undone_at == NOW + 1
    assert filled.actions.undo(kept.id, name="Bob", now=NOW + 2).undone_at == NOW + 1
    assert filled.actions.enter(NOW + 2 * UNDO_US) == 0
    assert names(filled) == ["identify"]
    assert [one.id for one in filled.actions.newest(9)] == [kept.id]


def test_too_late(filled):
    """From the tenth second on it is in the log, or as good as."""
    kept = do(filled)
    with pytest.raises(ActionConflict, match="too late"):
        filled.actions.undo(kept.id, name="Bob", now=NOW + UNDO_US)
    filled.actions.enter(NOW + UNDO_US)
    with pytest.raises(ActionConflict, match="too late"):
        filled.actions.undo(kept.id, name="Bob", now=NOW + 1)


def test_what_somebody_else_works_with(filled):
    """It is theirs, but for whoever may do so with anybody's."""
    do(filled)
    told = [("lead_released", {"by": "Eve"})]
    given = ("ann", "b2b", "release", "Let go", told)
    with pytest.raises(ActionConflict, match="Bob works with this lead"):
        filled.actions.do(*given, by="key-Eve", name="Eve", now=NOW + 1)
    filled.actions.do(*given, by="key-Eve", name="Eve", now=NOW + 1, of_anybody=True)
    assert filled.actions.owner_of("ann", NOW + 2) == ""


def test_others_take_nothing_back(filled):
    """Only who did it does, or whoever may do so for anybody."""
    kept = do(filled)
    for id_ in (kept.id, "nothing", "\0"):
        with pytest.raises(ActionConflict, match="nothing here"):
            filled.actions.undo(id_, name="Eve", now=NOW + 1)
    assert filled.actions.undo(kept.id, name="", now=NOW + 1, of_anybody=True).undone_at


def test_another_key_of_the_same_person_takes_it_back(filled):
    """Whoever is called so has the lead in hand, and may undo what was done, with whatever key."""
    events: list[tuple[str, dict[str, object]]] = [("session_held", {"minutes": 20})]
    given = ("ann", "b2b", "held", "Held", events)
    kept = filled.actions.do(*given, by="key-old", name="Bob", now=NOW)
    assert filled.actions.undo(kept.id, name="Bob", now=NOW + 1).undone_at == NOW + 1


def test_one_at_a_time(filled):
    """Of two who claim a lead at once one has it; the other is told who."""

    def attempt(name):
        try:
            do(filled, name)
        except ActionConflict as error:
            return str(error)
        return name

    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(attempt, ["Bob", "Eve"] * 3))
    (winner,) = {one for one in told if " " not in one}
    assert {one for one in told if " " in one} == {
        f"{winner} works with this lead: ask them, or wait"
    }


def test_somebody_elses_by_the_log(filled):
    """What is in the log already counts as what is not yet."""
    do(filled, "Bob")
    filled.actions.enter(NOW + UNDO_US)
    with pytest.raises(ActionConflict, match="Bob works"):
        do(filled, "Eve", now=NOW + UNDO_US + 1)


def test_erased(filled):
    """Nothing is left of a lead that is erased, nor comes back of what was not written yet."""
    do(filled)
    Privacy(filled.database).erase("ann", NOW + 1, is_suppressed=True)
    filled.suppressions.forget()
    with filled.database.reading() as connection:
        for table in (actions, hands, lead_words):
            assert connection.scalar(sa.select(sa.func.count()).select_from(table)) == 0
    assert filled.actions.enter(NOW + 2 * UNDO_US) == 0
    with pytest.raises(ActionConflict, match="erased"):
        do(filled, now=NOW + 2)


def test_newest(filled):
    """What was done last, the newest first, and no more than were asked for."""
    first, second = do(filled, now=NOW), do(filled, now=NOW + 5_000_000)
    assert [one.id for one in filled.actions.newest(9)] == [second.id, first.id]
    assert [one.id for one in filled.actions.newest(1)] == [second.id]


def test_a_button_does_not_wait_for_scores(store):
    """Somebody claims a lead while scores of another one are being written."""
    if store.database.is_sqlite:  # it has one writer
        return
    store.append_events([Event(f"m-{lead}", lead, "view", NOW, NOW) for lead in ("ann", "bob")])
    is_writing, go_on = Signal(), Signal()

    def slowly(*_):
        is_writing.set()
        assert go_on.wait(20)

    with ThreadPoolExecutor(2) as pool:
        saved = pool.submit(store.scores.save, [SCORE], slowly)
        assert is_writing.wait(20)
        try:
            pool.submit(do, store, lead="bob").result(5)
        finally:
            go_on.set()
        assert saved.result(20) == 1


def test_an_erasure_while_it_is_written(filled, monkeypatch):
    """The erasure waits until it is in the log, and takes it; neither waits for the other."""
    do(filled)
    erasing: list[Future[Erasure]] = []

    def after_the_erasure_began(*told):
        erasing.append(pool.submit(Privacy(filled.database).erase, "ann", NOW))
        wait(erasing, 0.3)
        return suppressed_among(*told)

    monkeypatch.setattr("features.store.people.actions.suppressed_among", after_the_erasure_began)
    with ThreadPoolExecutor(1) as pool:
        assert filled.actions.enter(NOW + UNDO_US) == 1
        assert erasing[0].result(20).events == 3
    assert names(filled) == []
