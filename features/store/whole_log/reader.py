"""The process that reads ahead: leads come in, what is known of them goes out (see `ahead`)."""

from __future__ import annotations

import pickle
import signal
import sys
from typing import IO

from features.errors import StoreError
from features.store.database import Database
from features.store.whole_log.ahead import SeenLeads, Wanted
from features.store.whole_log.log import log_of_some

__all__ = ["main"]


def main(given: IO[bytes], told: IO[bytes]) -> None:
    """Answer until there is no more input: `SeenLeads`, or None where the store cannot be read."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever is asked to stop lets it go
    databases: dict[str, Database] = {}
    while True:
        try:
            (url, wanted), leads = pickle.load(given)  # noqa: S301 of the process that started it
        except EOFError:
            return
        try:
            if url not in databases:
                databases[url] = Database.open(url)
            seen = _read(databases[url], leads, wanted)
        except StoreError:
            seen = None
        pickle.dump(seen, told, pickle.HIGHEST_PROTOCOL)
        told.flush()


def _read(database: Database, leads: list[str], wanted: Wanted) -> SeenLeads:
    with database.reading() as connection:
        log = log_of_some(connection, leads, wanted.ladder)
    return SeenLeads.of(log, wanted)


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
