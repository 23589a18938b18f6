"""Logs with a planted cause of a drop-off, of content that lifts, and of replies that help."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import expit

from features.arrays import Bools, Floats, Ints
from features.events.log import DAY_US, EventLog, LogColumns
from features.ladder.file import parse_ladder
from features.ladder.ladder import Ladder
from features.offers.decisions import Decision
from features.signals.table import ladder_columns

START = 1_790_000_000_000_000
HOUR_US = DAY_US // 24

_LADDER = """
[ladder]
name = "planted"
pieces = ["content"]

[limits]
reply_hours = 4

[[step]]
id = "watch"
title = "Video"
horizon_days = 14
complete_when = [{event = "video_watched", where = {watched_fraction = {at_least = 0.5}}}]
engaged_by = ["page_viewed"]

[[step]]
id = "use"
title = "Worksheet"
horizon_days = 14
band = [0.4, 0.6]
complete_when = [{event = "asset_used", where = {minutes = {at_least = 15}}}]
engaged_by = ["asset_opened"]

[[step]]
id = "assess"
title = "Assessment"
horizon_days = 14
band = [0.4, 0.6]
complete_when = [{event = "assessment_completed"}]
engaged_by = ["assessment_started"]

[purchase]
horizon_days = 30
complete_when = [{event = "signed"}]

[[offer]]
id = "worksheet"
step = "use"
title = "Worksheet"
kind = "template"
effort = {minutes = 15, form_fields = ["name", "email"]}

[[offer]]
id = "assessment"
step = "assess"
title = "Assessment"
kind = "assessment"
effort = {minutes = MINUTES, form_fields = [FIELDS]}

[[offer]]
id = "short-assessment"
step = "assess"
title = "Short assessment"
kind = "assessment"
effort = {minutes = SHORT, form_fields = ["role"]}

[[trait]]
id = "industry"
type = "category"

[[trait]]
id = "region"
type = "category"
"""


def planted_ladder(minutes: int = 30, short: int = 30, fields: int = 1) -> Ladder:
    """A ladder whose third step asks for so much."""
    names = ", ".join(f'"field{at}"' for at in range(fields))
    text = _LADDER.replace("MINUTES", str(minutes)).replace("SHORT", str(short))
    return parse_ladder(text.replace("FIELDS", names))


@dataclass
class Written:
    """Events as they are written down."""

    lead: list[Ints] = field(default_factory=list)
    name: list[str] = field(default_factory=list)
    occurred: list[Ints] = field(default_factory=list)
    held: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, lead: Ints, occurred: Ints, **held: Any) -> None:
        self.lead.append(np.asarray(lead))
        self.name.append(name)
        self.occurred.append(np.asarray(occurred, dtype=np.int64))
        self.held.append(held)

    def log(self, ladder: Ladder, known_after: Ints | None = None) -> EventLog:
        """The log; `known_after` delays the news of each event, in microseconds."""
        columns = LogColumns(*ladder_columns(ladder))
        sizes = [len(lead) for lead in self.lead]
        numbers, texts = {}, {}
        for key in columns.numbers:
            parts = [
                np.broadcast_to(held.get(key, np.nan), size)
                for held, size in zip(self.held, sizes, strict=True)
            ]
            numbers[key] = np.concatenate(parts) if parts else np.empty(0)
        for key in columns.texts:
            words: list[str | None] = []
            for held, size in zip(self.held, sizes, strict=True):
                value = held.get(key)
                given = [value] * size if value is None or isinstance(value, str) else list(value)
                words += given
            texts[key] = words
        names = [name for name, size in zip(self.name, sizes, strict=True) for _ in range(size)]
        lead = np.concatenate(self.lead) if self.lead else np.empty(0, np.int64)
        occurred = np.concatenate(self.occurred) if self.occurred else np.empty(0, np.int64)
        return EventLog.from_columns(
            [f"lead-{one:06d}" for one in lead.tolist()],
            names,
            occurred,
            None if known_after is None else occurred + known_after,
            numbers=numbers,
            texts=texts,
            columns=columns,
        )


def _words(rng: np.random.Generator, words: tuple[str, ...], shares: Floats, n: int) -> Any:
    return rng.choice(np.array(words, dtype=object), n, p=shares)


# --------------------------------------------------------------------------------------- drop-offs


@dataclass(frozen=True)
class DropOff:
    """What is planted at the step "assess".

    Parameters
    ----------
    cause : "jump", "value", "both" or one of the worlds without a cause: "audience" (one industry
        does not need it), "low" (nobody is keen), "keen" (who is keen did more of all before, and
        used what came before more), "broken" (most begin, and what they begin fails).
    heavy : whether the offer is heavy, whatever the cause.
    """

    cause: str
    leads: int = 1500
    heavy: bool = False

    @property
    def ladder(self) -> Ladder:
        heavy = self.heavy or self.cause in ("jump", "both")
        return planted_ladder(150, 150, 5) if heavy else planted_ladder()


def drop_off_log(world: DropOff, seed: int) -> EventLog:
    """All leads come to stand before the step "assess"; what comes of them is planted."""
    rng, n = np.random.default_rng(seed), world.leads
    lead, out = np.arange(n), Written()
    began = START + rng.integers(0, 120 * DAY_US, n)
    industry = _words(rng, ("retail", "software", "health"), np.array([0.5, 0.25, 0.25]), n)
    region = _words(rng, ("north", "south"), np.array([0.5, 0.5]), n)
    retail = industry == "retail"
    keen = rng.normal(size=n)
    is_keen_world = world.cause == "keen"
    views = 1 + rng.poisson(np.exp(0.5 + 0.6 * keen * is_keen_world))
    who = np.repeat(lead, views)
    out.add("page_viewed", who, began[who] + rng.integers(0, DAY_US, len(who)))
    out.add("identify", lead, began, industry=industry, region=region)
    out.add("video_watched", lead, began + DAY_US + 1, watched_fraction=0.9)
    depth = rng.beta(1.0, 2.0, n) if world.cause == "value" else rng.random(n)
    if world.cause == "both":  # a third uses it to the end, the others hardly
        depth = np.where(rng.random(n) < 1 / 3, 0.7 + 0.3 * depth, 0.3 * depth)
    if is_keen_world:
        depth = expit(0.7 * keen + rng.normal(size=n))
    if world.cause == "audience":  # who does not need it uses what came before less as well
        depth = np.where(retail, 0.5 * depth, depth)
    used = began + 2 * DAY_US + rng.integers(0, 3 * DAY_US, n)
    out.add("asset_opened", lead, used - DAY_US // 2)
    out.add("asset_used", lead, used, minutes=15.0 + 45.0 * depth)
    _assess(world, out, rng, used, (depth, retail, keen))
    out.add("page_viewed", lead[:1], np.array([START + 200 * DAY_US]))
    return out.log(world.ladder)


def _assess(
    world: DropOff,
    out: Written,
    rng: np.random.Generator,
    entered: Ints,
    who: tuple[Floats, Bools, Floats],
) -> None:
    """What leads do before the step "assess"."""
    (depth, retail, keen), n = who, len(entered)
    lead = np.arange(n)
    offer = np.where(rng.random(n) < 0.5, "assessment", "short-assessment").astype(object)
    extended = entered + rng.integers(HOUR_US, DAY_US, n)
    out.add("offer_extended", lead, extended, offer=offer)
    wants = {
        "jump": np.full(n, 0.85),
        "broken": np.full(n, 0.85),
        "both": 0.6 + 0.4 * depth,
        "value": 0.08 + 0.8 * depth,
        "audience": np.where(retail, 0.08, 0.5),
        "low": np.full(n, 0.28),
        "keen": expit(-1.1 + 0.5 * keen),
    }[world.cause]
    ends = np.full(n, {"jump": 0.25, "broken": 0.25}.get(world.cause, 0.9))
    if world.cause == "both":
        ends = 0.02 + 0.4 * depth
    seen = rng.random(n) < 0.7
    out.add("offer_seen", lead[seen], extended[seen] + HOUR_US, offer=offer[seen])
    begins = rng.random(n) < wants
    started = extended + 2 * HOUR_US + rng.integers(0, 3 * DAY_US, n)
    out.add("assessment_started", lead[begins], started[begins])
    done = begins & (rng.random(n) < ends)
    out.add("assessment_completed", lead[done], started[done] + HOUR_US)
    left = begins & ~done & (rng.random(n) < 0.5)
    out.add("form_abandoned", lead[left], started[left] + HOUR_US)


# ----------------------------------------------------------------------------------------- content


def content_log(seed: int, leads: int = 2000, lift: float = 0.12) -> tuple[EventLog, Ladder]:
    """Keen leads read the piece "case" more often and go on more; it adds `lift` to their share.

    Keenness shows in what leads did before; a lead does a few things at the step, and each of them
    is the piece, or another, or none. What it decides on is done after the last of them.
    """
    rng, ladder = np.random.default_rng(seed), planted_ladder()
    lead, out = np.arange(leads), Written()
    keen = rng.normal(size=leads)
    began = START + rng.integers(0, 90 * DAY_US, leads)
    views = rng.poisson(np.exp(1.2 + 0.7 * keen))
    who = np.repeat(lead, views)
    out.add("page_viewed", who, began[who] + 1 + rng.integers(0, 2 * DAY_US, len(who)))
    out.add("identify", lead, began, industry="software")
    entered = began + 2 * DAY_US + 2
    out.add("video_watched", lead, entered, watched_fraction=0.9)
    told = np.log1p(views)  # what shows of it is all that counts
    times = 3
    read = np.zeros(leads, dtype=np.bool_)
    at = entered.copy()
    for _ in range(times):
        at = at + rng.integers(HOUR_US, 2 * DAY_US, leads)
        piece = rng.random(leads) < expit(-2.6 + 1.0 * told) * 0.45
        other = ~piece & (rng.random(leads) < 0.4)
        words = np.full(leads, None, dtype=object)
        words[piece], words[other] = "case", "guide"
        out.add("page_viewed", lead, at, content=words)
        read |= piece
    chance = np.clip(0.05 + 0.15 * told + lift * read, 0.0, 1.0)
    goes = rng.random(leads) < chance
    done = at + rng.integers(HOUR_US, 3 * DAY_US, leads)
    out.add("asset_used", lead[goes], done[goes], minutes=30.0)
    out.add("page_viewed", lead[:1], np.array([START + 200 * DAY_US]))
    return out.log(ladder), ladder


# ----------------------------------------------------------------------------------------- replies


def reply_log(seed: int, leads: int = 1500, lift: float = 0.15) -> tuple[EventLog, Ladder]:
    """Active leads are answered sooner and go on more; an answer within 4 hours adds `lift`."""
    rng, ladder = np.random.default_rng(seed), planted_ladder()
    lead, out = np.arange(leads), Written()
    began = START + rng.integers(0, 90 * DAY_US, leads)
    views = rng.poisson(np.exp(1.0 + 0.7 * rng.normal(size=leads)))
    who = np.repeat(lead, views)
    out.add("page_viewed", who, began[who] + 1 + rng.integers(0, 2 * DAY_US, len(who)))
    out.add("identify", lead, began, industry="software")
    entered = began + 2 * DAY_US + 2
    out.add("video_watched", lead, entered, watched_fraction=0.9)
    asked = entered + rng.integers(HOUR_US, 2 * DAY_US, leads)
    out.add("lead_asked", lead, asked)
    told = np.log1p(views)
    fast = rng.random(leads) < expit(-1.5 + 1.0 * told)
    hours = np.where(fast, rng.uniform(0.1, 3.9, leads), rng.uniform(5.0, 60.0, leads))
    replied = rng.random(leads) < 0.95
    answered = asked + (hours * HOUR_US).astype(np.int64)
    out.add("business_replied", lead[replied], answered[replied])
    chance = np.clip(0.05 + 0.15 * told + lift * (fast & replied), 0.0, 1.0)
    goes = rng.random(leads) < chance
    done = asked + 4 * HOUR_US + 1 + rng.integers(HOUR_US, 4 * DAY_US, leads)
    out.add("asset_used", lead[goes], done[goes], minutes=30.0)
    out.add("page_viewed", lead[:1], np.array([START + 200 * DAY_US]))
    return out.log(ladder), ladder


def drawn_log(seed: int, leads: int = 1500, lift: float = 0.15) -> tuple[EventLog, Ladder]:
    """Some are drawn to be offered the worksheet, which adds `lift`; the keen ones read it."""
    rng, ladder = np.random.default_rng(seed), planted_ladder()
    lead, out = np.arange(leads), Written()
    keen = rng.random(leads)
    began = START + rng.integers(0, 90 * DAY_US, leads)
    out.add("identify", lead, began, industry="software")
    entered = began + 2 * DAY_US
    out.add("video_watched", lead, entered, watched_fraction=0.9)
    decided = entered + HOUR_US
    chance = np.where(keen > 0.5, 0.6, 0.3)  # a policy that learned, and says how it drew
    offered = rng.random(leads) < chance
    records = [
        Decision(
            decision_id=f"d-{one}",
            lead_id=f"lead-{one:06d}",
            as_of=int(decided[one]),
            step="use",
            options=("no_ask", "worksheet"),
            probabilities=(1.0 - float(chance[one]), float(chance[one])),
            chosen="worksheet" if offered[one] else "no_ask",
            policy="planted",
            policy_version="1",
            expires_at=int(decided[one] + 14 * DAY_US),
        ).record()
        for one in range(leads)
    ]
    out.add("rung_decision", lead, decided, rung_record=records)
    reads = offered & (rng.random(leads) < keen)
    out.add("page_viewed", lead[reads], decided[reads] + HOUR_US, content="worksheet")
    goes = rng.random(leads) < 0.1 + 0.5 * keen + lift * offered
    out.add("asset_used", lead[goes], decided[goes] + DAY_US, minutes=30.0)
    out.add("page_viewed", lead[:1], np.array([START + 200 * DAY_US]))
    return out.log(ladder), ladder
