"""What tests of real clients share: a key, what was stored, and where npm's clients are."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from features.store.migrations import open_database
from features.store.schema import events
from serving.edge.keys import Keys

SOURCE = "web"
NPM = Path(__file__).parent / "npm_clients"
INSTALLED = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rung/npm_clients"
"""Where `.ci/run` installs the clients that `npm_clients/package.json` names."""


def key_of(database_url: str, *origins: str) -> str:
    """A key that may only send events, from a source of its own."""
    with open_database(database_url) as database:
        return Keys(database).create("client", ["ingest"], SOURCE, origins=origins, as_of=1)[1]


def rows_of(database_url: str) -> list[dict[str, Any]]:
    """All stored events."""
    with open_database(database_url) as database, database.reading() as connection:
        return [dict(row._mapping) for row in connection.execute(sa.select(events))]


def why_no_npm() -> str:
    """Why the clients from npm cannot be run here; "" where they can."""
    if shutil.which("node") is None:
        return "there is no node here"
    wanted = json.loads((NPM / "package.json").read_text())["dependencies"]
    for name, version in wanted.items():
        manifest = INSTALLED / "node_modules" / name / "package.json"
        if not manifest.is_file() or json.loads(manifest.read_text())["version"] != version:
            return f"{name} {version} is not installed; .ci/run does"
    return ""
