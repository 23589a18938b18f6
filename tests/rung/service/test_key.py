"""`rung key`: keys are made, shown once, listed and taken back."""

from __future__ import annotations

import re

from features.store.events import EventStore
from tests.rung.scene import done, message


def test_key_create(key_store):
    """A key is printed alone, so that a script can keep it; what is said of it goes elsewhere."""
    said = done("key", "create", "website", "--scope", "ingest", "--store", key_store)
    assert re.fullmatch(r"rung_[a-z0-9]{12}_[\w-]{43}\n", said.out)
    assert "cannot be shown again" in said.err


def test_key_create_json(key_store):
    """As JSON the key stands beside what will be shown of it later."""
    options = ("--scope", "read", "--scope", "ingest", "--source", "web", "--store", key_store)
    made = done("key", "create", "website", *options, "--json").json
    assert made.pop("key").startswith(f"rung_{made['id']}_")
    assert (made["name"], made["scopes"], made["source"]) == ("website", ["ingest", "read"], "web")
    assert done("key", "list", "--store", key_store, "--json").json == [made]


def test_key_list_and_revoke(key_store):
    """Keys are listed with what they may do, revoked ones as such, secrets never."""
    text = done("key", "create", "website", "--scope", "ingest", "--store", key_store).out.strip()
    key_id, secret = text.split("_", 2)[1:]
    done("key", "create", "crm", "--scope", "read", "--source", "crm", "--store", key_store)
    listed = done("key", "list", "--store", key_store).out
    assert f"{key_id}  website: ingest; made 20" in listed
    assert "crm: read, source crm; made 20" in listed
    revoked = done("key", "revoke", key_id, "--store", key_store)
    assert f"{key_id} (website) is revoked" in revoked.out
    again = done("key", "revoke", key_id, "--store", key_store, "--json").json
    listed = done("key", "list", "--store", key_store).out
    assert f"website: ingest; revoked {again['revoked_at']}" in listed
    assert secret not in listed + revoked.out


def test_keys_of_the_environment(key_store, monkeypatch):
    """Without a store that of the environment is meant."""
    monkeypatch.setenv("RUNG_DATABASE_URL", key_store)
    done("key", "create", "website", "--scope", "ingest")
    assert len(done("key", "list", "--json").json) == 1


def test_no_key_yet(key_store):
    """A store without keys says what that means."""
    EventStore.open(key_store).close()
    assert "answers its own machine alone" in done("key", "list", "--store", key_store).out


def test_keys_that_are_refused(key_store, tmp_path):
    """No scope, an unknown one, an unknown id and an absent store are refused with a remedy."""
    store = ("--store", key_store)
    assert "needs a scope; there are ingest" in message("key", "create", "a", *store)
    said = message("key", "create", "a", "--scope", "reed", *store)
    assert "no scope 'reed'; did you mean 'read'" in said
    assert "no key 'abc' was made here" in message("key", "revoke", "abc", *store)
    absent = tmp_path / "absent.db"
    assert "no such store" in message("key", "list", "--store", absent)
    assert not absent.exists()
