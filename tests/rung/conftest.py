"""What several verbs are tested on: a report, a small log, a log of drawn offers, a store."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from rung import command
from rung.call import printing
from tests.documented import undocumented
from tests.rung.scene import Drawn, Said, done, jsonl, page
from tests.sharing import made_once
from training.simulation.world import SimulationConfig, simulate


@pytest.fixture(scope="session", autouse=True)
def json_is_as_documented() -> Iterator[None]:
    """Whatever JSON a verb prints in a test has the members that docs/json.md names."""
    said: list[list[str]] = []
    run = command._run

    def noted(arguments: Sequence[str] | None) -> int:
        said.append(list(arguments or ()))
        return run(arguments)

    def dumps(value: Any, **how: Any) -> str:
        text = json.dumps(value, **how)
        assert undocumented(said[-1], json.loads(text)) == ""
        return text

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "_run", noted)
        patch.setattr(printing, "json", SimpleNamespace(dumps=dumps))
        yield


@pytest.fixture(scope="session")
def end(simulation) -> str:
    return str(simulation.end.isoformat())


@pytest.fixture(scope="session")
def report(bundle_folder, events_file, tmp_path_factory) -> tuple[Path, Said]:
    """The folder that `rung evaluate --report` wrote, and what it printed."""

    def make(folder: Path) -> None:
        asked = ("evaluate", events_file, "--ladder", "b2b", "--bundle", bundle_folder)
        keep(folder, done(*asked, "--report", folder / "report", "--json"))

    folder = made_once(tmp_path_factory, "evaluated", make)
    return folder / "report", kept(folder)


def keep(folder: Path, said: Said) -> None:
    """Keep what was printed, for the other processes."""
    (folder / "said.json").write_text(json.dumps(said))


def kept(folder: Path) -> Said:
    return Said(*json.loads((folder / "said.json").read_text()))


@pytest.fixture(scope="session")
def one_lead(tmp_path_factory) -> Path:
    """A lead that looks at a page a week for half a year."""
    days = pd.date_range("2026-01-05", periods=26, freq="7D").strftime("%Y-%m-%d")
    return jsonl(tmp_path_factory.mktemp("one") / "one.jsonl", *(page(day) for day in days))


@pytest.fixture(scope="session")
def drawn(b2b, tmp_path_factory) -> Drawn:
    def make(folder: Path) -> None:
        start = datetime(2025, 1, 6, tzinfo=UTC)
        config = SimulationConfig(
            leads=400, days=400, arrive_days=300, start=start, drawn=True, match_sd=0.4
        )
        simulation = simulate(b2b, config)
        events = folder / "events.parquet"
        simulation.events.to_parquet(events, index=False)
        split = (simulation.end - timedelta(days=200)).isoformat()
        asked = ("train", events, "--ladder", "b2b", "--out", folder / "bundle", "--until", split)
        keep(folder, done(*asked))

    folder = made_once(tmp_path_factory, "drawn", make)
    return Drawn(folder / "events.parquet", folder / "bundle", kept(folder))


@pytest.fixture(scope="session")
def policy_report(drawn, tmp_path_factory) -> tuple[Path, Said]:
    """The folder that `rung policy evaluate --report` wrote, and what it printed."""

    def make(folder: Path) -> None:
        rest = ("--bundle", drawn.bundle, "--report", folder / "report")
        keep(folder, done("policy", "evaluate", drawn.events, *rest))

    folder = made_once(tmp_path_factory, "judged", make)
    return folder / "report", kept(folder)


@pytest.fixture
def key_store(tmp_path) -> str:
    return f"sqlite:///{tmp_path / 'keys.db'}"
