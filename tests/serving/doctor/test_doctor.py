"""The doctor: a healthy deployment has nothing wrong, and each fault that is made is found."""

from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from features.clock import now
from features.errors import BundleError
from features.store.connecting import read_only
from features.store.connecting.engines import new_engine
from features.store.database import Database
from features.store.events import Event, EventStore
from features.store.schema import deliveries, endpoints, events, write_backs
from models.bundle import load_bundle
from models.served_policy import write_served
from serving.doctor import Finding, examine, running
from serving.doctor import machine as doctor_machine
from serving.doctor import store as doctor_store
from serving.doctor.store import CONNECTIONS, filesystem_of
from serving.edge.access.keys import Keys
from tests.gates import policy_gate
from tests.serving import world
from tests.serving.live.process import LocalServer, QuietHandler, free_port

SCOPES = ("ingest", "read", "decide", "admin")
MINUTE = 60_000_000


@pytest.fixture
def environment(database_url, folder) -> dict[str, str]:
    """A healthy deployment: events, a model, a key for each scope; on each kind of database."""
    until = world.now()
    with EventStore.open(database_url) as store:
        leads = [world.customer("customer", until - MINUTE), world.climber("ann", until, 2)]
        store.append_events([event for lead in leads for event in lead])
        for scope in SCOPES:
            Keys(store.database).create(scope, [scope], as_of=1)
    return {"RUNG_DATABASE_URL": database_url, "RUNG_BUNDLE": str(folder / "fitted"), "HOME": "/"}


@pytest.fixture
def sqlite(tmp_path, folder) -> dict[str, str]:
    """A deployment on SQLite that is as it should be, but for keys."""
    url = f"sqlite:///{shutil.copy(folder / 'events.db', tmp_path / 'rung.db')}"
    with EventStore.open(url):
        pass
    return {"RUNG_DATABASE_URL": url, "RUNG_BUNDLE": str(folder / "fitted")}


def found(environment: dict[str, str], part: str = "", **more: Any) -> list[Finding]:
    """What is not fine, of one part or of all."""
    return [
        one
        for one in examine(environment, **more)
        if one.state != "fine" and part in ("", one.part)
    ]


def only(findings: list[Finding], state: str = "wrong") -> Finding:
    """The one finding that there is, which says why it matters and what to do."""
    (finding,) = findings
    assert finding.state == state
    assert finding.why
    assert finding.remedy
    assert "\n" not in finding.line()
    return finding


@contextmanager
def opened(environment: dict[str, str]) -> Iterator[EventStore]:
    with EventStore.open(environment["RUNG_DATABASE_URL"]) as store:
        yield store


# ---------------------------------------------------------------------------------------- All fine


def test_a_healthy_deployment(environment):
    """There is nothing to say but that all is fine, and every part was looked at."""
    assert found(environment) == []
    parts = {one.part for one in examine(environment)}
    assert parts >= {"settings", "store", "schema", "model", "events", "keys", "connectors"}
    assert parts >= {"scoring", "notifications", "write-back", "machine"}
    assert ("disk" in parts) is ("sqlite" in environment["RUNG_DATABASE_URL"])
    assert ("clock" in parts) is ("postgres" in environment["RUNG_DATABASE_URL"])


def test_lines_and_json():
    """A finding is one line, and the same as JSON."""
    finding = Finding("keys", "wrong", "none", "nobody can ask", "make one")
    assert finding.line() == "WRONG keys: none; nobody can ask. Do: make one"
    assert Finding("keys", "fine", "2 keys").line() == "fine  keys: 2 keys"
    assert finding.as_dict()["remedy"] == "make one"


def test_it_changes_nothing(sqlite, tmp_path):
    """Looking makes no file, no table and no row."""
    absent = {**sqlite, "RUNG_DATABASE_URL": f"sqlite:///{tmp_path / 'absent.db'}"}
    absent |= {"RUNG_MODEL": "rung-b2b", "RUNG_REGISTRY": f"sqlite:///{tmp_path / 'r' / 'm.db'}"}
    examine(absent)
    empty = tmp_path / "empty.db"
    sqlite3.connect(empty).close()
    empty.touch()
    examine({**sqlite, "RUNG_DATABASE_URL": f"sqlite:///{empty}"})
    assert {path.name for path in tmp_path.iterdir()} <= {"rung.db", "empty.db", "log"}
    assert empty.stat().st_size == 0


# ------------------------------------------------------------------------------ Settings, and model


def test_settings(sqlite):
    """Every setting that cannot be read is a finding of its own."""
    said = found({**sqlite, "RUNG_PORT": "none", "RUNG_PROT": "1"}, "settings")
    assert [one.state for one in said] == ["wrong", "wrong"]
    assert "RUNG_PORT" in said[0].what
    assert "did you mean 'RUNG_PORT'" in said[1].what


def test_no_bundle(sqlite, tmp_path):
    """A folder without a bundle, and a damaged one, are found with what to do."""
    absent = only(found({**sqlite, "RUNG_BUNDLE": str(tmp_path / "none")}, "model"))
    assert "no bundle in" in absent.what
    assert "rung train" in absent.remedy
    damaged = shutil.copytree(sqlite["RUNG_BUNDLE"], tmp_path / "damaged")
    (damaged / "model.json").write_text("{}")
    said = only(found({**sqlite, "RUNG_BUNDLE": str(damaged)}, "model"))
    assert "is damaged" in said.what


def test_no_champion(sqlite, tmp_path):
    """Where a champion is to serve, a registry that is not there is found."""
    registry = f"sqlite:///{tmp_path / 'mlflow.db'}"
    said = only(found({**sqlite, "RUNG_MODEL": "rung-b2b", "RUNG_REGISTRY": registry}, "model"))
    assert "no registry at" in said.what
    assert "rung publish --promote" in said.remedy


@pytest.mark.slow
def test_a_registry_without_a_champion(sqlite, tmp_path):
    """Where the registry is there and has no such model, that is found too."""
    registry = f"sqlite:///{tmp_path / 'mlflow.db'}"
    from models.registry import Registry  # MLflow takes seconds

    with pytest.raises(BundleError, match="rung-b2b"):
        Registry(registry).named("rung-b2b", "champion")
    said = only(found({**sqlite, "RUNG_MODEL": "rung-b2b", "RUNG_REGISTRY": registry}, "model"))
    assert "rung-b2b" in said.what


def test_a_policy_that_cannot_serve(sqlite, folder, tmp_path):
    """A promoted policy of another bundle is found."""
    bundle = shutil.copytree(sqlite["RUNG_BUNDLE"], tmp_path / "bundle")
    other = shutil.copytree(folder / "rates", tmp_path / "other")
    write_served(other, policy_gate(load_bundle(other)))
    shutil.copy(other / "served_policy.json", bundle)
    said = only(found({**sqlite, "RUNG_BUNDLE": str(bundle)}, "policy"))
    assert said.why == "careful chooses the next step instead"


def test_a_ladder_with_mistakes(sqlite, tmp_path):
    """A ladder of the settings that cannot be read is found."""
    file = tmp_path / "ladder.toml"
    file.write_text("[ladder]\nname = 1\n")
    said = only(found({**sqlite, "RUNG_LADDER": str(file)}, "ladder"))
    assert said.remedy == f"rung ladder check {file}"


# ---------------------------------------------------------------------------------------- The store


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://nobody@127.0.0.1:{port}/none", "connect"),
        ("mysql://a/b", "no such kind|SQLite or PostgreSQL"),
        ("sqlite://", "in memory"),
        ("sqlite:///{folder}/absent/rung.db", "there is no folder"),
        ("sqlite:///{folder}/text.db", "not a database"),
    ],
)
def test_no_store(sqlite, tmp_path, url, words):
    """A store that cannot be opened is found, whatever stands in its place."""
    (tmp_path / "text.db").write_text("this is no database, however one looks at it " * 9)
    url = url.format(port=free_port(), folder=tmp_path)
    finding = only(found({**sqlite, "RUNG_DATABASE_URL": url}, "store"))
    assert any(word in finding.what for word in words.split("|")), finding


def test_no_store_yet(sqlite, tmp_path):
    """A file that the service will make is a note."""
    url = f"sqlite:///{tmp_path / 'new.db'}"
    said = only(found({**sqlite, "RUNG_DATABASE_URL": url}, "store"), "note")
    assert "no store yet" in said.what


def test_no_password(sqlite):
    """A password of the URL is not shown."""
    url = f"postgresql://rung:hunter2@127.0.0.1:{free_port()}/rung"
    assert "hunter2" not in repr(examine({**sqlite, "RUNG_DATABASE_URL": url}))


def set_version(url: str, version: str) -> None:
    engine = new_engine(url)
    with engine.connect() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :v"), {"v": version})
        connection.commit()
    engine.dispose()


@pytest.mark.parametrize(("version", "words"), [("9999", "this Rung reads"), ("0002", "needs")])
def test_another_schema(environment, version, words):
    """Tables of a newer and of an older version are found, and not looked into."""
    set_version(environment["RUNG_DATABASE_URL"], version)
    assert words in only(found(environment)).what


def test_something_else(sqlite, tmp_path):
    """A database of something else is found."""
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (name)")
    connection.close()
    said = only(found({**sqlite, "RUNG_DATABASE_URL": f"sqlite:///{path}"}, "schema"))
    assert "not a store of Rung; it holds recipes" in said.what


def test_an_empty_database(sqlite, postgresql_url):
    """An empty database is a note: the service makes its tables."""
    said = only(found({**sqlite, "RUNG_DATABASE_URL": postgresql_url}, "schema"), "note")
    assert "no tables yet" in said.what


def test_a_copy_that_no_service_has_opened(sqlite, tmp_path):
    """A backup by VACUUM INTO is sound: that its first start switches WAL on is a note."""
    path, copy = sqlite["RUNG_DATABASE_URL"].removeprefix("sqlite:///"), tmp_path / "copy.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    said = only(found({**sqlite, "RUNG_DATABASE_URL": f"sqlite:///{copy}"}, "store"), "note")
    assert "a copy that no service has opened yet" in said.what


def test_not_in_wal_mode(sqlite):
    """A journal mode with which readers wait is found."""
    path = sqlite["RUNG_DATABASE_URL"].removeprefix("sqlite:///")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()
    with Database.open(sqlite["RUNG_DATABASE_URL"]) as database:
        finding = next(iter(doctor_store.kind(database, {}, is_running=True)))
    assert "delete, not WAL" in finding.what


def test_on_a_network_file_system(sqlite, tmp_path, monkeypatch):
    """A store on a file system where locks do not hold is found."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nhost:/x {tmp_path} nfs4 rw 0 0\n")
    monkeypatch.setattr(doctor_store, "_MOUNTS", mounts)
    assert "(nfs4)" in only(found(sqlite, "store")).what


@pytest.mark.parametrize("name", ["rung.db", "rung.db-wal", ""])
def test_files_of_somebody_else(sqlite, tmp_path, monkeypatch, name):
    """A file of the store, or its folder, that cannot be written is found."""
    (tmp_path / "rung.db-wal").touch()
    real, theirs = os.access, tmp_path / name
    monkeypatch.setattr(os, "access", lambda path, mode: path != theirs and real(path, mode))
    assert str(theirs) in only(found(sqlite, "store")).what


def test_a_disk_that_only_reads(sqlite, tmp_path, monkeypatch):
    """What stands there is looked at all the same, and one thing is wrong: nothing can be kept."""
    before = {path.name for path in tmp_path.iterdir()}
    monkeypatch.setattr(read_only, "_is_writable", lambda _: False)
    disk = SimpleNamespace(f_flag=os.ST_RDONLY, f_bavail=9**9, f_blocks=9**9, f_bfree=9**9)
    disk.f_frsize = 4096
    monkeypatch.setattr(os, "statvfs", lambda _: disk)
    findings = examine(sqlite)
    said = only([one for one in findings if one.state == "wrong"])
    assert said.what == f"{tmp_path / 'rung.db'} lies on a disk that only reads"
    assert "events" in {one.part for one in findings}
    assert {path.name for path in tmp_path.iterdir()} == before


def test_part_of_it_is_beside_it(sqlite, tmp_path, monkeypatch):
    """A copy of a running store whose log cannot be read there is no question of a password."""
    monkeypatch.setattr(read_only, "_is_writable", lambda _: False)
    (tmp_path / "rung.db-wal").write_bytes(b"log")
    said = only(found(sqlite, "store"))
    assert "part of what it holds is in rung.db-wal beside it" in said.what
    assert "password" not in said.remedy


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/a", "ext4"),
        ("/srv/b", "xfs"),
        ("/srv b/c", "nfs"),
        ("/srv/deep/d", "cifs"),
        ("/srvb", "ext4"),
    ],
)
def test_file_systems(path, kind):
    """The mount that is nearest above a path counts, blanks in its name too, the last of equals."""
    mounts = (
        "/dev/a / ext4 rw 0 0\n/dev/b /srv ext4 rw 0 0\n//host/x /srv/deep cifs rw 0 0\n"
        "h:/y /srv\\040b nfs rw 0 0\n/dev/c /srv xfs rw 0 0\nbroken\n"
    )
    assert filesystem_of(Path(path), mounts) == kind


@pytest.mark.parametrize(("free", "state"), [(1024**3 - 1, "wrong"), (2 * 1024**3, "note")])
def test_disk(sqlite, monkeypatch, free, state):
    """A disk that is nearly full is wrong; one where no copy of the store fits is a note."""
    usage = SimpleNamespace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    real = Path.stat

    class Large:
        def __init__(self, held: Any) -> None:
            self.st_size, self.st_mode = 3 * 1024**3, held.st_mode
            self.st_dev, self.st_ino = held.st_dev, held.st_ino

    monkeypatch.setattr(Path, "stat", lambda self, **more: Large(real(self, **more)))
    assert "GiB free" in only(found(sqlite, "disk"), state).what


@pytest.fixture
def on_postgresql(postgresql_url, folder) -> dict[str, str]:
    with EventStore.open(postgresql_url):
        pass
    return {"RUNG_DATABASE_URL": postgresql_url, "RUNG_BUNDLE": str(folder / "fitted")}


def test_connections_of_a_process(on_postgresql):
    """The doctor reckons with as many connections as the pool of a process may open."""
    pool = new_engine(on_postgresql["RUNG_DATABASE_URL"]).pool
    assert pool.size() + pool._max_overflow == CONNECTIONS  # type: ignore[attr-defined]


def test_too_many_workers(on_postgresql):
    """More workers than PostgreSQL has connections for are found."""
    assert found({**on_postgresql, "WEB_CONCURRENCY": "2"}, "store") == []
    said = only(found({**on_postgresql, "WEB_CONCURRENCY": "40"}, "store"))
    assert "41 x 30" in said.what
    assert "max_connections = 1250" in said.remedy


def test_commits_that_are_not_durable(on_postgresql):
    """A database that answers before it has written is found."""
    engine = new_engine(on_postgresql["RUNG_DATABASE_URL"])
    name = engine.url.database
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    said = only(found(on_postgresql, "store"))
    assert said.what == "synchronous_commit is off"
    engine.dispose()


def test_a_server_that_only_reads(on_postgresql):
    """Nothing can be stored in it, whatever else is well; a service says so too."""
    engine = new_engine(on_postgresql["RUNG_DATABASE_URL"])
    name = engine.url.database
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(
            f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'
        )
    said = only(found(on_postgresql, "store"))
    assert said.what == "it only reads: default_transaction_read_only is on"
    assert said.why == "nothing can be stored: events are refused with 503"
    engine.dispose()


def test_an_old_postgresql(on_postgresql, monkeypatch):
    """A version that nobody has tried is found."""
    monkeypatch.setattr(doctor_store, "_OLDEST_POSTGRESQL", 99)
    assert "versions below 99" in only(found(on_postgresql, "store")).why


@pytest.mark.parametrize(("seconds", "words"), [(60, "ahead of"), (-60, "behind")])
def test_clock(on_postgresql, seconds, words):
    """A clock that differs from the database's is found, in either direction."""
    said = only(found(on_postgresql, "clock", clock=lambda: now() + seconds * 1_000_000))
    assert f"60 seconds {words} the database's" in said.what


# ------------------------------------------------------------------------------------------- Events


def test_no_events(sqlite, tmp_path):
    """A store that nothing has arrived in is a note."""
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    with EventStore.open(url):
        pass
    said = only(found({**sqlite, "RUNG_DATABASE_URL": url}, "events"), "note")
    assert said.what == "none has arrived yet"


def test_events_of_another_ladder(sqlite, tmp_path):
    """Events that the ladder knows nothing of are found, with what there is."""
    url = f"sqlite:///{tmp_path / 'other.db'}"
    with EventStore.open(url) as store:
        store.append_events([Event("1", "a", "klick", 1, 1), Event("2", "a", "kauf", 2, 2)])
    said = only(found({**sqlite, "RUNG_DATABASE_URL": url}, "events"))
    assert "none of the ladder b2b was ever seen; there are kauf, klick" in said.what


def test_a_step_that_nobody_can_complete(sqlite):
    """A step whose events never came is a note."""
    with opened(sqlite) as store, store.database.writing() as connection:
        connection.execute(sa.delete(events).where(events.c.name == "session_held"))
    said = only(found(sqlite, "events"), "note")
    assert "'human'" in said.what
    assert "session_held" in said.remedy


def test_a_purchase_that_the_ladder_does_not_know(sqlite):
    """What a connector brings and nothing reads is named, with how many; what is read is not."""
    told = ["order_placed", "order_placed", "note_added", "payment_failed", "alias", "page_viewed"]
    with opened(sqlite) as store:
        brought = [Event(f"stripe:evt_{at}", "ann", name, 1, 1) for at, name in enumerate(told)]
        store.append_events([*brought, Event("stripes/1", "ann", "ours", 1, 1)])
    said = only(found(sqlite, "events"), "note")
    assert said.what == (
        "stripe brought 'order_placed' (2 events), which the ladder b2b names nowhere"
    )
    assert "complete_when" in said.remedy
    assert "[stripe.events]" in said.remedy


def test_events_of_the_future(environment):
    """An event that becomes known later than now is found."""
    with opened(environment) as store:
        later = world.event("bo", "page_viewed", now() - MINUTE, known_at=now() + 60 * MINUTE)
        store.append_events([later])
    said = only(found(environment, "clock"))
    assert "still to come" in said.what


# --------------------------------------------------------------------------------------------- Keys


def test_no_key(sqlite):
    """Without a key it is a note on this machine alone, and wrong where others could ask."""
    assert only(found(sqlite, "keys"), "note").what == "none"
    for host in ("localhost", "127.0.0.2", "::1"):
        only(found({**sqlite, "RUNG_HOST": host}, "keys"), "note")
    for host in ("0.0.0.0", "::", "10.0.0.1", "rung.example.com"):  # noqa: S104 that is the fault
        assert host in only(found({**sqlite, "RUNG_HOST": host}, "keys")).what


def test_all_keys_revoked(sqlite):
    """Keys that nobody can use any more are found."""
    with opened(sqlite) as store:
        keys = Keys(store.database)
        keys.revoke(keys.create("old", ["read"], as_of=1)[0].id, as_of=2)
    assert only(found(sqlite, "keys")).what == "all are revoked"


def test_scopes_that_nobody_has(sqlite):
    """Each scope that no key has is a note; one that may do all has all of them."""
    with opened(sqlite) as store:
        Keys(store.database).create("web", ["ingest"], as_of=1)
        said = found(sqlite, "keys")
        assert [one.state for one in said] == ["note"] * 3
        assert [one.what.split()[-1] for one in said] == ["read", "decide", "admin"]
        Keys(store.database).create("all", ["admin"], as_of=1)
    assert found(sqlite, "keys") == []


def test_a_key_that_sends_nothing(environment):
    """A key that is to send events and never did is a note; one that did is not."""
    with opened(environment) as store:
        keys = Keys(store.database)
        keys.create("website", ["ingest"], "web", as_of=1)
        keys.create("app", ["ingest"], "we", as_of=1)
        store.append_events([Event("web/1", "ann", "page_viewed", 1, 1)])
    said = only(found(environment, "keys"), "note")
    assert said.what.startswith("'app'")


# --------------------------------------------------------------------------------------- Connectors


def test_connectors(sqlite, tmp_path):
    """A file that is not there, secrets that are not set and mistakes are found; all at once."""
    file = tmp_path / "connectors.toml"
    told = {**sqlite, "RUNG_CONNECTORS": str(file)}
    assert "cannot be read" in only(found(told, "connectors")).what
    file.write_text('[stripe]\nsecret = "env:STRIPE"\n\n[zoom]\nsecret = "env:ZOOM"\n')
    said = found(told, "connectors")
    assert [one.state for one in said] == ["wrong", "wrong"]
    assert "'STRIPE' is not set" in said[0].what
    assert found({**told, "STRIPE": "s", "ZOOM": "z"}, "connectors") == []
    file.write_text('[hubspot.write_back]\ntoken = "env:HUBSPOT"\nid_property = "rung_id"\n')
    assert "'HUBSPOT' is not set" in only(found(told, "connectors")).what
    assert found({**told, "HUBSPOT": "t"}, "connectors") == []
    assert "secret-text" not in repr(examine({**told, "HUBSPOT": "secret-text"}))


def test_a_source_without_its_secret(sqlite, tmp_path, b2b):
    """A source of the ladder whose secret is not set is found."""
    ladder = tmp_path / "ladder.toml"
    source = '\n[[source]]\nname = "forms"\nsignature = "hmac-sha256-hex"\nheader = "X-Sign"\n'
    source += 'secret = "env:FORMS"\nsubject = "id"\nevent = "form_sent"\n'
    ladder.write_text(b2b.source + source)
    told = {**sqlite, "RUNG_LADDER": str(ladder), "RUNG_BUNDLE": str(tmp_path / "none")}
    assert "FORMS is not set" in only(found(told, "connectors")).what
    assert found({**told, "FORMS": "x"}, "connectors") == []


def test_sources_are_those_of_the_settings(sqlite, tmp_path, b2b):
    """Also where a model serves, whose ladder has none: a source is added without a training."""
    ladder = tmp_path / "ladder.toml"
    source = '\n[[source]]\nname = "forms"\nsignature = "hmac-sha256-hex"\nheader = "X-Sign"\n'
    source += 'secret = "env:FORMS"\nsubject = "id"\nevent = "form_sent"\n'
    ladder.write_text(b2b.source + source)
    told = {**sqlite, "RUNG_LADDER": str(ladder)}
    assert "FORMS is not set" in only(found(told, "connectors")).what


# ---------------------------------------------------------------------------- What waits and fails


def test_scoring_is_behind(environment):
    """News that has waited for more than a minute is found, younger news is not."""
    with opened(environment) as store:
        with store.database.writing() as connection:
            store.marks.put(connection, {"a": now() - MINUTE // 2}, "m")
        assert found(environment, "scoring") == []
        with store.database.writing() as connection:
            store.marks.put(connection, {"b": now() - 2 * MINUTE}, "m")
    assert only(found(environment, "scoring")).what.startswith("2 ids with news, the oldest for 12")


def an_endpoint(id_: str = "endpoint-1", why: str | None = None) -> dict[str, Any]:
    base = {"url": "https://example.com", "description": "", "types": "[]", "secret": "whsec_x"}
    off = {"disabled_at": 1 if why else None, "disabled_why": why}
    return {"id": id_, "created_at": 1, **base, **off}


def a_delivery(**more: Any) -> dict[str, Any]:
    base = {"notification_id": "n", "endpoint_id": "endpoint-1", "attempts": 1, "leased_until": 0}
    return {**base, "due_at": None, "delivered_at": None, "error": None, **more}


def insert(environment: dict[str, str], table: sa.Table, *rows: dict[str, Any]) -> None:
    with opened(environment) as store, store.database.writing() as connection:
        connection.execute(sa.insert(table), list(rows))


def test_disabled_endpoints(environment):
    """An endpoint that was disabled for failing is found, one that was switched off is not."""
    insert(environment, endpoints, an_endpoint(why="it answered 410, that it is gone"))
    insert(environment, endpoints, an_endpoint("endpoint-2", "on request"))
    said = only(found(environment, "notifications"))
    assert "endpoint-1 is disabled: it answered 410" in said.what
    assert "PATCH /v1/webhooks/endpoint-1" in said.remedy


def test_failing_deliveries(environment):
    """Deliveries that fail are found with what they fail with; those given up are a note."""
    insert(environment, endpoints, an_endpoint())
    soon = now() + MINUTE
    insert(environment, deliveries, a_delivery(due_at=soon, error="answered 500"))
    assert "such as: answered 500" in only(found(environment, "notifications")).what
    with opened(environment) as store, store.database.writing() as connection:
        connection.execute(sa.update(deliveries).values(due_at=None))
    assert "replay" in only(found(environment, "notifications"), "note").remedy


def test_deliveries_that_nobody_sends(environment):
    """Deliveries that have been due for minutes are found, those that are being sent are not."""
    insert(environment, endpoints, an_endpoint())
    due = now() - 10 * MINUTE
    insert(environment, deliveries, a_delivery(due_at=due, leased_until=now() + MINUTE))
    assert found(environment, "notifications") == []
    insert(environment, deliveries, a_delivery(notification_id="m", due_at=due))
    assert only(found(environment, "notifications")).what == "1 notification due for minutes"
    claimed = sa.update(deliveries).values(leased_until=now() + 1440 * MINUTE)
    store = EventStore.open(environment["RUNG_DATABASE_URL"])
    with store, store.database.writing() as connection:
        connection.execute(claimed)
    assert "due for minutes" in only(found(environment, "notifications")).what  # nobody has it


def a_write_back(lead_id: str, **more: Any) -> dict[str, Any]:
    base = {"connector": "hubspot", "external_id": lead_id, "leased_until": 0, "attempts": 1}
    return {**base, "lead_id": lead_id, "wanted": "{}", "due_at": None, "error": None, **more}


def test_failing_write_backs(environment):
    """Leads that a CRM refuses are found by connector; what it said of them is not shown."""
    error = "no contact ann@example.com"
    insert(
        environment,
        write_backs,
        a_write_back("a", due_at=now() + MINUTE, error=error),
        a_write_back("b", error=error),
        a_write_back("c", wanted=None),
    )
    said = only(found(environment, "write-back"))
    assert said.what == "hubspot: 1 failed and will be tried again, 1 were given up"
    assert "ann@example.com" not in repr(examine(environment))


def test_write_backs_that_nobody_makes(environment):
    """Leads that have been due for minutes are found: the service lacks the file, or is off."""
    insert(environment, write_backs, a_write_back("a", due_at=now() - 10 * MINUTE))
    assert "1 due for minutes" in only(found(environment, "write-back")).what


def test_what_cannot_be_looked_at(environment):
    """A table that cannot be read is one finding, and the other parts are looked at."""
    with opened(environment) as store, store.database.writing() as connection:
        connection.execute(sa.text("DROP TABLE deliveries"))
    assert "cannot be looked at" in only(found(environment)).what


# ------------------------------------------------------------------------------------- The machine


def test_few_files(sqlite, monkeypatch):
    """A limit of open files that a busy service would meet is a note."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    said = only(list(doctor_machine.limits()), "note")
    assert "1,024 open files" in said.what
    assert found(sqlite, "machine") == [said]


# ------------------------------------------------------------------------------------- The service


class Pretender(LocalServer):
    """Answers as a service might: by path, a status, headers and a body."""

    def __init__(self, **answers: tuple[int, dict[str, str], str]) -> None:
        usual: dict[str, tuple[int, dict[str, str], str]] = {
            "healthz": (200, {}, '{"status": "alive"}'),
            "readyz": (200, {}, "{}"),
            "queue": (401, {}, "{}"),
        }
        told = {**usual, **answers}

        class Handler(QuietHandler):
            def do_GET(self) -> None:
                name = self.path.partition("?")[0].rsplit("/", 1)[-1]
                status, headers, body = told[name]
                self.send_response(status)
                for header, value in headers.items():
                    self.send_header(header, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

        super().__init__(Handler)


def test_a_service_that_is_well(sqlite):
    """A service that answers, is ready and asks for a key has nothing wrong."""
    with Pretender() as service:
        said = [one for one in examine(sqlite, service.url) if one.part == "service"]
    assert [one.what for one in said] == ["alive", "ready", "asks for a key"]


@pytest.mark.parametrize(
    ("answers", "state", "words"),
    [
        ({"healthz": (200, {}, "It works!")}, "wrong", "/healthz answers 200"),
        ({"healthz": (502, {}, "alive")}, "wrong", "/healthz answers 502"),
        ({"readyz": (503, {}, json.dumps({"detail": "model: none"}))}, "wrong", "model: none"),
        ({"readyz": (500, {}, "<html>")}, "wrong", "/readyz answers 500"),
        ({"queue": (403, {}, "{}")}, "note", "has no key yet"),
        ({"queue": (200, {}, "{}")}, "note", "without a key"),
        ({"queue": (503, {}, "{}")}, "note", "without a key"),
    ],
)
def test_a_service_that_is_not(sqlite, answers, state, words):
    """What is amiss with a service is found by asking it."""
    with Pretender(**answers) as service:
        assert words in only(found(sqlite, "service", url=service.url), state).what


@pytest.mark.parametrize(
    ("missing", "why"),
    [
        (["store"], "nothing can be stored"),
        (["model", "queue"], "it has no scores; it has no queue"),
        ([], "whoever asks it may get no answer"),
    ],
)
def test_what_is_not_ready(sqlite, missing, why):
    """What follows is said of what is missing, and of nothing else."""
    body = json.dumps({"detail": "it is so", "missing": missing})
    with Pretender(readyz=(503, {}, body)) as service:
        assert only(found(sqlite, "service", url=service.url)).why == why


@pytest.mark.parametrize(
    "url", ["ftp://a", "rung.example.com", "http://", "http://[", "https://a:b", "https://a..b"]
)
def test_no_url(sqlite, url):
    """What is no URL of a service is said to be none."""
    assert "is no URL" in only(found(sqlite, "service", url=url)).what


def test_a_service_that_does_not_answer(sqlite):
    """A service that is not there is found."""
    said = only(found(sqlite, "service", url=f"http://127.0.0.1:{free_port()}"))
    assert "does not answer" in said.what


def elsewhere(monkeypatch, scheme: str) -> None:
    """Let rung.example.com lead to the pretender, over what looks like http or https."""
    real = httpx2.Client

    def client(base_url: str, timeout: float) -> httpx2.Client:
        return real(base_url=base_url.replace("https", "http"), timeout=timeout)

    monkeypatch.setattr(httpx2, "Client", client)
    monkeypatch.setattr(running, "is_this_machine", lambda _: False)
    assert scheme in ("http", "https")


def test_open_to_everyone(sqlite, monkeypatch):
    """A proxy through which everyone looks like this machine is found."""
    elsewhere(monkeypatch, "https")
    tls = {"Strict-Transport-Security": "max-age=1"}
    with Pretender(healthz=(200, tls, "alive"), queue=(200, {}, "{}")) as service:
        url = service.url.replace("http", "https")
        said = only(found(sqlite, "service", url=url))
    assert "anyone may read" in said.why


@pytest.mark.parametrize(
    ("scheme", "words"), [("http", "asked without TLS"), ("https", "X-Forwarded-Proto")]
)
def test_tls(sqlite, monkeypatch, scheme, words):
    """A service that is asked without TLS, or does not know that it is asked with it, is found."""
    elsewhere(monkeypatch, scheme)
    with Pretender() as service:
        said = only(found(sqlite, "service", url=service.url.replace("http", scheme)))
    assert words in said.line()


def test_of_a_real_service(client, sqlite, monkeypatch):
    """The answers of the service itself are understood."""
    monkeypatch.setattr(httpx2, "Client", lambda **_: Borrowed(client))
    said = [one for one in examine(sqlite, "http://127.0.0.1") if one.part == "service"]
    assert [one.what for one in said][:2] == ["alive", "ready"]
    assert said[2].what == "answers this machine without a key"


class Borrowed:
    """The test client, as one that may be closed."""

    def __init__(self, client: Any) -> None:
        self.get = client.get

    def __enter__(self) -> Borrowed:
        return self

    def __exit__(self, *_: object) -> None:
        pass
