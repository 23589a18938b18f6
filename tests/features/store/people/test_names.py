"""Leads are found by how words of their names, companies and addresses begin."""

from __future__ import annotations

import json
import time

import pytest

from features.store.events import Event
from features.store.identities.rule import Link
from features.store.people.names import words_of

PEOPLE = {
    "a": {"name": "Chloé O'Neill", "company": {"name": "Halden & Söhne"}},
    "b": {"full_name": "Bob Oneil", "email": "bob@quill.example"},
    "c": {"firstName": "Cleo", "lastName": "Berg", "company": "Quill Labs"},
}


def told(lead, traits, name="identify"):
    return Event(f"{lead}-{name}", lead, name, 5, 5, json.dumps(traits))


@pytest.fixture
def named(store):
    store.name_by("identify")
    store.append_events([told(lead, traits) for lead, traits in PEOPLE.items()])
    return store


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("chloe", ["a"]),
        ("CHLOÉ", ["a"]),
        ("soh", ["a"]),
        ("quill", ["b", "c"]),
        ("quill berg", ["c"]),
        ("be qu", ["c"]),
        ("bob@quill.example", ["b"]),
        ("uill", []),
        ("berg halden", []),
        ("", []),
        ("%", []),
        ("'; drop table", []),
        ("\0", []),
        ("a", ["a"]),  # an id is found whatever somebody is called
    ],
)
def test_find(named, text, found):
    """Every word begins one of theirs; an id is found as it is."""
    assert named.names.find(text) == found


def test_an_id_with_signs_is_found_alone(named):
    """No name has such signs, and some of its words begin those of many."""
    named.append_events([told("x/6?a=b&c#d bob", {"name": "Xenia"}), told("bob", {"name": "Kim"})])
    assert named.names.find(" x/6?a=b&c#d bob ") == ["x/6?a=b&c#d bob"]
    assert named.names.find("bob") == ["b", "bob"]
    assert named.names.find("x/6?a=b&c#d") == []


def joined(store, *links):
    with store.database.writing() as connection:
        store.identities.add(
            connection, [Link(kind, source, target, 9, 9) for kind, source, target in links]
        )


def test_a_name_of_one_letter(store):
    """A name of one character finds who has it, alone or before others; an initial nobody."""
    store.name_by("identify")
    people = {
        "l": {"name": "李"},
        "m": {"name": "李明"},
        "n": {"name": "王 李"},
        "o": {"name": "A B"},
    }
    store.append_events([told(lead, traits) for lead, traits in people.items()])
    assert store.names.find("李") == ["l", "m", "n"]
    assert store.names.find("王 李") == ["n"]
    assert store.names.find("明") == store.names.find("A") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("chloe", ["c"]),  # what it was called before
        ("berg", ["c"]),
        ("a", ["c"]),  # its former id
        ("c", ["c"]),
        ("berg halden", ["c"]),  # what it is called, in parts from both
        ("quill sohne cleo", ["c"]),
        ("bob berg", []),  # another lead
        ("visitor", ["b"]),  # an id that no event was sent under
    ],
)
def test_find_one_that_has_several_ids(named, text, found):
    """Former ids and names lead to the lead that it is now, and so does what each id tells."""
    joined(named, ("alias", "a", "c"), ("claim", "visitor", "b"))
    assert named.names.find(text) == found


def test_words():
    """Small letters, without accents, each once, none of one letter that has a case."""
    assert words_of("李 A ж 7 が ก") == ["李", "か", "ก"]
    assert words_of("Chloé O'Neill-Grant  CHLOE 7 77") == ["chloe", "neill", "grant", "77"]
    assert words_of("\u210cans") == ["hans"]
    assert words_of("x" * 99) == ["x" * 40]


def test_many_accents_take_no_time():
    """A name of one letter with tens of thousands of accents is read like any other."""
    started = time.process_time()
    assert words_of("Zoe\u0308" + "\u0301\u0316" * 60_000) == ["zoe"]
    assert time.process_time() - started < 0.5


def test_at_most(named):
    """So many, of a word that many have."""
    assert len(named.names.find("quill", 1)) == 1


def test_only_traits_tell(named):
    """What else has a name is no person."""
    named.append_events([told("d", {"name": "Zebra page"}, "page_viewed")])
    assert named.names.find("zebra") == []


def test_at_most_so_many_leads_and_not_ids(named):
    """Ids that are one lead are found as one, so that a bound leaves out no other lead."""
    others = [f"a-{at}" for at in range(5)]
    traits = {"name": "Chloé Zimt"}
    named.append_events([told(one, traits) for one in [*others, "z"]])
    joined(named, *(("alias", one, "a") for one in others))
    assert named.names.find("chloe", 2) == ["a", "z"]
