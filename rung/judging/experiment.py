"""`rung experiment`: what is tried on leads by lot is begun, taken in, ended, put away."""

from __future__ import annotations

import argparse
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.ladder.words import in_percent, things
from rung.call import arguments, options
from rung.call.bundles import named_ladder
from rung.call.parser import Progress, add_verb, group
from rung.call.printing import print_json, print_line
from rung.call.reading import store_of
from rung.judging.experiment_judged import add_judge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from features.ladder.controls import Arm, Experiment
    from features.ladder.ladder import Ladder
    from features.store.events import Appended, EventStore
    from training.policies.experiments_of_others import ImportedExperiment

__all__ = ["add_experiment"]


def add_experiment(verbs: Any) -> None:
    """Add `rung experiment`."""
    below = group(verbs, "experiment", "what is tried on leads by lot", "Experiments on leads.")
    start = add_verb(below, "start", _start, "begin one: leads are put into its arms from now on")
    start.add_argument("experiment", metavar="ID")
    start.add_argument("--kind", required=True, help="offer, policy, ladder, content, framing, ...")
    start.add_argument(
        "--arm",
        action="append",
        default=[],
        metavar="ID=SHARE[:OFFER,...]",
        help="an arm, its share, and its offers or its policy; at least two",
    )
    start.add_argument("--control", help="the arm to compare with (default: the first)")
    start.add_argument("--step", default="", help="leads that come to this step (default: all)")
    start.add_argument("--title", default="")
    listed = add_verb(below, "list", _list, "show those that are not put away")
    show = add_verb(below, "show", _show, "print one with its newest report, as JSON")
    stop = add_verb(below, "stop", _stop, "end one: its arms mean nothing from now on")
    stop.add_argument("--verdict", default="", help="what was decided, in words")
    stop.add_argument("--roll-out", metavar="ARM", help="pause the offers that only others have")
    archive = add_verb(below, "archive", _archive, "put an ended one away")
    for verb in (show, stop, archive):
        verb.add_argument("experiment", metavar="ID")
    for verb in (start, stop):
        verb.add_argument("--by", default="command line", help="who wants it so; kept")
    load = _add_import(below)
    for verb in (start, listed, show, stop, archive, load):
        options.store_option(verb)
        verb.add_argument("--ladder", help="a TOML file, or a shipped one (default: the bundle's)")
        verb.add_argument("--bundle", type=Path, help="whose ladder (default: RUNG_BUNDLE)")
        options.json_option(verb)
    add_judge(below)


def _add_import(below: Any) -> argparse.ArgumentParser:
    load = add_verb(below, "import", _import, "take in one that another tool made, to learn from")
    load.add_argument("experiment", metavar="ID")
    load.add_argument("file", type=Path, help="who was put into which arm, and when")
    load.add_argument(
        "--arm",
        action="append",
        default=[],
        metavar="ARM=SHARE:OFFER",
        help="an arm as the file calls it, its share by design, and the offer that its leads were"
        " asked with, or no_ask",
    )
    load.add_argument("--lead-column", default="lead_id", help="default: lead_id")
    load.add_argument("--time-column", default="assigned_at", help="default: assigned_at")
    load.add_argument("--arm-column", default="arm", help="default: arm")
    load.add_argument(
        "--reached-column", default="", help="when it reached the lead, empty where it did not"
    )
    load.add_argument("--timezone", help="of times without one, such as Europe/Berlin")
    load.add_argument(
        "--rejects", type=arguments.as_json_lines, help="write the bad rows here, as JSON lines"
    )
    load.add_argument(
        "--dry-run", action="store_true", help="say what would be taken in, and store nothing"
    )
    return load


def _start(parsed: argparse.Namespace, _: Progress) -> None:
    from features.clock import now
    from features.ladder.controls import Experiment
    from serving.recommending.experiments import start_experiment

    arms = tuple(_arm(text, parsed.kind) for text in parsed.arm)
    experiment = Experiment(
        id=parsed.experiment,
        kind=parsed.kind,
        arms=arms,
        control=parsed.control or (arms[0].id if arms else ""),
        step=parsed.step,
        title=parsed.title,
    )
    with _opened(parsed) as (store, ladder):
        start_experiment(store, ladder, experiment, now=now(), by=parsed.by)
        _tell(parsed, store, ladder)


def _arm(text: str, kind: str) -> Arm:
    from features.errors import ExperimentError
    from features.ladder.controls import Arm

    named, _, what = text.partition(":")
    id_, is_pair, share = named.partition("=")
    try:
        number = float(share)
    except ValueError:
        number = 0.0
    if not is_pair or not number:
        raise ExperimentError(
            f"--arm {text!r}: write its id, = and its share, such as calm=0.5, and after a colon"
            " its offers or its policy"
        )
    if kind == "policy":
        return Arm(id_, number, policy=what)
    return Arm(id_, number, tuple(one for one in what.split(",") if one))


def _import(parsed: argparse.Namespace, progress: Progress) -> None:
    from features.clock import now
    from features.errors import ExperimentConflict, ExperimentError
    from features.ladder.controls import Experiment
    from training.policies.assignments_file import AssignmentColumns, read_assignments
    from training.policies.experiments_of_others import WhoIsWhom, import_experiment

    arms = tuple(_arm(text, "offer") for text in parsed.arm)
    if not arms:
        raise ExperimentError(
            "say what each arm got, and its share by design, such as --arm blue=0.5:guide"
            " --arm none=0.5:no_ask"
        )
    experiment = Experiment(parsed.experiment, "offer", arms, arms[0].id)
    named = (parsed.lead_column, parsed.time_column, parsed.arm_column, parsed.reached_column)
    with _opened(parsed) as (store, ladder):
        if any(one.id == parsed.experiment for one in store.experiments.of(ladder.name)):
            raise ExperimentConflict(
                f"{parsed.experiment!r} is an experiment of Rung's own on the ladder"
                f" {ladder.name!r}: choose another id"
            )
        assigned = read_assignments(
            parsed.file,
            AssignmentColumns(*named),
            timezone=parsed.timezone,
            rejects=parsed.rejects,
            progress=progress,
        )
        with store.database.reading() as connection:
            lead_of = store.identities.leads_of(connection, assigned.ids)
        known, present = WhoIsWhom(lead_of, store.opted_out().keys()), now()
        log = store.log(ladder, now=present)
        table, told = import_experiment(log, ladder, experiment, assigned, known, now=present)
        stored = None if parsed.dry_run else store.append(table, progress)
    if parsed.json:
        return print_json(told.as_dict() | ({} if stored is None else _counts(stored)))
    return _print_imported(experiment, told, stored)


def _counts(stored: Appended) -> dict[str, int]:
    return {
        "new": stored.accepted,
        "known": stored.duplicates,
        "suppressed": stored.suppressed,
    }


def _print_imported(
    experiment: Experiment, told: ImportedExperiment, stored: Appended | None
) -> None:
    arms = ", ".join(
        f"{arm.id} {told.arms[arm.id]:,} ({arm.share:.4g}, {arm.offers[0]})"
        for arm in experiment.arms
    )
    print_line(f"{experiment.id}: {things(sum(told.arms.values()), 'lead')}, {arms}")
    print_line(
        f"  The lot: the arms have the leads that their shares give them (p = {told.p:.2g})."
    )
    print_line(f"  {told.learnable:,} stood before the step of the offers: to learn from")
    where = ", ".join(f"{step} {count:,}" for step, count in told.other_step.items())
    rest = (
        (sum(told.other_step.values()), f"kept and not learned from, by where they stood: {where}"),
        (told.later, "left for a later import: assigned after the last that is known of anybody"),
        (told.opted_out, "left out: opted out of profiling"),
        (
            told.unknown,
            "of these: nothing else is known of them; they are leads from now on",
        ),
        (
            told.crossed,
            "of these: one lead with an id in another arm; the first counts",
        ),
        (told.unreached, "of these: not reached by what they were to get"),
        (told.again, "of its rows say the same of a lead again"),
    )
    for count, said in rest:
        if count:
            print_line(f"  {count:,} {said}")
    if stored is None:
        return print_line("nothing is stored (--dry-run)")
    if stored.suppressed:
        print_line(f"  {things(stored.suppressed, 'event')} left out: their leads were erased")
    print_line(f"{stored.accepted:,} new events; {stored.duplicates:,} were there")
    return None


def _stop(parsed: argparse.Namespace, _: Progress) -> None:
    from features.clock import now
    from serving.recommending.experiments import end_experiment

    with _opened(parsed) as (store, ladder):
        end_experiment(
            store,
            ladder,
            parsed.experiment,
            now=now(),
            by=parsed.by,
            verdict=parsed.verdict,
            roll_out=parsed.roll_out,
        )
        _tell(parsed, store, ladder)


def _archive(parsed: argparse.Namespace, _: Progress) -> None:
    with _opened(parsed) as (store, ladder):
        store.experiments.archive(ladder.name, parsed.experiment)
        _tell(parsed, store, ladder)


def _show(parsed: argparse.Namespace, _: Progress) -> None:
    from serving.recommending.experiments import experiment_told

    with _opened(parsed) as (store, ladder):
        print_json(experiment_told(store, ladder, parsed.experiment))


def _list(parsed: argparse.Namespace, _: Progress) -> None:
    from serving.recommending.experiments import experiments_told

    with _opened(parsed) as (store, ladder):
        told = experiments_told(store, ladder)
    if parsed.json:
        return print_json(told)
    if not told:
        print_line(
            f"no experiment on the ladder {ladder.name}; begin one with `rung experiment start`"
        )
    for one in told:
        arms = ", ".join(f"{arm['id']} {in_percent(arm['share'])}" for arm in one["arms"])
        since = "" if one["started_at"] is None else f" since {one['started_at'][:10]}"
        verdict = f" ({one['verdict']})" if one["verdict"] else ""
        print_line(
            f"{one['id']}: {one['title']}, {one['kind']}, {arms}; {one['state']}{since}{verdict}"
        )
    return None


def _tell(parsed: argparse.Namespace, store: EventStore, ladder: Ladder) -> None:
    """How an experiment is by now."""
    from serving.recommending.experiments import experiment_told

    told = experiment_told(store, ladder, parsed.experiment)
    if parsed.json:
        return print_json(told)
    print_line(
        f"{told['id']}: {told['state']}" + (f", {told['verdict']}" if told["verdict"] else "")
    )
    return None


@contextmanager
def _opened(parsed: argparse.Namespace) -> Iterator[tuple[EventStore, Ladder]]:
    """The store, and the ladder with its catalogue of now."""
    from features.clock import now
    from features.ladder.catalogue import as_far_as_it_fits
    from features.ladder.file import read_ladder

    ladder = named_ladder(parsed) or read_ladder(parsed.ladder)
    with store_of(parsed.store, must_exist=True) as store:
        yield store, as_far_as_it_fits(ladder, store.offers.at(ladder.name, now()))[0]
