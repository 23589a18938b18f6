"""The database: whether it is there, keeps what it is told, and has room and time."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from features.clock import microseconds
from features.errors import StoreError
from features.store.connecting.engines import parsed_url
from features.store.connecting.outages import shown
from features.store.database import Database
from features.store.migrations import LATEST, version_of
from serving.doctor.finding import Finding, fine, note, wrong

__all__ = ["CONNECTIONS", "clocks", "is_current", "kind", "opened", "schema"]

CONNECTIONS: Final = 30
"""That a process may have open to PostgreSQL: the pool and what goes beyond it."""
_OLDEST_POSTGRESQL: Final = 14
_NETWORK: Final = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre"),
        *("beegfs", "gfs2", "ocfs2", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone"),
    }
)
_MOUNTS: Final = Path("/proc/self/mounts")
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")
_LEAST_FREE: Final = 1024**3
_SKEW_US: Final = 5_000_000
_LOST: Final = "what was answered as stored may be gone after a crash"


# ---------------------------------------------------------------------------------- Is there one?


def opened(url: str) -> tuple[Database | None, list[Finding]]:
    """The database at a URL, with nothing made or changed in it; None where it cannot be had."""
    try:
        parsed = parsed_url(url)
        if parsed.get_backend_name() == "sqlite":
            absent = _no_file(parsed)
            if absent is not None:
                return None, [absent]
        database = Database.open(url, may_only_read=True)
    except StoreError as error:
        why = "the service does not start without it, and answers 503 when it goes away"
        remedy = "see that the database runs, and that RUNG_DATABASE_URL is right; what is special"
        remedy += " in its password is percent-encoded (@ is %40)"
        if url.startswith("sqlite"):
            remedy = "see that RUNG_DATABASE_URL is right, and that the user of the service may"
            remedy += " read and write the file and the folder that it lies in"
        return None, [wrong("store", str(error), why, remedy)]
    return database, [fine("store", f"reachable, {shown(database.engine.url)}")]


def _no_file(url: sa.URL) -> Finding | None:
    """What is to be said of a SQLite file that is not there; None where it is."""
    if url.database in (None, "", ":memory:"):
        why = "everything is gone when the process ends"
        return wrong("store", "in memory", why, "set RUNG_DATABASE_URL to a file or to PostgreSQL")
    path = Path(url.database or "")
    if path.is_file():
        return None
    if not path.parent.is_dir():
        why = "the service cannot make its store there, and does not start"
        return wrong("store", f"there is no folder {path.parent}", why, f"mkdir -p {path.parent}")
    why = "it is made when the service starts, or with rung import"
    return note("store", f"no store yet at {path}", why, "start the service")


def is_current(database: Database) -> bool:
    """Whether the tables are those of this version."""
    try:
        with database.reading() as connection:
            return version_of(connection) == LATEST
    except (StoreError, sa.exc.SQLAlchemyError):
        return False


def schema(database: Database) -> Iterator[Finding]:
    """What is to be said of tables that are not those of this version; StoreError: not ours."""
    with database.reading() as connection:
        version = version_of(connection)
    if version is None:
        why = "they are made when the service starts"
        yield note("schema", "the database has no tables yet", why, "start the service")
    elif version > LATEST:
        why = "this version of Rung cannot use it, and does not start"
        remedy = "install the version of Rung that wrote it, or a newer one"
        yield wrong("schema", f"has version {version}, this Rung reads {LATEST}", why, remedy)
    else:
        why = "the rest cannot be looked at before it is brought up to date, which a start does"
        remedy = "make a backup, stop all processes of the older version, start the service"
        what = f"has version {version or 'before 0002'}, this Rung needs {LATEST}"
        yield wrong("schema", what, why, remedy)


# ------------------------------------------------------------------------------------------ SQLite


def kind(
    database: Database, environment: Mapping[str, str], *, is_running: bool = False
) -> Iterator[Finding]:
    """What holds for a database of its kind alone.

    Parameters
    ----------
    is_running : whether a service has it open.
    """
    if database.is_sqlite:
        path = Path(database.engine.url.database or "").resolve()
        if not database.only_reads:  # of which SQLite tells no mode
            yield _journal(database, is_running=is_running)
        yield from _place(path)
        yield from _unwritable(path)
        yield _room(path)
    else:
        yield from _postgresql(database, environment)


def _journal(database: Database, *, is_running: bool) -> Finding:
    with database.reading() as connection:
        mode = str(connection.exec_driver_sql("PRAGMA journal_mode").scalar())
    if mode == "wal":
        return fine("store", "in WAL mode")
    if mode == "delete" and not is_running:
        return note(
            "store",
            "its journal mode is delete, as of a copy that no service has opened yet",
            "whoever reads waits for whoever writes in that mode",
            "nothing: the first start of a service switches WAL on",
        )
    return wrong(
        "store",
        f"its journal mode is {mode}, not WAL",
        "whoever reads waits for whoever writes",
        "start the service anew, which switches it on; if it stays, move the file to a local disk",
    )


def _place(path: Path) -> Iterator[Finding]:
    """Whether the file lies on a disk of this machine; nothing where that cannot be seen."""
    if not _MOUNTS.is_file():
        return
    found = filesystem_of(path, _MOUNTS.read_text(encoding="utf-8", errors="replace"))
    if found not in _NETWORK:
        yield fine("store", f"on a local disk ({found})")
        return
    yield wrong(
        "store",
        f"on a network file system ({found})",
        "locks do not hold there, and the file breaks sooner or later",
        "move the file to a local disk, or use PostgreSQL",
    )


def filesystem_of(path: Path, mounts: str) -> str:
    """The type of the file system that a path lies on, "" where it cannot be told.

    Parameters
    ----------
    mounts : as /proc/self/mounts has them.
    """
    best, found = -1, ""
    for line in mounts.splitlines():
        _, place, type_, *_ = [*line.split(" "), "", "", ""]
        folder = Path(_ESCAPED.sub(lambda code: chr(int(code[1], 8)), place))
        if path.is_relative_to(folder) and len(folder.parts) >= best:
            best, found = len(folder.parts), type_
    return found


def _unwritable(path: Path) -> Iterator[Finding]:
    """The disk or the files of the store that whoever runs this cannot write to."""
    if _is_on_disk_that_reads(path):
        why = "a service stores events, scores and decisions there, and does not start"
        remedy = "mount the disk for writing, or let RUNG_DATABASE_URL name a store on another one;"
        remedy += " nothing, where it is a copy that is only read"
        yield wrong("store", f"{path} lies on a disk that only reads", why, remedy)
        return
    beside = [path.with_name(path.name + suffix) for suffix in ("-wal", "-shm")]
    for one in (path, *(more for more in beside if more.exists()), path.parent):
        if not os.access(one, os.W_OK):
            why = "a service that runs as the same user can store nothing"
            remedy = f"chown it to the user of the service, such as: chown rung {one}"
            yield wrong("store", f"{one} cannot be written by this user", why, remedy)


def _is_on_disk_that_reads(path: Path) -> bool:
    """Whether nobody can write where a file lies; not where that cannot be told."""
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except (AttributeError, OSError):  # not on every system
        return False


def _room(path: Path) -> Finding:
    free, size = shutil.disk_usage(path.parent).free, path.stat().st_size
    left = f"{free / 1024**3:,.1f} GiB free"
    if free < _LEAST_FREE:
        why = "when the disk is full nothing can be stored, and events are refused"
        return wrong("disk", left, why, "make room, or move the store to a larger disk")
    if free < 2 * size:
        why = f"a copy of the store ({size / 1024**3:,.1f} GiB) hardly fits beside it"
        return note("disk", left, why, "write backups to another disk")
    return fine("disk", left)


# -------------------------------------------------------------------------------------- PostgreSQL


def _postgresql(database: Database, environment: Mapping[str, str]) -> Iterator[Finding]:
    with database.reading() as connection:
        version = [int(part) for part in connection.dialect.server_version_info or (0,)]
        settings = {name: _setting(connection, name) for name in (*_DURABLE, *_COUNTS)}
        only_reads = _setting(connection, "transaction_read_only") == "on"
        is_standby = bool(connection.scalar(sa.select(sa.func.pg_is_in_recovery())))
    number = ".".join(str(part) for part in version)
    if version[0] < _OLDEST_POSTGRESQL:
        why = f"Rung is not tried with versions below {_OLDEST_POSTGRESQL}"
        yield wrong("store", f"PostgreSQL {number}", why, "upgrade PostgreSQL")
    else:
        yield fine("store", f"PostgreSQL {number}")
    if only_reads:
        yield _only_reads(is_standby=is_standby)
    yield from _durable(settings)
    yield _enough_connections(settings, environment)


_DURABLE: Final = ("fsync", "full_page_writes", "synchronous_commit")
_COUNTS: Final = ("max_connections", "superuser_reserved_connections")


def _setting(connection: sa.Connection, name: str) -> str:
    return str(connection.scalar(sa.select(sa.func.current_setting(name))))


def _only_reads(*, is_standby: bool) -> Finding:
    what = "it only reads: "
    if is_standby:
        what += "it is a standby"
        remedy = "let RUNG_DATABASE_URL name the primary, or promote this one (pg_ctl promote)"
    else:
        what += "default_transaction_read_only is on"
        remedy = (
            "ALTER ROLE, ALTER DATABASE or ALTER SYSTEM SET default_transaction_read_only = off"
        )
    return wrong("store", what, "nothing can be stored: events are refused with 503", remedy)


def _durable(settings: Mapping[str, str]) -> Iterator[Finding]:
    off = [name for name in _DURABLE if settings[name] == "off"]
    for name in off:
        remedy = f"ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf(); and the same for the role"
        yield wrong("store", f"{name} is off", _LOST, remedy)
    if not off:
        yield fine("store", "commits are durable")


def _enough_connections(settings: Mapping[str, str], environment: Mapping[str, str]) -> Finding:
    most = int(settings["max_connections"]) - int(settings["superuser_reserved_connections"])
    given = environment.get("WEB_CONCURRENCY", "")
    processes = 1 + (max(1, int(given)) if given.isdecimal() else 1)  # one scores
    what = f"PostgreSQL takes {most} connections, {processes} x {CONNECTIONS} may be needed"
    if processes * CONNECTIONS <= most:
        return fine("store", what)
    return wrong(
        "store",
        what,
        "requests fail once there are no more",
        f"max_connections = {processes * CONNECTIONS + 20} or more in postgresql.conf, a restart of"
        f" PostgreSQL, or at most {most // CONNECTIONS - 1} workers",
    )


# ------------------------------------------------------------------------------------------ Clocks


def clocks(database: Database, clock: Callable[[], int]) -> Iterator[Finding]:
    """Whether this machine and that of the database have the same time."""
    if database.is_sqlite:
        return
    with database.reading() as connection:
        before = clock()
        theirs = connection.scalar(sa.select(sa.func.clock_timestamp()))
        ours = (before + clock()) // 2
    if theirs is None:
        return
    ahead = (ours - microseconds(theirs)) / 1e6
    if abs(ahead) * 1e6 < _SKEW_US:
        yield fine("clock", "agrees with that of the database")
        return
    direction = "ahead of" if ahead > 0 else "behind"
    yield wrong(
        "clock",
        f"this machine is {abs(ahead):,.0f} seconds {direction} the database's",
        "leases of work and signatures of notifications go by the clock",
        "let NTP set both clocks (timedatectl set-ntp true)",
    )
