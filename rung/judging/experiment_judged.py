"""`rung experiment judge`: how the arms of experiments compare by now."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from features.ladder.words import things
from rung.call import arguments, options
from rung.call.bundles import named_ladder
from rung.call.parser import Progress, add_verb
from rung.call.printing import print_json, print_line
from rung.call.reading import judged_until, named_log, only_reads, read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from features.events.log import EventLog
    from features.ladder.controls import Experiment
    from features.ladder.ladder import Ladder
    from models.judging.trials.shapes import ExperimentReport, GoalOfExperiment

__all__ = ["add_judge"]


def add_judge(below: Any) -> None:
    """Add `rung experiment judge`."""
    judge = add_verb(below, "judge", _judge, "compare the arms, as often as you like")
    options.log_or_store(judge)
    judge.add_argument("--only", metavar="ID", help="one of them (default: all)")
    judge.add_argument(
        "--until", type=arguments.as_time, help="by what was known then (default, and at most: all)"
    )
    judge.add_argument("--control", help="of a file: the arm to compare with (default: the first)")
    judge.add_argument(
        "--worth",
        type=arguments.as_share,
        default=None,
        help="a difference of shares below which it is not worth having, such as 0.01 for 1 of 100"
        " (default: a fifth of what the control reaches, at most 0.02)",
    )
    judge.add_argument(
        "--out", type=arguments.as_folder, help="a folder for a page and a picture of each"
    )
    options.reading_options(judge)
    options.json_option(judge)


def _judge(parsed: argparse.Namespace, progress: Progress) -> None:
    from features.ladder.file import read_ladder

    parsed.events = named_log(parsed)
    ladder = named_ladder(parsed) or read_ladder(parsed.ladder)
    kept = _kept(parsed, ladder) if "://" in parsed.events else None
    reports = [] if kept == [] else _reports(parsed, progress, ladder, kept)
    if parsed.out:
        from training.funnel.experiments.report import folder_named, write_experiment

        for found in reports:
            progress(f"wrote {write_experiment(found, parsed.out / folder_named(found['id']))}")
    if parsed.json:
        return print_json(reports)
    if not reports:
        print_line("no experiment: nothing says that a lead was put into an arm")
    for found in reports:
        _print(found)
    return None


def _reports(
    parsed: argparse.Namespace,
    progress: Progress,
    ladder: Ladder,
    kept: list[tuple[Experiment, str]] | None,
) -> list[ExperimentReport]:
    """What each experiment has shown; of a store the newest is kept there."""
    from training.funnel.experiments.judgement import judge_experiment

    ladder, log = read(parsed, progress, ladder)
    until = judged_until(parsed.until, log)
    found = _told_of(parsed, ladder, log, until) if kept is None else kept
    worth, reports = parsed.worth, []
    for experiment, state in _asked(parsed, found):
        progress(f"comparing the arms of {experiment.id}")
        reports.append(judge_experiment(log, ladder, experiment, until, state=state, worth=worth))
    if kept is not None and parsed.until is None:
        _keep(parsed.events, reports, until)
    return reports


def _kept(parsed: argparse.Namespace, ladder: Ladder) -> list[tuple[Experiment, str]]:
    """The experiments of a store and of the ladder, and the state of each."""
    from dataclasses import replace

    from features.offers.experiments import experiment_of
    from features.store.events import EventStore

    with EventStore.existing(parsed.events) as store:
        kept = [one for one in store.experiments.of(ladder.name) if one.state != "archived"]
    found: list[tuple[Experiment, str]] = [
        (replace(experiment_of(one.body), id=one.id), one.state) for one in kept
    ]
    standing = ladder.controls.standing
    return found if standing is None else [(standing, "running"), *found]


def _told_of(
    parsed: argparse.Namespace, ladder: Ladder, log: EventLog, until: int
) -> list[tuple[Experiment, str]]:
    """The experiments that a log tells of."""
    from dataclasses import replace

    from features.errors import ExperimentError
    from training.funnel.experiments.judgement import experiments_in

    found = experiments_in(log, ladder, until)
    if parsed.control:
        for one in found:
            if one.arm(parsed.control) is None:
                known = ", ".join(arm.id for arm in one.arms)
                raise ExperimentError(f"{one.id!r} has no arm {parsed.control!r}, but {known}")
        found = [replace(one, control=parsed.control) for one in found]
    return [(one, "running") for one in found]


def _asked(
    parsed: argparse.Namespace, found: list[tuple[Experiment, str]]
) -> list[tuple[Experiment, str]]:
    from features.errors import UnknownExperiment
    from features.ladder.controls import STANDING

    if not parsed.only:
        return found
    standing = parsed.only == STANDING
    wanted = [
        (one, state)
        for one, state in found
        if one.id == parsed.only or (standing and one.id.startswith(STANDING))
    ]
    if not wanted:
        raise UnknownExperiment.named(parsed.only, [one.id for one, _ in found])
    return wanted


def _keep(url: str, reports: Sequence[ExperimentReport], until: int) -> None:
    """Keep the newest of each, and no other."""
    from features.store.events import EventStore
    from features.store.kept.reports import Report, Reports
    from serving.recommending.experiments import REPORT

    with EventStore.existing(url) as store:
        if only_reads(store):
            return
        held = Reports(store.database)
        for found in reports:
            report = Report(REPORT, found["ladder"], found["id"], until, dict(found))
            held.keep_alone(report)


def _print(found: ExperimentReport) -> None:
    from features.clock import said_at

    print_line(f"{found['title']} ({found['id']}, {found['state']}): {found['says']}")
    leads = things(found["leads"], "lead")
    print_line(f"  By what was known at {said_at(found['as_of'])}, of {leads}.")
    print_line(f"  The lot: {found['sample_ratio']['says']}")
    for goal in found["goals"]:
        _print_goal(goal)
    for later in found["afterwards"]:
        within = things(later["days"], "day")
        print_line(f"  {later['title']} a lead within {within} (an interval for one look)")
        for arm in later["arms"]:
            mean = "not known" if arm["mean"] is None else f"{arm['mean']:,.2f}"
            span = "" if arm["mean"] is None else f" ({arm['low']:,.2f} to {arm['high']:,.2f})"
            print_line(f"    {arm['arm'][:20]:20}{arm['leads']:8,} leads  {mean}{span}")
    for line in found["notes"]:
        print_line(f"  {line}")
    print()


def _print_goal(goal: GoalOfExperiment) -> None:
    print_line(f"  {goal['title']} within {things(goal['horizon_days'], 'day')}")
    for arm in goal["arms"]:
        rate = "" if arm["rate"] is None else f"{100 * arm['rate']:.1f} %"
        print_line(
            f"    {arm['arm'][:20]:20}{arm['leads']:8,} leads{arm['pending']:8,} pending"
            f"{arm['reached']:8,} reached it  {rate}"
        )
    for one in goal["comparisons"]:
        print_line(f"    {one['says']}")
