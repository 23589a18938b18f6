"""The process that reads ahead: parts of leads come in, their logs go out (see `ahead`)."""

from __future__ import annotations

import pickle
import signal
import sys
from typing import IO

from features.errors import StoreError
from features.events.log import EventLog
from features.ladder.ladder import Ladder
from features.store.database import Database
from features.store.whole_log.log import log_of_some

__all__ = ["main"]


def main(given: IO[bytes], told: IO[bytes]) -> None:
    """Answer until there is no more input: a log each, or None where the store cannot be read."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever is asked to stop lets it go
    databases: dict[str, Database] = {}
    while True:
        try:
            (url, ladder), leads = pickle.load(given)  # noqa: S301 of the process that started it
        except EOFError:
            return
        try:
            if url not in databases:
                databases[url] = Database.open(url)
            log = _read(databases[url], leads, ladder)
        except StoreError:
            log = None
        pickle.dump(log, told, pickle.HIGHEST_PROTOCOL)
        told.flush()


def _read(database: Database, leads: list[str], ladder: Ladder) -> EventLog:
    with database.reading() as connection:
        return log_of_some(connection, leads, ladder)


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
