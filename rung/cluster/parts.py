"""A folder of parts: files that belong together, each with whole leads, and what they are.

Which part a lead is in follows from its id and the number of parts alone. The files are plain ones:
of events, `rung train` and every other verb read the folder, or one part of it, as any log.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np

from features.arrays import Ints
from features.errors import EventsError
from features.files import clear_away, new_file, new_folder

__all__ = ["PartFolder", "new_parts", "part_of"]

_MANIFEST: Final = "_MANIFEST"
_PART: Final = re.compile(r"part-\d{5}\.parquet")


@dataclass(frozen=True, slots=True)
class PartFolder:
    """The parts of a folder.

    Parameters
    ----------
    numbers : those that hold something.
    told : what else the manifest says.
    """

    folder: Path
    numbers: tuple[int, ...]
    told: dict[str, Any]

    @classmethod
    def of_events(cls, folder: Path) -> PartFolder:
        """The events that `rung cluster import` wrote.

        Raises
        ------
        EventsError : there are none, or not all of them.
        """
        try:
            told = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
            found = cls(folder, tuple(told["parts"]), told)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EventsError(f"{folder}: no {_MANIFEST} of `rung cluster import` there") from error
        if told.get("kind") != "events":
            raise EventsError(f"{folder}: holds {told.get('kind')}, where events are needed")
        for number in found.numbers:
            if not found.file(number).is_file():
                raise EventsError(f"{found.file(number)}: is missing; import the log again")
        return found

    def file(self, number: int) -> Path:
        """The file of a part."""
        return self.folder / f"part-{number:05}.parquet"


@contextmanager
def new_parts(folder: Path, kind: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Where to write parts, and what their manifest is to say; they appear together or not at all.

    Older parts in the folder are replaced.

    Raises
    ------
    EventsError : the folder holds something else.
    """
    clear_away(folder)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not _is_ours(path.name):
            raise EventsError(f"{folder} holds {path.name!r}, no part; choose an empty folder")
    told: dict[str, Any] = {"kind": kind}
    with new_folder(folder, _is_ours) as place:
        yield place, told
        with new_file(place / _MANIFEST) as part:
            part.write_text(json.dumps(told, indent=2, default=str) + "\n", encoding="utf-8")


def _is_ours(name: str) -> bool:
    return name == _MANIFEST or _PART.fullmatch(name) is not None


def part_of(ids: Sequence[str], parts: int) -> Ints:
    """Shape (n,), the part of each id: BLAKE2b, so that every part is a fair sample of leads."""
    hashed = [int.from_bytes(blake2b(one.encode(), digest_size=8).digest()) for one in ids]
    return np.array([one % parts for one in hashed], dtype=np.int64)
