"""Where the model that serves comes from, and whether there is another one by now."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Protocol

from features.clock import instant, microseconds
from features.errors import BundleError
from models.bundle import manifest_of
from models.gate import Gate
from models.logged.former_bundles import (
    Promotion,
    ServedBundle,
    former_of,
    roll_back,
    served_by,
)

__all__ = ["BundleSource", "FolderSource", "RegistrySource", "SourceVersion", "source_of"]

_WATCHED: Final = ("manifest.json", "served_policy.json")


@dataclass(frozen=True, slots=True)
class SourceVersion:
    """A bundle that serves from a source, or served, as the source tells of it.

    Parameters
    ----------
    hash : the whole of it.
    from_at : since when it serves, in microseconds since the epoch; 0 where nobody wrote it down.
    by, why : who promoted it and the reason; "" where nobody said.
    until : when what it was trained on ends, in microseconds; 0 where that is not told.
    gate : what let it serve; None where the source does not tell.
    taken_back : whether somebody went back from it to what served before.
    """

    hash: str
    from_at: int = 0
    by: str = ""
    why: str = ""
    until: int = 0
    gate: Gate | None = None
    taken_back: bool = False


class BundleSource(Protocol):
    """A place with the bundle that is to serve."""

    def stamp(self) -> str | None:
        """Another text whenever another model or policy is to serve; None where there is none."""

    def folder(self) -> Path:
        """The folder of the bundle, on this machine; BundleError where it cannot be had."""

    def versions(self) -> list[SourceVersion]:
        """What serves and what served, the newest first; BundleError where it cannot be told."""

    def roll_back(self, promotion: Promotion) -> str:
        """Let serve again what served before: its hash; BundleError where nothing did."""


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A folder that `rung train` writes and `rung policy promote` adds to."""

    path: Path

    def stamp(self) -> str | None:
        """A digest of the two small files that say what the folder holds."""
        digest = blake2b(digest_size=16)
        for name in _WATCHED:
            try:
                digest.update(b"\0" + (self.path / name).read_bytes())
            except OSError:
                if name == _WATCHED[0]:
                    return None
        return digest.hexdigest()

    def folder(self) -> Path:
        """The folder itself."""
        return self.path

    def versions(self) -> list[SourceVersion]:
        """What serves from the folder, and the former ones beside it."""
        present = served_by(self.path)
        return [_told(one) for one in ([present] if present else []) + former_of(self.path)]

    def roll_back(self, promotion: Promotion) -> str:
        """The newest of the former ones that nobody has gone back from."""
        return roll_back(self.path, promotion).hash


def _told(one: ServedBundle) -> SourceVersion:
    said = one.promotion
    until = int(manifest_of(one.folder).get("until", 0))
    return SourceVersion(one.hash, said.at, said.by, said.why, until, one.gate, one.taken_back)


@dataclass(slots=True)
class RegistrySource:
    """An alias of the MLflow registry, such as the champion of rung-b2b."""

    uri: str
    name: str
    alias: str
    tracking: str = ""
    _registry: Any = field(default=None, repr=False)

    def stamp(self) -> str | None:
        """The version that the alias names."""
        try:
            found = self._opened().named(self.name, self.alias)
        except BundleError:
            return None
        return f"{found.name}/{found.version}"

    def folder(self) -> Path:
        """A copy of that version's bundle."""
        path: Path = self._opened().fetch(self.name, self.alias)[1]
        return path

    def versions(self) -> list[SourceVersion]:
        """The versions that serve or served by the registry's tags; of why it has none."""
        return [
            SourceVersion(version.hash, microseconds(instant(since)))
            for version, since in self._opened().champions(self.name)
        ]

    def roll_back(self, promotion: Promotion) -> str:  # noqa: ARG002 the registry keeps no reason
        """The version that served before, by the gate that let it serve then."""
        return str(self._opened().roll_back(self.name).hash)

    def _opened(self) -> Any:
        if self._registry is None:
            from models.registry import Registry  # MLflow takes seconds; most services need none

            self._registry = Registry(self.tracking or self.uri, self.uri)
        return self._registry


def source_of(bundle: Path, model: str, registry: str, tracking: str = "") -> BundleSource:
    """The source that the settings name: a model of the registry, or else a folder.

    Parameters
    ----------
    model : such as "rung-b2b@champion"; "" for the folder.
    tracking : where the runs of the registry's versions are; "" for the registry itself.
    """
    if not model:
        return FolderSource(bundle)
    name, _, alias = model.partition("@")
    return RegistrySource(registry, name, alias or "champion", tracking)
