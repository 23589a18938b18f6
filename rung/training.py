"""`rung train`, `tune`, `evaluate`: a bundle from a log, and how good it is on what came later."""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from features.ladder.words import in_percent, things
from rung.call import arguments, options
from rung.call.bundles import loaded_bundle
from rung.call.parser import Progress, add_verb
from rung.call.printing import note, print_json, print_line, print_table, write_table
from rung.call.reading import configuration_of, judged_until, read, trained_with

if TYPE_CHECKING:
    import pandas as pd

    from features.ladder.ladder import Ladder
    from models.bundle import Bundle
    from training.scores.reordering import Incumbent, Reordering
    from training.scores.results import GoalEvaluation, SignalUse

__all__ = ["add_evaluate", "add_train", "add_tune"]

_REGISTRY: Final = "registry://"
"""Stands for the registry that `rung publish` would use."""


def add_train(verbs: Any) -> None:
    """Add `rung train`."""
    train = add_verb(verbs, "train", _train, "train a bundle from an event log")
    options.events_argument(train)
    options.ladder_option(train)
    train.add_argument("--out", type=Path, required=True, help="the folder of the bundle")
    train.add_argument(
        "--until",
        type=arguments.as_time,
        help="use what was known by then (default, and at most: all)",
    )
    options.config_option(train)
    train.add_argument(
        "--estimator",
        metavar="MODULE:CLASS",
        help="a scikit-learn classifier in the place of the trees, or a function that makes one;"
        " its parameters stand in the configuration",
    )
    options.trust_option(train)
    train.add_argument(
        "--show-config", action=_ShowConfig, help="print the default configuration, and end"
    )
    train.add_argument(
        "--look-back",
        type=arguments.as_days,
        metavar="DAYS",
        help="learn from points of so many days before the end alone (default: all)",
    )
    options.accept_leak_option(train)
    options.reading_options(train)
    options.json_option(train)


def add_tune(verbs: Any) -> None:
    """Add `rung tune`."""
    tune = add_verb(verbs, "tune", _tune, "look for a better configuration than the default")
    options.events_argument(tune)
    options.ladder_option(tune)
    tune.add_argument("--minutes", type=arguments.as_minutes, required=True, help="of searching")
    tune.add_argument("--out", type=arguments.as_toml, required=True, help="a .toml for --config")
    tune.add_argument(
        "--study", type=Path, help="an SQLite file that keeps the trials, to go on from later"
    )
    tune.add_argument(
        "--until",
        type=arguments.as_time,
        help="look at what was known by then (default, and at most: all)",
    )
    options.config_option(tune)
    options.reading_options(tune)
    options.json_option(tune)


class _ShowConfig(argparse.Action):
    """Prints the default configuration as TOML, and ends, as --help does."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print it."""
        from training.pipeline import TrainConfig
        from training.setup.config_file import config_text

        print(config_text(TrainConfig()), end="")
        parser.exit()


def add_evaluate(verbs: Any) -> None:
    """Add `rung evaluate`."""
    evaluate = add_verb(verbs, "evaluate", _evaluate, "judge a bundle on what happened later")
    options.events_argument(evaluate)
    options.ladder_option(evaluate)
    options.bundle_option(evaluate)
    options.period_options(evaluate)
    evaluate.add_argument(
        "--report",
        type=arguments.as_folder,
        help="write report.html, report.md, report.json and plots here",
    )
    evaluate.add_argument(
        "--predictions",
        type=arguments.as_table,
        help="write what was said of each point and what came: a file, .parquet, .csv or .csv.gz",
    )
    evaluate.add_argument(
        "--champion",
        nargs="?",
        const=_REGISTRY,
        metavar="URI|FOLDER",
        help="what it is to follow: a registry's URI, or the folder of a bundle; without a value"
        " the registry that `rung publish` would use",
    )
    options.reading_options(evaluate)
    options.json_option(evaluate)


def _train(parsed: argparse.Namespace, progress: Progress) -> None:
    from features.clock import now
    from features.ladder.file import read_ladder
    from models.bundle import check_folder, save_bundle
    from training.pipeline import begin_training, record_training, train

    check_folder(parsed.out)
    accepted = options.accepted_leaks(parsed)
    config = trained_with(parsed, progress, read_ladder(parsed.ladder), parsed.estimator)
    if parsed.look_back is not None:
        config = replace(config, look_back_days=parsed.look_back)
    begun = begin_training(parsed.events, now()) if "://" in parsed.events else None
    ladder, log = read(parsed, progress)
    until = judged_until(parsed.until, log)
    made = train(log, ladder, until=until, config=config, accepted=accepted, progress=progress)
    bundle = save_bundle(made, parsed.out)
    for id_ in sorted(accepted.keys() - {one["id"] for one in bundle.manifest["probes"]}):
        note(f"--accept-leak {id_}: no probe found anything there")
    if begun is not None:
        record_training(bundle, begun)
    if parsed.json:
        return print_json({"bundle": str(parsed.out), **bundle.manifest})
    _print_training(bundle, parsed.out)
    return None


def _tune(parsed: argparse.Namespace, progress: Progress) -> None:
    from features.files import new_file
    from training.setup.config_file import config_text
    from training.setup.search import search

    held = configuration_of(parsed)
    ladder, log = read(parsed, progress)
    found = search(
        log,
        ladder,
        until=judged_until(parsed.until, log),
        seconds=60.0 * parsed.minutes,
        config=held.train,
        study=parsed.study,
        progress=progress,
    )
    with new_file(parsed.out) as part:
        part.write_text(config_text(found.config, *found.lines()), encoding="utf-8")
    if parsed.json:
        return print_json({"out": str(parsed.out), **found.as_dict()})
    for line in found.lines():
        print_line(line)
    print_line(f"configuration in {parsed.out}")
    return None


def _not_learned(goal: str, counts: dict[str, Any]) -> str:
    """That signals do not tell leads apart, or that there are too few leads to say so."""
    from math import log

    from models.judging.trials.wording import about_count
    from models.scores.calibration import leads_to_learn

    rate = (counts["reached"] + 1.0) / (counts["points"] + 2.0)
    of_rate = -rate * log(rate) - (1.0 - rate) * log(1.0 - rate)
    missing = leads_to_learn(of_rate) - counts["leads"]
    if missing <= 0:
        return f"nothing to learn about {goal}: the signals do not tell leads apart"
    return (
        f"whether signals tell leads apart in {goal} is not sure yet: it takes at least"
        f" {about_count(missing)} more leads"
    )


def _print_training(bundle: Bundle, folder: Path) -> None:
    for goal, counts in bundle.manifest["trained_on"].items():
        source = {"model": "a model", "rates": "the steps' rates", "prior": "the ladder's bands"}
        print_line(
            f"{goal}: {things(counts['points'], 'point')} of {things(counts['leads'], 'lead')},"
            f" {counts['reached']:,} reached, {counts['pending']:,} whose horizon is not over"
            " (left out);"
            f" answers come from {source[counts['evidence']]}"
        )
        if counts["early"]:
            print_line(
                f"  {counts['early']:,} of them were decided before their horizon was over,"
                f" {counts['lost']:,} were lost; they count for those that take as long"
            )
        if counts["evidence"] != "prior" and not counts["learned"]:
            print_line(f"  {_not_learned(goal, counts)}")
    for said in bundle.manifest["notes"]:
        print_line(f"  {said}")
    for found in bundle.manifest["probes"]:
        why = f"; accepted: {found['accepted']}" if found["accepted"] else ""
        print_line(f"  {found['id']} ({found['kind']}): {found['says']}{why}")
    _print_decisions(bundle.manifest["decisions"])
    print_line(f"bundle {bundle.version} in {folder}")


def _print_decisions(made: Mapping[str, Any]) -> None:
    """What the effects of the offers were learned from."""
    from training.policies.offers import DROPPED

    print_line(
        f"offers: {things(made['drawn'], 'decision')} drawn with known probabilities,"
        f" {made['observed']:,} made by others (adjusted), {made['pending']:,} pending (left out)"
    )
    if made["lots"]:
        print_line(f"  {made['lots']:,} of those drawn are of experiments of others")
    if made["unseen"]:
        print_line(
            f"  {made['unseen']:,} of those drawn never reached their leads; all count as drawn"
        )
    if made["value_pending"]:
        print_line(
            f"  {made['value_pending']:,} of those learned from tell nothing of purchases yet"
        )
    for reason, count in made["dropped"].items():
        print_line(f"  not learned from: {DROPPED[reason]} ({count:,})")


def _evaluate(parsed: argparse.Namespace, progress: Progress) -> None:
    from features.clock import microseconds
    from models.judging.groups.report import group_lines
    from training.recalibration import recalibrate
    from training.scores.evaluate import evaluate
    from training.scores.written.report import write_report

    ladder, log = read(parsed, progress)
    bundle = loaded_bundle(parsed.bundle, parsed).on(ladder)
    until = judged_until(parsed.until, log)
    start = microseconds(parsed.start) if parsed.start else None
    former = _champion(parsed, ladder, progress) if parsed.champion else None
    if parsed.until is None and "://" in parsed.events:
        _say_how_old(until)
    _say_the_period(bundle, start, until, progress)
    tables: list[pd.DataFrame] = []
    told = tables.append if parsed.predictions else None
    moves = recalibrate(log, bundle, until)
    evaluation = evaluate(
        bundle, log, start=start, until=until, former=former, moves=moves, told=told
    )
    for table in tables:
        write_table(table, parsed.predictions)
        progress(f"{things(len(table), 'prediction')} in {parsed.predictions}")
    if parsed.report:
        write_report(evaluation, parsed.report)
        progress(f"report in {parsed.report}")
    if parsed.json:
        return print_json(evaluation.as_dict())
    for goal in (evaluation.advancement, evaluation.purchase):
        _print_goal(goal)
    if evaluation.reordering:
        _print_reordering(evaluation.reordering)
    if evaluation.groups:
        print_line("\n".join(group_lines(evaluation.groups)))
    return None


def _say_how_old(until: int) -> None:
    """Of a store that has heard nothing lately, that its silence is taken for nothing."""
    from features.clock import now
    from features.reading import silence

    if since := silence(until, now()):
        note(
            f"the store heard nothing {since} ago: the period ends there, as of what came after"
            " nothing is known. Do events still arrive?"
        )


def _say_the_period(bundle: Bundle, start: int | None, until: int, progress: Progress) -> None:
    """On which period a bundle is judged, and before any figure whether it flatters."""
    from features.clock import said_at, said_from

    trained = int(bundle.manifest["until"])
    start = trained if start is None else start
    if start < trained:
        note(
            f"judged from {said_at(start)}, but the bundle was trained on what was known"
            f" until {said_from(trained)}: it has seen outcomes of this period, and the figures"
            " flatter it. Leave --from out to judge on later ones"
        )
    if until <= start:
        return  # which is refused, and there both are told
    which = "later outcomes" if start >= trained else "outcomes"
    progress(f"judging on {which}, from {said_from(start)} to {said_at(until)}")


def _champion(parsed: argparse.Namespace, ladder: Ladder, progress: Progress) -> Incumbent:
    """The champion of a registry, or the bundle of a folder."""
    from features.errors import BundleError
    from models.bundle import told_by, why_not_loaded
    from models.logged.registry_uri import address, folder_named
    from training.scores.reordering import Incumbent

    named: str = parsed.champion
    if "://" not in named:
        served = folder_named(named)
        if why := why_not_loaded(served):  # as below
            return Incumbent(str(told_by(served)[0]["hash"]), why=why)
        bundle = loaded_bundle(served, parsed)
        return Incumbent(bundle.hash, bundle)
    from models.logged.versions import model_name
    from models.registry import Registry

    place = address(None if named == _REGISTRY else named, os.environ, "--champion")
    progress(f"the champion of {place}")
    registry = Registry.at(place)
    version = registry.champion(model_name(ladder))
    if version is None:
        return Incumbent()
    if not version.hash:
        return Incumbent(why=f"{version.name}/{version.version} is no bundle of Rung's")
    with tempfile.TemporaryDirectory() as room:
        try:
            folder = registry.download(version, Path(room))
            return Incumbent(version.hash, loaded_bundle(folder, parsed))
        except BundleError as error:  # of an earlier version, such as this one cannot read
            copy = rf"{re.escape(room)}\S*"  # which nobody will find there
            why = re.sub(copy, f"{version.name}/{version.version}", str(error))
            return Incumbent(version.hash, why=why)


def _print_reordering(reordering: Reordering) -> None:
    from training.scores.reordering import SAYS

    if reordering.note:
        return print_line(f"beside the champion: {reordering.note}")
    print_line(
        f"beside the champion {reordering.champion[:12]}, {things(reordering.leads, 'lead')}:"
    )
    for order in reordering.orders:
        if order.overlap is None:
            print_line(f"  by {SAYS[order.by]}: too few leads to have a top")
        else:
            print_line(
                f"  by {SAYS[order.by]}: of {things(order.top, 'lead')} at the top"
                f" {order.kept:,.0f} stay ({in_percent(order.overlap)})"
            )
    return None


def _print_goal(goal: GoalEvaluation) -> None:
    counts = goal.counts
    lost = f" {counts.lost:,} lost," if counts.lost else ""
    print_line(
        f"{goal.goal}: {things(counts.points, 'point')} of {things(counts.leads, 'lead')};"
        f" {counts.advanced:,} advanced, {counts.lapsed:,} lapsed,{lost} {counts.pending:,} pending"
    )
    whose = "whose outcome is known"
    if counts.decided == counts.mature:
        whose = "whose horizon is over; one that advanced waits for that as well"
    print_line(
        f"  judged: the {things(counts.decided, 'point')} of"
        f" {things(counts.decided_leads, 'lead')} {whose}"
    )
    figures = goal.performance
    if figures is None:
        print_line(f"  {goal.note}")
        _print_signals(goal.signals)
        return
    print_line(f"  {goal.verdict} ({goal.verdict_reason})")
    rows = [("this bundle", figures)]
    rows += [(rival.name, rival.performance) for rival in goal.baselines if rival.performance]
    told = [("", "AUC", "log loss", "ECE")]
    for name, row in rows:
        auc = "-" if row.auc is None else f"{row.auc:.4f}"
        told.append((name, auc, f"{row.log_loss:.4f}", f"{row.ece:.4f}"))
    print_table(told, inset="  ")
    if goal.within:
        soon = ", ".join(
            f"{in_percent(one.expected, 1)} within {in_percent(float(one.id))} of the horizon"
            f" ({in_percent(one.came, 1)} came)"
            for one in goal.within
        )
        print_line(f"  said {soon}")
    _print_signals(goal.signals)


def _print_signals(signals: Sequence[SignalUse]) -> None:
    from training.scores.written.wording import moved_words

    if not signals:
        return
    told = ", ".join(f"{one.id} {in_percent(one.share)}" for one in signals[:_FIRST_SIGNALS])
    more = len(signals) - _FIRST_SIGNALS
    print_line(f"  rests on {told}" + (f" and {more} more" if more > 0 else ""))
    if any(one.has_moved for one in signals):
        print_line(f"  {moved_words(signals)}")


_FIRST_SIGNALS: Final = 3
