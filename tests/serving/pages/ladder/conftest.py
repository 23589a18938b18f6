"""Two counted stores, made once, and services on them."""

from __future__ import annotations

import pytest

from tests.serving.pages.ladder.scene import app_of, asked, make_many, make_some
from tests.sharing import made_once


@pytest.fixture(scope="session")
def some_folder(tmp_path_factory):
    return made_once(tmp_path_factory, "ladder-some", make_some)


@pytest.fixture(scope="session")
def many_folder(tmp_path_factory):
    return made_once(tmp_path_factory, "ladder-many", make_many)


@pytest.fixture(scope="session")
def some(some_folder):
    """A client of a service on some leads with names."""
    with asked(app_of(some_folder)) as client:
        yield client


@pytest.fixture(scope="session")
def many(many_folder):
    """A client of a service on many leads with a planted cause."""
    with asked(app_of(many_folder)) as client:
        yield client
