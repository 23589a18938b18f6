"""A cluster that is this process, and logs in several files whose leads have several ids."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.events.log import EventLog
from features.ladder.ladder import Ladder
from rung.cluster.tasks import Done, Handing, Regrouping
from tests.rung.scene import jsonl
from training.decision_points import decision_points
from training.labels import label, labelled

DAY = pd.Timedelta(days=1)
START = pd.Timestamp("2026-01-05", tz="UTC")


class Here:
    """A cluster that runs every task twice, the last one first, each as if it had been sent."""

    def each(self, count: int, work: Callable[[int], Done], doing: str) -> list[Done]:
        assert doing
        found = {at: _sent(work)(at) for _ in range(2) for at in reversed(range(count))}
        return [found[at] for at in range(count)]

    def regrouped(self, asked: Regrouping) -> tuple[list[Done], list[Done]]:
        assert all(asked.doing)
        assert not asked.scratch.exists()
        handed: dict[int, list[tuple[int, int, bytes]]] = {}
        answers: dict[int, Done] = {}
        for at in reversed(range(asked.count)):
            for place, (to, piece) in enumerate(_answered(_sent(asked.split)(at), at, answers)):
                assert 0 <= to < asked.groups
                handed.setdefault(to, []).append((at, place, piece))
        pieces_of = {to: [piece for *_, piece in sorted(of)] for to, of in handed.items()}
        found = {to: _sent(asked.gather)(to, pieces_of[to]) for _ in range(2) for to in handed}
        return [answers[at] for at in range(asked.count)], [found[to] for to in sorted(found)]


def _answered(handing: Handing, at: int, answers: dict[int, Done]) -> Handing:
    answers[at] = yield from handing
    return answers[at]


def _sent(work: Any) -> Any:
    return pickle.loads(pickle.dumps(work))  # noqa: S301 what was pickled just now


def visits(folder: Path, files: int = 3, leads: int = 40, seed: int = 3) -> Path:
    """Files of an archive of calls: visitors that log in, on several devices; some rows twice."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for at in range(leads * 12):
        lead = int(rng.integers(leads))
        when = START + rng.uniform(0.0, 90.0) * DAY
        late = rng.exponential(1.0) * DAY if rng.random() < 0.1 else 0 * DAY
        knows = rng.random()
        row: dict[str, object] = {
            "type": "track",
            "messageId": f"m-{at}",
            "anonymousId": f"device-{lead}-{int(rng.integers(3))}" if knows < 0.8 else None,
            "userId": f"user-{lead % 30}" if knows > 0.5 else None,
            "event": str(rng.choice(["page_viewed", "demo_booked", "webinar_joined"])),
            "timestamp": when.isoformat(),
            "receivedAt": (when + late).isoformat(),
            "properties": {"amount": float(rng.integers(5)), "path": f"/p{int(rng.integers(4))}"},
        }
        rows.append(row)
        if rng.random() < 0.15:  # once more, in another file, sooner or later known
            rows.append(row | {"receivedAt": (when + rng.uniform(0.0, 3.0) * DAY).isoformat()})
    order = rng.permutation(len(rows))
    folder.mkdir()
    for at in range(files):
        jsonl(folder / f"calls-{at}.jsonl", *(rows[row] for row in order[at::files]))
    return folder


def examples_of(
    log: EventLog, ladder: Ladder, *, until: int, seed: int, most: int, start: int | None = None
) -> pd.DataFrame:
    """The training set as `rung train` makes it on one machine."""
    log = log.known_by(until)
    points = decision_points(log, ladder, start=start, end=until, seed=seed, most=most)
    return labelled(points.snapshot.frame(), *label(log, ladder, points, until))


def together(folder: Path) -> pd.DataFrame:
    """The rows of all parts."""
    files = sorted(folder.glob("part-*.parquet"))
    return pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)


def bits(frame: pd.DataFrame) -> dict[str, list[object]]:
    """A table by lead and instant; numbers as their bits, absent as None."""
    keys = [name for name in ("lead_id", "as_of") if name in frame]
    frame = frame.sort_values(keys, kind="stable")
    return {str(name): _bits(frame[name]) for name in frame}


def _bits(column: pd.Series) -> list[object]:
    if column.dtype == np.float64:
        numbers = column.to_numpy(dtype=np.float64)
        found = numbers.view(np.int64).astype(object)
        found[np.isnan(numbers)] = None
        return list(found)
    return [_plain(value) for value in column.astype(object)]


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray | list):
        return list(value)
    return None if pd.isna(value) else value  # type: ignore[call-overload] # a scalar, any
