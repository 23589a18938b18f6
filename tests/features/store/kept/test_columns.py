"""Tables about leads beside a store: the newest of a kind, whatever its size, until an erasure."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait

import numpy as np
import pyarrow as pa

from features.store.identities.turns import erased_by_now
from features.store.kept import columns as module
from features.store.kept.columns import KeptColumns
from features.store.privacy import Privacy
from features.store.privacy.erasures import Erasure, note_taken
from tests.features.store.privacy.scene import arrival


def test_the_newest_stands_for_those_before(store):
    columns = KeptColumns(store.database)
    assert columns.newest("stays", "b2b") is None
    assert columns.as_of("stays", "b2b") is None
    rng = np.random.default_rng(1)
    large = pa.table({"x": rng.integers(0, 2**62, 800_000)}).replace_schema_metadata({"a": "b"})
    columns.keep("stays", "b2b", 5, large)
    found = columns.newest("stays", "b2b")
    assert found is not None
    assert found.equals(large)
    assert found.schema.metadata == {b"a": b"b"}
    small = pa.table({"x": [1]})
    columns.keep("stays", "b2c", 7, small)
    columns.keep("stays", "b2b", 6, small)
    newest = columns.newest("stays", "b2b")
    assert newest is not None
    assert newest.equals(small)
    assert (columns.as_of("stays", "b2b"), columns.as_of("stays", "b2c")) == (6, 7)


def test_an_erasure_takes_them_along(store):
    columns = KeptColumns(store.database)
    store.ingest([arrival(1, "ann"), arrival(2, "bob")])
    columns.keep("stays", "b2b", 5, pa.table({"lead_id": ["ann", "bob"]}))
    assert columns.taken_at("stays", "b2b") is None
    Privacy(store.database).erase("ann", 10)
    assert columns.newest("stays", "b2b") is None
    assert columns.as_of("stays", "b2b") is None


def test_what_an_erasure_took_is_known_until_it_is_there_again(store):
    """Also after a second erasure; of what was never kept nothing was taken."""
    columns = KeptColumns(store.database)
    store.ingest([arrival(at, lead) for at, lead in enumerate(("ann", "bob", "cat"), 1)])
    columns.keep("stays", "b2b", 5, pa.table({"lead_id": ["ann", "bob"]}))
    for at, lead in ((10, "ann"), (20, "bob")):
        Privacy(store.database).erase(lead, at)
        assert columns.taken_at("stays", "b2b") == at
        assert columns.taken_at("stays", "b2c") is None
    assert columns.keep(
        "stays", "b2b", 30, pa.table({"lead_id": ["cat"]}), store.identities.erased_now()
    )
    assert columns.taken_at("stays", "b2b") is None
    assert columns.as_of("stays", "b2b") == 30


def test_what_was_counted_meanwhile_is_not_kept(store):
    """Who was erased since the events were read does not come back, whichever clock said so."""
    columns = KeptColumns(store.database)
    store.ingest([arrival(1, "ann"), arrival(2, "bob")])
    before = store.identities.erased_now()
    Privacy(store.database).erase("ann", 10)
    assert not columns.keep("stays", "b2b", 20, pa.table({"lead_id": ["ann", "bob"]}), before)
    assert columns.newest("stays", "b2b") is None
    assert columns.taken_at("stays", "b2b") == 10
    assert columns.keep(
        "stays", "b2b", 5, pa.table({"lead_id": ["bob"]}), store.identities.erased_now()
    )
    assert columns.as_of("stays", "b2b") == 5
    assert not columns.keep("stays", "b2b", 6, pa.table({"lead_id": ["ann"]}), before)
    assert columns.as_of("stays", "b2b") == 5  # what others have counted since stays
    assert columns.taken_at("stays", "b2b") is None


def test_an_erasure_while_it_is_kept(store, monkeypatch):
    """An erasure that begins just then waits, and takes the table along."""
    columns = KeptColumns(store.database)
    store.ingest([arrival(1, "ann"), arrival(2, "bob")])
    before = store.identities.erased_now()
    with ThreadPoolExecutor(1) as pool:
        erasing: list[Future[Erasure]] = []

        def looked(connection):
            count = erased_by_now(connection)
            if not erasing:
                erasing.append(pool.submit(Privacy(store.database).erase, "ann", 10))
                wait(erasing, 0.5)
            return count

        monkeypatch.setattr(module, "erased_by_now", looked)
        assert columns.keep("stays", "b2b", 5, pa.table({"lead_id": ["ann", "bob"]}), before)
        erasing[0].result(20)
    assert columns.newest("stays", "b2b") is None


def test_two_note_at_once_that_it_is_gone(database):
    """Neither fails: what one has noted is noted."""

    def note(at: int) -> None:
        with database.writing() as connection:
            note_taken(connection, "stays", "b2b", at)

    with ThreadPoolExecutor(1) as pool:
        with database.writing() as connection:
            note_taken(connection, "stays", "b2b", 5)
            other = pool.submit(note, 6)
            wait([other], 0.1)
        other.result(20)
    assert KeptColumns(database).taken_at("stays", "b2b") == 5
