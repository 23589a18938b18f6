"""The types of arguments: what is refused before a verb runs, and with which words."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path

__all__ = [
    "as_count",
    "as_days",
    "as_file",
    "as_folder",
    "as_json_lines",
    "as_minutes",
    "as_page",
    "as_picture",
    "as_scores",
    "as_seed",
    "as_share",
    "as_table",
    "as_time",
    "as_toml",
    "as_type",
]


def as_time(text: str) -> datetime:
    """The type of an argument that is an instant."""
    from features.clock import instant
    from features.errors import TimeError

    try:
        return instant(text)
    except TimeError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def as_table(text: str) -> Path:
    """The type of an argument that is a file for a table."""
    return _with_suffix(text, ".parquet", ".csv", ".csv.gz")


def as_scores(text: str) -> Path:
    """The type of an argument that is a file for scores."""
    return _with_suffix(text, ".parquet", ".csv", ".csv.gz", ".ndjson", ".jsonl")


def as_json_lines(text: str) -> Path:
    """The type of an argument that is a file for JSON lines."""
    return _with_suffix(text, ".jsonl", ".ndjson")


def as_picture(text: str) -> Path:
    """The type of an argument that is a file for a picture."""
    return _with_suffix(text, ".svg", ".png")


def as_toml(text: str) -> Path:
    """The type of an argument that is a file for a configuration."""
    return _with_suffix(text, ".toml")


def as_page(text: str) -> Path:
    """The type of an argument that is a file for a page in Markdown."""
    return _with_suffix(text, ".md")


def _with_suffix(text: str, *suffixes: str) -> Path:
    if not text.lower().endswith(suffixes):
        raise argparse.ArgumentTypeError(
            f"{text!r} does not say its format; its name must end in {' or '.join(suffixes)}"
        )
    return as_file(text)


def as_file(text: str) -> Path:
    """The type of an argument that is a file to be written; OSError where it cannot be, at once."""
    from features.files import check_file

    check_file(Path(text))
    return Path(text)


def as_folder(text: str) -> Path:
    """The type of an argument that is a folder to be written, as `as_file`."""
    from features.files import check_folder_for

    check_folder_for(Path(text))
    return Path(text)


def as_type(text: str) -> str:
    """The type of an argument that names a type."""
    from models.scores.learners.trusted import trusted_names

    try:
        (name,) = trusted_names(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no type, such as mymodule.MyClass"
        ) from error
    return name


def as_count(text: str) -> int:
    """The type of an argument that is a number of things."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number from 1")
    return int(text)


def as_seed(text: str) -> int:
    """The type of an argument that everything drawn follows from."""
    if not text.isdecimal() or int(text) >= 2**31:
        raise argparse.ArgumentTypeError("must be a whole number from 0 to 2147483647")
    return int(text)


def as_minutes(text: str) -> float:
    """The type of an argument that is a time in minutes."""
    try:
        minutes = float(text)
    except ValueError:
        minutes = -1.0
    if not 0.0 < minutes <= 100_000.0:
        raise argparse.ArgumentTypeError("must be minutes, above 0 and at most 100000")
    return minutes


def as_days(text: str) -> float:
    """The type of an argument that is a number of days."""
    try:
        days = float(text)
    except ValueError:
        days = 0.0
    if not 0.0 < days < 100_000.0:
        raise argparse.ArgumentTypeError("must be a number of days above 0 and below 100000")
    return days


def as_share(text: str) -> float:
    """The type of an argument that is a share."""
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise argparse.ArgumentTypeError("must be a number from 0 to 1")
    return share
