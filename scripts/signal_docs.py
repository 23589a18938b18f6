"""Write docs/signals.md from the table of signals of the shipped b2b ladder.

With --check nothing is written, and the exit code is 1 where the page is stale.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from features.ladder.file import read_ladder
from features.ladder.ladder import EventRule, Ladder
from features.signals.signal import Op, Signal
from features.signals.table import signals_of

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "signals.md"

MEANS: Final[dict[Op, tuple[str, str]]] = {
    Op.COUNT: ("how many", "0"),
    Op.SUM: ("the measure, added up", "0"),
    Op.MEAN: ("the measure's arithmetic mean", "absent"),
    Op.MAX: ("the measure's largest value", "absent"),
    Op.MIN: ("the measure's smallest value", "absent"),
    Op.LAST: ("the measure of the latest event that has it", "absent"),
    Op.DAYS_SINCE_FIRST: ("the age of the oldest, in days", "absent"),
    Op.DAYS_SINCE_LAST: ("the age of the youngest, in days", "absent"),
    Op.ACTIVE_DAYS: ("on how many days, by the calendar of UTC", "0"),
    Op.DECAYED_COUNT: (
        "Σ 2^(−age / half-life): a new event counts 1, one of a half-life's age a half",
        "0",
    ),
    Op.DISTINCT: ("how many different texts the measure has; without a measure, names", "0"),
    Op.TREND: (
        "4 · Σ 2^(−age / h) / Σ 2^(−age / 4h), h being the half-life: the rate of lately over the"
        " usual rate. A long steady life gives 1; all of it just now gives 4, the most",
        "absent",
    ),
    Op.STREAK: ("how many since the last of the events that end it", "0"),
    Op.HOURS_WAITING: (
        "the hours since the oldest that none of the events that end it has followed",
        "absent",
    ),
    Op.REPLY_HOURS: (
        "the mean of the hours from the oldest open one to the event that ended it, over all that"
        " were ended",
        "absent",
    ),
    Op.POSITION: ("the highest rung completed since the ladder last began", "0"),
    Op.STEPS_COMPLETED: ("how many rungs were completed since then, the purchase included", "0"),
    Op.DAYS_AT_POSITION: (
        "the days since the highest rung was completed; on none, since the ladder began",
        "absent",
    ),
    Op.PACE: (
        "the time from the latest completion below (or the beginning) to that of the highest rung,"
        " over that rung's `horizon_days`; not below 0",
        "absent",
    ),
    Op.DAYS_UNTIL: (
        "the days until the instant that the latest event announces; what is over is not told",
        "absent",
    ),
    Op.PROFILE_COMPLETENESS: ("the share of the ladder's traits that are known", "0"),
}
"""What each operation gives, and what it gives where no event counts."""

GROUPS: Final[dict[str, str]] = {
    "position": "Where the lead stands",
    "step": "Each step, and the purchase",
    "activity": "Everything the lead did",
    "against": "What speaks against the lead",
    "offers": "Our offers",
    "replies": "Our replies",
    "profile": "Who the lead is",
    "custom": "Rows of the ladder file",
}

HEAD: Final = """# Signals

<!-- python scripts/signal_docs.py makes this page from features/signals/table.py. -->

A signal is one number (or one text) about a lead at an instant. It is a row of a table:

| part | says |
| --- | --- |
| what | which events count: rules, or everything the lead itself did |
| how | what is made of them, see below |
| measure | the property that is read, where one is |
| window, half-life | how age matters |
| sentence | what the value says to a salesperson |

A standard set follows from any ladder: {count} signals for the shipped `{name}`, with the rows that
its file adds. [Add your own](ladder.md#signal) without code. Training, serving and every batch job
compute them with the same function, `features.signals.snapshot.snapshot`, and a snapshot is never
asked for without its instant, `as_of`.

## Which events count

* **Known by then.** An event counts when `known_at <= as_of`: one learned of at that very instant
  does, and one learned of later never changes anything.
* **Age** is `as_of − occurred_at`, in days of 24 hours. An event that was known before it occurred
  has a clock that was wrong; it occurred when it was known.
* **A window is half-open.** An event counts when its age is less than `window_days`: one that is
  exactly that old is out.
* **What the lead itself did** is what the ladder's [`[activity]`](ladder.md#activity) calls
  interest. A refusal, a bounce, a withdrawal or a failure never is, and is not counted for a step.
* **What speaks against the lead** is counted by itself and fades. More of it never raises a chance:
  the models are held to that.
* **Order** is by `occurred_at`, then `known_at`; with equal clocks what the events say decides,
  never the order of the rows.
* **Restarts.** An event of `restart_on` begins the ladder anew: completions before it no longer
  count for the signals of position. All other signals see the whole history. Without one the ladder
  begins with the first thing that the lead did.
* **An absent measure** is skipped: an event without the property changes neither sum nor mean.

Absent is NaN in a snapshot, an empty cell in a file, and a missing value to a model. It is not 0.
"""

STEPS: Final = """\
The events of a step are those that complete it and those of its `engaged_by`, whether or not they
meet the conditions: what is begun counts. Its measures are the numbers that its completion
compares. In `{name}` they are:

{table}
For each step, each measure and (where a step has several) each event of it there is:

"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or say whether it is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when stale")
    parser.add_argument("page", nargs="?", type=Path, default=PAGE)
    parsed = parser.parse_args(arguments)
    fresh = page(read_ladder("b2b"))
    held = parsed.page.read_text(encoding="utf-8") if parsed.page.exists() else ""
    if held == fresh:
        return 0
    if parsed.check:
        print(f"{parsed.page} is stale: run python scripts/signal_docs.py", file=sys.stderr)
        return 1
    parsed.page.write_text(fresh, encoding="utf-8")
    print(f"wrote {parsed.page}")
    return 0


def page(ladder: Ladder) -> str:
    """The whole page."""
    signals = signals_of(ladder)
    parts = [HEAD.format(count=len(signals), name=ladder.name), _operations()]
    parts.append("## The standard set\n")
    parts += [_group(name, title, ladder) for name, title in GROUPS.items()]
    return "\n".join(parts)


def _operations() -> str:
    rows = [(f"`{op.name.lower()}`", *MEANS[op]) for op in Op]
    heads = ("how", "the value", "where no event counts")
    return f"## What is made of them\n\n{_table(heads, rows)}"


def _group(name: str, title: str, ladder: Ladder) -> str:
    signals = [signal for signal in signals_of(ladder) if signal.group == name]
    text = f"### {title}\n\n"
    if name == "step":
        text += _steps(signals, ladder)
        signals = list(_patterns(signals, ladder))
    heads = ("signal", "how", "of", "a sentence", "where there is nothing")
    return text + _table(heads, [_row(signal, ladder) for signal in signals])


def _row(signal: Signal, ladder: Ladder) -> tuple[str, ...]:
    of = STEP_OF[signal.id.split(".")[2]] if signal.group == "step" else _of(signal, ladder)
    return f"`{signal.id}`", _how(signal), of, signal.example, signal.says_never


def _how(signal: Signal) -> str:
    parts = [f"`{signal.op.name.lower()}`"]
    if signal.measure:
        parts.append(f"of `{signal.measure}`")
    if signal.window_days is not None:
        parts.append(f"within {_days(signal.window_days)}")
    if signal.half_life_days is not None:
        parts.append(f"half-life {_days(signal.half_life_days)}")
    return ", ".join(parts)


def _days(days: float) -> str:
    return f"{days:g} day{'' if days == 1 else 's'}"


def _of(signal: Signal, ladder: Ladder) -> str:
    if signal.op in (Op.POSITION, Op.STEPS_COMPLETED, Op.DAYS_AT_POSITION, Op.PACE):
        return "completions"
    if signal.op == Op.PROFILE_COMPLETENESS:
        return "traits"
    text = _names(signal.of, ladder) or "what the lead did"
    return f"{text}; ended by {_names(signal.until, ladder)}" if signal.until else text


def _names(rules: Iterable[EventRule], ladder: Ladder) -> str:
    """The events of rules; all that complete something are not told one by one."""
    completing = {rule for goal in ladder.goals for rule in goal.complete_when}
    told = list(rules)
    every = completing <= set(told)
    names = [
        f"`{rule.event}`" + (f" ({_conditions(rule)})" if rule.where else "")
        for rule in told
        if not (every and rule in completing)
    ]
    return ", ".join([*names, "every completion"] if every else names)


def _conditions(rule: EventRule) -> str:
    said = {"is": "=", "at_least": "≥", "at_most": "≤", "above": ">", "below": "<"}
    parts = []
    for one in rule.where:
        value = one.value if one.is_text else f"{one.value:g}"
        parts.append(f"{one.property} {said.get(one.operator, one.operator)} {value}")
    return " and ".join(parts)


STEP_OF: Final = {
    **dict.fromkeys(
        ("count", "count_7d", "count_30d", "recent", "days_since_last", "active_days"),
        "the step's events",
    ),
    **dict.fromkeys(("max", "sum"), "the measure's events"),
    "did": "that event",
}
"""What the signals of a step aggregate, by the third part of their id."""


def _steps(signals: Sequence[Signal], ladder: Ladder) -> str:
    rows = []
    for goal in ladder.goals:
        ours = [signal for signal in signals if signal.id.startswith(f"step.{goal.id}.")]
        engaging = next(signal for signal in ours if signal.id.endswith(".count"))
        deep = [signal for signal in ours if signal.id.startswith(f"step.{goal.id}.max.")]
        measures = [f"`{one.measure}` of {_names(one.of, ladder)}" for one in deep]
        rows.append(
            (f"`{goal.id}`", goal.title, _names(engaging.of, ladder), "; ".join(measures) or "–")
        )
    heads = ("step", "title", "its events", "its measures")
    return STEPS.format(name=ladder.name, table=_table(heads, rows))


def _patterns(signals: Iterable[Signal], ladder: Ladder) -> Iterable[Signal]:
    """The signals of steps with what differs from step to step left open, each pattern once."""
    titles = {goal.id: goal.title for goal in ladder.goals}
    seen: set[str] = set()
    for signal in signals:
        _, step, what, *rest = signal.id.split(".", 3)
        found = _open(signal, titles[step], what, ".".join(rest))
        if found.id not in seen:
            seen.add(found.id)
            yield found


def _open(signal: Signal, title: str, what: str, last: str) -> Signal:
    """One pattern: `step.‹step›.max.‹measure›` for `step.value.max.minutes`."""
    kind = {"max": "measure", "sum": "measure", "did": "event"}.get(what, "")
    words = last.replace("_", " ").replace("-", " ")

    def opened(text: str) -> str:
        text = text.replace(title, "‹Step›", 1)
        return text.replace(words, f"‹{kind}›", 1) if kind else text

    return replace(
        signal,
        id=f"step.‹step›.{what}" + (f".‹{kind}›" if kind else ""),
        says=opened(signal.says),
        says_never=opened(signal.says_never),
        measure=f"‹{kind}›" if kind == "measure" else signal.measure,
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
