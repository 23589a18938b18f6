"""Whatever the order, the crashes and the clocks: nothing is lost, doubled, set back or stuck."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from models.bundle import load_bundle
from tests.databases import with_tables
from tests.proofs import size, tell
from tests.serving.live.schedules.schedule import Schedule
from tests.serving.live.schedules.world import World

SEED = os.environ.get("PROOF_SCHEDULE", "")
"""A seed to replay."""
SCHEDULES = int(os.environ.get("PROOF_SCHEDULES", "0")) or size(part=10_000, full=1_000_000)
_PARTS = 4
_MEMORY = Path("/dev/shm")  # noqa: S108 each world makes a folder of its own there


@pytest.mark.slow
@pytest.mark.parametrize("part", range(1 if SEED else _PARTS))
def test_schedules(folder, part):
    """A seed that fails is printed: PROOF_SCHEDULE replays it."""
    bundle = load_bundle(folder / "rates")
    where = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="rung-", dir=where) as name:
        world = World(with_tables(Path(name) / "rung.db"), bundle)
        seeds = [int(SEED)] if SEED else range(part, SCHEDULES, _PARTS)
        try:
            for seed in seeds:
                Schedule(world, seed).run()
        finally:
            world.close()
    tell(
        f"schedules of ingest, scoring and delivery, from seed {seeds[0]}", 0, "0 fail", len(seeds)
    )
