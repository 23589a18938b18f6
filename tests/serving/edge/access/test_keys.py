"""Keys: what is made, what is kept of it, and what is refused."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from features.store.schema import api_keys
from serving.edge.access.keys import SCOPES, Keys, parts_of, secret_hash
from serving.edge.access.sessions import Sessions
from serving.edge.errors import InvalidKey, UnknownKey


@pytest.fixture
def keys(database):
    return Keys(database)


def test_create(keys):
    """A key is found again as it was made, and its text has its id and a long secret."""
    key, text = keys.create("website", ["ingest", "read", "ingest"], "web", as_of=5)
    assert re.fullmatch(rf"rung_{key.id}_[A-Za-z0-9_-]{{43}}", text)
    assert len(key.id) == 12
    assert keys.find(key.id) == key
    assert (key.name, key.scopes, key.source) == ("website", {"ingest", "read"}, "web")
    assert (key.created_at, key.revoked_at) == (5, None)


def test_the_secret_is_not_kept(keys, database):
    """The table holds the hash of the secret, and the secret nowhere."""
    _, text = keys.create("website", ["ingest"], as_of=5)
    _, secret = parts_of(text)
    with database.reading() as connection:
        (row,) = connection.execute(sa.select(api_keys)).all()
    assert row.hash == secret_hash(secret).hex()
    assert secret not in repr(tuple(row))
    assert secret not in repr(keys.all())


def test_no_two_alike(keys):
    """Keys have ids and secrets of their own, under one name and source too."""
    texts = [keys.create("same", ["read"], "web", as_of=1)[1] for _ in range(20)]
    assert len({parts_of(text)[0] for text in texts}) == 20
    assert len({parts_of(text)[1] for text in texts}) == 20


def test_all(keys):
    """All keys are listed, the oldest first, those that were revoked too."""
    new, _ = keys.create("new", ["read"], as_of=9)
    old, _ = keys.create("old", ["read"], as_of=2)
    keys.revoke(old.id, as_of=10)
    assert [key.id for key in keys.all()] == [old.id, new.id]


def test_revoke(keys, database):
    """A key is revoked once, at the first time that was said, and its sessions end with it."""
    key, _ = keys.create("person", ["read"], as_of=1)
    other, _ = keys.create("other", ["read"], as_of=1)
    sessions = Sessions(database)
    mine, theirs = sessions.start(key.id, as_of=2), sessions.start(other.id, as_of=2)
    assert keys.revoke(key.id, as_of=3).revoked_at == 3
    assert keys.revoke(key.id, as_of=7).revoked_at == 3
    assert keys.find(other.id).revoked_at is None
    assert sessions.key_of(mine, as_of=4) is None
    assert sessions.key_of(theirs, as_of=4) == other.id


def test_unknown_key(keys):
    """A key that was never made cannot be revoked; one with a similar id is named."""
    key, _ = keys.create("person", ["read"], as_of=1)
    typo = key.id[:-1] + "0"
    with pytest.raises(UnknownKey, match=f"no key '{typo}' .*did you mean '{key.id}'"):
        keys.revoke(typo, as_of=1)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\0", "x" * 201])
def test_bad_name(keys, name):
    """A name is one line that says something."""
    with pytest.raises(InvalidKey, match="is no name"):
        keys.create(name, ["read"], as_of=1)


def test_bad_scopes(keys):
    """A key has a scope, and none that there is not; nothing is kept of what was refused."""
    with pytest.raises(InvalidKey, match="needs a scope; there are ingest, read, decide, admin"):
        keys.create("a", [], as_of=1)
    with pytest.raises(InvalidKey, match="no scope 'reed'; did you mean 'read'"):
        keys.create("a", ["read", "reed"], as_of=1)
    assert keys.all() == []


@pytest.mark.parametrize("source", ["a/b", "a b", "ü", "x" * 33, "rung-web", "a\n"])
def test_bad_source(keys, source):
    """A source goes before message ids: it holds no slash, is short, and is none of Rung's own."""
    with pytest.raises(InvalidKey, match="is no source"):
        keys.create("a", ["ingest"], source, as_of=1)


def test_shown(keys):
    """What is shown of a key has no trace of its secret, and its scopes in one order."""
    key, _ = keys.create("a", ["admin", "ingest"], "web", as_of=1_000_000)
    assert key.as_dict() == {
        "id": key.id,
        "name": "a",
        "scopes": ["ingest", "admin"],
        "source": "web",
        "ladder": "",
        "origins": [],
        "created_at": "1970-01-01T00:00:01Z",
        "revoked_at": None,
    }
    assert set(SCOPES) == {"ingest", "read", "decide", "admin"}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("rung_abc_d_e-f", ("abc", "d_e-f")),
        ("rung_abc", ("abc", "")),
        ("rung_", ("", "")),
        ("ring_abc_def", ("", "")),
        ("", ("", "")),
        ("Rung_abc_def", ("", "")),
    ],
)
def test_parts(text, parts):
    """A text falls into id and secret; a secret may hold underscores."""
    assert parts_of(text) == parts
