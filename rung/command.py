"""The command line: parses, wires, dispatches. `rung --help` lists the verbs.

Each verb imports what it needs when it runs, so that help is instant. Results go to standard
output, progress and errors to standard error. Exit codes: 0 done, 1 refused (the message says why
and what would be right), 2 a call that cannot be understood, 3 the ladder has mistakes.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from features.events.log import EventLog
    from features.ladder.ladder import Ladder
    from features.signals.snapshot import Snapshot
    from features.store.events import EventStore
    from models.bundle import Bundle
    from training.scores.evaluate import GoalEvaluation

Progress = Callable[[str], None]

_REGISTRY = "sqlite:///artifacts/mlflow.db"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    parsed = _parser().parse_args(arguments)
    from features.errors import LadderError, RungError

    try:
        return int(parsed.verb(parsed, _progress(quiet=getattr(parsed, "json", False))) or 0)
    except LadderError as error:
        print(error, file=sys.stderr)
        return 3
    except RungError as error:
        print(f"rung: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        named = f"{error.filename}: " if error.filename else ""
        print(f"rung: {named}{error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nrung: stopped", file=sys.stderr)
        return 130


def _progress(*, quiet: bool) -> Progress:
    """Say what is being done, with the seconds since the start, on standard error."""
    started = time.monotonic()

    def say(what: str) -> None:
        if not quiet:
            print(f"{time.monotonic() - started:7.1f} s  {what}", file=sys.stderr, flush=True)

    return say


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rung",
        description="Lead scoring and next steps for micro-commitment ladders.",
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    _demo_verb(verbs)
    _ladder_verbs(verbs)
    _import_verb(verbs)
    _train_verb(verbs)
    _evaluate_verb(verbs)
    _features_verb(verbs)
    _score_verb(verbs)
    _publish_verb(verbs)
    _policy_verbs(verbs)
    _lead_verbs(verbs)
    _key_verbs(verbs)
    _serve_verb(verbs)
    _work_verb(verbs)
    _doctor_verb(verbs)
    return parser


def _demo_verb(verbs: Any) -> None:
    demo = _verb(verbs, "demo", _demo, "simulate leads, train, evaluate, promote and serve")
    demo.add_argument("--once", action="store_true", help="print the top of the queue and exit")
    demo.add_argument("--leads", type=_count, default=1500, help="how many (default: 1500)")
    demo.add_argument("--ladder", default="b2b", help="a file or a shipped ladder (default: b2b)")
    demo.add_argument("--folder", type=Path, default=Path("artifacts/demo"), help="for its files")
    demo.add_argument("--host", default="127.0.0.1")
    demo.add_argument("--port", type=int, default=8000)


def _ladder_verbs(verbs: Any) -> None:
    ladder = verbs.add_parser("ladder", help="look at a ladder", description="Look at a ladder.")
    ladder_verbs = ladder.add_subparsers(metavar="VERB", required=True)
    check = _verb(
        ladder_verbs, "check", _ladder_check, "print a ladder as a table, and the method's advice"
    )
    check.add_argument("file", help="a TOML file, or a shipped ladder: b2b, b2b-assessment, b2c")
    _json_option(check)


def _import_verb(verbs: Any) -> None:
    load = _verb(verbs, "import", _import, "put an event log into a store")
    _events_argument(load)
    load.add_argument("--store", required=True, help="such as sqlite:///events.db")
    load.add_argument("--ladder", help="check the numbers that this ladder reads")
    _reading_options(load)
    _json_option(load)


def _train_verb(verbs: Any) -> None:
    train = _verb(verbs, "train", _train, "train a bundle from an event log")
    _events_argument(train)
    _ladder_option(train)
    train.add_argument("--out", type=Path, required=True, help="the folder of the bundle")
    train.add_argument("--until", type=_time, help="use what was known by then (default: all)")
    _reading_options(train)
    _json_option(train)


def _evaluate_verb(verbs: Any) -> None:
    evaluate = _verb(verbs, "evaluate", _evaluate, "judge a bundle on what happened later")
    _events_argument(evaluate)
    _ladder_option(evaluate)
    evaluate.add_argument("--bundle", type=Path, required=True)
    evaluate.add_argument("--from", dest="start", type=_time, help="default: the end of training")
    evaluate.add_argument("--until", type=_time, help="default: the end of the log")
    evaluate.add_argument("--report", type=Path, help="write report.json, report.md and plots here")
    _reading_options(evaluate)
    _json_option(evaluate)


def _features_verb(verbs: Any) -> None:
    features = _verb(verbs, "features", _features, "write the signals of all leads at an instant")
    _events_argument(features)
    _ladder_option(features)
    _output_options(features)
    _reading_options(features)
    _json_option(features)


def _score_verb(verbs: Any) -> None:
    score = _verb(verbs, "score", _score, "write the scores of all leads at an instant")
    _events_argument(score)
    score.add_argument("--bundle", type=Path, required=True)
    _output_options(score)
    _reading_options(score)
    _json_option(score)


def _publish_verb(verbs: Any) -> None:
    publish = _verb(verbs, "publish", _publish, "put a bundle and its report into the registry")
    publish.add_argument("bundle", type=Path)
    publish.add_argument("--report", type=Path, required=True, help="from rung evaluate --report")
    publish.add_argument("--registry", default=_REGISTRY, help=f"MLflow URI (default: {_REGISTRY})")
    publish.add_argument(
        "--promote", action="store_true", help="make it the champion, if its report passes the gate"
    )
    _json_option(publish)


def _policy_verbs(verbs: Any) -> None:
    policy = verbs.add_parser(
        "policy", help="judge and promote what chooses the next step", description="Policies."
    )
    policy_verbs = policy.add_subparsers(metavar="VERB", required=True)
    evaluate = _verb(
        policy_verbs, "evaluate", _policy_evaluate, "judge a policy on decisions of a log"
    )
    _policy_options(evaluate)
    evaluate.add_argument("--policy", default="learned", help="default: learned")
    evaluate.add_argument("--against", default="logged", help="default: what took the decisions")
    evaluate.add_argument("--report", type=Path, help="write policy.json, policy.md, a plot here")
    compare = _verb(
        policy_verbs, "compare", _policy_compare, "judge all policies on the same decisions"
    )
    _policy_options(compare)
    promote = _verb(
        policy_verbs, "promote", _policy_promote, "serve a bundle with a policy, by its report"
    )
    promote.add_argument("bundle", type=Path)
    promote.add_argument("--report", type=Path, required=True, help="from rung policy evaluate")
    _json_option(promote)


def _policy_options(parser: argparse.ArgumentParser) -> None:
    _events_argument(parser)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--from", dest="start", type=_time, help="default: the end of training")
    parser.add_argument("--until", type=_time, help="default: the end of the log")
    _reading_options(parser)
    _json_option(parser)


def _lead_verbs(verbs: Any) -> None:
    lead = verbs.add_parser("lead", help="what is kept of a lead", description="One lead.")
    lead_verbs = lead.add_subparsers(metavar="VERB", required=True)
    show = _verb(lead_verbs, "show", _lead_show, "who a lead is, by any of its ids")
    export = _verb(lead_verbs, "export", _lead_export, "print everything that is kept, as JSON")
    opt_out = _verb(lead_verbs, "opt-out", _lead_opt_out, "profile a lead no more")
    opt_out.add_argument("--reason", default="", help="kept, and part of an export")
    opt_in = _verb(lead_verbs, "opt-in", _lead_opt_in, "take an opt-out back")
    erase = _verb(lead_verbs, "erase", _lead_erase, "erase all that is kept of a lead, for good")
    for verb in (show, export, opt_out, opt_in, erase):
        verb.add_argument("lead", metavar="LEAD", help="any id of it")
        verb.add_argument("--store", help="default: RUNG_DATABASE_URL")
        _json_option(verb)


def _key_verbs(verbs: Any) -> None:
    key = verbs.add_parser("key", help="who may ask the service", description="Keys.")
    key_verbs = key.add_subparsers(metavar="VERB", required=True)
    create = _verb(key_verbs, "create", _key_create, "make a key, and show it this once")
    create.add_argument("name", help="who will have it, such as website")
    create.add_argument(
        "--scope", action="append", default=[], help="ingest, read, decide or admin; again for more"
    )
    create.add_argument("--source", default="", help="message ids are unique within it")
    listed = _verb(key_verbs, "list", _key_list, "show what each key may do")
    revoke = _verb(key_verbs, "revoke", _key_revoke, "take a key back, for good")
    revoke.add_argument("id", help="from rung key list")
    for verb in (create, listed, revoke):
        verb.add_argument("--store", help="default: RUNG_DATABASE_URL")
        _json_option(verb)


def _serve_verb(verbs: Any) -> None:
    serve = _verb(verbs, "serve", _serve, "start the HTTP service and its pages")
    serve.add_argument("--store", help="default: RUNG_DATABASE_URL")
    serve.add_argument("--bundle", help="default: RUNG_BUNDLE")
    serve.add_argument("--host", help="default: RUNG_HOST, or 127.0.0.1")
    serve.add_argument("--port", help="default: RUNG_PORT, or 8000")


def _work_verb(verbs: Any) -> None:
    work = _verb(verbs, "work", _work, "keep the scores of a store fresh, without answering")
    work.add_argument("--store", help="default: RUNG_DATABASE_URL")
    work.add_argument("--bundle", help="default: RUNG_BUNDLE")


def _doctor_verb(verbs: Any) -> None:
    doctor = _verb(verbs, "doctor", _doctor, "check a deployment, and say what to do")
    doctor.add_argument("--store", help="default: RUNG_DATABASE_URL")
    doctor.add_argument("--bundle", help="default: RUNG_BUNDLE")
    doctor.add_argument("--url", help="look at the service there too, such as https://host")
    _json_option(doctor)


def _verb(
    verbs: Any, name: str, run: Callable[[argparse.Namespace, Progress], int | None], summary: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}."
    )
    parser.set_defaults(verb=run)
    return parser


def _events_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "events", help="Parquet, CSV or JSON lines, a folder of them, or a store's URL"
    )


def _ladder_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ladder", required=True, help="a TOML file, or a shipped ladder")


def _output_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--as-of", type=_time, required=True, help="such as 2026-03-01T12:00:00Z")
    parser.add_argument("--out", type=Path, required=True, help="a Parquet file")


def _reading_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--strict", action="store_true", help="refuse a log with a bad row")
    parser.add_argument("--rejects", type=Path, help="write the bad rows here, as JSON lines")
    parser.add_argument("--timezone", help="of times without one, such as Europe/Berlin")


def _json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def _time(text: str) -> datetime:
    from features.clock import instant
    from features.errors import TimeError

    try:
        return instant(text)
    except TimeError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number from 1")
    return int(text)


# --- the verbs --------------------------------------------------------------------------------


def _ladder_check(parsed: argparse.Namespace, _: Progress) -> None:
    from features.ladder.advice import advise, ladder_table
    from features.ladder.file import read_ladder

    ladder = read_ladder(parsed.file)
    advice = advise(ladder)
    if parsed.json:
        told = [{"path": a.path, "text": a.text, "source": a.source} for a in advice]
        return _print_json({"ladder": ladder.name, "steps": len(ladder.steps), "advice": told})
    print(ladder_table(ladder))
    print(f"\n{len(advice)} piece{'s' if len(advice) != 1 else ''} of advice")
    for one in advice:
        print(f"  {one.path}: {one.text} [{one.source}]")
    return None


def _import(parsed: argparse.Namespace, progress: Progress) -> None:
    from features.events.log import LogColumns
    from features.ladder.file import read_ladder
    from features.reading import read_table
    from features.signals.table import ladder_columns
    from features.store.events import EventStore

    needs = LogColumns()
    if parsed.ladder:
        needs = LogColumns(*ladder_columns(read_ladder(parsed.ladder)))
    table, report = read_table(
        parsed.events,
        needs=needs,
        strict=parsed.strict,
        rejects=parsed.rejects,
        assume_timezone=parsed.timezone,
        progress=progress,
    )
    with EventStore.open(parsed.store) as store:
        appended = store.append(table, progress)
    result = report.as_dict() | {"new": appended.accepted, "known": appended.duplicates}
    if parsed.json:
        return _print_json(result)
    for line in report.lines():
        print(line)
    print(f"{appended.accepted:,} new events in {parsed.store}; {appended.duplicates:,} were there")
    return None


def _train(parsed: argparse.Namespace, progress: Progress) -> None:
    from features.clock import microseconds
    from models.bundle import save_bundle
    from training.pipeline import train

    ladder, log = _read(parsed, progress)
    until = microseconds(parsed.until) if parsed.until else None
    bundle = save_bundle(train(log, ladder, until=until, progress=progress), parsed.out)
    if "://" in parsed.events:
        _record_training(parsed.events, bundle)
    if parsed.json:
        return _print_json({"bundle": str(parsed.out), **bundle.manifest})
    _print_training(bundle, parsed.out)
    return None


def _record_training(url: str, bundle: Bundle) -> None:
    """Let an erasure name the bundle."""
    from features.clock import now
    from features.store.events import EventStore
    from features.store.privacy import Privacy

    with EventStore.existing(url) as store:
        until = int(bundle.manifest["until"])
        Privacy(store.database).record_training(bundle.hash, bundle.ladder.name, until, now())


def _print_training(bundle: Bundle, folder: Path) -> None:
    for goal, counts in bundle.manifest["trained_on"].items():
        source = {"model": "a model", "rates": "the steps' rates", "prior": "the ladder's bands"}
        print(
            f"{goal}: {counts['points']:,} points of {counts['leads']:,} leads,"
            f" {counts['reached']:,} reached, {counts['pending']:,} pending (left out);"
            f" answers come from {source[counts['evidence']]}"
        )
        if counts["evidence"] != "prior" and not counts["learned"]:
            print(f"  nothing to learn about {goal}: the signals do not tell leads apart")
    made = bundle.manifest["decisions"]
    print(
        f"offers: {made['drawn']:,} decisions drawn with known probabilities,"
        f" {made['observed']:,} made by others (adjusted), {made['pending']:,} pending (left out)"
    )
    print(f"bundle {bundle.version} in {folder}")


def _evaluate(parsed: argparse.Namespace, progress: Progress) -> None:
    from features.clock import microseconds
    from models.bundle import load_bundle
    from training.scores.evaluate import evaluate
    from training.scores.report import write_report

    ladder, log = _read(parsed, progress)
    bundle = load_bundle(parsed.bundle)
    _same_ladder(ladder, bundle)
    until = microseconds(parsed.until) if parsed.until else int(log.known.max())
    start = microseconds(parsed.start) if parsed.start else None
    progress("judging on later outcomes")
    evaluation = evaluate(bundle, log, start=start, until=until)
    if parsed.report:
        write_report(evaluation, parsed.report)
        progress(f"report in {parsed.report}")
    if parsed.json:
        return _print_json(evaluation.as_dict())
    for goal in (evaluation.advancement, evaluation.purchase):
        _print_goal(goal)
    return None


def _print_goal(goal: GoalEvaluation) -> None:
    counts = goal.counts
    print(
        f"{goal.goal}: {counts.points:,} points of {counts.leads:,} leads; {counts.advanced:,}"
        f" advanced, {counts.lapsed:,} lapsed, {counts.pending:,} pending (not judged)"
    )
    figures = goal.performance
    if figures is None:
        print(f"  {goal.note}")
        return
    print(f"  {goal.verdict} ({goal.verdict_reason})")
    rows = [("this bundle", figures)]
    rows += [(rival.name, rival.performance) for rival in goal.baselines if rival.performance]
    print(f"  {'':<44}{'AUC':>8}{'log loss':>10}{'ECE':>8}")
    for name, row in rows:
        auc = "-" if row.auc is None else f"{row.auc:.4f}"
        print(f"  {name:<44}{auc:>8}{row.log_loss:>10.4f}{row.ece:>8.4f}")


def _features(parsed: argparse.Namespace, progress: Progress) -> None:
    ladder, log = _read(parsed, progress, until=parsed.as_of)
    frame = _snapshot(log, ladder, parsed.as_of, progress).frame()
    frame.to_parquet(parsed.out, index=False)
    _print_written(parsed, len(frame), {"signals": frame.shape[1] - 2})


def _score(parsed: argparse.Namespace, progress: Progress) -> None:
    from models.bundle import load_bundle

    bundle = load_bundle(parsed.bundle)
    _, log = _read(parsed, progress, ladder=bundle.ladder, until=parsed.as_of)
    scores = bundle.score(_snapshot(log, bundle.ladder, parsed.as_of, progress))
    frame = scores.frame()
    frame.to_parquet(parsed.out, index=False)
    _print_written(parsed, len(frame), {"bundle": bundle.version})


def _publish(parsed: argparse.Namespace, progress: Progress) -> int | None:
    from models.bundle import load_bundle
    from models.registry import CHAMPION, Registry
    from training.scores.gate import judge, read_report

    gate = judge(read_report(parsed.report), load_bundle(parsed.bundle))
    registry = Registry(parsed.registry)
    progress(f"logging to {parsed.registry}")
    version = registry.publish(parsed.bundle, gate, parsed.report)
    if parsed.promote:
        version = registry.promote(version, gate)
    is_champion = CHAMPION in version.aliases
    result = {
        "name": version.name,
        "version": version.version,
        "passed": gate.passed,
        "missing": list(gate.missing),
        "champion": is_champion,
    }
    if parsed.json:
        _print_json(result)
    else:
        print(f"{version.name} version {version.version}")
        for line in gate.missing:
            print(f"  the gate: {line}")
        if parsed.promote:
            print("it is the champion now" if is_champion else "the champion stays what it was")
    return 1 if parsed.promote and not is_champion else None


def _policy_evaluate(parsed: argparse.Namespace, progress: Progress) -> None:
    from training.policies.evaluate import compare, evaluate_policy
    from training.policies.gate import missing
    from training.policies.report import write_policy_report

    bundle, log, window = _policy_log(parsed, progress)
    evaluation = evaluate_policy(
        bundle, log, parsed.policy, against=parsed.against, **window, progress=progress
    )
    if parsed.report:
        rivals = compare(bundle, log, against=parsed.against, **window, progress=progress)
        write_policy_report(evaluation, parsed.report, rivals)
        progress(f"report in {parsed.report}")
    if parsed.json:
        return _print_json(evaluation.as_dict())
    value, gain = evaluation.assessment.value, evaluation.assessment.gain
    print(
        f"{parsed.policy}: {value.decisions:,} decisions of {value.leads:,} leads, worth"
        f" {value.effective_sample_size:,.0f} of equal weight; {evaluation.pending:,} pending (not"
        " judged)"
    )
    for name, worth, more in (("IPS", value.ips, gain.ips), ("SNIPS", value.snips, gain.snips),
                              ("DR", value.dr, gain.dr)):  # fmt: skip
        print(
            f"  {name:<6}{worth.value:>12,.4g} a decision; over {parsed.against}"
            f" {more.value:+,.4g} ({more.low:+,.4g} to {more.high:+,.4g})"
        )
    for line in missing(evaluation.as_dict()):
        print(f"  the gate: {line}")
    return None


def _policy_compare(parsed: argparse.Namespace, progress: Progress) -> None:
    from dataclasses import asdict

    from training.policies.evaluate import compare
    from training.policies.report import comparison_table

    bundle, log, window = _policy_log(parsed, progress)
    found = compare(bundle, log, **window, progress=progress)
    if parsed.json:
        return _print_json({name: asdict(one) for name, one in found.items()})
    print(comparison_table(found))
    return None


def _policy_log(
    parsed: argparse.Namespace, progress: Progress
) -> tuple[Bundle, EventLog, dict[str, Any]]:
    from features.clock import microseconds
    from models.bundle import load_bundle

    bundle = load_bundle(parsed.bundle)
    _, log = _read(parsed, progress, ladder=bundle.ladder)
    start = microseconds(parsed.start) if parsed.start else None
    until = microseconds(parsed.until) if parsed.until else int(log.known.max(initial=0))
    return bundle, log, {"start": start, "until": until}


def _policy_promote(parsed: argparse.Namespace, _: Progress) -> int | None:
    from training.policies.gate import promote

    gate, serves = promote(parsed.bundle, parsed.report)
    if parsed.json:
        _print_json({"passed": gate.passed, "missing": list(gate.missing), "serves": serves})
    else:
        for line in gate.missing:
            print(f"the gate: {line}")
        print(f"{serves} serves" + ("" if gate.passed else "; nothing was changed"))
    return None if gate.passed else 1


def _lead_show(parsed: argparse.Namespace, _: Progress) -> None:
    with _store(parsed.store, must_exist=True) as store:
        _print_lead(parsed, store)


def _print_lead(parsed: argparse.Namespace, store: EventStore) -> None:
    from features.store.privacy import Privacy

    found = Privacy(store.database).lead(parsed.lead).as_dict()
    if parsed.json:
        return _print_json(found)
    print(f"{found['lead_id']}: {found['events']:,} events", end="")
    print(f", {found['first_seen']} to {found['last_seen']}" if found["events"] else "")
    for subject in found["subjects"]:
        print(f"  id {subject}")
    for link in found["links"]:
        undone = f", undone {link['undone_at']}" if link["undone_at"] else ""
        print(f"  {link['kind']} {link['source']} = {link['target']}, {link['known_at']}{undone}")
    out = found["opt_out"]
    print(f"  opted out {out['at']} {out['reason']}".rstrip() if out else "  may be profiled")
    return None


def _lead_export(parsed: argparse.Namespace, _: Progress) -> None:
    from features.clock import now
    from features.store.privacy import Privacy

    with _store(parsed.store, must_exist=True) as store:
        _print_json(Privacy(store.database).export(parsed.lead, now()))


def _lead_opt_out(parsed: argparse.Namespace, _: Progress) -> None:
    from features.clock import now
    from features.store.privacy import Privacy

    with _store(parsed.store, must_exist=True) as store:
        Privacy(store.database).opt_out([parsed.lead], now(), parsed.reason)
        _print_lead(parsed, store)


def _lead_opt_in(parsed: argparse.Namespace, _: Progress) -> None:
    from features.store.privacy import Privacy

    with _store(parsed.store, must_exist=True) as store:
        Privacy(store.database).opt_in([parsed.lead])
    if parsed.json:
        return _print_json({"lead_id": parsed.lead, "opted_out": False})
    print(f"{parsed.lead} may be profiled")
    return None


def _lead_erase(parsed: argparse.Namespace, _: Progress) -> None:
    from features.clock import now
    from features.store.privacy import Privacy

    with _store(parsed.store, must_exist=True) as store:
        erased = Privacy(store.database).erase(parsed.lead, now()).as_dict()
    if parsed.json:
        return _print_json(erased)
    print(f"erased: {erased['events']:,} events of {erased['subjects']} ids")
    for model in erased["models"]:
        print(f"  trained on them: {model['version']} ({model['ladder']}, {model['trained_at']})")
    print(f"  the files hold no byte of them: {'yes' if erased['is_wiped'] else 'not yet'}")
    return None


def _key_create(parsed: argparse.Namespace, _: Progress) -> None:
    from features.clock import now
    from serving.edge.keys import Keys

    with _store(parsed.store) as store:
        key, text = Keys(store.database).create(parsed.name, parsed.scope, parsed.source, at=now())
    if parsed.json:
        return _print_json({**key.as_dict(), "key": text})
    print(text)
    print("keep it now: it cannot be shown again", file=sys.stderr)
    return None


def _key_list(parsed: argparse.Namespace, _: Progress) -> None:
    from serving.edge.keys import Keys

    with _store(parsed.store, must_exist=True) as store:
        keys = [key.as_dict() for key in Keys(store.database).all()]
    if parsed.json:
        return _print_json(keys)
    for key in keys:
        made, revoked = key["created_at"], key["revoked_at"]
        source = f", source {key['source']}" if key["source"] else ""
        state = f"revoked {revoked}" if revoked else f"made {made}"
        print(f"{key['id']}  {key['name']}: {', '.join(key['scopes'])}{source}; {state}")
    if not keys:
        print("no key: the service answers its own machine alone")
    return None


def _key_revoke(parsed: argparse.Namespace, _: Progress) -> None:
    from features.clock import now
    from serving.edge.keys import Keys

    with _store(parsed.store, must_exist=True) as store:
        key = Keys(store.database).revoke(parsed.id, at=now())
    if parsed.json:
        return _print_json(key.as_dict())
    print(f"{key.id} ({key.name}) is revoked; a running service knows within 5 seconds")
    return None


def _store(url: str | None, *, must_exist: bool = False) -> EventStore:
    """The store that is named, or that of the environment."""
    import os

    from features.store.events import EventStore
    from serving.settings import Settings

    url = url or Settings.from_environment(os.environ).database_url
    return EventStore.existing(url) if must_exist else EventStore.open(url)


def _serve(parsed: argparse.Namespace, _: Progress) -> None:
    import os

    named = {
        "RUNG_DATABASE_URL": parsed.store,
        "RUNG_BUNDLE": parsed.bundle,
        "RUNG_HOST": parsed.host,
        "RUNG_PORT": parsed.port,
    }
    _run_service(dict(os.environ) | {key: value for key, value in named.items() if value})


def _work(parsed: argparse.Namespace, _: Progress) -> None:
    import os

    from serving.process.worker import work
    from serving.settings import Settings

    named = {"RUNG_DATABASE_URL": parsed.store, "RUNG_BUNDLE": parsed.bundle}
    given = {key: value for key, value in named.items() if value}
    work(Settings.from_environment(dict(os.environ) | given))


def _run_service(environment: dict[str, str]) -> None:
    from dataclasses import replace

    import uvicorn

    from serving.app import create_app
    from serving.edge.keys import Keys
    from serving.logs import logging_of_process
    from serving.process.worker import Worker
    from serving.settings import Settings

    settings = Settings.from_environment(environment)
    with _store(settings.database_url) as store:
        is_open = not Keys(store.database).all()
    if is_open:
        print("no key: answers this machine alone; make one with `rung key create`", flush=True)
    scores_itself = settings.scoring == "inside"
    with _ended_by_signals(), Worker(environment) if scores_itself else nullcontext():
        uvicorn.run(
            create_app(replace(settings, scoring="elsewhere")),
            host=settings.host,
            port=settings.port,
            log_config=logging_of_process(settings.log_level),
            access_log=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM be a way to end well: the server passes it on once it has stopped."""
    former = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


_GRACE_SECONDS = 10
"""For so long requests that have begun are answered after the signal to stop."""


def _doctor(parsed: argparse.Namespace, _: Progress) -> int | None:
    import os

    from serving.doctor import examine

    named = {"RUNG_DATABASE_URL": parsed.store, "RUNG_BUNDLE": parsed.bundle}
    given = {key: value for key, value in named.items() if value}
    findings = examine(dict(os.environ) | given, parsed.url)
    is_fine = all(one.state != "wrong" for one in findings)
    if parsed.json:
        _print_json({"fine": is_fine, "findings": [one.as_dict() for one in findings]})
    else:
        for one in findings:
            print(one.line())
    return None if is_fine else 1


# --- the demo ---------------------------------------------------------------------------------


def _demo(parsed: argparse.Namespace, progress: Progress) -> None:
    """The main job, on a simulated log, through the same functions as the verbs."""
    from features.clock import now, when
    from features.errors import NotEnoughData
    from features.ladder.file import read_ladder
    from training.simulation.world import SimulationConfig, simulate

    folder: Path = parsed.folder
    folder.mkdir(parents=True, exist_ok=True)
    ladder_file = folder / "ladder.toml"
    ladder = read_ladder(parsed.ladder)
    ladder_file.write_text(ladder.source, encoding="utf-8")
    today = when(now()).replace(hour=0, minute=0, second=0, microsecond=0)
    config = SimulationConfig(
        leads=parsed.leads,
        days=_DEMO_DAYS,
        start=today - timedelta(days=_DEMO_DAYS),
        drawn=True,
        match_sd=0.4,
        offer_sd=0.4,
    )
    simulation = simulate(ladder, config, progress)
    events, store = folder / "events.parquet", folder / "events.db"
    simulation.events.to_parquet(events, index=False)
    progress(f"{len(simulation.events):,} events of {parsed.leads:,} leads in {events}")
    for old in folder.glob("events.db*"):
        old.unlink()
    url = f"sqlite:///{store}"
    split = simulation.end - timedelta(days=_DEMO_LATER_DAYS)
    bundle, report = str(folder / "bundle"), str(folder / "report")
    for arguments in (
        ["import", str(events), "--store", url],
        ["train", url, "--ladder", str(ladder_file), "--out", bundle, "--until", split.isoformat()],
        ["evaluate", url, "--ladder", str(ladder_file), "--bundle", bundle, "--report", report],
        ["publish", bundle, "--report", report, "--promote",
         "--registry", f"sqlite:///{folder / 'mlflow.db'}"],
    ):  # fmt: skip
        _run_verb(arguments, progress)
    try:
        _run_verb(["policy", "evaluate", url, "--bundle", bundle, "--report", report], progress)
        _run_verb(["policy", "promote", bundle, "--report", report], progress)
    except NotEnoughData as error:  # a small demo has little to judge a policy on
        progress(f"the rules serve: {error}")
    environment = {
        "RUNG_DATABASE_URL": url,
        "RUNG_BUNDLE": bundle,
        "RUNG_HOST": parsed.host,
        "RUNG_PORT": str(parsed.port),
    }
    if parsed.once:
        return _print_queue(environment, progress)
    print(f"\nThe queue: http://{parsed.host}:{parsed.port}/   (Ctrl+C stops)", flush=True)
    return _run_service(environment)


def _run_verb(arguments: list[str], progress: Progress) -> None:
    """Run a verb as a user would type it."""
    progress(f"rung {' '.join(arguments)}")
    parsed = _parser().parse_args(arguments)
    parsed.verb(parsed, progress)


_DEMO_DAYS = 400
_DEMO_LATER_DAYS = 130
"""The end of the demo's log, on which the bundle is judged: a purchase's horizon, and more."""


def _print_queue(environment: dict[str, str], progress: Progress) -> None:
    """The top of the queue, as the page shows it."""
    from features.clock import now
    from models.bundle import load_bundle
    from serving.pages.words import chance, likely, points, traits_of, who
    from serving.process.service import Service
    from serving.scoring.queue import items, queue_part
    from serving.scoring.rescoring import rescore
    from serving.settings import Settings

    service = Service.open(Settings.from_environment(environment))
    traits_event = load_bundle(Path(environment["RUNG_BUNDLE"])).ladder.events.traits
    progress("scoring every lead")
    run = rescore(service.scorer)
    top = items(service.scorer, queue_part(service.store, 10).scores)
    print(f"\nThe top of the queue ({run.queued if run else 0:,} leads)\n")
    for place, item in enumerate(top, start=1):
        events = service.store.events_of(item["lead_id"])
        name, below = who(item["lead_id"], traits_of(events, traits_event, now()))
        low, high = item["interval"]["low"], item["interval"]["high"]
        print(f"{place:3}. {name}" + (f", {below}" if below else ""))
        print(f"     {item['step']['title']}: {chance(item['probability'])}, {likely(low, high)}")
        for reason in item["reasons"][:2]:
            print(f"     {points(reason['points'])}  {reason['text']}")
        if item["suggestion"]:
            print(f"     {item['suggestion']['text']}")
    service.close()


# --- what the verbs share ---------------------------------------------------------------------


def _read(
    parsed: argparse.Namespace,
    progress: Progress,
    ladder: Ladder | None = None,
    until: datetime | None = None,
) -> tuple[Ladder, EventLog]:
    """The ladder and the log that a verb names; what was wrong with the log is told."""
    from features.ladder.file import read_ladder
    from features.reading import read_events

    ladder = ladder or read_ladder(parsed.ladder)
    progress(f"reading {parsed.events}")
    log, report = read_events(
        parsed.events,
        ladder,
        until=until,
        strict=parsed.strict,
        rejects=parsed.rejects,
        assume_timezone=parsed.timezone,
        progress=progress,
    )
    for line in report.lines():
        progress(line)
    return ladder, log


def _snapshot(log: EventLog, ladder: Ladder, as_of: datetime, progress: Progress) -> Snapshot:
    from features.signals.snapshot import snapshot

    progress(f"signals of {len(log.leads):,} leads")
    return snapshot(log, ladder, None, as_of)


def _same_ladder(ladder: Ladder, bundle: Bundle) -> None:
    from features.errors import BundleError

    if ladder.fingerprint != bundle.ladder.fingerprint:
        raise BundleError(
            f"the bundle was trained for another version of the ladder {bundle.ladder.name!r};"
            " train it again, or evaluate it with the ladder.toml in its folder"
        )


def _print_written(parsed: argparse.Namespace, rows: int, more: dict[str, Any]) -> None:
    if parsed.json:
        return _print_json({"out": str(parsed.out), "leads": rows, **more})
    told = ", ".join(f"{key} {value}" for key, value in more.items())
    print(f"{rows:,} leads in {parsed.out} ({told})")
    return None


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2, default=str))
