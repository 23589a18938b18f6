"""`rung champion judge`: how good what serves is by now; of a store it is kept, and shown."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung import options
from rung.options import Progress, add_verb
from rung.reading import judged_until, loaded_bundle, named_log, print_json, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from features.events.log import EventLog
    from features.ladder.ladder import Ladder
    from models.bundle import Bundle
    from models.judging.served import PolicyLook, ScoresLook
    from models.judging.trials.shapes import OfferByLot, OffersByLot

__all__ = ["add_judge"]


def add_judge(own: Any) -> None:
    """Add `rung champion judge`."""
    judge = add_verb(
        own, "judge", _judge, "how good what serves is by now, and whether another policy may"
    )
    options.log_or_store(judge)
    judge.add_argument(
        "--until", type=options.as_time, help="by what was known then (default, and at most: all)"
    )
    options.trust_option(judge)
    options.reading_options(judge)
    options.json_option(judge)


def _judge(parsed: argparse.Namespace, progress: Progress) -> None:
    from models.served_policy import DEFAULT, read_served
    from training.policies.by_lot import offers_by_lot

    parsed.events = named_log(parsed)
    folder = _folder(parsed)
    bundle = loaded_bundle(folder, parsed)
    ladder, log = read(parsed, progress, None if parsed.ladder else bundle.ladder)
    until = judged_until(parsed.until, log)
    served = bundle.on(ladder)
    progress("what was expected, and what came")
    scores = _scores(served, bundle, log, until)
    progress("offers by lot")
    offers = offers_by_lot(log, served.ladder, until)
    names = sorted({"learned", read_served(folder, bundle)} - {DEFAULT})
    policies = []
    for name in names:
        progress(f"whether {name} may serve")
        policies.append(_policy(served, log, name, until))
    if "://" in parsed.events and parsed.until is None:
        _keep(parsed.events, served, until, (scores, offers, policies))
    if parsed.json:
        return print_json({"scores": scores, "offers": offers, "policies": policies})
    _print(served.ladder, scores, offers, policies)
    return None


def _folder(parsed: argparse.Namespace) -> Path:
    from features.errors import BundleError

    named = parsed.bundle or os.environ.get("RUNG_BUNDLE", "")
    if not named:
        raise BundleError("no bundle is named, and RUNG_BUNDLE is not set: name one with --bundle")
    return Path(named)


def _scores(served: Bundle, trained: Bundle, log: EventLog, until: int) -> ScoresLook:
    """The bundle on outcomes since it was trained, with its probabilities moved as they were."""
    from features.errors import NotEnoughData
    from training.recalibration import recalibrate
    from training.scores.evaluate import evaluate

    moves = recalibrate(log, trained, until)
    try:
        found = evaluate(served, log, until=until, moves=moves)
    except NotEnoughData as error:
        return {"evaluation": None, "note": str(error)}
    return {"evaluation": found.as_dict(), "note": ""}


def _policy(served: Bundle, log: EventLog, name: str, until: int) -> PolicyLook:
    from features.errors import NotEnoughData
    from training.policies.evaluate import evaluate_policy
    from training.policies.gate import checks, judge_policy

    try:
        report = evaluate_policy(served, log, name, until=until).as_dict()
        gate = judge_policy(report, served)
    except NotEnoughData as error:
        return {"name": name, "gate": None, "checks": [], "note": str(error)}
    asked = list(checks(report, served.ladder))
    return {"name": name, "gate": gate.as_dict(), "checks": asked, "note": ""}


def _keep(
    url: str, served: Bundle, until: int, found: tuple[ScoresLook, OffersByLot, list[PolicyLook]]
) -> None:
    """Keep the newest of each, and no other."""
    from features.store.events import EventStore
    from features.store.kept.reports import Report, Reports
    from models.judging.served import OFFERS, POLICY, SCORES, about_policy

    scores, offers, policies = found
    told: list[tuple[str, str, Mapping[str, Any]]] = [
        (SCORES, served.hash, scores),
        (OFFERS, "", offers),
        *((POLICY, about_policy(served.hash, one["name"]), one) for one in policies),
    ]
    with EventStore.existing(url) as store:
        reports = Reports(store.database)
        for kind, about, body in told:
            report = Report(kind, served.ladder.name, about, until, body)
            reports.keep(report)
            reports.drop_others(report)


# -------------------------------------------------------------------------------------------- print


def _print(
    ladder: Ladder, scores: ScoresLook, offers: OffersByLot, policies: list[PolicyLook]
) -> None:
    if scores["evaluation"] is None:
        print(f"scores: {scores['note']}")
    else:
        for goal in ("advancement", "purchase"):
            _print_goal(goal, scores["evaluation"][goal])
    if not offers["offers"]:
        print("offers: none was drawn by lot yet")
    for offer in offers["offers"]:
        _print_offer(ladder, offer)
    for one in policies:
        _print_policy(one)


def _print_goal(goal: str, found: dict[str, Any]) -> None:
    if not found["realised"]:
        return print(f"{goal}: {found['note']}")
    whole = found["realised"][0]
    print(
        f"{goal}: {found['verdict']}; {100 * whole['expected']:.1f} of 100 were expected to,"
        f" {100 * whole['came']:.1f} did ({100 * whole['low']:.1f} to {100 * whole['high']:.1f}),"
        f" on {whole['n']:,} points of {whole['leads']:,} leads"
    )
    return None


def _print_offer(ladder: Ladder, one: OfferByLot) -> None:
    offer = ladder.offer(one["offer"])
    title = offer.title if offer else one["offer"]
    effect, asked, alone = one["effect"], one["asked"], one["alone"]
    known = "nothing yet"
    if effect["value"] is not None and effect["high"] is not None:
        known = (
            f"{100 * effect['value']:+.1f} of 100 ({100 * effect['low']:+.1f} to"
            f" {100 * effect['high']:+.1f}), {one['verdict']}"
        )
    leads = f"{asked['leads']:,} asked, {alone['leads']:,} left alone"
    print(f"{title}: {leads}, by lot: {known}")


def _print_policy(one: PolicyLook) -> None:
    if one["gate"] is None:
        return print(f"{one['name']}: {one['note']}")
    missing = one["gate"]["missing"]
    print(f"{one['name']}: " + ("may serve" if not missing else "may not serve yet"))
    for line in missing:
        print(f"  the gate: {line}")
    return None
