"""Lists as files of values with commas between them, which spreadsheets open."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Literal

from starlette.responses import Response

from models.judging.spreadsheet import as_text

__all__ = ["AsFile", "csv_answer"]

AsFile = Literal["csv"]


def csv_answer(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A list as a file to be kept; instants in it are RFC 3339."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(header)
    lines.writerows([_cell(value) for value in row] for row in rows)
    headers = {
        "Content-Disposition": f'attachment; filename="rung-{name}.csv"',
        "Cache-Control": "no-store",
    }
    body = text.getvalue().encode("utf-8", "replace")
    return Response(body, headers=headers, media_type="text/csv; charset=utf-8")


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return as_text(value)
