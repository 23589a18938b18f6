"""Style, scripts and pictures, each under a name with its hash: a browser keeps it for good."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

__all__ = ["Asset", "asset", "found"]

_HERE: Final = Path(__file__).parent.parent / "static"
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_DIGITS: Final = 10


@dataclass(frozen=True, slots=True)
class Asset:
    """A file with its bytes, as they are and zipped."""

    name: str
    body: bytes
    zipped: bytes
    media_type: str


@lru_cache(maxsize=1)
def _assets() -> dict[str, Asset]:
    """Every file of ours, by the name that is in the repository."""
    found = {}
    for path in sorted(_HERE.iterdir()):
        body = path.read_bytes()
        digest = hashlib.sha256(body).hexdigest()[:_DIGITS]
        zipped = gzip.compress(body, 9, mtime=0)
        name = f"{path.stem}.{digest}{path.suffix}"
        found[path.name] = Asset(name, body, zipped, _TYPES[path.suffix])
    return found


def asset(name: str) -> str:
    """The address of a file; another one as soon as what is in it changes."""
    return f"/static/{_assets()[name].name}"


def found(name: str) -> tuple[Asset, bool] | None:
    """A file by its own name or by the one with its hash, and whether it was the latter."""
    assets = _assets()
    by_hash = next((one for one in assets.values() if one.name == name), None)
    one = by_hash or assets.get(name)
    return None if one is None else (one, by_hash is not None)
