"""Chooses among actions that callers describe themselves, and learns from what they bring.

What is learned is a pure function of the events that are kept: a worker renews it every minute in
which rewards came, and every process takes it over. A loop is what learns together: what comes with
keys of one source.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from features.arrays import Floats
from features.clock import is_over
from features.errors import DecisionConflict, UnknownDecision
from features.events.log import DAY_US
from features.ladder.ladder import Ladder
from features.offers.decisions import message_id
from features.signals.protected import names_protected, without_protected
from features.store.events import EventStore
from features.store.kept.ranks import Rank, RankedAction, Ranks
from features.store.kept.reports import Report, Reports
from features.store.privacy import Privacy
from features.store.schema import PREFERENCES
from models.actions.choosing import chances
from models.actions.features import features_of, path_of
from models.actions.preferences import Preferences, Rewarded
from models.offers.policy import choose

__all__ = ["DAYS_KEPT", "LEARN_US", "REWARD_WAIT_US", "Action", "Ranker", "Slot"]

REWARD_WAIT_US: Final = 10 * 60 * 1_000_000
"""What was shown and brought nothing for so long has brought 0; a later reward still counts."""
LEARN_US: Final = 60 * 1_000_000
"""So often, at most, it is learned anew."""
DAYS_KEPT: Final = 90
_FORGET_US: Final = 60 * 60 * 1_000_000
_LEARNED_FROM: Final = 20_000
"""The newest choices that were shown; older ones are of another world."""
_OBJECTS: Final = "objects"
_TRIES: Final = 10
"""Each of them fails only because somebody else succeeded meanwhile."""


@dataclass(frozen=True, slots=True)
class Action:
    """What may be chosen: its id, and a list of objects that describe it."""

    id: str
    features: Sequence[object] = ()


@dataclass(frozen=True, slots=True)
class Slot:
    """Where one action is shown.

    Parameters
    ----------
    features : a list of objects that describe it.
    excluded : ids of actions that it does not show.
    baseline : what the caller would show without advice; None for the first action left.
    """

    id: str
    features: Sequence[object] = ()
    excluded: frozenset[str] = frozenset()
    baseline: str | None = None


class Ranker:
    """Ranks the actions of callers, over a store.

    Parameters
    ----------
    ladder : gives the one that serves, whose protected traits are no features: nothing may learn
        from them.
    """

    def __init__(
        self,
        store: EventStore,
        clock: Callable[[], int],
        ladder: Callable[[], Ladder],
    ) -> None:
        self._store = store
        self._ranks = Ranks(store.database)
        self._reports = Reports(store.database)
        self._privacy = Privacy(store.database)
        self._clock = clock
        self._ladder = ladder
        self._learned: dict[str, tuple[int, Preferences]] = {}
        self._turn = threading.Lock()
        self._forget_at = 0

    # ------------------------------------------------------------------------------------ a choice

    def rank(
        self,
        loop: str,
        event_id: str | None,
        lead_id: str | None,
        situation: Sequence[object],
        actions: Sequence[Action],
        slots: Sequence[Slot],
        *,
        defer: bool = False,
    ) -> list[Rank]:
        """The choice for each slot, kept under the event's id; no action is chosen twice.

        Of a lead that must not be profiled the caller's own choice stands, and nothing is kept of
        it but that the event was there.

        Parameters
        ----------
        event_id : a known one gives the stored choices; None makes one.
        lead_id : who it is shown to, if that is known.
        situation : a list of objects that describe where and when it is shown.
        slots : with at least one action for each; see `Slot`.
        defer : it is not shown until `expose` says so.

        Raises
        ------
        DecisionConflict : the event is known, and was about other actions or somebody else, or it
            is a decision on offers of the ladder.
        """
        named = event_id if event_id is not None else uuid.uuid4().hex
        for _ in range(_TRIES):
            stored = self._ranks.of(loop, named)
            is_silent = lead_id is not None and bool(self._privacy.opted_out_of([lead_id]))
            if stored and not (is_silent and stored[0].situation is not None):
                self._check_same(stored, lead_id, actions, slots)
                return stored
            # What was chosen before somebody opted out rests on what was known of them.
            if event_id is not None and not stored and self._is_decision(event_id):
                raise _about_others(event_id)
            now = self._clock()
            made = (
                _own_choices(actions, slots)
                if is_silent
                else self._choices(loop, named, situation, actions, slots)
            )
            event = [
                Rank(
                    *(loop, named, place, slot.id, None if is_silent else lead_id, now),
                    *(one.situation, one.actions, one.chosen, None if defer else now),
                )
                for place, (slot, one) in enumerate(zip(slots, made, strict=True))
            ]
            if stored or self._ranks.keep(event):
                return event
            # Another caller was faster, or the lead went meanwhile.
        raise DecisionConflict(f"event {named!r} comes and goes at the same time; ask again")

    def _check_same(
        self,
        stored: Sequence[Rank],
        lead_id: str | None,
        actions: Sequence[Action],
        slots: Sequence[Slot],
    ) -> None:
        """DecisionConflict where an event was about other actions, or another lead by now."""
        first = stored[0]
        same = [one.slot for one in stored] == [one.id for one in slots]
        same = same and {one.id for one in first.actions} == {one.id for one in actions}
        if same and first.lead_id not in (lead_id, None):
            lead_of = self._store.lead_of
            same = lead_id is not None and lead_of(first.lead_id) == lead_of(lead_id)
        if not same:
            raise _about_others(first.event_id)

    def check_not_own(self, loop: str, event_id: str) -> None:
        """DecisionConflict where an event of a loop was about actions of the caller's own."""
        if self._ranks.of(loop, event_id):
            raise _about_others(event_id)

    def _is_decision(self, event_id: str) -> bool:
        return self._store.event(message_id(event_id, "decision")) is not None

    def _choices(
        self,
        loop: str,
        event_id: str,
        situation: Sequence[object],
        actions: Sequence[Action],
        slots: Sequence[Slot],
    ) -> list[_Choice]:
        preferences = self._preferences(loop)
        described = {one.id: self._features(one.features) for one in actions}
        here = self._features(situation)
        left, made = [one.id for one in actions], []
        for slot in slots:
            there = here
            if slot.id:
                own = self._features([*slot.features, {"slot": slot.id}])
                there = {**here, **{f"slot.{name}": amount for name, amount in own.items()}}
            may = [one for one in left if one not in slot.excluded]
            worths = preferences.worths(there, [(one, described[one]) for one in may])
            shares: Floats = chances(worths, preferences.events)
            chosen = may[choose(shares, f"{loop}\0{event_id}\0{slot.id}")]
            chance = dict(zip(may, shares.tolist(), strict=True))
            order = sorted(left, key=lambda one: -chance.get(one, 0.0))
            ranked = tuple(RankedAction(one, chance.get(one, 0.0), described[one]) for one in order)
            made.append(_Choice(there, ranked, chosen))
            left.remove(chosen)
        return made

    def _features(self, objects: Sequence[object]) -> dict[str, float]:
        """The features of a list of objects, without those that tell a protected trait."""
        told = without_protected(self._ladder(), {_OBJECTS: list(objects)})
        return features_of(told.get(_OBJECTS, ()))  # absent where they are themselves an answer

    # -------------------------------------------------------------------------- what came of it

    def reward(self, loop: str, event_id: str, rewards: Mapping[str, float]) -> bool:
        """Store what an event brought, by slot, in [-1, 1]; False where the event is unknown.

        The first report stays.

        Raises
        ------
        UnknownDecision : a slot that the event does not have.
        """
        stored = self._ranks.of(loop, event_id)
        if stored:
            known = [one.slot for one in stored]
            for slot in rewards:
                if slot not in known:
                    raise UnknownDecision(f"event {event_id!r} has no slot {slot!r}")
            self._ranks.reward(loop, event_id, rewards, self._clock())
        return bool(stored)

    def expose(self, loop: str, event_id: str) -> bool:
        """Store that what an event chose was shown; False where the event is unknown."""
        stored = self._ranks.of(loop, event_id)
        if stored:
            self._ranks.expose(loop, event_id, self._clock())
        return bool(stored)

    # ----------------------------------------------------------------------------- what is learned

    def due(self) -> list[str]:
        """The loops that rewards have come for, or become settled, since it was learned last."""
        now, stamps = self._clock(), self._reports.stamps(PREFERENCES)
        return [loop for loop in self._ranks.loops() if self._is_due(loop, stamps.get(loop), now)]

    def _is_due(self, loop: str, last: int | None, now: int) -> bool:
        rewarded = self._ranks.rewarded_last(loop)
        if rewarded is None:
            return False
        if last is None or last > now:  # a clock that was ahead must not keep it from learning
            return True
        # What was young when it was learned last may count by now.
        return rewarded > last - REWARD_WAIT_US and now >= last + LEARN_US

    def learn(self, loops: Sequence[str]) -> None:
        """Learn anew from what is kept of some loops."""
        for loop in loops:
            now, erased = self._clock(), self._reports.erased()
            shown = self._ranks.shown(loop, now - REWARD_WAIT_US, _LEARNED_FROM)
            out = self._privacy.opted_out_of({one.lead_id for one in shown if one.lead_id})
            found = Preferences.learned(
                [self._rewarded(one, now) for one in shown if one.lead_id not in out]
            )
            report = Report(PREFERENCES, "", loop, now, found.plain())
            self._reports.keep_alone(report, erased)

    def _rewarded(self, rank: Rank, now: int) -> Rewarded:
        shown = next(one for one in rank.actions if one.id == rank.chosen)
        return Rewarded(
            self._unprotected(rank.situation or {}),
            self._unprotected(shown.features),
            rank.chosen,
            0.0 if rank.reward is None else rank.reward,
            rank.slot,
            rank.exposed_at is not None and rank.exposed_at <= now - REWARD_WAIT_US,
        )

    def _unprotected(self, features: Mapping[str, float]) -> dict[str, float]:
        """Features that were kept, also before a trait was marked as protected."""
        ladder = self._ladder()
        return {
            name: amount
            for name, amount in features.items()
            if not names_protected(ladder, path_of(name))
        }

    def forget_old(self) -> None:
        """Delete what is older than `DAYS_KEPT`, once an hour, also where no reward comes."""
        now = self._clock()
        if not is_over(self._forget_at, now, _FORGET_US):
            return
        self._forget_at = now + _FORGET_US
        for loop in self._ranks.loops():
            self._ranks.forget(loop, now - DAYS_KEPT * DAY_US)

    def take_over(self) -> bool:
        """Choose by what a worker has learned by now; whether that is news."""
        news, stamps = False, self._reports.stamps(PREFERENCES)
        for loop, (stamp, _) in list(self._learned.items()):
            if stamp and loop not in stamps:  # an erasure took it, and no reward is left
                self._learned[loop] = (0, Preferences())
                news = True
        for loop, stamp in stamps.items():
            known = self._learned.get(loop)
            if known is None or known[0] != stamp:
                self._load(loop)
                news = True
        return news

    def _preferences(self, loop: str) -> Preferences:
        if loop not in self._learned:
            with self._turn:
                if loop not in self._learned:
                    self._load(loop)
        return self._learned[loop][1]

    def _load(self, loop: str) -> None:
        report = self._reports.newest(PREFERENCES, "", loop)
        self._learned[loop] = (
            (report.as_of, Preferences.of_plain(report.body)) if report else (0, Preferences())
        )


@dataclass(frozen=True, slots=True)
class _Choice:
    situation: Mapping[str, float] | None
    actions: tuple[RankedAction, ...]
    chosen: str


def _own_choices(actions: Sequence[Action], slots: Sequence[Slot]) -> list[_Choice]:
    """What the caller would show without advice, of which nothing may be learned."""
    left, made = [one.id for one in actions], []
    for slot in slots:
        may = [one for one in left if one not in slot.excluded]
        chosen = slot.baseline if slot.baseline in may else may[0]
        order = [chosen, *(one for one in left if one != chosen)]
        ranked = tuple(RankedAction(one, float(one == chosen), {}) for one in order)
        made.append(_Choice(None, ranked, chosen))
        left.remove(chosen)
    return made


def _about_others(event_id: str) -> DecisionConflict:
    return DecisionConflict(
        f"event {event_id!r} was about other actions or somebody else; choose another id"
    )
