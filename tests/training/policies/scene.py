"""A small ladder, and logs of decisions on it told event by event."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from features.events.log import DAY_US, EventLog, LogColumns
from features.ladder.file import parse_ladder
from features.ladder.ladder import Ladder
from features.offers.decisions import Decision, decision_event, exposure_events, outcome_event
from features.signals.table import ladder_columns
from features.store.events import Event
from models.offers.options import NO_ASK, NURTURE, options_of

START_US = 1_767_571_200_000_000  # 2026-01-05T00:00Z

LADDER = parse_ladder(
    """
[ladder]
name = "small"
title = "A small ladder"
dormant_after_days = 30

[value]
purchase = 100
rep_minute = 1
horizon_days = 14

[[step]]
id = "look"
title = "Look"
horizon_days = 7
complete_when = [{event = "video", where = {fraction = {at_least = 0.8}}}]
engaged_by = ["page"]

[[step]]
id = "try"
title = "Try"
horizon_days = 10
band = [0.1, 0.3]
complete_when = [{event = "trial"}]

[purchase]
title = "Buy"
horizon_days = 21
band = [0.1, 0.3]
complete_when = [{event = "order"}]

[[offer]]
id = "clip"
step = "look"
title = "A clip"
kind = "video"
effort = {minutes = 3}

[[offer]]
id = "guide"
step = "look"
title = "A guide"
kind = "guide"
effort = {minutes = 8}
framings = [{id = "short", text = "In short"}, {id = "deep", text = "In depth"}]

[[offer]]
id = "demo"
step = "try"
title = "A demo"
kind = "session"
effort = {minutes = 15, human = true}
rep_minutes = 20

[[offer]]
id = "contract"
step = "purchase"
title = "A contract"
kind = "contract"
effort = {minutes = 10}

[[offer]]
id = "tips"
step = "look"
title = "Tips"
kind = "tips"
role = "support"
effort = {minutes = 2}

[[trait]]
id = "industry"
type = "category"
""",
    "small.toml",
)


PLACE = {name: at for at, name in enumerate(options_of(LADDER).ids)}
ASKS = {0: {"clip", "guide"}, 1: {"demo"}, 2: {"contract"}}
REST = (NURTURE, NO_ASK)


def us(days: float) -> int:
    """An instant, so many days after the start."""
    return START_US + round(days * DAY_US)


def event(
    lead: str, name: str, day: float, *, known: float | None = None, **properties: object
) -> Event:
    """Something that happened on a day, and was learned of then or on another."""
    text = json.dumps(properties)
    return Event("", lead, name, us(day), us(day if known is None else known), text)


def log_of(events: Sequence[Event], ladder: Ladder = LADDER) -> EventLog:
    """The events as a log of a ladder."""
    columns = LogColumns(*ladder_columns(ladder))
    told = [json.loads(one.properties) for one in events]
    return EventLog.from_columns(
        [one.lead_id for one in events],
        [one.name for one in events],
        np.array([one.occurred_at for one in events], dtype=np.int64),
        np.array([one.known_at for one in events], dtype=np.int64),
        numbers={name: [one.get(name, np.nan) for one in told] for name in columns.numbers},
        texts={name: [one.get(name) for one in told] for name in columns.texts},
        columns=columns,
    )


def drawn(
    lead: str,
    day: float,
    chosen: str = "clip",
    options: Sequence[str] = ("clip", "guide", *REST),
    name: str = "",
    **more: object,
) -> Decision:
    """A decision that was drawn with the same probability for each of its options."""
    share = 1.0 / len(options)
    decision = Decision(
        decision_id=name or f"{lead}-{day}",
        lead_id=lead,
        as_of=us(day),
        step="look",
        options=tuple(options),
        probabilities=(share,) * len(options),
        chosen=chosen,
        policy="uniform",
        policy_version="1",
        expires_at=us(day + 7),
    )
    return replace(decision, **more)  # type: ignore[arg-type]


def exposed(decision: Decision) -> list[Event]:
    """The decision and that it reached its lead at once."""
    at = decision.as_of + 1
    return [decision_event(decision, LADDER), *exposure_events(decision, LADDER, at)]


def reported(
    decision: Decision, day: float, value: float, known: float | None = None
) -> list[Event]:
    at = us(day)
    known_at = at if known is None else us(known)
    return [outcome_event(decision, LADDER, at, known_at, value, "said")]


def extended(lead: str, day: float, offer: str) -> Event:
    return event(lead, "offer_extended", day, offer=offer)
