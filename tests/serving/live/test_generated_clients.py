"""Clients that are made from the description of the service, in two languages: a round trip."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from features.clock import now, when
from features.store.migrations import open_database
from serving.edge.access.keys import Keys
from tests.serving.live.clients import INSTALLED, NPM, why_no_npm
from tests.serving.live.process import eventually, running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def service(folder, tmp_path_factory):
    """A running service: its address, a key, and a file with its description."""
    path = tmp_path_factory.mktemp("described")
    url = f"sqlite:///{shutil.copy(folder / 'events.db', path / 'rung.db')}"
    with open_database(url) as database:
        key = Keys(database).create("made", ["ingest", "read", "decide"], as_of=1)[1]
    with running(url, folder / "rates", path) as process:
        description = path / "openapi.json"
        description.write_bytes(httpx2.get(f"{process.url}/openapi.json").content)
        eventually(lambda: httpx2.get(f"{process.url}/readyz").status_code == 200)
        yield process.url, key, description


def _run(*command: str | Path, folder: Path) -> str:
    done = subprocess.run(
        [*command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_python(service, tmp_path, monkeypatch, request):
    """openapi-python-client leaves nothing out; what it makes sends, asks, and reads an error."""
    address, key, description = service
    told = _run(
        *("openapi-python-client", "generate", "--meta", "none"),
        *("--path", description, "--output-path", "made_client"),
        folder=tmp_path,
    )
    assert "WARNING" not in told.upper(), told
    monkeypatch.syspath_prepend(tmp_path)
    client = importlib.import_module("made_client").AuthenticatedClient(address, key)
    models = importlib.import_module("made_client.models")
    request.addfinalizer(client.get_httpx_client().close)

    def call(tag, name, **given):
        return importlib.import_module(f"made_client.api.{tag}.{name}").sync(client=client, **given)

    event = models.EventRequest.from_dict(
        {
            **{"message_id": "made-1", "lead_id": "Zoë ☂", "name": "video_progress"},
            **{"occurred_at": when(now()).isoformat(), "properties": {"watched_fraction": 0.9}},
        }
    )
    kept = call("ingestion", "events", body=models.EventsRequest(events=[event]))
    assert (kept.accepted, kept.rejected) == (1, [])
    score = call("scores", "get_lead_score", lead_id="Zoë ☂")
    assert 0 < score.probability < 1
    queue = call("queue", "get_queue", limit=5)
    assert len(queue.data) == 5
    assert all(0 <= one.probability <= 1 for one in queue.data)
    asked = models.RecommendationRequest(lead_id="Zoë ☂", decision_id="made-decision")
    assert call("recommendations", "recommend", body=asked).decision_id == "made-decision"
    told = call("scores", "get_lead_score", lead_id="nobody")
    assert (told.type_, told.status) == ("urn:problem-type:rung:unknown-lead", 404)


@pytest.mark.skipif(why_no_npm() != "", reason=why_no_npm() or "they are there")
def test_typescript(service, tmp_path):
    """A program whose types are the description's compiles strictly, and does what it says."""
    address, key, description = service
    (tmp_path / "node_modules").symlink_to(INSTALLED / "node_modules")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    shutil.copy(NPM / "round_trip.ts", tmp_path)
    tools = INSTALLED / "node_modules" / ".bin"
    # What has a default may be left out of what is sent.
    made = ("-o", "description.d.ts", "--default-non-nullable=false")
    _run(tools / "openapi-typescript", description, *made, folder=tmp_path)
    options = {
        **{"strict": True, "module": "esnext", "moduleResolution": "bundler", "types": []},
        **{"target": "es2022", "lib": ["es2022", "dom"]},
    }
    told = json.dumps({"compilerOptions": options, "files": ["round_trip.ts"]})
    (tmp_path / "tsconfig.json").write_text(told)
    _run(tools / "tsc", folder=tmp_path)
    said = json.loads(_run("node", "round_trip.js", address, key, folder=tmp_path))
    assert said.pop("probability") > 0
    assert said == {
        "accepted": 1,
        "queued": 5,
        "decision": "typed-decision",
        "pointer": "/query/order",
    }
