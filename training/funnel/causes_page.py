"""Why leads stop, as the second half of the funnel's page."""

from __future__ import annotations

from collections.abc import Iterator

from models.judging.funnel.cause_shapes import (
    ContentLifts,
    ExperimentDraft,
    FunnelCauses,
    ReplyTimes,
    StepDiagnosis,
)
from models.judging.funnel.causes.cause_wording import fields_said
from models.judging.funnel.wording import in_100, of_100, weeks_said

__all__ = ["causes_lines", "draft_of", "pieces_said"]

_MOST_PIECES, _MOST_UNSURE = 12, 3


def causes_lines(found: FunnelCauses) -> Iterator[str]:
    """The lines, in Markdown."""
    yield "## Why they stop\n"
    for step in found["diagnosis"]["steps"]:
        yield from _step(step)
    yield from (f"* {note}" for note in found["diagnosis"]["notes"])
    if any(step["by_fields"] for step in found["diagnosis"]["steps"]):
        yield "\n![How many go on by the fields they were asked for](fields.png)"
    yield "\n## Content that creates intent\n"
    said = pieces_said(found["content"])
    yield from (f"* {one}" for one in said or ["No piece of content is named in the log."])
    yield from (f"* {note}" for note in found["content"]["notes"])
    yield "\n## Replies\n"
    yield from _replies(found["replies"])


def _step(step: StepDiagnosis) -> Iterator[str]:
    fields = fields_said(step)
    if step["answer"] == "not below":
        if fields:
            yield f"**{step['title']}.** {fields}\n"
        return
    yield f"**{step['title']}.** {step['says']} {fields}".rstrip() + "\n"
    for draft in step["experiments"]:
        yield f"* Next: {draft_of(draft)}"


def draft_of(draft: ExperimentDraft) -> str:
    """An experiment that is worth trying, in a sentence."""
    weeks = draft["weeks_80"]
    wait = "" if weeks is None else f", about {weeks_said(weeks)} at the present pace"
    return (
        f"{draft['change']} ({' or '.join(draft['arms'])}); {draft['leads_80']:,} leads show"
        f" {in_100(draft['rate_now'])} against {of_100(draft['rate_worth'])} four times"
        f" in five{wait}"
    )


def pieces_said(found: ContentLifts) -> list[str]:
    """The pieces with a sure lift, the first of those without, and how many more there are."""
    known = [one for one in found["pieces"] if one["evidence"] != "unknown"]
    sure = [one["says"] for one in known if one["verdict"] in ("more", "less")]
    unsure = [one["says"] for one in known if one["verdict"] == "no sure effect"]
    said = [*sure[:_MOST_PIECES], *unsure[:_MOST_UNSURE]]
    more = len(unsure) - _MOST_UNSURE
    if more > 0:
        said.append(f"Of {more:,} more pieces at steps no effect is sure.")
    return said


def _replies(found: ReplyTimes) -> Iterator[str]:
    yield f"{found['says']}\n"
    if found["weeks"]:
        yield "| week | asked | answered in time |"
        yield "| --- | --: | --: |"
        for week in found["weeks"][-12:]:
            share = "" if week["share"] is None else f" ({100 * week['share']:.0f} %)"
            yield f"| {week['since'][:10]} | {week['asked']:,} | {week['in_time']:,}{share} |"
