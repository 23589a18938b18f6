"""The queue with a million leads: its first byte, a filter, a search; beside the API.

A process of its own serves a store on SQLite, its scores already there.
"""

from __future__ import annotations

import json
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Final
from urllib.parse import urlencode

from benchmarks.engine.scoring import subject
from benchmarks.service.processes import served
from benchmarks.tables import markdown
from features.clock import now
from features.events.log import DAY_US
from features.store.events import Event, EventStore
from features.store.kept.scores import StoredScore
from serving.process.working.joining import name_stored
from serving.scoring.batch.rescoring import Run

__all__ = ["run"]

_FULL, _SMALL = 1_000_000, 20_000
_TIMES: Final = 15
_FIRST: Final = ("Ada", "Bruno", "Chen", "Dalia", "Emre", "Freya", "Goran", "Hana", "Ivo", "Jun")
_LAST: Final = ("Abara", "Berg", "Costa", "Duval", "Eriksen", "Fontana", "Gupta", "Horvat", "Ito")
_SOURCES: Final = ("organic search", "paid search", "referral", "social", "newsletter", "event")
_BANDS: Final = ("low", "low", "low", "medium", "high")
_BATCH: Final = 50_000


@dataclass(frozen=True, slots=True)
class _Question:
    title: str
    path: str


def run(*, small: bool = False) -> str:
    """The table of this benchmark."""
    count = _SMALL if small else _FULL
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model").mkdir()
        bundle = subject(folder / "model", leads=300).bundle
        with EventStore.open(folder / "rung.db") as store:
            _fill(store, count, bundle.identity, [goal.id for goal in bundle.ladder.goals])
        return _asked(folder / "rung.db", folder / "model" / "bundle", count)


def _asked(path: Path, bundle: Path, count: int) -> str:
    rows = []
    with served(path, bundle) as (url, _):
        for question in _questions():
            pages = [_seconds(f"{url}{question.path}", "text/html") for _ in range(_TIMES)]
            rows.append([question.title, f"{1000 * median(pages):.0f}", f"{1000 * max(pages):.0f}"])
        api = [_seconds(f"{url}/v1/queue?limit=25", "application/json") for _ in range(_TIMES)]
        rows.append(
            ["`GET /v1/queue?limit=25`", f"{1000 * median(api):.0f}", f"{1000 * max(api):.0f}"]
        )
    header = ["what is asked for", "first byte, median ms", "longest ms"]
    return f"**{count:,} leads stored and queued**\n\n{markdown(header, rows)}"


def _questions() -> list[_Question]:
    filters = {"tab": "quiet", "step": "value", "band": "high", "source": "paid search"}
    nobody = {"tab": "quiet", "step": "value", "band": "low", "active": "1"}
    return [
        _Question("the queue", "/"),
        _Question("its quiet leads", "/?tab=quiet"),
        _Question("a filter of three", f"/?{urlencode(filters)}"),
        _Question("a filter that leaves hardly anybody", f"/?{urlencode(nobody)}"),
        _Question("a search by name and company", f"/?{urlencode({'q': 'ada berg firm 77'})}"),
        _Question("a search for a word that 100,000 have", f"/?{urlencode({'q': 'ada'})}"),
        _Question("a lead", "/leads/lead-0000077"),
    ]


def _seconds(url: str, kind: str) -> float:
    request = urllib.request.Request(url, headers={"Accept": kind})  # noqa: S310 of this machine
    started = time.perf_counter()
    with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 likewise
        answer.read(1)
        taken = time.perf_counter() - started
        answer.read()
    return taken


def _fill(store: EventStore, count: int, bundle: str, steps: list[str]) -> None:
    as_of = now()
    events = _events(count, as_of)
    while part := list(islice(events, _BATCH)):
        store.append_events(part)
    name_stored(store, "identify")
    store.scores.save(_scores(count, as_of, bundle, steps))
    store.scores.finish_full_run(asdict(Run(as_of, 1.0, count, count, {}, bundle)), "")


def _events(count: int, as_of: int) -> Iterator[Event]:
    for at in range(count):
        lead = f"lead-{at:07}"
        traits = {
            "name": f"{_FIRST[at % 10]} {_LAST[at // 10 % 9]}",
            "company": f"Firm {at % 9973}",
            "source": _SOURCES[at % 6],
        }
        told = as_of - 20 * DAY_US - at
        yield Event(f"i{at}", lead, "identify", told, told, json.dumps(traits))
        yield Event(f"p{at}", lead, "page_viewed", told + DAY_US, told + DAY_US, "{}")


def _scores(count: int, as_of: int, bundle: str, steps: list[str]) -> Iterator[StoredScore]:
    for at in range(count):
        share = at * 7919 % count / count
        tab = 3 if at % 50 == 0 else 2 if at % 5 == 0 else 1
        yield StoredScore(
            lead_id=f"lead-{at:07}", ladder="b2b", as_of=as_of, step=steps[at % len(steps)],
            position=at % len(steps), p_advance=share, low=share / 2, high=(1 + share) / 2,
            p_purchase=share / 9, priority=tab + share * 0.999, percentile=share,
            reasons='{"base":0.2,"fit":null,"engagement":null,"reasons":[]}',
            bundle=bundle, scored_at=as_of, last_active=as_of - (1 + at % 80) * DAY_US,
            band=_BANDS[at % 5], tab=("", "quiet", "marketing", "talk")[tab], offer_id="nurture",
            gain=0.0, rep_minutes=0.0, source=_SOURCES[at % 6],
        )  # fmt: skip
