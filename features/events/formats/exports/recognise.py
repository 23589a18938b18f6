"""Which export a file is, by its columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from features.errors import EventsError, did_you_mean
from features.events.formats.exports.publishers import EVENT_LAYOUTS
from features.events.formats.exports.records import RECORD_LAYOUTS
from features.events.formats.layout import Layout
from features.events.formats.row_batch import Reading, is_own

__all__ = ["LAYOUTS", "OWN", "layout_named", "layout_of", "recognised"]

OWN: Final = "rung"
"""What `--layout` calls the layout of our own."""

LAYOUTS: Final[Mapping[str, Layout]] = {
    layout.name: layout for layout in (*EVENT_LAYOUTS, *RECORD_LAYOUTS)
}


def layout_named(name: str) -> Layout | None:
    """The layout of a name; None for our own.

    Raises
    ------
    EventsError : there is none of that name.
    """
    if name == OWN:
        return None
    if name not in LAYOUTS:
        hint = did_you_mean(name, [*LAYOUTS, OWN])
        raise EventsError(f"no layout {name!r}{hint}; write one of {', '.join([OWN, *LAYOUTS])}")
    return LAYOUTS[name]


def recognised(names: Sequence[str]) -> Layout | None:
    """The export that has such columns, None where none is known by them."""
    return next((layout for layout in LAYOUTS.values() if layout.fits(names)), None)


def layout_of(
    file: Path, names: Sequence[str], reading: Reading, inner: Sequence[str] = ()
) -> Layout | None:
    """How a file is laid out where it is an export; None where it is in our own way, or unknown.

    Parameters
    ----------
    inner : paths to the members of columns that are objects.

    Raises
    ------
    EventsError : the file lacks what the layout that was asked for is known by.
    """
    if reading.layout is not None:
        _check(file, reading.layout, names, inner)
        return reading.layout
    if not reading.recognises or is_own(names):
        return None
    mapped = reading.mapped
    found = mapped if mapped and mapped.fits([*names, *inner]) else recognised([*names, *inner])
    if found is None and mapped is not None:
        _check(file, mapped, names, inner)
    if found is not None:
        reading.tell(found.sentence([*names, *inner]))
    return found


def _check(file: Path, layout: Layout, names: Sequence[str], inner: Sequence[str]) -> None:
    """EventsError where a file lacks what a layout is known by."""
    if lacking := layout.lacks([*names, *inner]):
        raise EventsError(
            f"{file}: not {layout.title.removeprefix('an ').removeprefix('a ')}: no column"
            f" {' and no '.join(lacking)}; it has {', '.join(names) or 'none'}"
        )
