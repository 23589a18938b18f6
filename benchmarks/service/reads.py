"""Reads: the score of a lead, kept or asked for the first time, beside two floors and a peer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from benchmarks.engine.scoring import Subject
from benchmarks.service.events import as_json
from benchmarks.service.load import Load, all_answered, get, load, post
from benchmarks.service.processes import used
from benchmarks.tables import markdown, met, middle, spread, wanted

__all__ = ["reads"]

_ROUNDS: Final = 3
_AT_ONCE: Final = (1, 8, 32)
_KEPT: Final = "**Rung, a stored lead: score, interval, reasons**"
_FIRST: Final = "Rung, the same, asked for the first time"
_FASTAPI: Final = "floor: FastAPI, the same parameters, a fixed answer"
_ASGI: Final = "floor: ASGI alone, a fixed answer and one question to SQLite"
_PEER: Final = "mlflow models serve, one ready row: one number"

Address = tuple[str, int]
"""Where a process answers, and its number."""


def reads(
    rung: Address, floors: tuple[Address, Address], peer: str, it: Subject, seconds: float
) -> str:
    """The table: requests a second, and the server's processor time for each."""
    leads = _leads(it)
    third = len(leads) // 3
    urls = {_KEPT: rung[0], _FASTAPI: floors[0][0], _ASGI: floors[1][0]}
    pids = {_KEPT: rung[1], _FIRST: rung[1], _FASTAPI: floors[0][1], _ASGI: floors[1][1]}
    asked = {
        name: [get(url, f"/v1/leads/{lead}/score") for lead in leads[:third]]
        for name, url in urls.items()
    }
    asked[_PEER] = _ready_rows(it, peer)
    urls[_PEER] = peer
    fresh = iter([get(rung[0], f"/v1/leads/{lead}/score") for lead in leads[third:]])
    share = (len(leads) - third) // (_ROUNDS * len(_AT_ONCE))

    def again(name: str) -> Callable[[int], Load]:
        return lambda at_once: load(urls[name], asked[name], at_once, seconds)

    ways: dict[str, Callable[[int], Load]] = {
        _KEPT: again(_KEPT),
        _FIRST: lambda at_once: load(rung[0], _next(fresh, share), at_once),
        _FASTAPI: again(_FASTAPI),
        _ASGI: again(_ASGI),
        _PEER: again(_PEER),
    }
    found: dict[tuple[str, int], list[Load]] = {}
    cpu: dict[str, list[float]] = {name: [] for name in pids}
    for at_once in _AT_ONCE:
        for name, way in ways.items():  # warm
            if name != _FIRST:
                all_answered([way(at_once)])
        for _ in range(_ROUNDS):
            for name, way in ways.items():
                former = used(pids[name]) if name in pids else None
                done = way(at_once)
                found.setdefault((name, at_once), []).append(done)
                if former is not None and at_once == 8:
                    spent = (used(pids[name]) - former).cpu
                    cpu[name].append(spent / len(done.milliseconds) * 1e6)
    return _table(found, cpu)


def _table(found: dict[tuple[str, int], list[Load]], cpu: dict[str, list[float]]) -> str:
    header = ["`GET /v1/leads/{id}/score`"]
    for at_once in _AT_ONCE:
        header += [f"{at_once} at once, 1/s", "99 %, ms"]
    rows = []
    for name in (_KEPT, _FIRST, _FASTAPI, _ASGI, _PEER):
        row = [name]
        for at_once in _AT_ONCE:
            all_answered(found[name, at_once])
            row += [
                spread([one.per_second for one in found[name, at_once]], 0),
                spread([one.share(0.99) for one in found[name, at_once]], 1),
            ]
        rows.append([*row, spread(cpu[name], 0) if name in cpu else ""])
    rate = {key: middle([one.per_second for one in loads]) for key, loads in found.items()}
    kept, first, peer = rate[_KEPT, 8], rate[_FIRST, 8], rate[_PEER, 8]
    late = middle([one.share(0.99) for one in found[_KEPT, 32]])
    verdicts = [
        "at 8 at once, kept: " + wanted("times mlflow models serve", kept / peer, 100),
        wanted("times an empty FastAPI", kept / rate[_FASTAPI, 8], 1),
        wanted("a second", kept, 7_000),
        "first: " + wanted("times mlflow models serve", first / peer, 18),
        wanted("a second", first, 1_000),
        f"99 % of those kept within 10 ms at 32 at once: {late:.1f} ms ({met(late < 10)})",
    ]
    return (
        "**Reads**: requests a second of one process each; the client takes a part of the two"
        f" processors\n\n{markdown([*header, 'CPU at 8, us'], rows)}\n\n{'; '.join(verdicts)}"
    )


def _next(fresh: Iterator[bytes], count: int) -> list[bytes]:
    return [one for one, _ in zip(fresh, range(count), strict=False)]


def _leads(it: Subject) -> list[str]:
    """Those with a step to go whose first event has come by now: the log may end later."""
    known = it.log.known[it.log.starts[:-1]] < time.time_ns() // 1000
    return [it.log.leads[at] for at in it.open_leads.tolist() if known[at]]


def _ready_rows(it: Subject, peer: str) -> list[bytes]:
    frame = it.matrix(it.open_leads[:64])
    return [
        post(peer, "/invocations", as_json({"dataframe_split": _split(frame.iloc[[at]])}))
        for at in range(len(frame))
    ]


def _split(frame: Any) -> dict[str, object]:
    found: dict[str, object] = json.loads(frame.to_json(orient="split"))
    del found["index"]
    return found
