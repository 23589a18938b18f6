"""Values under keys: the last one stays."""

from __future__ import annotations

from features.store.kept.meta import held_meta, set_meta


def test_meta(database):
    """The last value of a key is kept; a key that nobody has set has none."""
    with database.writing() as connection:
        set_meta(connection, "colour", "red")
        set_meta(connection, "colour", "blue")
        assert held_meta(connection, "colour") == "blue"
        assert held_meta(connection, "size") is None
