"""What is said of why leads stop, to whoever decides what to change."""

from __future__ import annotations

from features.ladder.words import things
from models.judging.funnel.cause_shapes import (
    AudienceCell,
    DepthEvidence,
    ExperimentDraft,
    JumpEvidence,
    StepDiagnosis,
)
from models.judging.funnel.wording import in_100, of_100, weeks_said

__all__ = ["experiment_said", "fields_said", "jump_said", "sentence_of_step", "value_said"]


def sentence_of_step(told: StepDiagnosis, before: str) -> str:
    """A step in a few sentences.

    Parameters
    ----------
    before : the title of the step before; "" for the first.
    """
    rate, band = told["rate"]["value"], told["band"]
    if told["answer"] == "not below" or rate is None or band is None:
        return _not_below(told)
    said = [f"{of_100(rate)} go on; {of_100(band['low'])} would be healthy."]
    jump, value = told["jump"], told["value"]
    if "jump" in told["causes"] and jump is not None:
        said.append(jump_said(jump))
    if "value" in told["causes"] and value is not None:
        said.append(value_said(value, before))
    if told["answer"] == "neither":
        said.append(
            "The log does not say that the jump is too large, nor that too little value came"
            " before: look elsewhere."
        )
    if told["answer"] == "not enough data":
        said.append(
            "There is not enough data to say why: about"
            f" {told['more_leads'] or 0:,} more leads whose time is over would tell."
        )
    said += _audience(told)
    said += [experiment_said(one) for one in told["experiments"]]
    return " ".join(said)


def _not_below(told: StepDiagnosis) -> str:
    if told["band"] is None:
        return "The ladder gives no healthy share for this step."
    if told["rate"]["value"] is None:
        return "Nobody's time is over yet."
    return "It is not surely below what is healthy."


def fields_said(told: StepDiagnosis) -> str:
    """How many go on by how many fields they were asked for; "" where nobody was asked."""
    cells = [cell for cell in told["by_fields"] if cell["went_on"]["value"] is not None]
    said = [
        f"{of_100(cell['went_on']['value'] or 0.0)} ({in_100(cell['went_on']['low'])} to"
        f" {in_100(cell['went_on']['high'])}, {things(cell['went_on']['leads'], 'lead')})"
        f" with {things(cell['fields'], 'field')}"
        for cell in cells
    ]
    return f"By the fields that were asked for, {', '.join(said)} go on." if said else ""


def jump_said(jump: JumpEvidence) -> str:
    """That the jump is too large, with what says so."""
    words = "The jump to this step is too large: "
    ratio = jump["ratio"]
    if ratio is not None and ratio > jump["most"]:
        words += f"it asks {ratio:.1f} times the effort of the step before ({jump['most']:g} is"
        words += " healthy), and "
    elif jump["heavier_goes_on_less"]:
        words += "the more an offer asks, the fewer go on, and "
    stops = of_100(jump["stops_after_beginning"]["value"] or 0.0)
    return f"{words}{stops} of those that stop had begun it. It is so whoever the lead is."


def value_said(value: DepthEvidence, before: str) -> str:
    """That too little value came before, with what says so; `before` is the title of the step."""
    deep, shallow = value["deep"]["value"] or 0.0, value["shallow"]["value"] or 0.0
    return (
        f"Too little value came before: of the leads that used {before!r} most {of_100(deep)} go"
        f" on, of those that used it least {of_100(shallow)}. If all used it as much,"
        f" and that is what does it, {of_100(value['if_all_deep'] or 0.0)} would."
    )


def _audience(told: StepDiagnosis) -> list[str]:
    """The segment that is furthest below the others, where one is."""
    worst = min(told["audience"], key=_above, default=None)
    if worst is None or _above(worst) >= 0.0:
        return []
    whose = "unknown" if worst["value"] is None else repr(worst["value"])
    return [
        f"Where {worst['trait']} is {whose}, {of_100(worst['rate']['value'] or 0.0)} go on; of all"
        f" others {of_100(worst['others']['value'] or 0.0)}."
    ]


def _above(cell: AudienceCell) -> float:
    """How far the share of a segment lies above that of all others."""
    return (cell["rate"]["value"] or 0.0) - (cell["others"]["value"] or 0.0)


def experiment_said(one: ExperimentDraft) -> str:
    """What to try next, and what it takes to see whether it helps."""
    weeks = one["weeks_80"]
    takes = "nobody comes at present" if weeks is None else f"about {weeks_said(weeks)}"
    return (
        f"Try next: {one['change']}. {one['leads_80']:,} leads, half of them as it is, show a rise"
        f" to {of_100(one['rate_worth'])} four times in five ({takes})."
    )
