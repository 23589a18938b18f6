"""`rung compare`, `retrain`, `champion` and `rollback`: which bundle serves, and why."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rung import options
from rung.judging.served import add_judge
from rung.options import Progress, add_verb
from rung.reading import aligned, judged_until, loaded_bundle, print_json, read, trained_with

if TYPE_CHECKING:
    from features.events.log import EventLog
    from features.ladder.ladder import Ladder
    from models.bundle import Bundle
    from models.gate import Gate
    from models.registry import Registry
    from training.scores.challenge import Challenge, GoalChallenge, Pair
    from training.upkeep.retraining import Retraining

__all__ = ["add_champion", "add_compare", "add_retrain", "add_rollback"]

_PLACE: Final = (
    "what serves: the folder of a bundle, or the URI of a registry (default: RUNG_BUNDLE, or"
    " RUNG_REGISTRY where RUNG_MODEL is set)"
)


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
    retrain.add_argument("--until", type=options.as_time, help="default, and at most: all")
    options.config_option(retrain)
    retrain.add_argument("--by", default="", help="who has it done; kept with what is promoted")
    retrain.add_argument(
        "--dry-run", action="store_true", help="say what would be promoted, and promote nothing"
    )
    retrain.add_argument(
        "--report", type=options.as_folder, help="write the report of the twin here"
    )
    options.trust_option(retrain)
    options.reading_options(retrain)
    options.json_option(retrain)


def add_champion(verbs: Any) -> None:
    """Add `rung champion`."""
    own = options.group(verbs, "champion", "show or change what serves", "What serves.")
    show = add_verb(own, "show", _show, "what serves, since when and why; and what did before")
    show.add_argument("champion", nargs="?", metavar="URI|FOLDER", help=_PLACE)
    show.add_argument("--ladder", default="b2b", help="of a registry (default: b2b)")
    options.json_option(show)
    promote = add_verb(own, "promote", _promote, "let a folder serve a bundle, by its report")
    promote.add_argument("bundle", type=Path)
    promote.add_argument("--report", type=Path, required=True, help="from rung evaluate --report")
    promote.add_argument("--into", type=Path, help="the folder that serves (default: RUNG_BUNDLE)")
    promote.add_argument("--by", default="", help="who promotes it")
    promote.add_argument("--why", default="", help="the reason, which is kept")
    options.trust_option(promote)
    options.json_option(promote)
    add_judge(own)


def add_rollback(verbs: Any) -> None:
    """Add `rung rollback`."""
    back = add_verb(verbs, "rollback", _rollback, "let serve again what served before")
    back.add_argument("champion", nargs="?", metavar="URI|FOLDER", help=_PLACE)
    back.add_argument("--ladder", default="b2b", help="of a registry (default: b2b)")
    back.add_argument("--by", required=True, metavar="WHO", help="who takes it back")
    back.add_argument("--why", required=True, help="the reason, which is kept")
    options.json_option(back)


# ------------------------------------------------------------------------------------ where it is


def _place(named: str | None) -> Path | str:
    """The folder that serves, or the URI of the registry that says what does."""
    from models.logged.registry_uri import DEFAULT_URI

    if named:
        return named if "://" in named else Path(named)
    if os.environ.get("RUNG_MODEL"):
        return os.environ.get("RUNG_REGISTRY") or DEFAULT_URI
    return Path(os.environ.get("RUNG_BUNDLE") or "artifacts/bundle")


def _registry(uri: str) -> Registry:
    from models.logged.registry_uri import address
    from models.registry import Registry

    return Registry.at(address(uri, os.environ, "--champion"))


def _serving(parsed: argparse.Namespace, place: Path | str, ladder: Ladder | None) -> Bundle | None:
    """The bundle that serves; None where there is none."""
    from models.registry import model_name

    if isinstance(place, Path):
        return loaded_bundle(place, parsed) if (place / "manifest.json").is_file() else None
    from features.ladder.file import read_ladder

    registry = _registry(place)
    version = registry.champion(model_name(ladder or read_ladder("b2b")))
    return loaded_bundle(registry.fetch(version.name)[1], parsed) if version else None


# ---------------------------------------------------------------------------------------- compare


def _compare(parsed: argparse.Namespace, progress: Progress) -> None:
    from features.clock import microseconds
    from features.errors import BundleError
    from training.recalibration import recalibrate
    from training.scores.challenge import Contender, challenge

    bundles = [loaded_bundle(folder, parsed) for folder in parsed.challengers]
    champion = _serving(parsed, _place(parsed.champion), bundles[0].ladder)
    if champion is None:
        raise BundleError(f"no bundle serves from {_place(parsed.champion)}: there is no champion")
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
    from features.clock import rfc3339

    name = "the new bundle" if found.challenger == "unsaved" else found.challenger
    print(
        f"{name} beside the champion {found.champion}, on scores of"
        f" {rfc3339(found.start)} to {rfc3339(found.until)}: {found.verdict}"
    )
    for goal in found.goals:
        _print_goal(goal)
    if found.top:
        print(f"  of the {found.top} leads at the top {found.top_changed:.0f} would be others")


def _print_goal(goal: GoalChallenge) -> None:
    if goal.note:
        return print(f"  {goal.goal}: {goal.note}")
    print(f"  {goal.goal}: {goal.points:,} scores of {goal.leads:,} leads")
    heads = ("", "champion", "this", "difference")
    for line in aligned([heads, *map(_pair_row, goal.pairs)], texts=(0, 4)):
        print(f"    {line}")
    for name, points, _, pair in goal.parts:
        if pair.verdict != "undecided":
            print(
                f"    {name} ({points:,} scores): {pair.verdict}, {pair.difference:+.4f} log loss"
            )
    return None


def _pair_row(pair: Pair) -> Sequence[str]:
    if pair.champion is None or pair.challenger is None or pair.difference is None:
        return pair.name, "not known"
    form = ",.2f" if pair.is_money else ".4f"
    error = "" if pair.error is None else f" ± {pair.error:{form}}"
    said = "" if pair.verdict == "undecided" else pair.verdict
    gap = f"{pair.difference:+{form}}{error}"
    return pair.name, f"{pair.champion:{form}}", f"{pair.challenger:{form}}", gap, said


# ---------------------------------------------------------------------------------------- retrain


def _retrain(parsed: argparse.Namespace, progress: Progress) -> int | None:
    from features.errors import EventsError
    from features.ladder.file import read_ladder
    from models.bundle import check_folder
    from training.upkeep.retraining import retrain

    parsed.events = parsed.events or os.environ.get("RUNG_DATABASE_URL", "")
    if not parsed.events:
        raise EventsError("no log is named, and RUNG_DATABASE_URL is not set: name one of them")
    place = _place(parsed.champion)
    if isinstance(place, Path):
        check_folder(place)
    named = read_ladder(parsed.ladder) if parsed.ladder else None
    champion = _serving(parsed, place, named)
    own = champion.ladder if champion is not None else read_ladder("b2b")
    ladder, log = read(parsed, progress, named or own)
    if champion is not None:
        champion.require_ladder(ladder)
    config = trained_with(parsed, progress, ladder)
    until = judged_until(parsed.until, log)
    done = retrain(log, ladder, champion, until=until, config=config, progress=progress)
    said = _promoted(parsed, done, champion, place, log) if done.bundle is not None else {}
    promoted = bool(said.get("promoted"))
    if parsed.json:
        beside = done.challenge.as_dict() if done.challenge else None
        print_json({"promoted": promoted, "why": done.why, "challenge": beside, **said})
        return None
    if done.challenge is not None:
        _print_challenge(done.challenge)
    print(done.why)
    for line in said.get("missing", []):
        print(f"  the gate: {line}")
    if promoted:
        print(f"{said['bundle']} serves now")
    else:
        print("the champion stays what it was" if champion else "nothing was promoted")
    return None


def _promoted(
    parsed: argparse.Namespace,
    done: Retraining,
    champion: Bundle | None,
    place: Path | str,
    log: EventLog,
) -> dict[str, Any]:
    """Judge a new bundle, and let it serve where its gate is passed; what is to be told of it."""
    from models.bundle import save_bundle
    from training.decision_points import decision_points
    from training.scores.gate import judge
    from training.scores.reordering import Incumbent, compared
    from training.scores.written.report import write_report
    from training.upkeep.retraining import report_of_twin

    if done.bundle is None or done.evaluation is None:
        return {}
    if parsed.report:
        write_report(done.evaluation, parsed.report)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "bundle"
        bundle = save_bundle(done.bundle, folder)
        former = Incumbent(champion.hash, champion) if champion else Incumbent()
        beside = None
        if champion is not None:
            points = decision_points(
                log, bundle.ladder, start=done.evaluation.start, end=done.evaluation.until, seed=7
            )
            beside = compared(bundle, former, points).as_dict()
        report = report_of_twin(done, bundle, former, beside)
        gate = judge(report, bundle, former.hash)
        told: dict[str, Any] = {"bundle": bundle.version, "missing": list(gate.missing)}
        if gate.passed and not parsed.dry_run:
            _put(parsed, folder, gate, place, done.why)
            told["promoted"] = True
        return told


def _put(parsed: argparse.Namespace, folder: Path, gate: Gate, place: Path | str, why: str) -> None:
    from features.clock import now
    from models.logged.former_bundles import Promotion, promote_into

    if isinstance(place, Path):
        promote_into(place, folder, gate, Promotion(now(), parsed.by, why))
        return
    registry = _registry(place)
    registry.promote(registry.publish(folder, gate), gate)


# ------------------------------------------------------------------------------ show, promote, back


def _show(parsed: argparse.Namespace, _: Progress) -> None:
    told = _told_of(_place(parsed.champion), parsed.ladder)
    if parsed.json:
        return print_json({"champions": told})
    if not told:
        print("nothing serves yet")
    for at, one in enumerate(told):
        said = "serves" if at == 0 else "served"
        since = f" since {one['from']}" if one["from"] else ""
        known = f", trained on what was known until {one['until']}" if one["until"] else ""
        print(f"{one['bundle'][:12]} {said}{since}{known}")
        if one["by"] or one["why"]:
            print(f"  by {one['by'] or 'nobody named'}: {one['why']}")
        for name, figure in one["figures"].items():
            print(f"  {name.replace('_', ' ')}: {figure:.4f}")
    return None


def _told_of(place: Path | str, ladder: str) -> list[dict[str, Any]]:
    from features.clock import rfc3339
    from features.ladder.file import read_ladder
    from models.bundle import manifest_of
    from models.logged.former_bundles import former_of, served_by
    from models.registry import model_name

    if isinstance(place, Path):
        present = served_by(place)
        found = ([present] if present else []) + former_of(place)
        return [
            {
                "bundle": one.hash,
                "from": rfc3339(one.promotion.at) if one.promotion.at else None,
                "by": one.promotion.by,
                "why": one.promotion.why,
                "until": rfc3339(int(manifest_of(one.folder)["until"])),
                "figures": one.gate.metrics if one.gate else {},
            }
            for one in found
        ]
    registry = _registry(place)
    return [
        {
            "bundle": version.hash,
            "from": since,
            "by": "",
            "why": f"version {version.version} of {version.name}",
            "until": None,
            "figures": {},
        }
        for version, since in registry.champions(model_name(read_ladder(ladder)))
    ]


def _promote(parsed: argparse.Namespace, _: Progress) -> int | None:
    from features.clock import now
    from models.logged.former_bundles import Promotion, promote_into, served_by
    from training.scores.gate import judge, read_report

    into = parsed.into or _place(None)
    bundle, report = loaded_bundle(parsed.bundle, parsed), read_report(parsed.report)
    present = served_by(Path(into))
    gate = judge(report, bundle, present.hash if present else "")
    if gate.passed:
        promotion = Promotion(now(), parsed.by, parsed.why)
        promote_into(Path(into), parsed.bundle, gate, promotion)
    if parsed.json:
        print_json({"bundle": bundle.hash, "passed": gate.passed, "missing": list(gate.missing)})
    else:
        for line in gate.missing:
            print(f"  the gate: {line}")
        print(
            f"{bundle.version} serves from {into} now"
            if gate.passed
            else "the champion stays what it was"
        )
    return None if gate.passed else 1


def _rollback(parsed: argparse.Namespace, _: Progress) -> None:
    from features.clock import now
    from features.ladder.file import read_ladder
    from models.logged.former_bundles import Promotion, roll_back
    from models.registry import model_name

    place = _place(parsed.champion)
    if isinstance(place, Path):
        back = roll_back(place, Promotion(now(), parsed.by, parsed.why)).hash
    else:
        back = _registry(place).roll_back(model_name(read_ladder(parsed.ladder))).hash
    if parsed.json:
        return print_json({"bundle": back, "by": parsed.by, "why": parsed.why})
    print(f"{back[:12]} serves again, with the scores that it gave before")
    return None
