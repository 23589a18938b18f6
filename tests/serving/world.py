"""A small world to serve: leads with events on the shipped B2B ladder, and bundles to score them.

The events are drawn at random, so a booster fitted on them has something to say and means nothing.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from features.clock import now as now
from features.events.log import DAY_US
from features.ladder.file import parse_ladder, read_ladder
from features.ladder.ladder import Ladder
from features.signals.snapshot import snapshot
from features.signals.table import signals_of
from features.store.events import Event, EventStore
from models.bundle import Bundle, load_bundle, save_bundle
from models.offers.offer_model import OfferModel
from models.scores.calibration import uncalibrated
from models.scores.encoding import Encoding
from models.scores.goal_model import FitConfig, GoalModel, TrainingRows, fit_goal
from models.scores.learners.boosting import BoostingConfig
from models.scores.step_rates import StepRates, advancement_priors, purchase_priors

HOSTILE = "<script>alert(1)</script>"
HOUR_US = DAY_US // 24
_FIRST = ("Ada", "Ben", "Chloé", "Dev", "Elif", "Finn", "Grace", "Hana", "Ivo", "June")
_LAST = ("Almeida", "Berg", "Costa", "Dietz", "Eze", "Farah", "Grant", "Hoshino")
_COMPANIES = ("Northwind Freight", "Halden & Söhne", "Quill Labs", "Orchard Foods", "Meridian Tax")
_CLIMB: tuple[tuple[str, dict[str, object]], ...] = (
    ("video_progress", {"watched_fraction": 0.92, "video": "bottleneck framework"}),
    ("asset_used", {"minutes": 18, "asset": "bottleneck worksheet"}),
    ("webinar_attended", {"minutes": 41}),
    ("session_held", {"minutes": 15}),
    ("pilot_started", {"scope": "one department"}),
    ("contract_signed", {}),
)
_SMALL: tuple[tuple[str, dict[str, object]], ...] = (
    ("page_viewed", {"section": "pricing", "seconds": 48}),
    ("page_viewed", {"section": "product", "seconds": 20}),
    ("email_opened", {}),
    ("email_clicked", {"topic": "handovers"}),
    ("asset_opened", {"asset": "handover checklist"}),
    ("offer_extended", {"offer": "process-assessment"}),
    ("content_read", {"seconds": 130}),
)


class Clock:
    """A clock that goes where it is told to, in microseconds."""

    def __init__(self) -> None:
        self.at = now()

    def __call__(self) -> int:
        return self.at


def event(
    lead_id: str,
    name: str,
    at: int,
    properties: dict[str, object] | None = None,
    known_at: int | None = None,
) -> Event:
    """An event with an id of its own."""
    return Event(
        f"{lead_id}-{name}-{at}",
        lead_id,
        name,
        at,
        at if known_at is None else known_at,
        json.dumps(properties or {}, ensure_ascii=False),
    )


def life(lead_id: str, seed: int, until: int, days_silent: float | None = None) -> list[Event]:
    """The events of one lead, the last of them `days_silent` before `until`."""
    draw = random.Random(seed)  # noqa: S311 test data
    silent = draw.expovariate(1 / 3) if days_silent is None else days_silent
    end = until - round(silent * DAY_US) - 1000
    start = end - round(draw.uniform(3, 50) * DAY_US)
    rungs = min(draw.choice((0, 0, 1, 1, 1, 2, 2, 3, 4)), len(_CLIMB) - 1)
    who: dict[str, object] = {
        "name": f"{draw.choice(_FIRST)} {draw.choice(_LAST)}",
        "company": draw.choice(_COMPANIES),
        "company_size": draw.choice((12, 40, 180, 900)),
        "industry": draw.choice(("logistics", "software", "food")),
        "role": draw.choice(("operations lead", "founder", "analyst")),
        "source": draw.choice(("search", "referral", "event")),
    }
    events = [event(lead_id, "identify", start, who)] if draw.random() < 0.8 else []
    steps = [_CLIMB[at] for at in range(rungs)]
    others = [draw.choice(_SMALL) for _ in range(draw.randrange(3, 25))]
    times = sorted(draw.sample(range(start + 1, end), len(steps) + len(others) - 1))
    told = steps + others
    places = sorted(draw.sample(range(len(told) - 1), len(steps))) if steps else []
    order = iter(others)
    climb = iter(steps)
    for at, moment in enumerate([*times, end]):
        name, properties = next(climb) if at in places else next(order)
        events.append(event(lead_id, name, moment, properties))
    return events


def climber(lead_id: str, until: int, rungs: int) -> list[Event]:
    """A lead that was active today and has climbed so many rungs, the last a week ago."""
    steps = [
        event(lead_id, name, until - (7 + rungs - at) * DAY_US, properties)
        for at, (name, properties) in enumerate(_CLIMB[:rungs])
    ]
    return [*steps, event(lead_id, "page_viewed", until - HOUR_US)]


def customer(lead_id: str, until: int) -> list[Event]:
    """A lead that has climbed all the way."""
    count = len(_CLIMB)
    return [
        event(lead_id, name, until - (count - at) * DAY_US, properties)
        for at, (name, properties) in enumerate(_CLIMB)
    ]


def population(count: int, until: int) -> list[Event]:
    """Many leads, among them a customer, a dormant one and one with a hostile id."""
    leads = [life(f"lead-{at:04}", at, until) for at in range(count)]
    hostile = event(HOSTILE, "identify", until - DAY_US, {"name": "<img src=x>", "company": "'\"&"})
    return [
        *(one for lead in leads for one in lead),
        *customer("customer", until),
        *life("dormant", 1, until, days_silent=200.0),
        *life(HOSTILE, 2, until, days_silent=0.1),
        hostile,
    ]


def filled(path: Path, events: Iterable[Event]) -> str:
    """A store with events; its URL."""
    url = f"sqlite:///{path / 'events.db'}"
    with EventStore.open(url) as store:
        store.append_events(events)
    return url


def limited_ladder(minutes: float) -> Ladder:
    """The shipped B2B ladder for reps who can give so many minutes a day."""
    source, unset = read_ladder("b2b").source, "# rep_minutes_a_day = 480"
    assert unset in source
    return parse_ladder(source.replace(unset, f"rep_minutes_a_day = {minutes} #"), "limited")


def quiet_ladder(hours: str, **more: str) -> Ladder:
    """The shipped B2B ladder in which nobody is contacted in some hours."""
    source, unset = read_ladder("b2b").source, "# quiet_hours = "
    assert unset in source
    keys = {"quiet_hours": f'"{hours}"'} | more
    lines = "\n".join(f"{key} = {value}" for key, value in keys.items())
    return parse_ladder(source.replace(unset, f"{lines}\n{unset}"), "quiet")


def controlled_ladder(share: float) -> Ladder:
    """The shipped B2B ladder that leaves a share of the leads worth a call alone."""
    source, off = read_ladder("b2b").source, "none = 0 "
    assert off in source
    return parse_ladder(source.replace(off, f"none = {share} "), "controlled")


def rates_bundle(folder: Path, leads: int = 0, ladder: Ladder | None = None) -> Bundle:
    """A bundle that knows the bands of the ladder alone, or with `leads` some rates."""
    ladder = ladder or read_ladder("b2b")
    blank = np.zeros((len(ladder.goals), len(signals_of(ladder))))
    models = [
        GoalModel(None, uncalibrated(StepRates.prior(means), leads), blank)
        for means in (advancement_priors(ladder), purchase_priors(ladder))
    ]
    encoding = Encoding(tuple(signal.id for signal in signals_of(ladder)))
    return _saved(ladder, encoding, models, folder)


def fitted_bundle(folder: Path, url: str, until: int, seed: int = 3) -> Bundle:
    """A bundle with boosters, fitted on random outcomes that some signals have a say in."""
    ladder = read_ladder("b2b")
    with EventStore.open(url) as store:
        log = store.log(ladder)
    rng = np.random.default_rng(seed)
    count = 1500
    lead = rng.integers(0, len(log.leads), count)
    as_of = until - rng.integers(0, 20 * DAY_US, count)
    points = snapshot(log, ladder, [log.leads[at] for at in lead], as_of)
    encoding = Encoding.learn(points)
    matrix = encoding.matrix(points)
    position = np.minimum(points.position, len(ladder.goals) - 1)
    column = {name.replace(".", "_"): at for at, name in enumerate(encoding.columns)}
    pull = (
        0.25 * np.nan_to_num(matrix[:, column["activity_count_30d"]])
        - 0.08 * np.nan_to_num(matrix[:, column["activity_days_since_last"]], nan=30)
        + 1.5 * (np.nan_to_num(matrix[:, column["trait_company_size"]]) > 100)
    )
    config = FitConfig(
        boosting=BoostingConfig(most_rounds=30), folds=2, repeats=1, least_calibration=50
    )
    models = []
    for shift, means in ((-2.2, advancement_priors(ladder)), (-3.0, purchase_priors(ladder))):
        happened = (rng.random(count) < 1 / (1 + np.exp(-(pull + shift)))).astype(np.float64)
        rows = TrainingRows(
            matrix, encoding.category_columns, position, lead.astype(np.int64), as_of, happened
        )
        models.append(fit_goal(rows, StepRates.prior(means), config))
    assert models[0].evidence == "model"
    return _saved(ladder, encoding, models, folder)


def _saved(ladder: Ladder, encoding: Encoding, models: list[GoalModel], folder: Path) -> Bundle:
    early = {"early": 0}
    learned = {"advancement": early, "purchase": early}
    manifest = {
        "name": "b2b",
        "until": 0,
        "arrival_delays": [0] * len(ladder.goals),
        "trained_on": learned,
    }
    offers = OfferModel.prior(ladder)
    save_bundle(Bundle(ladder, encoding, models[0], models[1], offers, manifest), folder)
    return load_bundle(folder)
