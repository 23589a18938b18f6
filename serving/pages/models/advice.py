"""When to train again, and what the model must not be used for: sentences with their reasons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from features.ladder.ladder import Ladder
from models.bundle import Bundle
from models.judging.readiness import Level, NextLevel, Readiness
from models.judging.served import AheadLook
from serving.pages.common import words
from serving.pages.models.figures import GoalFigures
from serving.process.judged.moved import Movement
from serving.process.service import Service

__all__ = ["GOAL_WORDS", "LEVEL_WORDS", "ReadyStep", "limits_of", "ready_steps", "train_again"]

GOAL_WORDS: Final = {"advancement": "the next step", "purchase": "a purchase"}
LEVEL_WORDS: Final[Mapping[Level, str]] = {
    "bands": "The ladder's own guess",
    "rates": "One rate for all",
    "model": "Tells leads apart",
    "calibrated": "Tells leads apart, and checks itself",
}
"""What can be learned of a step, from least to most."""
_FULL: Final = ("model", "calibrated")
_LONGEST_WEEKS: Final = 104.0


@dataclass(frozen=True, slots=True)
class ReadyStep:
    """What of a step can be learned by now, and what the next level takes."""

    title: str
    leads_a_week: float
    went_on: int
    did_not: int
    pending: int
    level: str
    following: str
    dead: Sequence[str]


def train_again(
    service: Service,
    figures: Sequence[GoalFigures],
    moved: Sequence[Movement],
    ahead: AheadLook | None,
    ready: Readiness | None,
) -> list[str]:
    """What says that it is time to train again; empty where nothing does."""
    found: list[str] = []
    if service.problem and service.scorer.bundle is not None:
        found.append(f"There is a problem with the model that is to serve: {service.problem}.")
    if service.ladder_problem:
        found.append(f"The ladder as it is now is not served: {service.ladder_problem}.")
    found += [said for one in figures for said in _of_figures(one)]
    found += [
        f"Outcomes have moved the chances of {GOAL_WORDS[one.goal]} far: {_moved_said(one)}. The"
        " world is another one than it learned from."
        for one in moved
        if one.is_far
    ]
    found += [f"Signals have moved. {one['says']}." for one in (ahead["moved"] if ahead else ())]
    bundle = service.scorer.bundle
    if bundle is not None and ready is not None:
        found += _outgrown(bundle, ready)
    return found


def _of_figures(figures: GoalFigures) -> Iterator[str]:
    goal = GOAL_WORDS[figures.goal]
    if figures.standing == "worse":
        yield f"For {goal} it does worse than taking everyone at a step alike."
    if figures.spans and not figures.spans[-1].inside:
        last = figures.spans[-1]
        told, came = (words.count(100.0 * one) for one in (last.expected, last.came))
        yield (
            f"For {goal}, {told} of 100 were expected in the last four weeks and {came} came:"
            " chance does not explain that."
        )


def _outgrown(bundle: Bundle, ready: Readiness) -> Iterator[str]:
    """Where there are outcomes for more than the model has."""
    for goal, model, there in (
        ("advancement", bundle.advancement, ready["advancement"]),
        ("purchase", bundle.purchase, ready["purchase"]),
    ):
        if model.evidence != "model" and there["level"] in _FULL:
            yield (
                f"For {GOAL_WORDS[goal]} it gives everyone at a step the same chance, and by now"
                " there are outcomes enough to tell leads apart."
            )


def _moved_said(one: Movement) -> str:
    return f"a typical lead's from {_chance(one.trained)} to {_chance(one.now)}"


def _chance(share: float) -> str:
    return f"{100.0 * share:.0f} %" if share >= 0.1 else f"{100.0 * share:.1f} %"


# ------------------------------------------------------------------------------------------ limits


def limits_of(bundle: Bundle, figures: Sequence[GoalFigures]) -> list[str]:
    """What the model must not be used for, of all models and of this one."""
    return [*_of_all(bundle.ladder), *_of_this(bundle, figures), *_of_training(bundle.manifest)]


def _of_all(ladder: Ladder) -> Iterator[str]:
    days = sorted({goal.horizon_days for goal in ladder.goals})
    yield (
        "A chance says what goes with going on, not what would bring it about. What an offer"
        " changes is told by lot, under Experiments."
    )
    if len(days) > 1:
        yield (
            f"Chances of different steps are for different times, {days[0]:g} to {days[-1]:g} days:"
            " one is not to be ranked against another."
        )
    yield (
        "It knows what its events tell: a call that nobody recorded did not happen, and of somebody"
        " who came by a new address it knows nothing."
    )
    yield (
        "It is made to order the work of selling. It must not refuse anybody a price, credit or"
        " work, and decides nothing about a person that the law leaves to people."
    )
    if ladder.protected:
        yield (
            "Protected traits are read by nothing here; what goes with them (a place, a trade) is."
        )
    else:
        yield (
            "The ladder protects no trait: where one such as age or origin arrives, it is read like"
            " any other, until the ladder marks it."
        )


def _of_this(bundle: Bundle, figures: Sequence[GoalFigures]) -> Iterator[str]:
    for goal, model in (("advancement", bundle.advancement), ("purchase", bundle.purchase)):
        if model.evidence == "prior":
            yield (
                f"Its chances of {GOAL_WORDS[goal]} are what is usual for such a ladder: nothing"
                " was learned here yet."
            )
        elif model.evidence == "rates":
            yield (
                f"Its chances of {GOAL_WORDS[goal]} are the same for everyone at a step: there were"
                " too few outcomes to tell leads apart."
            )
    for one in figures:
        few = [step.title for step in one.steps if step.ordered is None]
        if few and one.promises:
            yield (
                f"How well it tells leads apart for {GOAL_WORDS[one.goal]} is not known before"
                f" {_listed(few)}: too few leads' time is over."
            )


def _of_training(manifest: Mapping[str, Any]) -> Iterator[str]:
    for found in manifest.get("probes", ()):
        if found.get("accepted"):
            yield (
                f"It may know too much: {found['says']}. That was accepted in training:"
                f" {found['accepted']}."
            )
    for note in manifest.get("notes", ()):
        yield f"{words.sentence(str(note))}."


def _listed(titles: Sequence[str]) -> str:
    return titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"


# --------------------------------------------------------------------------------------- readiness


def ready_steps(ready: Readiness) -> list[ReadyStep]:
    """The steps, each by its own outcomes alone."""
    return [
        ReadyStep(
            title=one["title"],
            leads_a_week=one["leads_a_week"],
            went_on=one["outcomes"]["positives"],
            did_not=one["outcomes"]["negatives"],
            pending=one["outcomes"]["pending"],
            level=LEVEL_WORDS[one["level"]],
            following=_following(one["next"]),
            dead=[each["text"] for each in one["dead"]],
        )
        for one in ready["steps"]
    ]


def _following(following: NextLevel | None) -> str:
    if following is None:
        return ""
    weeks = following["weeks"]
    if weeks is None or weeks > _LONGEST_WEEKS:
        return f"{LEVEL_WORDS[following['level']]}: not at this rate"
    when = "a week" if round(weeks) <= 1 else f"{round(weeks)} weeks"
    return f"{LEVEL_WORDS[following['level']]}: in about {when}"
