"""Everybody scored anew from the store: how long, in how much memory, with all reasons.

The store is SQLite, of leads with fifty events each; a process of its own scores, so that its
memory is its own. Then 10,000 of the leads have news, and only they are scored; then they have news
again, and their events are still at hand.
"""

from __future__ import annotations

import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from benchmarks.engine.scoring import Subject, subject
from benchmarks.tables import markdown
from features.clock import now
from features.events.log import DAY_US
from features.store.events import Event, EventStore
from features.store.migrations.noted import NOTES
from models.bundle import load_bundle
from serving.scoring.batch.rescoring import freshen, rescore
from serving.scoring.scorer import Scorer

__all__ = ["main", "run"]

_FULL, _SMALL = 1_000_000, 5_000
_EVENTS: Final = 50
_TOUCHED: Final = 10_000
_BATCH: Final = 50_000
_LIVES: Final = 1500
_TITLES: Final = {
    "all": "all leads",
    "fresh": "the leads with news",
    "again": "the same, with news again",
}


def run(*, small: bool = False, leads: int | None = None) -> str:
    """The table of this benchmark."""
    return _measured(leads or (_SMALL if small else _FULL))


def _measured(leads: int) -> str:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        it = subject(folder, leads=_LIVES)
        fill(it, folder / "bulk.db", leads)
        told = json.loads(
            subprocess.run(
                [
                    *(sys.executable, "-m", "benchmarks.many_leads.bulk"),
                    *(str(folder / "bulk.db"), str(folder / "bundle")),
                ],
                check=True,
                capture_output=True,
            ).stdout
        )
    rows = [_row(title, told[which]) for which, title in _TITLES.items()]
    header = ["scored, with reasons", "leads", "s", "leads/s", "memory at most, MiB"]
    return f"**{leads:,} leads, {_EVENTS} events each**\n\n{markdown(header, rows)}"


def _row(title: str, told: dict[str, Any]) -> list[str]:
    speed = told["leads"] / told["seconds"]
    return [
        title,
        f"{told['leads']:,}",
        f"{told['seconds']:.1f}",
        f"{speed:,.0f}",
        f"{told['memory']:,.0f}",
    ]


def fill(it: Subject, path: Path, leads: int) -> None:
    """Events of all leads in the order in which they came; what each is, is as simulated.

    A service would take an hour for a million leads: the rows are written without waiting for the
    disk, and noted by id after them, which leaves the same tables.
    """
    EventStore.open(path).close()
    connection = sqlite3.connect(path, isolation_level=None)
    triggers = connection.execute(_TRIGGERS).fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("PRAGMA journal_mode=OFF")
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-524288")
    connection.execute("BEGIN")
    events = _events(it, leads)
    while part := list(islice(events, _BATCH)):
        connection.executemany(_INSERT, part)
    connection.execute("COMMIT")
    for statement in (*NOTES.values(), *(made_by for _, made_by in triggers)):
        connection.execute(statement)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()


_TRIGGERS: Final = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
_FIELDS: Final = ", ".join(Event._fields)
_PLACES: Final = ", ".join("?" * len(Event._fields))
_INSERT: Final = f"INSERT INTO events ({_FIELDS}) VALUES ({_PLACES})"  # noqa: S608 names of ours


def _events(it: Subject, leads: int) -> Iterator[tuple[object, ...]]:
    """The fields of each event, in the order of `Event`."""
    rows = (row for at in range(len(it.log.leads)) for row in it.rows(at))
    seen = [(name, json.dumps(properties)) for name, _, _, properties in rows]
    until = now()
    for place in range(_EVENTS):
        for at in range(leads):
            name, properties = seen[(at * 7919 + place * 104_729) % len(seen)]
            when = until - (_EVENTS - place) * 2 * DAY_US + at
            yield f"{at:x}-{place}", f"lead-{at:07}", name, when, when, properties


def main(store_path: str, bundle: str) -> dict[str, dict[str, float]]:
    """Score all leads of a store, then those that have news; what each took."""
    with EventStore.open(Path(store_path)) as store:
        scorer = Scorer(store, load_bundle(Path(bundle)), now)
        started = time.perf_counter()
        whole = rescore(scorer)
        if whole is None:
            raise RuntimeError("nothing stopped it")
        told = {"all": _told(whole.leads, time.perf_counter() - started)}
        store.scores.finish_full_run({}, "")
        return told | {which: _with_news(scorer, which) for which in ("fresh", "again")}


def _with_news(scorer: Scorer, which: str) -> dict[str, float]:
    """One more event of some leads, and their scores."""
    store, at = scorer.store, now()
    leads = store.lead_ids()[:_TOUCHED]
    store.append_events(
        Event(f"{which}-{lead}", lead, "page_viewed", at, at, "{}") for lead in leads
    )
    with store.database.writing() as connection:
        store.marks.put(connection, dict.fromkeys(leads, at), which)
    started, scored = time.perf_counter(), 0
    while (part := freshen(scorer)) is not None:
        scored += part.leads
    return _told(scored, time.perf_counter() - started)


def _told(leads: int, seconds: float) -> dict[str, float]:
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"leads": leads, "seconds": seconds, "memory": memory}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
