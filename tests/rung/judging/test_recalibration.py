"""`rung recalibrate`: from files and from a store, the same moves."""

from __future__ import annotations

import json
from typing import Any

import pytest

import rung
from features.store.events import EventStore
from models.bundle import load_bundle


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A simulated log, and a bundle that was trained on its first half."""
    from features.ladder.file import read_ladder
    from training.simulation.config import SimulationConfig
    from training.simulation.world import simulate

    folder = tmp_path_factory.mktemp("recalibrated")
    config = SimulationConfig(leads=300, days=160, seed=5)
    simulate(read_ladder("b2b"), config).events.to_parquet(folder / "events.parquet")
    command = ["train", str(folder / "events.parquet"), "--ladder", "b2b"]
    until = ["--until", "2026-03-20T00:00:00Z"]
    assert rung.main([*command, "--out", str(folder / "bundle"), *until]) == 0
    return folder


def told(capsys, *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert rung.main([*arguments, "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_a_store_gives_the_moves_that_files_give(trained, capsys, tmp_path):
    """And keeps them: a second run adds nothing."""
    events, bundle = str(trained / "events.parquet"), ["--bundle", str(trained / "bundle")]
    of_files = told(capsys, "recalibrate", events, *bundle)
    assert of_files["added"] is None
    assert min(len(of) for of in of_files["goals"].values()) > 5
    url = f"sqlite:///{tmp_path / 'rung.db'}"
    assert rung.main(["import", events, "--ladder", "b2b", "--store", url]) == 0
    of_store = told(capsys, "recalibrate", url, *bundle)
    assert of_store["goals"] == of_files["goals"]
    count = sum(len(of) for of in of_files["goals"].values())
    assert of_store["added"] == count
    assert told(capsys, "recalibrate", url, *bundle)["added"] == 0
    with EventStore.open(url) as store:
        assert len(store.recalibrations.of(load_bundle(trained / "bundle").hash)) == count


def test_by_an_earlier_instant(trained, capsys):
    """What was known by then: the first of the moves."""
    arguments = [str(trained / "events.parquet"), "--bundle", str(trained / "bundle")]
    whole = told(capsys, "recalibrate", *arguments)["goals"]
    some = told(capsys, "recalibrate", *arguments, "--until", "2026-05-01T00:00:00Z")["goals"]
    for goal, moves in some.items():
        assert moves == [one for one in whole[goal] if one["known_at"] <= "2026-05-01T00:00:00Z"]
        assert 0 < len(moves) < len(whole[goal])


def test_in_words_and_as_a_picture(trained, capsys, tmp_path):
    """What happened to typical odds, and a plot of it over time."""
    arguments = [str(trained / "events.parquet"), "--bundle", str(trained / "bundle")]
    plot = tmp_path / "moves.svg"
    assert rung.main(["recalibrate", *arguments, "--plot", str(plot)]) == 0
    said = capsys.readouterr().out
    assert "advancement: by " in said
    assert "typical odds times " in said
    assert plot.read_text().startswith("<?xml")


def test_what_is_missing_is_said(trained, capsys):
    """Neither a log nor a bundle, named or in the environment."""
    assert rung.main(["recalibrate"]) == 1
    assert "no log is named, and RUNG_DATABASE_URL is not set" in capsys.readouterr().err
    assert rung.main(["recalibrate", str(trained / "events.parquet")]) == 1
    assert "no bundle is named, and RUNG_BUNDLE is not set" in capsys.readouterr().err


def test_nothing_is_known_yet(trained, capsys):
    """Before an outcome is known that the bundle has not learned from, that is said."""
    arguments = [str(trained / "events.parquet"), "--bundle", str(trained / "bundle")]
    until = ["--until", "2026-03-20T00:00:00Z"]
    assert rung.main(["recalibrate", *arguments, *until]) == 0
    assert capsys.readouterr().out.count("no outcome is known yet") == 2
