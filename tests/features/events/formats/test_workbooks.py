"""A workbook is told of as one, by its name or its first bytes, wherever a table is read."""

from __future__ import annotations

import io
import re
import zipfile

import pytest

from features.errors import EventsError
from features.events.formats.workbooks import check_no_workbook
from features.reading import read_table

OLD = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504)
TOLD = 'a workbook, which is not read; save its sheet as CSV (in Excel: "CSV UTF-8") and name that'


def archive(*names: str) -> bytes:
    """A ZIP archive with files of these names."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as made:
        for name in names:
            made.writestr(name, "id,score")
    return held.getvalue()


EXCEL = archive("[Content_Types].xml", "xl/workbook.xml")
LIBRE = archive("mimetype", "content.xml")


@pytest.mark.parametrize("name", ["b.xlsx", "b.XLS", "b.ods", "b.csv", "b.jsonl", "b.parquet"])
@pytest.mark.parametrize("content", [EXCEL, LIBRE, OLD])
def test_a_workbook(tmp_path, name, content):
    """Whatever it is called: nothing is said of an encoding, nor is another name asked for."""
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(EventsError) as said:
        read_table(file)
    assert str(said.value) == f"{file}: {TOLD}"


def test_a_folder_of_workbooks(tmp_path):
    """One of them is named; beside files of events they are passed over."""
    (tmp_path / "b.xlsx").write_bytes(EXCEL)
    with pytest.raises(EventsError, match=re.escape(f"b.xlsx: {TOLD}")):
        read_table(tmp_path)
    (tmp_path / "e.csv").write_text("lead_id,event,occurred_at\nann,came,2026-01-01T00:00:00Z\n")
    assert len(read_table(tmp_path)[0]) == 1


def test_other_archives(tmp_path):
    """They are to be unpacked; one that is cut short is told of as that."""
    file = tmp_path / "e.csv"
    file.write_bytes(archive("events.csv"))
    with pytest.raises(EventsError, match="a ZIP archive; unpack it"):
        check_no_workbook(file)
    file.write_bytes(EXCEL[:40])
    with pytest.raises(EventsError, match="a ZIP archive that is cut short"):
        check_no_workbook(file)
    file.write_text("PK,event\n")
    check_no_workbook(file)
