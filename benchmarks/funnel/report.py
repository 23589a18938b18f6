"""`python -m benchmarks funnel`: speed, waves of offers, trials of others."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.funnel import public_trials, speed, waves
from benchmarks.public_data import DataAbsent

__all__ = ["run"]


def run(*, small: bool) -> str:
    """All parts; those whose data is absent say so."""
    parts: dict[str, Callable[[], str]] = {
        "Ten million events": lambda: speed.run(small=small),
        "Starbucks, the funnel of each wave": lambda: waves.funnels(*waves.the_log()),
        "Starbucks, what sending adds": lambda: waves.sending(*waves.the_log()),
        "Public trials as experiments": public_trials.run,
    }
    return "\n\n".join(f"### {title}\n\n{_part(make)}" for title, make in parts.items())


def _part(make: Callable[[], str]) -> str:
    try:
        return make()
    except DataAbsent as error:
        return f"Left out: {error}."
