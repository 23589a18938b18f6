"""`rung readiness`: what of a ladder a log has, and when there will be enough to learn from."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from rung import options
from rung.options import Progress, add_verb
from rung.reading import (
    NOT_KEPT,
    erased_by_now,
    judged_until,
    named_ladder,
    named_log,
    print_json,
    read,
    shortened,
)

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


def add_readiness(verbs: Any) -> None:
    """Add `rung readiness`."""
    parser = add_verb(
        verbs, "readiness", _readiness, "what of a ladder a log has, and what can be learned of it"
    )
    options.log_or_store(parser)
    parser.add_argument(
        "--until", type=options.as_time, help="by what was known then (default, and at most: all)"
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
        return Reports(store.database).keep_alone(report, erased)


def _print(found: Readiness) -> None:
    from models.judging.rounding import rounded

    print(f"{found['summary']}\n")
    print(
        f"By what was known at {found['as_of']}, of {found['leads']:,} leads; the pace is that of"
        f" the last {rounded(found['pace_weeks'], 2)} weeks.\n"
    )
    print(
        f"  {'':26}{'reached':>9}{'completed':>10}{'a week':>8}{'decided':>9}{'lost':>6}"
        f"{'pending':>8}{'went on':>8}{'did not':>8}  level"
    )
    for step in found["steps"]:
        _print_step(step)
    _print_goal("all steps together", found["advancement"])
    _print_goal("the purchase from any step", found["purchase"])
    _print_offers(found["offers"])


def _print_step(step: StepReadiness) -> None:
    print(
        f"  {shortened(step['title'], 25):26}{step['reached']:9,}{step['completed']:10,}"
        f"{step['leads_a_week']:8.1f}{_outcomes(step)}  {step['level']}"
    )
    for dead in step["dead"]:
        print(f"      {dead['text']}")
    _print_next(step["next"])


def _print_goal(title: str, goal: GoalReadiness) -> None:
    print(f"  {title:26}{'':9}{'':10}{'':8}{_outcomes(goal)}  {goal['level']}")
    _print_next(goal["next"])


def _outcomes(of: StepReadiness | GoalReadiness) -> str:
    held = of["outcomes"]
    return (
        f"{held['decided']:9,}{held['lost']:6,}{held['pending']:8,}{held['positives']:8,}"
        f"{held['negatives']:8,}"
    )


def _print_next(following: NextLevel | None) -> None:
    if following is None:
        return
    weeks = following["weeks"]
    unit = "week" if weeks == 1 else "weeks"
    when = "not at this pace" if weeks is None else f"in about {weeks:g} {unit}"
    print(f"      {following['level']} takes {following['takes']}: {when}")


def _print_offers(offers: list[OfferReadiness]) -> None:
    """Those that anything is known of, and how many others there are."""
    known = [one for one in offers if one["drawn"] or one["extended"]]
    if not known:
        return print("\n  No offer was drawn or extended yet.")
    print(f"\n  {'':26}{'drawn':>9}{'exposed':>10}{'effective':>11}{'extended':>10}")
    for one in known:
        aside = "" if one["known"] else "  not on this ladder"
        print(
            f"  {shortened(one['id'], 25):26}{one['drawn']:9,}{one['exposed']:10,}"
            f"{one['effective']:11,.0f}{one['extended']:10,}{aside}"
        )
    if others := len(offers) - len(known):
        print(f"  Of {others} more options nothing is known.")
    return None
