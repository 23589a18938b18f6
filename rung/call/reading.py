"""The log, the store, the ladder and the configuration that a verb names."""

from __future__ import annotations

import argparse
import os
from datetime import datetime
from typing import TYPE_CHECKING, Final

from rung.call.bundles import look_here, trusted_types
from rung.call.parser import Progress
from rung.call.printing import note

if TYPE_CHECKING:
    from features.events.log import EventLog
    from features.ladder.ladder import Ladder
    from features.store.events import EventStore
    from features.store.identities.turns import Erased
    from training.pipeline import TrainConfig
    from training.setup.config_file import Configuration

__all__ = [
    "NOT_KEPT",
    "configuration_of",
    "erased_by_now",
    "judged_until",
    "named_log",
    "only_reads",
    "read",
    "say_silence",
    "store_of",
    "trained_with",
]

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


def store_of(url: str | None, *, must_exist: bool = False) -> EventStore:
    """The store that is named, or that of the environment; one of an older version stays so."""
    from features.store.events import EventStore
    from features.store.migrations.older import keep_as_it_is
    from serving.settings import Settings

    url = url or Settings.from_environment(os.environ).database_url
    if must_exist:
        return EventStore.existing(url)
    return EventStore.open(url, when_older=keep_as_it_is)


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


def say_silence(newest: int, as_of: int) -> None:
    """Note that the last news of a log, of `newest`, is old where its leads are looked at."""
    from features.clock import said_at, said_from
    from features.reading import silence

    if since := silence(newest, as_of):
        note(
            f"nothing became known {since} before {said_at(as_of)}: what leads did meanwhile is not"
            " in it, and they look quieter than they may be. Bring the log up to date, or look at"
            f" them as of its last event: --as-of {said_from(newest)}"
        )


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
