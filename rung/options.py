"""How a verb is added to the parser, the options that verbs share, and the types of arguments."""

from __future__ import annotations

import argparse
import shutil
import sys
import textwrap
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TextIO

from features.ladder.words import visible

if TYPE_CHECKING:
    from training.scores.gate import Accepted

__all__ = [
    "Progress",
    "accept_leak_option",
    "accept_reordering_option",
    "accepted_leaks",
    "accepted_reordering",
    "add_verb",
    "as_count",
    "as_days",
    "as_json_lines",
    "as_minutes",
    "as_page",
    "as_scores",
    "as_seed",
    "as_share",
    "as_table",
    "as_time",
    "as_toml",
    "as_type",
    "bundle_option",
    "config_option",
    "events_argument",
    "folded",
    "group",
    "json_option",
    "ladder_option",
    "layout_option",
    "log_or_store",
    "new_parser",
    "note",
    "output_options",
    "period_options",
    "reading_options",
    "refuse_to_overwrite",
    "say_aside",
    "store_option",
    "trust_option",
    "width_of",
]

Progress = Callable[[str], None]
"""Is told what is being done."""
_ASIDE: Final = threading.Lock()
_TIED: Final = "\ue000"  # a space at which no line is broken


class _Parser(argparse.ArgumentParser):
    """Says what was meant by a verb or an option that there is not, and how the verb is called."""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        verbs = action.choices
        if isinstance(verbs, dict) and value not in verbs:
            from features.errors import did_you_mean

            hint = did_you_mean(value, verbs) or f"; there is {', '.join(verbs)}"
            raise argparse.ArgumentError(action, f"invalid choice: {value!r}{hint}")
        super()._check_value(action, value)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As the library's; the verb itself refuses what it does not know, not the command."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self._meant(unknown)}")
        return found, unknown

    def _meant(self, unknown: Sequence[str]) -> str:
        from features.errors import did_you_mean

        named = (word.partition("=")[0] for word in unknown if word.startswith("--"))
        return next((did_you_mean(word, self._option_string_actions) for word in named), "")

    def error(self, message: str) -> NoReturn:
        """As the library's, folded in a terminal."""
        self.print_usage(sys.stderr)
        self.exit(2, folded(f"{self.prog}: error: {message}", sys.stderr) + "\n")


def new_parser(adders: Iterable[Callable[[Any], None]]) -> argparse.ArgumentParser:
    """A parser with some verbs; each adder adds its own."""
    parser = _Parser(
        prog="rung",
        description="Lead scoring and next steps for micro-commitment ladders.",
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for add in adders:
        add(verbs)
    return parser


def group(verbs: Any, name: str, summary: str, description: str) -> Any:
    """A verb that has verbs of its own, such as `rung lead show`; to add them to."""
    parser = verbs.add_parser(name, help=summary, description=description)
    return parser.add_subparsers(metavar="VERB", required=True)


def add_verb(
    verbs: Any, name: str, run: Callable[[argparse.Namespace, Progress], int | None], summary: str
) -> argparse.ArgumentParser:
    """A verb with what runs it; its parser takes the options."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}."
    )
    parser.set_defaults(verb=run)
    return parser


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
    """A log or a store, and whose ladder it is read by; `rung.reading` says which is meant."""
    parser.add_argument(
        "events", nargs="?", help="a log; of a store's URL the result is kept there and served"
    )
    store_option(parser)
    parser.add_argument("--ladder", help="a TOML file, or a shipped ladder (default: the bundle's)")
    parser.add_argument("--bundle", type=Path, help="whose ladder it is (default: RUNG_BUNDLE)")


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


def json_option(parser: argparse.ArgumentParser) -> None:
    """The result for programs."""
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def note(what: str) -> None:
    """Say what nobody may miss, whatever form the result has."""
    say_aside(folded(f"note: {what}", sys.stderr))


def folded(text: str, stream: TextIO | None) -> str:
    """Lines for a stream: a terminal that is narrower gets them folded, what follows further in."""
    text, width = visible(text), width_of(stream)
    if width is None:
        return text
    return "\n".join(
        line if len(line) <= width else _fold(line, width) for line in text.split("\n")
    )


def width_of(stream: TextIO | None) -> int | None:
    """The columns of a terminal; None of a file or a pipe, or where nobody listens."""
    if stream is None or not stream.isatty():
        return None
    return shutil.get_terminal_size().columns


def _fold(line: str, width: int) -> str:
    further_in = " " * (len(line) - len(line.lstrip()) + 4)
    fold = textwrap.TextWrapper(
        width, subsequent_indent=further_in, break_long_words=False, break_on_hyphens=False
    )
    return fold.fill(line.replace(" %", _TIED + "%")).replace(_TIED, " ")


def say_aside(line: str) -> None:
    """Write a line to standard error, where threads may do so at once; if not, it ends no work."""
    with _ASIDE, suppress(OSError, ValueError):
        if sys.stderr is not None:  # Python would write to standard output instead
            print(f"{line}\n", end="", file=sys.stderr, flush=True)


def as_time(text: str) -> datetime:
    """The type of an argument that is an instant."""
    from features.clock import instant
    from features.errors import TimeError

    try:
        return instant(text)
    except TimeError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def as_table(text: str) -> Path:
    """The type of an argument that is a file for a table."""
    return _with_suffix(text, ".parquet", ".csv", ".csv.gz")


def as_scores(text: str) -> Path:
    """The type of an argument that is a file for scores."""
    return _with_suffix(text, ".parquet", ".csv", ".csv.gz", ".ndjson", ".jsonl")


def as_json_lines(text: str) -> Path:
    """The type of an argument that is a file for JSON lines."""
    return _with_suffix(text, ".jsonl", ".ndjson")


def as_picture(text: str) -> Path:
    """The type of an argument that is a file for a picture."""
    return _with_suffix(text, ".svg", ".png")


def _with_suffix(text: str, *suffixes: str) -> Path:
    if not text.lower().endswith(suffixes):
        raise argparse.ArgumentTypeError(
            f"{text!r} does not say its format; its name must end in {' or '.join(suffixes)}"
        )
    return as_file(text)


def as_file(text: str) -> Path:
    """The type of an argument that is a file to be written; OSError where it cannot be, at once."""
    from features.files import check_file

    check_file(Path(text))
    return Path(text)


def as_folder(text: str) -> Path:
    """The type of an argument that is a folder to be written, as `as_file`."""
    from features.files import check_folder_for

    check_folder_for(Path(text))
    return Path(text)


def as_type(text: str) -> str:
    """The type of an argument that names a type."""
    from models.scores.learners.trusted import trusted_names

    try:
        (name,) = trusted_names(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no type, such as mymodule.MyClass"
        ) from error
    return name


def as_count(text: str) -> int:
    """The type of an argument that is a number of things."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number from 1")
    return int(text)


def as_seed(text: str) -> int:
    """The type of an argument that everything drawn follows from."""
    if not text.isdecimal() or int(text) >= 2**31:
        raise argparse.ArgumentTypeError("must be a whole number from 0 to 2147483647")
    return int(text)


def as_minutes(text: str) -> float:
    """The type of an argument that is a time in minutes."""
    try:
        minutes = float(text)
    except ValueError:
        minutes = -1.0
    if not 0.0 < minutes <= 100_000.0:
        raise argparse.ArgumentTypeError("must be minutes, above 0 and at most 100000")
    return minutes


def as_toml(text: str) -> Path:
    """The type of an argument that is a file for a configuration."""
    return _with_suffix(text, ".toml")


def as_page(text: str) -> Path:
    """The type of an argument that is a file for a page in Markdown."""
    return _with_suffix(text, ".md")


def as_days(text: str) -> float:
    """The type of an argument that is a number of days."""
    try:
        days = float(text)
    except ValueError:
        days = 0.0
    if not 0.0 < days < 100_000.0:
        raise argparse.ArgumentTypeError("must be a number of days above 0 and below 100000")
    return days


def as_share(text: str) -> float:
    """The type of an argument that is a share."""
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise argparse.ArgumentTypeError("must be a number from 0 to 1")
    return share


def config_option(parser: argparse.ArgumentParser) -> None:
    """How a verb trains."""
    parser.add_argument(
        "--config", type=Path, help="a TOML file (default: what `rung train --show-config` prints)"
    )
    parser.add_argument("--seed", type=as_seed, help="of all that is drawn (default: 7)")


_WRITTEN: Final = {
    **{name: f"--{name}" for name in ("out", "predictions", "rejects", "report", "html", "plot")},
    **{"json_out": "--json", "study": "--study", "to": "--to", "folder": "the folder"},
}
"""What verbs write: how it is kept, and what it is called."""
_READ: Final = {
    **{"events": "the log", "parts": "the parts", "bundle": "the bundle"},
    **{"champion": "the champion", "ladder": "the ladder", "config": "the configuration"},
    **{"scores": "the scores", "columns": "the columns", "challengers": "the challenger"},
}
"""What verbs read, likewise."""
_MANIFESTS: Final = ("manifest.json", "_MANIFEST")
"""Of a bundle, of parts. Any other folder is read as a log alone: it may be called as a ladder."""
_SQLITE: Final = "sqlite:///"


def refuse_to_overwrite(parsed: argparse.Namespace) -> None:
    """Refuse a call that would write over what it reads, or among it, before anything is read.

    Into a folder of files of events may be written what nobody takes for events later.

    Raises
    ------
    Refused : an output is an input, or lies in one; the message names both.
    """
    from features.errors import Refused

    for kept, option in _WRITTEN.items():
        out = getattr(parsed, kept, None)
        # A report without a log beside it is one that is read, to promote by it.
        if not isinstance(out, Path) or (kept == "report" and not hasattr(parsed, "events")):
            continue
        for name, said in _READ.items():
            for source in _named(getattr(parsed, name, None)):
                held = name == "events" or any((source / one).exists() for one in _MANIFESTS)
                if source.is_dir() and not held:
                    continue
                if how := _lies(out, source, of_events=name == "events"):
                    raise Refused(
                        f"{option} {out} {how} {said} that is read, {source}: write it elsewhere"
                    )


def _named(value: object) -> list[Path]:
    """The files and folders that an argument names."""
    each = value if isinstance(value, list) else [value]
    paths = [Path(str(one).removeprefix(_SQLITE)) for one in each if one]
    return [path for path in paths if path.exists()]


def _lies(out: Path, source: Path, *, of_events: bool) -> str:
    """How an output lies to an input that is there; "" where neither touches the other."""
    place = out.resolve()
    if _is_same(place, source):
        return "is"
    if not source.is_dir():
        return ""
    if not of_events:
        return "lies in" if any(_is_same(above, source) for above in place.parents) else ""
    from features.events.formats.files import is_of_events

    # Folders in it are not looked into, and other files are passed over.
    if _is_same(place.parent, source) and not place.is_dir() and is_of_events(place):
        return "lies in"
    read = (one for one in source.iterdir() if one.is_file() and is_of_events(one))
    return "is part of" if any(_is_same(place, one) for one in read) else ""


def _is_same(one: Path, other: Path) -> bool:
    return one == other.resolve() or (one.exists() and other.exists() and one.samefile(other))
