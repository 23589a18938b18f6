"""The registry: what was published is what is fetched, scored alike, and nobody is told of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import mlflow
import pandas as pd
import pytest

import rung
from features.errors import BundleError
from models.bundle import load_bundle, save_bundle
from models.registry import CHAMPION, Registry
from training.pipeline import train

ROOT = Path(__file__).parents[2]
NAME = "rung-b2b"
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
def report(tmp_path_factory):
    """A folder that stands for a report."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "report.md").write_text("# Judged")
    return folder


@pytest.fixture(scope="module")
def published(registry, bundle_folder, signals, report):
    """The first version, the champion."""
    version = registry.publish(
        bundle_folder,
        example=pd.read_parquet(signals).head(2),
        metrics={"advancement_auc": 0.75},
        report=report,
    )
    registry.set_alias(version, CHAMPION)
    return version


def test_publish(published, trained, place):
    """A first version has the number one, the bundle's hash and the name of its ladder."""
    assert (published.name, published.version, published.hash) == (NAME, 1, trained.hash)
    assert (place / "mlflow.db").is_file()
    assert (place / "mlruns").is_dir()


@pytest.mark.usefixtures("published")
def test_what_is_logged(registry, trained):
    """The run holds the fingerprints, the metrics and the report."""
    client = mlflow.MlflowClient(registry.uri)
    run_id = client.get_model_version(NAME, "1").run_id
    assert run_id is not None
    run = client.get_run(run_id)
    assert run.data.params["bundle_hash"] == trained.hash
    assert run.data.params["data_fingerprint"] == trained.manifest["data_fingerprint"]
    assert run.data.metrics["advancement_auc"] == 0.75
    logged = [item.path for item in client.list_artifacts(run.info.run_id, "report")]
    assert logged == ["report/report.md"]


@pytest.mark.usefixtures("published")
def test_fetch(registry, trained):
    """An alias leads to the version and to a folder that is the bundle, hash and all."""
    version, folder = registry.fetch(NAME)
    assert (version.version, version.hash, version.aliases) == (1, trained.hash, (CHAMPION,))
    assert load_bundle(folder).hash == trained.hash


@pytest.mark.usefixtures("published")
def test_pyfunc_gives_the_scores_of_the_command_line(
    signals, events_file, bundle_folder, simulation, tmp_path
):
    """MLflow's own `load_model`, on what `rung features` wrote, gives what `rung score` writes."""
    as_of = simulation.end.isoformat()
    rung.main(
        [
            *("score", str(events_file), "--bundle", str(bundle_folder), "--json"),
            *("--as-of", as_of, "--out", str(tmp_path / "scores.parquet")),
        ]
    )
    expected = pd.read_parquet(tmp_path / "scores.parquet")
    loaded = mlflow.pyfunc.load_model(f"models:/{NAME}@{CHAMPION}")
    found = loaded.predict(pd.read_parquet(signals))
    assert len(found) > 200
    pd.testing.assert_frame_equal(found, expected, check_exact=True, check_dtype=False)


def test_a_second_version(published, registry, simulated_log, b2b, signals, tmp_path):
    """Another bundle of the same ladder is the next version; the alias moves when it is told to."""
    other = save_bundle(
        train(simulated_log, b2b, until=int(simulated_log.known.min()) + 10**13), tmp_path / "b"
    )
    example = pd.read_parquet(signals).head(1)
    second = registry.publish(tmp_path / "b", example=example, metrics={})
    assert (second.version, second.hash) == (2, other.hash)
    assert registry.fetch(NAME)[0].version == 1
    registry.set_alias(second, "candidate")
    assert registry.fetch(NAME, "candidate")[0] == registry.version(NAME, 2)
    registry.set_alias(second, CHAMPION)
    assert registry.fetch(NAME)[0].hash == other.hash
    registry.set_alias(published, CHAMPION)
    assert registry.fetch(NAME)[0].hash == published.hash


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


def test_only_a_bundle_is_published(registry, signals, tmp_path):
    """A folder without a bundle is refused before anything is logged."""
    with pytest.raises(BundleError, match="no bundle in"):
        registry.publish(tmp_path, example=pd.read_parquet(signals).head(1), metrics={})


def test_importing_it_switches_telemetry_off(tmp_path):
    """MLflow would phone home by default; whoever imports our registry has told it not to."""
    text = """
import os
import models.registry
from mlflow.telemetry import get_telemetry_client
print(os.environ["MLFLOW_DISABLE_TELEMETRY"], os.environ["DO_NOT_TRACK"], get_telemetry_client())
"""
    assert program(text, folder=tmp_path).startswith("true true None\n")


def test_no_call_leaves_the_machine(bundle_folder, signals, tmp_path):
    """Publishing, fetching, loading and scoring look up no host and open no connection."""
    text = """
import pandas
from pathlib import Path
from models.registry import Registry
import mlflow
registry = Registry("sqlite:///kept/mlflow.db")
frame = pandas.read_parquet(sys.argv[2])
version = registry.publish(Path(sys.argv[1]), example=frame.head(1), metrics={"a": 1.0})
registry.set_alias(version, "champion")
registry.fetch("rung-b2b")
print(len(mlflow.pyfunc.load_model("models:/rung-b2b@champion").predict(frame)))
"""
    output = program(text, bundle_folder, signals, folder=tmp_path)
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
