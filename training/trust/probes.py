"""All probes of a training set, before anything is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from features.events.log import EventLog
from features.ladder.ladder import Ladder
from models.scores.encoding import Encoding
from training.decision_points import Points
from training.labels import Outcomes
from training.trust.quick_model import fitted_ranks
from training.trust.rows import ProbeRows
from training.trust.shuffled import copies, people, shuffled
from training.trust.suspicion import LeakFound, Suspicion
from training.trust.time_order import known_too_early, time_reversed
from training.trust.too_good import too_good
from training.trust.written_after import only_of_successes, written_after

__all__ = ["accept", "probed"]


def probed(
    log: EventLog,
    ladder: Ladder,
    points: Points,
    outcomes: tuple[Outcomes, Outcomes],
    encoding: Encoding,
) -> list[Suspicion]:
    """What the probes find, what stops training first; of one thing told by both goals, the first.

    Parameters
    ----------
    log : what was known when training ends.
    outcomes : of advancement and of purchase.
    """
    found = [
        *known_too_early(log, ladder),
        *time_reversed(log, ladder),
        *written_after(log, ladder),
        *only_of_successes(points, outcomes[1], ladder),
    ]
    person = people(log, ladder)
    found += copies(log, person)
    for of_goal, goal in zip(outcomes, ("the next step", "the purchase"), strict=True):
        rows = ProbeRows.of(points, of_goal, encoding)
        if rows.is_enough:
            ranks, gains = fitted_ranks(rows, rows.happened)
            found += [*too_good(rows, gains, goal), *shuffled(rows, person, ranks, goal)]
    once: dict[tuple[str, str, bool], Suspicion] = {}
    for one in found:
        once.setdefault((one.id, one.kind, one.stops), one)
    return sorted(once.values(), key=lambda one: not one.stops)


def accept(found: list[Suspicion], accepted: Mapping[str, str]) -> list[Suspicion]:
    """The findings with the reasons for which they are accepted.

    Parameters
    ----------
    accepted : a reason for each id that somebody accepts.

    Raises
    ------
    LeakFound : one that stops training and that nobody accepts.
    """
    if leaks := [one for one in found if one.stops and not accepted.get(one.id, "").strip()]:
        raise LeakFound(leaks)
    return [replace(one, accepted=accepted.get(one.id, "").strip()) for one in found]
