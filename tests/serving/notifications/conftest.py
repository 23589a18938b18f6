"""Notifications to send, in a database of their own."""

from __future__ import annotations

import pytest

from tests.serving.notifications.receiver import World


@pytest.fixture
def world(database):
    return World(database)
