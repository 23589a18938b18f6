"""The queue as one person sees it: by tab and filter, without what is others' or put aside.

The order is that of `/v1/queue`. What was done a moment ago counts at once, though it is written to
the log only when it can no longer be undone.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from features.clock import is_over
from features.events.log import DAY_US
from features.store.events import EventStore, StoredScore
from features.store.kept.queue import QueueFilter, QueueOrder, TabCount, place_of
from features.store.people.actions import UNDO_US, KeptAction, after_action
from features.store.people.hands import NOBODY, Hand
from serving.scoring.work import tab_of

__all__ = ["TABS", "Desk", "QueueCounts", "QueueView", "ViewPart", "ViewTab"]

ViewTab = Literal["talk", "reply", "mine", "marketing", "quiet"]
TABS: Final[tuple[ViewTab, ...]] = get_args(ViewTab)
_PLACES: Final[dict[ViewTab, tuple[int, int]]] = {
    "talk": (3, 4),  # who waits for a reply is on top
    "reply": (4, 4),
    "marketing": (2, 2),
    "quiet": (1, 1),
    "mine": (1, 4),
}
_MOST_MINUTES: Final = 2000
"""Leads whose minutes are added up."""
_RESTS: Final = 20.0
"""Counting rests for so many times as long as it took."""


@dataclass(frozen=True, slots=True)
class QueueView:
    """What somebody wants to see of the queue; "" leaves none out.

    Parameters
    ----------
    owner : the name of whoever works with them.
    active_days : those that did something within so many days; 0 for all.
    words : of their name, company or address.
    """

    tab: ViewTab = "talk"
    step: str = ""
    band: str = ""
    source: str = ""
    owner: str = ""
    active_days: int = 0
    words: str = ""
    order: QueueOrder = "work"

    @property
    def is_filtered(self) -> bool:
        """Whether it leaves out leads of its tab."""
        return bool(
            self.step or self.band or self.source or self.owner or self.active_days or self.words
        )


@dataclass(frozen=True, slots=True)
class ViewPart:
    """Some leads of a view; `after` is where the next part begins, None at the end."""

    scores: list[StoredScore]
    after: tuple[float, str] | None


@dataclass(frozen=True, slots=True)
class Desk:
    """What is on the desk of one person at an instant: whose leads are whose, what is just done.

    Parameters
    ----------
    name : of the person.
    hands : by lead, of all that are claimed or put aside, what is done a moment ago included.
    kept_hands : the same, by the log alone.
    done : what can still be undone, by lead.
    scores : the stored scores of those that somebody put aside.
    """

    store: EventStore
    name: str
    now: int
    kept_hands: Mapping[str, Hand]
    hands: Mapping[str, Hand]
    done: Mapping[str, Sequence[KeptAction]] = field(default_factory=dict)
    scores: Mapping[str, StoredScore] = field(default_factory=dict)

    @classmethod
    def of(cls, store: EventStore, name: str, now: int) -> Desk:
        """The desk of a person now."""
        kept, done = store.hands.now(now), store.actions.open()
        hands = dict(kept)
        for lead, actions in done.items():
            for action in actions:
                hands[lead] = after_action(hands.get(lead, NOBODY), action)
        put = [lead for lead, hand in hands.items() if hand.snoozed_at is not None]
        scores = {score.lead_id: score for score in store.scores.of_leads(put)}
        return cls(store, name, now, kept, hands, done, scores)

    def owner_of(self, lead_id: str) -> str:
        """Who works with a lead; "" for nobody."""
        return self.hands.get(lead_id, NOBODY).owner_at(self.now)

    def of_owner(self, name: str) -> set[str]:
        """The leads that somebody works with, also those that stand in no queue."""
        return {lead for lead in self.hands if self.owner_of(lead) == name}

    def mine(self) -> set[str]:
        """The leads that this person works with, and those that they put aside and nobody has."""
        return {
            lead
            for lead, hand in self.hands.items()
            if (owner := hand.owner_at(self.now)) == self.name
            or (not owner and hand.snoozed_by == self.name and self.is_aside(lead))
        }

    def is_aside(self, lead_id: str) -> bool:
        """Whether nobody is to work with a lead for now."""
        return self._is_aside(lead_id, self.hands.get(lead_id, NOBODY))

    def is_asked_since(self, lead_id: str) -> bool:
        """Whether a lead would be put aside still, had no question of it come since."""
        hand, score = self.hands.get(lead_id, NOBODY), self.scores.get(lead_id)
        return hand.was_snoozed(self.now) and hand.was_asked_since(
            score.asked_at if score else None
        )

    def _is_aside(self, lead_id: str, hand: Hand) -> bool:
        score = self.scores.get(lead_id)
        active, asked = (score.last_active, score.asked_at) if score else (None, None)
        return hand.is_snoozed(self.now, active, asked)

    def undoable(self, lead_id: str) -> KeptAction | None:
        """What this person did last with a lead and can still take back; None for nothing.

        What is due is in the log in a moment: whoever took it back now would be too late.
        """
        own = (
            one
            for one in reversed(self.done.get(lead_id, ()))
            if one.name == self.name and not is_over(one.due_at, self.now, UNDO_US)
        )
        return next(own, None)

    def left_out(self) -> set[str]:
        """Leads that are not on this desk: others work with them, or they are put aside.

        What this person did a moment ago hides nothing yet, so that it can be undone where it was
        done.
        """
        out = set()
        for lead, hand in self.hands.items():
            owner = hand.owner_at(self.now)
            aside = self.kept_hands.get(lead, NOBODY) if self.undoable(lead) else hand
            if owner not in ("", self.name) or self._is_aside(lead, aside):
                out.add(lead)
        return out

    def part(self, view: QueueView, limit: int, after: tuple[float, str] | None = None) -> ViewPart:
        """The first leads of a view, in the order of work."""
        wanted, out = self._wanted(view), self._out(view)
        if wanted.leads == ():
            return ViewPart([], None)
        found = self.store.queue.part(wanted, limit + 1, after, out, view.order)
        page = found[:limit]
        if len(found) <= limit:
            return ViewPart(page, None)
        return ViewPart(page, place_of(page[-1], view.order))

    def count(self, view: QueueView, most: int) -> int:
        """How many leads a view has; `most` where there are as many or more."""
        wanted, out = self._wanted(view), self._out(view)
        if wanted.leads == ():
            return 0
        if wanted.leads is not None:
            left = tuple(lead for lead in wanted.leads if lead not in out)
            return min(most, len(self.store.queue.part(_only(wanted, left), most)))
        total = self.store.queue.count(wanted, most + len(out))  # so many may be left out
        if total >= most + len(out) or not out:
            return min(most, total)
        held = len(self.store.queue.part(_only(wanted, tuple(sorted(out))), len(out)))
        return min(most, total - held)

    def minutes_to_talk(self) -> float:
        """The minutes of reps that those take who are to be talked to, without who waits."""
        found = self.part(QueueView("talk"), _MOST_MINUTES)
        talk = (one for one in found.scores if tab_of(one.priority) == "talk")
        return sum(score.rep_minutes or 0.0 for score in talk)

    def tabs(self, counted: Sequence[TabCount]) -> dict[ViewTab, int]:
        """How many leads each tab has for this person; theirs are all in their hands.

        Parameters
        ----------
        counted : how many there are for anybody (`QueueCounts`).
        """
        by_tab = Counter[int]()
        for one in counted:
            by_tab[one.tab] += one.leads
        everywhere = QueueFilter(leads=tuple(sorted(self._out(QueueView()))))
        if everywhere.leads:
            for score in self.store.queue.part(everywhere, len(everywhere.leads)):
                by_tab[int(score.priority)] -= 1
        return {
            "reply": by_tab[4],
            "talk": by_tab[3],
            "mine": len(self.mine()),
            "marketing": by_tab[2],
            "quiet": by_tab[1],
        }

    def _out(self, view: QueueView) -> set[str]:
        """Leads that a view does not show, though its filter would."""
        if view.tab == "mine" or view.owner or view.words:
            return set()  # whoever asks for somebody sees them
        return self.left_out()

    def _wanted(self, view: QueueView) -> QueueFilter:
        leads: set[str] | None = None
        if view.tab == "mine":
            leads = self.mine()
        elif view.owner:
            leads = self.of_owner(view.owner)
        if view.words:
            named = set(self.store.names.find(view.words))
            leads = named if leads is None else leads & named
        # A search looks everywhere: nobody knows whose work somebody is.
        tabs = None if view.words else _PLACES[view.tab]
        return QueueFilter(
            tabs=tabs,
            step=view.step or None,
            band=view.band or None,
            source=view.source or None,
            active_since=self.now - view.active_days * DAY_US if view.active_days else None,
            leads=None if leads is None else tuple(sorted(leads)),
        )


def _only(wanted: QueueFilter, leads: tuple[str, ...]) -> QueueFilter:
    return QueueFilter(
        wanted.tabs,
        wanted.step,
        wanted.band,
        wanted.source,
        wanted.account,
        wanted.active_since,
        leads,
    )


class QueueCounts:
    """How many leads stand where, counted when there is news and not while it was counted just now.

    In a queue of a million leads counting takes longer than all else on a page.
    """

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._turn = threading.Lock()
        self._stamp: tuple[object, ...] | None = None
        self._counted: list[TabCount] = []
        self._again_at = 0.0

    def now(self) -> list[TabCount]:
        """How many leads stand where, as of a moment ago."""
        with self._turn:
            stamp, started = self._store.queue.stamp(), time.monotonic()
            if stamp != self._stamp and started >= self._again_at:
                self._counted, self._stamp = self._store.queue.counts(), stamp
                ended = time.monotonic()
                self._again_at = ended + _RESTS * (ended - started)
            return self._counted
