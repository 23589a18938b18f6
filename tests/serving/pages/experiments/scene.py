"""Experiments in a store, with what a worker would have found of them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from typing import Any

from features.events.log import DAY_US
from features.ladder.controls import Arm, Experiment
from features.ladder.file import parse_ladder, read_ladder
from features.ladder.ladder import Ladder
from features.offers.assignments import Assignment, assignment_event
from features.offers.experiments import body_of
from features.store.events import EventStore
from features.store.kept.reports import Report, Reports
from models.judging.served import OFFERS
from models.judging.trials.shapes import OffersByLot
from serving.recommending.experiments import REPORT
from tests.serving import world
from training.funnel.experiments.judgement import judge_experiment

__all__ = [
    "B2B",
    "CALCULATOR",
    "SESSION",
    "STEP",
    "TOOLS",
    "WORKSHEET",
    "by_lot",
    "controlled",
    "judged",
    "keep_report",
    "tried",
]

B2B = read_ladder("b2b")
STEP = B2B.steps[1]
WORKSHEET, CALCULATOR = (offer for offer in B2B.offers_of(STEP.id)[:3:2])
SESSION = next(offer for offer in B2B.offers if len(offer.framings) == 2)
TOOLS = Experiment(
    "tools",
    "offer",
    (Arm("a", 0.5, (WORKSHEET.id,)), Arm("b", 0.5, (CALCULATOR.id,))),
    control="a",
    step=STEP.id,
    title="Worksheet or calculator",
)


def controlled() -> Ladder:
    """The shipped ladder with standing controls."""
    source = B2B.source.replace("# no_ask = 0.05 ", "no_ask = 0.05 ")
    assert source != B2B.source
    return parse_ladder(source, "controlled")


def tried(
    store: EventStore,
    now: int,
    rates: tuple[float, float] = (0.2, 0.6),
    experiment: Experiment = TOOLS,
    leads: int = 240,
    arms: Iterable[int] = (0, 1),
) -> None:
    """Begin an experiment eighty days ago, and let leads come into it for forty.

    Parameters
    ----------
    rates : of each arm, the share that goes on within ten days.
    arms : the arms that leads are put into, in turn.
    """
    began, rng, turns = now - 80 * DAY_US, random.Random(4), list(arms)  # noqa: S311 test data
    store.experiments.start("b2b", experiment.id, body_of(experiment), now=began, by="Ann Berg")
    events = []
    for at in range(leads):
        lead, then = f"{experiment.id}-{at:03}", began + at * 40 * DAY_US // leads
        arm = turns[at % len(turns)]
        told = Assignment(experiment.id, experiment.arms[arm].id, experiment.arms[arm].share)
        events += [
            world.event(lead, "video_progress", then, {"watched_fraction": 0.95}),
            assignment_event(told, lead, B2B, then + 1_000_000),
        ]
        if rng.random() < rates[arm]:
            day = then + round(rng.uniform(1, 10) * DAY_US)
            events.append(world.event(lead, "asset_used", day, {"minutes": 20}))
    store.append_events(events)


def judged(store: EventStore, ladder: Ladder, experiment: Experiment, now: int) -> None:
    """Keep what an experiment has shown by now, up to which the log goes."""
    store.append_events([world.event("watcher", "page_viewed", now)])
    report = judge_experiment(store.log(ladder), ladder, experiment, now)
    keep_report(store, REPORT, dict(report), now, experiment.id)


def keep_report(
    store: EventStore, kind: str, body: dict[str, Any], now: int, about: str = ""
) -> None:
    """Keep a report as a worker does."""
    Reports(store.database).keep(Report(kind, "b2b", about, now, json.loads(json.dumps(body))))


def by_lot(store: EventStore, now: int) -> None:
    """Keep what is known of two offers by lot: one surely helps, of the other nothing is sure."""

    def arm(name: str, leads: int, reached: int) -> Any:
        rate = reached / (leads - 10)
        return {"arm": name, "leads": leads, "pending": 10, "reached": reached, "rate": rate}

    body: OffersByLot = {
        "ladder": "b2b",
        "as_of": "2026-11-20T00:00:00Z",
        "worth": 0.02,
        "offers": [
            {
                "offer": WORKSHEET.id,
                "step": STEP.id,
                "horizon_days": 14.0,
                "since": "2026-06-01T00:00:00Z",
                "asked": arm("asked", 210, 120),
                "alone": arm("alone", 205, 70),
                "leads": 395,
                "effect": {"value": 0.24, "low": 0.06, "high": 0.41},
                "verdict": "helps",
                "worth": 0.02,
                "more": None,
            },
            {
                "offer": CALCULATOR.id,
                "step": STEP.id,
                "horizon_days": 14.0,
                "since": "2026-09-01T00:00:00Z",
                "asked": arm("asked", 60, 21),
                "alone": arm("alone", 58, 20),
                "leads": 98,
                "effect": {"value": 0.003, "low": -0.31, "high": 0.3},
                "verdict": "unknown",
                "worth": 0.02,
                "more": 712,
            },
        ],
        "framings": [
            {
                "offer": SESSION.id,
                "step": SESSION.step,
                "horizon_days": 30.0,
                "since": "2026-06-01T00:00:00Z",
                "control": SESSION.framings[0].id,
                "arms": [
                    arm(one.id, *counts)
                    for one, counts in zip(SESSION.framings, ((90, 20), (70, 21)), strict=True)
                ],
                "comparisons": [
                    {
                        "arm": SESSION.framings[1].id,
                        "leads": 140,
                        "effect": {"value": 0.1, "low": -0.12, "high": 0.31},
                        "ratio": {"value": 1.4, "low": 0.6, "high": 3.1},
                        "decided_after": None,
                        "verdict": "unknown",
                        "worth": 0.02,
                        "more": 640,
                        "says": "not known yet",
                        "course": [],
                    }
                ],
            }
        ],
    }
    keep_report(store, OFFERS, dict(body), now)
