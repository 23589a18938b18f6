"""The [import] table: what it may say, and how it is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from features.errors import LadderError
from features.ladder.file import parse_ladder, read_ladder
from features.ladder.source import ImportColumns, import_columns

TABLE = """
[import]
lead = ["user", "device"]
anonymous_id = "device"
event = "kind"
names = {"Order placed" = "order_placed"}
occurred_at = "at"
known_at = "seen_at"
message_id = "id"
unit = "ms"
since = 2026-01-01T00:00:00Z
properties = {amount = "payload.sum"}
"""


def test_every_key(tmp_path):
    """Every key is read."""
    (tmp_path / "x.toml").write_text(TABLE)
    found, text = import_columns(tmp_path / "x.toml")
    assert text == TABLE
    assert found == ImportColumns(
        lead=("user", "device"),
        anonymous_id=("device",),
        event="kind",
        names=(("Order placed", "order_placed"),),
        occurred_at="at",
        known_at="seen_at",
        message_id="id",
        unit="ms",
        since=datetime(2026, 1, 1, tzinfo=UTC),
        properties=(("amount", "payload.sum"),),
    )


@pytest.mark.parametrize(
    ("table", "mistake"),
    [
        ("[import]", "import.lead: is missing"),
        ("[import]\nlead = 3", "import.lead: must be a column, or a list of columns"),
        ("[import]\nlead = []", "import.lead: must be a column, or a list of columns"),
        ('[import]\nlead = "a"', "import.occurred_at: is missing"),
        ('[import]\nlead = "a"\noccurred_at = "b"', "import.event: is missing"),
        ('[import]\nnames = {a = "b"}\nalways = "x"', "import.names: is not read without event"),
        ('[import]\nunit = "weeks"', "import.unit: cannot be 'weeks'"),
        ("[import]\nsince = 2026-01-01T00:00:00Z", "import.since: is not read where unit is"),
        ('[import]\nproperties = {a = ""}', "import.properties.a: is empty"),
        ('[import]\nleed = "a"', "import.leed: is not a key; did you mean 'lead'"),
    ],
)
def test_mistakes(table, mistake):
    """Each mistake is named at its place, in a ladder as in a file of its own."""
    with pytest.raises(LadderError) as refused:
        parse_ladder(read_ladder("b2c").source + table)
    assert mistake in str(refused.value)


def test_it_is_no_part_of_what_is_learned():
    """How a log is laid out changes no score: the fingerprint stays."""
    plain = read_ladder("b2c")
    mapped = parse_ladder(plain.source + TABLE)
    assert mapped.imports is not None
    assert plain.imports is None
    assert mapped.fingerprint == plain.fingerprint


def test_a_file_without_the_table(tmp_path):
    """The table is asked for; a file that cannot be read is named."""
    (tmp_path / "x.toml").write_text("a = 1")
    with pytest.raises(LadderError, match=r"import: is missing"):
        import_columns(tmp_path / "x.toml")
    with pytest.raises(LadderError, match=r"none\.toml: cannot be read: No such file or directory"):
        import_columns(tmp_path / "none.toml")


def test_the_text_can_stand_in_a_draft(tmp_path):
    """It has no byte order mark, and no table that the draft has itself."""
    (tmp_path / "x.toml").write_text(TABLE, encoding="utf-8-sig")
    assert import_columns(tmp_path / "x.toml")[1] == TABLE
    (tmp_path / "x.toml").write_text(read_ladder("b2c").source + TABLE)
    with pytest.raises(LadderError, match=r"ladder: is not read here \(a file of columns has an"):
        import_columns(tmp_path / "x.toml")
