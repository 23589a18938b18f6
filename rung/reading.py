"""What verbs read and print alike."""

from __future__ import annotations

import argparse
import json
import os
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rung.options import Progress

if TYPE_CHECKING:
    from features.events.log import EventLog
    from features.ladder.ladder import Ladder
    from features.store.events import EventStore

__all__ = ["print_json", "read", "store_of"]


def read(
    parsed: argparse.Namespace,
    progress: Progress,
    ladder: Ladder | None = None,
    until: datetime | None = None,
) -> tuple[Ladder, EventLog]:
    """The ladder and the log that a verb names; what was wrong with the log is told."""
    from features.ladder.file import read_ladder
    from features.reading import read_events

    ladder = ladder or read_ladder(parsed.ladder)
    progress(f"reading {parsed.events}")
    log, report = read_events(
        parsed.events,
        ladder,
        until=until,
        strict=parsed.strict,
        rejects=parsed.rejects,
        assume_timezone=parsed.timezone,
        progress=progress,
    )
    for line in report.lines():
        progress(line)
    return ladder, log


def store_of(url: str | None, *, must_exist: bool = False) -> EventStore:
    """The store that is named, or that of the environment."""
    from features.store.events import EventStore
    from serving.settings import Settings

    url = url or Settings.from_environment(os.environ).database_url
    return EventStore.existing(url) if must_exist else EventStore.open(url)


def print_json(value: Any) -> None:
    """Print a result for programs."""
    print(json.dumps(value, indent=2, default=str))
