"""The command: one verb is parsed and run. `rung --help` lists them.

Results go to standard output, progress and errors to standard error. Exit codes: 0 done, 1 refused
(the message says why and what would be right) or nobody reads what is printed any more, 2 a call
that cannot be understood, 3 the ladder has mistakes, 130 stopped by Ctrl+C.
"""

from __future__ import annotations

import argparse
import logging
import os
import select
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Final, TextIO

from rung import cluster, demo, ladder, lead, logs, offer, publishing, service, training
from rung.call.overwriting import refuse_to_overwrite
from rung.call.parser import Progress, new_parser
from rung.call.printing import folded, say_aside
from rung.judging import (
    audit,
    backtest,
    champion,
    experiment,
    funnel,
    policy,
    readiness,
    recalibration,
)

__all__ = ["main", "parser"]

_VERBS: Final = (
    demo.add_demo,
    ladder.add_init,
    ladder.add_ladder,
    logs.add_import,
    readiness.add_readiness,
    funnel.add_funnel,
    training.add_train,
    training.add_tune,
    training.add_evaluate,
    backtest.add_backtest,
    champion.add_compare,
    recalibration.add_recalibrate,
    champion.add_retrain,
    champion.add_champion,
    champion.add_rollback,
    audit.add_audit,
    logs.add_features,
    logs.add_score,
    logs.add_tables,
    cluster.add_cluster,
    publishing.add_card,
    publishing.add_publish,
    policy.add_policy,
    policy.add_calling,
    experiment.add_experiment,
    offer.add_offer,
    lead.add_lead,
    service.add_key,
    service.add_serve,
    service.add_work,
    service.add_mcp,
    service.add_doctor,
)
"""In the order of the help."""


class _NobodyReads(Exception):
    """What is printed goes into a pipe that nobody reads any more."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    # What an encoding has no letter for is escaped, as on standard error.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            return _run(arguments)
        finally:  # help and the like end by SystemExit
            _flush()
    except KeyboardInterrupt:
        say_aside("\nrung: stopped")
        return 130
    except _NobodyReads:
        return 1
    except OSError as error:
        is_left = isinstance(error, BrokenPipeError) and not _is_read()
        return 1 if is_left else _failed(error)


def _run(arguments: Sequence[str] | None) -> int:
    parsed = parser().parse_args(arguments)
    # Threads of LightGBM wait for each other awake. Beside others that want the processors, such as
    # a service, all of them wait so most of the time; it is read when the library is loaded.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    # What a verb fails with it says itself; the driver would add the server's address and user.
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)
    from features.errors import LadderError, RungError

    try:
        refuse_to_overwrite(parsed)
        return int(parsed.verb(parsed, _progress(quiet=_is_quiet(parsed))) or 0)
    except LadderError as error:
        say_aside(folded(str(error), sys.stderr))
        return 3
    except RungError as error:
        say_aside(folded(f"rung: {error}", sys.stderr))
        return 1


def _flush() -> None:
    """Write what was printed and waits; what cannot be is let go, or Python tries again at its end.

    Of progress and errors nothing more is said: a result is none the worse for them.

    Raises
    ------
    _NobodyReads : whoever read it has gone, as `head` does.
    OSError : the disk is full.
    """
    _let_go(sys.stderr)
    error = _let_go(sys.stdout)
    if isinstance(error, BrokenPipeError):
        raise _NobodyReads from error
    if error is not None:
        raise error


def _let_go(stream: TextIO | None) -> OSError | None:
    """Write what waits in a stream; why it cannot be, where it is let go."""
    if stream is None or stream.closed:
        return None
    try:
        stream.flush()
    except OSError as error:
        with suppress(OSError), Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), stream.fileno())
        return error
    return None


def _is_read() -> bool:
    """Whether somebody reads what is printed, or it is kept."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
    except (AttributeError, OSError, ValueError):  # not on every system; no file
        return True
    return not any(events & select.POLLERR for _, events in poll.poll(0))


def _failed(error: OSError) -> int:
    named = f"{error.filename}: " if error.filename else ""
    say_aside(f"rung: {named}{error.strerror or error}")
    return 1


def parser() -> argparse.ArgumentParser:
    """The parser of all verbs."""
    return new_parser(_VERBS)


def _is_quiet(parsed: argparse.Namespace) -> bool:
    """Whether progress is of no use: the result is for a program, and nobody looks on."""
    watched = sys.stderr is not None and sys.stderr.isatty()
    printed = getattr(parsed, "json", False) or getattr(parsed, "json_out", None) is True
    return bool(printed) and not watched


def _progress(*, quiet: bool) -> Progress:
    """Say what is being done, with the seconds since the start, on standard error."""
    started = time.monotonic()

    def say(what: str) -> None:
        if not quiet:
            say_aside(folded(f"{time.monotonic() - started:7.1f} s  {what}", sys.stderr))

    return say
