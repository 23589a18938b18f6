"""How a verb tells its result: lines, tables and JSON; a terminal that is narrower folds them."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from features.ladder.words import one_line, visible

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "aligned",
    "folded",
    "note",
    "print_json",
    "print_line",
    "print_markdown",
    "print_table",
    "say_aside",
    "shortened",
    "width_of",
    "write_table",
]

_GAP: Final = "  "
_ASIDE: Final = threading.Lock()
_TIED: Final = "\ue000"  # a space at which no line is broken


def note(what: str) -> None:
    """Say what nobody may miss, whatever form the result has."""
    say_aside(folded(f"note: {what}", sys.stderr))


def say_aside(line: str) -> None:
    """Write a line to standard error, where threads may do so at once; if not, it ends no work."""
    with _ASIDE, suppress(OSError, ValueError):
        if sys.stderr is not None:  # Python would write to standard output instead
            print(f"{line}\n", end="", file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """Print a result for programs."""
    print(json.dumps(value, indent=2, default=str))


def print_line(line: str) -> None:
    """Print a line, or several; a terminal that is narrower gets them folded between words."""
    print(folded(line, sys.stdout))


def print_table(
    rows: Sequence[Sequence[str]], texts: Sequence[int] = (0,), inset: str = ""
) -> None:
    """Print rows under their heads, as `aligned`.

    A terminal that is narrower gets the columns in several tables, each with the first column.

    Parameters
    ----------
    rows : the first one holds the heads; all are of one length.
    inset : what stands before each line.
    """
    rows = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    tables = [list(range(len(widths)))]
    width = width_of(sys.stdout)
    if width is not None:
        tables = _tables(widths, width - len(inset))
    for at, columns in enumerate(tables):
        words = [place for place, column in enumerate(columns) if column in texts]
        shown = [[row[column] for column in columns] for row in rows]
        if at:  # what a row has was in an earlier table
            shown = [shown[0], *(row for row in shown[1:] if any(row[1:]))]
            if len(shown) == 1:
                continue
            print()
        for line in aligned(shown, words):
            print(f"{inset}{line}".rstrip())


def _tables(widths: Sequence[int], room: int) -> list[list[int]]:
    """Which columns stand in each table, so that it is no wider than there is room."""
    tables, taken = [[0]], widths[0]
    for column, width in enumerate(widths[1:], start=1):
        if not width:
            continue
        taken += len(_GAP) + width
        if taken > room and len(tables[-1]) > 1:
            tables.append([0])
            taken = widths[0] + len(_GAP) + width
        tables[-1].append(column)
    return tables


def print_markdown(table: str) -> None:
    """Print a table in Markdown; a terminal that is narrower gets it as `print_table` does."""
    lines = table.split("\n")
    width = width_of(sys.stdout)
    if width is None or max(map(len, lines)) <= width:
        return print(visible(table))
    heads, rule, *rows = map(_cells, lines)
    texts = [at for at, cell in enumerate(rule) if not cell.endswith(":")]
    return print_table([heads, *rows], texts)


def _cells(line: str) -> list[str]:
    """The cells of a line of Markdown, empty ones as well, without its marks."""
    cells = line.removeprefix("| ").removesuffix(" |").split(" | ")
    return [cell.strip(" `").replace("\\|", "|") for cell in cells]


def aligned(rows: Sequence[Sequence[str]], texts: Sequence[int] = (0,)) -> list[str]:
    """The rows as lines, figures to the right, columns as wide as what stands in them.

    Rows may end early.

    Parameters
    ----------
    texts : the columns that are words, and stand to the left.
    """
    widths = [
        max(len(row[at]) for row in rows if at < len(row)) for at in range(max(map(len, rows)))
    ]
    return [
        _GAP.join(
            cell.ljust(width) if at in texts else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=False))
        ).rstrip()
        for row in rows
    ]


def shortened(text: str, most: int) -> str:
    """A text in at most so many characters; one that was cut ends in an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def folded(text: str, stream: TextIO | None) -> str:
    """Lines for a stream: a terminal that is narrower gets them folded, what follows further in."""
    text, width = visible(text), width_of(stream)
    if width is None:
        return text
    return "\n".join(
        line if len(line) <= width else _fold(line, width) for line in text.split("\n")
    )


def _fold(line: str, width: int) -> str:
    further_in = " " * (len(line) - len(line.lstrip()) + 4)
    fold = textwrap.TextWrapper(
        width, subsequent_indent=further_in, break_long_words=False, break_on_hyphens=False
    )
    return fold.fill(line.replace(" %", _TIED + "%")).replace(_TIED, " ")


def width_of(stream: TextIO | None) -> int | None:
    """The columns of a terminal; None of a file or a pipe, or where nobody listens."""
    if stream is None or not stream.isatty():
        return None
    return shutil.get_terminal_size().columns


def write_table(frame: pd.DataFrame, out: Path) -> None:
    """A table in the format that the suffix of its file names."""
    from features.files import new_file

    with new_file(out) as part:
        if out.suffix.lower() == ".parquet":
            frame.to_parquet(part, index=False)
        else:
            frame.to_csv(part, index=False)
