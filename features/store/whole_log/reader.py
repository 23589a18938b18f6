"""The process beside: parts of the leads come in, what is found of them goes out (see `ahead`)."""

from __future__ import annotations

import pickle
import signal
import sys
from typing import IO

from features.errors import StoreError
from features.store.database import Database
from features.store.whole_log.ahead import Looked, Subject
from features.store.whole_log.log import log_of_some
from features.threads import at_most

__all__ = ["main"]


def main(given: IO[bytes], told: IO[bytes]) -> None:
    """Answer until there is no more input: what was found, or None where the store is not read."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever is asked to stop lets it go
    at_most(1)  # the other processor is of the process that started it
    database: Database | None = None
    try:
        subject: Subject = pickle.load(given)  # noqa: S301 of the process that started it
        while True:
            leads = pickle.load(given)  # noqa: S301 of the process that started it
            try:
                database = database or Database.open(subject.url)
                with database.reading() as connection:
                    log = log_of_some(connection, leads, subject.ladder)
                answer = Looked(subject.look(log))
            except StoreError:
                answer = None
            pickle.dump(answer, told, pickle.HIGHEST_PROTOCOL)
            told.flush()
    except EOFError:
        return


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
