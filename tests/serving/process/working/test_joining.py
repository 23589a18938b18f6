"""A store that was filled before: what its traits tell of who is whom is learned once."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from features.ladder.ladder import Identity
from features.store.events import Event
from features.store.identities.identification import Identification
from features.store.kept.meta import set_meta
from features.store.privacy import Privacy
from features.store.schema import JOINED, NAMED, lead_words, meta
from serving.process.working import joining
from serving.process.working.joining import is_joined, join_stored
from tests.features.store.privacy.scene import arrival, erase_before_writing

BY = Identity(("email",))


@pytest.fixture
def known(store):
    found = Identification.of(store.database, BY)
    assert found is not None
    return found


def traits(number, sent_id, address, **more):
    told = json.dumps({"email": address})
    return arrival(number, sent_id, name="traits", properties=told, **more)


def join(store, known, **more):
    return join_stored(store, known, BY, "traits", lambda: 99, **more)


def test_join_stored(store, known):
    """Users with one address, a visitor, an id that is an address: one lead, to be scored."""
    store.ingest(
        [
            traits(1, "ann", "ann@acme.com"),
            traits(2, "crm-7", " Ann@ACME.com"),
            arrival(3, "Ann@acme.com"),
            traits(4, "visitor", "ann@acme.com"),
            arrival(5, "ann", anonymous_id="visitor"),
            traits(6, "bob", "info@acme.com"),
            traits(7, "eve", "info@acme.com"),
            arrival(8, "dan", properties='{"email": "ann@acme.com"}'),
        ]
    )
    store.marks.take(100, 10, 1)
    assert not is_joined(store, BY)
    assert join(store, known)
    assert is_joined(store, BY)
    leads = {store.lead_of(one) for one in ("ann", "crm-7", "visitor", "Ann@acme.com")}
    assert len(leads) == 1
    assert {store.lead_of(one) for one in ("bob", "eve", "dan")} == {"bob", "eve", "dan"}
    with store.database.reading() as connection:
        assert leads & set(store.marks.among(connection, sorted(leads)))
    assert join(store, known) == 0


def test_who_was_erased_for_good(store, known):
    """What was stored before links nobody with them: they are not scored under another id."""
    store.ingest([traits(1, "tom", "tom@acme.com"), arrival(2, "tom@acme.com")])
    join(store, known)
    Privacy(store.database).erase("tom", 50, is_suppressed=True)
    told = [Event("m3", "ann", "traits", 10, 10, '{"email": "tom@acme.com"}')]
    store.append_events([*told, Event("m4", "bob", "traits", 10, 10, '{"email": "b@acme.com"}')])
    assert join(store, known)
    assert store.ids_of("ann") == ["ann"]
    assert len(store.ids_of("bob")) == 2
    assert Privacy(store.database).is_suppressed(known.of_mail("tom@acme.com"))


def test_another_rule(store, known):
    """What was joined by one rule is joined anew by another."""
    join(store, known)
    assert not is_joined(store, Identity(("email", "crm_id")))
    assert not is_joined(store, Identity(("email",), ("frontdesk",)))


def test_one_that_is_broken_off(store, known):
    """It is not done then, and begins again."""
    store.ingest([traits(1, "ann", "ann@acme.com"), traits(2, "bob", "ann@acme.com")])
    assert join(store, known, is_wanted=lambda: False) is None
    assert not is_joined(store, BY)
    assert join(store, known)
    assert store.lead_of("ann") == store.lead_of("bob")


def test_many(store, known):
    """Parts of many ids: every one is looked at."""
    pairs = [
        traits(2 * at + side, f"{'ab'[side]}{at:04}", f"p{at}@acme.com")
        for at in range(620)
        for side in (0, 1)
    ]
    store.ingest(pairs)
    join(store, known)
    assert all(store.lead_of(f"b{at:04}") == f"a{at:04}" for at in range(620))


def test_names_that_were_there_before(store):
    """The chore finds the traits that came before anybody had said what tells them."""
    people = {"a": {"name": "Chloé O'Neill"}, "b": {"email": "bob@quill.example"}}
    people["c"] = {"company": "Quill Labs"}
    store.append_events(
        Event(lead, lead, "profile", 5, 5, json.dumps(traits)) for lead, traits in people.items()
    )
    assert store.names.find("quill") == []
    assert not joining.is_named(store, "profile")
    assert joining.name_stored(store, "profile", lambda: False) is None
    assert joining.name_stored(store, "profile") == 3
    assert joining.is_named(store, "profile")
    assert store.names.find("quill") == ["b", "c"]
    with store.database.reading() as connection:
        told = sa.select(meta.c.value).where(meta.c.key == NAMED)
        assert connection.scalar(told) == "profile"


def test_words_that_were_told_before_are_told_anew(store):
    """What an older version noted is completed: it told no words of one letter."""
    store.append_events([Event("a", "a", "profile", 5, 5, '{"name":"李"}')])
    with store.database.writing() as connection:
        connection.execute(sa.insert(meta), [{"key": "named_by", "value": "profile"}])
    assert not joining.is_named(store, "profile")
    assert joining.name_stored(store, "profile") == 1
    assert store.names.find("李") == ["a"]


@pytest.mark.parametrize("part", [1, 2, 3, 4, 50])
def test_names_in_parts(store, monkeypatch, part):
    """However many are read at once, each event's traits are looked at, and once."""
    monkeypatch.setattr(joining, "_NAMES", part)
    made = [
        Event(f"m{at}", f"lead-{at % 3}", name, 9 - at, at, f'{{"name":"word{at}"}}')
        for at, name in enumerate(["view", "identify"] * 4 + ["view"])
    ]
    store.append_events(made)
    assert joining.name_stored(store, "identify") == 4
    assert [store.names.find(f"word{at}") for at in range(9)] == [
        [f"lead-{at % 3}"] if at % 2 else [] for at in range(9)
    ]


def test_another_reading_of_a_name(store):
    """A store that was joined when a name was read otherwise is joined once more."""
    by = Identity(("mailchimp_id",))
    found = Identification.of(store.database, by)
    assert found is not None
    for at, one in enumerate(("ann", "bob")):
        told = json.dumps({"mailchimp_id": "a1b2"})
        store.ingest([arrival(at, one, name="traits", properties=told)])
    with store.database.writing() as connection:
        set_meta(connection, JOINED, json.dumps([["mailchimp_id"], []]))
    assert not is_joined(store, by)
    assert join_stored(store, found, by, "traits", lambda: 99)
    assert store.lead_of("ann") == store.lead_of("bob")
    assert is_joined(store, by)


def test_who_is_erased_while_names_are_read(store, monkeypatch):
    """No word of theirs is kept, and all of the others'."""
    told = {"ann": "Ann Berg", "bob": "Bob Berg"}
    store.append_events(
        Event(lead, lead, "profile", 5, 5, json.dumps({"name": name}))
        for lead, name in told.items()
    )
    erase_before_writing(monkeypatch, store.database, "ann")
    assert joining.name_stored(store, "profile") == 1
    assert store.names.find("berg") == ["bob"]
    with store.database.reading() as connection:
        assert set(connection.scalars(sa.select(lead_words.c.id))) == {"bob"}
