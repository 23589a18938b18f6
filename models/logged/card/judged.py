"""How a bundle was judged: on what, by which figures, what they came to, and what the gate said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from features.ladder.words import in_percent
from models.judging.rounding import percent
from models.judging.served import AS_SERVED, MODEL
from models.logged.card.on_record import GOALS, OnRecord
from models.logged.card.wording import bullets, number, plain, sentence, table, unmeasured
from models.scores.venn_abers import LEVEL

__all__ = ["METRICS", "analyses", "evaluation_data", "gate_words", "not_judged", "verdict_of"]

METRICS: Final = """\
* **Log loss**: the mean surprise at what came. Lower is better; false certainty costs most.
* **AUC**: the chance that a point that went on is ranked above one that did not. 0.5 is a coin.
* **ECE**, the calibration error: how far chances lie from the rates that came, over groups of like
  chances. It is never 0 by chance; *by chance* is what perfect chances would show.
* **Lift 10 %**: how many times the average rate the tenth with the highest chances has; **found
  10 %** is the share of all successes that stands in it.
* **Step rates** give every lead the rate of its step. What is no better has learned nothing.
* **±** is one standard error over leads. Points of one lead repeat each other, and leads count."""


def not_judged(known: OnRecord, goal: str) -> str:
    """Why there are no figures of a goal; "" where there are."""
    part = known.judged(goal)
    return "" if part.get("performance") else str(part.get("note") or "it was not judged")


def verdict_of(known: OnRecord, goal: str) -> str:
    """What came of judging a goal, in a sentence; of one that was not, why."""
    if known.report is None:
        return unmeasured()
    if why := not_judged(known, goal):
        return f"Could not be judged: {plain(why).rstrip('.')}."
    part = known.judged(goal)
    counts = part.get("counts", {})
    by = ""
    if counts.keys() >= _WHOM:  # reports of an earlier version do not have them all
        by = (
            f", on {counts['decided']:,} points of {counts['decided_leads']:,} leads"
            f" ({counts['reached_leads']:,} reached it, {counts['missed_leads']:,} did not)"
        )
    return sentence(f"{plain(part.get('verdict') or 'judged, without a verdict')}{by}")


_WHOM: Final = {"decided", "decided_leads", "reached_leads", "missed_leads"}


def gate_words(known: OnRecord) -> str:
    """Whether the gate was passed, and what it refused or somebody accepted."""
    gate = known.gate
    if gate is None:
        return unmeasured()
    beside: Mapping[str, Any] = gate.report.get("reordering") or {}
    accepted = beside.get("accepted") or {}
    said = ""
    if accepted:
        said = (
            f" That other leads come to the top than at the champion's was accepted by"
            f" {plain(accepted['by'])}: “{plain(accepted['why'])}”."
        )
    if gate.passed:
        return f"Passed: by its report it may serve.{said}"
    refused = " ".join(sentence(plain(line)) for line in gate.missing)
    return f"**Not passed.** {refused}{said}"


def evaluation_data(known: OnRecord) -> Iterator[str]:
    """The period, and what came of its points."""
    report = known.report
    if report is None:
        yield unmeasured()
        return
    until = report.get("until")
    ends = f"to {until}" if until else "on; its end the report does not say"
    yield f"Points from {report['start']} {ends}."
    if not report["flatters"]:
        yield (
            f"What was judged had been trained on what was known until {report['trained_until']}:"
            " it had seen none of these outcomes."
        )
    else:
        yield (
            f"> **It was trained on what was known until {report['trained_until']}, after this"
            " period began: it has seen some of these outcomes, and the figures flatter it.**"
        )
    if twin := report.get("twin"):
        yield (
            "> **The figures are those of a twin: the same recipe, trained on what was known until"
            f" {twin['until']}.** This bundle was fitted on what came since as well, and nothing is"
            " left to judge it by."
        )
    rows = [
        [title, *(f"{counts[key]:,}" if key in counts else "–" for key in _COUNTS)]
        for goal, title in GOALS.items()
        if (counts := known.judged(goal).get("counts"))
    ]
    if rows:
        heads = ["", "points", "leads", "advanced", "lapsed", "lost", "pending", "judged"]
        yield table([*heads, "leads judged", "of them reached it", "did not"], rows)
        yield "A lead is judged at several points: from one it can reach a goal, from another not."


_COUNTS: Final = (
    *("points", "leads", "advanced", "lapsed", "lost", "pending"),
    *("decided", "decided_leads", "reached_leads", "missed_leads"),
)


# -------------------------------------------------------------------------------- what they came to


def analyses(known: OnRecord) -> Iterator[str]:
    """The figures of each goal beside those of baselines, its steps, and its calibration."""
    if known.report is None:
        yield unmeasured()
        return
    for goal, title in GOALS.items():
        part = known.judged(goal)
        figures = part.get("performance")
        yield f"### {title}"
        yield verdict_of(known, goal)
        if not figures:
            continue
        if part.get("verdict_reason"):
            yield sentence(plain(part["verdict_reason"]))
        yield _beside(part, figures)
        if queue := _queue(figures.get("queue"), known.report.get("capacity")):
            yield queue
        yield "#### Do the chances mean what they say?"
        titles = {one.id: one.title for one in known.bundle.ladder.goals}
        yield from _calibration(part, figures, titles)
        if parts := [*part.get("by_step", ()), *part.get("by_lead", ())]:
            yield "#### In parts"
            yield _parts(parts)
    yield "### The gate"
    yield gate_words(known)
    yield from _beside_champion(known.report.get("reordering") or {})


def _beside_champion(held: Mapping[str, Any]) -> Iterator[str]:
    """How many of the leads at the top stay there."""
    told = [one for one in held.get("orders", ()) if one["overlap"] is not None]
    if not told:
        return
    yield f"Beside the champion of then, `{held['champion'][:12]}`:"
    yield bullets(
        f"by {_ORDERS.get(one['by'], plain(one['by']))}, of {one['top']:,} leads at the top"
        f" {one['kept']:,.0f} stay ({in_percent(one['overlap'])})"
        for one in told
    )


_ORDERS: Final = {"purchase": "the chance of a purchase", "next_step": "the chance of their step"}


def _beside(part: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    rows = [[f"**{MODEL}**", *_figures(figures)]]
    for rival in part.get("baselines", ()):
        if rival["performance"]:
            rows.append([plain(rival["name"]), *_figures(rival["performance"])])
        else:
            rows.append([f"{plain(rival['name'])}: {plain(rival['reason'])}", *["–"] * 6])
    return table(["", "AUC", "log loss", "ECE", "by chance", "lift 10 %", "found 10 %"], rows)


def _figures(held: Mapping[str, Any]) -> list[str]:
    return [
        _with_error(held, "auc"),
        _with_error(held, "log_loss"),
        number(held.get("ece")),
        number(held.get("ece_by_chance")),
        number(held.get("lift_10"), ".2f"),
        percent(held.get("found_10")),
    ]


def _with_error(held: Mapping[str, Any], key: str) -> str:
    error = held.get(f"{key}_error")
    return number(held.get(key)) + ("" if error is None else f" ± {error:.4f}")


def _queue(queue: Mapping[str, Any] | None, capacity: float | None) -> str:
    """What working the top of the ranking each week would have come to."""
    if not queue or capacity is None or queue["found"] is None or queue["lift"] is None:
        return ""
    whom = f"best {in_percent(capacity)}" if capacity < 1 else f"{capacity:,.0f} best"
    return (
        f"To work the {whom} of the leads in each of {queue['instants']} weeks takes"
        f" {queue['picked']:,} of {queue['n']:,} places in the queue, and finds"
        f" {in_percent(queue['found'])} of the successes: {queue['lift']:.1f} times what a random"
        " order finds."
    )


def _calibration(
    part: Mapping[str, Any], figures: Mapping[str, Any], titles: Mapping[str, str]
) -> Iterator[str]:
    realised = part.get("realised", ())
    for one in realised:
        if one["kind"] == "all":
            explained = "explains" if one["inside"] else "does **not** explain"
            yield f"On average {_came(one)}: chance {explained} the difference."
    yield (
        f"The calibration error is {number(figures.get('ece'))}; perfect chances would show"
        f" {number(figures.get('ece_by_chance'))} by chance."
    )
    yield from _recalibrated(part)
    if bins := figures.get("reliability"):
        inside = sum(one["inside"] for one in bins)
        covers = figures.get("interval_coverage")
        held = "" if covers is None else (
            f" The intervals of {in_percent(LEVEL)} that go with a chance hold the rate that came"
            f" in {in_percent(covers)} of the groups."
        )  # fmt: skip
        yield (
            f"In {inside} of {len(bins)} groups of like chances, chance explains the difference"
            f" between what was said and what came.{held}"
        )
    off = [one for one in realised if one["kind"] != "all" and not one["inside"]]
    if off:
        yield "Here chance does not explain the difference, as it would in 19 of 20 such parts:"
        yield bullets(f"{_whose(one, titles)} {_came(one)}." for one in off)


def _recalibrated(part: Mapping[str, Any]) -> Iterator[str]:
    """What the chances are worth once the outcomes that matured meanwhile have moved them."""
    for one in part.get("baselines", ()):
        if one["name"] == AS_SERVED and one["performance"]:
            moved = one["performance"]
            yield (
                "As it serves, outcomes that mature move its chances (*recalibration*). So moved,"
                f" its calibration error was {number(moved['ece'])}, with"
                f" {number(moved['ece_by_chance'])} by chance: *{AS_SERVED}*, above."
            )
            return
    yield "That outcomes which matured meanwhile had moved its chances, the report does not show."


def _whose(one: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    if one["kind"] == "step":
        return f"Before {plain(titles.get(one['id'], one['id']))},"
    return f"In the four weeks from {one['id']},"


def _came(one: Mapping[str, Any]) -> str:
    return (
        f"{percent(one['expected'])} was said, and {percent(one['came'])} came (95 % interval"
        f" {percent(one['low'])} to {percent(one['high'])}, by {one['leads']:,} leads)"
    )


def _parts(parts: list[Mapping[str, Any]]) -> str:
    """Each step alone, and leads that training knew beside those that came later."""
    heads = ["", "points", "leads", "rate", "mean chance", "AUC", "log loss", "ECE", "by chance"]
    return table(heads, [_part(one) for one in parts])


def _part(one: Mapping[str, Any]) -> list[str]:
    head = [plain(one["title"]), f"{one['n']:,}", f"{one['leads']:,}"]
    judged = one["performance"]
    if not judged:
        return [*head, plain(one["note"]), *[""] * 5]
    return [
        *head,
        percent(judged["rate"]),
        percent(judged["mean_probability"]),
        _with_error(judged, "auc"),
        _with_error(judged, "log_loss"),
        number(judged["ece"]),
        number(judged["ece_by_chance"]),
    ]
