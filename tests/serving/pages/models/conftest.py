"""A service whose folder may be changed, and a bundle to speak of."""

from __future__ import annotations

import shutil

import pytest

from models.bundle import load_bundle
from serving.process.service import Service
from serving.settings import Settings


@pytest.fixture(scope="session")
def fitted(folder):
    """The bundle that the services here have."""
    return load_bundle(folder / "fitted")


@pytest.fixture
def own(folder, url, tmp_path):
    """A service that may let its folder be changed."""
    bundle = shutil.copytree(folder / "fitted", tmp_path / "bundle")
    service = Service.open(Settings(url, bundle))
    yield service
    service.close()
