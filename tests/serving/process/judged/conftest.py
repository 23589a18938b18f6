"""A service on a bundle of its own, without its background work."""

from __future__ import annotations

import shutil

import pytest

from serving.process.service import Service
from serving.settings import Settings


@pytest.fixture
def own(folder, url, tmp_path):
    """A service that may let its folder be changed."""
    bundle = shutil.copytree(folder / "rates", tmp_path / "bundle")
    service = Service.open(Settings(url, bundle))
    yield service
    service.close()


@pytest.fixture
def bare(url, tmp_path):
    """A service without a model."""
    service = Service.open(Settings(url, tmp_path / "none"))
    yield service
    service.close()
