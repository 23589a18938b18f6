"""The bundle that a verb names, or else what serves."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from features.ladder.ladder import Ladder
    from models.bundle import Bundle
    from models.sources import FolderSource, RegistrySource

__all__ = [
    "loaded_bundle",
    "look_here",
    "named_ladder",
    "served_folder",
    "trusted_types",
    "usual_ladder",
    "what_serves",
]


def loaded_bundle(folder: Path, parsed: argparse.Namespace) -> Bundle:
    """The bundle of a folder, with the types that the call trusts."""
    from models.bundle import load_bundle

    return load_bundle(folder, trusted=trusted_types(parsed))


def trusted_types(parsed: argparse.Namespace) -> tuple[str, ...]:
    """The types that --trust and RUNG_TRUSTED_TYPES permit, sorted.

    Where there are some, their modules are looked for in the current folder as well.
    """
    from serving.settings import Settings

    named = {*Settings.from_environment(os.environ).trusted_types, *parsed.trust}
    if named:
        look_here()
    return tuple(sorted(named))


def look_here() -> None:
    """Let modules of the current folder be imported; those that are installed come first."""
    here = str(Path.cwd())
    if not {here, ""} & set(sys.path):
        sys.path.append(here)


def named_ladder(parsed: argparse.Namespace) -> Ladder | None:
    """None where a ladder is named, which `read` reads; else that of the bundle.

    Raises
    ------
    BundleError : there is no bundle, or none that can be read.
    """
    from models.bundle import load_bundle

    if parsed.ladder:
        return None
    return load_bundle(served_folder(parsed.bundle, "ladder")).ladder


def served_folder(named: Path | None, wanted: str = "bundle") -> Path:
    """The folder of the bundle that a verb names, or of the one that the environment lets serve.

    Parameters
    ----------
    wanted : what the bundle is looked for, as the error says: "bundle" or "ladder".

    Raises
    ------
    BundleError : neither names one, or it cannot be had.
    """
    from features.errors import BundleError

    if named:
        return named
    if not os.environ.get("RUNG_BUNDLE") and not os.environ.get("RUNG_MODEL"):
        other = "--ladder, or a bundle with --bundle" if wanted == "ladder" else "--bundle"
        raise BundleError(
            f"no {wanted} is named, and RUNG_BUNDLE is not set: name one with {other}"
        )
    return what_serves(None).folder()


def what_serves(
    named: str | None, *, asked: Ladder | None = None, usual: Ladder | None = None
) -> FolderSource | RegistrySource:
    """Where what serves comes from: what an option names, or else what the service's settings do.

    In a registry it is RUNG_MODEL that says which model and which alias of it.

    Parameters
    ----------
    named : a folder, or the URI of a registry; None for that of the settings.
    asked : the ladder that an option names; RUNG_MODEL must not name the model of another one.
    usual : whose champion is meant where neither says; None for b2b.

    Raises
    ------
    BundleError : --ladder and RUNG_MODEL mean two models, or what is named, or RUNG_BUNDLE, is a
        file or a folder with anything but a bundle.
    SettingsError : the environment has settings that will not do.
    """
    from features.errors import BundleError
    from features.ladder.file import read_ladder
    from models.logged.registry_uri import address, folder_named
    from models.logged.versions import model_name
    from models.sources import source_of
    from serving.settings import Settings

    settings = Settings.from_environment(os.environ)
    if named and "://" not in named:
        return source_of(folder_named(named), "", "")
    if not named and not settings.model:
        return source_of(folder_named(str(settings.bundle)), "", "")
    model = settings.model or model_name(asked or usual or read_ladder("b2b"))
    if asked is not None and model.partition("@")[0] != model_name(asked):
        raise BundleError(
            f"--ladder names {asked.name}, whose model is {model_name(asked)}, and RUNG_MODEL names"
            f" {model}: leave one of them out"
        )
    registry, tracking = (named, "") if named else (settings.registry, settings.tracking)
    experiment = address(named, os.environ).experiment
    return source_of(settings.bundle, model, registry, tracking, experiment)


def usual_ladder(source: FolderSource | RegistrySource) -> Ladder:
    """The ladder of what is to serve from a place where nothing serves yet.

    Raises
    ------
    BundleError : the model in the registry is called by no ladder that comes along.
    """
    from features.errors import BundleError, LadderError
    from features.ladder.file import read_ladder
    from models.logged.versions import ladder_name
    from models.sources import RegistrySource

    if not isinstance(source, RegistrySource):
        return read_ladder("b2b")
    try:
        return read_ladder(ladder_name(source.name))
    except LadderError as error:
        raise BundleError(
            f"nothing serves yet as {source}: name its ladder with --ladder"
        ) from error
