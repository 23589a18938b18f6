"""The options that verbs share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rung.call.arguments import as_json_lines, as_seed, as_table, as_time, as_type

if TYPE_CHECKING:
    from training.scores.gate import Accepted

__all__ = [
    "accept_leak_option",
    "accept_reordering_option",
    "accepted_leaks",
    "accepted_reordering",
    "bundle_option",
    "config_option",
    "events_argument",
    "json_option",
    "ladder_option",
    "layout_option",
    "log_or_store",
    "output_options",
    "period_options",
    "reading_options",
    "store_option",
    "trust_option",
]


def events_argument(parser: argparse.ArgumentParser) -> None:
    """The log that a verb reads."""
    parser.add_argument(
        "events", help="Parquet, CSV or JSON lines, a folder of them, or a store's URL"
    )


def ladder_option(parser: argparse.ArgumentParser) -> None:
    """The ladder that says what its events mean."""
    parser.add_argument("--ladder", required=True, help="a TOML file, or a shipped ladder")


def bundle_option(parser: argparse.ArgumentParser) -> None:
    """The bundle that a verb asks."""
    parser.add_argument("--bundle", type=Path, required=True)
    trust_option(parser)


def trust_option(parser: argparse.ArgumentParser) -> None:
    """The types of code from outside that the verb's bundle may be made of."""
    parser.add_argument(
        "--trust",
        action="append",
        default=[],
        type=as_type,
        metavar="TYPE",
        help="a type of your own that an estimator is made of, such as mymodule.MyClass: to load it"
        " runs its code; may be repeated (and: RUNG_TRUSTED_TYPES)",
    )


def config_option(parser: argparse.ArgumentParser) -> None:
    """How a verb trains."""
    parser.add_argument(
        "--config", type=Path, help="a TOML file (default: what `rung train --show-config` prints)"
    )
    parser.add_argument("--seed", type=as_seed, help="of all that is drawn (default: 7)")


def period_options(parser: argparse.ArgumentParser) -> None:
    """The period that a verb judges on."""
    parser.add_argument("--from", dest="start", type=as_time, help="default: the end of training")
    parser.add_argument("--until", type=as_time, help="default, and at most: the end of the log")


def output_options(parser: argparse.ArgumentParser) -> None:
    """The instant of a table of leads, and where it goes."""
    parser.add_argument("--as-of", type=as_time, required=True, help="such as 2026-03-01T12:00:00Z")
    parser.add_argument(
        "--out", type=as_table, required=True, help="a file, .parquet, .csv or .csv.gz"
    )


def reading_options(parser: argparse.ArgumentParser) -> None:
    """How a log is read."""
    parser.add_argument("--strict", action="store_true", help="refuse a log with a bad row")
    parser.add_argument(
        "--rejects", type=as_json_lines, help="write the bad rows here, as JSON lines (.jsonl)"
    )
    parser.add_argument("--timezone", help="of times without one, such as Europe/Berlin")
    layout_option(parser)


def layout_option(parser: argparse.ArgumentParser) -> None:
    """How files are laid out."""
    parser.add_argument(
        "--layout",
        help="of an export of another tool, such as amplitude; rung is our own (default: by its"
        " columns)",
    )


def store_option(parser: argparse.ArgumentParser) -> None:
    """The store that a verb works on."""
    parser.add_argument("--store", help="default: RUNG_DATABASE_URL")


def log_or_store(parser: argparse.ArgumentParser) -> None:
    """A log or a store, and whose ladder it is read by; `rung.call.reading` says which is meant."""
    parser.add_argument(
        "events", nargs="?", help="a log; of a store's URL the result is kept there and served"
    )
    store_option(parser)
    parser.add_argument("--ladder", help="a TOML file, or a shipped ladder (default: the bundle's)")
    parser.add_argument("--bundle", type=Path, help="whose ladder it is (default: RUNG_BUNDLE)")


def json_option(parser: argparse.ArgumentParser) -> None:
    """The result for programs."""
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def accept_leak_option(parser: argparse.ArgumentParser) -> None:
    """What probes may find, with the reason why."""
    parser.add_argument(
        "--accept-leak",
        action="append",
        default=[],
        nargs=2,
        metavar=("ID", "WHY"),
        help="train though a probe found this, and keep the reason in the bundle",
    )


def accepted_leaks(parsed: argparse.Namespace) -> dict[str, str]:
    """The reason for each finding that is accepted."""
    from features.errors import NotEnoughData

    for id_, why in parsed.accept_leak:
        if not why.strip():
            raise NotEnoughData(f"--accept-leak {id_}: takes a reason, which the bundle keeps")
    return {id_: why.strip() for id_, why in parsed.accept_leak}


def accept_reordering_option(parser: argparse.ArgumentParser) -> None:
    """What the gate asks for where other leads come to the top than at the champion's."""
    parser.add_argument(
        "--accept-reordering",
        metavar="WHY",
        help="promote it though too few leads stay at the champion's top; needs --by",
    )


def accepted_reordering(parsed: argparse.Namespace) -> Accepted | None:
    """Who means that other leads come to the top, and why; None where nobody says so.

    Raises
    ------
    GateError : a reason without who says so, or an empty one.
    """
    from models.gate import GateError
    from training.scores.gate import Accepted

    if parsed.accept_reordering is None:
        return None
    why, by = parsed.accept_reordering.strip(), (parsed.by or "").strip()
    if not why or not by:
        raise GateError("to accept a reordering takes both: --accept-reordering WHY --by WHO")
    return Accepted(by=by, why=why)
