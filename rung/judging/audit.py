"""`rung audit`: scores that somebody else made, judged on what came of the leads."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.call import arguments, options
from rung.call.bundles import loaded_bundle
from rung.call.parser import Progress, add_verb
from rung.call.printing import note, print_json, print_line
from rung.call.reading import judged_until

if TYPE_CHECKING:
    from features.arrays import Floats
    from features.events.log import EventLog
    from features.ladder.ladder import Ladder
    from training.audit.judgement import Judged
    from training.audit.scores_file import ScoreRows

__all__ = ["add_audit"]


def add_audit(verbs: Any) -> None:
    """Add `rung audit`."""
    verb = add_verb(verbs, "audit", _audit, "judge scores that somebody else made")
    verb.add_argument("scores", type=Path, help="a CSV file of ids, scores and dates")
    verb.add_argument("--events", help="who won and when: Parquet, CSV, JSON lines, a folder")
    verb.add_argument("--win", help="the event that is a win")
    verb.add_argument("--ladder", help="a ladder, whose purchase is a win")
    verb.add_argument("--bundle", type=Path, help="Rung's scores beside them, from this bundle")
    options.trust_option(verb)
    verb.add_argument("--horizon-days", type=_days, default=90.0, help="default: 90")
    verb.add_argument(
        "--capacity", type=_capacity, default=0.2, help="leads a week, or a share; default: 0.2"
    )
    verb.add_argument(
        "--until", type=arguments.as_time, help="default, and at most: the last event"
    )
    for name in ("id", "score", "date"):
        verb.add_argument(f"--{name}-column", help=f"the column of the {name}")
    verb.add_argument("--html", type=arguments.as_file, help="write a page to show here")
    options.reading_options(verb)
    verb.add_argument(
        "--json",
        dest="json_out",
        type=arguments.as_file,
        nargs="?",
        const=True,
        metavar="FILE",
        help="write the figures here, or print them where no file is named",
    )


def _days(text: str) -> float:
    return _positive(text, "a number of days above 0 and below 100000")


def _capacity(text: str) -> float:
    number = _positive(text, "a share below 1 or a whole number of leads a week")
    if number >= 1 and number != int(number):
        raise argparse.ArgumentTypeError("must be a share below 1 or a whole number of leads")
    return number


def _positive(text: str, right: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 100_000:
        raise argparse.ArgumentTypeError(f"must be {right}")
    return number


def _audit(parsed: argparse.Namespace, progress: Progress) -> None:
    from features.files import new_file
    from training.audit.judgement import audit, judged_rows
    from training.audit.page import audit_page
    from training.audit.scores_file import read_scores
    from training.audit.wording import who_was_judged

    named = {name: getattr(parsed, f"{name}_column") for name in ("id", "score", "date")}
    rows = read_scores(parsed.scores, named, parsed.timezone)
    progress(rows.said)
    for reason, count in rows.dropped.items():
        left = "row of {} is" if count == 1 else "rows of {} are"
        why = f"{reason} ({rows.first[reason]})"
        note(f"{count:,} {left.format(parsed.scores)} left out: {why}")
    won_at, until, log, ladder = _wins(parsed, rows, progress)
    judged = judged_rows(rows, won_at, until, parsed.horizon_days)
    rung, trained_until = _rung(parsed, judged, log, ladder)
    found = audit(
        judged,
        rows.scale,
        until=until,
        horizon_days=parsed.horizon_days,
        capacity=parsed.capacity,
        rung=rung,
        trained_until=trained_until,
        warnings=rows.warnings,
    )
    if isinstance(parsed.json_out, Path):
        with new_file(parsed.json_out) as part:
            part.write_text(json.dumps(found.as_dict(), indent=2) + "\n", encoding="utf-8")
    if parsed.html:
        with new_file(parsed.html) as part:
            page = audit_page(found, f"How good are the scores of {parsed.scores.name}?")
            part.write_text(page, encoding="utf-8")
    if parsed.json_out is True:
        return print_json(found.as_dict())
    for sentence in (*found.warnings, *found.verdicts, who_was_judged(found)):
        print_line(sentence)
    return None


_Wins = tuple[dict[str, int], int, "EventLog | None", "Ladder | None"]


def _wins(parsed: argparse.Namespace, rows: ScoreRows, progress: Progress) -> _Wins:
    """When each lead first won, until when that is known, and the log where it was read for it."""
    from features.errors import EventsError

    if parsed.events is None:
        return *_wins_of_file(parsed, rows), None, None
    other = "--bundle" if parsed.bundle else "--ladder" if parsed.ladder else ""
    if parsed.win and other:
        raise EventsError(
            f"--win and {other} together are not possible: with {other} a win is the purchase of"
            " its ladder; leave one of them out"
        )
    if not parsed.win and not other:
        raise EventsError("say what a win is: either --win EVENT, or --ladder (or --bundle)")
    return _wins_of_event(parsed, progress) if parsed.win else _wins_of_ladder(parsed, progress)


def _wins_of_file(parsed: argparse.Namespace, rows: ScoreRows) -> tuple[dict[str, int], int]:
    import numpy as np

    from features.clock import microseconds, now
    from features.errors import EventsError

    if parsed.bundle:
        raise EventsError("--bundle needs --events: Rung's scores come from them")
    if rows.lacks:
        raise EventsError(f"{parsed.scores}: {rows.lacks}")
    dates = np.concatenate([rows.at, rows.won_at])
    # A day that has not come yet is a mistake, or a plan: it does not make any horizon over.
    last = int(dates[dates <= now()].max(initial=0))
    until = last if parsed.until is None else min(last, microseconds(parsed.until))
    found: dict[str, int] = {}
    for lead, at, won in zip(rows.leads, rows.won_at.tolist(), rows.won.tolist(), strict=True):
        if won and at <= until:
            found[lead] = min(at, found.get(lead, at))
    return found, until


def _wins_of_event(parsed: argparse.Namespace, progress: Progress) -> _Wins:
    from features.clock import microseconds, now
    from features.errors import EventsError, did_you_mean
    from features.reading import dated_after, read_table

    table, report = read_table(
        parsed.events,
        strict=parsed.strict,
        rejects=parsed.rejects,
        assume_timezone=parsed.timezone,
        progress=progress,
    )
    for line in report.warnings():
        note(line)
    table = table.rows(~dated_after(table, now()))
    if not len(table):
        raise EventsError(f"{parsed.events}: {report.why_empty}")
    last = int(table.known_at.max())
    until = last if parsed.until is None else min(last, microseconds(parsed.until))
    names = table.name.to_pylist()
    if parsed.win not in names:
        raise EventsError(
            f"{parsed.events}: no event {parsed.win!r}{did_you_mean(parsed.win, set(names))}"
        )
    found: dict[str, int] = {}
    rows = zip(table.lead_id.to_pylist(), names, table.occurred_at.tolist(),
               table.known_at.tolist(), strict=True)  # fmt: skip
    for lead, name, at, known in rows:
        if name == parsed.win and known <= until:
            found[lead] = min(at, found.get(lead, at))
    return found, until, None, None


def _wins_of_ladder(parsed: argparse.Namespace, progress: Progress) -> _Wins:
    from features.signals.linked_log import link
    from features.signals.program import compile_ladder
    from rung.call.reading import read

    own = loaded_bundle(parsed.bundle, parsed).ladder if parsed.bundle else None
    ladder, log = read(parsed, progress, ladder=own)
    until = judged_until(parsed.until, log)
    wins = link(log, compile_ladder(ladder)).meets(len(ladder.goals) - 1) & (log.known <= until)
    found: dict[str, int] = {}
    for at, when in zip(
        log.lead_of_rows()[wins].tolist(), log.occurred[wins].tolist(), strict=True
    ):
        lead = log.leads[at]
        found[lead] = min(when, found.get(lead, when))
    return found, until, log, ladder


def _rung(
    parsed: argparse.Namespace, judged: Judged, log: EventLog | None, ladder: Ladder | None
) -> tuple[Floats | None, int]:
    """Rung's probability of purchase for each judged lead, from what was known at its date.

    And until when its model was trained, in microseconds since the epoch; 0 without one.
    """
    import numpy as np

    from features.signals.snapshot import snapshot

    if parsed.bundle is None or log is None or ladder is None:
        return None, 0
    bundle = loaded_bundle(parsed.bundle, parsed)
    place = set(log.leads)
    known = np.array([lead in place for lead in judged.leads], dtype=np.bool_)
    values = np.full(len(known), np.nan)
    leads = [lead for lead, is_known in zip(judged.leads, known, strict=True) if is_known]
    if leads:
        scores = bundle.score(snapshot(log, ladder, leads, judged.at[known]))
        values[known] = scores.purchase.probability
    return values, int(bundle.manifest["until"])
