"""Tables as CSV for people, who open them in a spreadsheet: no text of a stranger is a formula.

What leads told of themselves stands in such tables, and anybody can send `=HYPERLINK(...)` as a
trait. What programs read (scores, logs, JSON) has all texts as they are.
"""

from __future__ import annotations

from typing import Final, TypeVar

import pandas as pd

__all__ = ["as_text", "csv_of"]

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How texts begin that a spreadsheet works out instead of showing them, wide signs as well."""
_Value = TypeVar("_Value")


def as_text(value: _Value) -> _Value | str:
    """A value as a spreadsheet shows it as it is: before a text like a formula stands a mark.

    Numbers stay numbers, below zero as well.
    """
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def csv_of(table: pd.DataFrame) -> str:
    """A table as CSV; what is absent is an empty cell."""
    safe = table.copy()
    for name in table:
        if not pd.api.types.is_numeric_dtype(table[name]):
            safe[name] = table[name].astype(object).map(as_text)
    return str(safe.rename(columns=as_text).to_csv(index=False))
