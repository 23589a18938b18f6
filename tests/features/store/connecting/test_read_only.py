"""A store beside which nothing can be written is read all the same, or it is said why not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from features.errors import StoreAway, StoreError
from features.store.arrivals import Event
from features.store.connecting import read_only
from features.store.events import EventStore
from training.pipeline import begin_training

EVENT = Event("m", "ann", "view", 1, 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with EventStore.open(tmp_path / "store #1?.db") as store:
        store.append_events([EVENT])
    return tmp_path / "store #1?.db"


@pytest.fixture
def only_reads(monkeypatch):
    """Nothing can be written anywhere, as it is on a disk that only reads, for root as well."""
    monkeypatch.setattr(read_only, "_is_writable", lambda _: False)


def beside(path: Path) -> set[str]:
    return {each.name for each in path.parent.iterdir()}


@pytest.mark.usefixtures("only_reads")
def test_it_is_read_and_nothing_is_made_beside_it(path):
    """Also by what asks small questions; to write is refused in our words."""
    before = path.read_bytes()
    with EventStore.existing(path) as store:
        assert store.database.only_reads
        assert [row[0] for row in store.read("ann")[1]] == ["view"]
        assert store.count() == 1
        with pytest.raises(StoreAway, match="it is read-only here: permit writing to the file"):
            store.append_events([EVENT._replace(message_id="n")])
        assert beside(path) == {path.name}
    assert path.read_bytes() == before


def test_beside_a_file_of_others_nothing_is_left(path, monkeypatch):
    """They could not write to what somebody else has made there, though anybody may make some."""
    monkeypatch.setattr(read_only, "_is_writable", lambda place: place != path)
    with EventStore.existing(path) as store:
        assert store.count() == 1
        assert beside(path) == {path.name}


def test_where_it_can_be_written_to_nothing_is_different(path):
    """Nor is it of who makes a store, or serves with one: they write, and find out at once."""
    with EventStore.existing(path) as store:
        assert not store.database.only_reads
        assert store.append_events([EVENT._replace(message_id="n")]).accepted == 1


@pytest.mark.usefixtures("only_reads")
def test_who_will_write_does_not_begin_to_read(path):
    """A service that read a file as one that does not change would never see another event."""
    with EventStore.open(path) as store:
        assert not store.database.only_reads


@pytest.mark.usefixtures("only_reads")
def test_what_is_written_meanwhile_is_not_half_read(path, monkeypatch):
    """SQLite looks at no lock there: what was read of two states together is thrown away."""
    with EventStore.existing(path) as store:
        assert store.count() == 1
        with monkeypatch.context() as writing:
            writing.setattr(read_only, "_is_writable", lambda _: True)
            with EventStore.existing(path) as other:
                other.append_events([EVENT._replace(message_id="n")])
                with pytest.raises(StoreAway, match="was written to while it was read"):
                    store.count()
        with pytest.raises(StoreAway, match="was written to while it was read"):
            store.read("ann")
    with EventStore.existing(path) as store:
        assert store.count() == 2


@pytest.mark.usefixtures("only_reads")
def test_it_is_read_beside_who_writes(path, monkeypatch):
    """With the log that is there, and its index, which another process keeps."""
    with monkeypatch.context() as writing:
        writing.setattr(read_only, "_is_writable", lambda _: True)
        other = EventStore.existing(path)
        other.append_events([EVENT._replace(message_id="n")])
    with other, EventStore.existing(path) as store:
        assert store.database.only_reads
        assert store.count() == 2
        other.append_events([EVENT._replace(message_id="o")])
        assert store.count() == 3


@pytest.mark.usefixtures("only_reads")
def test_what_is_in_a_log_alone_is_not_left_out(path, tmp_path, monkeypatch):
    """A copy of both files without the index, as a backup has them: it is said what is wrong."""
    copied = tmp_path / "copy"
    copied.mkdir()
    with monkeypatch.context() as writing:
        writing.setattr(read_only, "_is_writable", lambda _: True)
        with EventStore.existing(path) as other:
            other.append_events([EVENT._replace(message_id="n")])
            for ending in ("", "-wal"):
                shutil.copy(f"{path}{ending}", copied)
    with pytest.raises(
        StoreError, match=r"part of what it holds is in store #1\?.db-wal beside it"
    ):
        EventStore.existing(copied / path.name)
    (copied / f"{path.name}-wal").write_bytes(b"")  # which holds nothing
    EventStore.existing(copied / path.name).close()


@pytest.mark.usefixtures("only_reads")
def test_what_must_be_kept_there_is_refused_before_it_is_made(path):
    """A training, so that whoever is erased can be traced."""
    with pytest.raises(StoreError, match="nothing can be written there, and what is trained on"):
        begin_training(str(path), 1)
