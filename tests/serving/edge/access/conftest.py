"""An app in a folder of its own, and its clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from tests.serving.callers import Clock, running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(tmp_path, clock) -> Iterator[FastAPI]:
    with running(tmp_path, clock) as found:
        yield found
