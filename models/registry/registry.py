"""Bundles by name and version, and the aliases that name one of them, as MLflow keeps them.

Tracking and registry live in one database, SQLite unless told otherwise, with the artefacts beside
it; or a server has both, and is asked over HTTP.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import get_model_info
from mlflow.models.model import ModelInfo
from mlflow.protos.databricks_pb2 import (
    INVALID_PARAMETER_VALUE,
    RESOURCE_DOES_NOT_EXIST,
    ErrorCode,
)

from features.clock import now, rfc3339
from features.errors import BundleError
from models.bundle import Bundle, load_bundle
from models.gate import Gate
from models.logged.card.on_record import OnRecord
from models.logged.card.page import card_of
from models.logged.carried_code import copy_code, requirements
from models.logged.former_bundles import Promotion, back_from, require_loadable
from models.logged.registry_uri import Address, in_short, shown
from models.logged.run_page import figures_of, name_of, page_of, params_of, tags_of
from models.logged.versions import (
    CHAMPION,
    AliasTags,
    Naming,
    ServedVersion,
    Version,
    model_name,
)
from models.registry.broken_off import finish_others, finished, unfinished_tag
from models.registry.connecting import alone, opened, unless_there
from models.registry.description import example_of, signature_of, training_log
from models.served_policy import DEFAULT, served_gate

__all__ = ["Registry"]

_HASH: Final = "bundle_hash"
_PUBLISHED: Final = "published"
"""What the gate of a publish is kept as, beside those by which aliases came to name it."""
_SQLITE: Final = "sqlite:///"
_NONE_THERE: Final = {
    ErrorCode.Name(code) for code in (RESOURCE_DOES_NOT_EXIST, INVALID_PARAMETER_VALUE)
}
"""What MLflow answers of a model, and of an alias, that is not there."""
_SOURCE: Final = "mlflow.source.name"
"""MLflow would write the path of the program there."""


class Registry:
    """Bundles by name and version.

    BundleError where the URI is none that MLflow knows, or nobody answers there.

    Parameters
    ----------
    uri : an MLflow tracking URI; "sqlite:///path/mlflow.db" keeps the artefacts in path/mlruns. It
        becomes MLflow's tracking URI in this process, so that `mlflow.pyfunc.load_model` finds the
        same models.
    versions : the URI of the registry, where that is another one; "" for the same. No variable of
        the environment says otherwise.
    experiment : of the runs; "" for the name of the model.
    """

    def __init__(self, uri: str, versions: str = "", experiment: str = "") -> None:
        self.uri = uri
        self._experiment_name = experiment
        self._file = Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None
        self._client = opened(uri, versions or uri, self._file)
        self._untagged: dict[str, str] = {}

    @classmethod
    def at(cls, address: Address) -> Registry:
        """The registry of an address."""
        return cls(address.tracking, address.registry, address.experiment)

    def publish(
        self,
        folder: Path,
        gate: Gate,
        report: Path | None = None,
        *,
        trusted: Collection[str] = (),
        name: str = "",
    ) -> Version:
        """Log a bundle with its ladder, fingerprint and the gate's metrics, as a new version.

        A gate that was not passed is published all the same: it is an alias that needs a passed
        one.

        Parameters
        ----------
        report : a folder that is kept beside the bundle, for people.
        trusted : as in `load_bundle`.
        name : of the model; "" for the ladder's, see `model_name`.

        Raises
        ------
        BundleError : no bundle in the folder.
        GateError : the gate is not that of this bundle's scores.
        """
        bundle = load_bundle(folder, trusted=trusted)
        gate.require_of("scores", bundle.hash)
        with self._asking(), alone(self._file):
            return self._publish(folder, bundle, gate, report, name or model_name(bundle.ladder))

    def _publish(
        self, folder: Path, bundle: Bundle, gate: Gate, report: Path | None, name: str
    ) -> Version:
        served = served_gate(folder, bundle)
        policy = served.policy if served else DEFAULT
        page = page_of(bundle, gate, policy, name)
        experiment = self._experiment(self._experiment_name or name)
        finish_others(self._client, experiment, is_alone=self._file is not None)
        run = mlflow.start_run(
            experiment_id=experiment,
            run_name=name_of(bundle, policy),
            tags={
                _SOURCE: "rung publish",
                **tags_of(bundle, gate, policy),
                **unfinished_tag(),
            },
            description=page,
        )
        with finished(self._client, run.info.run_id):
            with run, tempfile.TemporaryDirectory() as code:
                mlflow.log_params(params_of(bundle))
                mlflow.log_metrics(figures_of(gate))
                mlflow.log_dict(gate.as_dict(), f"gate/{_PUBLISHED}.json")
                mlflow.log_text(card_of(OnRecord(bundle, gate, policy, served)), "card.md")
                self._client.log_inputs(run.info.run_id, [training_log(bundle)])
                if report is not None:
                    mlflow.log_artifacts(str(report), "report")
                example = example_of(bundle)
                logged = mlflow.pyfunc.log_model(
                    name="bundle",
                    loader_module="models.flavor",
                    data_path=str(folder),
                    code_paths=copy_code(Path(code)),
                    pip_requirements=requirements(),
                    signature=signature_of(bundle, example),
                    input_example=example,
                    metadata={_HASH: bundle.hash},
                )
            made = self._register(name, logged, bundle, page)
        return self.version(name, made)

    def _register(self, name: str, logged: ModelInfo, bundle: Bundle, page: str) -> int:
        if not self._client.search_registered_models(f"name = '{name}'"):
            with unless_there():
                self._client.create_registered_model(name, description=bundle.ladder.title)
        made = self._client.create_model_version(
            name,
            logged.model_uri,
            run_id=logged.run_id,
            tags={_HASH: bundle.hash},
            description=page,
            model_id=logged.model_id,
        )
        return int(made.version)

    def never_named(self, like: Version) -> list[int]:
        """Other versions with the very bundle of this one, of which no alias ever named any.

        Such are left where a publish was broken off, or was followed by another of the same bundle.
        """
        with self._asking():
            held = self._client.search_model_versions(f"name = '{like.name}'")
            alike = [
                int(one.version)
                for one in held
                if one.tags.get(_HASH) == like.hash
                and int(one.version) != like.version
                and not any(AliasTags.tells_of_naming(tag) for tag in one.tags)
            ]
            return sorted(at for at in alike if not self.version(like.name, at).aliases)

    def version(self, name: str, version: int) -> Version:
        """One version, with its aliases."""
        return self._version(self._client.get_model_version(name, str(version)))

    def newest(self, name: str, most: int) -> list[Version]:
        """The versions of a model that were made last, the newest first; `most` at the most.

        Raises
        ------
        BundleError : the registry cannot be asked.
        """
        with self._asking():
            found = self._client.search_model_versions(
                f"name = '{name}'", max_results=most, order_by=["version_number DESC"]
            )
            return [self._version(one) for one in found]

    def set_alias(
        self, version: Version, alias: str, gate: Gate, promotion: Promotion | None = None
    ) -> Version:
        """Let an alias name a version, and keep the gate that allows it beside the bundle.

        Parameters
        ----------
        promotion : who wants it so and why, kept as tags; None for now and nobody.

        Raises
        ------
        GateError : the gate was not passed, or is not that of the bundle which this version holds;
            or the alias names another version than the one that it was compared with.
        BundleError : the registry cannot be asked.
        """
        with self._asking():
            held = self._client.get_model_version(version.name, str(version.version))
            gate.require_passed("scores", self._hash_of(held))
            self._settle(version.name, alias)
            if (former := self.champion(version.name, alias)) is not None:
                gate.require_beside(former.hash)
            self._client.log_dict(str(held.run_id), gate.as_dict(), f"gate/{alias}.json")
            self._name(version, alias, Naming(promotion or Promotion(now())))
            return self.version(version.name, version.version)

    def _name(self, version: Version, alias: str, naming: Naming) -> None:
        """Let an alias name a version, and its tags tell since when, by whom and why.

        One tag says all of it first. So whoever reads meanwhile, or after this was broken off,
        finds the whole, and the next one who lets the alias name something puts it right.
        """
        name, number = version.name, str(version.version)
        tags = AliasTags.of(alias)
        self._client.set_model_version_tag(name, number, tags.coming, naming.as_text())
        self._client.set_registered_model_alias(name, alias, number)
        self._settle(name, alias)

    def _settle(self, name: str, alias: str) -> None:
        """Let tags tell of what an alias names what one tag told of it as it came.

        What an earlier time in which it served has left goes, that it was taken back among it.
        """
        held, tags = self._held(name, alias), AliasTags.of(alias)
        naming = tags.coming_of(held.tags) if held else None
        if held is None or naming is None:
            return
        number = str(held.version)
        if naming.takes_back:
            self._client.set_model_version_tag(
                name, str(naming.takes_back), tags.taken_back, rfc3339(naming.promotion.at)
            )
        for tag, text in tags.written(naming.promotion).items():
            if text:
                self._client.set_model_version_tag(name, number, tag, text)
            elif tag in held.tags:
                self._client.delete_model_version_tag(name, number, tag)
        self._client.delete_model_version_tag(name, number, tags.coming)

    def champions(self, name: str, alias: str = CHAMPION) -> list[ServedVersion]:
        """What an alias names, and then what it named before, the newest first.

        Raises
        ------
        BundleError : the registry cannot be asked.
        """
        tags = AliasTags.of(alias)
        with self._asking():
            present = self._held(name, alias)
            versions = self._client.search_model_versions(f"name = '{name}'")
        serving = int(present.version) if present else 0
        naming = tags.coming_of(present.tags) if present else None
        former = [
            tags.read(self._version(one), one.tags, naming)
            for one in versions
            if tags.since in one.tags and int(one.version) != serving
        ]
        former.sort(key=lambda one: (one.promotion.at, one.version.version), reverse=True)
        if present is None:
            return former
        serves = tags.read(self._version(present), present.tags)
        said = naming.promotion if naming else serves.promotion
        return [replace(serves, promotion=said, taken_back=False), *former]

    def gates(self, version: Version, alias: str = CHAMPION) -> list[Gate]:
        """The verdicts that are kept of a version: by which an alias named it, and the first."""
        found = []
        for name in (alias, _PUBLISHED):
            with suppress(BundleError):
                found.append(self.gate(version, name))
        return [one for one in found if one.bundle == version.hash]

    def gate(self, version: Version, alias: str = CHAMPION) -> Gate:
        """The gate by which an alias came to name a version; BundleError where none is kept."""
        try:
            held = self._client.get_model_version(version.name, str(version.version))
            kept = mlflow.artifacts.load_dict(f"runs:/{held.run_id}/gate/{alias}.json")
        except (MlflowException, OSError) as error:
            said = f"no gate of version {version.version} of {version.name!r} in {shown(self.uri)}"
            raise BundleError(f"{said}: {error}") from error
        return Gate.of_dict(kept)

    def roll_back(
        self, name: str, promotion: Promotion | None = None, alias: str = CHAMPION
    ) -> Version:
        """Let an alias name again what it named before; by the gate that let that serve then.

        Parameters
        ----------
        promotion : who goes back and why, kept as tags of what serves then; None for now and
            nobody.

        Raises
        ------
        BundleError : none served before, or none that was not gone back from; this version of Rung
            cannot read it; or the registry cannot be asked.
        """
        champion, said = self.champion(name, alias), promotion or Promotion(now())
        back = back_from(champion.hash if champion else "", self.champions(name, alias))
        if back is None:
            raise BundleError(
                f"no version of {name!r} in {shown(self.uri)} served before, or none that was not"
                " gone back from: there is nothing to go back to"
            )
        with tempfile.TemporaryDirectory() as room:
            require_loadable(back.hash, self.download(back.version, Path(room)))
        with self._asking():
            self.gate(back.version, alias).require_passed("scores", back.hash)
            self._settle(name, alias)
            taken = champion.version if champion is not None else 0
            self._name(back.version, alias, Naming(said, taken))
            return self.version(name, back.version.version)

    def promote(
        self,
        version: Version,
        gate: Gate,
        promotion: Promotion | None = None,
        alias: str = CHAMPION,
    ) -> Version:
        """Let an alias name a version if its gate was passed; else it stays where it is."""
        return self.set_alias(version, alias, gate, promotion) if gate.passed else version

    def fetch(self, name: str, alias: str = CHAMPION) -> tuple[Version, Path]:
        """The version that an alias names, and the folder of its bundle.

        Raises
        ------
        BundleError : no such model or alias.
        """
        found = self.named(name, alias)
        return found, self.download(found)

    def download(self, version: Version, into: Path | None = None) -> Path:
        """The folder of a version's bundle, on this machine.

        Parameters
        ----------
        into : the folder that a copy is made in; None for where MLflow has it, or copies it to.

        Raises
        ------
        BundleError : it cannot be had.
        """
        # Not the code that it carries: whoever fetches it here has that.
        uri = f"models:/{version.name}/{version.version}/data"
        where = None if into is None else str(into)
        try:
            return _only_folder(Path(mlflow.artifacts.download_artifacts(uri, dst_path=where)))
        except (MlflowException, OSError) as error:
            said = f"version {version.version} of {version.name!r} cannot be had from"
            why = str(error) if version.hash else "it is no bundle that `rung publish` wrote"
            raise BundleError(f"{said} {shown(self.uri)}: {why}") from error

    def named(self, name: str, alias: str = CHAMPION) -> Version:
        """The version that an alias names; BundleError where there is no such model or alias."""
        found = self.champion(name, alias)
        if found is None:
            raise BundleError(f"no {alias!r} of {name!r} in {shown(self.uri)}")
        return found

    def champion(self, name: str, alias: str = CHAMPION) -> Version | None:
        """The version that an alias names; None where there is no such model or alias.

        Raises
        ------
        BundleError : the registry cannot be asked.
        """
        with self._asking():
            found = self._held(name, alias)
        return self._version(found) if found else None

    def _held(self, name: str, alias: str) -> ModelVersion | None:
        try:
            return self._client.get_model_version_by_alias(name, alias)
        except MlflowException as error:
            if error.error_code not in _NONE_THERE:
                raise
            return None

    def _version(self, found: ModelVersion) -> Version:
        return Version(found.name, int(found.version), self._hash_of(found), tuple(found.aliases))

    def _hash_of(self, found: ModelVersion) -> str:
        """The hash of a version's bundle; "" where it is none.

        A bundle that somebody registered on MLflow's page has no tag, and its model says it.
        """
        if tagged := found.tags.get(_HASH):
            return str(tagged)
        source = str(found.source)
        if source not in self._untagged:
            try:
                said = get_model_info(f"models:/{found.name}/{found.version}").metadata
            except (MlflowException, OSError):  # what it was logged as is gone, or is no model
                return ""
            self._untagged[source] = str((said or {}).get(_HASH, ""))
        return self._untagged[source]

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """What MLflow says of a registry that is away, or that will not, as a BundleError."""
        try:
            yield
        except MlflowException as error:
            said = f"the registry at {shown(self.uri)} cannot be asked: {in_short(error.message)}"
            raise BundleError(said) from error

    def _experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        location = None
        if self._file:
            location = (self._file.resolve().parent / "mlruns").as_uri()
        with unless_there():
            self._client.create_experiment(name, artifact_location=location)
        made = self._client.get_experiment_by_name(name)
        if made is None:
            raise BundleError(
                f"the experiment {name!r} was deleted in {shown(self.uri)}; restore it"
            )
        return str(made.experiment_id)


def _only_folder(path: Path) -> Path:
    """The folder that was logged, in the one in which MLflow keeps it."""
    for entry in sorted(path.iterdir()):
        if entry.is_dir():
            return entry
    raise FileNotFoundError("it holds no bundle")
