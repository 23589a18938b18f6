"""The simulation that the tests of its parts share."""

from __future__ import annotations

import pytest

from features.ladder.ladder import Ladder
from tests.training.simulation.scene import DRAWN
from training.simulation.world import Simulation, simulate


@pytest.fixture(scope="package")
def world(b2b: Ladder) -> Simulation:
    return simulate(b2b, DRAWN)
