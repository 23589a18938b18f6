"""What tests of real clients share: a key, what was stored, and where npm's clients are."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from features.store.migrations import open_database
from features.store.schema import events
from serving.edge.access.keys import Keys
from tests.serving.live.process import Process, running

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


@dataclass
class Live:
    """A service that several clients tell of events, one after the other, and a key for them."""

    process: Process
    database_url: str
    key: str
    _seen: set[str] = field(default_factory=set)

    def new_rows(self) -> list[dict[str, Any]]:
        """The events that were stored since it was asked last."""
        rows = [row for row in rows_of(self.database_url) if row["message_id"] not in self._seen]
        self._seen |= {row["message_id"] for row in rows}
        return rows


@contextmanager
def live(database_url: str, bundle: Path, folder: Path) -> Iterator[Live]:
    """Such a service, while the block lasts: to start one takes longer than most clients do."""
    key = key_of(database_url)
    with running(database_url, bundle, folder) as process:
        yield Live(process, database_url, key)


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
