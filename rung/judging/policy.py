"""`rung policy` and `calling`: what chooses the next step, and what calling brings, by a log."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.ladder.words import in_percent, things
from rung.call import arguments, options
from rung.call.bundles import loaded_bundle, trusted_types
from rung.call.parser import Progress, add_verb, group
from rung.call.printing import print_json, print_line, print_markdown
from rung.call.reading import judged_until, read

if TYPE_CHECKING:
    from features.events.log import EventLog
    from models.bundle import Bundle
    from training.funnel.experiments.calling import Calling
    from training.policies.evaluate import PolicyEvaluation

__all__ = ["add_calling", "add_policy"]


def add_policy(verbs: Any) -> None:
    """Add `rung policy`."""
    policy_verbs = group(
        verbs, "policy", "judge and promote what chooses the next step", "Policies."
    )
    evaluate = add_verb(policy_verbs, "evaluate", _evaluate, "judge a policy on decisions of a log")
    _judging_options(evaluate)
    evaluate.add_argument("--policy", default="learned", help="default: learned")
    evaluate.add_argument("--against", default="logged", help="default: what took the decisions")
    evaluate.add_argument(
        "--report", type=arguments.as_folder, help="write policy.json, policy.md, a plot here"
    )
    compare = add_verb(
        policy_verbs, "compare", _compare, "judge all policies on the same decisions"
    )
    _judging_options(compare)
    compare.add_argument(
        "--policy", action="append", help="only this one; may be repeated (default: all whole ones)"
    )
    promote = add_verb(
        policy_verbs, "promote", _promote, "serve a bundle with a policy, by its report"
    )
    promote.add_argument("bundle", type=Path)
    options.trust_option(promote)
    promote.add_argument("--report", type=Path, required=True, help="from rung policy evaluate")
    options.json_option(promote)


def _judging_options(parser: argparse.ArgumentParser) -> None:
    options.events_argument(parser)
    options.bundle_option(parser)
    options.period_options(parser)
    options.reading_options(parser)
    options.json_option(parser)


def _evaluate(parsed: argparse.Namespace, progress: Progress) -> None:
    from training.policies.evaluate import compare, evaluate_policy
    from training.policies.report import write_policy_report

    bundle, log, window = _judged_log(parsed, progress)
    evaluation = evaluate_policy(
        bundle, log, parsed.policy, against=parsed.against, **window, progress=progress
    )
    if parsed.report:
        rivals = compare(bundle, log, against=parsed.against, **window, progress=progress)
        write_policy_report(evaluation, parsed.report, rivals)
        progress(f"report in {parsed.report}")
    if parsed.json:
        return print_json(evaluation.as_dict())
    _print_evaluation(evaluation)
    return None


def _print_evaluation(evaluation: PolicyEvaluation) -> None:
    from models.judging.groups.report import group_lines
    from models.judging.rounding import rounded, signed
    from training.policies.gate import missing

    value, gain = evaluation.assessment.value, evaluation.assessment.gain
    unit = evaluation.currency
    print_line(
        f"{evaluation.name}: {things(value.decisions, 'decision')} of"
        f" {things(value.leads, 'lead')}, worth {value.effective_sample_size:,.0f} of equal"
        f" weight; {evaluation.pending:,} pending (not judged)"
    )
    for name, worth, more in (("IPS", value.ips, gain.ips), ("SNIPS", value.snips, gain.snips),
                              ("DR", value.dr, gain.dr)):  # fmt: skip
        print_line(
            f"  {name:<6}{rounded(worth.value):>12} {unit} a decision; over {evaluation.against}"
            f" {signed(more.value, unit=unit)} ({signed(more.low)} to {signed(more.high)})"
        )
    watch = evaluation.watch
    if watch:
        print_line(
            f"  at all looks {signed(watch.value, unit=unit)} ({signed(watch.low)} to"
            f" {signed(watch.high)}) on {things(watch.leads, 'lead')} with"
            f" {things(watch.decisions, 'decision')}, by {watch.estimator}"
        )
    for line in group_lines(evaluation.groups) if evaluation.groups else ():
        print_line(f"  {line}")
    for line in missing(evaluation.as_dict()):
        print_line(f"  the gate: {line}")


def _compare(parsed: argparse.Namespace, progress: Progress) -> None:
    from dataclasses import asdict

    from models.offers.policy import POLICIES
    from training.policies.evaluate import compare
    from training.policies.report import comparison_table

    bundle, log, window = _judged_log(parsed, progress)
    names = tuple(dict.fromkeys(parsed.policy or POLICIES))
    found = compare(bundle, log, **window, names=names, progress=progress)
    currency = bundle.ladder.value.currency
    if parsed.json:
        return print_json(
            {name: {**asdict(one), "currency": currency} for name, one in found.items()}
        )
    print_line(f"values and gains in {currency} a decision:\n")
    print_markdown(comparison_table(found))
    return None


def _judged_log(
    parsed: argparse.Namespace, progress: Progress
) -> tuple[Bundle, EventLog, dict[str, Any]]:
    """The bundle, the log, and the period whose decisions are judged."""
    from features.clock import microseconds

    bundle = loaded_bundle(parsed.bundle, parsed)
    ladder, log = read(parsed, progress, ladder=bundle.ladder)
    start = microseconds(parsed.start) if parsed.start else None
    return bundle.on(ladder), log, {"start": start, "until": judged_until(parsed.until, log)}


def _promote(parsed: argparse.Namespace, _: Progress) -> int | None:
    from models.served_policy import DEFAULT
    from training.policies.gate import promote, retire

    trusted = trusted_types(parsed)
    gate, serves = promote(parsed.bundle, parsed.report, trusted=trusted)
    retired = not gate.passed and retire(parsed.bundle, parsed.report, trusted=trusted)
    if retired:
        former, serves = serves, DEFAULT
    if parsed.json:
        told = {"passed": gate.passed, "missing": list(gate.missing), "serves": serves}
        print_json(told | {"retired": retired})
        return None if gate.passed else 1
    for line in gate.missing:
        print_line(f"the gate: {line}")
    if retired:
        print_line(f"{former} was retired; {serves} serves")
    else:
        print_line(f"{serves} serves" + ("" if gate.passed else "; nothing was changed"))
    return None if gate.passed else 1


# ---------------------------------------------------------------------------------------- Calling


def add_calling(verbs: Any) -> None:
    """Add `rung calling`."""
    parser = add_verb(verbs, "calling", _calling, "what calling brings, by leads left alone by lot")
    options.events_argument(parser)
    options.ladder_option(parser)
    parser.add_argument(
        "--until", type=arguments.as_time, help="default, and at most: the end of the log"
    )
    options.reading_options(parser)
    options.json_option(parser)


def _calling(parsed: argparse.Namespace, progress: Progress) -> None:
    from training.funnel.experiments.calling import calling

    ladder, log = read(parsed, progress)
    found = calling(log, ladder, judged_until(parsed.until, log))
    if parsed.json:
        return print_json(found.as_dict())
    _print_calling(found)
    return None


def _print_calling(found: Calling) -> None:
    from features.clock import when
    from features.ladder.words import things
    from features.offers.assignments import CALLED, LEFT_ALONE

    if found.since is not None:
        print_line(
            f"since {when(found.since):%Y-%m-%d}, each lead in the arm that it was put into:"
        )
    for goal in found.goals:
        print_line(f"{goal.goal}: {goal.says}")
        for title, arm in (("could be called", goal.called), ("left alone", goal.left_alone)):
            rate = "-" if arm.rate is None else in_percent(arm.rate, 1)
            print_line(
                f"  {title:<16}{arm.leads:>7,} leads, {arm.reached:,} of {arm.mature:,} whose"
                f" horizon is over ({rate}), {arm.pending:,} pending"
            )
    called, alone = found.minutes[CALLED], found.minutes[LEFT_ALONE]
    print_line(
        f"minutes of reps that are known: {called.total:,.0f} for {things(called.leads, 'lead')}"
        f" that could be called, {alone.total:,.0f} for {alone.leads:,} to be left alone"
    )
    if found.crossed:
        print_line(
            f"{things(found.crossed, 'lead')} with ids in both arms; each counts where it was first"
        )
    for note in found.notes:
        print_line(f"note: {note}")
