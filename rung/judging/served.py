"""`rung champion judge`: how good what serves is by now; of a store it is kept, and shown."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from features.ladder.words import things
from rung.call import arguments, options
from rung.call.bundles import loaded_bundle, served_folder
from rung.call.parser import Progress, add_verb
from rung.call.printing import print_json, print_line
from rung.call.reading import NOT_KEPT, erased_by_now, judged_until, named_log, only_reads, read

if TYPE_CHECKING:
    from features.ladder.ladder import Ladder
    from features.store.events import EventStore
    from features.store.identities.turns import Erased
    from models.judging.served import AheadLook, Expectation, PolicyLook, ScoresLook
    from models.judging.trials.shapes import (
        ComparisonVerdict,
        FramingsByLot,
        OfferByLot,
        OffersByLot,
        Span,
    )
    from training.upkeep.watching import Watched

__all__ = ["add_judge"]


def add_judge(own: Any) -> None:
    """Add `rung champion judge`."""
    judge = add_verb(
        own, "judge", _judge, "how good what serves is by now, and whether another policy may"
    )
    options.log_or_store(judge)
    judge.add_argument(
        "--until", type=arguments.as_time, help="by what was known then (default, and at most: all)"
    )
    options.trust_option(judge)
    options.reading_options(judge)
    options.json_option(judge)


def _judge(parsed: argparse.Namespace, progress: Progress) -> None:
    from features.store.events import EventStore
    from models.served_policy import read_served
    from training.upkeep.watching import watch_served

    parsed.events = named_log(parsed)
    folder = served_folder(parsed.bundle)
    bundle = loaded_bundle(folder, parsed)
    erased = erased_by_now(parsed.events)
    ladder, log = read(parsed, progress, None if parsed.ladder else bundle.ladder)
    until, policy = judged_until(parsed.until, log), read_served(folder, bundle)
    found = watch_served(bundle, bundle.on(ladder), policy, log, until, progress)
    if "://" in parsed.events and parsed.until is None:
        with EventStore.existing(parsed.events) as store:
            if not (only_reads(store) or _is_kept(store, found, erased)):
                progress(NOT_KEPT)
    if parsed.json:
        told = {"scores": found.scores, "ahead": found.ahead}
        return print_json(told | {"offers": found.offers, "policies": found.policies})
    _print(found.served.ladder, found.scores, found.ahead, found.offers, found.policies)
    return None


def _is_kept(store: EventStore, found: Watched, erased: Erased | None) -> bool:
    """Keep what was found; False where a lead was erased since the log was read.

    Endpoints of notifications are told of signals that have moved.
    """
    from features.clock import now
    from serving.notifications.found.drifts import tell_drifts
    from training.upkeep.watching import keep_watched

    kept = keep_watched(store, found, erased)
    if kept:
        served, told = found.served, found.ahead
        tell_drifts(store.database, told, served.ladder.name, served.hash, found.until, now())
    return kept


# -------------------------------------------------------------------------------------------- print


def _print(
    ladder: Ladder,
    scores: ScoresLook,
    ahead: AheadLook,
    offers: OffersByLot,
    policies: list[PolicyLook],
) -> None:
    if scores["evaluation"] is None:
        print_line(f"scores: {scores['note']}")
    else:
        for goal in ("advancement", "purchase"):
            _print_goal(goal, scores["evaluation"][goal])
    _print_ahead(ahead)
    if not offers["offers"]:
        print_line("offers: none was drawn by lot yet")
    for offer in offers["offers"]:
        _print_offer(ladder, offer)
    for framings in offers["framings"]:
        _print_framings(ladder, framings)
    for one in policies:
        _print_policy(one)


def _print_goal(goal: str, found: dict[str, Any]) -> None:
    if not found["realised"]:
        return print_line(f"{goal}: {found['note']}")
    whole = found["realised"][0]
    print_line(
        f"{goal}: {found['verdict']}; {100 * whole['expected']:.1f} of 100 were expected to,"
        f" {100 * whole['came']:.1f} did ({100 * whole['low']:.1f} to {100 * whole['high']:.1f}),"
        f" on {things(whole['n'], 'point')} of {things(whole['leads'], 'lead')}"
    )
    return None


def _print_ahead(ahead: AheadLook) -> None:
    if ahead["note"]:
        return print_line(f"ahead of outcomes: {ahead['note']}")
    for one in ahead["goals"]:
        if one["running"]:
            print_line(f"{one['goal']} ahead of outcomes: {_expected(one['running'])}")
        if one["over"] and (came := one["over"]["came"]):
            known = _figures(came["auc"], came["log_loss"])
            print_line(f"  where their time is over: {_expected(one['over'])}; came: {known}")
    for step in ahead["moved"]:
        print_line(f"signals: {step['says']}")
    if not ahead["moved"]:
        print_line(f"signals: none has surely moved, of points since {ahead['since'][:10]}")
    return None


def _expected(of: Expectation) -> str:
    figures = _figures(of["expected"]["auc"], of["expected"]["log_loss"])
    points = things(of["points"], "point")
    return f"{figures} expected of {points} of {things(of['leads'], 'lead')}"


def _figures(auc: float | None, log_loss: float) -> str:
    return f"AUC {'–' if auc is None else f'{auc:.3f}'}, log loss {log_loss:.3f}"


def _print_offer(ladder: Ladder, one: OfferByLot) -> None:
    asked, alone = one["asked"], one["alone"]
    known = _known(one["effect"], one["verdict"], one["worth"])
    leads = f"{asked['leads']:,} asked, {alone['leads']:,} left alone"
    print_line(f"{_title(ladder, one['offer'])}: {leads}, by lot: {known}")


def _print_framings(ladder: Ladder, one: FramingsByLot) -> None:
    """The ways to put an offer: a line for each but the first, beside which it stands."""
    title, leads = _title(ladder, one["offer"]), {arm["arm"]: arm["leads"] for arm in one["arms"]}
    for other in one["comparisons"]:
        both = f"{leads[other['arm']]:,} beside {leads[one['control']]:,} {one['control']}"
        known = _known(other["effect"], other["verdict"], other["worth"])
        print_line(f"{title}, put as {other['arm']}: {both}, by lot: {known}")


def _title(ladder: Ladder, offer_id: str) -> str:
    offer = ladder.offer(offer_id)
    return offer.title if offer else offer_id


def _known(effect: Span, verdict: ComparisonVerdict, worth: float) -> str:
    from models.judging.trials.wording import VERDICTS, leads_told_of

    if effect["value"] is None or effect["high"] is None:
        return "nothing yet"
    of = leads_told_of(effect, worth, 0.25)
    return (
        f"{of * effect['value']:+,.1f} of {of:,} ({of * effect['low']:+,.1f} to"
        f" {of * effect['high']:+,.1f}), {VERDICTS[verdict]}"
    )


def _print_policy(one: PolicyLook) -> None:
    if one["gate"] is None:
        return print_line(f"{one['name']}: {one['note']}")
    missing = one["gate"]["missing"]
    print_line(f"{one['name']}: " + ("may serve" if not missing else "may not serve yet"))
    for line in missing:
        print_line(f"  the gate: {line}")
    return None
