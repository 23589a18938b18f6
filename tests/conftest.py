"""One simulated log and the bundle trained on its first part, for the tests that need a model."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from features.clock import microseconds
from features.event_files import read_events
from features.event_log import EventLog
from features.ladder import Ladder
from features.ladder_file import read_ladder
from models.bundle import Bundle, save_bundle
from training.pipeline import train
from training.simulate import Simulation, SimulationConfig, simulate


@pytest.fixture(scope="session")
def b2b() -> Ladder:
    return read_ladder("b2b")


@pytest.fixture(scope="session")
def simulation(b2b: Ladder) -> Simulation:
    return simulate(b2b, SimulationConfig(leads=300, days=250))


@pytest.fixture(scope="session")
def events_file(simulation: Simulation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The events of the simulation as Parquet."""
    path = tmp_path_factory.mktemp("simulated") / "events.parquet"
    simulation.events.to_parquet(path, index=False)
    return path


@pytest.fixture(scope="session")
def simulated_log(events_file: Path, b2b: Ladder) -> EventLog:
    """The same events, read back."""
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
    bundle = train(simulated_log, b2b, until=microseconds(trained_until))
    return save_bundle(bundle, folder), folder


@pytest.fixture(scope="session")
def trained(trained_and_saved: tuple[Bundle, Path]) -> Bundle:
    """A bundle with a model for the next step and rates for the purchase."""
    return trained_and_saved[0]


@pytest.fixture(scope="session")
def bundle_folder(trained_and_saved: tuple[Bundle, Path]) -> Path:
    """Where `trained` lies."""
    return trained_and_saved[1]
