"""The small world of `tests.training.scores.scene`, part by part."""

import pytest

from tests.training.scores.scene import small_world


@pytest.fixture
def log():
    return small_world()[0]


@pytest.fixture
def bundle():
    return small_world()[1]


@pytest.fixture
def judged():
    return small_world()[2]
