"""A policy's evaluation as files: policy.json for the gate, policy.md for people, a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from features.clock import said_at, said_from
from features.files import new_folder
from features.ladder.words import in_percent, one_line
from models.judging.groups.report import GROUPS_EXPLAINED, group_rows
from models.judging.off_policy import Estimate, PolicyGain
from models.judging.rounding import rounded, signed
from training.policies.evaluate import Assessment, PolicyEvaluation
from training.policies.gate import FILE, missing
from training.policies.watch import WatchedGain

__all__ = ["comparison_table", "write_policy_report"]

_DPI: Final = 150
_BETTER, _WORSE, _UNSURE = "#1a7f5a", "#b3402e", "#5b6470"


def write_policy_report(
    evaluation: PolicyEvaluation, folder: Path, rivals: Mapping[str, Assessment]
) -> Path:
    """Write policy.json, policy.md and policy.png; return the path of policy.md.

    Parameters
    ----------
    rivals : other policies on the same decisions, beside the same one, for the picture and the
        table.
    """
    values = json.dumps(evaluation.as_dict(), indent=1, sort_keys=True, allow_nan=False)
    with new_folder(folder, {FILE, "policy.md", "policy.png"}.__contains__) as part:
        (part / FILE).write_text(values + "\n", encoding="utf-8")
        _figure(evaluation, rivals).savefig(part / "policy.png", dpi=_DPI)
        (part / "policy.md").write_text(_page(evaluation, rivals), encoding="utf-8")
    return Path(folder) / "policy.md"


# ---------------------------------------------------------------------------------------- the page


def _page(evaluation: PolicyEvaluation, rivals: Mapping[str, Assessment]) -> str:
    assessment = evaluation.assessment
    value = assessment.value
    against = _log_name(evaluation.against)
    parts = [
        f"# What the policy `{evaluation.name}` would have been worth",
        _verdict(evaluation.watch, against, evaluation.currency),
        f"Bundle `{evaluation.bundle}`, trained on what was known by"
        f" {said_from(evaluation.trained_until)},"
        f" judged on {value.decisions:,} decisions of {value.leads:,} leads from"
        f" {said_from(evaluation.start)} to {said_at(evaluation.until)};"
        f" {evaluation.pending:,} later ones are pending and not judged.",
    ]
    if evaluation.flatters:
        parts.append(
            "> **The bundle learned from part of these decisions: the figures flatter it.**"
        )
    parts += [
        "![Values and gains with their intervals](policy.png)",
        "## How much the log can tell",
        _reliance(assessment),
        f"## Value a decision, and the gain over {against}, in {evaluation.currency}",
        comparison_table({**rivals, evaluation.name: assessment}),
        _next_step(evaluation.advance.dr),
        "## Segments",
        _segments_table(assessment.segments, evaluation.currency),
        "## How often each option is chosen",
        _shares_table(evaluation.shares),
    ]
    if evaluation.groups:
        parts += [
            "## Groups treated alike",
            _table(*group_rows(evaluation.groups)),
            GROUPS_EXPLAINED,
        ]
    parts += [
        "## Against the gate",
        "\n".join(f"* {line}" for line in missing(evaluation.as_dict())) or "Nothing is missing.",
        _HOW_TO_READ.format(currency=evaluation.currency),
    ]
    return "\n\n".join(parts) + "\n"


def _next_step(gain: Estimate) -> str:
    """How much more or less often the next step was taken, if the interval says which."""
    value, low, high = (100.0 * one for one in (gain.value, gain.low, gain.high))
    if low > 0 or high < 0:
        word = "more" if low > 0 else "less"
        least, most = sorted((abs(low), abs(high)))
        return (
            f"The next step was taken {abs(value):.2f} percentage points {word} often"
            f" ({least:.2f} to {most:.2f} {word})."
        )
    return (
        "Whether the next step was taken more or less often the data do not tell (between"
        f" {abs(low):.2f} percentage points less and {high:.2f} more)."
    )


def _log_name(against: str) -> str:
    return "the policy that took the decisions" if against == "logged" else f"`{against}`"


def _verdict(watch: WatchedGain | None, against: str, currency: str) -> str:
    if watch is None:
        return (
            "**No lead can be counted yet**: a lead counts once all is over that its first"
            " decisions can bring."
        )
    if watch.low > 0:
        sure = "a sure gain"
    elif watch.high < 0:
        sure = "a sure loss"
    else:
        sure = "no sure difference"
    return (
        f"**{signed(watch.value, unit=currency)} a decision over {against}: {sure}** (between"
        f" {signed(watch.low)} and {signed(watch.high)} however often one looks, at 95 %;"
        f" {watch.leads:,} leads with {watch.decisions:,} decisions, by {watch.estimator})."
    )


def _reliance(assessment: Assessment) -> str:
    value = assessment.value
    return (
        f"The {value.decisions:,} decisions are worth {value.effective_sample_size:,.0f} of equal"
        f" weight to this policy; the heaviest has weight {value.largest_weight:,.1f}, which is"
        f" {in_percent(assessment.weight_share, 1)} of all. The log could have chosen"
        f" {in_percent(value.support, 1)} of what the policy chooses. The two estimates of the"
        f" gain, DR and SNIPS, lie {assessment.gain.disagreement:.1f} standard errors apart."
    )


def comparison_table(assessments: Mapping[str, Assessment]) -> str:
    """A table of policies with their values by each estimator, and the gain, best first."""
    heads = ("policy", "IPS", "SNIPS", "DR", "gain (DR)", "95 % interval", "effective decisions")
    ordered = sorted(assessments.items(), key=lambda item: -item[1].value.dr.value)
    rows = [
        (
            f"`{name}`",
            _told(one.value.ips),
            _told(one.value.snips),
            _told(one.value.dr),
            signed(one.gain.dr.value),
            f"{signed(one.gain.dr.low)} to {signed(one.gain.dr.high)}",
            f"{one.value.effective_sample_size:,.0f}",
        )
        for name, one in ordered
    ]
    return _table(heads, rows)


def _segments_table(segments: Mapping[str, PolicyGain], currency: str) -> str:
    if not segments:
        return "No segment had decisions enough."
    rows = [
        (
            name,
            f"{one.decisions:,}",
            signed(one.dr.value),
            f"{signed(one.dr.low)} to {signed(one.dr.high)}",
        )
        for name, one in segments.items()
    ]
    return _table(("segment", "decisions", f"gain (DR), {currency}", "95 % interval"), rows)


def _shares_table(shares: Mapping[str, tuple[float, float]]) -> str:
    rows = [
        (f"`{option}`", in_percent(ours, 1), in_percent(logged, 1))
        for option, (ours, logged) in shares.items()
        if ours or logged
    ]
    return _table(("option", "this policy", "the log"), rows)


def _told(estimate: Estimate) -> str:
    return f"{rounded(estimate.value)} ± {rounded(estimate.error, 2)}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    told = [[one_line(cell).replace("|", "\\|") for cell in row] for row in rows]
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *told]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


_HOW_TO_READ: Final = """\
## How to read this

A value is what a decision brought within the ladder's horizon, less what the offer cost, in the
ladder's currency ({currency}). It is that of one decision in the life of a lead whose other
decisions were taken by the log's policy; it is not that of a life under the new one.

* **IPS** weights what came of each decision by how much likelier the policy makes it.
* **SNIPS** divides by the weights that came.
* **DR** (doubly robust) weights only what a model did not foresee.
* **Effective decisions**: how many decisions of equal weight the log is worth to the policy.

These intervals are for a single look. The first sentence, which the gate goes by, holds for all
looks together: it may be asked every day. It counts a lead once all is over that its first
decisions can bring, so that it is told from fewer decisions, and its figure differs."""


# ------------------------------------------------------------------------------------- the picture


def _figure(evaluation: PolicyEvaluation, rivals: Mapping[str, Assessment]) -> Figure:
    policies = {evaluation.name: evaluation.assessment.gain}
    policies |= {name: one.gain for name, one in rivals.items() if name != evaluation.name}
    segments = evaluation.assessment.segments
    height = 1.6 + 0.32 * (len(policies) + max(1, len(segments)))
    figure = Figure(figsize=(8.0, height), layout="constrained")
    above, below = figure.subplots(
        2, 1, height_ratios=[len(policies) + 0.5, max(1, len(segments)) + 0.5]
    )
    against = "the log" if evaluation.against == "logged" else evaluation.against
    _draw(above, policies, f"Gain a decision over {against}, {evaluation.currency}: policies")
    _draw(below, segments, f"The same, by segment: {evaluation.name}")
    return figure


def _draw(axes: Axes, gains: Mapping[str, PolicyGain], title: str) -> None:
    """A line for each gain, from the low to the high end of its interval."""
    for row, one in enumerate(gains.values()):
        dr = one.dr
        colour = _BETTER if dr.low > 0 else _WORSE if dr.high < 0 else _UNSURE
        axes.plot([dr.low, dr.high], [row, row], color=colour, linewidth=2)
        axes.plot([dr.value], [row], "o", color=colour, markersize=5)
    axes.axvline(0.0, color="#c8ccd2", linewidth=1, zorder=0)
    names = [name.replace("$", r"\$") for name in gains]  # a trait's word is no formula
    axes.set_yticks(range(len(gains)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_title(title, fontsize=9, loc="left")
    axes.tick_params(axis="x", labelsize=8)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
