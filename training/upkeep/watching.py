"""How good what serves is by now, what is known before outcomes are, and which policy may serve."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from features.errors import NotEnoughData
from features.events.log import EventLog
from features.store.events import EventStore
from features.store.identities.turns import Erased
from features.store.kept.reports import Report, Reports
from models.bundle import Bundle
from models.judging.served import (
    AHEAD,
    OFFERS,
    POLICY,
    SCORES,
    AheadLook,
    PolicyLook,
    ScoresLook,
    about_policy,
)
from models.judging.trials.shapes import OffersByLot
from models.scores.recalibration import Move
from models.served_policy import DEFAULT
from training.policies.by_lot import offers_by_lot
from training.policies.evaluate import evaluate_policy
from training.policies.gate import checks, judge_policy
from training.recalibration import recalibrate
from training.scores.evaluate import evaluate
from training.upkeep.ahead import look_ahead

__all__ = ["Watched", "keep_watched", "watch_served"]

_CANDIDATE: Final = "learned"
"""The policy that is judged beside the one that serves."""


@dataclass(frozen=True, eq=False, slots=True)
class Watched:
    """What was found of what serves.

    Parameters
    ----------
    served : the bundle on the ladder that it serves on.
    until : by what was known then, in microseconds since the epoch.
    """

    served: Bundle
    until: int
    scores: ScoresLook
    ahead: AheadLook
    offers: OffersByLot
    policies: list[PolicyLook]


def watch_served(
    trained: Bundle,
    served: Bundle,
    policy: str,
    log: EventLog,
    until: int,
    progress: Callable[[str], None] = lambda _: None,
) -> Watched:
    """Judge the scores of what serves, its offers by lot, and the policies that may serve with it.

    Of what has not come yet it says what is expected, and which signals are not what they were.

    Parameters
    ----------
    trained, served : the bundle as it was trained, and on the ladder that it serves on.
    policy : the name of the one that serves.
    until : by what was known then.
    """
    progress("what was expected, and what came")
    moves = recalibrate(log, trained, until)
    scores = _scores(served, log, until, moves)
    ahead = look_ahead(served, log, until, moves, progress)
    progress("offers by lot")
    offers = offers_by_lot(log, served.ladder, until)
    policies = []
    for name in sorted({_CANDIDATE, policy} - {DEFAULT}):
        progress(f"whether {name} may serve")
        policies.append(_policy(served, log, name, until))
    return Watched(served, until, scores, ahead, offers, policies)


def _scores(
    served: Bundle, log: EventLog, until: int, moves: Mapping[str, Sequence[Move]]
) -> ScoresLook:
    """The bundle on outcomes since it was trained, with its probabilities moved as they were."""
    try:
        found = evaluate(served, log, until=until, moves=moves)
    except NotEnoughData as error:
        return {"evaluation": None, "note": str(error)}
    return {"evaluation": found.as_dict(), "note": ""}


def _policy(served: Bundle, log: EventLog, name: str, until: int) -> PolicyLook:
    try:
        report = evaluate_policy(served, log, name, until=until).as_dict()
        gate = judge_policy(report, served)
    except NotEnoughData as error:
        return {"name": name, "gate": None, "checks": [], "note": str(error)}
    asked = list(checks(report, served.ladder))
    return {"name": name, "gate": gate.as_dict(), "checks": asked, "note": ""}


def keep_watched(store: EventStore, found: Watched, erased: Erased | None = None) -> bool:
    """Keep the newest of each look, and no other; whether all were kept.

    Parameters
    ----------
    erased : as it was before the log was read; see `Reports.keep`.
    """
    bundle = found.served.hash
    told: list[tuple[str, str, Mapping[str, Any]]] = [
        (SCORES, bundle, found.scores),
        (AHEAD, bundle, found.ahead),
        (OFFERS, "", found.offers),
        *((POLICY, about_policy(bundle, one["name"]), one) for one in found.policies),
    ]
    reports = Reports(store.database)
    name, until = found.served.ladder.name, found.until
    made = [Report(kind, name, about, until, body) for kind, about, body in told]
    return all(reports.keep_alone(report, erased) for report in made)
