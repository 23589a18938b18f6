"""Workbooks of Excel and its like: known by their name or first bytes, told of, and not read."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final

from features.errors import EventsError

__all__ = ["check_no_workbook", "is_named_workbook", "workbook_told"]

_SUFFIXES: Final = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".numbers")
_OLE: Final = bytes.fromhex("d0cf11e0a1b11ae1")
"""How the workbooks of Excel before 2007 begin, and those that have a password."""
_ZIP: Final = b"PK\x03\x04"
_INSIDE: Final = ("xl/", "content.xml", "Index/")
"""What stands in the archives that workbooks of Excel, LibreOffice and Numbers are."""


def is_named_workbook(file: Path) -> bool:
    """Whether a file is a workbook by its name."""
    return file.suffix.lower() in _SUFFIXES


def workbook_told(file: Path) -> str:
    """What to say of a file that is a workbook."""
    return (
        f'{file}: a workbook, which is not read; save its sheet as CSV (in Excel: "CSV UTF-8") and'
        " name that"
    )


def check_no_workbook(file: Path) -> None:
    """Whether a file, whatever its name, is neither a workbook nor another archive.

    Raises
    ------
    EventsError : it is one; the message says what to do.
    OSError : it cannot be read.
    """
    with file.open("rb") as stream:
        first = stream.read(len(_OLE))
    if first == _OLE:
        raise EventsError(workbook_told(file))
    if first.startswith(_ZIP):
        try:
            with zipfile.ZipFile(file) as archive:
                names = archive.namelist()
        except zipfile.BadZipFile as error:
            raise EventsError(f"{file}: a ZIP archive that is cut short or damaged") from error
        if any(name.startswith(_INSIDE) for name in names):
            raise EventsError(workbook_told(file))
        raise EventsError(f"{file}: a ZIP archive; unpack it and name what is in it")
