"""Counting where leads stop, as `rung funnel --store` does it."""

from __future__ import annotations

from collections.abc import Mapping

from features.events.log import EventLog
from features.funnel.kept import keep_causes, keep_stays
from features.funnel.stays import Stays, stays_of
from features.ladder.ladder import Ladder
from features.store.events import EventStore
from features.store.kept.columns import KeptColumns
from models.judging.funnel.why import causes_of


def count(
    store: EventStore,
    ladder: Ladder,
    log: EventLog | None = None,
    left: Mapping[str, int] | None = None,
) -> Stays:
    """Keep the stays and the causes of a store, or of another log, beside it; the stays."""
    log = store.log(ladder) if log is None else log
    stays = stays_of(log, ladder, left=left)
    columns = KeptColumns(store.database)
    keep_stays(columns, stays)
    keep_causes(columns, ladder, stays.until, causes_of(log, ladder, stays))
    return stays
