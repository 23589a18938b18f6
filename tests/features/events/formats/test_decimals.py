"""Numbers that are written with a comma: none is read as another number than it is."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet
import pytest

from features.errors import EventsError
from features.reading import read_in_tables, read_table
from tests.features.events.scene import NEEDS, as_csv, as_jsonl, event, read, write

COMMAS = [
    (["1.234", "1.234,50"], "e.csv:3: minutes = '1.234,50'"),
    (["1.234,50", "1.234"], "e.csv:2: minutes = '1.234,50'"),
    (["1.234", "2", "12,5"], "e.csv:4: minutes = '12,5'"),
    (["12.345", "0,125"], "minutes = '0,125'"),
    (["1.234", "1.234.567"], "minutes = '1.234.567'"),
    (["1.234", "7", "0,50", "1,23"], "minutes = '0,50'"),
]
POINTS = [
    (["1.234", "1.5"], 2),
    (["1.234", "2", "7"], 3),  # nothing says otherwise: a point is a decimal one
    (["1.234", "1,234"], 1),  # of that nobody knows, and it is no number
    (["1.234", "1.25", "12,5"], 2),  # 1.25 is no thousand
    (["12,5", "1.234", ".5"], 2),
    (["1.234", "0.123", "1.234,50"], 2),
    (["1.234", "1234.567", "12,5"], 2),
    (["7", "12,5"], 1),
    (["1.234", "12,5,5", "a few"], 1),
]


def rows(values: Sequence[str | None]) -> list[dict[str, object]]:
    return [event(lead_id=f"lead-{at}", minutes=value) for at, value in enumerate(values)]


@pytest.mark.parametrize(("values", "said"), COMMAS)
def test_a_point_that_may_part_thousands_is_not_read(tmp_path, values, said):
    """Whichever comes first; the message says where both stand, and what would be right."""
    file = write(tmp_path / "e.csv", as_csv(rows(values)))
    with pytest.raises(EventsError) as refused:
        read(file)
    assert said in str(refused.value)
    assert "would be read as 1" in str(refused.value)
    assert "write numbers as 1234.5" in str(refused.value)


@pytest.mark.parametrize(("values", "accepted"), POINTS)
def test_a_point_is_a_decimal_one(tmp_path, values, accepted):
    """Where a column shows that it is, or nothing shows the reverse; a comma is a bad row."""
    log, report = read(write(tmp_path / "e.csv", as_csv(rows(values))))
    assert (len(log), report.rows) == (accepted, len(values))


def test_a_column_of_several_files(tmp_path):
    """What one of them shows holds for all; another column is nobody's business."""
    write(tmp_path / "1.csv", as_csv(rows(["1.234"])))
    write(tmp_path / "2.csv", as_csv([event(watched_fraction="0,5")]))
    assert len(read(tmp_path)[0]) == 1
    write(tmp_path / "3.csv", as_csv(rows(["1.234,50"])))
    with pytest.raises(EventsError, match=r"3\.csv:2: minutes = .*1\.csv:2"):
        read(tmp_path)


def test_texts_of_other_formats(tmp_path):
    """Numbers in texts are read alike wherever they stand; numbers are what they are."""
    values = ["1.234", None, "1.234,50"]
    with pytest.raises(EventsError, match=r"e\.jsonl:3"):
        read(write(tmp_path / "e.jsonl", as_jsonl(rows(values))))
    columns = {key: [value] * 3 for key, value in event().items()} | {"minutes": values}
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "e.parquet")
    with pytest.raises(EventsError, match=r"e\.parquet:3"):
        read(tmp_path / "e.parquet")
    numbers = as_jsonl([event(minutes=1.234), event(minutes="1.234,50")])
    assert len(read(write(tmp_path / "n.jsonl", numbers))[0]) == 1


def test_a_file_that_is_read_in_parts(tmp_path):
    file = write(tmp_path / "e.csv", as_csv(rows(["1.234", "1.234,50"])))
    parts = read_in_tables(
        file, 1, needs=NEEDS, names=None, assume_timezone=None, layout=None, rejects=None
    )
    with pytest.raises(EventsError, match="would be read as 1"):
        list(parts)


@pytest.mark.parametrize(
    ("values", "is_refused"),
    [
        (["1.234", "1.234,50"], True),
        (["1.234.567,5", "7", "1.234"], True),
        (["1.234", "1.234,50", "2.5"], False),
        (["1.234", "12,5"], False),  # a text may be that
        (["1.234", "1.234.567"], False),  # as versions are
    ],
)
def test_where_no_ladder_says_what_numbers_are(tmp_path, values, is_refused):
    """What can be nothing but a number with a comma says it."""
    file = write(tmp_path / "e.csv", as_csv(rows(values)))
    if not is_refused:
        assert len(read_table(file)[0]) == len(values)
        return
    with pytest.raises(EventsError, match="would be read as 1"):
        read_table(file)


def test_what_a_ladder_reads_as_no_number(tmp_path):
    """It may be written as it likes."""
    texts = [event(lead_id=f"lead-{at}", asset=one) for at, one in enumerate(COMMAS[0][0])]
    assert len(read(write(tmp_path / "e.csv", as_csv(texts)))[0]) == 2
