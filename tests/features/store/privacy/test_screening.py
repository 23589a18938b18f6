"""Who was erased for good comes back by no address either; others lose nothing by it."""

from __future__ import annotations

import json

import pytest

from features.events.table import EventTable
from features.ladder.ladder import Identity
from features.reading import read_table
from features.store.events import Appended, EventStore
from features.store.identities.identification import Identification, links_between
from features.store.identities.rule import ALIAS, Link
from features.store.privacy import Privacy
from features.store.privacy.screening import is_stripped
from tests.features.store.privacy.scene import arrival, everything

BY = Identity(("email", "crm_id"))
TOM = "tom@acme.com"
TELLS = {"email": " Tom@ACME.com", "size": 5}


@pytest.fixture
def known(store: EventStore) -> Identification:
    found = Identification.of(store.database, BY, "traits")
    assert found is not None
    return found


@pytest.fixture
def erased(store: EventStore, known: Identification) -> EventStore:
    """A store from which Tom was erased for good; Ann is known to it."""
    store.name_by("traits")
    store.ingest([told(known, 1, "tom", {"email": TOM, "crm_id": "7"}), arrival(2, "ann")])
    Privacy(store.database).erase("tom", 50, is_suppressed=True)
    return store


def told(known, number, sent_id, traits, **more):
    links = links_between(sent_id, known.of_traits(traits), is_anonymous=False)
    text = json.dumps(traits)
    return arrival(number, sent_id, name="traits", properties=text, links=links)._replace(**more)


def table_of(tmp_path, *rows: dict[str, object]) -> EventTable:
    file = tmp_path / "events.jsonl"
    base = {"name": "traits", "occurred_at": "2026-03-01T00:00:00Z"}
    file.write_text("".join(json.dumps(base | row) + "\n" for row in rows))
    return read_table(file)[0]


def words(store: EventStore) -> str:
    return str(everything(store.database)).lower()


def test_a_known_lead(erased, known):
    """Who is known and tells an address of theirs is kept without it, and stays alone."""
    sent = told(known, 3, "ann", TELLS | {"crm_id": "8"}, previous_id="tom")
    assert erased.ingest([sent]) == [True]
    ((*_, said),) = [row for row in erased.events_of("ann") if row[0] == "traits"]
    assert said == {"size": 5, "crm_id": "8"}
    assert erased.ids_of("ann") == sorted(["ann", *known.of_external("8")])
    assert erased.ingest([sent]) == [False]  # sent again it is a duplicate, as any other
    assert "tom" not in words(erased)
    assert erased.names.find("acme") == []


WITHIN: list[tuple[dict[str, object], dict[str, object]]] = [
    ({"profile": TELLS, "size": 1}, {"profile": {"size": 5}, "size": 1}),
    ({"a": [{"b": {"Crm-ID": 7}}, {"crm_id": 8}]}, {"a": [{"b": {}}, {"crm_id": 8}]}),
    ({"email": [TOM, "b@c.com"]}, {"email": ["b@c.com"]}),
    (TELLS | {"profile": {"E-Mail": TOM}}, {"size": 5, "profile": {}}),
]


@pytest.mark.parametrize(("traits", "left"), WITHIN)
def test_what_stands_within_another_property(erased, known, traits, left):
    """It is left out as well, and says of nobody that it is they who come back."""
    sent = [told(known, 3, "ann", traits), arrival(4, "bob"), told(known, 5, "bob", traits)]
    assert erased.ingest(sent) == [True, True, True]
    for lead in ("ann", "bob"):
        assert [row[3] for row in erased.events_of(lead) if row[0] == "traits"] == [left]
    assert "tom" not in words(erased)
    if "email" not in traits or isinstance(traits["email"], list):
        assert erased.ingest([told(known, 6, "new", traits)]) == [True]


def test_what_others_tell_within_another_property(erased, known):
    """It is kept to the letter: nobody who was erased is told by it."""
    sent = told(known, 3, "ann", {"profile": {"email": "b@c.com", "notes": [TOM]}})
    note = arrival(4, "ann", properties=json.dumps({"profile": {"email": TOM}}))
    assert erased.screen([sent, note]) == [sent, note]


@pytest.mark.parametrize("traits", [TELLS, {"crm_id": 7}, {"email": "b@c.com", "crm_id": "7"}])
def test_an_id_that_nobody_knows(erased, known, traits):
    """It is they who come back: nothing is kept of it, but what it sends without telling so."""
    before = everything(erased.database)
    sent = told(known, 3, "new", traits)
    assert erased.ingest([sent]) == [None]
    assert erased.screen([sent]) == [None]
    assert everything(erased.database) == before
    assert erased.ingest([sent, arrival(4, "new"), told(known, 5, "new", traits)]) == [
        None,
        True,
        True,
    ]
    assert erased.ids_of("new") == sorted(
        {"new", *known.of_traits(traits)} - {*known.of_traits(TELLS), *known.of_external("7")}
    )


def test_what_others_send_meanwhile(erased, known):
    """One that is refused takes no other of its sender with it, whoever shares the commit."""
    sent = [arrival(3, "new"), told(known, 4, "bob", TELLS), arrival(5, "bob")]
    assert erased.ingest(sent) == [True, None, True]


def test_others_keep_what_they_tell(erased, known):
    """Who shares a commit with somebody who is refused loses no address, and none of their ids."""
    mail = {"email": "b@c.com"}
    sent = [
        told(known, 3, "new", TELLS),
        told(known, 4, "bob", mail, anonymous_id="laptop", previous_id="old-bob"),
        told(known, 5, "ann", TELLS, anonymous_id="phone", previous_id="old-ann"),
    ]
    kept = erased.screen(sent)
    told_less = [
        one is None or is_stripped(all_of, one) for all_of, one in zip(sent, kept, strict=True)
    ]
    assert told_less == [True, False, True]
    assert erased.ingest(sent) == [None, True, True]
    assert erased.ids_of("bob") == sorted(["bob", "laptop", "old-bob", *known.of_traits(mail)])
    assert erased.ids_of("ann") == ["ann", "old-ann", "phone"]


def test_a_device_of_theirs(store):
    """Whoever uses it now is somebody else, and is not joined with what it was."""
    store.ingest([arrival(1, "tom", anonymous_id="laptop"), arrival(2, "ann")])
    Privacy(store.database).erase("tom", 50, is_suppressed=True)
    sent = [arrival(3, "ann", anonymous_id="laptop"), arrival(4, "laptop"), arrival(5, "bob")]
    assert store.ingest(sent) == [True, None, True]
    assert store.ids_of("ann") == ["ann"]
    assert "laptop" not in words(store)


def test_a_file(erased, tmp_path):
    """An import holds to the same rule, and says how many events it left out."""
    rows: list[dict[str, object]] = [
        {"lead_id": "new", "properties": TELLS},
        {"lead_id": "ann", "properties": TELLS | {"of": {"email": TOM}}},
        {"lead_id": "ann", "name": "note", "properties": {"email": "b@c.com"}},
        {"lead_id": "amy", "name": "note", "properties": {"crm_id": "7"}},
        {"lead_id": "tom", "anonymous_id": "visitor"},
    ]
    table = table_of(tmp_path, *rows)
    assert erased.append(table) == Appended(3, 0, 2)
    assert erased.append(table) == Appended(0, 3, 2)
    said = [row[3] for row in erased.events_of("ann")[1:]]
    assert sorted(said, key=len) == [{"email": "b@c.com"}, {"size": 5, "of": {}}]
    assert erased.ids_of("ann") == ["ann"]
    assert erased.events_of("new") == []
    assert len(erased.events_of("amy")) == 1  # what a note says is not who somebody is
    assert TOM not in words(erased)


def test_a_file_where_nobody_is_told_by_an_address(store, tmp_path):
    """Of a ladder that tells nobody by a trait those are left out that are named themselves."""
    store.ingest([arrival(1, "tom"), arrival(2, "ann")])
    Privacy(store.database).erase("tom", 50, is_suppressed=True)
    rows: list[dict[str, object]] = [
        {"lead_id": "new", "properties": TELLS},
        {"lead_id": "tom", "properties": TELLS},
    ]
    assert store.append(table_of(tmp_path, *rows)) == Appended(1, 0, 1)
    assert [row[3] for row in store.events_of("new")] == [TELLS]


def test_links_that_no_arrival_tells(erased, known):
    """Whoever keeps links, none is with an id that was erased for good."""
    (address,) = known.of_traits(TELLS)
    with erased.database.writing() as connection:
        assert erased.link(connection, [Link(ALIAS, address, "ann", 1, 1)]) == set()
    assert erased.ids_of("ann") == ["ann"]


def test_taken_back(erased, known):
    """Once that was taken back, the address tells who they are again."""
    Privacy(erased.database).unsuppress("tom")
    assert erased.ingest([told(known, 3, "ann", TELLS)]) == [True]
    assert erased.ids_of("ann") == sorted(["ann", *known.of_traits(TELLS)])


def test_what_people_are_told_by(store, known):
    """The ladder that was used last says it, for whoever has none at hand."""
    with store.database.reading() as connection:
        assert Identification.kept(connection) == known
    other = Identification.of(store.database, Identity(("email",), ("desk",)), "profile")
    with store.database.reading() as connection:
        assert Identification.kept(connection) == other
    assert other is not None
    assert (other.key, other.traits_event) == (known.key, "profile")
