"""`rung compare`, `retrain`, `champion` and `rollback`: which bundle serves, and why."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from features.ladder.words import things
from rung.call import arguments, options
from rung.call.bundles import loaded_bundle, trusted_types, usual_ladder, what_serves
from rung.call.parser import Progress, add_verb, group
from rung.call.printing import print_json, print_line, print_table
from rung.call.reading import judged_until, read, trained_with
from rung.judging.served import add_judge

if TYPE_CHECKING:
    from features.events.log import EventLog
    from features.ladder.ladder import Ladder
    from models.bundle import Bundle
    from models.sources import BundleSource, SourceVersion
    from training.scores.challenge import Challenge, GoalChallenge, Pair
    from training.scores.reordering import Incumbent
    from training.upkeep.promoting import Promoted
    from training.upkeep.retraining import Retraining

__all__ = ["add_champion", "add_compare", "add_retrain", "add_rollback"]

_PLACE: Final = (
    "what serves: the folder of a bundle, or the URI of a registry (default: RUNG_BUNDLE, or"
    " RUNG_REGISTRY where RUNG_MODEL is set)"
)
_WHOSE: Final = "whose champion it is, in a registry (default: the model of RUNG_MODEL, or b2b)"


def add_compare(verbs: Any) -> None:
    """Add `rung compare`."""
    compare = add_verb(verbs, "compare", _compare, "judge bundles beside the champion, in pairs")
    options.events_argument(compare)
    compare.add_argument("challengers", nargs="+", type=Path, help="folders of bundles")
    compare.add_argument("--champion", metavar="URI|FOLDER", help=_PLACE)
    options.period_options(compare)
    options.trust_option(compare)
    options.reading_options(compare)
    options.json_option(compare)


def add_retrain(verbs: Any) -> None:
    """Add `rung retrain`."""
    retrain = add_verb(
        verbs, "retrain", _retrain, "train on what has matured, promote it if it is better"
    )
    retrain.add_argument(
        "events", nargs="?", help="a log (default: the store of RUNG_DATABASE_URL)"
    )
    retrain.add_argument("--ladder", help="a TOML file, or a shipped ladder (default: its own)")
    retrain.add_argument("--champion", metavar="URI|FOLDER", help=_PLACE)
    retrain.add_argument("--until", type=arguments.as_time, help="default, and at most: all")
    options.config_option(retrain)
    retrain.add_argument("--by", default="", help="who has it done; kept with what is promoted")
    options.accept_reordering_option(retrain)
    retrain.add_argument(
        "--dry-run", action="store_true", help="say what would be promoted, and promote nothing"
    )
    retrain.add_argument(
        "--report", type=arguments.as_folder, help="write the report of the twin here"
    )
    options.trust_option(retrain)
    options.reading_options(retrain)
    options.json_option(retrain)


def add_champion(verbs: Any) -> None:
    """Add `rung champion`."""
    own = group(verbs, "champion", "show or change what serves", "What serves.")
    show = add_verb(own, "show", _show, "what serves, since when and why; and what did before")
    show.add_argument("champion", nargs="?", metavar="URI|FOLDER", help=_PLACE)
    show.add_argument("--ladder", help=_WHOSE)
    options.json_option(show)
    promote = add_verb(own, "promote", _promote, "let a folder serve a bundle, by its report")
    promote.add_argument("bundle", type=Path)
    promote.add_argument("--report", type=Path, required=True, help="from rung evaluate --report")
    promote.add_argument("--into", type=Path, help="the folder that serves (default: RUNG_BUNDLE)")
    promote.add_argument("--by", default="", help="who promotes it")
    promote.add_argument("--why", default="", help="the reason, which is kept")
    options.accept_reordering_option(promote)
    options.trust_option(promote)
    options.json_option(promote)
    add_judge(own)


def add_rollback(verbs: Any) -> None:
    """Add `rung rollback`."""
    back = add_verb(verbs, "rollback", _rollback, "let serve again what served before")
    back.add_argument("champion", nargs="?", metavar="URI|FOLDER", help=_PLACE)
    back.add_argument("--ladder", help=_WHOSE)
    back.add_argument("--by", required=True, metavar="WHO", help="who takes it back")
    back.add_argument("--why", required=True, help="the reason, which is kept")
    options.json_option(back)


# ------------------------------------------------------------------------------------ where it is


def _champion(parsed: argparse.Namespace, source: BundleSource) -> Bundle | None:
    """The bundle that serves; None where there is none."""
    return None if source.stamp() is None else loaded_bundle(source.folder(), parsed)


def _incumbent(parsed: argparse.Namespace, source: BundleSource) -> Incumbent:
    """What is to be followed: the bundle that serves, or where it is meant one that cannot be read.

    Raises
    ------
    BundleError : it is of another version of Rung, or damaged, and nobody said to go on without it.
    """
    from features.errors import BundleError
    from models.bundle import why_not_loaded
    from training.scores.reordering import Incumbent

    if source.stamp() is None:
        return Incumbent()
    folder = source.folder()
    why = why_not_loaded(folder).replace(str(folder), str(source))
    if not why:
        bundle = loaded_bundle(folder, parsed)
        return Incumbent(bundle.hash, bundle)
    if options.accepted_reordering(parsed) is None or not parsed.ladder:
        raise BundleError(
            f"{why}. Nothing can be judged beside it: where another is to take its place all the"
            " same, say so with --accept-reordering WHY --by WHO, and name its ladder with --ladder"
        )
    return Incumbent(source.versions()[0].hash, why=why)


def _asked(parsed: argparse.Namespace) -> Ladder | None:
    """The ladder that --ladder names."""
    from features.ladder.file import read_ladder

    return read_ladder(parsed.ladder) if parsed.ladder else None


# ---------------------------------------------------------------------------------------- compare


def _compare(parsed: argparse.Namespace, progress: Progress) -> None:
    from features.clock import microseconds
    from features.errors import BundleError
    from training.recalibration import recalibrate
    from training.scores.challenge import Contender, challenge, require_alike

    bundles = [loaded_bundle(folder, parsed) for folder in parsed.challengers]
    source = what_serves(parsed.champion, usual=bundles[0].ladder)
    champion = _champion(parsed, source)
    if champion is None:
        raise BundleError(f"no bundle serves from {source}: there is no champion")
    for bundle in bundles:
        require_alike(champion, bundle)
    _, log = read(parsed, progress, champion.ladder)
    until = judged_until(parsed.until, log)
    start = microseconds(parsed.start) if parsed.start else None
    former = Contender(champion, recalibrate(log, champion, until))
    found = []
    for bundle in bundles:
        progress(f"{bundle.version} beside the champion {champion.version}")
        contender = Contender(bundle, recalibrate(log, bundle, until))
        found.append(challenge(log, former, contender, until=until, start=start))
    if parsed.json:
        return print_json({"challenges": [one.as_dict() for one in found]})
    for one in found:
        _print_challenge(one)
    return None


def _print_challenge(found: Challenge) -> None:
    from features.clock import said_at, said_from

    name = "the new bundle" if found.challenger == "unsaved" else found.challenger
    print_line(
        f"{name} beside the champion {found.champion}, on scores of"
        f" {said_from(found.start)} to {said_at(found.until)}: {found.verdict}"
    )
    for goal in found.goals:
        _print_goal(goal)
    if found.top:
        print_line(
            f"  of {things(found.top, 'lead')} at the top by the chance of a purchase"
            f" {found.top_changed:.0f} would be others"
        )
    if found.step_top:
        print_line(
            f"  of {things(found.step_top, 'lead')} at the top before their step by the chance of"
            f" it {found.step_top_changed:.0f} would be others"
        )


def _print_goal(goal: GoalChallenge) -> None:
    if goal.note:
        return print_line(f"  {goal.goal}: {goal.note}")
    print_line(f"  {goal.goal}: {things(goal.points, 'score')} of {things(goal.leads, 'lead')}")
    heads = ("", "champion", "this", "difference", "")
    print_table([heads, *map(_pair_row, goal.pairs)], texts=(0, 4), inset="    ")
    for name, points, _, pair in goal.parts:
        if pair.verdict != "undecided":
            print_line(
                f"    {name} ({things(points, 'score')}): {pair.verdict},"
                f" {pair.difference:+.4f} log loss"
            )
    return None


def _pair_row(pair: Pair) -> Sequence[str]:
    if pair.champion is None or pair.challenger is None or pair.difference is None:
        return pair.name, "not known", "", "", ""
    form = ",.2f" if pair.is_money else ".4f"
    error = "" if pair.error is None else f" ± {pair.error:{form}}"
    said = "" if pair.verdict == "undecided" else pair.verdict
    gap = f"{pair.difference:+{form}}{error}"
    return pair.name, f"{pair.champion:{form}}", f"{pair.challenger:{form}}", gap, said


# ---------------------------------------------------------------------------------------- retrain


def _retrain(parsed: argparse.Namespace, progress: Progress) -> None:
    from features.clock import now
    from features.errors import EventsError
    from training.pipeline import begin_training
    from training.upkeep.retraining import retrain

    options.accepted_reordering(parsed)  # what is wrong with it is said before anything is trained
    parsed.events = parsed.events or os.environ.get("RUNG_DATABASE_URL", "")
    if not parsed.events:
        raise EventsError("no log is named, and RUNG_DATABASE_URL is not set: name one of them")
    asked = _asked(parsed)
    source = what_serves(parsed.champion, asked=asked)
    source.check()
    former = _incumbent(parsed, source)
    champion = former.bundle
    own = champion.ladder if champion is not None else asked or usual_ladder(source)
    begun = begin_training(parsed.events, now()) if "://" in parsed.events else None
    ladder, log = read(parsed, progress, asked or own)
    if champion is not None:
        champion.require_ladder(ladder)
    config = trained_with(parsed, progress, ladder)
    until = judged_until(parsed.until, log)
    done = retrain(log, ladder, champion, until=until, config=config, progress=progress)
    came = _promoted(parsed, replace(done, begun=begun), former, source, log)
    if parsed.json:
        beside = done.challenge.as_dict() if done.challenge else None
        told = {"promoted": False, "why": done.why, "challenge": beside}
        return print_json(told | (asdict(came) if came else {}))
    _print_retrained(done, came, is_first=not former.hash)
    return None


def _promoted(
    parsed: argparse.Namespace,
    done: Retraining,
    former: Incumbent,
    source: BundleSource,
    log: EventLog,
) -> Promoted | None:
    """What came of the promotion; None where there is nothing to promote."""
    from features.clock import now
    from models.logged.former_bundles import Promotion
    from training.scores.written.report import write_report
    from training.upkeep.promoting import promote_retrained

    if done.bundle is None or done.evaluation is None:
        return None
    if parsed.report:
        write_report(done.evaluation, parsed.report)
    return promote_retrained(
        done,
        former,
        log,
        source,
        Promotion(now(), parsed.by, done.why),
        accepted=options.accepted_reordering(parsed),
        trusted=trusted_types(parsed),
        dry_run=parsed.dry_run,
    )


def _print_retrained(done: Retraining, came: Promoted | None, *, is_first: bool) -> None:
    if done.challenge is not None:
        _print_challenge(done.challenge)
    print_line(done.why)
    for line in came.missing if came else ():
        print_line(f"  the gate: {line}")
    if came is not None and came.promoted:
        print_line(f"{came.bundle} serves now")
    else:
        print_line("nothing was promoted" if is_first else "the champion stays what it was")


# ------------------------------------------------------------------------------ show, promote, back


def _show(parsed: argparse.Namespace, _: Progress) -> None:
    from features.clock import said_at, said_from

    source = what_serves(parsed.champion, asked=_asked(parsed))
    told = source.versions()
    if parsed.json:
        return print_json({"champions": [_told(one) for one in told]})
    is_serving = source.stamp() is not None
    if not told:
        print_line(f"nothing serves yet from {source}")
    for at, one in enumerate(map(_told, told)):
        if not one["bundle"]:
            print_line(f"{one['version']} is no bundle of Rung's: nothing serves from it")
            continue
        said = "serves" if at == 0 and is_serving else "served"
        named = f", {one['version']}" if one["version"] else ""
        since = f" since {said_at(one['from'])}" if one["from"] else ""
        until = said_from(one["until"] or "")
        known = f", trained on what was known until {until}" if until else ""
        back = ", and was taken back" if one["taken_back"] else ""
        print_line(f"{one['bundle'][:12]}{named} {said}{since}{known}{back}")
        if one["by"] or one["why"]:
            print_line(f"  by {one['by'] or 'nobody named'}: {one['why']}")
        for name, figure in one["figures"].items():
            print_line(f"  {name.replace('_', ' ')}: {figure:.4f}")
    return None


def _told(one: SourceVersion) -> dict[str, Any]:
    from features.clock import rfc3339

    return {
        "bundle": one.hash,
        "version": one.label or None,
        "from": rfc3339(one.from_at) if one.from_at else None,
        "by": one.by,
        "why": one.why,
        "taken_back": one.taken_back,
        "until": rfc3339(one.until) if one.until else None,
        "figures": one.gate.metrics if one.gate else {},
    }


def _promote(parsed: argparse.Namespace, _: Progress) -> int | None:
    from features.clock import now
    from features.errors import BundleError
    from models.logged.former_bundles import Promotion, promote_into, served_by
    from training.scores.gate import judge, read_report

    accepted = options.accepted_reordering(parsed)
    into = parsed.into or Path(os.environ.get("RUNG_BUNDLE") or "artifacts/bundle")
    if not parsed.into and os.environ.get("RUNG_MODEL"):
        raise BundleError(
            "RUNG_MODEL lets a registry's model serve, and this promotes into a folder: name one"
            " with --into, or promote in the registry with rung publish --promote"
        )
    bundle, report = loaded_bundle(parsed.bundle, parsed), read_report(parsed.report)
    present = served_by(into)
    gate = judge(report, bundle, present.hash if present else "", accepted=accepted)
    if gate.passed:
        promotion = Promotion(now(), parsed.by, parsed.why)
        promote_into(into, parsed.bundle, gate, promotion)
    if parsed.json:
        print_json({"bundle": bundle.hash, "passed": gate.passed, "missing": list(gate.missing)})
    else:
        for line in gate.missing:
            print_line(f"  the gate: {line}")
        print_line(
            f"{bundle.version} serves from {into} now"
            if gate.passed
            else "the champion stays what it was"
        )
    return None if gate.passed else 1


def _rollback(parsed: argparse.Namespace, _: Progress) -> None:
    from features.clock import now
    from models.logged.former_bundles import Promotion

    source = what_serves(parsed.champion, asked=_asked(parsed))
    back = source.roll_back(Promotion(now(), parsed.by, parsed.why))
    if parsed.json:
        return print_json({"bundle": back, "by": parsed.by, "why": parsed.why})
    print_line(f"{back[:12]} serves again, with the scores that it gave before")
    return None
