"""Where the model that serves comes from, what served from there, and how another comes to serve.

The service and the command line ask this alone.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Protocol

from features.errors import BundleError
from features.files import room_of_process
from models.bundle import check_folder, manifest_of
from models.gate import Gate, GateError
from models.logged.former_bundles import (
    Promotion,
    ServedBundle,
    former_of,
    promote_into,
    require_loadable,
    roll_back,
    served_by,
)
from models.logged.registry_uri import shown
from models.logged.versions import CHAMPION

__all__ = ["BundleSource", "FolderSource", "RegistrySource", "SourceVersion", "source_of"]

_MOST_OTHERS: Final = 10
"""Versions of a registry that are looked at: of each, two files are fetched."""
_UNJUDGED: Final = "no verdict of the gate is kept: judge it, and promote it by its report"
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
    label : what a registry calls it, such as "rung-b2b/3"; "" of a folder.
    """

    hash: str
    from_at: int = 0
    by: str = ""
    why: str = ""
    until: int = 0
    gate: Gate | None = None
    taken_back: bool = False
    label: str = ""

    @property
    def id(self) -> str:
        """By what one is named among all of a source."""
        return self.label or self.hash

    def why_not(self, serves: str) -> str:
        """Why its verdict does not let it follow what serves, by that hash; "" where it does."""
        return self.gate.why_not(self.hash, serves) if self.gate else _UNJUDGED


class BundleSource(Protocol):
    """A place with the bundle that is to serve; BundleError where it cannot be asked."""

    def stamp(self) -> str | None:
        """Another text whenever another model or policy is to serve; None where there is none."""

    def folder(self) -> Path:
        """The folder of the bundle, on this machine; BundleError where it cannot be had."""

    def folder_of(self, hash_: str) -> Path | None:
        """The folder of a bundle that serves or served; None where it is kept no more."""

    def let_go(self, serving: Path) -> None:
        """Let go of what was fetched of others, now that this folder's bundle serves."""

    def versions(self) -> list[SourceVersion]:
        """What serves and what served, the newest first; BundleError where it cannot be told."""

    def gate(self) -> Gate | None:
        """By which what serves came to serve; None where that is not on record."""

    def check(self) -> None:
        """BundleError where no bundle could be promoted to, before one is made."""

    def promote(
        self, bundle: Path, gate: Gate, promotion: Promotion, *, trusted: Collection[str] = ()
    ) -> None:
        """Let the bundle of a folder serve, by its gate; GateError where that does not let it."""

    def roll_back(self, promotion: Promotion) -> str:
        """Let serve again what served before: its hash; BundleError where nothing did."""

    def others(self) -> list[SourceVersion]:
        """What is kept beside what serves, the newest first; BundleError where it cannot be told.

        Each has a verdict that lets it follow what serves, where there is such a one.
        """

    def promote_other(self, id_: str, promotion: Promotion) -> str:
        """Let one of `others` serve, by its `id` and by its verdict: its hash.

        Raises
        ------
        BundleError : it is kept no more, cannot be loaded, or the place cannot be asked.
        GateError : no verdict of it lets it follow what serves.
        """


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A folder that `rung train` writes and `rung policy promote` adds to."""

    path: Path

    def __str__(self) -> str:
        """Its path."""
        return str(self.path)

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

    def folder_of(self, hash_: str) -> Path | None:
        """The folder itself, or one of the former ones beside it."""
        present = served_by(self.path)
        every = ([present] if present else []) + former_of(self.path)
        return next((one.folder for one in every if one.hash == hash_), None)

    def let_go(self, serving: Path) -> None:
        """Nothing was fetched."""

    def versions(self) -> list[SourceVersion]:
        """What serves from the folder, and the former ones beside it."""
        present = served_by(self.path)
        return [_told(one) for one in ([present] if present else []) + former_of(self.path)]

    def gate(self) -> Gate | None:
        """What was written down when it was promoted into the folder."""
        present = served_by(self.path)
        return present.gate if present else None

    def check(self) -> None:
        """Something else may be in the folder."""
        check_folder(self.path)

    def promote(
        self,
        bundle: Path,
        gate: Gate,
        promotion: Promotion,
        *,
        trusted: Collection[str] = (),  # noqa: ARG002 nothing is loaded
    ) -> None:
        """Copy it there; what served is kept beside it."""
        promote_into(self.path, bundle, gate, promotion)

    def roll_back(self, promotion: Promotion) -> str:
        """The newest of the former ones that nobody has gone back from."""
        return roll_back(self.path, promotion).hash

    def others(self) -> list[SourceVersion]:
        """The former ones beside the folder, each bundle once."""
        return [_told(one) for one in self._others()]

    def promote_other(self, id_: str, promotion: Promotion) -> str:
        """Copy one of them there; what served is kept beside it."""
        one = next((one for one in self._others() if one.hash == id_), None)
        if one is None:
            raise BundleError(f"{id_[:12]!r} is not, or no more, kept beside {self.path}")
        require_loadable(one.hash, one.folder)
        promote_into(self.path, one.folder, _required(one.gate, one.hash), promotion)
        return one.hash

    def _others(self) -> list[ServedBundle]:
        present = served_by(self.path)
        serves = present.hash if present else ""
        copies: dict[str, list[ServedBundle]] = {}
        for one in former_of(self.path):
            if one.hash != serves:
                copies.setdefault(one.hash, []).append(one)
        return [
            replace(each[0], gate=_fitting([one.gate for one in each], each[0].hash, serves))
            for each in copies.values()
        ]


def _fitting(gates: Iterable[Gate | None], hash_: str, serves: str) -> Gate | None:
    """Of the verdicts on a bundle one that lets it follow what serves, or else the newest."""
    known = [gate for gate in gates if gate is not None]
    lets = (gate for gate in known if not gate.why_not(hash_, serves))
    return next(lets, known[0] if known else None)


def _required(gate: Gate | None, hash_: str) -> Gate:
    if gate is None:
        raise GateError(f"of {hash_[:12]} {_UNJUDGED}")
    return gate


def _told(one: ServedBundle) -> SourceVersion:
    said = one.promotion
    return SourceVersion(one.hash, said.at, said.by, said.why, one.until, one.gate, one.taken_back)


@dataclass(slots=True)
class RegistrySource:
    """An alias of the MLflow registry, such as the champion of rung-b2b.

    A version is fetched once. Its copy stays while it serves, and while the next one does; with the
    process all copies go, and where it was killed with the next one.
    """

    uri: str
    name: str
    alias: str
    tracking: str = ""
    experiment: str = ""
    _registry: Any = field(default=None, repr=False)
    _copies: dict[int, Path] = field(default_factory=dict, repr=False, compare=False)
    _serving: tuple[Path, ...] = field(default=(), repr=False, compare=False)
    _room: Path | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        """Such as "rung-b2b@champion in sqlite:///artifacts/mlflow.db"."""
        return f"{self.name}@{self.alias} in {shown(self.uri)}"

    def stamp(self) -> str | None:
        """The version that the alias names."""
        found = self._opened().champion(self.name, self.alias)
        return f"{found.name}/{found.version}" if found else None

    def folder(self) -> Path:
        """A copy of that version's bundle."""
        registry = self._opened()
        version = registry.named(self.name, self.alias)
        copy = self._copies.get(version.version)
        if copy is None or not copy.is_dir():
            into = self._into(version.version)
            try:
                copy = registry.download(version, into)
            except BaseException:
                shutil.rmtree(into, ignore_errors=True)
                raise
            self._copies[version.version] = copy
        return copy

    def folder_of(self, hash_: str) -> Path | None:
        """A copy of the newest version of that bundle, which holds until it is asked for again."""
        registry = self._opened()
        versions = (one.version for one in registry.champions(self.name, self.alias))
        version = next((one for one in versions if one.hash == hash_), None)
        if version is None:
            return None
        into = self._into(f"{version.version}-former")
        shutil.rmtree(into, ignore_errors=True)
        return Path(registry.download(version, into))

    def let_go(self, serving: Path) -> None:
        """Remove the copies but this and the one before it, which a chore may be reading."""
        if self._serving[:1] != (serving,):
            self._serving = (serving, *self._serving[:1])
        for version, copy in list(self._copies.items()):
            if copy not in self._serving:
                del self._copies[version]
                shutil.rmtree(self._into(version), ignore_errors=True)

    def versions(self) -> list[SourceVersion]:
        """The versions that serve or served, as their tags tell."""
        return [
            SourceVersion(
                one.hash,
                one.promotion.at,
                one.promotion.by,
                one.promotion.why,
                taken_back=one.taken_back,
                label=f"{one.version.name}/{one.version.version}",
            )
            for one in self._opened().champions(self.name, self.alias)
        ]

    def gate(self) -> Gate | None:
        """What is kept with the version; None of an alias that was moved past Rung."""
        registry = self._opened()
        version = registry.named(self.name, self.alias)
        try:
            gate: Gate = registry.gate(version, self.alias)
        except BundleError:
            return None
        return gate if gate.bundle == version.hash else None

    def check(self) -> None:
        """The registry may not be there."""
        self._opened()

    def promote(
        self, bundle: Path, gate: Gate, promotion: Promotion, *, trusted: Collection[str] = ()
    ) -> None:
        """Publish it, and let the alias name it."""
        gate.require_passed("scores", str(manifest_of(bundle)["hash"]))
        registry = self._opened()
        version = registry.publish(bundle, gate, trusted=trusted, name=self.name)
        registry.set_alias(version, self.alias, gate, promotion)

    def roll_back(self, promotion: Promotion) -> str:
        """The version that served before, by the gate that let it serve then."""
        return str(self._opened().roll_back(self.name, promotion, self.alias).hash)

    def others(self) -> list[SourceVersion]:
        """The versions of the model that were made last, but for what serves."""
        registry = self._opened()
        present = registry.champion(self.name, self.alias)
        serves = present.hash if present else ""
        told = {one.label: one for one in self.versions()}
        found = []
        for version in registry.newest(self.name, _MOST_OTHERS):
            if version.hash in ("", serves):
                continue
            label = f"{version.name}/{version.version}"
            gate = _fitting(registry.gates(version, self.alias), version.hash, serves)
            one = told.get(label, SourceVersion(version.hash, label=label))
            found.append(replace(one, gate=gate))
        return found

    def promote_other(self, id_: str, promotion: Promotion) -> str:
        """Let the alias name one of them."""
        one = next((one for one in self.others() if one.id == id_), None)
        if one is None:
            raise BundleError(f"{id_!r} is not among the last versions of {self}")
        gate, registry = _required(one.gate, one.hash), self._opened()
        version = registry.version(self.name, int(id_.rpartition("/")[2]))
        with tempfile.TemporaryDirectory() as room:
            require_loadable(one.hash, registry.download(version, Path(room)))
        registry.set_alias(version, self.alias, gate, promotion)
        return one.hash

    def _into(self, version: int | str) -> Path:
        if self._room is None:
            self._room = room_of_process("rung-fetched")
        return self._room / str(version)

    def _opened(self) -> Any:
        if self._registry is None:
            from models.registry import Registry  # MLflow takes seconds; most services need none

            self._registry = Registry(self.tracking or self.uri, self.uri, self.experiment)
        return self._registry


def source_of(
    bundle: Path, model: str, registry: str, tracking: str = "", experiment: str = ""
) -> FolderSource | RegistrySource:
    """The source that the settings name: a model of the registry, or else a folder.

    Parameters
    ----------
    model : such as "rung-b2b@champion"; "" for the folder.
    tracking : where the runs of the registry's versions are; "" for the registry itself.
    experiment : of the runs that come with a promotion; "" for the name of the model.
    """
    if not model:
        return FolderSource(bundle)
    name, _, alias = model.partition("@")
    return RegistrySource(registry, name, alias or CHAMPION, tracking, experiment)
