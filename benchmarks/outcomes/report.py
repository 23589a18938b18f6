"""What the whole product is for: what a team comes to in half a year by each way of working.

Targets stand under the tables; the ranges that the worlds come from were set down before the first
run (`benchmarks.outcomes.ranges`).
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.outcomes.acts import DAY_MINUTES
from benchmarks.outcomes.burn_in import BURN_IN_DAYS
from benchmarks.outcomes.figures import MEASURES, Paired, added, draw, of_way, paired
from benchmarks.outcomes.play import AFTER_REPLIES, IDLE, OURS, RIVALS, WAYS, Outcome, play
from benchmarks.tables import markdown

__all__ = ["DAYS", "JOBS", "WORLDS", "page", "run"]

WORLDS, DAYS, JOBS = 20, 182, 2
_SMALL_WORLDS, _SMALL_DAYS = 2, 42
_SURE: Final = 2.0
_MIXED: Final = "mixed"


def run(
    *,
    small: bool = False,
    worlds: int | None = None,
    days: int | None = None,
    jobs: int = JOBS,
    picture: Path | None = None,
) -> str:
    """The tables of so many worlds; `small` is two of them for six weeks."""
    worlds = worlds or (_SMALL_WORLDS if small else WORLDS)
    days = days or (_SMALL_DAYS if small else DAYS)
    found = _played(worlds, days, jobs)
    if picture is not None:
        draw(found, picture)
    return page(found, days)


def page(found: list[Outcome], days: int) -> str:
    """The tables of worlds that were played for so many days."""
    told = [_intro(len({one.world for one in found}), days)]
    mixed = [one for one in found if one.kind == _MIXED]
    if mixed:
        told.append(_section("Worlds in which what is done to leads matters", mixed, _beats(mixed)))
    for kind in ("nothing helps", "points are right"):
        there = [one for one in found if one.kind == kind]
        if there:
            told.append(_section(f"Worlds in which {kind}", there, _not_worse(there)))
    return "\n\n".join([*told, _by_world(found)])


def _played(worlds: int, days: int, jobs: int) -> list[Outcome]:
    """All worlds, in processes of their own with a thread each."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max(1, min(jobs, worlds)), mp_context=context) as pool:
        played = pool.map(partial(_play, days=days), range(worlds))
        return [one for found in played for one in found]


def _play(number: int, days: int) -> list[Outcome]:
    return play(number, days, lambda text: print(text, file=sys.stderr, flush=True))


# ----------------------------------------------------------------------------------------- tables


def _intro(worlds: int, days: int) -> str:
    hours = DAY_MINUTES / 60.0
    return (
        f"{worlds} worlds; {BURN_IN_DAYS} days of a team that tries everything at random, then"
        f" {days} days by each way with {hours:.0f} rep-hours a weekday and a mailer."
    )


def _section(title: str, found: list[Outcome], told: list[str]) -> str:
    count = len({one.world for one in found})
    header = [
        "way of working", "purchases", "value, 1000 EUR", "rep-hours", "EUR for a rep-hour",
        "Rung today minus it", "EUR added for a rep-hour", "rep-hours a purchase",
        "asks a purchase", "asks a lead", "refusals a lead",
    ]  # fmt: skip
    rows = [_line(found, way) for way in WAYS]
    return (
        f"**{title}: {count}, mean ± standard error over worlds**\n\n"
        f"{markdown(header, rows)}\n\nTargets: {'; '.join(told)}."
    )


def _line(found: list[Outcome], way: str) -> list[str]:
    gained = paired(found, way, MEASURES["value an hour"])
    works = way != IDLE
    return [
        f"**{way}**" if way == OURS else way,
        _mean(found, way, "purchases", 1),
        _mean(found, way, "value", 0),
        _mean(found, way, "hours", 0),
        _mean(found, way, "value an hour", 0) if works else "–",
        _pm(gained, 0, "+") if works and way != OURS else "",
        _pm(Paired.of(added(found, way)), 0, "+") if works else "–",
        _mean(found, way, "hours a purchase", 1) if works else "–",
        _mean(found, way, "asks a purchase", 1),
        _mean(found, way, "asks a lead", 2),
        _mean(found, way, "refusals a lead", 3),
    ]


def _mean(found: list[Outcome], way: str, name: str, digits: int) -> str:
    return _pm(Paired.of(of_way(found, way, MEASURES[name])), digits)


def _pm(one: Paired, digits: int, sign: str = "") -> str:
    error = "" if np.isnan(one.error) else f" ± {one.error:.{digits}f}"
    return f"{one.mean:{sign},.{digits}f}{error}"


def _by_world(found: list[Outcome]) -> str:
    """Every world, so that nothing hides in a mean."""
    header = ["world", "kind", *(f"{way}" for way in WAYS)]
    rows = [
        [str(world + 1), *_of_world([one for one in found if one.world == world])]
        for world in sorted({one.world for one in found})
    ]
    table = markdown(header, rows)
    return f"**Every world: purchases / rep-hours / value, 1000 EUR**\n\n{table}"


def _of_world(there: list[Outcome]) -> list[str]:
    cells = [f"{one.purchases} / {one.hours:,.0f} / {one.value / 1000.0:,.0f}" for one in there]
    return [there[0].kind, *cells]


# ---------------------------------------------------------------------------------------- targets


def _beats(found: list[Outcome]) -> list[str]:
    """Whether Rung brings more for a rep-hour than each other, with fewer asks a purchase."""
    beside = paired(found, AFTER_REPLIES, MEASURES["value"])
    return [
        *(_beats_one(found, way) for way in RIVALS),
        _not_less(found),
        f"no target: in all {_pm(beside, 0, '+')} thousand beside {AFTER_REPLIES}",
    ]


def _beats_one(found: list[Outcome], way: str) -> str:
    gained = paired(found, way, MEASURES["value an hour"])
    asks = paired(found, way, MEASURES["asks a purchase"])
    met = gained.mean >= _SURE * gained.error and asks.mean < 0.0
    return _met(
        f"more for a rep-hour than {way} by {_SURE:g} paired errors, with fewer asks a purchase:"
        f" {_pm(gained, 0, '+')} and {_pm(asks, 1, '+')}",
        met,
    )


def _not_less(found: list[Outcome]) -> str:
    """Fewer hours alone would be more for an hour: the value itself must not be less."""
    values = {way: paired(found, way, MEASURES["value"]) for way in RIVALS}
    least = min(values, key=lambda way: values[way].mean)
    said = f"and in all not less than any: {_pm(values[least], 0, '+')} thousand beside {least}"
    return _met(said, values[least].mean >= -_SURE * np.nan_to_num(values[least].error))


def _not_worse(found: list[Outcome]) -> list[str]:
    """Whether Rung is not surely worse than any other, for an hour and in all."""
    return [
        _met(f"not less {said} than any other: {_pm(least, 0, '+')}", _is_not_less(least))
        for said, least in (
            ("for a rep-hour", _least(found, "value an hour")),
            ("in all, in thousands,", _least(found, "value")),
        )
    ]


def _least(found: list[Outcome], name: str) -> Paired:
    each = [paired(found, way, MEASURES[name]) for way in RIVALS]
    return min(each, key=lambda one: one.mean)


def _is_not_less(one: Paired) -> bool:
    return one.mean >= -_SURE * float(np.nan_to_num(one.error))


def _met(text: str, met: bool | np.bool) -> str:
    return f"{text} ({'met' if met else 'NOT met'})"
