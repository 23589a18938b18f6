"""Tables in a terminal: columns as wide as what stands in them, so that none runs into the next."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["aligned"]

_GAP = "  "


def aligned(rows: Sequence[Sequence[str]], texts: Sequence[int] = (0,)) -> list[str]:
    """The rows as lines, figures to the right; rows may end early.

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
