"""What happened in a world, as everybody can read it: the events, and what a CRM makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from features.arrays import Bools, Floats, Ints
from features.events.log import DAY_US, EventLog, LogColumns
from features.events.of_lead import Row
from features.events.properties import as_text, number_or_nan

__all__ = ["POINTS", "POINTS_HALF_LIFE", "Journal"]

POINTS: Final[Mapping[str, float]] = {
    "page_viewed": 1.0,
    "content_read": 5.0,
    "asset_opened": 5.0,
    "form_submitted": 10.0,
    "asset_used": 10.0,
    "assessment_started": 10.0,
    "webinar_registered": 10.0,
    "webinar_attended": 15.0,
    "assessment_completed": 15.0,
    "session_held": 25.0,
    "pilot_started": 25.0,
    "guarantee_accepted": 25.0,
}
"""What a points rule usually gives for."""
POINTS_HALF_LIFE: Final = 90.0
"""Days."""
_NO_ACTIVITY: Final = frozenset(
    (
        *("offer_extended", "business_replied", "identify", "rung_decision", "rung_exposure"),
        *("offer_declined", "email_unsubscribed", "consent", "deal_closed", "pilot_failed"),
        *("session_no_show", "webinar_no_show"),
    )
)
"""What is ours, and what speaks against a lead: no CRM would call it activity."""
_NEVER: Final = -10_000


class Journal:
    """The events of all leads so far. Leads are numbers; days count from the world's first.

    Attributes
    ----------
    rows : of each lead, its events in order.
    last_active, active_at : shape (n,), the day and the instant of the last thing that the lead
        did; long ago if none.
    points : shape (n,), halved in `POINTS_HALF_LIFE` days, as of the day last begun.
    waits_since : shape (n,), the day of a question that waits; -1 without one.
    is_closed : shape (n,), whether the deal was closed as lost.
    may_mail : shape (n,), whether the lead has not refused mails.
    called, mailed : shape (n,), the day of the last call and the last mail.
    news : leads with an event since they were last taken from it.
    """

    def __init__(self, leads: int, starts_at: int) -> None:
        width = len(str(leads))
        self.lead_ids = [f"lead-{lead:0{width}d}" for lead in range(leads)]
        self.starts_at = starts_at
        self.rows: list[list[Row]] = [[] for _ in range(leads)]
        self.last_active: Ints = np.full(leads, _NEVER)
        self.active_at: Ints = np.zeros(leads, dtype=np.int64)
        self.points: Floats = np.zeros(leads)
        self.waits_since: Ints = np.full(leads, -1)
        self.is_closed: Bools = np.zeros(leads, dtype=np.bool_)
        self.may_mail: Bools = np.ones(leads, dtype=np.bool_)
        self.called: Ints = np.full(leads, _NEVER)
        self.mailed: Ints = np.full(leads, _NEVER)
        self.news: set[int] = set()

    def fork(self) -> Journal:
        """A journal that goes on from here on its own."""
        other = Journal.__new__(Journal)
        other.lead_ids, other.starts_at = self.lead_ids, self.starts_at
        other.rows = [list(rows) for rows in self.rows]
        other.news = set(self.news)
        for name, held in vars(self).items():
            if isinstance(held, np.ndarray):
                setattr(other, name, held.copy())
        return other

    def begin_day(self) -> None:
        """Let the points of a day fade."""
        self.points *= 0.5 ** (1.0 / POINTS_HALF_LIFE)

    def instant(self, day: int, hour: float) -> int:
        """An hour of a day in microseconds since the epoch."""
        return self.starts_at + day * DAY_US + round(hour * DAY_US / 24.0)

    def write(self, lead: int, name: str, at: int, properties: Mapping[str, Any]) -> None:
        """An event that happened at an instant and was known at once."""
        self.rows[lead].append((name, at, at, properties))
        self.news.add(lead)
        day = (at - self.starts_at) // DAY_US
        if name not in _NO_ACTIVITY:
            self.last_active[lead] = day
            self.active_at[lead] = at
        if name in POINTS:
            self.points[lead] += POINTS[name]
        if name == "lead_asked" and self.waits_since[lead] < 0:
            self.waits_since[lead] = day
        elif name == "business_replied":
            self.waits_since[lead] = -1
        elif name == "deal_closed":
            self.is_closed[lead] = True
        elif name == "email_unsubscribed":
            self.may_mail[lead] = False

    def log(
        self, leads: Iterable[int], columns: LogColumns, without: Sequence[str] = ()
    ) -> EventLog:
        """The events of some leads, ascending by number; the columns of `without` left empty."""
        found = _Columns(columns, without)
        for lead in leads:
            for name, at, _, properties in self.rows[lead]:
                found.add(self.lead_ids[lead], name, at, properties)
        return found.log()


class _Columns:
    """Events on their way into the columns of a log."""

    def __init__(self, columns: LogColumns, without: Sequence[str]) -> None:
        self.columns = columns
        self.number_at = {key: at for at, key in enumerate(columns.numbers) if key not in without}
        self.text_at = {key: at for at, key in enumerate(columns.texts) if key not in without}
        self.ids: list[str] = []
        self.names: list[str] = []
        self.occurred: list[int] = []
        self.numbers: list[tuple[int, int, float]] = []
        self.texts: list[tuple[int, int, str | None]] = []

    def add(self, lead_id: str, name: str, at: int, properties: Mapping[str, object]) -> None:
        row = len(self.ids)
        for key, value in properties.items():
            if (column := self.number_at.get(key)) is not None:
                self.numbers.append((column, row, number_or_nan(value)))
            if (column := self.text_at.get(key)) is not None:
                self.texts.append((column, row, as_text(value)))
        self.ids.append(lead_id)
        self.names.append(name)
        self.occurred.append(at)

    def log(self) -> EventLog:
        count = len(self.ids)
        number_of = {name: np.full(count, np.nan) for name in self.columns.numbers}
        text_of: dict[str, list[str | None]] = {}
        for column, row, number in self.numbers:
            number_of[self.columns.numbers[column]][row] = number
        for column, row, text in self.texts:
            text_of.setdefault(self.columns.texts[column], [None] * count)[row] = text
        return EventLog.from_columns(
            self.ids,
            self.names,
            np.array(self.occurred, dtype=np.int64),
            numbers=number_of,
            texts=text_of,
            columns=self.columns,
        )
