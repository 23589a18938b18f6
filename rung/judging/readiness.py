"""`rung readiness`: what of a ladder a log has, and when there will be enough to learn from."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from features.ladder.words import things
from rung.call import arguments, options
from rung.call.bundles import named_ladder
from rung.call.parser import Progress, add_verb
from rung.call.printing import print_json, print_line, print_table, shortened
from rung.call.reading import NOT_KEPT, erased_by_now, judged_until, named_log, only_reads, read

if TYPE_CHECKING:
    from features.store.identities.turns import Erased
    from models.judging.readiness import (
        GoalReadiness,
        NextLevel,
        OfferReadiness,
        Readiness,
        StepReadiness,
    )

__all__ = ["add_readiness"]

_HEADS: Final = (
    *("", "reached", "completed", "a week", "decided", "lost", "pending"),
    *("went on", "did not", "level"),
)


def add_readiness(verbs: Any) -> None:
    """Add `rung readiness`."""
    parser = add_verb(
        verbs, "readiness", _readiness, "what of a ladder a log has, and what can be learned of it"
    )
    options.log_or_store(parser)
    parser.add_argument(
        "--until", type=arguments.as_time, help="by what was known then (default, and at most: all)"
    )
    options.reading_options(parser)
    options.json_option(parser)


def _readiness(parsed: argparse.Namespace, progress: Progress) -> None:
    from training.readiness.readiness import readiness

    parsed.events = named_log(parsed)
    erased = erased_by_now(parsed.events)
    ladder, log = read(parsed, progress, named_ladder(parsed))
    until = judged_until(parsed.until, log)
    progress("looking at what there is")
    found = readiness(log, ladder, until)
    is_newest = "://" in parsed.events and parsed.until is None
    if is_newest and not _keep(parsed.events, found, until, erased):
        progress(NOT_KEPT)
    if parsed.json:
        return print_json(found)
    _print(found)
    return None


def _keep(url: str, found: Readiness, until: int, erased: Erased | None) -> bool:
    """Keep the newest in a store, and no other; not where a lead was erased since it was read."""
    from features.store.events import EventStore
    from features.store.kept.reports import Report, Reports

    report = Report("readiness", found["ladder"], "", until, dict(found))
    with EventStore.existing(url) as store:
        return only_reads(store) or Reports(store.database).keep_alone(report, erased)


def _print(found: Readiness) -> None:
    from features.clock import said_at

    print_line(f"{found['summary']}\n")
    leads = things(found["leads"], "lead")
    weeks = things(float(f"{found['pace_weeks']:.2g}"), "week").removeprefix("1 ")
    print_line(
        f"By what was known at {said_at(found['as_of'])}, of {leads}; the pace is that of the"
        f" last {weeks}.\n"
    )
    whole = [("all steps together", found["advancement"])]
    whole += [("the purchase from any step", found["purchase"])]
    rows = [_HEADS, *map(_step_row, found["steps"])]
    rows += [(title, "", "", "", *_outcomes(goal), goal["level"]) for title, goal in whole]
    print_table(rows, texts=(0, 9), inset="  ")
    print()
    for step in found["steps"]:
        for dead in step["dead"]:
            print_line(f"  {step['title']}: {dead['text']}")
        _print_next(step["title"], step["next"])
    for title, goal in whole:
        _print_next(title, goal["next"])
    _print_offers(found["offers"])


def _step_row(step: StepReadiness) -> Sequence[str]:
    return (
        shortened(step["title"], 25),
        f"{step['reached']:,}",
        f"{step['completed']:,}",
        f"{step['leads_a_week']:.1f}",
        *_outcomes(step),
        step["level"],
    )


def _outcomes(of: StepReadiness | GoalReadiness) -> Sequence[str]:
    held = of["outcomes"]
    counts = (held["decided"], held["lost"], held["pending"], held["positives"], held["negatives"])
    return [f"{count:,}" for count in counts]


def _print_next(title: str, following: NextLevel | None) -> None:
    if following is None:
        return
    weeks = following["weeks"]
    when = "not at this pace" if weeks is None else f"in about {things(weeks, 'week')}"
    print_line(f"  {title}: {following['level']} takes {following['takes']}: {when}")


def _print_offers(offers: list[OfferReadiness]) -> None:
    """Those that anything is known of, and how many others there are."""
    known = [one for one in offers if one["drawn"] or one["extended"]]
    if not known:
        return print("\n  No offer was drawn or extended yet.")
    print()
    rows: list[Sequence[str]] = [("", "drawn", "exposed", "effective", "extended", "")]
    for one in known:
        counts = (one["drawn"], one["exposed"], one["effective"], one["extended"])
        aside = "" if one["known"] else "not on this ladder"
        rows.append((shortened(one["id"], 25), *(f"{count:,.0f}" for count in counts), aside))
    print_table(rows, texts=(0, 5), inset="  ")
    if others := len(offers) - len(known):
        print(f"  Of {things(others, 'more option')} nothing is known.")
    return None
