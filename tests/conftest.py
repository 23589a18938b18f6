"""What many tests need: databases of both kinds, a simulated log, a bundle trained on it."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.profiles import load_profile
from tests.sharing import made_once

if TYPE_CHECKING:  # fixtures import what they need: the process that hands out tests needs nothing
    from features.events.log import EventLog
    from features.ladder.ladder import Ladder
    from features.store.database import Database
    from features.store.events import EventStore
    from models.bundle import Bundle
    from tests.databases import Server
    from training.simulation.world import Simulation

load_profile()
# As `rung` does: tests run side by side, and LightGBM's threads would wait for each other awake.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
# For the same reason: a second thread of OpenBLAS waits awake, and its matrices are small here.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_configure() -> None:
    """Before anything is compiled, as some modules of tests do when they are imported."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        from tests.sharing import compile_once

        compile_once()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays: to look for garbage in it would take a fifth of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.fixture(scope="session")
def b2b() -> Ladder:
    from features.ladder.file import read_ladder

    return read_ladder("b2b")


@pytest.fixture(scope="session")
def simulation(b2b: Ladder) -> Simulation:
    from training.simulation.config import SimulationConfig
    from training.simulation.world import simulate

    return simulate(b2b, SimulationConfig(leads=300, days=250))


@pytest.fixture(scope="session")
def events_file(simulation: Simulation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The events of the simulation as Parquet."""

    def make(folder: Path) -> None:
        simulation.events.to_parquet(folder / "events.parquet", index=False)

    return made_once(tmp_path_factory, "simulated", make) / "events.parquet"


@pytest.fixture(scope="session")
def simulated_log(events_file: Path, b2b: Ladder) -> EventLog:
    """The same events, read back."""
    from features.reading import read_events

    return read_events(events_file, b2b)[0]


@pytest.fixture(scope="session")
def trained_until(simulation: Simulation) -> datetime:
    """Where training ends: sixty days before the log does."""
    return simulation.end - timedelta(days=60)


@pytest.fixture(scope="session")
def trained_and_saved(
    simulated_log: EventLog,
    b2b: Ladder,
    trained_until: datetime,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Bundle, Path]:
    """A bundle as it was trained, not loaded, and where it was saved."""
    folder = tmp_path_factory.mktemp("trained") / "bundle"
    return _saved(simulated_log, b2b, trained_until, folder), folder


def _saved(log: EventLog, ladder: Ladder, until: datetime, folder: Path) -> Bundle:
    from features.clock import microseconds
    from models.bundle import save_bundle
    from training.pipeline import train

    return save_bundle(train(log, ladder, until=microseconds(until)), folder)


@pytest.fixture(scope="session")
def trained(bundle_folder: Path) -> Bundle:
    """A bundle with a model for the next step and rates for the purchase, loaded."""
    from models.bundle import load_bundle

    return load_bundle(bundle_folder)


@pytest.fixture(scope="session")
def bundle_folder(
    simulated_log: EventLog,
    b2b: Ladder,
    trained_until: datetime,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Where `trained` lies; trained once for all processes."""

    def make(folder: Path) -> None:
        _saved(simulated_log, b2b, trained_until, folder / "bundle")

    return made_once(tmp_path_factory, "trained", make) / "bundle"


# --------------------------------------------------------------------------------------- databases


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server that runs while the tests do."""
    from tests.databases import Server, started_server

    with started_server() as started:
        server = Server(started.get_uri())
        yield server
        # Nobody reads its files again, and to bring them to the disk would take ten seconds.
        server.run("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")


@pytest.fixture
def postgresql_url(postgresql: Server, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty database of that server; with `database`, of one that has its tables."""
    if "database" in request.fixturenames:
        with postgresql.lent() as url:
            yield url
    else:
        yield postgresql.empty()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each kind in turn.

    Where a test asks for `database` as well, the tables are there already.
    """
    if request.param == "sqlite":
        path = tmp_path / "rung.db"
        if "database" in request.fixturenames:
            from tests.databases import with_tables

            with_tables(path)
        return f"sqlite:///{path}"
    url: str = request.getfixturevalue("postgresql_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database of each kind with all tables and nothing in them."""
    from features.store.migrations import open_database

    with open_database(database_url) as opened:
        yield opened


@pytest.fixture
def store(database: Database) -> EventStore:
    """A store on `database`."""
    from features.store.events import EventStore

    return EventStore(database)
