"""A tracking server that shares no files with us, and MLflow's own server without a checkout."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pandas as pd
import pytest

from features.signals.snapshot import snapshot
from models.bundle import load_bundle
from models.sources import source_of
from serving.settings import Settings
from tests.rung.scene import call
from training.scores.evaluate import evaluate
from training.scores.written.report import write_report

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Operation with range is deprecated"),  # MLflow's example
]

HIDDEN = """
import os, sys
sys.path[:] = [path for path in sys.path if not os.path.exists(os.path.join(path, "features"))]
"""
"""A sitecustomize that takes every checkout of ours off the path."""


@contextmanager
def serving(folder: Path, port: int, answers: str, *arguments: str, **more: str) -> Iterator[str]:
    """One of MLflow's servers, from a folder where none of our code can be imported."""
    (folder / "sitecustomize.py").write_text(HIDDEN)
    beside = str(Path(sys.executable).parent)
    environment = {
        "PATH": f"{beside}:/usr/bin:/bin",
        "HOME": str(folder),
        "PYTHONPATH": str(folder),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **more,
    }
    hidden = [sys.executable, "-c", "import features"]
    assert subprocess.run(hidden, cwd=folder, env=environment, capture_output=True).returncode
    url = f"http://127.0.0.1:{port}"
    log = folder / "server.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "mlflow",
                *arguments,
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
            ],
            cwd=folder,
            env=environment,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        try:
            until = time.monotonic() + 300
            while not _answers(url + answers):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.2)
            yield url
        finally:
            os.killpg(process.pid, 15)
            process.wait(timeout=300)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as answer:  # noqa: S310 - our own
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def test_a_tracking_server_and_a_model_server(
    trained, bundle_folder, simulated_log, b2b, simulation, tmp_path, monkeypatch
):
    """What is published over HTTP is what a service fetches and MLflow serves, to the digit."""
    report = tmp_path / "report"
    write_report(evaluate(trained, simulated_log, until=int(simulated_log.known.max())), report)
    for name in ("tracking", "model", "work"):
        (tmp_path / name).mkdir()
    kept = tmp_path / "tracking"
    given: tuple[str, ...] = (
        "--backend-store-uri",
        f"sqlite:///{kept / 'b.db'}",
        "--serve-artifacts",
    )
    given += ("--artifacts-destination", str(kept / "artifacts"), "--workers", "1")
    with serving(kept, free_port(), "/health", "server", *given) as uri:
        monkeypatch.chdir(tmp_path / "work")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)  # MLflow sets it for its process
        said = call("publish", bundle_folder, "--report", report, "--promote", "--json")
        assert said.code == 0, said.err
        assert (said.json["registry"], said.json["tracking"]) == (uri, uri)
        assert list(Path().iterdir()) == []

        settings = Settings.from_environment(
            {"RUNG_MODEL": "rung-b2b@champion", "MLFLOW_TRACKING_URI": uri}
        )
        source = source_of(settings.bundle, settings.model, settings.registry, settings.tracking)
        assert source.stamp() == "rung-b2b/1"
        assert load_bundle(source.folder()).hash == trained.hash

        frame = snapshot(simulated_log, b2b, None, simulation.end).frame().head(20)
        plain = frame.assign(as_of=frame["as_of"].astype(str)).astype(object)
        asked = plain.where(plain.notna(), None).to_dict(orient="split", index=False)
        model = ("models", "serve", "-m", "models:/rung-b2b@champion", "--env-manager", "local")
        where = {"MLFLOW_TRACKING_URI": uri}
        with serving(tmp_path / "model", free_port(), "/ping", *model, **where) as served:
            body = json.dumps({"dataframe_split": asked}).encode()
            headers = {"content-type": "application/json"}
            request = Request(f"{served}/invocations", body, headers)  # noqa: S310 - our own
            with urlopen(request, timeout=300) as answer:  # noqa: S310
                found = pd.DataFrame(json.load(answer)["predictions"])
    expected = trained.score_frame(frame)
    chances = ["p_advance", "low", "high", "p_purchase"]
    pd.testing.assert_frame_equal(found[chances].astype(float), expected[chances], check_exact=True)
    assert found["lead_id"].tolist() == expected["lead_id"].tolist()
