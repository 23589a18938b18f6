"""`rung init` drafts a ladder from a log; `rung ladder check` shows one, and what is advised."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.ladder.words import in_percent, things
from rung.call.options import json_option, layout_option
from rung.call.parser import Progress, add_verb, group
from rung.call.printing import print_json, print_line, print_table

if TYPE_CHECKING:
    from features.arrays import Ints
    from features.events.table import EventTable
    from training.drafting.draft import Draft

__all__ = ["add_init", "add_ladder"]


def add_init(verbs: Any) -> None:
    """Add `rung init`."""
    init = add_verb(verbs, "init", _init, "draft a ladder from an event log")
    init.add_argument("events", nargs="+", help="Parquet, CSV or JSON lines, or a folder of them")
    init.add_argument("--to", type=Path, default=Path("ladder.toml"), help="default: ladder.toml")
    init.add_argument("--final", help="the event that ends the ladder (default: the likeliest)")
    init.add_argument("--columns", type=Path, help="a TOML file with an [import] table for the log")
    init.add_argument("--timezone", help="of times without one, such as Europe/Berlin")
    layout_option(init)


def add_ladder(verbs: Any) -> None:
    """Add `rung ladder`."""
    ladder_verbs = group(verbs, "ladder", "look at a ladder", "Look at a ladder.")
    check = add_verb(
        ladder_verbs, "check", _check, "print a ladder as a table, and the method's advice"
    )
    check.add_argument("file", help="a TOML file, or a shipped ladder: b2b, b2b-assessment, b2c")
    json_option(check)


def _check(parsed: argparse.Namespace, _: Progress) -> None:
    from features.ladder.advice import advise, controls_said, ladder_rows
    from features.ladder.file import read_ladder

    ladder = read_ladder(parsed.file)
    advice = advise(ladder)
    if parsed.json:
        told = [{"path": a.path, "text": a.text, "source": a.source} for a in advice]
        worth = controls_said(ladder.controls)
        found = {"ladder": ladder.name, "steps": len(ladder.steps), "advice": told}
        return print_json({**found, "controls": worth})
    print_table(ladder_rows(ladder), texts=range(7))
    print_line(f"\n{len(advice)} piece{'s' if len(advice) != 1 else ''} of advice")
    for one in advice:
        print_line(f"  {one.path}: {one.text} [{one.source}]")
    print_line(f"\n{controls_said(ladder.controls)}")
    return None


def _init(parsed: argparse.Namespace, progress: Progress) -> None:
    from features.errors import EventsError
    from features.files import new_file
    from features.ladder.file import parse_ladder
    from features.ladder.source import import_columns
    from training.drafting.draft import draft_ladder
    from training.drafting.ladder_text import ladder_text

    if parsed.to.exists():
        raise EventsError(f"{parsed.to}: is there already; move it away, or name another by --to")
    columns, imports = import_columns(parsed.columns) if parsed.columns else (None, "")
    table = _all_events(parsed, columns, progress)
    draft = draft_ladder(table, parsed.final, progress)
    name = re.sub(r"[^a-z0-9]+", "-", parsed.to.stem.lower()).strip("-")
    text = ladder_text(draft, name if name[:1].isalpha() else f"ladder-{name}".strip("-"), imports)
    parse_ladder(text, str(parsed.to))
    with new_file(parsed.to) as part:
        part.write_text(text, encoding="utf-8")
    _print_draft(parsed, draft, table.occurred_at)


def _all_events(parsed: argparse.Namespace, columns: Any, progress: Progress) -> EventTable:
    """The events of all files, under one id a lead; what has not happened yet is left out."""
    from features.clock import now
    from features.errors import EventsError, without_password
    from features.events.table import concat, without_duplicates
    from features.reading import by_lead, dated_after, read_table

    tables, empty = [], []
    for source in parsed.events:
        progress(f"reading {without_password(source)}")
        table, report = read_table(
            source,
            assume_timezone=parsed.timezone,
            layout=parsed.layout or columns,
            progress=progress,
        )
        for line in report.lines():
            progress(line)
        tables.append(table)
        why = "all its events are dated in the future" if len(table) else report.why_empty
        empty.append(f"{without_password(source)}: {why}")
    found = by_lead(without_duplicates(concat(tables)))
    found = found.rows(~dated_after(found, now()))
    if not len(found):
        raise EventsError("\n  ".join(empty))
    return found


def _print_draft(parsed: argparse.Namespace, draft: Draft, times: Ints) -> None:
    from features.clock import rfc3339
    from training.drafting.ladder_text import judged_from, step_ids, written_offers, written_traits

    first, last = int(times.min()), int(times.max())
    print_line(f"{things(draft.leads, 'lead')}, {things(draft.events, 'event')}\n")
    rows = [("step", "leads", "from below", "completed by")]
    for at, (id_, step) in enumerate(zip(step_ids(draft), draft.steps, strict=True)):
        events = ", ".join(sorted({one.deed.event for one in step.deeds}))
        rows.append((id_, f"{step.leads:,}", _share(draft, at), events))
    share = _share(draft, len(draft.steps))
    rows.append(("purchase", f"{draft.final.leads:,}", share, draft.final.deed.event))
    print_table(rows, texts=(0, 3))
    offers, traits = len(written_offers(draft)), len(written_traits(draft))
    print_line(f"\n{things(offers, 'offer')}, {things(traits, 'trait')}; the draft is {parsed.to}")
    if not offers:
        print_line(
            "Without offers nothing is ever suggested to a lead: add an [[offer]] for each step to"
            f" {parsed.to}; docs/ladder.md says how."
        )
    print_line("Look at its comments, then:")
    for line in _next(parsed, rfc3339(judged_from(draft, first, last)), rfc3339(last)):
        print(f"  {line}")  # whole: it is to be pasted
    print_line("What is to serve learns from all of it: train again without --until.")


def _share(draft: Draft, at: int) -> str:
    if not at:
        return ""
    went_on, below = draft.conversion(at)
    return in_percent(went_on / below) if below else "-"


def _next(parsed: argparse.Namespace, judged_from: str, last: str) -> list[str]:
    """The commands that come next: what was learned by a day is judged on what came later."""
    ladder, source = shlex.quote(str(parsed.to)), shlex.quote(parsed.events[0])
    how = f" --timezone {shlex.quote(parsed.timezone)}" if parsed.timezone else ""
    how += f" --layout {parsed.layout}" if parsed.layout else ""
    lines = [f"rung ladder check {ladder}"]
    if len(parsed.events) > 1:
        for one in parsed.events:
            lines.append(
                f"rung import {shlex.quote(one)} --ladder {ladder} --store sqlite:///events.db{how}"
            )
        source, how = "sqlite:///events.db", ""
    read = f"{source} --ladder {ladder}"
    lines.append(f"rung train {read} --out bundle --until {judged_from}{how}")
    lines.append(f"rung evaluate {read} --bundle bundle{how}")
    lines.append(f"rung score {source} --bundle bundle --as-of {last} --out scores.csv{how}")
    return lines
