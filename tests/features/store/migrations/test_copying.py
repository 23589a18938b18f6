"""A store that is moved is the same afterwards, and nobody who opted out is lost on the way."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from features.errors import StoreError
from features.store.arrivals import Arrival
from features.store.events import EventStore
from features.store.migrations.copying import copy_store
from features.store.privacy import Privacy
from features.store.schema import METADATA, leases

TEXT = "Ünï “☃” \U0001f98a, 'quoted'\nline"


def quiet(_: str) -> None:
    pass


def rows(store: EventStore) -> dict[str, set[tuple[object, ...]]]:
    with store.database.reading() as connection:
        return {
            table.name: set(map(tuple, connection.execute(sa.select(table))))
            for table in METADATA.sorted_tables
            if table is not leases
        }


@pytest.fixture
def source(tmp_path):
    """A store with some of everything that is about people."""
    with EventStore.open(tmp_path / "source.db") as store:
        many = [
            Arrival(f"m{at}", f"lead-{at % 40}", "view", at, at + 7, f'{{"n": {at}}}')
            for at in range(2500)
        ]
        said = Arrival("t", "ann", "identify", 5, 9, f'{{"name": "{TEXT[:9]}"}}', "visitor-1")
        store.ingest([*many, said])
        privacy = Privacy(store.database)
        privacy.opt_out(["lead-1"], 10, reason=TEXT)
        privacy.erase("lead-2", 11, is_suppressed=True)
        yield store


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request, tmp_path):
    url = tmp_path / "target.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_url")
    with EventStore.open(url) as store:
        yield store


def test_all_of_it(source, target):
    """Every row of every table; the copy goes on as the store would have."""
    copied = copy_store(source.database, target.database, quiet)
    assert rows(target) == rows(source)
    assert copied["events"] == source.count() > 2000
    assert copied["opt_outs"] == 1
    with target.database.reading() as connection:
        assert target.identities.leads_of(connection, ["visitor-1"]) == {"visitor-1": "ann"}
    came_back = [Arrival("x", "lead-2", "view", 20, 20), Arrival("m3", "lead-3", "view", 3, 10)]
    for store in (source, target):
        store.ingest(came_back)
    assert rows(target)["events"] == rows(source)["events"], "suppressed, and each id once"


def test_not_over_something(source, target):
    """What is there already stays as it is."""
    Privacy(target.database).opt_out(["bob"], 10)
    before = rows(target)
    with pytest.raises(StoreError, match=r"holds something already \(opt_outs\)"):
        copy_store(source.database, target.database, quiet)
    assert rows(target) == before


def test_all_or_nothing(source, target):
    """Where it breaks off there is not half a store."""
    before = rows(target)

    def broken(said: str) -> None:
        if "suppressions" in said:
            raise OSError("the terminal is gone")

    with pytest.raises(OSError, match="gone"):
        copy_store(source.database, target.database, broken)
    assert rows(target) == before
