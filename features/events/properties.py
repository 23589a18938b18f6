"""What the value of an event's property says as a number, as a text, and as JSON.

Files, the store and the request path all ask here, so that "15", 15 and 15.0 are one number
wherever an event comes from.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

__all__ = ["as_number", "as_text", "as_value", "number_or_nan", "parse_object", "property_json"]

_NAN: Final = float("nan")
_TRUTHS: Final = {"true": 1.0, "false": 0.0}
_NUMBER: Final = re.compile(
    r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|nan|[+-]?inf(?:inity)?", re.IGNORECASE
)
_SHORT_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_EXACT: Final = 1e15
"""Below it every whole float is written as an integer without loss."""
_DEEPEST: Final = 100
"""So many levels an object may nest: whoever goes through it, by calls within calls, gets there."""


_decode: Final = json.JSONDecoder().decode


def as_number(value: object) -> float | None:
    """The number that a value says: NaN where it is absent, None where it is no number.

    A truth value is 1 or 0; a text that reads as a number or a truth value is that. The number may
    be infinite: whether that is acceptable is the caller's business.
    """
    if isinstance(value, int | float | Decimal):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if value is None or value == "":
        return _NAN
    if not isinstance(value, str):
        return None
    if _NUMBER.fullmatch(value):
        return float(value)
    return _TRUTHS.get(value.lower())


def number_or_nan(value: object) -> float:
    """The finite number that a value says; NaN where it is absent or says none."""
    if type(value) is float and math.isfinite(value):  # nearly all of them
        return value
    number = as_number(value)
    return number if number is not None and math.isfinite(number) else _NAN


def as_text(value: object) -> str | None:
    """The text that a value says; None where it is absent or empty. 3 and 3.0 are both "3"."""
    if isinstance(value, str):
        return value or None
    plain = _plain(value)
    if plain is None or isinstance(plain, str):
        return plain
    return json.dumps(plain, sort_keys=True, ensure_ascii=False)


def as_value(text: str) -> float | int | bool | str:
    """The JSON value that a cell of a table means: a number or truth value where nothing is lost.

    "15" is 15, and "007" and "1.50" stay texts, because 7 and 1.5 would not be read back as they
    were written.
    """
    if text in _TRUTHS:
        return text == "true"
    if len(text) <= 15 and _SHORT_NUMBER.fullmatch(text):
        number = float(text) if "." in text else int(text)
        if as_text(number) == text:
            return number
    return text


def property_json(properties: Mapping[str, object]) -> str:
    """Properties as JSON: sorted keys, nothing that is absent, whole numbers without decimals."""
    plain = {key: _plain(value) for key, value in properties.items()}
    present = {key: value for key, value in plain.items() if value is not None}
    return json.dumps(present, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def parse_object(text: str | bytes) -> dict[str, object] | None:
    """A JSON text as an object; None where it is broken, too deep, or something else."""
    try:
        text = text if isinstance(text, str) else text.decode()
        found = _decode(text)
        if text.count("{") + text.count("[") > _DEEPEST and _is_too_deep(found):
            return None
        if "\\u" in text:
            json.dumps(found, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            child
            for one in level
            for child in (one.values() if isinstance(one, dict) else one)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        value = int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() and abs(value) < _EXACT else value
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if value is None or isinstance(value, str | int):
        return value
    return value.isoformat() if isinstance(value, date) else str(value)
