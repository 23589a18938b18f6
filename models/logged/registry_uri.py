"""Which MLflow a command or a service means: an option of ours, MLflow's own variables, a file.

MLflow takes seconds to import; this needs none of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from features.errors import BundleError, without_password

__all__ = ["DEFAULT_URI", "Address", "address", "folder_named", "in_short", "shown"]

_FILE: Final = "mlflow.db"
DEFAULT_URI: Final = f"sqlite:///artifacts/{_FILE}"
_NAMED: Final = (
    "name the folder of a bundle, or the URI of a registry, as sqlite:///mlflow.db or"
    " http://127.0.0.1:5000"
)
_TRACKING: Final = "MLFLOW_TRACKING_URI"
_REGISTRY: Final = "MLFLOW_REGISTRY_URI"
_EXPERIMENT: Final = "MLFLOW_EXPERIMENT_NAME"


@dataclass(frozen=True, slots=True)
class Address:
    """Where runs are logged and versions are kept.

    Parameters
    ----------
    tracking, registry : MLflow URIs; mostly the same.
    experiment : of the runs; "" for the name of the model.
    source : who says so, in words.
    """

    tracking: str
    registry: str
    experiment: str
    source: str

    def __str__(self) -> str:
        """Such as "http://127.0.0.1:5000 (MLFLOW_TRACKING_URI)"; without a password."""
        place = shown(self.tracking)
        if self.registry != self.tracking:
            place += f", versions in {shown(self.registry)}"
        if self.experiment:
            place += f", experiment {self.experiment!r}"
        return f"{place} ({self.source})"

    def as_dict(self) -> dict[str, str]:
        """The URIs for a program to name again, without who logs in: `tracking` and `registry`."""
        return {"tracking": shown(self.tracking, ""), "registry": shown(self.registry, "")}


def address(
    option: str | None, environment: Mapping[str, str], name: str = "--registry"
) -> Address:
    """The address that holds: that of the option, else of MLflow's variables, else our own file.

    An empty variable is as good as none. The option decides about both URIs; an experiment has no
    option, so MLFLOW_EXPERIMENT_NAME always holds.

    Parameters
    ----------
    name : what the option is called.
    """
    told = {key: environment.get(key, "").strip() for key in (_TRACKING, _REGISTRY, _EXPERIMENT)}
    if option:
        return Address(option, option, told[_EXPERIMENT], name)
    tracking = told[_TRACKING] or DEFAULT_URI
    named = [key for key in (_TRACKING, _REGISTRY) if told[key]]
    source = " and ".join(named) or "the default"
    return Address(tracking, told[_REGISTRY] or tracking, told[_EXPERIMENT], source)


def folder_named(named: str) -> Path:
    """The folder that is named where the URI of a registry may stand as well.

    It may be empty, or not there yet.

    Raises
    ------
    BundleError : it is a file, such as a registry is kept in, or a folder with anything but a
        bundle, such as one of MLflow's.
    """
    path = Path(named)
    if path.is_file():
        raise BundleError(
            f"{named} is a file, and no folder; a registry in it is named sqlite:///{named}"
        )
    if named.startswith("file:"):
        raise BundleError(f"{named} is neither a folder nor the URI of a registry; {_NAMED}")
    held = _held(path)
    if not held or "manifest.json" in held:
        return path
    if path.name != "mlruns" and not {"mlruns", _FILE, "meta.yaml"} & set(held):
        raise BundleError(f"{named} holds {held[0]!r} and no bundle; {_NAMED}")
    files = (path / _FILE, path.parent / _FILE)
    there = next((f"sqlite:///{file}" for file in files if file.is_file()), "")
    named_so = f"the registry beside it is named {there}" if there else _NAMED
    raise BundleError(f"{named} is where MLflow keeps its files, and no bundle; {named_so}")


def _held(folder: Path) -> list[str]:
    """The names in a folder; none where it may not be read, which whoever reads it says."""
    try:
        names = sorted(one.name for one in folder.iterdir())
    except OSError:
        return []
    return [name for name in names if name[:1] != "." and name != "lost+found"]  # of a volume


def shown(uri: str, login: str = "***@") -> str:
    """A URI as it may be printed: without who logs in, and with which password.

    Parameters
    ----------
    login : what stands in the place of both.
    """
    try:
        parts = urlsplit(uri)
    except ValueError:
        return "an address that cannot be read"
    if "@" in parts.netloc:
        uri = urlunsplit(parts._replace(netloc=login + parts.netloc.rpartition("@")[2]))
    return without_password(uri)  # one may stand in the query as well


def in_short(said: object) -> str:
    """What MLflow says of a registry; of a server that does not answer, that, and why in brief."""
    _, is_away, why = str(said).partition("(Caused by ")
    if not is_away:
        return str(said)
    why = why.rpartition("): ")[2].removesuffix("))").rstrip("'\"")
    return f"nobody answers there ({why}); see that it runs, and that the address is right"
