"""The registry: versions of bundles, their reports, and the aliases that say which one serves.

The only file that imports MLflow. Tracking and registry live in one database, SQLite unless told
otherwise; the artefacts lie beside it.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

# MLflow decides about telemetry when it is imported; a default installation must not phone home.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")

import mlflow
from alembic.util.exc import CommandError
from mlflow.exceptions import MlflowException
from mlflow.models.model import ModelInfo
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

from features.clock import when
from features.errors import BundleError
from features.events.log import EventLog
from features.ladder.ladder import Ladder
from features.signals.program import compile_ladder
from features.signals.snapshot import snapshot
from models.bundle import Bundle, load_bundle
from models.gate import Gate

# Its migrations of a fresh database are nobody's news.
logging.getLogger("mlflow").setLevel(logging.WARNING)
logging.getLogger("alembic").setLevel(logging.WARNING)

__all__ = ["CHAMPION", "Registry", "Version", "model_name"]

CHAMPION: Final = "champion"
"""The alias of the version that serves."""
_HASH: Final = "bundle_hash"
_SQLITE: Final = "sqlite:///"


@dataclass(frozen=True, slots=True)
class Version:
    """A bundle in the registry."""

    name: str
    version: int
    hash: str
    aliases: tuple[str, ...]


def model_name(ladder: Ladder) -> str:
    """What the bundles of a ladder are called in a registry."""
    return f"rung-{ladder.name}"


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
        self._file = Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None
        if self._file:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._alone():
                mlflow.set_tracking_uri(uri)
                self._client = MlflowClient()
                if self._file:
                    self._client.search_experiments(max_results=1)  # makes its tables, if need be
        except MlflowException as error:
            raise BundleError(f"no registry at {uri}: {error.message}") from error
        except (SQLAlchemyError, CommandError) as error:
            said = str(error).splitlines()[0]
            raise BundleError(
                f"the registry at {uri} cannot be opened ({said}); if another program is making or"
                " upgrading it, try again when that is done"
            ) from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While this lasts no other of us opens or fills the registry, where it is a file.

        MLflow makes the tables of a new one, and two that do so at once fail. Where no file can be
        made beside it, nothing can be made in it either, and nobody has to wait.
        """
        if self._file is None:
            yield
            return
        with ExitStack() as stack:
            try:
                lock = stack.enter_context(Path(f"{self._file}.lock").open("a"))
            except PermissionError:
                lock = None
            except OSError as error:
                if error.errno != errno.EROFS:
                    raise
                lock = None
            if lock is not None:
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def publish(self, folder: Path, gate: Gate, report: Path | None = None) -> Version:
        """Log a bundle with its ladder, fingerprint and the gate's metrics, as a new version.

        The name is the ladder's. A gate that was not passed is published all the same: it is an
        alias that needs a passed one.

        Parameters
        ----------
        report : a folder that is kept beside the bundle, for people.

        Raises
        ------
        BundleError : no bundle in the folder.
        GateError : the gate is not that of this bundle's scores.
        """
        bundle = load_bundle(folder)
        gate.require_of("scores", bundle.hash)
        with self._alone():
            return self._publish(folder, bundle, gate, report)

    def _publish(self, folder: Path, bundle: Bundle, gate: Gate, report: Path | None) -> Version:
        name = model_name(bundle.ladder)
        with mlflow.start_run(experiment_id=self._experiment(name)):
            mlflow.log_params(_params(bundle))
            mlflow.log_metrics(gate.metrics)
            if report is not None:
                mlflow.log_artifacts(str(report), "report")
            logged = mlflow.pyfunc.log_model(
                name="bundle",
                loader_module="models.flavor",
                data_path=str(folder),
                pip_requirements=[f"rung=={bundle.manifest['rung']}"],
                input_example=_example(bundle),
                metadata={_HASH: bundle.hash},
            )
        return self._register(name, logged, bundle)

    def _register(self, name: str, logged: ModelInfo, bundle: Bundle) -> Version:
        if not self._client.search_registered_models(f"name = '{name}'"):
            with _unless_there():
                self._client.create_registered_model(name, description=bundle.ladder.title)
        made = self._client.create_model_version(
            name,
            logged.model_uri,
            run_id=logged.run_id,
            tags={_HASH: bundle.hash},
            model_id=logged.model_id,
        )
        return self.version(name, int(made.version))

    def version(self, name: str, version: int) -> Version:
        """One version, with its aliases."""
        found = self._client.get_model_version(name, str(version))
        return Version(name, int(version), found.tags.get(_HASH, ""), tuple(found.aliases))

    def set_alias(self, version: Version, alias: str, gate: Gate) -> Version:
        """Let an alias name a version, and keep the gate that allows it beside the bundle.

        Raises
        ------
        GateError : the gate was not passed, or is not that of the bundle which this version holds;
            or another champion serves than the one that it was compared with.
        """
        held = self._client.get_model_version(version.name, str(version.version))
        gate.require_passed("scores", held.tags.get(_HASH, ""))
        if alias == CHAMPION and (former := self.champion(version.name)) is not None:
            gate.require_beside(former.hash)
        self._client.log_dict(str(held.run_id), gate.as_dict(), f"gate/{alias}.json")
        self._client.set_registered_model_alias(version.name, alias, str(version.version))
        return self.version(version.name, version.version)

    def promote(self, version: Version, gate: Gate) -> Version:
        """Make a version the champion if its gate was passed; else the champion stays."""
        return self.set_alias(version, CHAMPION, gate) if gate.passed else version

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

    def champion(self, name: str) -> Version | None:
        """The version that serves; None where none was promoted yet."""
        for model in self._client.search_registered_models(f"name = '{name}'"):
            if CHAMPION in model.aliases:
                return self.version(name, int(model.aliases[CHAMPION]))
        return None

    def _experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        location = None
        if self._file:
            location = (self._file.resolve().parent / "mlruns").as_uri()
        with _unless_there():
            self._client.create_experiment(name, artifact_location=location)
        made = self._client.get_experiment_by_name(name)
        if made is None:
            raise BundleError(f"the experiment {name!r} was deleted in {self.uri}; restore it")
        return str(made.experiment_id)


@contextmanager
def _unless_there() -> Iterator[None]:
    """What another makes at the same time is as good as made here."""
    try:
        yield
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
            raise


def _data_folder(path: Path) -> str:
    """The name under which MLflow keeps the folder that was logged."""
    return next(entry.name for entry in sorted((path / "data").iterdir()) if entry.is_dir())


def _example(bundle: Bundle) -> pd.DataFrame:
    """The signals of a lead that has done one thing: MLflow learns the columns from it."""
    until = int(bundle.manifest["until"])
    columns = compile_ladder(bundle.ladder).columns
    log = EventLog.from_columns(["example"], ["example"], np.array([until]), columns=columns)
    return snapshot(log, bundle.ladder, None, when(until)).frame()


def _params(bundle: Bundle) -> dict[str, Any]:
    manifest = bundle.manifest
    return {
        "ladder": bundle.ladder.name,
        "ladder_fingerprint": bundle.ladder.fingerprint,
        "signals_fingerprint": manifest["signals_fingerprint"],
        "data_fingerprint": manifest["data_fingerprint"],
        _HASH: bundle.hash,
        "until": manifest["until"],
        "rung": manifest["rung"],
    }
