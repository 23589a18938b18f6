"""A service that takes events, for the tests of one file together."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from features.ladder.file import read_ladder
from tests.serving.ingestion.ingesting import Ingesting, ingesting


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingesting]:
    with ingesting(tmp_path_factory.mktemp("ingesting"), read_ladder("b2b")) as running:
        yield running


@pytest.fixture
def client(service: Ingesting) -> TestClient:
    return service.client
