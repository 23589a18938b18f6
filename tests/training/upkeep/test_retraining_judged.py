"""What a retraining trains and judges, on what and by when; and how its verdict is told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from features.clock import rfc3339
from features.errors import NotEnoughData
from features.events.log import EventLog
from tests.training.policies.scene import LADDER, event, log_of, us
from training.pipeline import TrainConfig
from training.scores.challenge import Challenge, Contender, GoalChallenge, Pair
from training.scores.gate import recipe_of
from training.scores.reordering import Incumbent
from training.scores.results import Counts, Evaluation, GoalEvaluation
from training.upkeep import retraining
from training.upkeep.retraining import Retraining, _first, _why_not, report_of_twin, retrain

UNTIL = us(100)
START = us(100 - 10 - 28)
"""Steps take 7, 10 and 21 days; four weeks of scores are judged."""
CONFIG: Any = TrainConfig()
LOSS = Pair("log loss", 0.5, 0.4, -0.1, 0.01, is_better=False)
AUC = Pair("AUC", 0.8, 0.7, -0.1, 0.01, is_better=True)
EDGE = Pair("lift of the top 10 %", 2.0, 3.0, 1.0, 0.1, is_better=True)


def beside(*pairs: Pair) -> Challenge:
    step = GoalChallenge("advancement", 900, 300, pairs, ())
    return Challenge("one", "other", 0, 1, (step, replace(step, goal="purchase")), 10, 0.0)


class Trained:
    """Stands for a bundle."""

    def __init__(self, until: int, config: Any = None) -> None:
        self.manifest = {"until": until, "config": config}
        self.ladder = LADDER
        self.version = f"trained by {rfc3339(until)}"


@dataclass
class Asked:
    """What was asked for, and the verdict that is given."""

    verdict: Challenge
    trained: list[Trained] = field(default_factory=list)
    told: list[Any] = field(default_factory=list)
    logs: list[EventLog] = field(default_factory=list)


@pytest.fixture
def asked(monkeypatch) -> Asked:
    """Nothing is trained or judged; what was asked for is kept."""
    found = Asked(beside(LOSS, replace(AUC, difference=0.0)))

    def train(log: Any, ladder: Any, *, until: int, config: Any = None, progress: Any) -> Any:
        assert ladder is LADDER
        progress("training")
        found.logs.append(log)
        found.trained.append(Trained(until, config))
        return found.trained[-1]

    def recalibrate(log: Any, bundle: Any, as_of: int) -> Any:
        found.logs.append(log)
        return {"moved": [bundle, as_of]}

    def evaluate(bundle: Any, log: Any, *, start: int, until: int, moves: Any = None) -> Any:
        found.logs.append(log)
        found.told.append(("evaluated", bundle, start, until, moves))
        return "evaluated"

    def challenge(log: Any, first: Contender, other: Contender, *, start: int, until: int) -> Any:
        found.logs.append(log)
        found.told.append(("challenged", first, other, start, until))
        return found.verdict

    for one in (train, recalibrate, evaluate, challenge):
        monkeypatch.setattr(retraining, one.__name__, one)
    return found


def log_from(first: int) -> EventLog:
    """A log whose first event was known then, and whose last is at day 100."""
    early = event("ann", "page", 0)._replace(occurred_at=first, known_at=first)
    return log_of([early, event("bob", "page", 100)])


def done(champion: Any, log: EventLog | None = None) -> Retraining:
    return retrain(log or log_from(us(1)), LADDER, champion, until=UNTIL + 9, config=CONFIG)


def test_who_is_trained_and_judged_on_what(asked):
    """The twin by when the judged period begins, both contenders moved by all that is known."""
    champion: Any = Trained(START)
    log = log_from(us(1))
    found = done(champion, log)
    assert all(one is log for one in asked.logs)
    twin, final = asked.trained
    assert [one.manifest for one in (twin, final)] == [
        {"until": START, "config": CONFIG},
        {"until": UNTIL, "config": CONFIG},
    ]
    (_, *evaluated), (_, first, other, *period) = asked.told
    moves = {"moved": [twin, UNTIL]}
    assert evaluated == [twin, START, UNTIL, moves]
    assert (first.bundle, first.moves) == (champion, {"moved": [champion, UNTIL]})
    assert (other.bundle, other.moves) == (twin, moves)
    assert period == [START, UNTIL]
    assert (found.bundle, found.twin, found.challenge) == (final, twin, asked.verdict)


@pytest.mark.parametrize("loss", [replace(LOSS, difference=0.1), replace(LOSS, difference=-0.01)])
def test_what_is_not_better_is_not_trained_on(asked, loss):
    """Worse, or no more than chance does: the champion stays."""
    asked.verdict = beside(loss, replace(AUC, difference=0.0))
    champion: Any = Trained(START)
    found = done(champion)
    assert found.bundle is None
    assert len(asked.trained) == 1
    assert found.why.startswith(("worse than the champion", "not shown to be better"))


def test_a_champion_that_has_seen_a_part_of_the_period(asked):
    """By a microsecond is too much; it is said when as long a period begins after it."""
    champion: Any = Trained(START + 1_000_000)
    found = done(champion)
    assert (found.bundle, asked.trained) == (None, [])
    assert f"until {rfc3339(START + 1_000_000)}" in found.why
    assert f"from about {rfc3339(UNTIL + 1_000_000)} on" in found.why
    assert done(Trained(START + 1)).bundle is None


@pytest.mark.usefixtures("asked")
def test_how_much_a_log_takes():
    """An event that was known when the period begins; one of a microsecond later is too late."""
    assert done(Trained(0), log_from(START)).bundle is not None
    with pytest.raises(NotEnoughData, match=f"from before {rfc3339(START)}"):
        done(Trained(0), log_from(START + 1))


def test_in_what_it_is_worse():
    """The goals and the figures that are worse, of those that decide; the losses of both."""
    found = _why_not(beside(replace(LOSS, error=None), AUC, EDGE))
    assert found == (
        "worse than the champion in AUC of advancement and AUC of purchase: log loss 0.4000"
        " against 0.5000 of the champion, difference -0.1000 with a standard error of 0.0000 over"
        " 300 leads"
    )
    both = _why_not(beside(replace(LOSS, challenger=0.6, difference=0.1), AUC, EDGE))
    assert both.startswith("worse than the champion in log loss of advancement and AUC of adv")
    assert "log loss 0.6000 against 0.5000 of the champion, difference +0.1000 with a" in both
    assert "with a standard error of 0.0100 over" in both


def evaluation(verdict: str, note: str = "") -> Evaluation:
    """Of a twin whose next step could be judged."""
    counts = Counts(62, 60, 3, 59, 0, 0, 62, 62, 60, 3, 57)
    figures: Any = "figures"
    goals: Any = [
        GoalEvaluation("advancement", counts, "model", True, (), performance=figures),
        GoalEvaluation("purchase", counts, "model", True, (), note=note),
    ]
    goals = [replace(one, verdict=verdict, verdict_reason="by its log loss") for one in goals]
    return Evaluation("small", "Small", "", 0, 1, 0, 7, 0.1, *goals)


def first(found: Evaluation) -> Retraining:
    twin: Any = Trained(START)
    return _first(log_from(us(1)), LADDER, twin, found, UNTIL, CONFIG, lambda _: None)


def test_the_first_is_trained_on_everything_unless_it_is_worse(asked):
    """A purchase that cannot be judged holds it up no more than being no better does."""
    note = "not enough data (leads that bought 0)"
    made = first(evaluation("no better than the step rates", note))
    assert [one.manifest for one in asked.trained] == [{"until": UNTIL, "config": CONFIG}]
    assert made.bundle is asked.trained[0]
    assert made.why == (
        "no champion to judge it beside; the twin is no better than the step rates; the purchase"
        f" was not judged: {note}"
    )
    worse = first(evaluation("worse than the step rates"))
    assert (worse.bundle, len(asked.trained)) == (None, 1)
    assert worse.why == "the twin is worse than the step rates: by its log loss"


def test_the_report_of_a_twin_names_both():
    """The version is the bundle's; when it was trained by and how, the twin's."""
    bundle: Any = Trained(UNTIL, "another")
    twin: Any = Trained(START, "config")
    found = evaluation("better than the step rates")
    judged = beside(LOSS, AUC)
    told = report_of_twin(
        Retraining(bundle, "", twin, found, judged), bundle, Incumbent("abc"), {"top": 3}
    )
    said = {"until": rfc3339(START), "recipe": recipe_of(twin)}
    assert told["twin"] == said
    assert recipe_of(twin) != recipe_of(bundle)
    assert (told["version"], told["champion"]) == (bundle.version, "abc")
    assert (told["challenge"], told["reordering"]) == (judged.as_dict(), {"top": 3})
    assert told["advancement"] == found.as_dict()["advancement"]
    alone = report_of_twin(Retraining(bundle, "", twin, found), bundle, Incumbent(), None)
    assert (alone["challenge"], alone["champion"]) == (None, "")
    with pytest.raises(NotEnoughData, match="nothing was judged"):
        report_of_twin(Retraining(bundle, ""), bundle, Incumbent(), None)
