"""A publish or a promotion that ends anywhere leaves no half of it, or the next one mends it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from inspect import isfunction
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from features.clock import now
from features.errors import BundleError
from models.bundle import Bundle, save_bundle
from models.logged.former_bundles import Promotion
from models.registry import Registry
from tests.faults import Faults, each_fault
from tests.gates import scores_gate
from training.pipeline import train

NAME = "rung-b2b"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Operation with range is deprecated"),  # MLflow's example
]


class Killed(BaseException):
    """The process is gone: nothing that it would have done is done."""


class Ended(Faults):
    """Every call after the one that fails does, as of a process that was killed before it.

    To be killed after one call is to be killed before the next.
    """

    def call(self, what: str, do: Any, fail: Any) -> Any:
        if self.failed:
            raise Killed
        return super().call(what, do, fail)


@contextmanager
def failing_registry(faults: Faults, fail: Any) -> Iterator[None]:
    """Every call of any client of MLflow's may fail; what one calls of another is part of it."""
    within: list[str] = []

    def failing(name: str, true: Any) -> Any:
        def called(*given: Any, **more: Any) -> Any:
            if within:
                return true(*given, **more)

            def do() -> Any:
                within.append(name)
                try:
                    return true(*given, **more)
                finally:
                    within.clear()

            return faults.call(name, do, fail)

        return called

    with pytest.MonkeyPatch.context() as patch:
        for name, true in vars(MlflowClient).items():
            if isfunction(true) and not name.startswith("_"):
                patch.setattr(MlflowClient, name, failing(name, true))
        yield
    with suppress(MlflowException):
        mlflow.end_run()


@pytest.fixture(scope="module")
def another(simulated_log, b2b, tmp_path_factory) -> tuple[Bundle, Path]:
    """Another bundle of the same ladder, and its folder."""
    folder = tmp_path_factory.mktemp("another") / "bundle"
    until = int(simulated_log.known.min()) + 10**13
    return save_bundle(train(simulated_log, b2b, until=until), folder), folder


def runs_of(registry: Registry) -> list[Any]:
    """All runs that anybody sees."""
    experiment = registry._client.get_experiment_by_name(NAME)
    return list(registry._client.search_runs([experiment.experiment_id])) if experiment else []


def check_whole(registry: Registry) -> None:
    """Each run, and each model of one, has its version; each version has its run."""
    client = registry._client
    runs = runs_of(registry)
    versions = client.search_model_versions(f"name = '{NAME}'")
    assert {one.info.run_id for one in runs} == {one.run_id for one in versions}
    assert {one.info.status for one in runs} <= {"FINISHED"}
    assert not any(tag.startswith("rung_publish") for one in runs for tag in one.data.tags)
    experiments = [one.info.experiment_id for one in runs[:1]]
    models = client.search_logged_models(experiments) if experiments else []
    assert {f"models:/{one.model_id}" for one in models} == {one.source for one in versions}


def test_each_call_of_a_publish_is_the_last(trained, bundle_folder, tmp_path):
    """Whoever publishes next finds what a killed one left, and deletes it or lets it be whole."""
    registry, gate = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}"), scores_gate(trained)

    def attempt(faults: Faults) -> None:
        ended = Ended(faults.at)
        with failing_registry(ended, Killed), suppress(Killed):
            registry.publish(bundle_folder, gate)
        faults.failed = ended.failed
        if ended.failed:
            versions = registry._client.search_model_versions(f"name = '{NAME}'")
            assert all(registry.version(NAME, int(one.version)).hash for one in versions)
            registry.publish(bundle_folder, gate)
        check_whole(registry)

    assert each_fault(attempt) > 10


def test_each_call_of_a_publish_fails(trained, bundle_folder, tmp_path):
    """What is left of one that failed is gone before that is said, where the registry answers."""
    registry, gate = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}"), scores_gate(trained)
    away = partial(MlflowException, "the registry is away")

    def attempt(faults: Faults) -> None:
        faults.when = "after"  # the harder one: it was done, and nobody here knows
        with failing_registry(faults, away), suppress(BundleError, MlflowException):
            registry.publish(bundle_folder, gate)
        unfinished = [one for one in runs_of(registry) if "rung_publish_begun" in one.data.tags]
        # Nobody here knows of a run whose making was not answered, and what finishes may fail too.
        if faults.failed not in ("create_run", "delete_tag", "search_model_versions"):
            assert unfinished == []
        registry.publish(bundle_folder, gate)
        check_whole(registry)

    assert each_fault(attempt) > 10


@pytest.mark.parametrize("way", ["promote", "roll back"])
def test_each_call_of_a_promotion_is_the_last(trained, bundle_folder, another, tmp_path, way: str):
    """What serves has since when, by whom and why at each moment, and what served keeps it."""
    registry = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}")
    bundle, folder = another
    first = registry.publish(bundle_folder, scores_gate(trained))
    second = registry.publish(folder, scores_gate(bundle))
    beside_first = scores_gate(bundle, beside=trained.hash)
    beside_second = scores_gate(trained, beside=bundle.hash)
    registry.promote(first, scores_gate(trained), Promotion(now(), "ann", "the first"))

    def do(said: Promotion) -> None:
        if way == "promote":
            registry.promote(second, beside_first, said)
        else:
            registry.roll_back(NAME, said)

    def attempt(faults: Faults) -> None:
        if way == "roll back":
            registry.promote(second, beside_first, Promotion(now(), "cy", "newer"))
        before = registry.champions(NAME)
        said = Promotion(now(), "bo", "as it is meant")
        ended = Ended(faults.at)
        with failing_registry(ended, Killed), suppress(Killed):
            do(said)
        faults.failed = ended.failed
        found = registry.champions(NAME)
        if found != before:  # all of it, though it may have ended half way
            assert found[0].hash == (bundle.hash if way == "promote" else trained.hash)
            assert (found[0].promotion, found[0].taken_back) == (said, False)
            assert [one.version.version for one in found[1:]] == [before[0].version.version]
            assert found[1].promotion == before[0].promotion
            assert found[1].taken_back == (way == "roll back")
        else:
            do(said)
            found = registry.champions(NAME)
        if way == "promote":
            again = Promotion(now(), "di", "back to the first")
            registry.promote(first, beside_second, again)
            told = registry.champions(NAME)
            assert told[0].promotion == again
            assert (told[1].version.version, told[1].promotion) == (second.version, said)
        tags = [registry._client.get_model_version(NAME, str(at)).tags for at in (1, 2)]
        if way == "promote":
            assert not any("champion_coming" in one for one in tags)

    assert each_fault(attempt) > 5
    assert registry.never_named(first) == []


def test_another_who_is_still_at_it(trained, bundle_folder, tmp_path, monkeypatch):
    """Where several may publish at once, what began a short while ago is left alone."""
    registry = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.setattr(registry, "_file", None)  # as of a server, which knows no turns
    monkeypatch.chdir(tmp_path)  # where MLflow puts what nobody says a place of
    gate = scores_gate(trained)
    registry.publish(bundle_folder, gate)
    experiment = registry._client.get_experiment_by_name(NAME)
    assert experiment is not None
    begun = registry._client.create_run(
        experiment.experiment_id, tags={"rung_publish_begun": "2026-11-30T00:00:00Z"}
    )
    registry.publish(bundle_folder, gate)
    assert len(runs_of(registry)) == 3
    later = begun.info.start_time * 1000 + 3_601_000_000
    monkeypatch.setattr("models.registry.broken_off.now", lambda: later)
    registry.publish(bundle_folder, gate)
    assert len(runs_of(registry)) == 3
    check_whole(registry)


def test_a_tag_of_somebody_else(trained, bundle_folder, tmp_path):
    """What stands in the tag that tells what is coming, and is none of ours, is named."""
    registry = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}")
    gate = scores_gate(trained)
    registry.promote(registry.publish(bundle_folder, gate), gate)
    registry._client.set_model_version_tag(NAME, "1", "champion_coming", "[soon]")
    with pytest.raises(
        BundleError, match=r"ends in _coming is none of Rung's, and says '\[soon\]'"
    ):
        registry.champions(NAME)
