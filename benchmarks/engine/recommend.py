"""What a recommendation costs inside one process, from a lead's events to the recorded decision.

Every lead stands before a step with a dozen offers that are all eligible. Measured with the events
at hand, so neither store nor HTTP is in it; the parts are measured by themselves as well.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.engine.scoring import Subject, subject
from benchmarks.tables import markdown
from features.events.of_lead import Row, log_of_rows
from features.ladder.file import parse_ladder, read_ladder
from features.ladder.ladder import Ladder
from features.offers.history import OfferHistory, history_of
from features.signals.snapshot import Snapshot, snapshot_at
from models.offers.eligibility import eligibility
from models.recommendation import Adviser, Recommendation

__all__ = ["Asked", "asked_of", "run"]

_OFFERS: Final = 12
_CALLS: Final = 4000
_WARM: Final = 50
_EXTRA: Final = """

[[offer]]
id = "extra-{at}"
step = "content"
title = "Reading number {at}"
kind = "guide"
effort = {{minutes = {minutes}}}
value_minutes = 10
topics = ["{topic}"]
"""


def run(*, small: bool = False) -> str:
    """The table of this benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        asked = asked_of(Path(folder), 300 if small else 1500)
        calls = 400 if small else _CALLS
        rows = [
            _row("recommendation, from events to the record", asked.recommend, asked, calls),
            _row("of it: log and signals", asked.snapshot, asked, calls),
            _row("of it: what the lead was offered before", asked.history, asked, calls),
            _row("of it: eligibility of all offers", asked.eligible, asked, calls),
            _row("of it: the two scores", asked.scores, asked, calls),
        ]
        told = asked.recommend(*asked.leads[0])
    table = markdown(["one lead", "median", "90 %", "99 %", "worst"], rows)
    eligible = len(told.ranking) - 2
    median = float(rows[0][1].split()[0])
    met = "met" if median < 1.0 else "NOT met"
    return (
        f"{eligible} eligible offers beside nurture and no ask; {len(asked.leads)} leads in turn,"
        f" {calls:,} calls.\n\n{table}\n\nunder 1 ms at the median: {median:.2f} ms ({met})"
    )


def asked_of(folder: Path, leads: int, offers: int = _OFFERS) -> Asked:
    """What is asked, on a bundle that learned from simulated leads; `offers` of the first step."""
    return Asked(subject(folder, leads, _ladder(offers), drawn=True), offers)


def _ladder(offers: int) -> Ladder:
    """The B2B ladder with so many offers for its first step."""
    text = read_ladder("b2b").source
    held = len(read_ladder("b2b").offers_of("content"))
    topics = ("bottlenecks", "handovers", "costs")
    for at in range(offers - held):
        text += _EXTRA.format(at=at, minutes=4 + at % 5, topic=topics[at % 3])
    return parse_ladder(text, f"b2b with {offers} offers")


class Asked:
    """The leads that are asked about, and each part of the work on one of them."""

    def __init__(self, it: Subject, offers: int) -> None:
        self.offers = offers
        self.adviser = Adviser(it.bundle, "learned")
        self.compiled, self.as_of = it.compiled, it.as_of
        self.ladder = it.bundle.ladder
        found = it.snapshot(it.open_leads)
        first = [int(at) for at in it.open_leads[found.position == 0]]
        rows = [(it.log.leads[at], it.rows(at)) for at in first]
        self.leads = [pair for pair in rows if self._is_free(*pair)][:64]

    def _is_free(self, name: str, rows: list[Row]) -> bool:
        offers = eligibility(self.ladder, 0, self.history(name, rows), self.as_of).offers
        return len(offers) == self.offers

    def snapshot(self, name: str, rows: list[Row]) -> Snapshot:
        """The signals of one lead."""
        log = log_of_rows(name, rows, self.compiled.columns)
        return snapshot_at(log, self.compiled, (name,), _ONE, np.array([self.as_of]))

    def history(self, _: str, rows: list[Row]) -> OfferHistory:
        """What it was offered before."""
        return history_of(rows, self.ladder, self.as_of)

    def eligible(self, name: str, rows: list[Row]) -> object:
        """Which offers are allowed."""
        return eligibility(self.ladder, 0, self.history(name, rows), self.as_of)

    def scores(self, name: str, rows: list[Row]) -> object:
        """Both chances."""
        return self.adviser.bundle.score(self.snapshot(name, rows))

    def recommend(self, name: str, rows: list[Row]) -> Recommendation:
        """All of it, to the record."""
        snapshot = self.snapshot(name, rows)
        scores = self.adviser.bundle.score(snapshot)
        history = self.history(name, rows)
        made = self.adviser.recommend(snapshot, scores, history, f"{name}-{len(rows)}")
        made.decision.record()
        return made


_ONE: Final = np.zeros(1, dtype=np.int64)


def _row(
    name: str, call: Callable[[str, list[Row]], object], asked: Asked, calls: int
) -> list[str]:
    taken = []
    for at, lead in enumerate(cycle(asked.leads)):
        if at == calls + _WARM:
            break
        started = time.perf_counter()
        call(*lead)
        if at >= _WARM:
            taken.append(1e3 * (time.perf_counter() - started))
    marks = np.quantile(taken, [0.5, 0.9, 0.99, 1.0])
    return [name, *(f"{mark:.2f} ms" for mark in marks)]
