"""The model that is to serve, and the ladder that says what events mean."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from features.errors import BundleError, LadderError, PolicyError
from features.ladder.file import read_ladder
from features.ladder.ladder import Ladder
from models.bundle import Bundle, load_bundle
from models.logged.registry_uri import shown
from models.served_policy import DEFAULT, read_served
from models.sources import source_of
from serving.doctor.finding import Finding, fine, wrong
from serving.settings import Settings

__all__ = ["ladder_of", "loaded"]

_UNSERVED: Final = "a service that starts now has no scores; one that runs keeps its former model"
_SQLITE: Final = "sqlite:///"


def loaded(settings: Settings) -> tuple[Bundle | None, list[Finding]]:
    """The bundle that is to serve; None where there is none that can be used."""
    place = f"the champion {settings.model}" if settings.model else str(settings.bundle)
    try:
        folder = _folder(settings)
        bundle = load_bundle(folder, trusted=settings.trusted_types)
    except BundleError as error:
        remedy = "rung train, then rung evaluate"
        if settings.model:
            remedy += ", and rung publish --promote with the registry of RUNG_REGISTRY"
        return None, [wrong("model", str(error), _UNSERVED, remedy)]
    found = [
        fine("model", f"{bundle.version} of {place} loads, for the ladder {bundle.ladder.name}")
    ]
    try:
        read_served(folder, bundle)
    except (BundleError, PolicyError) as error:
        why = f"{DEFAULT} chooses the next step instead"
        found.append(wrong("policy", str(error), why, "rung policy evaluate, rung policy promote"))
    return bundle, found


def _folder(settings: Settings) -> Path:
    """The folder of the bundle; BundleError where there is none. A registry is not made."""
    path = Path(settings.registry.removeprefix(_SQLITE))
    if settings.model and settings.registry.startswith(_SQLITE) and not path.is_file():
        raise BundleError(f"there is no registry at {shown(settings.registry)}")
    return source_of(settings.bundle, settings.model, settings.registry, settings.tracking).folder()


def ladder_of(settings: Settings, bundle: Bundle | None) -> tuple[Ladder | None, list[Finding]]:
    """The ladder whose events count: the model's, or that of the settings."""
    try:
        own = read_ladder(settings.ladder) if settings.ladder else None
    except LadderError as error:
        first = str(error).splitlines()[0]
        why = "the service does not start"
        return None, [wrong("ladder", first, why, f"rung ladder check {settings.ladder}")]
    return (bundle.ladder if bundle else own), []
