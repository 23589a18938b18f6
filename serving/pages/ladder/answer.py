"""Where do leads stop, and is that worse than usual: the sentences on top of the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from features.ladder.words import things
from models.judging.funnel.shapes import Funnel, StepFunnel
from models.judging.funnel.wording import band_words, in_100, nobody_waited, of_100
from serving.pages.common import words
from serving.pages.ladder.choices import LadderChoice, cohort_name

__all__ = ["LadderAnswer", "answered"]


@dataclass(frozen=True, slots=True)
class LadderAnswer:
    """The answer in a sentence, and what else is to be said of it.

    Parameters
    ----------
    first, beside : the sentence; its end says how that compares with the usual.
    kind : of its end, as the style knows it.
    """

    first: str
    beside: str
    kind: str
    more: tuple[str, ...]


def answered(found: Funnel, choice: LadderChoice) -> LadderAnswer:
    """Where leads stop, of those who are counted; somebody came."""
    steps = found["steps"]
    known = [step for step in steps if step["rate"]["value"] is not None]
    if not known:
        return LadderAnswer(_too_early(steps, found["leads"]), "", "", ())
    most = max(known, key=_stopped)
    below = sorted((step for step in known if step["verdict"] == "below"), key=_of_usual)
    if below:
        worst = below[0]
        begins = "Most stop" if worst is most else "Too many stop"
        more = (*_since(worst, choice), *_others(below[1:]), *_most(most, below))
        return _told(begins, worst, more)
    return _none_below(most, known, choice)


def _told(begins: str, step: StepFunnel, more: tuple[str, ...]) -> LadderAnswer:
    share = of_100(step["rate"]["value"] or 0.0)
    kinds = {"below": "bad", "within": "good", "above": "good"}
    sign, beside = _beside(step)
    first = f"{begins} before {step['title']}: {share} go on{sign}"
    return LadderAnswer(first, beside, kinds.get(step["verdict"], ""), more)


def _stopped(step: StepFunnel) -> int:
    return step["counts"]["lapsed"] + step["counts"]["lost"]


def _of_usual(step: StepFunnel) -> float:
    """How much of the least that is usual a step has."""
    low = step["band"]["low"] if step["band"] else 1.0
    return (step["rate"]["value"] or 0.0) / low


def _too_early(steps: Sequence[StepFunnel], known: int) -> str:
    """What there is before anybody's time is over, of the first step to which somebody came.

    Parameters
    ----------
    known : how many leads there are; some came more than once where they are fewer than came.
    """
    step = next(step for step in steps if step["counts"]["came"])
    came, went = step["counts"]["came"], step["counts"]["advanced"]
    times = f" {words.count(came)} times" if came > known else ""
    leads = things(min(came, known), "lead")
    gone = f", {words.count(went)} went on already" if went else ""
    waited = nobody_waited(step["horizon_days"]).replace("'", "’")
    return (
        f"It is too early to say where leads stop: {leads} came{times} to stand before"
        f" {step['title']}{gone}, and {waited[0].lower()}{waited[1:]}."
    )


def _beside(step: StepFunnel) -> tuple[str, str]:
    """How the share that goes on compares with the usual, and the sign before that."""
    band = step["band"]
    if band is None:
        return ";", "your ladder names no usual share for it."
    usual = f"the usual {band_words(band['low'], band['high'])}"
    if step["verdict"] == "undetermined":
        return ";", f"whether that is within {usual} is not sure yet."
    return ",", f"{step['verdict']} {usual}."


def _others(steps: Sequence[StepFunnel]) -> Iterator[str]:
    """Which steps are below their usual shares besides."""
    if steps:
        told = [f"{step['title']} ({_short(step)})" for step in steps]
        yield f"Below the usual as well: {_listed(told)}."


def _short(step: StepFunnel) -> str:
    band = step["band"]
    usual = f", usually {band_words(band['low'], band['high'])}" if band else ""
    return f"{of_100(step['rate']['value'] or 0.0)}{usual}"


def _most(most: StepFunnel, below: Sequence[StepFunnel]) -> Iterator[str]:
    """Before which step most stop, where it is none of those below their usual shares."""
    if most not in below:
        told = _told("Most leads stop", most, ())
        yield f"{told.first} {told.beside}"


def _none_below(
    most: StepFunnel, steps: Sequence[StepFunnel], choice: LadderChoice
) -> LadderAnswer:
    """Where most stop; that no step is below its usual share, and of which that is not sure."""
    moved = tuple(_moved(most, choice))
    if not any(step["band"] for step in steps):
        return _told("Most stop", most, moved)
    unsure = [step for step in steps if step["verdict"] == "undetermined"]
    others = [step["title"] for step in unsure if step is not most]
    none = f"no step is {'surely ' if unsure else ''}below its usual share."
    not_yet = (f"Not sure yet: {_listed(others)}.",) if others else ()
    if most["band"] is not None:
        return _told("Most stop", most, (*moved, words.sentence(none), *not_yet))
    first = f"Most stop before {most['title']}: {of_100(most['rate']['value'] or 0.0)} go on;"
    return LadderAnswer(first, none, "" if unsure else "good", (*moved, *not_yet))


def _since(step: StepFunnel, choice: LadderChoice) -> Iterator[str]:
    """Since when a step has been below its usual share, and whether it was otherwise before."""
    band = step["band"]
    cells = [cell for cell in step["cohorts"] if cell["rate"]["value"] is not None]
    if band is not None and len(cells) > 1:
        low = [(cell["rate"]["value"] or 0.0) < band["low"] for cell in cells]
        run = next((at for at, is_low in enumerate(reversed(low)) if not is_low), len(low))
        if run == len(low):
            yield f"It was so in each of the {len(low)} {choice.by}s."
        elif run > 1:
            began = cohort_name(cells[len(low) - run]["since"], choice.by)
            yield f"It has been so in every {choice.by} since {began}."
        else:
            yield f"It was so in {sum(low)} of {len(low)} {choice.by}s."
    yield from _moved(step, choice)


def _moved(step: StepFunnel, choice: LadderChoice) -> Iterator[str]:
    """How a step differs from the stretch before the one that is chosen."""
    trend = step["trend"]
    if trend is None or trend["difference"] is None or not choice.has_before:
        return
    low, high, before = trend["low"] or 0.0, trend["high"] or 0.0, trend["before"]["value"] or 0.0
    if low <= 0.0 <= high:
        yield f"In the {choice.span} before it was {of_100(before)}: no sure difference."
    else:
        word = "more" if trend["difference"] > 0 else "fewer"
        many = in_100(abs(trend["difference"]))
        yield f"That is {many} of 100 {word} than in the {choice.span} before ({in_100(before)})."


def _listed(texts: Sequence[str]) -> str:
    """Several things as one reads them: "a, b and c"."""
    *first, last = texts
    return f"{', '.join(first)} and {last}" if first else last
