"""Looks at a deployment part by part; one that cannot be looked at does not hide the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import sqlalchemy as sa

from features.clock import now
from features.errors import RungError
from features.store.database import Database
from features.store.outages import cause
from serving.doctor import connections, crowds, events, keys, machine, model, running, store, work
from serving.doctor.finding import Finding, fine, wrong
from serving.settings import Settings, SettingsError

__all__ = ["examine"]


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
        yield from _looked("events", lambda: events.seen(database, ladder, clock()))
        yield from _looked("leads", lambda: crowds.crowds(database))
        yield from _looked("keys", lambda: keys.keys(database, settings.host))
        yield from _waiting(database, clock())


def _waiting(database: Database, as_of: int) -> Iterator[Finding]:
    yield from _looked("scoring", lambda: work.marks(database, as_of))
    yield from _looked("notifications", lambda: work.notifications(database, as_of))
    yield from _looked("write-back", lambda: work.written_back(database, as_of))


def _looked(part: str, look: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """What a look finds, or that it could not be taken."""
    try:
        return list(look())
    except (RungError, OSError) as error:
        why = str(error)
    except sa.exc.SQLAlchemyError as error:
        why = cause(error)
    return [wrong(part, f"cannot be looked at: {why}", "it may not work", "see to that first")]
