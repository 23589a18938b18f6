"""Answers that are kept for some seconds, and no longer, wherever the clock goes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from serving.scoring.kept_answers import KeptScores
from serving.scoring.scorer import Scorer

SECOND = 1_000_000
NOW = 1_790_000_000 * SECOND


class Asked:
    """A scorer that counts how often it is asked."""

    def __init__(self) -> None:
        self.at = NOW
        self.count = 0
        self.ranking = None
        self.store = SimpleNamespace(stamp=lambda _: ("same",))

    def clock(self) -> int:
        return self.at

    def score(self, lead_id: str) -> dict[str, Any]:
        self.count += 1
        return {"lead_id": lead_id, "count": self.count}


@pytest.mark.parametrize(
    ("ahead", "count"), [(0, 1), (9, 1), (10, 2), (-3600, 2), (-86_400, 2), (-(10**8), 2)]
)
def test_an_answer_is_kept_for_ten_seconds(ahead, count):
    """An answer is used again for ten seconds, and never for the day that a clock was ahead."""
    asked, kept = Asked(), KeptScores()
    scorer = cast(Scorer, asked)
    first = kept.of(scorer, "ann")
    asked.at += ahead * SECOND
    assert (kept.of(scorer, "ann") == first) is (count == 1)
    assert asked.count == count
