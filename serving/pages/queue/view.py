"""What the queue shows to one reader: tabs with their counts, filters, rows, and what is new."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final, Literal
from urllib.parse import urlencode

from starlette.datastructures import ImmutableMultiDict

from features.clock import is_over
from features.ladder.ladder import Ladder
from features.store.kept.queue import QUEUE_ORDERS, QueueOrder
from features.store.people.actions import UNDO_US
from features.store.people.names import words_of
from models.served_policy import DEFAULT
from serving.edge.access.access import Asker
from serving.edge.parameters import after_of, cursor_of, wrong_query
from serving.pages.common import words
from serving.pages.common.frame import why_no_model
from serving.pages.common.once import form_ids, form_token
from serving.pages.queue.elsewhere import (
    NOBODY_ELSEWHERE,
    ElsewhereLead,
    elsewhere_of,
    gone_of,
)
from serving.pages.queue.rows import LeadRow, rows_of
from serving.pages.queue.unqueued import asking_leads, asking_rows
from serving.process.queue_views import TABS, Desk, QueueView, ViewPart, ViewTab
from serving.process.service import Service
from serving.process.working.actions import laters, zone
from serving.scoring.controls import takes_a_person
from serving.scoring.queue import items

__all__ = ["QueueAsked", "asked_of", "queue_of", "stamp_of"]

_PER_PAGE: Final = 20
"""Each with all that can be done is 4 to 4.5 kB: the page stays below 100 kB."""
_MOST_COUNTED: Final = 1_000
_MOST_SOURCES: Final = 40
_LONGEST_ADDRESS: Final = 6_000
"""Proxies take addresses of 8 kB."""
_MINUTE_US: Final = 60_000_000
_ACTIVE: Final = (1, 7, 30)
_TITLES: Final[dict[ViewTab, str]] = {
    "reply": "Waiting for a reply",
    "talk": "To talk to",
    "mine": "Mine",
    "marketing": "Marketing",
    "quiet": "Quiet",
}
_ORDERS: Final[dict[QueueOrder, str]] = {
    "work": "Most to gain for your time first",
    "purchase": "Likeliest to buy first",
    "recent": "Last seen first",
}
_BY_WORK: Final[dict[ViewTab, str]] = {
    "reply": "Who waits longest first",
    "mine": "Who waits first, then most to gain for your time",
    "marketing": "Most to gain first",
    "quiet": "Most to gain first",
}
"""What the order of the work means where it is not, or not only, a rep's time that is to pay."""

QueueState = Literal["ready", "no_model", "scoring", "empty", "nobody", "filtered", "end"]


@dataclass(frozen=True, slots=True)
class QueueAsked:
    """What an address of the queue asks for.

    Parameters
    ----------
    cursor : where the page begins; "" for the top.
    seen : the stamp of the page that asks again; "" for one that is opened.
    held : the leads that it shows, which stay where they are under its reader.
    token : of the page, by which its forms have their ids.
    """

    view: QueueView
    cursor: str = ""
    seen: str = ""
    held: tuple[str, ...] = ()
    token: str = ""


def asked_of(query: ImmutableMultiDict[str, str]) -> QueueAsked:
    """What a query asks for; RequestValidationError where it asks for what there is not."""

    def of(name: str) -> str:
        return query.get(name, "").strip()

    tab, order, active = of("tab") or "talk", of("order") or "work", of("active")
    if tab not in TABS:
        raise wrong_query("tab", f"there is no such tab; there are {', '.join(TABS)}")
    if order not in QUEUE_ORDERS:
        raise wrong_query("order", f"there is no such order; there are {', '.join(QUEUE_ORDERS)}")
    if of("band") not in ("", "low", "medium", "high"):
        raise wrong_query("band", "there is no such band; there are low, medium and high")
    if active and not (active.isdecimal() and 1 <= int(active[:6]) <= 3650):
        raise wrong_query("active", "must be a number of days, from 1 to 3650")
    for name in ("source", "owner", "q", "step"):
        if len(of(name)) > 200 or "\0" in of(name):
            raise wrong_query(name, "has at most 200 characters")
    view = QueueView(
        tab=tab,
        step=of("step"),
        band=of("band"),
        source=of("source"),
        owner=of("owner"),
        active_days=int(active) if active else 0,
        words=of("q"),
        order=order,
    )
    asked = dict.fromkeys(query.getlist("held")[:_PER_PAGE])
    held = tuple(lead for lead in asked if "\0" not in lead)
    return QueueAsked(view, of("cursor"), of("seen"), held, form_token(of("page")))


def stamp_of(service: Service) -> str:
    """What differs whenever the queue may look different: news, actions, a model, a minute."""
    scorer, now = service.scorer, service.clock()
    newest = service.store.actions.newest(1)
    held = (
        service.store.queue.stamp(),
        sorted(
            (one.id, is_over(one.due_at, now, UNDO_US))
            for some in service.store.actions.open().values()
            for one in some
        ),
        [(one.id, one.undone_at) for one in newest],
        scorer.bundle.identity if scorer.bundle else "",
        service.run.as_of if service.run else 0,
        service.failure,
        now // _MINUTE_US,
    )
    return hashlib.sha256(repr(held).encode()).hexdigest()[:16]


def address_of(view: QueueView, path: str = "/", **more: str) -> str:
    """The address of a view: a link to it is a view that was kept."""
    given = {
        "tab": "" if view.tab == "talk" else view.tab,
        "step": view.step,
        "band": view.band,
        "source": view.source,
        "owner": view.owner,
        "active": str(view.active_days or ""),
        "q": view.words,
        "order": "" if view.order == "work" else view.order,
    } | more
    held = {name: value for name, value in given.items() if value}
    return f"{path}?{urlencode(held)}" if held else path


def queue_of(service: Service, asker: Asker, asked: QueueAsked, stamp: str) -> dict[str, Any]:
    """All that the page of the queue shows."""
    scorer, now = service.scorer, service.clock()
    ladder = scorer.bundle.ladder if scorer.bundle else None
    desk, view = Desk.of(service.store, asker.name, now), asked.view
    after = after_of(asked.cursor or None, view.order)
    part = desk.part(view, _PER_PAGE, after) if ladder else None
    leads = [score.lead_id for score in part.scores] if part else []
    held = asked.held or tuple(leads)
    news = _news(held, leads)
    rows = _rows(service, ladder, desk, held, view) if ladder else []
    following = cursor_of(part.after, view.order) if part and part.after else ""
    queued = desk.tabs(service.counts.now()) if ladder else {}
    asking = asking_leads(service, desk, ladder) if ladder else []
    tabs = queued | {"reply": queued["reply"] + len(asking)} if asking else queued
    is_reply = view == QueueView("reply", order=view.order) and not asked.cursor
    # Whoever is among the rows that are held has a row already.
    apart = [one for one in asking if one[0] not in held]
    others = asking_rows(service, desk, ladder, apart) if ladder and is_reply else []
    forms = (*held, *(one.person.lead_id for one in others))
    minutes = desk.minutes_to_talk() if tabs and tabs["talk"] <= 2000 else 0.0
    elsewhere = elsewhere_of(service, desk, view) if ladder else NOBODY_ELSEWHERE
    here = address_of(view, cursor=asked.cursor)
    return {
        "state": _state(service, view, tabs, bool(rows or elsewhere.total or others), asked.cursor),
        "progress": service.store.scores.progress() if service.run is None else None,
        "why_not": why_no_model(service, asker),
        "failure": service.failure,
        "ladder": ladder,
        "rows": rows,
        "asking": others,
        "asking_count": len(asking),
        "elsewhere": elsewhere,
        "view": view,
        "tabs": [
            {
                "id": tab,
                "title": _TITLES[tab],
                "count": tabs.get(tab, 0),
                "address": address_of(QueueView(tab)),
                "chosen": view.tab == tab and not view.words,
            }
            for tab in ("reply", "talk", "mine", "marketing", "quiet")
        ],
        "tab_counts": tabs,
        "is_too_short": bool(view.words) and not words_of(view.words),
        "asks": any(one.role == "ask" and one.status == "active" for one in service.ladder.offers),
        "minutes": minutes,
        "found": _found(desk, view, part, asked.cursor) if view.is_filtered and part else None,
        "most_counted": _MOST_COUNTED,
        "filters": _filters(service, ladder, desk) if ladder else {},
        "orders": _orders(view.tab, queued),
        "bands": words.BANDS,
        "here": here,
        "again": address_of(view, cursor=asked.cursor, page=asked.token),
        "once": form_ids(service.store.actions, asker, asked.token, forms if ladder else ()),
        "clear": address_of(QueueView(view.tab)),
        "file": address_of(view, "/queue.csv"),
        "top_address": address_of(view) if asked.cursor else "",
        "next_address": address_of(view, cursor=following) if following else "",
        "poll": _poll(asked, stamp, held),
        "news": news,
        "evidence": scorer.bundle.advancement.evidence if scorer.bundle else None,
        "by_rules": scorer.bundle is None or scorer.model.adviser.policy_name == DEFAULT,
        "is_tried": ladder is not None and bool(ladder.experiments),
        "laters": laters(service.ladder, now),
        "zone": str(zone(service.ladder)),
        "quiet": _quiet(service, ladder, tabs) if ladder and view == QueueView("quiet") else None,
    }


def _orders(tab: ViewTab, tabs: Mapping[ViewTab, int]) -> dict[QueueOrder, str]:
    """What a tab can be ordered by, in words that are true of it."""
    of = tab if tab != "talk" or not tabs.get("reply") else "mine" if tabs["talk"] else "reply"
    return _ORDERS | ({"work": _BY_WORK[of]} if of in _BY_WORK else {})


def _found(desk: Desk, view: QueueView, part: ViewPart, cursor: str) -> int:
    """How many leads a filter leaves; a page that holds all of them need not ask."""
    if part.after is None and not cursor:
        return len(part.scores)
    return desk.count(view, _MOST_COUNTED)


def _rows(
    service: Service, ladder: Ladder, desk: Desk, leads: Sequence[str], view: QueueView
) -> list[LeadRow | ElsewhereLead]:
    """The rows of leads in their order, as each stands now, also of who has left the queue."""
    gone = {one.person.lead_id: one for one in gone_of(service, desk, leads)}
    scores = {one.lead_id: one for one in service.store.scores.of_leads(leads)}
    queued = [scores[lead] for lead in leads if lead in scores and lead not in gone]
    shown = items(service.scorer, queued)
    found = rows_of(service.scorer, ladder, desk, shown, view.words)
    rows: dict[str, LeadRow | ElsewhereLead] = {**gone}
    rows |= {one.person.lead_id: one for one in found}
    return [rows[lead] for lead in leads if lead in rows]


def _poll(asked: QueueAsked, stamp: str, held: Sequence[str]) -> str:
    """Where a page asks for what is new; an address that is too long holds no rows in place."""
    address = address_of(asked.view, cursor=asked.cursor, page=asked.token, seen=stamp)
    holding = "".join(f"&{urlencode({'held': lead})}" for lead in held)
    return address + holding if len(address) + len(holding) <= _LONGEST_ADDRESS else address


def _news(held: Sequence[str], leads: Sequence[str]) -> str:
    """What is said of the order by now to who looks at leads in another; "" where it is theirs."""
    if list(held) == list(leads):
        return ""
    above = len(list(takewhile(lambda lead: lead not in held, leads)))
    return f"{above} new on top" if above else "The order has changed"


def _state(
    service: Service, view: QueueView, tabs: Mapping[ViewTab, int], has_rows: bool, cursor: str
) -> QueueState:
    if service.scorer.bundle is None:
        return "no_model"
    if has_rows:
        return "ready"
    if service.run is None:
        return "scoring"
    if cursor:
        return "end"
    if view.is_filtered:
        return "filtered"
    return "nobody" if any(tabs.values()) or service.run.leads else "empty"


def _filters(service: Service, ladder: Ladder, desk: Desk) -> dict[str, list[tuple[str, str]]]:
    """The choices of each filter, as value and words."""
    owners = sorted({desk.owner_of(lead) for lead in desk.hands} - {""})
    sources = service.store.queue.sources(_MOST_SOURCES)
    return {
        "step": [(goal.id, goal.title) for goal in ladder.goals],
        "band": [(band, words.BANDS[band]) for band in ("high", "medium", "low")],
        "source": [(one, words.titled(words.shown(one))) for one in sources],
        "owner": [(one, words.shown(one)) for one in owners],
        "active": [
            (str(days), f"the last {days} days" if days > 1 else "a day") for days in _ACTIVE
        ],
    }


def _quiet(
    service: Service, ladder: Ladder, tabs: Mapping[ViewTab, int]
) -> dict[str, float] | None:
    """What not calling the quiet ones saves, and how many of them are expected to buy all the same.

    A call is the shortest offer of the ladder that takes a person.
    """
    minutes = [
        offer.rep_minutes
        for offer in ladder.offers
        if offer.role == "ask" and takes_a_person(offer) and offer.rep_minutes
    ]
    if not minutes or service.run is None or not tabs.get("quiet"):
        return None
    saved = min(minutes) * tabs.get("quiet", 0)
    return {
        "each": min(minutes),
        "minutes": saved,
        "purchases": service.run.purchases.get("quiet", 0.0),
        "days": ladder.purchase.horizon_days,
    }
