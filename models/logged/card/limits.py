"""What a bundle is for, what it is not for, and what whoever relies on it should know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from features.ladder.words import things
from models.judging.rounding import percent
from models.judging.served import BETTER, WORSE
from models.logged.card.judged import not_judged
from models.logged.card.on_record import GOALS, OnRecord
from models.logged.card.wording import EVALUATE, bullets, listed, plain, sentence

__all__ = ["caveats", "intended_use"]

_RARE: Final = 0.05
"""Of the points of training, that reached a goal: below it few are told from many by little."""
_FEW: Final = 30
"""Points that reached it, below which one more or less changes much."""
_LEAST_SHARE: Final = 0.01
"""Of the weight of all signals; what has less may move as it likes."""
_CHANCE: Final = {
    "advancement": "the chance of the next step",
    "purchase": "the chance of a purchase",
}


def intended_use(known: OnRecord) -> Iterator[str]:
    """What it is made for, and what its own evidence speaks against."""
    yield "It is made"
    yield bullets(
        (
            "to say how likely a lead is to complete its next step, and to buy, within the horizon"
            " of each",
            "to put leads into the order in which people work on them",
            *(["to choose what a lead is asked next"] if known.bundle.ladder.offers else []),
        )
    )
    yield "It is not to be used"
    yield bullets([*_never(known), *(one for goal in GOALS for one in _not_for(known, goal))])


def _never(known: OnRecord) -> Iterator[str]:
    ladder = known.bundle.ladder
    over = " or are lost by the ladder's `lost_when`" if ladder.lost_when else ""
    yield f"for leads that have bought{over}: it gives them no chance"
    yield "with another ladder, or other steps, signals or events of this one: it refuses to"
    yield (
        "to say why a lead goes on, or what would make it: reasons and weights are what goes with"
        " an outcome, not what causes it"
    )
    days = {goal.horizon_days for goal in ladder.goals}
    if len(days) > 1:
        yield (
            "to hold the chance of one step against that of another: their horizons are"
            f" {min(days):g} to {max(days):g} days"
        )


def _not_for(known: OnRecord, goal: str) -> Iterator[str]:
    """What the evidence of a goal speaks against."""
    chance, basis = _CHANCE[goal], known.trained(goal).get("evidence")
    if basis in ("rates", "prior"):
        is_next = goal == "purchase" and known.trained("advancement").get("evidence") == "model"
        but = ", but for the last step" if is_next else ""
        yield f"to tell leads before the same step apart by {chance}: all have the same{but}"
    if known.report is None:
        yield f"to decide by {chance} before it was judged"
    elif not_judged(known, goal):
        yield f"to decide by {chance}: it could not be judged yet"
    elif (verdict := known.judged(goal).get("verdict", "")) == WORSE:
        yield f"to decide by {chance}: it is {verdict}"
    elif verdict != BETTER:
        yield f"to prefer one lead before a step by {chance}: {plain(verdict) or 'no verdict'}"


def caveats(known: OnRecord) -> Iterator[str]:
    """Everything that limits what was said above."""
    yield bullets(_all(known)) or "The evidence names none."


def _all(known: OnRecord) -> Iterator[str]:
    yield from _of_the_judging(known)
    for goal, title in GOALS.items():
        yield from _of_goal(known, goal, title)
    yield from _of_the_training(known)
    if known.gate is not None:
        yield from (f"The gate refuses it: {sentence(plain(one))}" for one in known.gate.missing)


def _of_the_judging(known: OnRecord) -> Iterator[str]:
    report = known.report
    if report is None:
        yield f"**Nobody has judged it** on what happened later: `{EVALUATE}`."
    elif report["flatters"]:
        yield "**The figures flatter it**: it was trained on part of what it was judged on."
    if report and report.get("twin"):
        yield "The figures are those of a twin, and not of this very bundle."


def _of_the_training(known: OnRecord) -> Iterator[str]:
    manifest = known.manifest
    for one in manifest.get("probes", ()):
        if one["accepted"]:
            yield (
                f"A probe for leaks found `{plain(one['id'])}` ({one['kind']}), and whoever trained"
                f" accepted it: “{plain(one['accepted'])}”. If that is wrong, all figures are too"
                " good."
            )
    if types := manifest.get("trusted_types"):
        yield (
            f"It holds code from outside, which runs when it is loaded: {listed(types)}. Whoever"
            " loads it has to permit that."
        )
    yield from (sentence(plain(one)) for one in manifest.get("notes", ()))


def _of_goal(known: OnRecord, goal: str, title: str) -> Iterator[str]:
    counts, judged = known.trained(goal), known.judged(goal)
    if known.report is not None and (why := not_judged(known, goal)):
        yield f"{title} could not be judged: {plain(why).rstrip('.')}."
    if counts and counts["points"]:
        share = counts["reached"] / counts["points"]
        if share < _RARE or counts["reached"] < _FEW:
            yield (
                f"{title} is rare: in training {counts['reached']:,} of"
                f" {things(counts['points'], 'point')} reached it ({percent(share)})."
            )
    if counts and counts["pending"] > counts["points"]:
        yield (
            f"{title}: of most points in training the horizon was not over yet"
            f" ({counts['pending']:,} left out, {counts['points']:,} learned from)."
        )
    yield from _blind(known, goal, title)
    yield from _unjudged_parts(known, goal, title)
    yield from _off(known, goal, title)
    moved = [
        one["id"]
        for one in judged.get("signals", ())
        if one["has_moved"] and one["share"] >= _LEAST_SHARE
    ]
    if moved:
        yield (
            f"{title} rests on signals that are no longer what they were in training, beyond what"
            f" chance explains: {listed(moved)}."
        )


def _blind(known: OnRecord, goal: str, title: str) -> Iterator[str]:
    """Steps of which a model has seen no lead."""
    if known.trained(goal).get("evidence") != "model":
        return
    model = known.bundle.advancement if goal == "advancement" else known.bundle.purchase
    slopes = zip(known.bundle.ladder.goals, model.calibrator.slope, strict=True)
    if blind := [step.title for step, slope in slopes if slope == 0.0]:
        names = ", ".join(map(plain, blind))
        yield f"{title}: no lead of the training stood before {names}; there it is the step's rate."


def _off(known: OnRecord, goal: str, title: str) -> Iterator[str]:
    """Steps whose chances were not those that came, beyond chance."""
    titles = {step.id: step.title for step in known.bundle.ladder.goals}
    off = [
        plain(titles.get(one["id"], one["id"]))
        for one in known.judged(goal).get("realised", ())
        if one["kind"] == "step" and not one["inside"]
    ]
    if off:
        yield (
            f"{title}: what came differed from what was said, beyond chance, before"
            f" {', '.join(off)}."
        )


def _unjudged_parts(known: OnRecord, goal: str, title: str) -> Iterator[str]:
    parts = known.judged(goal).get("by_step", ())
    without = [plain(one["title"]) for one in parts if not one["performance"]]
    if without:
        yield f"{title} could not be judged for these steps alone: {', '.join(without)}."
