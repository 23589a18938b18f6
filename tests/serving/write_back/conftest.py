from __future__ import annotations

from collections.abc import Iterator

import pytest

from features.store.database import Database
from tests.serving.write_back.fakes import Fake, FakeHubSpot, running
from tests.serving.write_back.scene import Scene, target_of


@pytest.fixture
def hubspot() -> Iterator[Fake]:
    with running(FakeHubSpot()) as fake:
        yield fake


@pytest.fixture
def scene(database: Database, hubspot: Fake) -> Scene:
    """HubSpot, which knows our leads by our id, and a database of each kind in turn."""
    return Scene(database, hubspot, target_of("hubspot", hubspot.url))
