"""What several verbs are tested on: a report, a small log, a log of drawn offers, a store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from tests.rung.scene import Drawn, Said, done, jsonl, page
from training.simulation.world import SimulationConfig, simulate


@pytest.fixture(scope="session")
def end(simulation) -> str:
    return str(simulation.end.isoformat())


@pytest.fixture(scope="session")
def report(bundle_folder, events_file, tmp_path_factory) -> tuple[Path, Said]:
    """The folder that `rung evaluate --report` wrote, and what it printed."""
    folder = tmp_path_factory.mktemp("evaluated") / "report"
    said = done(
        *("evaluate", events_file, "--ladder", "b2b", "--bundle", bundle_folder),
        *("--report", folder, "--json"),
    )
    return folder, said


@pytest.fixture(scope="session")
def one_lead(tmp_path_factory) -> Path:
    """A lead that looks at a page a week for half a year."""
    days = pd.date_range("2026-01-05", periods=26, freq="7D").strftime("%Y-%m-%d")
    return jsonl(tmp_path_factory.mktemp("one") / "one.jsonl", *(page(day) for day in days))


@pytest.fixture(scope="session")
def drawn(b2b, tmp_path_factory) -> Drawn:
    folder = tmp_path_factory.mktemp("drawn")
    start = datetime(2025, 1, 6, tzinfo=UTC)
    config = SimulationConfig(
        leads=400, days=400, arrive_days=300, start=start, drawn=True, match_sd=0.4
    )
    simulation = simulate(b2b, config)
    events, bundle = folder / "events.parquet", folder / "bundle"
    simulation.events.to_parquet(events, index=False)
    split = simulation.end - timedelta(days=200)
    said = done(
        *("train", events, "--ladder", "b2b", "--out", bundle, "--until", split.isoformat())
    )
    return Drawn(events, bundle, said)


@pytest.fixture(scope="session")
def policy_report(drawn, tmp_path_factory) -> tuple[Path, Said]:
    """The folder that `rung policy evaluate --report` wrote, and what it printed."""
    folder = tmp_path_factory.mktemp("judged") / "report"
    rest = ("--bundle", drawn.bundle, "--report", folder)
    return folder, done("policy", "evaluate", drawn.events, *rest)


@pytest.fixture
def key_store(tmp_path) -> str:
    return f"sqlite:///{tmp_path / 'keys.db'}"
