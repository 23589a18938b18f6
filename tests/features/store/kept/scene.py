"""A stored score, for tests that change what they are about."""

from __future__ import annotations

from features.store.kept.scores import StoredScore

SCORE = StoredScore(
    lead_id="ann",
    ladder="b2b",
    as_of=1,
    step="value",
    position=1,
    p_advance=0.25,
    low=0.2,
    high=0.3,
    p_purchase=0.01,
    priority=1.5,
    percentile=0.9,
    reasons='["opened an asset"]',
    bundle="abc",
    scored_at=2,
    last_active=1,
)
