"""Keys in words, and the form of a new one."""

from __future__ import annotations

import pytest

from serving.edge.access.keys import Keys
from serving.pages.settings.keys.making import (
    KeyForm,
    last_setter,
    make_key,
    read_key_form,
    rights_words,
)

NOW = 1_800_000_000_000_000


@pytest.fixture
def keys(site):
    """The keys of a store in which nobody has any; each test leaves what it makes revoked."""
    found = Keys(site.service.store.database)
    yield found
    for one in found.all():
        found.revoke(one.id, as_of=NOW)


@pytest.mark.parametrize(
    ("scopes", "words"),
    [
        ({"admin", "read"}, "Everything"),
        ({"read"}, "See"),
        ({"decide", "read"}, "See and act"),
        ({"ingest", "decide", "read"}, "Send events, see and act"),
    ],
)
def test_rights(scopes, words):
    """What a key may do is told without a code word."""
    assert rights_words(frozenset(scopes)) == words


def test_make(keys):
    """What is ticked and written becomes a key."""
    given = {"name": " CRM ", "may-read": "on", "may-decide": "on", "source": "crm", "ladder": ""}
    made = make_key(keys, read_key_form(given), NOW)
    assert not isinstance(made, KeyForm)
    key, text = made
    assert (key.name, sorted(key.scopes), key.source) == ("CRM", ["decide", "read"], "crm")
    assert text.startswith(f"rung_{key.id}_")


@pytest.mark.parametrize(
    ("change", "field", "why"),
    [
        ({"name": ""}, "name", "Write who will have the key"),
        ({"name": "x" * 201}, "name", "200 letters at most"),
        ({"name": "a\x00b"}, "name", "one line"),
        ({"may-read": None}, "scopes", "Tick what the key may do."),
        ({"source": "a b"}, "source", "is no source"),
        ({"source": "rung-x"}, "source", "kept for Rung's own"),
        ({"ladder": "b" * 300}, "ladder", "is no name of a ladder"),
        ({"origins": "https://a.example"}, "scopes", "it may send events alone"),
        (
            {"origins": "ftp://a.example", "may-read": None, "may-ingest": "on"},
            "origins",
            "is no origin",
        ),
    ],
)
def test_mistakes(keys, change, field, why):
    """What will not do is said beside its field, and no key is made."""
    given = {"name": "Ann", "may-read": "on", "source": ""} | change
    form = read_key_form({name: one for name, one in given.items() if one is not None})
    before = len(keys.all())
    found = make_key(keys, form, NOW)
    assert isinstance(found, KeyForm)
    assert why in found.mistake(field)
    assert len(keys.all()) == before


def test_sent_twice(keys):
    """A form that is sent again makes no second key; after the first was revoked it does."""
    form = KeyForm("Ann", frozenset({"read"}))
    made = make_key(keys, form, NOW)
    again = make_key(keys, form, NOW)
    assert isinstance(again, KeyForm)
    assert "There is a key of this name already." in again.mistake("name")
    assert not isinstance(made, KeyForm)
    keys.revoke(made[0].id, as_of=NOW)
    assert not isinstance(make_key(keys, form, NOW), KeyForm)


def test_last_setter(keys):
    """Whether another key may change settings is known before one is revoked."""
    first, _ = keys.create("a", ["admin"], as_of=NOW)
    assert last_setter(keys.all(), first.id)
    second, _ = keys.create("b", ["admin"], as_of=NOW)
    keys.create("c", ["read"], as_of=NOW)
    assert not last_setter(keys.all(), first.id)
    keys.revoke(second.id, as_of=NOW)
    assert last_setter(keys.all(), first.id)
