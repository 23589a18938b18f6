"""What verbs read and print alike."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from features.ladder.words import things, visible
from rung.options import Progress, as_days, folded, note, width_of

if TYPE_CHECKING:
    import pandas as pd

    from features.events.log import EventLog
    from features.ladder.ladder import Ladder
    from features.store.events import EventStore
    from features.store.identities.turns import Erased
    from models.bundle import Bundle
    from models.sources import FolderSource, RegistrySource
    from training.pipeline import TrainConfig
    from training.setup.config_file import Configuration

__all__ = [
    "NOT_KEPT",
    "aligned",
    "configuration_of",
    "days_asked",
    "erased_by_now",
    "expected_purchases",
    "horizons_option",
    "judged_until",
    "loaded_bundle",
    "look_here",
    "named_ladder",
    "named_log",
    "only_reads",
    "print_json",
    "print_line",
    "print_markdown",
    "print_table",
    "purchases_by_days",
    "read",
    "say_purchases",
    "served_folder",
    "shortened",
    "store_of",
    "trained_with",
    "trusted_types",
    "usual_ladder",
    "what_serves",
    "write_table",
]

_GAP: Final = "  "
NOT_KEPT: Final = "a lead was erased meanwhile: this is not kept in the store; do it again"
"""Said where what was made of a store may hold texts of somebody who is gone."""


def read(
    parsed: argparse.Namespace,
    progress: Progress,
    ladder: Ladder | None = None,
    until: datetime | None = None,
    *,
    everybody: bool = False,
) -> tuple[Ladder, EventLog]:
    """The ladder and the log that a verb names; what was wrong with the log is told.

    `everybody`: of a store, leads that opted out are there as well, only to be counted.
    """
    from features.clock import now
    from features.errors import without_password
    from features.ladder.file import read_ladder
    from features.reading import names_misspelt, read_events

    ladder = ladder or read_ladder(parsed.ladder)
    if "://" in str(parsed.events):
        then = until or getattr(parsed, "until", None)
        ladder = _with_offers(ladder, parsed.events, then)
    progress(f"reading {without_password(parsed.events)}")
    log, report = read_events(
        parsed.events,
        ladder,
        until=until,
        now=now(),
        strict=parsed.strict,
        rejects=parsed.rejects,
        assume_timezone=parsed.timezone,
        layout=parsed.layout,
        progress=progress,
        everybody=everybody,
    )
    for line in report.lines():
        progress(line)
    for line in [*report.warnings(), *names_misspelt(log, ladder)]:
        note(line)
    return ladder, log


def named_log(parsed: argparse.Namespace) -> str:
    """The log or the store that a verb names, or that of the environment.

    Raises
    ------
    EventsError : both are named, or none.
    """
    from features.errors import EventsError

    if parsed.events and parsed.store:
        raise EventsError("a log and a --store are named: leave one of them out")
    named: str = parsed.events or parsed.store or os.environ.get("RUNG_DATABASE_URL", "")
    if not named:
        raise EventsError("no log is named, and RUNG_DATABASE_URL is not set: name one of them")
    return named


def named_ladder(parsed: argparse.Namespace) -> Ladder | None:
    """None where a ladder is named, which `read` reads; else that of the bundle.

    Raises
    ------
    BundleError : there is no bundle, or none that can be read.
    """
    from models.bundle import load_bundle

    if parsed.ladder:
        return None
    return load_bundle(served_folder(parsed.bundle, "ladder")).ladder


def served_folder(named: Path | None, wanted: str = "bundle") -> Path:
    """The folder of the bundle that a verb names, or of the one that the environment lets serve.

    Parameters
    ----------
    wanted : what the bundle is looked for, as the error says: "bundle" or "ladder".

    Raises
    ------
    BundleError : neither names one, or it cannot be had.
    """
    from features.errors import BundleError

    if named:
        return named
    if not os.environ.get("RUNG_BUNDLE") and not os.environ.get("RUNG_MODEL"):
        other = "--ladder, or a bundle with --bundle" if wanted == "ladder" else "--bundle"
        raise BundleError(
            f"no {wanted} is named, and RUNG_BUNDLE is not set: name one with {other}"
        )
    return what_serves(None).folder()


def usual_ladder(source: FolderSource | RegistrySource) -> Ladder:
    """The ladder of what is to serve from a place where nothing serves yet.

    Raises
    ------
    BundleError : the model in the registry is called by no ladder that comes along.
    """
    from features.errors import BundleError, LadderError
    from features.ladder.file import read_ladder
    from models.logged.versions import ladder_name
    from models.sources import RegistrySource

    if not isinstance(source, RegistrySource):
        return read_ladder("b2b")
    try:
        return read_ladder(ladder_name(source.name))
    except LadderError as error:
        raise BundleError(
            f"nothing serves yet as {source}: name its ladder with --ladder"
        ) from error


def what_serves(
    named: str | None, *, asked: Ladder | None = None, usual: Ladder | None = None
) -> FolderSource | RegistrySource:
    """Where what serves comes from: what an option names, or else what the service's settings do.

    In a registry it is RUNG_MODEL that says which model and which alias of it.

    Parameters
    ----------
    named : a folder, or the URI of a registry; None for that of the settings.
    asked : the ladder that an option names; RUNG_MODEL must not name the model of another one.
    usual : whose champion is meant where neither says; None for b2b.

    Raises
    ------
    BundleError : --ladder and RUNG_MODEL mean two models.
    SettingsError : the environment has settings that will not do.
    """
    from features.errors import BundleError
    from features.ladder.file import read_ladder
    from models.logged.registry_uri import address
    from models.logged.versions import model_name
    from models.sources import source_of
    from serving.settings import Settings

    settings = Settings.from_environment(os.environ)
    if named and "://" not in named:
        return source_of(Path(named), "", "")
    if not named and not settings.model:
        return source_of(settings.bundle, "", "")
    model = settings.model or model_name(asked or usual or read_ladder("b2b"))
    if asked is not None and model.partition("@")[0] != model_name(asked):
        raise BundleError(
            f"--ladder names {asked.name}, whose model is {model_name(asked)}, and RUNG_MODEL names"
            f" {model}: leave one of them out"
        )
    registry, tracking = (named, "") if named else (settings.registry, settings.tracking)
    experiment = address(named, os.environ).experiment
    return source_of(settings.bundle, model, registry, tracking, experiment)


def _with_offers(ladder: Ladder, url: str, until: datetime | None) -> Ladder:
    """The ladder with the offers that a store's catalogue had at an instant: now, or `until`."""
    from features.clock import microseconds, now
    from features.ladder.catalogue import as_far_as_it_fits
    from features.store.events import EventStore

    with EventStore.existing(url) as store:
        found = store.offers.at(ladder.name, microseconds(until) if until else now())
    ladder, unfit = as_far_as_it_fits(ladder, found)
    for line in unfit:
        note(line)
    return ladder


def erased_by_now(events: str) -> Erased | None:
    """The erasures in a store by now, to be asked before it is read; None of a file."""
    if "://" not in events:
        return None
    from features.store.events import EventStore

    with EventStore.existing(events) as store:
        return store.identities.erased_now()


def only_reads(store: EventStore) -> bool:
    """Whether what was made of a store cannot be kept beside it, which is said then."""
    if store.database.only_reads:
        note("nothing can be written where the store is: this is shown, and not kept beside it")
    return store.database.only_reads


def judged_until(until: datetime | None, log: EventLog) -> int:
    """The instant up to which outcomes are believed: of what comes after, the log knows nothing."""
    from features.clock import microseconds, rfc3339

    if until is None:
        return log.judged_until(None)
    asked = microseconds(until)
    found = log.judged_until(asked)
    if found < asked:
        note(
            f"--until {rfc3339(asked)} is after the last thing known, {rfc3339(found)}:"
            " what came between is unknown, and no outcome is taken from it"
        )
    return found


def trusted_types(parsed: argparse.Namespace) -> tuple[str, ...]:
    """The types that --trust and RUNG_TRUSTED_TYPES permit, sorted.

    Where there are some, their modules are looked for in the current folder as well.
    """
    from serving.settings import Settings

    named = {*Settings.from_environment(os.environ).trusted_types, *parsed.trust}
    if named:
        look_here()
    return tuple(sorted(named))


def look_here() -> None:
    """Let modules of the current folder be imported; those that are installed come first."""
    here = str(Path.cwd())
    if not {here, ""} & set(sys.path):
        sys.path.append(here)


def loaded_bundle(folder: Path, parsed: argparse.Namespace) -> Bundle:
    """The bundle of a folder, with the types that the call trusts."""
    from models.bundle import load_bundle

    return load_bundle(folder, trusted=trusted_types(parsed))


def trained_with(
    parsed: argparse.Namespace, progress: Progress, ladder: Ladder, estimator: str | None = None
) -> TrainConfig:
    """The configuration of the file, with what the options say instead; its estimator was tried."""
    from features.signals.table import signals_of
    from models.scores.learners.rehearsal import rehearse

    held = configuration_of(parsed)
    trusted = trusted_types(parsed)
    if estimator or held.estimator:
        look_here()
        held = held.with_estimator(estimator, trusted)
    config = held.made()
    if config.fit.estimator is not None:
        progress(f"trying {type(config.fit.estimator).__name__} on a small sample")
        columns = len(signals_of(ladder))
        rehearse(config.fit.estimator, columns, trusted=config.fit.trusted, seed=config.fit.seed)
    return config


def configuration_of(parsed: argparse.Namespace) -> Configuration:
    """The configuration of --config, or the default one, with --seed."""
    from training.setup.config_file import Configuration, read_config

    held = read_config(parsed.config) if parsed.config else Configuration()
    return held if parsed.seed is None else held.seeded(parsed.seed)


def store_of(url: str | None, *, must_exist: bool = False) -> EventStore:
    """The store that is named, or that of the environment."""
    from features.store.events import EventStore
    from serving.settings import Settings

    url = url or Settings.from_environment(os.environ).database_url
    return EventStore.existing(url) if must_exist else EventStore.open(url)


def horizons_option(parser: argparse.ArgumentParser) -> None:
    """The days within which chances are told as well."""
    parser.add_argument(
        "--horizon-days",
        type=as_days,
        action="append",
        default=[],
        metavar="DAYS",
        help="the chances within so many days as well, and how many buy; once or more",
    )


def days_asked(parsed: argparse.Namespace, bundle: Bundle) -> list[float]:
    """The days that are asked about, each once, the fewest first, as columns are called by them.

    UnknownHorizon where the bundle knows nothing of so many.
    """
    from models.horizons import check_days

    for days in parsed.horizon_days:
        check_days(bundle, days)
    return sorted({float(f"{days:g}") for days in parsed.horizon_days})


def expected_purchases(bundle: Bundle, of_days: Mapping[float, float]) -> dict[float, float]:
    """Those within so many days as the ladder's purchase has; beyond them nothing is known."""
    longest = bundle.ladder.purchase.horizon_days
    return {days: count for days, count in of_days.items() if days <= longest}


def purchases_by_days(expected: Mapping[float, float]) -> dict[str, dict[str, float]]:
    """The member `purchases` of what is printed as JSON; nothing where nothing was asked."""
    if not expected:
        return {}
    return {"purchases": {f"{days:g}": count for days, count in expected.items()}}


def say_purchases(expected: Mapping[float, float]) -> None:
    """Print how many purchases are to be expected within which days, if that was asked."""
    if expected:
        told = ", ".join(f"{n:,.1f} within {things(days, 'day')}" for days, n in expected.items())
        print_line(f"purchases to be expected of these leads: {told}")


def write_table(frame: pd.DataFrame, out: Path) -> None:
    """A table in the format that the suffix of its file names."""
    from features.files import new_file

    with new_file(out) as part:
        if out.suffix.lower() == ".parquet":
            frame.to_parquet(part, index=False)
        else:
            frame.to_csv(part, index=False)


def print_json(value: Any) -> None:
    """Print a result for programs."""
    print(json.dumps(value, indent=2, default=str))


def print_line(line: str) -> None:
    """Print a line, or several; a terminal that is narrower gets them folded between words."""
    print(folded(line, sys.stdout))


def print_table(
    rows: Sequence[Sequence[str]], texts: Sequence[int] = (0,), inset: str = ""
) -> None:
    """Print rows under their heads, as `aligned`.

    A terminal that is narrower gets the columns in several tables, each with the first column.

    Parameters
    ----------
    rows : the first one holds the heads; all are of one length.
    inset : what stands before each line.
    """
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    tables = [list(range(len(widths)))]
    width = width_of(sys.stdout)
    if width is not None:
        tables = _tables(widths, width - len(inset))
    for at, columns in enumerate(tables):
        words = [place for place, column in enumerate(columns) if column in texts]
        shown = [[row[column] for column in columns] for row in rows]
        if at:  # what a row has was in an earlier table
            shown = [shown[0], *(row for row in shown[1:] if any(row[1:]))]
            if len(shown) == 1:
                continue
            print()
        for line in aligned(shown, words):
            print(visible(f"{inset}{line}".rstrip()))


def _tables(widths: Sequence[int], room: int) -> list[list[int]]:
    """Which columns stand in each table, so that it is no wider than there is room."""
    tables, taken = [[0]], widths[0]
    for column, width in enumerate(widths[1:], start=1):
        if not width:
            continue
        taken += len(_GAP) + width
        if taken > room and len(tables[-1]) > 1:
            tables.append([0])
            taken = widths[0] + len(_GAP) + width
        tables[-1].append(column)
    return tables


def print_markdown(table: str) -> None:
    """Print a table in Markdown; a terminal that is narrower gets it as `print_table` does."""
    lines = table.split("\n")
    width = width_of(sys.stdout)
    if width is None or max(map(len, lines)) <= width:
        return print(visible(table))
    heads, rule, *rows = map(_cells, lines)
    texts = [at for at, cell in enumerate(rule) if not cell.endswith(":")]
    return print_table([heads, *rows], texts)


def _cells(line: str) -> list[str]:
    """The cells of a line of Markdown, empty ones as well, without its marks."""
    cells = line.removeprefix("| ").removesuffix(" |").split(" | ")
    return [cell.strip(" `").replace("\\|", "|") for cell in cells]


def aligned(rows: Sequence[Sequence[str]], texts: Sequence[int] = (0,)) -> list[str]:
    """The rows as lines, figures to the right, columns as wide as what stands in them.

    Rows may end early.

    Parameters
    ----------
    texts : the columns that are words, and stand to the left.
    """
    widths = [
        max(len(row[at]) for row in rows if at < len(row)) for at in range(max(map(len, rows)))
    ]
    return [
        _GAP.join(
            cell.ljust(width) if at in texts else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=False))
        ).rstrip()
        for row in rows
    ]


def shortened(text: str, most: int) -> str:
    """A text in at most so many characters; one that was cut ends in an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
