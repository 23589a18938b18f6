"""Train again on what has matured, and promote it only where it is shown to be better.

The newest outcomes are to be learned from and to be judged on, and cannot be both. So the recipe is
judged by a twin: the same configuration, trained on what was known when the judged period began.
Where the twin beats the champion there, in pairs, the recipe is fitted on everything, and that is
what serves: its report is the twin's, and says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from features.clock import rfc3339, said_at, said_from
from features.errors import NotEnoughData
from features.events.log import DAY_US, EventLog
from features.ladder.ladder import Ladder
from models.bundle import Bundle
from models.scores.recalibration import Move
from training.pipeline import Begun, TrainConfig, train
from training.recalibration import recalibrate
from training.scores.challenge import Challenge, Contender, challenge
from training.scores.evaluate import evaluate
from training.scores.gate import recipe_of
from training.scores.reordering import Incumbent
from training.scores.results import Evaluation

__all__ = ["Retraining", "report_of_twin", "retrain"]

_JUDGED_DAYS: Final = 28.0
"""How many days of scores are judged, beside the horizon that their outcomes take."""


@dataclass(frozen=True, eq=False, slots=True)
class Retraining:
    """What came of it.

    Parameters
    ----------
    bundle : fitted on everything, to be promoted; None where the champion stays.
    why : the reason for that, as a sentence.
    evaluation : of the twin; None where nothing could be judged.
    challenge : the twin beside the champion; None without a champion.
    begun : the store that it was trained on, which is to know what serves; None for a file.
    """

    bundle: Bundle | None
    why: str
    twin: Bundle | None = None
    evaluation: Evaluation | None = None
    challenge: Challenge | None = None
    begun: Begun | None = None


def retrain(
    log: EventLog,
    ladder: Ladder,
    champion: Bundle | None,
    *,
    until: int,
    config: TrainConfig | None = None,
    judged_days: float = _JUDGED_DAYS,
    progress: Callable[[str], None] = lambda _: None,
) -> Retraining:
    """Train a twin, judge it beside the champion, and train on everything where it is better.

    Parameters
    ----------
    champion : as it was trained; None where nothing serves that can be read, and whatever beats the
        rates of the steps is better than nothing.
    until : microseconds since the epoch, at most the last event.
    judged_days : days of scores that are judged. They end one step's horizon before `until`.

    Raises
    ------
    NotEnoughData : the log is too short to be judged.
    """
    until = log.judged_until(until)
    horizon = float(np.median([goal.horizon_days for goal in ladder.goals]))
    start = until - round((horizon + judged_days) * DAY_US)
    if champion is not None and int(champion.manifest["until"]) > start:
        ripe = int(champion.manifest["until"]) + until - start
        return Retraining(
            None,
            f"the champion was trained on what was known until"
            f" {said_from(int(champion.manifest['until']))}: what came after can be judged from"
            f" about {said_from(ripe)} on",
        )
    if not (log.known <= start).any():
        raise NotEnoughData(
            f"the log is too short: to judge {judged_days:g} days of scores whose horizon of"
            f" {horizon:g} days is over takes events from before {said_at(start)}"
        )
    progress(f"training the twin on what was known until {said_at(start)}")
    twin = train(log, ladder, until=start, config=config, progress=progress)
    moves = recalibrate(log, twin, until)
    progress("judging the twin")
    found = evaluate(twin, log, start=start, until=until, moves=moves)
    if champion is None:
        return _first(log, ladder, twin, found, until, config, progress)
    beside = _beside(log, champion, twin, moves, start, until)
    if beside.verdict != "better":
        return Retraining(None, _why_not(beside), twin, found, beside)
    progress("training on everything")
    final = train(log, ladder, until=until, config=config, progress=progress)
    return Retraining(final, _why(beside), twin, found, beside)


def _first(
    log: EventLog,
    ladder: Ladder,
    twin: Bundle,
    found: Evaluation,
    until: int,
    config: TrainConfig | None,
    progress: Callable[[str], None],
) -> Retraining:
    if found.advancement.performance is None:
        return Retraining(None, f"the twin cannot be judged: {found.advancement.note}", twin, found)
    if found.verdict.startswith("worse"):
        said = f"the twin is {found.verdict}: {found.advancement.verdict_reason}"
        return Retraining(None, said, twin, found)
    progress("training on everything")
    final = train(log, ladder, until=until, config=config, progress=progress)
    said = _unjudged(found.purchase.note)
    why = f"no champion to judge it beside; the twin is {found.verdict}{said}"
    return Retraining(final, why, twin, found)


def _beside(
    log: EventLog,
    champion: Bundle,
    twin: Bundle,
    moves: dict[str, list[Move]],
    start: int,
    until: int,
) -> Challenge:
    former = Contender(champion, recalibrate(log, champion, until))
    return challenge(log, former, Contender(twin, moves), start=start, until=until)


def _why(beside: Challenge) -> str:
    notes = [goal.note for goal in beside.goals if goal.note]
    return f"better on the same later points: {_losses(beside)}{_unjudged(*notes)}"


def _unjudged(*notes: str) -> str:
    """What is said of a purchase whose horizon is longer than what is judged: it may be worse."""
    return "".join(f"; the purchase was not judged: {note}" for note in notes if note)


def _why_not(beside: Challenge) -> str:
    if beside.verdict == "worse":
        worse = [
            f"{pair.name} of {goal.goal}"
            for goal in beside.goals
            for pair in goal.pairs
            if pair.name in ("log loss", "AUC") and pair.verdict == "worse"
        ]
        return f"worse than the champion in {' and '.join(worse)}: {_losses(beside)}"
    return f"not shown to be better than the champion: {_losses(beside)}"


def _losses(beside: Challenge) -> str:
    pair = beside.goals[0].pair("log loss")
    return (
        f"log loss {pair.challenger:.4f} against {pair.champion:.4f} of the champion, difference"
        f" {pair.difference:+.4f} with a standard error of {pair.error or 0.0:.4f} over"
        f" {beside.goals[0].leads:,} leads"
    )


def report_of_twin(
    done: Retraining, bundle: Bundle, former: Incumbent, compared: dict[str, Any] | None
) -> dict[str, Any]:
    """The report that carries a saved bundle: its twin's, naming both.

    Parameters
    ----------
    bundle : `done.bundle`, saved.
    compared : the bundle itself beside the champion, as the gate asks for it.
    """
    if done.evaluation is None or done.twin is None:
        raise NotEnoughData("nothing was judged: there is no report")
    told = done.evaluation.as_dict()
    twin = {"until": rfc3339(int(done.twin.manifest["until"])), "recipe": recipe_of(done.twin)}
    beside = done.challenge.as_dict() if done.challenge else None
    return told | {
        "version": bundle.version,
        "twin": twin,
        "challenge": beside,
        "reordering": compared,
        "champion": former.hash,
    }
