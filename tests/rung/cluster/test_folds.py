"""Signals and scores of parts: those of one machine, bit for bit."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest

from features.clock import microseconds, when
from features.errors import BundleError, EventsError
from models.bundle import load_bundle
from rung.cluster.folds import SharedBundle, score, write_snapshots
from tests.rung.cluster.scene import Here, bits, together
from tests.rung.scene import done


@pytest.fixture(scope="module")
def early(simulation):
    """An instant before many leads were known: one part may have none."""
    return sorted(simulation.events["known_at"])[3].to_pydatetime()


def test_before_anything_was_known(parts, b2b, tmp_path):
    """Where no lead is known yet nothing is written, as on one machine."""
    with pytest.raises(EventsError, match="there is no event in it by then"):
        write_snapshots(Here(), parts, b2b, when(0), 2**62, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("at", ["end", "early"])
def test_snapshot(parts, events_file, simulation, early, b2b, tmp_path, at):
    """`rung features` in one file says the same of every lead."""
    as_of = early if at == "early" else simulation.end
    one = tmp_path / "one.parquet"
    done("features", events_file, "--ladder", "b2b", "--as-of", as_of.isoformat(), "--out", one)
    present = microseconds(simulation.end) + 1
    wrote = write_snapshots(Here(), parts, b2b, as_of, present, tmp_path / "out")
    assert bits(together(tmp_path / "out")) == bits(pd.read_parquet(one))
    assert wrote.leads == len(pd.read_parquet(one))
    known = simulation.events["known_at"]
    assert wrote.newest == microseconds(known[known <= as_of].max().to_pydatetime())


@pytest.mark.parametrize("at", ["end", "early"])
def test_score(parts, events_file, simulation, early, bundle_folder, tmp_path, at):
    """`rung score` in one file says the same of every lead, its rank among all as well.

    So it is within other days, and of the purchases to be expected.
    """
    as_of = early if at == "early" else simulation.end
    one = tmp_path / "one.parquet"
    arguments = ("--bundle", bundle_folder, "--as-of", as_of.isoformat(), "--out", one)
    days = ("--horizon-days", 7, "--horizon-days", 30)
    told = done("score", events_file, *arguments, *days, "--json").json
    served = SharedBundle(bundle_folder, load_bundle(bundle_folder).hash)
    present = microseconds(simulation.end) + 1
    scored = score(Here(), parts, served, as_of, present, tmp_path / "out", [7.0, 30.0])
    found, expected = together(tmp_path / "out"), pd.read_parquet(one)
    assert found["purchase_within_7_days"].notna().any()
    assert scored.leads == told["leads"]
    known = simulation.events["known_at"]
    assert scored.newest == microseconds(known[known <= as_of].max().to_pydatetime())
    assert {f"{days:g}": count for days, count in scored.purchases.items()} == told["purchases"]
    assert found["rank_pct"].notna().any()
    apart = ["scored_at"]  # one was scored at another moment
    assert bits(found.drop(columns=apart)) == bits(expected.drop(columns=apart))


def test_another_bundle(parts, bundle_folder, simulation, tmp_path):
    """A bundle that was replaced meanwhile is not scored with; nothing is written."""
    copied = tmp_path / "bundle"
    shutil.copytree(bundle_folder, copied)
    served = SharedBundle(copied, "0" * 64)
    with pytest.raises(BundleError, match="another one than when this began"):
        score(Here(), parts, served, simulation.end, 2**62, tmp_path / "out")
    assert not (tmp_path / "out").exists()
