"""Track calls as tools send them: random ids, and properties that vary."""

from __future__ import annotations

import json
import random
from typing import Final
from uuid import UUID

from benchmarks.service.load import post

__all__ = ["BATCH", "LEADS", "Events", "as_json"]

BATCH: Final = 1_500
LEADS: Final = 20_000
"""Those that events are sent of, beside the leads of the simulated log."""


class Events:
    """Track calls, each with a random id of its own; the same seed gives the same calls."""

    def __init__(self, seed: int = 0) -> None:
        self._draw = random.Random(seed)  # noqa: S311 not a secret

    def one(self, lead: str | None = None) -> dict[str, object]:
        """A call, of one lead of many unless another is named."""
        draw = self._draw
        second, minute = divmod(draw.randrange(3600), 60)
        name, properties = self._content()
        return {
            "type": "track",
            "userId": lead or f"reader-{draw.randrange(LEADS)}",
            "event": name,
            "messageId": str(UUID(int=draw.getrandbits(128), version=4)),
            "timestamp": f"2026-11-22T10:{minute:02}:{second:02}.{draw.randrange(1000):03}Z",
            "properties": properties,
        }

    def _content(self) -> tuple[str, dict[str, object]]:
        draw = self._draw
        kind = draw.random()
        if kind < 0.7:
            path = f"/{draw.choice(_WORDS)}/{draw.choice(_WORDS)}-{draw.randrange(400)}"
            properties: dict[str, object] = {
                "section": draw.choice(_WORDS),
                "seconds": draw.randrange(1, 600),
                "url": f"https://shop.example{path}",
            }
            return "page_viewed", properties
        if kind < 0.85:
            return "video_progress", {
                "watched_fraction": round(draw.random(), 3),
                "title": f"{draw.choice(_WORDS)} {draw.randrange(60)}",
            }
        return "email_clicked", {"campaign": f"{draw.choice(_WORDS)}-{draw.randrange(90)}"}

    def single(self, url: str) -> bytes:
        """A request with one call."""
        return post(url, "/v1/track", as_json(self.one()))

    def batch(self, url: str) -> bytes:
        """A request with many."""
        return post(url, "/v1/batch", as_json({"batch": [self.one() for _ in range(BATCH)]}))


_WORDS: Final = (
    *("pricing", "guides", "security", "reports", "teams", "imports", "mail", "webinar", "trial"),
    *("customers", "compare", "start", "roadmap", "careers", "blog", "events", "status", "legal"),
)


def as_json(value: object) -> bytes:
    """As it is sent."""
    return json.dumps(value, separators=(",", ":")).encode()
