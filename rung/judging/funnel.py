"""`rung funnel`: how many go on at each step, who they are, and whether that is healthy."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from rung.call import arguments, options
from rung.call.bundles import named_ladder
from rung.call.parser import Progress, add_verb
from rung.call.printing import print_json, print_line, print_table, shortened
from rung.call.reading import erased_by_now, judged_until, named_log, only_reads, read

if TYPE_CHECKING:
    from features.events.log import EventLog
    from features.funnel.stays import Stays
    from features.ladder.ladder import Ladder
    from features.store.identities.turns import Erased
    from models.judging.funnel.cause_shapes import FunnelCauses
    from models.judging.funnel.selection import Selection
    from models.judging.funnel.shapes import BandedWay, Funnel, Rate, StepFunnel, Whole

__all__ = ["add_funnel"]

_TRIES = 3
_HEADS: Final = (
    *("", "came", "went on", "pending", "lapsed", "lost", "left"),
    *("in time", "healthy", "so far", "days: half, 9 in 10"),
)


def add_funnel(verbs: Any) -> None:
    """Add `rung funnel`."""
    parser = add_verb(verbs, "funnel", _funnel, "where leads stop, and how many go on at each step")
    options.log_or_store(parser)
    parser.add_argument(
        "--until", type=arguments.as_time, help="by what was known then (default, and at most: all)"
    )
    parser.add_argument("--from", dest="since", type=arguments.as_time, help="who came since then")
    parser.add_argument("--to", type=arguments.as_time, help="who came before then")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="TRAIT=VALUE",
        help="of whom that was known when they came; TRAIT= of whom it was not; more than once",
    )
    parser.add_argument("--by", metavar="TRAIT", help="show each step by a trait")
    parser.add_argument("--why", action="store_true", help="with --json: the causes as well")
    parser.add_argument("--every", choices=("week", "month"), default="week", help="of cohorts")
    parser.add_argument(
        "--list",
        dest="named",
        metavar="STEP[:STATE]",
        help="the leads behind a number: advanced, pending, lapsed or lost; all that came without",
    )
    parser.add_argument(
        "--out", type=arguments.as_folder, help="a folder for the page, tables and pictures"
    )
    options.reading_options(parser)
    options.json_option(parser)


def _funnel(parsed: argparse.Namespace, progress: Progress) -> None:
    from features.errors import FunnelError

    selection = _selection(parsed)
    parsed.events = named_log(parsed)
    for _ in range(_TRIES):
        if _counted(parsed, progress, selection):
            return
        progress("a lead was erased meanwhile: counting again, without it")
    raise FunnelError("leads were erased each time while it was counted: count it again later")


def _counted(parsed: argparse.Namespace, progress: Progress, selection: Selection) -> bool:
    """Count, keep and print; False where a lead was erased since it was read: nothing is then."""
    from features.errors import FunnelError
    from models.judging.funnel.rates import funnel
    from models.judging.funnel.selection import Selection, had_by_nobody, leads_in

    erased = erased_by_now(parsed.events)
    log, stays = _stays(parsed, progress, named_ladder(parsed))
    for said in had_by_nobody(selection, stays):
        raise FunnelError(f"--only: {said}")
    if parsed.named:
        step, state = _named(parsed.named)
        names = leads_in(stays, step, state, selection)
        print_json(names) if parsed.json else print("".join(f"{name}\n" for name in names), end="")
        return True
    progress("counting")
    found = funnel(stays, selection, parsed.every)
    of_all = found if selection == Selection() else None
    causes = _causes(progress, log, stays, of_all)
    if not _is_kept(parsed, stays, causes, erased):
        return False
    if parsed.out:
        from training.funnel.report import write_funnel

        page = write_funnel(found, causes, parsed.out)
        progress(f"wrote {page}, tables and pictures beside it")
    if parsed.json:
        print_json({"funnel": found, "causes": causes} if parsed.why else found)
    else:
        _print(found, parsed.by)
        _print_causes(causes, is_some=selection != Selection())
    return True


def _stays(
    parsed: argparse.Namespace, progress: Progress, ladder: Ladder | None
) -> tuple[EventLog, Stays]:
    """A log and its stays, by what is known of who opted out."""
    from features.funnel.stays import stays_of
    from features.store.events import EventStore

    ladder, log = read(parsed, progress, ladder, everybody=True)
    until = judged_until(parsed.until, log)
    left: dict[str, int] = {}
    if "://" in parsed.events:
        with EventStore.existing(parsed.events) as store:
            held = set(log.leads)
            left = {lead: at for lead, at in store.opted_out().items() if lead in held}
    return log, stays_of(log, ladder, until, left)


def _causes(
    progress: Progress,
    log: EventLog,
    stays: Stays,
    counted: Funnel | None,
) -> FunnelCauses:
    """Why leads stop."""
    from models.judging.funnel.why import causes_of

    progress("looking for causes")
    return causes_of(log, stays.ladder, stays, counted)


def _is_kept(
    parsed: argparse.Namespace, stays: Stays, causes: FunnelCauses, erased: Erased | None
) -> bool:
    """Keep both beside a store as it is now; False where a lead was erased since it was read.

    Endpoints of notifications are told of steps that are below their band.
    """
    from features.clock import now
    from features.funnel.kept import keep_causes, keep_stays
    from features.store.events import EventStore
    from features.store.kept.columns import KeptColumns
    from serving.notifications.found.dropoffs import tell_dropoffs

    if "://" not in parsed.events or parsed.until is not None:
        return True
    with EventStore.existing(parsed.events) as store:
        if only_reads(store):
            return True
        columns = KeptColumns(store.database)
        kept = keep_stays(columns, stays, erased)
        kept = kept and keep_causes(columns, stays.ladder, stays.until, causes, erased)
        if kept:
            tell_dropoffs(store.database, causes["diagnosis"], stays.until, now())
        return kept


def _print_causes(causes: FunnelCauses, *, is_some: bool) -> None:
    from models.judging.funnel.causes.cause_wording import fields_said
    from training.funnel.causes_page import draft_of, pieces_said

    print("\nWhy they stop" + (" (of all leads, whoever is counted above)" if is_some else ""))
    below = [one for one in causes["diagnosis"]["steps"] if one["answer"] != "not below"]
    for step in below:
        print_line(f"  {step['title']}: {step['says']}")
        for draft in step["experiments"]:
            print_line(f"    Next: {draft_of(draft)}.")
    for step in causes["diagnosis"]["steps"]:
        if said := fields_said(step):
            print_line(f"  {step['title']}: {said}")
    print("Content that creates intent")
    for said in pieces_said(causes["content"]) or ["Nothing is known of any piece."]:
        print_line(f"  {said}")
    print_line(f"Replies\n  {causes['replies']['says']}")
    for line in (*causes["diagnosis"]["notes"], *causes["content"]["notes"]):
        print_line(f"  Note: {line.removesuffix('.')}.")


def _selection(parsed: argparse.Namespace) -> Selection:
    from features.clock import microseconds
    from features.errors import FunnelError
    from models.judging.funnel.selection import only_of, selection_of

    only: list[tuple[str, str]] = []
    for text in parsed.only:
        trait, is_pair, value = text.partition("=")
        if not is_pair or not trait:
            raise FunnelError(f"--only {text!r}: write a trait, = and its value")
        only.append((trait, value))
    return selection_of(
        None if parsed.since is None else microseconds(parsed.since),
        None if parsed.to is None else microseconds(parsed.to),
        only_of(only),
    )


def _named(text: str) -> tuple[str, Any]:
    """A step, and what came of its leads."""
    from features.errors import FunnelError
    from features.funnel.states import State

    step, has_state, state = text.partition(":")
    states = {one.name.lower(): one for one in State}
    if has_state and state not in states:
        raise FunnelError(f"--list {text!r}: the state is one of {', '.join(states)}")
    return step, states.get(state)


def _print(found: Funnel, by: str | None) -> None:
    from features.clock import said_at
    from models.judging.funnel.rates import shown_stretches
    from models.judging.funnel.wording import counted_said, lever_said

    instants = said_at(found["as_of"]), said_at(found["counted_until"])
    print_line(f"{counted_said(found['leads'], *instants)}\n")
    rows: list[Sequence[str]] = [_HEADS]
    for step in found["steps"]:
        rows += [_step_row(step), *_segment_rows(step, by)]
    print_table(rows, texts=(0, 7, 8), inset="  ")
    print()
    whole, banded = found["whole"], found["whole"]["banded"]
    rows = [("", *_HEADS[7:10]), _way("from first to purchase", whole)]
    if banded is not None:
        rows.append(_way(f"from {shortened(banded['title'], 25)} to purchase", banded))
    rows.append(("the steps multiplied", _rate(whole["product"]), "", ""))
    print_table(rows, texts=(0, 1, 2), inset="  ")
    print()
    for step in found["steps"]:
        print_line(f"  {step['title']}: {step['says']}")
    if found["lever"]:
        sure = "" if found["lever"]["is_sure"] else ", if it is below at all"
        last = found["steps"][-1]["id"]
        print_line(f"  Biggest lever{sure}: {lever_said(found['lever'], last)}")
    for line in found["notes"]:
        if line != shown_stretches(found["every"]):
            print_line(f"  Note: {line}.")


def _way(name: str, way: Whole | BandedWay) -> Sequence[str]:
    return name, _rate(way["followed"]), _band(way["band"]), _share(way["so_far"])


def _step_row(step: StepFunnel) -> Sequence[str]:
    days = step["days"]
    took = "" if days["median"] is None else f"{days['median']:.1f}, {days['most_of_them']:.1f}"
    rate, so_far = _rate(step["rate"]), _share(step["so_far"])
    return (
        shortened(step["title"], 25),
        *_counts(step["counts"]),
        rate,
        _band(step["band"]),
        so_far,
        took,
    )


def _counts(counts: Mapping[str, Any]) -> Sequence[str]:
    names = ("came", "advanced", "pending", "lapsed", "lost", "left")
    return [f"{counts[name]:,}" for name in names]


def _segment_rows(step: StepFunnel, by: str | None) -> Iterator[Sequence[str]]:
    from features.errors import FunnelError, did_you_mean

    if by is None:
        return
    if by not in step["segments"]:
        known = tuple(step["segments"])
        names = ", ".join(known) or "none"
        raise FunnelError(f"--by {by!r}: leads are told apart by {names}{did_you_mean(by, known)}")
    for cell in step["segments"][by]:
        name = "not known" if cell["value"] is None else cell["value"]
        rate = _rate(cell["rate"])
        yield f"  {shortened(name, 23)}", *_counts(cell["counts"]), rate, "", "", ""


def _rate(rate: Rate) -> str:
    if rate["value"] is None:
        low = f"{100 * rate['low']:.0f} %"
        return "not known yet" if low == "0 %" else f"at least {low}"
    return f"{_share(rate['value'])} ({100 * rate['low']:.1f}-{100 * rate['high']:.1f})"


def _share(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _band(band: Any) -> str:
    from models.judging.funnel.wording import in_100

    return "" if band is None else f"{in_100(band['low'])}-{in_100(band['high'])} %"
