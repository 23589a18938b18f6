"""No verb writes over what it reads."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

__all__ = [
    "refuse_to_overwrite",
]

_WRITTEN: Final = {
    **{name: f"--{name}" for name in ("out", "predictions", "rejects", "report", "html", "plot")},
    **{"json_out": "--json", "study": "--study", "to": "--to", "folder": "the folder"},
}
"""What verbs write: how it is kept, and what it is called."""
_READ: Final = {
    **{"events": "the log", "parts": "the parts", "bundle": "the bundle"},
    **{"champion": "the champion", "ladder": "the ladder", "config": "the configuration"},
    **{"scores": "the scores", "columns": "the columns", "challengers": "the challenger"},
}
"""What verbs read, likewise."""
_MANIFESTS: Final = ("manifest.json", "_MANIFEST")
"""Of a bundle, of parts. Any other folder is read as a log alone: it may be called as a ladder."""
_SQLITE: Final = "sqlite:///"


def refuse_to_overwrite(parsed: argparse.Namespace) -> None:
    """Refuse a call that would write over what it reads, or among it, before anything is read.

    Into a folder of files of events may be written what nobody takes for events later.

    Raises
    ------
    Refused : an output is an input, or lies in one; the message names both.
    """
    from features.errors import Refused

    for kept, option in _WRITTEN.items():
        out = getattr(parsed, kept, None)
        # A report without a log beside it is one that is read, to promote by it.
        if not isinstance(out, Path) or (kept == "report" and not hasattr(parsed, "events")):
            continue
        for name, said in _READ.items():
            for source in _named(getattr(parsed, name, None)):
                held = name == "events" or any((source / one).exists() for one in _MANIFESTS)
                if source.is_dir() and not held:
                    continue
                if how := _lies(out, source, of_events=name == "events"):
                    raise Refused(
                        f"{option} {out} {how} {said} that is read, {source}: write it elsewhere"
                    )


def _named(value: object) -> list[Path]:
    """The files and folders that an argument names."""
    each = value if isinstance(value, list) else [value]
    paths = [Path(str(one).removeprefix(_SQLITE)) for one in each if one]
    return [path for path in paths if path.exists()]


def _lies(out: Path, source: Path, *, of_events: bool) -> str:
    """How an output lies to an input that is there; "" where neither touches the other."""
    place = out.resolve()
    if _is_same(place, source):
        return "is"
    if not source.is_dir():
        return ""
    if not of_events:
        return "lies in" if any(_is_same(above, source) for above in place.parents) else ""
    from features.events.formats.files import is_of_events

    # Folders in it are not looked into, and other files are passed over.
    if _is_same(place.parent, source) and not place.is_dir() and is_of_events(place):
        return "lies in"
    read = (one for one in source.iterdir() if one.is_file() and is_of_events(one))
    return "is part of" if any(_is_same(place, one) for one in read) else ""


def _is_same(one: Path, other: Path) -> bool:
    return one == other.resolve() or (one.exists() and other.exists() and one.samefile(other))
