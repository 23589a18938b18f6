"""Tables of pages as CSV, for whoever goes on with them in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from models.judging.spreadsheet import as_text
from serving.pages.common import words

__all__ = ["CsvTable", "csv_answer", "named_table"]

CsvTable = tuple[Sequence[str], Iterable[Sequence[object]]]
"""The names of the columns, and the rows."""


def named_table(request: Request, tables: Sequence[str]) -> str | None:
    """The table that an address asks for as CSV, `?table=NAME&format=csv`; None for the page.

    Raises
    ------
    HTTPException : 404, naming those that there are.
    """
    name = request.query_params.get("table")
    if name is None or request.query_params.get("format", "csv") != "csv":
        return None
    if name not in tables:
        known = ", ".join(tables)
        raise HTTPException(404, f"There is no table {words.shown(name)!r} here, but {known}.")
    return name


def csv_answer(name: str, table: CsvTable) -> Response:
    """A table as a file to be kept; numbers as they are, nothing is 0 that is not known."""
    columns, rows = table
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(columns)
    lines.writerows([_cell(value) for value in row] for row in rows)
    headers: Mapping[str, str] = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{name}.csv"',
    }
    return Response(text.getvalue(), headers=dict(headers), media_type="text/csv")


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return as_text(words.plain(value))
    return value
