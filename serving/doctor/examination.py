"""Looks at a deployment part by part; one that cannot be looked at does not hide the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from features.clock import now
from features.errors import RungError
from features.ladder.ladder import Ladder
from features.store.connecting.outages import cause
from features.store.database import Database
from serving.doctor import connections, crowds, events, keys, machine, model, running, store, work
from serving.doctor.finding import Finding, fine, wrong
from serving.settings import Settings, SettingsError

__all__ = ["RunningParts", "examine", "examine_running"]


@dataclass(frozen=True, slots=True)
class RunningParts:
    """What a running service is made of, as far as it can be examined.

    Parameters
    ----------
    environment : what it was started with; it holds secrets.
    ladder : the one whose events count.
    """

    settings: Settings
    environment: Mapping[str, str] = field(repr=False)
    database: Database
    ladder: Ladder


def examine(
    environment: Mapping[str, str], url: str | None = None, clock: Callable[[], int] = now
) -> list[Finding]:
    """Look at everything that an environment sets up, and at a running service.

    Parameters
    ----------
    environment : such as `os.environ`; what the service would be started with.
    url : where the service answers, such as https://rung.example.com; None for not looking there.
    clock : the present in microseconds since the epoch.
    """
    try:
        settings = Settings.from_environment(environment)
    except SettingsError as error:
        found = [_unreadable(str(mistake)) for mistake in error.mistakes]
    else:
        found = list(_all(settings, environment, clock))
    found += _looked("machine", lambda: machine.limits())
    if url is not None:
        found += _looked("service", lambda: running.service(url))
    return found


def _unreadable(mistake: str) -> Finding:
    return wrong("settings", mistake, "the service does not start", "correct the environment")


def _all(
    settings: Settings, environment: Mapping[str, str], clock: Callable[[], int]
) -> Iterator[Finding]:
    yield fine("settings", "readable")
    bundle, found = model.loaded(settings)
    yield from found
    ladder, found = model.ladder_of(settings, bundle)
    yield from found
    yield from _looked("connectors", lambda: connections.files(settings, environment, ladder))
    database, found = store.opened(settings.database_url)
    yield from found
    if database is None:
        return
    with database:
        yield from _looked("store", lambda: store.kind(database, environment))
        if not store.is_current(database):
            yield from _looked("schema", lambda: store.schema(database))
            return
        yield fine("schema", "up to date")
        yield from _looked("clock", lambda: store.clocks(database, clock))
        yield from _of_all_events(database, ladder, clock())
        yield from _looked("keys", lambda: keys.keys(database, settings.host))
        yield from _looked("scoring", lambda: work.scorers(database, bundle, clock()))
        yield from _waiting(database, clock())


def _of_all_events(database: Database, ladder: Ladder | None, as_of: int) -> Iterator[Finding]:
    yield from _looked("events", lambda: events.seen(database, ladder, as_of))
    yield from _looked("leads", lambda: crowds.crowds(database))


def _waiting(database: Database, as_of: int, *, is_whole: bool = True) -> Iterator[Finding]:
    yield from _looked("scoring", lambda: work.marks(database, as_of))
    yield from _looked(
        "notifications", lambda: work.notifications(database, as_of, is_whole=is_whole)
    )
    yield from _looked("write-back", lambda: work.written_back(database, as_of, is_whole=is_whole))


def examine_running(
    parts: RunningParts, clock: Callable[[], int] = now, *, is_whole: bool = False
) -> list[Finding]:
    """Look at a service from inside it, at its own store; what is quick to find, or all of it.

    Parameters
    ----------
    is_whole : look at every event and at the model that a start would load as well, which takes as
        long as there are many events.
    """
    settings, database, ladder = parts.settings, parts.database, parts.ladder
    found = [fine("settings", "readable")]
    if is_whole:
        found += _looked("model", lambda: model.loaded(settings)[1])
    found += _looked("connectors", lambda: connections.files(settings, parts.environment, ladder))
    found += _looked("store", lambda: store.kind(database, parts.environment, is_running=True))
    found += _looked("clock", lambda: store.clocks(database, clock))
    if is_whole:
        found += _of_all_events(database, ladder, clock())
    found += _looked("keys", lambda: keys.keys(database, settings.host, is_whole=is_whole))
    found += _waiting(database, clock(), is_whole=is_whole)
    return [*found, *_looked("machine", machine.limits)]


def _looked(part: str, look: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """What a look finds, or that it could not be taken."""
    try:
        return list(look())
    except (RungError, OSError) as error:
        why = str(error)
    except sa.exc.SQLAlchemyError as error:
        why = cause(error)
    return [wrong(part, f"cannot be looked at: {why}", "it may not work", "see to that first")]
