"""`rung recalibrate`: how a bundle's probabilities move with the outcomes since it was trained."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.ladder.words import things
from rung.call import arguments, options
from rung.call.bundles import loaded_bundle, served_folder
from rung.call.parser import Progress, add_verb
from rung.call.printing import print_json, print_line
from rung.call.reading import judged_until, read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.bundle import Bundle
    from models.scores.recalibration import Move

__all__ = ["add_recalibrate"]


def add_recalibrate(verbs: Any) -> None:
    """Add `rung recalibrate`."""
    parser = add_verb(
        verbs, "recalibrate", _recalibrate, "move a bundle's probabilities with the outcomes"
    )
    parser.add_argument(
        "events",
        nargs="?",
        help="a log; of a store's URL the moves are kept there and serve"
        " (default: RUNG_DATABASE_URL)",
    )
    parser.add_argument("--bundle", type=Path, help="as it was trained (default: RUNG_BUNDLE)")
    parser.add_argument(
        "--until", type=arguments.as_time, help="by what was known then (default, and at most: all)"
    )
    parser.add_argument(
        "--plot", type=arguments.as_picture, help="draw the moves into this .svg or .png"
    )
    options.trust_option(parser)
    options.reading_options(parser)
    options.json_option(parser)


def _recalibrate(parsed: argparse.Namespace, progress: Progress) -> None:
    from features.errors import EventsError
    from training.recalibration import recalibrate

    parsed.events = parsed.events or os.environ.get("RUNG_DATABASE_URL", "")
    if not parsed.events:
        raise EventsError("no log is named, and RUNG_DATABASE_URL is not set: name one of them")
    bundle = loaded_bundle(served_folder(parsed.bundle), parsed)
    _, log = read(parsed, progress, bundle.ladder)
    progress(f"following the outcomes since {bundle.version} was trained")
    moves = recalibrate(log, bundle, judged_until(parsed.until, log))
    added = _keep(parsed.events, bundle, moves) if "://" in parsed.events else None
    if parsed.plot:
        from training.scores.written.drawing import draw_moves

        draw_moves(bundle, moves, parsed.plot)
    if parsed.json:
        return print_json(_told(bundle, moves, added))
    _print(bundle, moves)
    if added is not None:
        print_line(f"new in the store, and serving: {things(added, 'move')}")
    return None


def _keep(url: str, bundle: Bundle, moves: Mapping[str, Sequence[Move]]) -> int:
    from features.store.events import EventStore
    from features.store.kept.recalibrations import KeptMove

    rows = [
        KeptMove(goal, move.known_at, move.intercept, move.slope, move.n)
        for goal, of in moves.items()
        for move in of
    ]
    with EventStore.existing(url) as store:
        return store.recalibrations.add(bundle.hash, rows)


def _told(bundle: Bundle, moves: Mapping[str, Sequence[Move]], added: int | None) -> dict[str, Any]:
    from features.clock import rfc3339
    from models.recalibrated import shift_of

    return {
        "bundle": bundle.hash,
        "added": added,
        "goals": {
            goal: [
                {
                    "known_at": rfc3339(move.known_at),
                    "intercept": move.intercept,
                    "slope": move.slope,
                    "outcomes": move.n,
                    "shift": shift_of(bundle, goal, move),
                }
                for move in of
            ]
            for goal, of in moves.items()
        },
    }


def _print(bundle: Bundle, moves: Mapping[str, Sequence[Move]]) -> None:
    from math import exp

    from features.clock import said_at
    from models.recalibrated import FAR, shift_of

    for goal, of in moves.items():
        if not of:
            print_line(f"{goal}: no outcome is known yet that the bundle has not learned from")
            continue
        last = of[-1]
        shift = shift_of(bundle, goal, last)
        print_line(
            f"{goal}: by {last.n:,} outcomes, the last known at {said_at(last.known_at)}: typical"
            f" odds times {exp(shift):.2f}, differences between leads times {last.slope:.2f}"
        )
        if abs(shift) >= FAR:
            print_line("  that is far: the world has moved, and a new bundle should be trained")
