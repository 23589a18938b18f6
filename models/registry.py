"""The registry: versions of bundles, their reports, and the aliases that say which one serves.

The only file that imports MLflow. Tracking and registry live in one database, SQLite unless told
otherwise; the artefacts lie beside it.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

# MLflow decides about telemetry when it is imported; a default installation must not phone home.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.models.model import ModelInfo
from mlflow.tracking import MlflowClient

from features.errors import BundleError
from models.bundle import Bundle, load_bundle

# Its migrations of a fresh database are nobody's news.
logging.getLogger("mlflow").setLevel(logging.WARNING)
logging.getLogger("alembic").setLevel(logging.WARNING)

__all__ = ["CHAMPION", "Registry", "Version"]

CHAMPION: Final = "champion"
"""The alias of the version that serves."""


@dataclass(frozen=True, slots=True)
class Version:
    """A bundle in the registry."""

    name: str
    version: int
    hash: str
    aliases: tuple[str, ...]


class Registry:
    """Bundles by name and version.

    BundleError where the URI is none that MLflow knows.

    Parameters
    ----------
    uri : an MLflow tracking URI; "sqlite:///path/mlflow.db" keeps the artefacts in path/mlruns. It
        becomes MLflow's tracking URI in this process, so that `mlflow.pyfunc.load_model` finds the
        same models.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        if uri.startswith("sqlite:///"):
            Path(uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        try:
            mlflow.set_tracking_uri(uri)
            self._client = MlflowClient()
        except MlflowException as error:
            raise BundleError(f"no registry at {uri}: {error.message}") from error

    def publish(
        self,
        folder: Path,
        *,
        example: pd.DataFrame,
        metrics: dict[str, float],
        report: Path | None = None,
    ) -> Version:
        """Log a bundle with its ladder, fingerprint, metrics and report, as a new version.

        The name is the ladder's. `example` is a frame of signals, from which MLflow learns the
        model's input and output.
        """
        bundle = load_bundle(folder)
        name = f"rung-{bundle.ladder.name}"
        with mlflow.start_run(experiment_id=self._experiment(name)):
            mlflow.log_params(_params(bundle))
            mlflow.log_metrics(metrics)
            if report is not None:
                mlflow.log_artifacts(str(report), "report")
            logged = mlflow.pyfunc.log_model(
                name="bundle",
                loader_module="models.flavor",
                data_path=str(folder),
                pip_requirements=[f"rung=={bundle.manifest['rung']}"],
                input_example=example,
                metadata={"bundle_hash": bundle.hash},
            )
        return self._register(name, logged, bundle)

    def _register(self, name: str, logged: ModelInfo, bundle: Bundle) -> Version:
        if not self._client.search_registered_models(f"name = '{name}'"):
            self._client.create_registered_model(name, description=bundle.ladder.title)
        made = self._client.create_model_version(
            name,
            logged.model_uri,
            run_id=logged.run_id,
            tags={"bundle_hash": bundle.hash},
            model_id=logged.model_id,
        )
        return self.version(name, int(made.version))

    def version(self, name: str, version: int) -> Version:
        """One version, with its aliases."""
        found = self._client.get_model_version(name, str(version))
        return Version(name, int(version), found.tags.get("bundle_hash", ""), tuple(found.aliases))

    def set_alias(self, version: Version, alias: str) -> None:
        """Let an alias name a version. Whoever calls has a passed gate report in hand."""
        self._client.set_registered_model_alias(version.name, alias, str(version.version))

    def fetch(self, name: str, alias: str = CHAMPION) -> tuple[Version, Path]:
        """The version that an alias names, and the folder of its bundle.

        Raises
        ------
        BundleError : no such model or alias.
        """
        found = self.named(name, alias)
        path = Path(mlflow.artifacts.download_artifacts(f"models:/{name}/{found.version}"))
        return found, path / "data" / _data_folder(path)

    def named(self, name: str, alias: str = CHAMPION) -> Version:
        """The version that an alias names; BundleError where there is no such model or alias."""
        try:
            found = self._client.get_model_version_by_alias(name, alias)
        except MlflowException as error:
            raise BundleError(f"no {alias!r} of {name!r} in {self.uri}: {error.message}") from error
        return self.version(name, int(found.version))

    def _experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        location = None
        if self.uri.startswith("sqlite:///"):
            folder = Path(self.uri.removeprefix("sqlite:///")).resolve().parent / "mlruns"
            location = folder.as_uri()
        return str(self._client.create_experiment(name, artifact_location=location))


def _data_folder(path: Path) -> str:
    """The name under which MLflow keeps the folder that was logged."""
    return next(entry.name for entry in sorted((path / "data").iterdir()) if entry.is_dir())


def _params(bundle: Bundle) -> dict[str, Any]:
    manifest = bundle.manifest
    return {
        "ladder": bundle.ladder.name,
        "ladder_fingerprint": bundle.ladder.fingerprint,
        "signals_fingerprint": manifest["signals_fingerprint"],
        "data_fingerprint": manifest["data_fingerprint"],
        "bundle_hash": bundle.hash,
        "until": manifest["until"],
        "rung": manifest["rung"],
    }
