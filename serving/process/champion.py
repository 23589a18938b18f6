"""Where the model that serves comes from, and whether there is another one by now."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Protocol

from features.errors import BundleError

__all__ = ["BundleSource", "FolderSource", "RegistrySource", "source_of"]

_WATCHED: Final = ("manifest.json", "served_policy.json")


class BundleSource(Protocol):
    """A place with the bundle that is to serve."""

    def stamp(self) -> str | None:
        """Another text whenever another model or policy is to serve; None where there is none."""

    def folder(self) -> Path:
        """The folder of the bundle, on this machine; BundleError where it cannot be had."""


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
