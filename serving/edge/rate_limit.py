"""A token bucket for each caller, held by one process."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from typing import Final

from fastapi import Request

__all__ = ["RateLimit", "address_of"]

_BURST: Final = 2.0
"""Seconds' worth of calls that may come at once."""
_MOST_CALLERS: Final = 10_000


class RateLimit:
    """Lets each caller do so many calls a second, and twice as many at once after a pause.

    Parameters
    ----------
    rate : calls a second, each caller; 0 for no limit.
    burst : calls that may come at once, at least 1; two seconds' worth if None.
    clock : seconds, never going back.
    """

    def __init__(
        self,
        rate: float,
        burst: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rate = rate
        self.burst = max(1.0, _BURST * rate if burst is None else burst)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait(self, caller: str) -> float:
        """Take one call; 0.0 where it may go on, else the seconds until one may, nothing taken."""
        if self.rate <= 0.0:
            return 0.0
        now = self._clock()
        left, at = self._buckets.get(caller, (self.burst, now))
        left = min(self.burst, left + (now - at) * self.rate)
        if left < 1.0:
            return (1.0 - left) / self.rate
        if caller not in self._buckets and len(self._buckets) >= _MOST_CALLERS:
            self._forget(now)
        self._buckets[caller] = left - 1.0, now
        return 0.0

    def _forget(self, now: float) -> None:
        """Let go of full buckets, which say nothing; of the first one where there is none."""
        full = [
            caller
            for caller, (left, at) in self._buckets.items()
            if left + (now - at) * self.rate >= self.burst
        ]
        for caller in full or [next(iter(self._buckets))]:
            del self._buckets[caller]


def address_of(request: Request) -> str:
    """The address of a caller; of IPv6 its /64, all of which one caller may have for itself."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 4 or address.ipv4_mapped is not None:
        return host
    return str(ipaddress.ip_network((int(address), 64), strict=False))
