"""A folder that serves, and the bundles that served from it before: promoted and taken back.

The former ones stand beside the folder, in `<folder>.former`, each under when it came to serve and
the beginning of its hash. What was promoted with them (the policy) comes back with them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from features.clock import instant, microseconds, rfc3339
from features.errors import BundleError
from features.files import new_file
from models.bundle import (
    UNREADABLE,
    copy_bundle,
    manifest_of,
    told_by,
    unreadable,
    why_not_loaded,
)
from models.gate import Gate, GateError

__all__ = [
    "Promotion",
    "ServedBundle",
    "back_from",
    "former_of",
    "promote_into",
    "require_loadable",
    "roll_back",
    "served_by",
]

_RECORD: Final = "champion.json"
_COMING: Final = "coming.json"
"""The record of what is about to serve: it is written first, for whoever is killed between the two
may leave a bundle that serves, and then it is known by what it does."""
_MOST: Final = 10
"""Former bundles that are kept."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """Since when something serves, and who said so.

    Parameters
    ----------
    at : in microseconds since the epoch; 0 where nobody wrote it down.
    by, why : who promoted it, and the reason; "" where nobody said.
    """

    at: int = 0
    by: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class ServedBundle:
    """A bundle that serves or served.

    Parameters
    ----------
    gate : what let it serve; None where there was none.
    taken_back : whether somebody went back from it to what served before.
    until : when what it was trained on ends, in microseconds; 0 where that is not told.
    """

    folder: Path
    hash: str
    promotion: Promotion
    gate: Gate | None = None
    taken_back: bool = False
    until: int = 0


class _Told(Protocol):
    @property
    def hash(self) -> str: ...
    @property
    def taken_back(self) -> bool: ...


_ToldT = TypeVar("_ToldT", bound=_Told)


def back_from(present: str, former: Iterable[_ToldT]) -> _ToldT | None:
    """What serves after going back from a bundle; None where there is nothing to go back to.

    It is the newest of another hash that nobody has gone back from, by what was said of it last.

    Parameters
    ----------
    present : the hash of what serves; "" where nothing does.
    former : what served, the newest first; what serves may be among it.
    """
    said: dict[str, _ToldT] = {}
    for one in former:
        said.setdefault(one.hash, one)
    return next((one for one in said.values() if one.hash != present and not one.taken_back), None)


def served_by(folder: Path) -> ServedBundle | None:
    """What serves from a folder; None where there is no bundle.

    One that this version of Rung cannot read, as it is another version's or damaged, is known by
    what its manifest says. BundleError for a manifest or a record that says nothing.
    """
    if not (folder / "manifest.json").is_file():
        return None
    beside = _beside(folder)
    coming = _served(folder, beside / _COMING)
    return coming if coming.promotion.at else _served(folder, beside / _RECORD)


def former_of(folder: Path) -> list[ServedBundle]:
    """What served from a folder before, the newest first.

    Whoever is killed while a promotion is made leaves a copy of what serves: that is none of them.
    """
    present = served_by(folder)
    now = None if present is None else (present.hash, present.promotion)
    return [one for one in _kept(folder) if (one.hash, one.promotion) != now]


def _kept(folder: Path) -> list[ServedBundle]:
    beside = _beside(folder)
    kept = sorted((path.parent for path in beside.glob("[0-9]*/manifest.json")), reverse=True)
    return [_served(one, beside / f"{one.name}.json") for one in kept]


def promote_into(folder: Path, bundle: Path, gate: Gate, promotion: Promotion) -> None:
    """Let a folder serve another bundle, if its gate was passed; what served is kept beside it.

    Raises
    ------
    BundleError : no bundle there.
    GateError : the gate was not passed, is of another bundle, or was judged beside another champion
        than the one that serves.
    """
    new = str(manifest_of(bundle)["hash"])
    gate.require_passed("scores", new)
    present = served_by(folder)
    if present is not None:
        gate.require_beside(present.hash)
        _keep(folder, present, promotion.at, coming=bundle)
    _put(bundle, ServedBundle(folder, new, promotion, gate))


def roll_back(folder: Path, promotion: Promotion) -> ServedBundle:
    """Let a folder serve again what served before; what served is kept beside it.

    It was promoted by a passed gate once, and serves by that again. What somebody has gone back
    from is not gone back to.

    Raises
    ------
    BundleError : nothing served before, or nothing that was not gone back from; or this version of
        Rung cannot read it.
    """
    present, former = served_by(folder), former_of(folder)
    served = present.hash if present else ""
    back = back_from(served, former)
    if back is None:
        others = list(dict.fromkeys(one.hash[:12] for one in former if one.hash != served))
        why = f"nothing served from {folder} before"
        if others:
            why = (
                f"of what served from {folder} before, {', '.join(others)} was gone back from, and"
                " is not gone back to (promote it again to let it serve)"
            )
        raise BundleError(f"{why}: there is nothing to go back to")
    require_loadable(back.hash, back.folder)
    if present is not None:
        _keep(folder, replace(present, taken_back=True), promotion.at, coming=back.folder)
    now = ServedBundle(folder, back.hash, promotion, back.gate)
    _put(back.folder, now)
    return now


def _put(bundle: Path, served: ServedBundle) -> None:
    """Let a folder serve a bundle, with the record of it."""
    coming = _beside(served.folder) / _COMING
    _write(coming, served)
    copy_bundle(bundle, served.folder)
    coming.replace(coming.with_name(_RECORD))


def require_loadable(hash_: str, folder: Path) -> None:
    """BundleError where what served before could not serve again with this version of Rung."""
    if why := why_not_loaded(folder):
        raise BundleError(
            f"{hash_[:12]} served before, and cannot with this version of Rung: {why}; nothing was"
            " changed. Promote another one, or go back to the version of Rung that it served with"
        )


def _beside(folder: Path) -> Path:
    return folder.resolve().parent / f"{folder.resolve().name}.former"


def _keep(folder: Path, present: ServedBundle, until: int, coming: Path) -> None:
    """Copy what serves to the former ones; the oldest of too many go, but for what is to serve.

    Of one of which nobody wrote down since when, it is known that it served until now: it is the
    newest of them.
    """
    beside = _beside(folder)
    beside.mkdir(parents=True, exist_ok=True)
    name = f"{present.promotion.at or max(until - 1, 0):020}-{present.hash[:12]}"
    copy_bundle(folder, beside / name)
    _write(beside / f"{name}.json", present)
    for old in _kept(folder)[_MOST:]:
        if old.folder.resolve() == coming.resolve():
            continue
        shutil.rmtree(old.folder)
        (beside / f"{old.folder.name}.json").unlink(missing_ok=True)


def _write(path: Path, served: ServedBundle) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    said = served.promotion
    held: dict[str, Any] = {
        "hash": served.hash,
        "gate": served.gate.as_dict() if served.gate else None,
        "from": rfc3339(said.at),
        "by": said.by,
        "why": said.why,
        "taken_back": served.taken_back,
    }
    with new_file(path) as part:
        part.write_text(json.dumps(held, indent=1, sort_keys=True) + "\n", "utf-8")


def _served(folder: Path, record: Path) -> ServedBundle:
    manifest, _ = told_by(folder)
    hash_, until = str(manifest["hash"]), manifest.get("until", 0)
    known = ServedBundle(folder, hash_, Promotion(), until=until if isinstance(until, int) else 0)
    if not record.is_file():
        return known
    try:
        held = json.loads(record.read_text(encoding="utf-8"))
        gate = Gate.of_dict(held["gate"]) if held["gate"] else None
        if held["hash"] != hash_:  # written by whoever trained into the folder itself
            return known
        at = microseconds(instant(held["from"]))
        said = Promotion(at, str(held["by"]), str(held["why"]))
        is_back = bool(held["taken_back"])
        return replace(known, promotion=said, gate=gate, taken_back=is_back)
    except (*UNREADABLE, GateError) as error:
        raise unreadable(record, error, "move it away") from error
