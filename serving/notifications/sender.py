"""What it takes to deliver."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx2

from features.clock import is_over
from features.store.database import Database
from serving.notifications.addresses import AddressRule
from serving.notifications.attempt import new_client
from serving.process.service import Service

__all__ = ["Sender"]


def _own_source() -> random.Random:
    return random.Random()  # noqa: S311 - it spreads attempts, and keeps no secret


@dataclass(frozen=True, slots=True)
class Sender:
    """What it takes to deliver.

    Parameters
    ----------
    clock : the present in microseconds since the epoch.
    jitter : a number in [0, 1), another one each time. Its source is the sender's own: who seeds
        or watches that of `random`, as Hypothesis does, has it to itself.
    timeout_seconds : of one attempt, at most 30: a claim must outlast it.
    paused : endpoints that asked for a pause, until when, and how long it is; in microseconds.
    closing : set to claim nothing more.
    attempts : counted by outcome.
    """

    database: Database
    client: httpx2.AsyncClient
    clock: Callable[[], int]
    jitter: Callable[[], float] = field(default_factory=lambda: _own_source().random)
    timeout_seconds: float = 20.0
    paused: dict[str, tuple[int, int]] = field(default_factory=dict)
    closing: threading.Event = field(default_factory=threading.Event)
    attempts: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, service: Service) -> Sender:
        """The sender of a running service."""
        private = service.settings.webhook_private == "allow"
        client = new_client(AddressRule(private))
        return cls(service.store.database, client, service.clock, attempts=service.attempts)

    def may_claim(self, endpoint_id: str) -> bool:
        """Whether something may be sent to an endpoint now."""
        until, wait = self.paused.get(endpoint_id, (0, 0))
        return not self.closing.is_set() and is_over(until, self.clock(), wait)
