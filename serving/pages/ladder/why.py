"""Why they stop and what to try: causes with their evidence, content, replies, advice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from features.ladder.advice import advise
from features.ladder.ladder import Ladder
from features.ladder.words import worth_of
from models.judging.funnel.cause_shapes import (
    AudienceCell,
    ContentLifts,
    DepthEvidence,
    Diagnosis,
    JumpEvidence,
    PieceLift,
    ReplyTimes,
    Share,
    StepDiagnosis,
)
from models.judging.funnel.causes.cause_wording import experiment_said, jump_said, value_said
from models.judging.funnel.wording import in_100, of_100
from serving.pages.common import words
from serving.pages.ladder.choices import LadderChoice, day_of, value_of
from serving.pages.ladder.steps import percent, span

__all__ = [
    "Apart",
    "PieceLine",
    "PieceTable",
    "ReplyLine",
    "StepCause",
    "advice_on",
    "causes_of_steps",
    "piece_table",
    "reply_lines",
]

_MOST_SURE: Final = 12
_MOST_UNSURE: Final = 5
_MOST_WEEKS: Final = 12
_MOST_APART: Final = 6
_NAME: Final = re.compile(r"(?<!\w)'([^']*)'(?!\w)")
"""A name between quotation marks; not what stands between two apostrophes."""


# ------------------------------------------------------------------------------------------- causes


@dataclass(frozen=True, slots=True)
class Apart:
    """Leads that surely go on less, or more, than all others; `address` is the page of them."""

    trait: str
    value: str
    address: str
    said: str


@dataclass(frozen=True, slots=True)
class StepCause:
    """Why leads stop before a step that is below its usual share.

    Parameters
    ----------
    said : what is known of why.
    next : what to try, and what it takes.
    evidence : what was looked at, and what was found.
    where : the segments in which the cause holds by itself.
    apart : who goes on less or more than the others; not a cause.
    """

    title: str
    said: tuple[str, ...]
    next: tuple[str, ...]
    evidence: tuple[tuple[str, str], ...]
    where: tuple[tuple[str, str], ...]
    apart: tuple[Apart, ...]


def causes_of_steps(found: Diagnosis, choice: LadderChoice) -> list[StepCause]:
    """The steps that are below their usual shares, each with what is known of why."""
    titles = [""] + [step["title"] for step in found["steps"]]
    return [
        _cause(step, before, choice)
        for step, before in zip(found["steps"], titles, strict=False)
        if step["answer"] != "not below"
    ]


def _cause(step: StepDiagnosis, before: str, choice: LadderChoice) -> StepCause:
    jump, value = step["jump"], step["value"]
    where = {(one["trait"], one["value"]): None for one in step["segments"]}
    return StepCause(
        title=step["title"],
        said=tuple(_said(step, before)),
        next=tuple(_quoted(experiment_said(one)) for one in step["experiments"]),
        evidence=(
            *(_of_jump(jump, before) if jump else ()),
            *(_of_value(value, before) if value else ()),
        ),
        where=tuple((words.titled(trait), value_of(one)) for trait, one in where),
        apart=tuple(_apart(step["audience"], choice)),
    )


def _said(step: StepDiagnosis, before: str) -> Iterator[str]:
    jump, value = step["jump"], step["value"]
    if "jump" in step["causes"] and jump is not None:
        yield _quoted(jump_said(jump))
    if "value" in step["causes"] and value is not None:
        yield _quoted(value_said(value, before))
    if step["answer"] == "neither":
        yield (
            "Nothing says that this step asks too much, or that too little came before it. Look at"
            " who comes, and at the offers themselves."
        )
    if step["answer"] == "not enough data":
        more = f"{step['more_leads'] or 0:,}"
        yield f"Not enough leads yet to say why: about {more} more whose time is over would tell."


def _quoted(text: str) -> str:
    """Titles in quotation marks as one writes them."""
    return _NAME.sub(r"“\1”", text)


def _of_jump(jump: JumpEvidence, before: str) -> Iterator[tuple[str, str]]:
    if jump["effort"] is not None:
        beside = ""
        if jump["effort_before"] is not None and jump["ratio"] is not None:
            beside = (
                f"; {before or 'before'} asks {_minutes(jump['effort_before'])}:"
                f" {jump['ratio']:.1f} times as much, where {jump['most']:g} is healthy"
            )
        yield "What it asks", f"{_minutes(jump['effort'])} of effort{beside}"
    if jump["extended"]:
        yield (
            "Of those it was offered to",
            f"{jump['extended']:,}: {jump['seen']:,} saw it, {jump['began']:,} began,"
            f" {jump['declined']:,} said no",
        )
    if jump["went_on_of_began"]["leads"]:
        yield "Of those who began", f"{_share(jump['went_on_of_began'])} went on"
    if jump["stops_after_beginning"]["leads"]:
        yield "Of those who stopped", f"{_share(jump['stops_after_beginning'])} had begun"
    if jump["heavier_goes_on_less"] is not None:
        answer = "surely" if jump["heavier_goes_on_less"] else "not surely"
        yield "The more an offer asks, the fewer go on", answer
    for cell in jump["by_fields"]:
        fields = "1 field" if cell["fields"] == 1 else f"{cell['fields']} fields"
        yield f"Asked for {fields}", f"{_share(cell['went_on'])} went on"


def _of_value(value: DepthEvidence, before: str) -> Iterator[tuple[str, str]]:
    name = before or "what came before"
    if value["shallow"]["leads"]:
        yield f"Used {name} least (a third)", f"{_share(value['shallow'])} went on"
    if value["deep"]["leads"]:
        yield f"Used {name} most (a third)", f"{_share(value['deep'])} went on"
    if value["if_all_deep"] is not None:
        all_deep = of_100(value["if_all_deep"])
        yield "If all used it as much, and that does it", f"{all_deep} would go on"
    if value["barely"]["leads"]:
        yield "Did hardly more than it asks", of_100(value["barely"]["value"] or 0.0)
    went, stopped = value["returned_went_on"], value["returned_stopped"]
    if went["leads"] and stopped["leads"]:
        yield (
            "Came back to it",
            f"{of_100(went['value'] or 0.0)} of those who went on,"
            f" {of_100(stopped['value'] or 0.0)} of those who stopped",
        )
    if value["measures"]:
        yield "Measured by", ", ".join(words.titled(one).lower() for one in value["measures"])


def _minutes(effort: float) -> str:
    return worth_of(round(effort)).removesuffix(" of effort").replace("'", "’")


def _share(share: Share) -> str:
    """Of so many of 100, with the likely range and of how many leads."""
    return (
        f"{of_100(share['value'] or 0.0)} (likely {span(share['low'], share['high'])},"
        f" of {share['leads']:,})"
    )


def _apart(cells: Sequence[AudienceCell], choice: LadderChoice) -> Iterator[Apart]:
    """The surest first."""
    for cell in sorted(cells, key=lambda one: one["false_discovery_rate"])[:_MOST_APART]:
        rate, others = cell["rate"]["value"] or 0.0, cell["others"]["value"] or 0.0
        yield Apart(
            words.titled(cell["trait"]),
            value_of(cell["value"]),
            choice.of(cell["trait"], cell["value"]).address(),
            f"{of_100(rate)} go on; of all others {in_100(others)}",
        )


# ------------------------------------------------------------------------------------------ content


@dataclass(frozen=True, slots=True)
class PieceLine:
    """What a piece of content does at a step; `kind` is as the style knows it."""

    piece: str
    step: str
    share_with: str
    share_without: str
    adds: str
    verdict: str
    kind: str
    how: str


@dataclass(frozen=True, slots=True)
class PieceTable:
    """Pieces with a sure effect, the first of those without, and how many more there are."""

    lines: tuple[PieceLine, ...]
    more: str
    any_sure: bool
    any_compared: bool
    notes: tuple[str, ...]


def piece_table(found: ContentLifts, ladder: Ladder) -> PieceTable:
    """What each piece adds to the share that goes on, the surest first."""
    titles = {goal.id: goal.title for goal in ladder.goals}
    known = [one for one in found["pieces"] if one["evidence"] != "unknown"]
    sure = [one for one in known if one["verdict"] in ("more", "less")]
    unsure = [one for one in known if one["verdict"] == "no sure effect"]
    shown = [*sure[:_MOST_SURE], *unsure[:_MOST_UNSURE]]
    return PieceTable(
        lines=tuple(_piece(one, titles) for one in shown),
        more=_more(max(0, len(unsure) - _MOST_UNSURE), len(found["pieces"]) - len(known)),
        any_sure=bool(sure),
        any_compared=any(one["evidence"] == "observational" for one in shown),
        notes=tuple(words.sentence(words.plain(note)) + "." for note in found["notes"]),
    )


def _more(unsure: int, unknown: int) -> str:
    """How many pieces stand in the CSV alone, and why."""
    told = [f"{unsure:,} more without a sure effect"] if unsure else []
    told += [f"{unknown:,} of which too few leads are alike to tell"] if unknown else []
    return f"In the CSV besides: {', and '.join(told)}." if told else ""


_PIECES: Final = {
    "more": ("more go on", "good"),
    "less": ("fewer go on", "bad"),
    "no sure effect": ("can be chance", "open"),
    "unknown": ("not known", "open"),
}


def _piece(one: PieceLift, titles: dict[str, str]) -> PieceLine:
    low, high = one["low"] or 0.0, one["high"] or 0.0
    verdict, kind = _PIECES[one["verdict"]]
    beside = "with something else" if one["beside"] == "other pieces" else "without it"
    by_lot = one["evidence"] == "randomised"
    return PieceLine(
        piece=words.shown(one["piece"]),
        step=titles.get(one["step"], one["step"]),
        share_with=percent(one["share_with"] or 0.0),
        share_without=f"{percent(one['share_without'] or 0.0)} {'' if by_lot else beside}".strip(),
        adds=words.changes(low, high),
        verdict=verdict,
        kind=kind,
        how="drawn by lot" if by_lot else "leads alike compared",
    )


# ------------------------------------------------------------------------------------------ replies


@dataclass(frozen=True, slots=True)
class ReplyLine:
    """A week: how many asked, how many had a reply in time."""

    day: str
    asked: str
    in_time: str
    share: str


def reply_lines(found: ReplyTimes) -> list[ReplyLine]:
    """The newest weeks, the newest first."""
    return [
        ReplyLine(
            day_of(week["since"]),
            words.count(week["asked"]),
            words.count(week["in_time"]),
            "" if week["share"] is None else percent(week["share"]),
        )
        for week in reversed(found["weeks"][-_MOST_WEEKS:])
    ]


# ------------------------------------------------------------------------------------------- advice


def advice_on(ladder: Ladder) -> list[str]:
    """What the method would do otherwise, with the titles of steps and offers for their ids."""
    titles = {one.id: one.title for one in ladder.offers}
    titles |= {one.id: one.title for one in ladder.goals}
    return [_titled(one.text, titles) for one in advise(ladder)]


def _titled(text: str, titles: dict[str, str]) -> str:
    def named(found: re.Match[str]) -> str:
        return f"“{titles.get(found[1], found[1])}”"

    return words.sentence(_NAME.sub(named, text))
