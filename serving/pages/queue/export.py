"""A view of the queue as a table: every lead, with how it may be reached and what to do.

An address or a number whose channel is closed is left out: the table is taken to tools that send.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from features.ladder.ladder import Ladder
from features.offers.history import OfferHistory, history_of
from models.judging.spreadsheet import as_text
from models.offers.options import NO_ASK
from serving.pages.common.people import person_of
from serving.pages.common.reach import open_channels, reach_of
from serving.pages.queue.aside import aside_of
from serving.pages.queue.rows import Doing, doing_of
from serving.process.queue_views import Desk, QueueView
from serving.process.service import Service
from serving.process.working.actions import zone
from serving.scoring.answers import QueueItem
from serving.scoring.queue import items

__all__ = ["csv_of"]

_AT_ONCE: Final = 200
_COLUMNS: Final = (
    *("lead_id", "name", "company", "role", "email", "phone", "tab", "next_step"),
    *("chance", "chance_low", "chance_high", "horizon_days", "chance_of_purchase"),
    *("do", "offer", "offer_id", "channels", "minutes", "last_active", "waiting_since", "owner"),
)


def csv_of(service: Service, desk: Desk, view: QueueView) -> Iterator[str]:
    """The lines of the table, RFC 4180, its columns first; leads in the order of the view."""
    yield _line(_COLUMNS)
    after: tuple[float, str] | None = None
    scorer, ladder = service.scorer, service.ladder
    while True:
        part = desk.part(view, _AT_ONCE, after)
        for item in items(scorer, part.scores):
            lead_id = item["lead_id"]
            rows = scorer.store.events_of(lead_id)
            person = person_of(lead_id, rows, ladder, desk.now)
            history = history_of(rows, ladder, desk.now)
            reach = reach_of(person, history, ladder)
            aside = aside_of(desk, lead_id, rows, zone(ladder))
            doing = Doing(aside.text, "", "", 0.0, "") if aside else doing_of(ladder, item)
            yield _line(
                (
                    *(lead_id, person.title, person.company, person.role),
                    *(reach.email, reach.phone, item["tab"] or "", *_chances(item), doing.verb),
                    *(doing.what, "" if aside else _offer_id(ladder, item)),
                    "" if aside else _channels(item, history, ladder),
                    *(doing.minutes or "", item["last_active"] or ""),
                    *(item["waiting_since"] or "", desk.owner_of(lead_id)),
                )
            )
        if part.after is None:
            return
        after = part.after
        desk = replace(desk, now=service.clock())


def _chances(item: QueueItem) -> tuple[object, ...]:
    """The next step and what its chances are; all "" for who has none and waits for a reply."""
    step, between = item["step"], item["interval"]
    told = (
        step["title"] if step else None,
        item["probability"],
        *((between["low"], between["high"]) if between else (None, None)),
        item["horizon_days"],
        item["purchase_probability"],
    )
    return tuple("" if one is None else one for one in told)


def _offer_id(ladder: Ladder, item: QueueItem) -> str:
    """What is to be offered, helped with or sent, by its id; "" for no offer of the ladder."""
    advice = item["suggestion"]
    if advice is None:
        return ""
    useful = advice["useful"]
    id_ = useful["offer_id"] if useful else advice["offer_id"]
    return id_ if ladder.offer(id_) is not None else ""


def _channels(item: QueueItem, history: OfferHistory, ladder: Ladder) -> str:
    """By which ways what is advised may go to the lead, of those that its offer goes by."""
    advice = item["suggestion"]
    if advice is None or advice["offer_id"] == NO_ASK:
        return ""
    offer = ladder.offer(advice["offer_id"])
    anywhere = [channel for one in ladder.offers for channel in one.channels]
    own = offer.channels if offer is not None else ()
    return ", ".join(open_channels(own or anywhere, history, ladder))


def _line(values: tuple[object, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([as_text(value) for value in values])
    return out.getvalue()
