"""The registry: what was published is what is fetched, scored alike, and nobody is told of it."""

from __future__ import annotations

import errno
import json
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.environment_variables import (
    MLFLOW_HTTP_REQUEST_MAX_RETRIES,
    MLFLOW_HTTP_REQUEST_TIMEOUT,
)
from mlflow.exceptions import MlflowException

import rung
from features.clock import now
from features.errors import BundleError
from models.bundle import Bundle, load_bundle, save_bundle
from models.gate import Gate, GateError
from models.logged.card.on_record import OnRecord
from models.logged.card.page import card_of
from models.logged.former_bundles import Promotion
from models.logged.run_page import name_of
from models.logged.versions import CHAMPION, model_name
from models.registry import Registry
from models.sources import RegistrySource
from tests.faults import Faults, each_fault
from tests.gates import policy_gate, scores_gate
from tests.rung.scene import CHANCES
from training.pipeline import train
from training.scores.evaluate import evaluate
from training.scores.gate import judge, read_report
from training.scores.written.report import write_report

ROOT = Path(__file__).parents[3]
NAME = "rung-b2b"
SHIPPED = ROOT / "features" / "ladder" / "shipped"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Operation with range is deprecated"),  # MLflow's example
]

OFFLINE = """
import atexit, json, socket, sys

asked = []
atexit.register(lambda: print("ASKED", json.dumps(asked)))

def is_far(host):
    return str(host) not in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "", "None")

def connect(self, address, real=socket.socket.connect):
    if isinstance(address, tuple) and is_far(address[0]):
        asked.append(str(address))
        raise OSError("offline")
    return real(self, address)

def look_up(host, *rest, real=socket.getaddrinfo, **more):
    if is_far(host):
        asked.append(str(host))
        raise socket.gaierror("offline")
    return real(host, *rest, **more)

socket.socket.connect = socket.socket.connect_ex = connect
socket.getaddrinfo = look_up
"""
"""The start of a program that notes on standard output whom it would have called."""


def program(text: str, *arguments: object, folder: Path, **environment: str) -> str:
    """What a program prints that is run in a folder with next to no environment."""
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE + text, *map(str, arguments)],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def asked(output: str) -> list[str]:
    (line,) = (line for line in output.splitlines() if line.startswith("ASKED"))
    found: list[str] = json.loads(line.removeprefix("ASKED"))
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder for a registry that is not there yet."""
    return tmp_path_factory.mktemp("registry") / "of" / "models"


@pytest.fixture(scope="module")
def signals(events_file, simulation, tmp_path_factory):
    """What `rung features` writes of the simulated log."""
    path = tmp_path_factory.mktemp("signals") / "signals.parquet"
    rung.main(
        [
            *("features", str(events_file), "--ladder", "b2b", "--json"),
            *("--as-of", simulation.end.isoformat(), "--out", str(path)),
        ]
    )
    return path


@pytest.fixture(scope="module")
def registry(place) -> Registry:
    return Registry(f"sqlite:///{place / 'mlflow.db'}")


@pytest.fixture(scope="module")
def report(trained, simulated_log, tmp_path_factory):
    """The folder of a report on the bundle, judged on what came after its training."""
    folder = tmp_path_factory.mktemp("report")
    write_report(evaluate(trained, simulated_log, until=int(simulated_log.known.max())), folder)
    return folder


@pytest.fixture(scope="module")
def gate(report, trained) -> Gate:
    """What the gate says of that report."""
    return judge(read_report(report), trained)


@pytest.fixture(scope="module")
def published(registry, bundle_folder, gate, report):
    """The first version, the champion."""
    return registry.promote(registry.publish(bundle_folder, gate, report), gate)


@pytest.fixture(scope="module")
def another(simulated_log, b2b, tmp_path_factory) -> tuple[Bundle, Path]:
    """Another bundle of the same ladder, and its folder."""
    folder = tmp_path_factory.mktemp("another") / "bundle"
    until = int(simulated_log.known.min()) + 10**13
    return save_bundle(train(simulated_log, b2b, until=until), folder), folder


def test_publish(published, trained, place):
    """A first version has the number one, the bundle's hash and the name of its ladder."""
    assert (published.name, published.version, published.hash) == (NAME, 1, trained.hash)
    assert published.aliases == (CHAMPION,)
    assert (place / "mlflow.db").is_file()
    assert (place / "mlruns").is_dir()


@pytest.mark.usefixtures("published")
def test_what_is_logged(registry, trained, gate, report):
    """The run holds the fingerprints, the metrics, the report and the gate of the champion."""
    client = mlflow.MlflowClient(registry.uri)
    run_id = client.get_model_version(NAME, "1").run_id
    assert run_id is not None
    run = client.get_run(run_id)
    assert run.data.params["bundle_hash"] == trained.hash
    assert run.data.params["data_fingerprint"] == trained.manifest["data_fingerprint"]
    assert run.data.metrics.items() >= gate.metrics.items()
    assert "baselines/step_rates/advancement_log_loss" in run.data.metrics
    assert run.info.run_name == name_of(trained, "careful")
    assert run.data.tags["mlflow.source.name"] == "rung publish"
    assert "| this bundle |" in run.data.tags["mlflow.note.content"]
    assert run.inputs is not None
    (used,) = run.inputs.dataset_inputs
    assert trained.manifest["data_fingerprint"].startswith(used.dataset.digest)
    described = client.get_model_version(NAME, "1").description
    assert described == run.data.tags["mlflow.note.content"]
    logged = {item.path for item in client.list_artifacts(run.info.run_id, "report")}
    assert logged == {f"report/{path.name}" for path in report.iterdir()}
    card = Path(client.download_artifacts(run.info.run_id, "card.md")).read_text()
    assert card == card_of(OnRecord(trained, gate, "careful"))
    kept = client.download_artifacts(run.info.run_id, f"gate/{CHAMPION}.json")
    assert Gate.of_dict(json.loads(Path(kept).read_text())) == gate
    version = registry.version(NAME, 1)
    assert registry.gate(version) == gate
    with pytest.raises(BundleError, match=f"no gate of version 1 of '{NAME}' in"):
        registry.gate(version, "live")


@pytest.mark.usefixtures("published")
def test_fetch(registry, trained):
    """An alias leads to the version and to a folder that is the bundle, hash and all."""
    version, folder = registry.fetch(NAME)
    assert (version.version, version.hash, version.aliases) == (1, trained.hash, (CHAMPION,))
    assert load_bundle(folder).hash == trained.hash


@pytest.mark.usefixtures("published")
def test_pyfunc_gives_the_scores_of_the_command_line(
    signals, events_file, trained, bundle_folder, simulation, tmp_path
):
    """MLflow's own `load_model`, on what `rung features` wrote, gives what `rung score` writes."""
    as_of = simulation.end.isoformat()
    rung.main(
        [
            *("score", str(events_file), "--bundle", str(bundle_folder), "--json"),
            *("--as-of", as_of, "--out", str(tmp_path / "scores.parquet")),
        ]
    )
    rows = pd.read_parquet(tmp_path / "scores.parquet").rename(columns=CHANCES)
    loaded = mlflow.pyfunc.load_model(f"models:/{NAME}@{CHAMPION}")
    assert loaded.metadata.get_input_schema().input_names() == list(pd.read_parquet(signals))
    found = loaded.predict(pd.read_parquet(signals))
    expected = rows[list(trained.score_frame(pd.read_parquet(signals).head(0)))]
    assert loaded.metadata.get_output_schema().input_names() == list(expected)
    assert len(found) > 200
    pd.testing.assert_frame_equal(found, expected, check_exact=True, check_dtype=False)
    frame = pd.read_parquet(signals)
    lost = loaded.predict(frame.assign(**{"ladder.lost": np.arange(len(frame)) % 2 == 0}))
    assert lost["p_advance"].isna()[::2].all()
    assert lost["p_advance"][1::2].equals(found["p_advance"][1::2])
    pd.testing.assert_frame_equal(loaded.predict(frame.drop(columns="ladder.lost")), found)


def test_a_second_version(published, registry, another, gate):
    """Another bundle of the same ladder is the next version; the alias moves when it is told to."""
    other, folder = another
    its_gate = scores_gate(other)
    second = registry.publish(folder, its_gate)
    assert (second.version, second.hash, second.aliases) == (2, other.hash, ())
    assert registry.fetch(NAME)[0].version == 1
    assert registry.set_alias(second, "candidate", its_gate).aliases == ("candidate",)
    assert registry.fetch(NAME, "candidate")[0] == registry.version(NAME, 2)
    with pytest.raises(GateError, match=f"beside no champion, and {published.hash[:12]} serves"):
        registry.promote(second, its_gate)
    assert registry.champion(NAME) == published
    registry.promote(second, scores_gate(other, beside=published.hash))
    assert registry.fetch(NAME)[0].hash == other.hash
    with pytest.raises(GateError, match=f"beside no champion, and {other.version} serves"):
        registry.promote(published, gate)
    registry.promote(published, replace(gate, beside=other.hash))
    assert registry.fetch(NAME)[0].hash == published.hash
    assert registry.champion("rung-nothing") is None


@pytest.mark.parametrize("when", ["before", "after"])
def test_each_call_of_a_promotion_fails(published, registry, another, gate, monkeypatch, when):
    """Either champion serves, whole and with its gate; the next attempt comes through."""
    other, folder = another
    second = registry.publish(folder, scores_gate(other))
    true = registry._client

    def attempt(faults: Faults) -> None:
        monkeypatch.setattr(registry, "_client", Failing(true, faults))
        said = ""
        try:
            registry.promote(second, scores_gate(other, beside=published.hash))
        except BundleError as error:
            said = str(error)
            assert "cannot be asked: the registry is away" in said
        monkeypatch.setattr(registry, "_client", true)
        champion = registry.champion(NAME)
        assert champion.hash in ((published.hash, other.hash) if said else (other.hash,))
        kept = true.download_artifacts(
            true.get_model_version(NAME, str(champion.version)).run_id, f"gate/{CHAMPION}.json"
        )
        assert Gate.of_dict(json.loads(Path(kept).read_text())).bundle == champion.hash
        if champion.hash == published.hash:
            registry.promote(second, scores_gate(other, beside=published.hash))
        assert registry.fetch(NAME)[0].hash == other.hash
        registry.promote(published, replace(gate, beside=other.hash))

    assert each_fault(attempt, when) > 3


class Failing:
    """A client of the registry, any call of which may fail."""

    def __init__(self, client: mlflow.MlflowClient, faults: Faults) -> None:
        self._client, self._faults = client, faults

    def __getattr__(self, name: str) -> Any:
        true = getattr(self._client, name)

        def called(*given: Any, **more: Any) -> Any:
            away = partial(MlflowException, "the registry is away")
            return self._faults.call(name, lambda: true(*given, **more), away)

        return called


def test_no_alias_moves_without_the_passed_gate_of_this_bundle(published, registry, another, gate):
    """None at all, another bundle's, a policy's and a refused one are refused in a sentence."""
    other, folder = another
    refused = scores_gate(other, flatters=True)
    version = registry.publish(folder, refused)
    with pytest.raises(TypeError, match="gate"):
        registry.set_alias(version, CHAMPION)
    said = f"the gate is of bundle {published.hash[:12]}, this is {other.version}; judge it"
    with pytest.raises(GateError, match=said):
        registry.set_alias(version, CHAMPION, gate)
    with pytest.raises(GateError, match="takes a gate for scores, not one for policy"):
        registry.set_alias(version, CHAMPION, policy_gate(other))
    with pytest.raises(GateError, match="the gate was not passed: judged from 2026-06-01"):
        registry.set_alias(version, CHAMPION, refused)
    assert registry.promote(version, refused) == version
    lied = replace(version, hash=published.hash)  # what the registry holds counts
    with pytest.raises(GateError, match=said):
        registry.set_alias(lied, CHAMPION, gate)
    assert registry.version(NAME, version.version).aliases == ()
    assert registry.named(NAME) == published


def test_a_version_carries_the_report_of_its_bundle(registry, bundle_folder, another, trained):
    """A bundle is not published with the figures of another one, or of a policy."""
    with pytest.raises(GateError, match=f"is of bundle {another[0].version}, this is"):
        registry.publish(bundle_folder, scores_gate(another[0]))
    with pytest.raises(GateError, match="takes a gate for scores, not one for policy"):
        registry.publish(bundle_folder, policy_gate(trained))


@pytest.mark.usefixtures("published")
def test_an_unknown_alias(registry):
    """An alias that nobody set is named with the model and the registry."""
    with pytest.raises(BundleError, match=r"no 'challenger' of 'rung-b2b' in sqlite:///"):
        registry.fetch(NAME, "challenger")


@pytest.mark.usefixtures("published")
def test_an_unknown_model(registry):
    """So is a model that nobody published."""
    with pytest.raises(BundleError, match=r"no 'champion' of 'rung-nothing' in sqlite:///"):
        registry.fetch("rung-nothing")


@pytest.mark.usefixtures("published")
def test_a_bundle_that_somebody_registered_by_hand(registry, trained, another, gate):
    """It has no tag of ours, and is known all the same: nothing follows it without a comparison."""
    client = mlflow.MlflowClient()
    source = client.get_model_version_by_alias(NAME, CHAMPION).source
    made = mlflow.register_model(source, "by-hand")
    client.set_registered_model_alias("by-hand", CHAMPION, made.version)
    assert registry.named("by-hand").hash == trained.hash
    assert [one.hash for one in registry.champions("by-hand")] == [trained.hash]
    # Another bundle was compared with no champion, so that the alias stays.
    its_gate = scores_gate(another[0])
    other = registry.publish(another[1], its_gate, name="by-hand")
    with pytest.raises(GateError, match=f"beside no champion, and {trained.version} serves"):
        registry.set_alias(other, CHAMPION, its_gate)
    assert registry.set_alias(registry.named("by-hand"), "live", gate).hash == trained.hash


@pytest.mark.usefixtures("published")
def test_what_is_no_bundle(registry, tmp_path, capsys):
    """A model of somebody else's under a name of ours is told to be none."""
    with mlflow.start_run() as run:
        mlflow.log_text("flavors: {python_function: {loader_module: theirs}}", "model/MLmodel")
    client = mlflow.MlflowClient()
    client.create_registered_model("rung-theirs")
    client.create_model_version("rung-theirs", f"runs:/{run.info.run_id}/model", run.info.run_id)
    client.set_registered_model_alias("rung-theirs", CHAMPION, "1")
    theirs = registry.named("rung-theirs")
    assert theirs.hash == ""
    with pytest.raises(BundleError, match="it is no bundle that `rung publish` wrote"):
        registry.download(theirs, tmp_path / "copy")
    (tmp_path / "ladder.toml").write_text(
        (SHIPPED / "b2b.toml").read_text().replace('"b2b"', '"theirs"', 1)
    )
    rung.main(["champion", "show", registry.uri, "--ladder", str(tmp_path / "ladder.toml")])
    assert (
        capsys.readouterr().out == "rung-theirs/1 is no bundle of Rung's: nothing serves from it\n"
    )


def test_only_a_bundle_is_published(registry, gate, tmp_path):
    """A folder without a bundle is refused before anything is logged."""
    with pytest.raises(BundleError, match="no bundle in"):
        registry.publish(tmp_path, gate)


def test_importing_it_switches_telemetry_off(tmp_path):
    """MLflow would phone home by default; whoever imports our registry has told it not to."""
    text = """
import os
import models.registry
from mlflow.telemetry import get_telemetry_client
print(os.environ["MLFLOW_DISABLE_TELEMETRY"], os.environ["DO_NOT_TRACK"], get_telemetry_client())
"""
    assert program(text, folder=tmp_path).startswith("true true None\n")


def test_no_call_leaves_the_machine(bundle_folder, report, signals, tmp_path):
    """Publishing, fetching, loading and scoring look up no host and open no connection."""
    text = """
import pandas
from pathlib import Path
from models.bundle import load_bundle
from models.registry import Registry
from models.sources import RegistrySource
from training.scores.gate import judge, read_report
import mlflow
registry = Registry("sqlite:///kept/mlflow.db")
folder = Path(sys.argv[1])
frame = pandas.read_parquet(sys.argv[2])
gate = judge(read_report(Path(sys.argv[3])), load_bundle(folder))
registry.set_alias(registry.publish(folder, gate), "champion", gate)
registry.fetch("rung-b2b")
print(len(mlflow.pyfunc.load_model("models:/rung-b2b@champion").predict(frame)))
"""
    output = program(text, bundle_folder, signals, report, folder=tmp_path)
    assert int(output.splitlines()[0]) > 200
    assert asked(output) == []
    left = {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")}
    assert left == {"kept"}


def test_the_watch_would_notice(tmp_path):
    """The program that watches for calls does notice one."""
    text = """
import urllib.request
try:
    urllib.request.urlopen("http://example.org", timeout=2)
except OSError:
    pass
"""
    assert asked(program(text, folder=tmp_path)) == ["example.org"]


# ------------------------------------------------------------------------------- several at once

TOGETHER = """
import sys, time
from pathlib import Path
from models.registry import Registry
from models.sources import RegistrySource
import rung

ready, go = Path(sys.argv[1]), Path(sys.argv[2])
ready.touch()
while not go.exists():
    time.sleep(0.001)
sys.exit(rung.main(sys.argv[3:]))
"""


def test_two_that_publish_to_a_new_registry(bundle_folder, report, tmp_path):
    """Both get their version, whoever makes the tables."""
    go, uri = tmp_path / "go", f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}"
    ready = [tmp_path / f"ready-{at}" for at in range(2)]
    verb = ("publish", bundle_folder, "--report", report, "--registry", uri, "--json")
    both = [
        subprocess.Popen(
            [sys.executable, "-c", TOGETHER, *map(str, (one, go, *verb))],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for one in ready
    ]
    until = time.monotonic() + 100
    while not all(one.exists() for one in ready) and time.monotonic() < until:
        time.sleep(0.01)
    go.touch()
    ended = [one.communicate(timeout=200) for one in both]
    assert [one.returncode for one in both] == [0, 0], ended
    assert sorted(json.loads(out)["version"] for out, _ in ended) == [1, 2]


def test_what_another_makes_first_is_taken(trained, bundle_folder, tmp_path, monkeypatch):
    """An experiment or a model that appears between the look and the making is the one."""
    registry = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}")
    other = Registry(registry.uri)
    other.publish(bundle_folder, scores_gate(trained))
    client = registry._client
    looked: list[str] = []

    def blind_once(name: str, real=client.get_experiment_by_name):
        looked.append(name)
        return None if len(looked) == 1 else real(name)

    monkeypatch.setattr(client, "get_experiment_by_name", blind_once)
    monkeypatch.setattr(client, "search_registered_models", lambda *_: [])
    assert registry.publish(bundle_folder, scores_gate(trained)).version == 2
    assert looked == [NAME, NAME]


def test_tables_that_another_is_making(tmp_path):
    """A database in the middle of its migration is told in a sentence that says what to do."""
    path = tmp_path / "mlflow.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE runs (run_uuid TEXT)")
        database.execute("CREATE TABLE experiments (experiment_id TEXT)")
    with pytest.raises(BundleError, match=r"cannot be opened \(.*\); if another program is making"):
        Registry(f"sqlite:///{path}")


def test_a_registry_where_no_lock_can_be_made(bundle_folder, trained, tmp_path, monkeypatch):
    """One that can only be read is opened all the same."""
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    Registry(uri).publish(bundle_folder, scores_gate(trained))

    def open_(self: Path, *mode: str, real=Path.open, **more: str) -> object:
        if self.suffix == ".lock":
            raise OSError(errno.EROFS, "Read-only file system", str(self))
        return real(self, *mode, **more)

    monkeypatch.setattr(Path, "open", open_)
    assert Registry(uri).version(NAME, 1).hash == trained.hash


def test_rolled_back(trained, bundle_folder, another, tmp_path, monkeypatch):
    """What served before serves again, by the gate of then; what was taken back is not gone to."""
    registry = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}")
    bundle, folder = another
    first, second = scores_gate(trained), scores_gate(bundle, beside=trained.hash)
    name = model_name(bundle.ladder)
    with pytest.raises(BundleError, match="there is nothing to go back to"):
        registry.roll_back(name, Promotion(1))
    for where, gate in ((bundle_folder, first), (folder, second)):
        registry.promote(registry.publish(where, gate), gate)
    assert [one.hash for one in registry.champions(name)] == [bundle.hash, trained.hash]
    said = Promotion(now(), "ann", "the queue looks wrong")
    with monkeypatch.context() as patch:  # a version of Rung that computes other signals
        patch.setattr("models.bundle.files.signals_fingerprint", lambda _: "others")
        with pytest.raises(BundleError, match="cannot with this version of Rung"):
            registry.roll_back(name, said)
    assert registry.roll_back(name, said).hash == trained.hash
    back, taken = registry.champions(name)
    assert (back.promotion, back.taken_back) == (said, False)
    assert (taken.hash, taken.taken_back) == (bundle.hash, True)
    champion = registry.champion(name)
    assert champion is not None
    assert champion.hash == trained.hash
    with pytest.raises(BundleError, match="there is nothing to go back to"):
        registry.roll_back(name, Promotion(now()))
    again = registry.promote(registry.version(name, 2), second)
    assert registry.champions(name)[0].taken_back is False
    assert "champion_by" not in registry._client.get_model_version(name, "2").tags
    same = registry.publish(folder, second)  # another version of the same bundle is no way back
    registry.promote(same, second)
    assert (same.hash, same.version) == (again.hash, 3)
    assert registry.roll_back(name, Promotion(now())).version == 1


def test_another_version_is_let_serve(trained, bundle_folder, another, tmp_path):
    """By the verdict of its publish or of the alias, whichever was beside what serves."""
    registry = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}")
    bundle, folder = another
    source = RegistrySource(registry.uri, NAME, CHAMPION)
    first, second = scores_gate(trained), scores_gate(bundle, beside=trained.hash)
    registry.promote(registry.publish(bundle_folder, first), first)
    assert source.others() == []
    registry.publish(folder, scores_gate(bundle, flatters=True))
    registry.publish(folder, second)
    one, refused = source.others()
    assert [one.id, refused.id] == [f"{NAME}/3", f"{NAME}/2"]
    assert (one.from_at, one.why_not(trained.hash)) == (0, "")
    assert "the gate was not passed: judged from" in refused.why_not(trained.hash)
    with pytest.raises(GateError, match="the gate was not passed"):
        source.promote_other(refused.id, Promotion(1, "ann", "new"))
    with pytest.raises(BundleError, match="'rung-b2b/9' is not among the last versions"):
        source.promote_other(f"{NAME}/9", Promotion(1, "ann", "new"))
    said = Promotion(now(), "ann", "new")
    assert source.promote_other(one.id, said) == bundle.hash
    assert source.stamp() == f"{NAME}/3"
    assert registry.champions(NAME)[0].promotion == said
    (only,) = source.others()
    assert "beside no champion" in only.why_not(bundle.hash)
    source.roll_back(Promotion(now(), "bob", "worse"))
    assert [one.taken_back for one in source.others()] == [True, False]
    assert source.promote_other(f"{NAME}/3", Promotion(now(), "bob", "not worse")) == bundle.hash


def test_an_alias_of_its_own(trained, bundle_folder, another, tmp_path):
    """It is promoted to and goes back by itself; the champion stays where it is."""
    registry = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}")
    bundle, folder = another
    first, second = scores_gate(trained), scores_gate(bundle, beside=trained.hash)
    for where, gate in ((bundle_folder, first), (folder, second)):
        registry.promote(registry.publish(where, gate), gate, Promotion(now()), "live")
    assert registry.champion(NAME) is None
    assert registry.champions(NAME) == []
    champion = registry.promote(registry.version(NAME, 2), second)
    with pytest.raises(GateError, match=f"beside no champion, and {bundle.version} serves"):
        registry.promote(registry.version(NAME, 1), first, Promotion(now()), "live")
    assert registry.roll_back(NAME, Promotion(now(), "ann", "worse"), "live").version == 1
    assert registry.named(NAME, "live").hash == trained.hash
    assert registry.named(NAME) == registry.version(NAME, champion.version)
    assert [one.taken_back for one in registry.champions(NAME)] == [False]


@pytest.mark.usefixtures("published")
def test_a_server_that_answers_nothing_is_given_up_soon():
    """MLflow itself would wait for two minutes, three times; who sets its variables has them."""
    waits = MLFLOW_HTTP_REQUEST_TIMEOUT.get() * (1 + MLFLOW_HTTP_REQUEST_MAX_RETRIES.get())
    assert waits <= 90


def test_a_registry_that_is_away(registry, monkeypatch):
    """It is told as that: not as a model that is not there, nor as an error of MLflow's."""
    monkeypatch.setattr(registry, "_client", Silent())
    for ask in (
        partial(registry.champion, NAME),
        partial(registry.champions, NAME),
        partial(registry.roll_back, NAME, Promotion(1)),
        partial(registry.fetch, NAME),
    ):
        with pytest.raises(BundleError, match=r"registry at sqlite:.* cannot be asked: refused"):
            ask()


class Silent:
    """A client of a registry where nobody answers."""

    def __getattr__(self, name: str) -> Any:
        def called(*_: Any, **__: Any) -> Any:
            raise MlflowException("refused")

        return called


@pytest.mark.usefixtures("published")
def test_a_copy_of_a_version(registry, trained, tmp_path):
    """The bundle and nothing beside it, in the folder that was asked for."""
    copied = registry.download(registry.named(NAME), tmp_path / "copy")
    assert copied.is_relative_to(tmp_path / "copy")
    assert load_bundle(copied).hash == trained.hash
    assert not list(tmp_path.rglob("*.py"))
