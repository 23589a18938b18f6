"""What becomes of a store of an older version before it is brought up to date: that may not be.

Processes of that version may have it open, and could not use it any more.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from features.errors import StoreError
from features.store.connecting.outages import shown

__all__ = ["WhenOlder", "keep_as_it_is"]

WhenOlder = Callable[[sa.Connection, str], None]
"""Told of a store of an older version, and of what is the matter; StoreError keeps it as it is."""


def keep_as_it_is(connection: sa.Connection, what: str) -> None:
    """Leave it to whoever starts a service, or imports; StoreError."""
    raise StoreError(
        f"{shown(connection.engine.url)}: {what}, and only `rung serve`, `rung work` and `rung"
        " import` bring a store up to date: make a backup, stop all processes of the older version,"
        " and start one of these; or use the version of Rung that wrote it"
    )
