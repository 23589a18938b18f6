"""A service on a store that is not as it should be when it starts."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from features.store.connecting.engines import new_engine
from features.store.events import EventStore
from features.store.kept.meta import why_not_writable
from serving.process.service import Service
from serving.settings import Settings
from tests.serving import world


@pytest.fixture
def read_only(postgresql_url):
    """The URL of a store that only reads, as after a failover."""
    with EventStore.open(postgresql_url) as store:
        store.append_events([world.event("ann", "page_viewed", world.now())])
    _let(postgresql_url, "on")
    return postgresql_url


def _let(url: str, value: str) -> None:
    engine = new_engine(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SET default_transaction_read_only = off")
        connection.exec_driver_sql(
            f'ALTER DATABASE "{engine.url.database}" SET default_transaction_read_only = {value}'
        )
    engine.dispose()


def test_it_starts_while_the_store_only_reads(read_only, folder, caplog):
    """It says so, scores what is asked for, and is as usual once the store can be written."""
    service = Service.open(Settings(read_only, folder / "rates"))
    try:
        assert "the store cannot be written" in [one.message for one in caplog.records]
        assert service.scorer.score("ann")["lead_id"] == "ann"
        assert "read" in why_not_writable(service.store.database)
        _let(read_only, "off")
        service.store.database.engine.dispose()
        assert service.refresh()
        assert why_not_writable(service.store.database) == ""
        with service.store.database.reading() as connection:
            assert connection.scalar(sa.text("SELECT count(*) FROM champions")) == 1
    finally:
        service.close()
