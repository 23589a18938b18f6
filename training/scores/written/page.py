"""An evaluation as a page for people, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from features.clock import rfc3339
from features.ladder.words import in_percent, one_line
from models.judging.groups.report import GROUPS_EXPLAINED, GroupsReport, group_rows
from models.judging.metrics import Bin
from models.judging.rounding import percent
from models.scores.venn_abers import LEVEL
from training.scores.reordering import SAYS, Reordering, TopLeads
from training.scores.results import (
    MODEL,
    Comparison,
    Counts,
    Evaluation,
    GoalEvaluation,
    Performance,
    SignalUse,
    StepOutcomes,
    Subgroup,
)
from training.scores.written.wording import (
    MOST_SIGNALS,
    TITLES,
    WENT_ON,
    moved_words,
    number,
    with_error,
)

__all__ = ["page"]


def page(evaluation: Evaluation) -> str:
    """The page, the verdicts first; it shows the pictures of `training.scores.written.figures`."""
    parts = [_head(evaluation)]
    parts += [
        _goal_page(goal, evaluation) for goal in (evaluation.advancement, evaluation.purchase)
    ]
    if evaluation.reordering:
        parts.append(_reordering_page(evaluation.reordering))
    if evaluation.groups:
        parts.append(_groups_page(evaluation.groups, evaluation.capacity))
    return "\n\n".join([*parts, _HOW_TO_READ]) + "\n"


def _groups_page(groups: GroupsReport, capacity: float) -> str:
    words = (
        "By the chance of the next step. At the top of the queue stand"
        f" {_capacity(capacity)} of each week; of those who advanced, the others were missed. The"
        f" limit of a ratio is {groups.least_ratio:g} to {1.0 / groups.least_ratio:.2f}."
    )
    known = "\n".join(
        f"* {one.trait}: known of {one.known:,} leads; the {one.unknown:,} others are left out"
        for one in groups.traits
    )
    heads, rows = group_rows(groups)
    table = _table(heads, rows)
    return "\n\n".join(["## Groups treated alike", words, known, table, GROUPS_EXPLAINED])


def _reordering_page(reordering: Reordering) -> str:
    head = "## What it changes beside the champion"
    if reordering.note:
        return f"{head}\n\n{_sentence(reordering.note)}"
    words = (
        f"The champion `{reordering.champion[:12]}` and this bundle on the same"
        f" {reordering.leads:,} leads, each at the last instant at which it was judged. The top is"
        " a tenth of the leads, 20 at least; **stay** says how many of those at the champion's top"
        " are at this bundle's. The correlation is that of the ranks of all leads (Spearman)."
    )
    rows = [
        [SAYS[order.by], part.title, f"{part.leads:,}", *_top_row(part)]
        for order in reordering.orders
        for part in order.parts
    ]
    table = _table(["by", "leads", "how many", "top", "stay", "share", "correlation"], rows)
    return "\n\n".join([head, words, table])


def _top_row(part: TopLeads) -> list[str]:
    correlation = number(part.correlation, ".3f")
    if not part.top:
        return ["too few", "", "", correlation]
    return [f"{part.top:,}", f"{part.kept:,.0f}", percent(part.overlap), correlation]


def _head(evaluation: Evaluation) -> str:
    advancement, purchase = evaluation.advancement, evaluation.purchase
    counts = advancement.counts
    lines = [
        f"# How good the scores are: {evaluation.title}",
        f"**Next step: {advancement.verdict or advancement.note}.**"
        f" {_sentence(advancement.verdict_reason)}".rstrip(),
        f"**Purchase: {purchase.verdict or purchase.note}.** {_sentence(purchase.verdict_reason)}",
        f"Bundle `{evaluation.version or 'not saved'}`, trained on what was known by"
        f" {_day(evaluation.trained_until)}, judged on scores of {_day(evaluation.start)} to"
        f" {_day(evaluation.until)}: {counts.points:,} points (a lead at an instant) of"
        f" {counts.leads:,} leads. {_judged(counts)}",
    ]
    if evaluation.flatters:
        lines.insert(
            1, "> **The bundle was trained on part of this period: these figures flatter it.**"
        )
    return "\n\n".join(lines)


def _goal_page(goal: GoalEvaluation, evaluation: Evaluation) -> str:
    parts = [f"## {TITLES[goal.goal]}"]
    if goal.performance is None:
        parts.append(f"{goal.note[:1].upper()}{goal.note[1:]}.")
    else:
        parts += _judged_page(goal, goal.performance, evaluation)
    return "\n\n".join([*parts, *_signals_page(goal), *_outcomes_page(goal)])


def _signals_page(goal: GoalEvaluation) -> list[str]:
    if not goal.signals:
        return []
    heaviest = goal.signals[:MOST_SIGNALS]
    words = (
        "Each of them makes a probability higher or lower by so much on average, beside that of a"
        " typical lead at the same step."
    )
    if len(goal.signals) > len(heaviest):
        share = sum(one.share for one in heaviest)
        words += (
            f" These {len(heaviest)} of {len(goal.signals)} have {in_percent(share)} of the weight."
        )
    rows = [_signal_row(one) for one in heaviest]
    heads = ["signal", "weight", "share", "more of it", "known", "known before", "moved",
             "by chance"]  # fmt: skip
    return [
        "### What the probabilities rest on",
        words,
        _table(heads, rows),
        _picture(goal, "signals", "What each signal adds to a probability on average"),
        moved_words(goal.signals),
    ]


def _signal_row(one: SignalUse) -> list[str]:
    moved = number(one.moved, ".2f")
    return [
        f"`{one.id}`",
        f"{100 * one.weight:.1f} points",
        in_percent(one.share),
        one.more_of_it,
        in_percent(one.known),
        "–" if one.known_before is None else in_percent(one.known_before),
        f"**{moved}**" if one.has_moved else moved,
        number(one.moved_by_chance, ".2f"),
    ]


def _judged_page(
    goal: GoalEvaluation, performance: Performance, evaluation: Evaluation
) -> list[str]:
    return [
        *_plain_words(goal, performance, evaluation),
        "### Against other ways to score",
        _comparison_table(goal, performance),
        *[f"No {rival.name}: {rival.reason}." for rival in goal.baselines if rival.reason],
        _picture(goal, "log-loss", "Log loss of this bundle and of each baseline"),
        _picture(goal, "gain", "Share of successes found by share of points worked"),
        "### Do the probabilities mean what they say?",
        _calibration_words(performance),
        _picture(goal, "reliability", "Predicted against observed rates"),
        _reliability_table(performance.reliability),
        *_soon_page(goal),
        "### Each step",
        _parts_table(goal.by_step, "step"),
        _picture(goal, "reliability-steps", "Predicted against observed rates, each step"),
        "### Leads seen in training, and leads that came later",
        _parts_table(goal.by_lead, "leads"),
    ]


def _soon_page(goal: GoalEvaluation) -> list[str]:
    if not goal.within:
        return []
    words = (
        "The same probabilities say how soon: what was said of all points within a part of the"
        " horizon, and what had come by then."
    )
    rows = [
        [
            in_percent(float(one.id)),
            in_percent(one.expected, 1),
            in_percent(one.came, 1),
            f"{in_percent(one.low, 1)} to {in_percent(one.high, 1)}",
            "yes" if one.inside else "**no**",
        ]
        for one in goal.within
    ]
    heads = ["of the horizon", "said", "came", "95 % interval", "inside"]
    return ["### How soon?", words, _table(heads, rows)]


def _plain_words(
    goal: GoalEvaluation, performance: Performance, evaluation: Evaluation
) -> list[str]:
    went_on, queue = WENT_ON[goal.goal], performance.queue
    top = performance.reliability[-1]
    words = [
        f"The highest scores said {in_percent(top.predicted)} on average; of those points"
        f" {in_percent(top.observed)} {went_on}. Of all points {in_percent(performance.rate, 1)}"
        " did."
    ]
    if queue.found is not None and queue.lift is not None:
        words.insert(
            0,
            f"Working {_capacity(evaluation.capacity)} in each of {queue.instants} weeks takes"
            f" {queue.picked:,} of {queue.n:,} places in the queue and finds {queue.hits:.0f} of"
            f" the {queue.successes:,} whose lead {went_on}: {in_percent(queue.found)} of the"
            f" successes for {in_percent(queue.picked / queue.n)} of the work, {queue.lift:.1f}"
            " times what a random order finds in as many places a week.",
        )
    if goal.evidence != "model":
        words.append(f"These probabilities come from the {goal.evidence} alone, not from a model.")
    return words


def _capacity(capacity: float) -> str:
    if capacity < 1:
        return f"the best {in_percent(capacity)} of the leads"
    return f"the best {round(capacity)} leads"


def _calibration_words(performance: Performance) -> str:
    inside = sum(line.inside for line in performance.reliability)
    words = (
        f"In {inside} of {len(performance.reliability)} groups chance explains the difference"
        " between what was predicted and what came. Calibration error"
        f" {performance.ece:.4f}; perfectly calibrated probabilities would show"
        f" {performance.ece_by_chance:.4f} by chance. Points of one lead repeat each other:"
        f" {performance.design_effect:.1f} of them are worth one, and the intervals count them so."
    )
    if performance.interval_coverage is not None:
        words += (
            f" The served {in_percent(LEVEL)} intervals hold the observed rate in"
            f" {in_percent(performance.interval_coverage)} of the groups."
        )
    return words


def _judged(counts: Counts) -> str:
    if counts.decided > counts.mature:
        return (
            f"The {counts.decided:,} points whose outcome is known are judged: {counts.mature:,}"
            " whose horizon is over, and those that advanced or were lost before. Each counts for"
            " those that took as long to be decided and cannot be seen yet."
        )
    return (
        f"Only the {counts.mature:,} points whose horizon is over are judged. Of the others those"
        " that advanced early are left out as well: to count them and not the rest would see"
        " successes sooner than failures."
    )


def _outcomes_page(goal: GoalEvaluation) -> list[str]:
    counts = goal.counts
    return [
        "### What came of the points",
        f"{counts.advanced:,} {WENT_ON[goal.goal]}, {counts.lapsed:,} lapsed, {counts.lost:,} were"
        f" lost, {counts.pending:,} are pending: unknown, and not lost. The rate is that of the"
        " points that are judged; the last column is the usual mistake, all points with pending"
        " counted as lost.",
        _table(
            ["at step", "points", "leads", WENT_ON[goal.goal], "lapsed", "lost", "pending", "rate",
             "95 % interval", "if pending were lost"],
            [_outcomes_row(step) for step in goal.steps],
        ),
        _picture(goal, "outcomes", "Advanced, lapsed, lost and pending at each step"),
    ]  # fmt: skip


def _outcomes_row(step: StepOutcomes) -> list[str]:
    counts = step.counts
    interval = (
        "–" if step.rate is None else f"{in_percent(step.low, 1)} to {in_percent(step.high, 1)}"
    )
    came = (counts.advanced, counts.lapsed, counts.lost, counts.pending)
    return [
        step.title,
        *(f"{number:,}" for number in (counts.points, counts.leads, *came)),
        percent(step.rate),
        interval,
        percent(step.naive_rate),
    ]


def _comparison_table(goal: GoalEvaluation, performance: Performance) -> str:
    rows = [[f"**{MODEL}**", *_figures_of(performance), "", ""]]
    rows += [_comparison_row(rival) for rival in goal.baselines if rival.performance is not None]
    return _table(
        ["", "AUC", "AP", "log loss", "Brier", "ECE", "by chance", "lift 10 %", "lift 20 %",
         "found 10 %", "weekly queue finds", "bundle − it, log loss", "bundle − it, AUC"],
        rows,
    )  # fmt: skip


def _comparison_row(rival: Comparison) -> list[str]:
    if rival.performance is None or rival.difference is None:
        return [rival.name]
    gap = rival.difference
    return [
        rival.name,
        *_figures_of(rival.performance),
        with_error(gap.log_loss, gap.log_loss_error, sign="+"),
        with_error(gap.auc, gap.auc_error, sign="+"),
    ]


def _figures_of(performance: Performance) -> list[str]:
    return [
        with_error(performance.auc, performance.auc_error),
        number(performance.average_precision, ".3f"),
        with_error(performance.log_loss, performance.log_loss_error),
        f"{performance.brier:.4f}",
        f"{performance.ece:.4f}",
        f"{performance.ece_by_chance:.4f}",
        number(performance.lift_10, ".2f"),
        number(performance.lift_20, ".2f"),
        percent(performance.found_10),
        percent(performance.queue.found),
    ]


def _reliability_table(bins: Sequence[Bin]) -> str:
    rows = [
        [
            f"{line.n:,}",
            in_percent(line.predicted, 1),
            in_percent(line.observed, 1),
            f"{in_percent(line.low, 1)} to {in_percent(line.high, 1)}",
            "yes" if line.inside else "**no**",
        ]
        for line in bins
    ]
    return _table(["points", "predicted", "observed", "95 % interval", "inside"], rows)


def _parts_table(parts: Iterable[Subgroup], what: str) -> str:
    heads = [what, "points", "leads", "rate", "mean score", "AUC", "log loss",
             "bundle − step rates", "ECE", "by chance", "groups inside"]  # fmt: skip
    return _table(heads, [_part_row(part, len(heads)) for part in parts])


def _part_row(part: Subgroup, width: int) -> list[str]:
    head = [part.title, f"{part.n:,}", f"{part.leads:,}"]
    judged, gap = part.performance, part.difference
    if judged is None or gap is None:
        return [*head, part.note, *[""] * (width - len(head) - 1)]
    return [
        *head,
        in_percent(judged.rate, 1),
        in_percent(judged.mean_probability, 1),
        with_error(judged.auc, judged.auc_error),
        with_error(judged.log_loss, judged.log_loss_error),
        with_error(gap.log_loss, gap.log_loss_error, sign="+"),
        f"{judged.ece:.4f}",
        f"{judged.ece_by_chance:.4f}",
        in_percent(judged.bins_inside),
    ]


def _picture(goal: GoalEvaluation, kind: str, says: str) -> str:
    return f"![{says}]({goal.goal}-{kind}.png)"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    align = [":--", *["--:"] * (len(heads) - 1)]
    lines = [[one_line(cell).replace("|", "/") for cell in line] for line in (heads, align, *rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def _day(microseconds: int) -> str:
    return rfc3339(microseconds)[:10]


_HOW_TO_READ: Final = """## How to read this

* **Point**: a lead at an instant at which it would have been scored. It *advanced* when it
  completed the next step (or one above) within the step's horizon, *lapsed* when the horizon
  passed, was *lost* when the ladder says so (`lost_when`), and is *pending* before that. A lead is
  scored many times, so rates here are per score, not per lead.
* **Log loss** is the mean surprise at what came: lower is better, and it punishes false
  certainty. **Brier** is the mean squared error. **AUC** is the chance that a point that went on
  is ranked above one that did not; 0.5 is a coin. **AP** is the average precision.
* **Lift 10 %**: how many times the average rate the best tenth has. **Found 10 %**: the share of
  all successes that stands in it. The **weekly queue** ranks each lead once a week, by its first
  score.
* **Weight** of a signal: what it adds to a probability or takes from it, on average over the
  points. It says what the probabilities are made of, not what causes an outcome, and signals that
  tell the same share theirs. **More of it** goes with a higher or a lower probability. **Moved**
  is the population stability index of its values, of the last quarter of the points before the
  period against those in it: below 0.1 is little, above 0.2 much. It is never 0 by chance, and in
  bold where chance does not explain it.
* **ECE** is the calibration error over ten equally filled groups. It is never 0 by chance: only
  what exceeds the next column counts.
* **±** is one standard error, from resampling leads. Differences are paired: the same points,
  the same resamplings.
* **Step rates** give every lead of a rung the rung's own rate. A model that does not beat them
  has learned nothing. **Counting rule**: the rate of those at the same rung whose last event had
  the same name, drawn to the rung's where there were few. **Points rule**: k points for an action
  of rung k and 5 k for completing it, each fading evenly over 90 days. Points are a rank and no
  probability; they were given their best chance at one, a logistic curve fitted on the training
  points. **Logistic regression** (one-hot, medians with indicators, scaled) and **histogram
  gradient boosting** are scikit-learn's, on the signals of this ladder. All
  were fitted on the points before the period."""
