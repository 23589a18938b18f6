"""A store in which things were tried, and reports as a worker keeps them."""

from __future__ import annotations

import shutil

import pytest

from features.store.events import EventStore
from serving.process.service import Service
from serving.settings import Settings
from tests.serving import world
from tests.serving.pages.experiments import scene


@pytest.fixture(scope="module")
def now() -> int:
    return world.now()


@pytest.fixture(scope="module")
def tools(tmp_path_factory, now):
    """A store with one experiment, judged: the second way surely helps."""
    url = f"sqlite:///{tmp_path_factory.mktemp('tools') / 'events.db'}"
    with EventStore.open(url) as store:
        scene.tried(store, now)
        scene.judged(store, scene.B2B, scene.TOOLS, now)
        scene.by_lot(store, now)
        yield store


@pytest.fixture
def own(folder, url, tmp_path):
    """A service that may let its folder be changed."""
    bundle = shutil.copytree(folder / "rates", tmp_path / "bundle")
    service = Service.open(Settings(url, bundle))
    yield service
    service.close()
