"""Random schedules of ingestion, scoring and delivery, by processes that crash under odd clocks.

The code under test is the real one down to the store: what a schedule replaces is the reading of
signals, which has no part in it, the network, and chance itself. Everything follows from the seed.
One thread runs at a time; before each transaction, and so between any two, another may go on.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from unittest.mock import patch

import numpy as np
import sqlalchemy as sa

from features.events.log import EventLog
from features.store.arrivals import Arrival
from features.store.database import Database
from features.store.events import EventStore
from features.store.kept.scores import StoredScore, Unsaved
from serving.notifications import claims, outcomes
from serving.notifications.attempt import Answer
from serving.notifications.sender import Sender
from serving.scoring.batch import rescoring
from serving.scoring.batch.rescoring import freshen
from serving.scoring.scorer import Scorer
from tests.serving.live.schedules.actor import Actor, Crashed
from tests.serving.live.schedules.world import (
    BEGIN,
    IDLE,
    LEADS_OF,
    MARKS,
    MESSAGES,
    NAMES,
    SCORES,
    SECOND,
    SENT,
    TOLD,
    World,
)

__all__ = ["Schedule"]

_DAY: Final = 86_400 * SECOND
_FAR: Final = 60 * _DAY
"""A clock is ahead by longer than what is left has time to be done: nothing may wait for it."""
_LEADS: Final = 3
_EVENTS: Final = 7
_STEPS: Final = 32
"""Turns that processes get while the world is unruly."""
_HOLD_US: Final = 60 * SECOND


@dataclass
class Schedule:
    """One schedule; `run` raises AssertionError, with the seed, where something does not hold.

    Parameters
    ----------
    acknowledged : message ids that a caller was told are kept.
    received : how often each notification reached the receiver.
    told : what happened, in order, for whoever looks into a seed.
    """

    world: World
    seed: int
    acknowledged: set[str] = field(default_factory=set)
    received: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)

    def run(self) -> None:
        self._draw = random.Random(self.seed)  # noqa: S311 not a secret
        self._now, self._is_unruly = BEGIN, True
        self._jump: dict[int, int] = defaultdict(int)
        self._jumps = 0
        self._running: Actor | None = None
        self._unsent = [self._event(number) for number in range(_EVENTS)]
        self._sent: dict[str, Arrival] = {}
        self._holders: list[tuple[str, int]] = []
        self.world.emptied()
        with self._patched():
            self._make_actors()
            try:
                self._be_unruly()
                self._settle()
            finally:
                for actor in self.world.actors:
                    actor.end()
        try:
            self._check()
        except AssertionError as error:
            raise AssertionError(f"seed {self.seed}: {error}\n" + "\n".join(self.told)) from error

    # ------------------------------------------------------------------------------------ processes

    def _make_actors(self) -> None:
        works = [self._ingest, self._ingest, self._score, self._score, self._deliver, self._deliver]
        for number, (name, work) in enumerate(zip(NAMES, works, strict=True)):
            # Two of a name share a machine's clock with the one of the other names.
            clock = self._clock_of(number % 2)
            self.world.actors[number].begin(name, work(number, clock))

    def _clock_of(self, machine: int) -> Callable[[], int]:
        return lambda: self._now + self._jump[machine]

    def _event(self, number: int) -> Arrival:
        """An event of one of some leads, some sent before the lead was known."""
        lead = self._draw.randrange(_LEADS)
        anonymous = f"anon-{lead}"
        kind = self._draw.random()
        sent_id, link = f"user-{lead}", None
        if kind < 0.3:
            sent_id = anonymous
        elif kind < 0.5:
            link = anonymous
        return Arrival(f"m-{number}", sent_id, "page_viewed", BEGIN, 0, "{}", link)

    def _ingest(self, number: int, clock: Callable[[], int]) -> Callable[[], None]:
        store = self.world.stores[number]

        def work() -> None:
            if not self._unsent:
                return
            size = self._draw.randint(1, 3)
            batch = self._unsent[:size]
            if self._draw.random() < 0.8:  # else another one sends them too
                self._unsent = self._unsent[size:]
            at = min(clock(), self._now)  # what is known from tomorrow on is told of tomorrow
            batch = [
                one._replace(known_at=at, occurred_at=min(one.occurred_at, at)) for one in batch
            ]
            ids = [one.message_id for one in batch]
            self._sent |= {one.message_id: one for one in batch}
            try:
                store.ingest(batch)
            except Crashed:
                self._unsent += batch  # whoever had no answer sends it again
                raise
            self.acknowledged.update(ids)
            self.told.append(f"acknowledged {ids}")

        return work

    def _score(self, number: int, clock: Callable[[], int]) -> Callable[[], None]:
        scorer = self.world.scorers[number]
        scorer.clock = clock

        def work() -> None:
            done = freshen(scorer, limit=self._draw.randint(1, 4))
            if done is not None:
                self.told.append(f"scored {done.leads}")
            if self._draw.random() < 0.3:
                self._take_turn(scorer.store, clock)

        return work

    def _take_turn(self, store: EventStore, clock: Callable[[], int]) -> None:
        """A lease is given to one at a time, as long as no clock is wrong."""
        holder, at, jumps = self._name(), clock(), self._jumps
        if not store.leases.take("run", holder, at, _HOLD_US):
            return
        self._holders = [one for one in self._holders if one[0] != holder]
        if jumps == self._jumps and not any(self._jump.values()):
            others = [one for one, until in self._holders if until > self._now]
            assert not others, f"{holder} holds what {others} hold"
            self._holders.append((holder, at + _HOLD_US))
        else:  # by a clock that was wrong it was free
            self._holders = []
        if self._draw.random() < 0.5:
            self._holders = [one for one in self._holders if one[0] != holder]
            store.leases.release("run", holder)

    def _deliver(self, number: int, clock: Callable[[], int]) -> Callable[[], None]:
        database = self.world.stores[number].database

        def work() -> None:
            sender = Sender(database, None, clock, jitter=lambda: 0.0)  # type: ignore[arg-type]
            if "endpoint" not in claims.ready(sender):
                return
            for claim in claims.claimed(sender, "endpoint"):
                answer = self._answer()
                if answer.status == 200 or answer.status is None:
                    self.received[claim.notification_id] += 1
                self.told.append(f"sent {claim.notification_id} {answer.status}")
                outcomes.keep(sender, claim, answer)

        return work

    def _answer(self) -> Answer:
        if not self._is_unruly or self._draw.random() < 0.6:
            return Answer(200)
        return self._draw.choice([Answer(None, "no answer"), Answer(500, "status 500")])

    # ------------------------------------------------------------------------------------ the world

    def _be_unruly(self) -> None:
        for _ in range(_STEPS):
            self._now += round(self._draw.choice([0, 0.01, 0.2, 2, 20]) * SECOND)
            if self._draw.random() < 0.04:
                machine = self._draw.randrange(2)
                self._jump[machine] = self._draw.choice([0, 0, _FAR, -_DAY, 90 * SECOND])
                self._holders = []
                self._jumps += 1
                self.told.append(f"clock {machine} is off by {self._jump[machine] // SECOND} s")
            self._step(self._draw.choice(self.world.actors))

    def _step(self, actor: Actor) -> None:
        self._running = actor
        actor.step()
        if actor.failure is not None:
            told = "\n".join(self.told)
            raise AssertionError(f"seed {self.seed}: {told}") from actor.failure

    def _settle(self) -> None:
        """Nothing goes wrong any more: in how long all must be done is part of the promise."""
        self._is_unruly = False
        self._jump.clear()
        self._jumps += 1
        self._holders = []
        for attempt in range(40):
            # Long enough for every lease, and for the pause after a failed attempt.
            self._now += 12 * 3600 * SECOND
            # All end what they were at; then one of each kind is enough.
            for actor in self.world.actors[:: 2 if attempt else 1]:
                turns = actor.turns
                while actor.turns == turns:
                    self._step(actor)
            if not self._unsent and self._is_idle():
                return

    def _is_idle(self) -> bool:
        ((is_idle,),) = self.world.rows(IDLE)
        return bool(is_idle)

    @contextmanager
    def _patched(self) -> Iterator[None]:
        true = Database.writing, Database.reading

        @contextmanager
        def writing(database: Database) -> Iterator[sa.Connection]:
            fate = self._fate()
            with true[0](database) as connection, self._inside():
                yield connection
                if fate == "within":
                    raise Crashed
            if fate == "after":
                self.told.append(f"{self._name()} crashes after a commit")
                raise Crashed

        @contextmanager
        def reading(database: Database) -> Iterator[sa.Connection]:
            self._fate()
            with true[1](database) as connection, self._inside():
                yield connection

        with (
            patch.object(Database, "writing", writing),
            patch.object(Database, "reading", reading),
            patch.object(rescoring, "read_leads", _read),
            patch.object(
                rescoring, "_priority", lambda _, scored, *__: np.zeros(len(scored.leads))
            ),
            patch.object(rescoring, "_note_crowded", lambda *_: None),
            patch.object(rescoring, "stored_rows", _made),
        ):
            yield

    @contextmanager
    def _inside(self) -> Iterator[None]:
        running = self._running
        if running is None or not running.is_current():
            yield
            return
        running.inside += 1
        try:
            yield
        finally:
            running.inside -= 1

    def _name(self) -> str:
        return self._running.name if self._running else ""

    def _fate(self) -> str:
        """Let others go on, and draw whether the process that goes on then is to die, and when."""
        running = self._running
        if running is None or running.inside or not running.is_current():
            return ""  # nobody stops within a transaction: others would wait for it, and not here
        running.pause()
        if not self._is_unruly or self._draw.random() > 0.04:
            return ""
        fate = self._draw.choice(["before", "within", "after"])
        if fate == "before":
            self.told.append(f"{self._name()} crashes before a transaction")
            raise Crashed
        return fate

    # ----------------------------------------------------------------------------------- what holds

    def _check(self) -> None:
        stored = Counter(message_id for (message_id,) in self.world.rows(MESSAGES))
        marks = self.world.rows(MARKS)
        told = self.world.rows(TOLD)
        sent = self.world.rows(SENT)
        assert not self._unsent, "an event was never taken"
        assert self.acknowledged <= stored.keys(), "what was acknowledged is lost"
        assert stored.keys() <= self._sent.keys(), "what nobody sent is stored"
        assert set(stored.values()) <= {1}, "an event is stored twice"
        assert not marks, f"news is left unscored: {marks}"
        self._check_scores()
        facts = Counter(
            (type_, lead, data.partition('"step":')[2][:12]) for _, type_, lead, data in told
        )
        twice = [fact for fact, count in facts.items() if count > 1]
        assert not twice, f"told twice: {twice}"
        left = [id_ for id_, delivered_at, _ in sent if delivered_at is None]
        assert not left, f"never delivered: {left}"
        silent = {id_ for id_, *_ in told} - self.received.keys()
        assert not silent, f"said to be delivered, and was not: {silent}"
        kept = sum(attempts for *_, attempts in sent)
        assert kept <= len([line for line in self.told if line.startswith("sent")])

    def _check_scores(self) -> None:
        """Each lead is scored by all that is known of it, and told of every step once."""
        lead_of, position = dict(self.world.rows(LEADS_OF)), dict(self.world.rows(SCORES))
        leads = Counter(lead_of.get(one.sent_id, one.sent_id) for one in self._sent.values())
        for lead, count in leads.items():
            assert lead in position, f"{lead} has no score"
            assert position[lead] == _position(count), f"{lead}: {position[lead]} for {count}"


def _position(count: int) -> int:
    return min(count // 2, 5)


@dataclass
class _Scored:
    leads: list[str]
    counts: list[int]
    as_of: int

    def queued(self, *_: object) -> Any:
        return np.ones(len(self.leads), dtype=np.bool_)


@dataclass
class _Reading:
    scored: _Scored

    def reasons(self) -> dict[str, str]:
        return {}


def _read(_: object, log: EventLog, as_of: int, **__: object) -> _Reading:
    """The leads of a log by how many of their events are known."""
    count = Counter(
        log.leads[lead]
        for lead, known in zip(log.lead_of_rows().tolist(), log.known.tolist(), strict=True)
        if known <= as_of
    )
    return _Reading(_Scored(list(count), list(count.values()), as_of))


def _made(scorer: Scorer, scored: _Scored, _: object, __: object, as_of: int) -> Iterator[Unsaved]:
    yield Unsaved.of(list(_rows(scorer, scored, as_of)))


def _rows(scorer: Scorer, scored: _Scored, as_of: int) -> Iterator[StoredScore]:
    for lead, count in zip(scored.leads, scored.counts, strict=True):
        row: dict[str, Any] = {"lead_id": lead, "ladder": "b2b", "as_of": as_of, "step": "value"}
        row |= dict.fromkeys(
            ("p_advance", "low", "high", "p_purchase", "percentile", "last_active")
        )
        row |= {"position": _position(count), "priority": 0.0, "reasons": "{}", "bundle": "x"}
        yield StoredScore(**row, scored_at=scorer.clock())
