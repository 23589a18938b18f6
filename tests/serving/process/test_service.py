"""Another model or policy is served without a restart; one that does not load changes nothing."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from features.errors import BundleError
from features.store.arrivals import Arrival
from features.store.events import EventStore
from features.store.schema import notifications
from models.bundle import load_bundle, save_bundle, version_of
from models.logged.former_bundles import Promotion
from models.served_policy import write_served
from models.sources import FolderSource
from serving.process import background
from serving.process.judged.versions import back_to, served_so_far, take_back
from serving.process.service import Service
from serving.settings import Settings
from tests.gates import policy_gate, scores_gate
from tests.serving import world
from tests.serving.callers import said_here


@pytest.fixture
def bundle(folder: Path, tmp_path: Path) -> Path:
    """A folder with a bundle of one's own."""
    return Path(shutil.copytree(folder / "rates", tmp_path / "bundle"))


@pytest.fixture
def serving(bundle, tmp_path):
    """A service without its background work."""
    url = world.filled(tmp_path, world.life("ann", 1, world.now()))
    service = Service.open(Settings(database_url=url, bundle=bundle))
    yield service
    service.close()


def put(bundle: Path, other: Path) -> None:
    """Another bundle in the place of the one that serves."""
    shutil.rmtree(bundle)
    shutil.copytree(other, bundle)


def told(store: EventStore) -> list[dict[str, object]]:
    with store.database.reading() as connection:
        wanted = sa.select(notifications.c.data).where(notifications.c.type == "model.promoted")
        return [json.loads(data) for data in connection.scalars(wanted)]


def test_nothing_new(serving):
    """While the folder stays as it is, nothing is loaded anew."""
    scorer = serving.scorer
    assert not serving.refresh()
    assert serving.scorer is scorer
    assert told(serving.store) == []


def test_another_bundle(serving, bundle, folder):
    """Another bundle serves after the next look; who is answered meanwhile has the former one."""
    before = serving.scorer
    put(bundle, folder / "fitted")
    assert serving.refresh()
    assert serving.scorer.bundle.hash == load_bundle(folder / "fitted").hash
    assert before.score("ann")["model"]["version"] == load_bundle(folder / "rates").version
    (notice,) = told(serving.store)
    assert notice == {
        "ladder": "b2b",
        "model_version": serving.scorer.bundle.version,
        "policy": "careful",
    }


def test_back_and_forth(serving, bundle, folder):
    """Each promotion is told, also that of a model that served before."""
    for other in ("fitted", "rates", "fitted"):
        put(bundle, folder / other)
        serving.refresh()
    assert len(told(serving.store)) == 3


def test_two_processes_tell_once(serving, bundle, folder):
    """Of processes that serve one store, one tells that another model serves."""
    with EventStore.open(serving.settings.database_url):
        other = Service.open(serving.settings)
        put(bundle, folder / "fitted")
        assert serving.refresh()
        assert other.refresh()
        assert len(told(serving.store)) == 1
        other.close()


@pytest.mark.parametrize("damage", ["torn", "gone", "half", "empty"])
def test_a_bundle_that_does_not_load(serving, bundle, folder, damage, caplog):
    """The former bundle goes on serving, the log says why once, and the next good one is taken."""
    former = serving.scorer
    manifest = bundle / "manifest.json"
    if damage == "torn":
        manifest.write_text(manifest.read_text()[:100])
    elif damage == "gone":
        shutil.rmtree(bundle)
    elif damage == "half":
        manifest.write_text((folder / "fitted" / "manifest.json").read_text())
    else:
        manifest.write_text("")
    caplog.clear()
    for _ in range(3):
        assert not serving.refresh()
    assert serving.scorer is former
    assert serving.problem
    assert [record.getMessage() for record in said_here(caplog)] == [
        "the former bundle goes on serving"
    ]
    if bundle.exists():
        shutil.rmtree(bundle)
    shutil.copytree(folder / "fitted", bundle)
    assert serving.refresh()
    assert serving.problem == ""


def test_another_policy(serving, bundle):
    """A policy that was promoted for the bundle serves after the next look."""
    served = serving.scorer.bundle
    write_served(bundle, policy_gate(served, "uniform"))
    assert serving.refresh()
    assert serving.scorer.model.adviser.policy_name == "uniform"
    (notice,) = told(serving.store)
    assert (notice["policy"], notice["model_version"]) == ("uniform", served.version)


def test_the_queue_keeps_its_bands(serving, bundle, folder):
    """Until all leads are scored by the new model, the former places are better than none."""
    from serving.scoring.batch.rescoring import rescore

    rescore(serving.scorer)
    assert serving.scorer.score("ann")["band"] is not None
    put(bundle, folder / "fitted")
    serving.refresh()
    assert serving.scorer.score("ann")["band"] is not None


def test_a_score_of_the_former_model(serving, bundle, folder, monkeypatch):
    """What a process that has not changed yet scores last is scored anew, and once only.

    It begins nothing any more once another one scores with the new model; it may be at it already.
    """
    other = Service.open(serving.settings)
    background._score_all(serving)
    put(bundle, folder / "fitted")
    serving.refresh()
    background._score_all(serving)
    serving.store.ingest([Arrival("new", "ann", "page_viewed", world.now(), world.now())])
    assert not background._freshen(other)
    with monkeypatch.context() as patch:
        patch.setattr(Service, "may_score", lambda _: True)
        assert background._freshen(other)
    new = serving.scorer.bundle.hash
    assert serving.store.scores.of("ann").bundle != new
    other.refresh()
    assert serving.store.scores.full_run()[1] != ""
    serving.scorer.clock = lambda: world.now() + 5_000_000
    background._score_all(serving)
    assert serving.store.scores.of("ann").bundle == new
    assert serving.store.scores.full_run()[1] == ""
    other.close()
    again = Service.open(serving.settings)
    assert serving.store.scores.full_run()[1] == ""
    again.close()


@pytest.mark.parametrize("damage", ["torn", "gone"])
def test_a_damage_that_was_mended(serving, bundle, damage, caplog):
    """What serves is what is to serve again: there is no problem any more, and the log says so."""
    scorer, manifest = serving.scorer, bundle / "manifest.json"
    whole = manifest.read_bytes()
    if damage == "torn":
        manifest.write_bytes(whole[:100])
    else:
        manifest.unlink()
    assert not serving.refresh()
    assert serving.problem
    manifest.write_bytes(whole)
    caplog.clear()
    caplog.set_level("INFO", logger="rung")
    assert not serving.refresh()
    assert (serving.problem, serving.scorer) == ("", scorer)
    assert [record.getMessage() for record in said_here(caplog)] == [
        "what serves is what is to serve again"
    ]


class Away:
    """A source of a bundle that can be away, or hold none any more."""

    def __init__(self, folder: Path) -> None:
        self.source, self.is_away, self.is_gone = FolderSource(folder), False, False

    def __getattr__(self, name: str):
        return getattr(self.source, name)

    def stamp(self) -> str | None:
        if self.is_away:
            raise BundleError("the registry at http://registry cannot be asked: refused")
        return None if self.is_gone else self.source.stamp()


def test_an_outage_is_not_a_model_that_is_gone(serving, bundle):
    """Each is told as what it is, what serves goes on, and afterwards there is no problem."""
    scorer = serving.scorer
    serving.source = source = Away(bundle)
    source.is_away = True
    assert not serving.refresh()
    assert serving.problem == "the registry at http://registry cannot be asked: refused"
    source.is_away, source.is_gone = False, True
    assert not serving.refresh()
    assert serving.problem == "the model that is to serve is gone from its place"
    source.is_gone = False
    assert not serving.refresh()
    assert (serving.problem, serving.scorer) == ("", scorer)


def test_an_outage_at_the_start(bundle, tmp_path, monkeypatch):
    """The service starts without a model, says why, and takes it when it can be had."""
    source = Away(bundle)
    source.is_away = True
    monkeypatch.setattr("serving.process.service.source_of", lambda *_: source)
    service = Service.open(Settings(database_url=f"sqlite:///{tmp_path / 'rung.db'}"))
    assert service.scorer.bundle is None
    assert "cannot be asked" in service.problem
    source.is_away = False
    assert service.refresh()
    assert (service.problem, service.scorer.bundle is None) == ("", False)
    service.close()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Operation with range is deprecated")  # MLflow's example
def test_the_champion_of_the_registry(bundle_folder, trained, tmp_path):
    """What the alias of the registry names serves, and follows it when it moves."""
    from models.registry import Registry

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    registry = Registry(uri)
    gate = scores_gate(trained)
    versions = [registry.publish(bundle_folder, gate) for _ in range(2)]
    url = world.filled(tmp_path, world.life("ann", 1, world.now()))
    settings = Settings(database_url=url, model="rung-b2b@champion", registry=uri)
    service = Service.open(settings)
    assert service.scorer.bundle is None
    assert "champion" in service.problem
    for version in versions:
        registry.set_alias(version, "champion", gate)
        before = service.scorer
        assert service.refresh()
        assert service.scorer is not before
        assert service.scorer.model.bundle.hash == trained.hash
        assert not service.refresh()
    service.close()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Operation with range is deprecated")  # MLflow's example
def test_the_way_back_in_a_registry(bundle_folder, tmp_path):
    """What is told to serve after going back does; who went back and why are kept."""
    from models.registry import Registry

    uri, former = f"sqlite:///{tmp_path / 'mlflow.db'}", ""
    registry, hashes = Registry(uri), []
    for title in ("a", "b", "c"):
        own = tmp_path / title
        loaded = load_bundle(bundle_folder)
        bundle = save_bundle(replace(loaded, manifest=loaded.manifest | {"notes": [title]}), own)
        gate = scores_gate(bundle, beside=former)
        registry.promote(registry.publish(own, gate), gate, Promotion(world.now(), "eve", title))
        former = bundle.hash
        hashes.append(former)
    first, second, third = hashes
    registry.roll_back("rung-b2b", Promotion(world.now(), "ann", "worse"))
    url = f"sqlite:///{tmp_path / 'rung.db'}"
    service = Service.open(Settings(database_url=url, model="rung-b2b@champion", registry=uri))
    assert service.scorer.model.bundle.hash == second
    told = back_to(service)
    assert told is not None
    assert told.hash == first
    take_back(service, version_of(second), "bob", "worse still")
    assert service.scorer.model.bundle.hash == first
    found = [(one.hash, one.by, one.why, one.taken_back) for one in service.source.versions()]
    assert found == [
        (first, "bob", "worse still", False),
        (second, "ann", "worse", True),
        (third, "eve", "c", True),
    ]
    assert back_to(service) is None
    now = served_so_far(service)[0]
    assert (now.by, now.why) == ("bob", "worse still")
    service.close()
