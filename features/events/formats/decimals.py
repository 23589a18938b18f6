"""Columns whose numbers are written with a comma, where a point parts thousands.

A point is a decimal one. Only where a column shows that it is not, as 1.234,50 does, a value such
as 1.234 would be read as another number than it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.errors import EventsError

__all__ = ["Decimals"]

_EITHER: Final = r"^[+-]?[1-9][0-9]{0,2}\.[0-9]{3}$"
"""A thousand, or a number with three decimals."""
_POINT: Final = r"^[+-]?(?:[0-9]+\.[0-9]{1,2}|[0-9]+\.[0-9]{4,}|0?\.[0-9]+|[0-9]{4,}\.[0-9]+)$"
"""What no thousand is written like."""
_GROUPED: Final = r"^[+-]?[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+$"
"""What no text is but a number with a comma."""
_COMMA: Final = re.compile(
    r"[+-]?(?:[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+"  # 1.234,50
    r"|[1-9][0-9]{0,2}(?:\.[0-9]{3}){2,}"  # 1.234.567
    r"|[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})|0,[0-9]+)"  # 12,5 and 0,125; of 1,234 nobody knows
)


class _Seen(NamedTuple):
    """A value, and where the first of its kind stands."""

    text: str
    file: str
    line: int


class Decimals:
    """How the columns of a reading write their numbers, as far as they were seen."""

    def __init__(self) -> None:
        self._either: dict[str, _Seen] = {}
        self._comma: dict[str, _Seen] = {}
        self._has_point: set[str] = set()

    def look(
        self,
        column: str,
        values: pa.Array | Sequence[object],
        bad: npt.NDArray[np.bool_],
        file: str,
        lines: npt.NDArray[np.int64],
    ) -> None:
        """Look at a part of a column.

        Parameters
        ----------
        bad : shape (n,), which of the values are no numbers, where all are to be some.
        lines : shape (n,), where they stand in the file.
        """
        if column in self._has_point:
            return
        if column not in self._comma and (found := _with_comma(values, bad)):
            at, text = found
            self._comma[column] = _Seen(text, file, int(lines[at]))
        texts = _texts(values)
        if texts is not None:
            self._look_at_points(column, texts, file, lines)

    def _look_at_points(
        self, column: str, texts: pa.Array, file: str, lines: npt.NDArray[np.int64]
    ) -> None:
        rows = np.flatnonzero(_found(pc.match_substring(texts, ".")))
        pointed = texts.take(pa.array(rows))
        self._note(self._comma, column, pointed, _GROUPED, (file, lines[rows]))
        if _found(pc.match_substring_regex(pointed, _POINT)).any():
            self._has_point.add(column)
        else:
            self._note(self._either, column, pointed, _EITHER, (file, lines[rows]))

    @staticmethod
    def _note(
        kept: dict[str, _Seen],
        column: str,
        texts: pa.Array,
        pattern: str,
        places: tuple[str, npt.NDArray[np.int64]],
    ) -> None:
        """Keep the first text of a pattern, with where it stands, unless there is one by now."""
        if column in kept:
            return
        file, lines = places
        for at in np.flatnonzero(_found(pc.match_substring_regex(texts, pattern)))[:1].tolist():
            kept[column] = _Seen(texts[at].as_py(), file, int(lines[at]))

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready: what was seen of a part of a log, for `of_parts`."""
        return {
            "either": {column: list(seen) for column, seen in self._either.items()},
            "comma": {column: list(seen) for column, seen in self._comma.items()},
            "has_point": sorted(self._has_point),
        }

    @classmethod
    def of_parts(cls, parts: Iterable[Mapping[str, Any]]) -> Decimals:
        """What one reading would have seen of parts, by the `as_dict` of each, in their order."""
        found = cls()
        for part in parts:
            for kept, name in ((found._either, "either"), (found._comma, "comma")):
                for column, seen in part[name].items():
                    kept.setdefault(column, _Seen(*seen))
            found._has_point.update(part["has_point"])
        return found

    def check(self) -> None:
        """EventsError where numbers of a column have a comma, and others were read by a point."""
        for column, comma in self._comma.items():
            either = self._either.get(column)
            if either is None or column in self._has_point:
                continue
            raise EventsError(
                f"{comma.file}:{comma.line}: {column} = {comma.text!r} is written with a comma, so"
                f" that {either.text!r} ({either.file}:{either.line}) may be a thousand and would"
                f" be read as {float(either.text):g}; write numbers as 1234.5, with a point and"
                " nothing between thousands"
            )


def _with_comma(
    values: pa.Array | Sequence[object], bad: npt.NDArray[np.bool_]
) -> tuple[int, str] | None:
    """The first that is a number written with a comma: its place, and the text."""
    for at in np.flatnonzero(bad).tolist():
        text = values[at].as_py() if isinstance(values, pa.Array) else values[at]
        if isinstance(text, str) and _COMMA.fullmatch(text):
            return at, text
    return None


def _texts(values: pa.Array | Sequence[object]) -> pa.Array | None:
    """Those that are texts, null in the place of others; None where none is."""
    if not isinstance(values, pa.Array):
        if not any(isinstance(value, str) for value in values):
            return None
        return pa.array([value if isinstance(value, str) else None for value in values])
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    is_text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    return values if is_text else None


def _found(mask: pa.Array) -> npt.NDArray[np.bool_]:
    filled = pc.fill_null(mask, False)
    return np.asarray(filled.to_numpy(zero_copy_only=False), dtype=np.bool_)
