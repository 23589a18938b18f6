"""The latest score of each lead: what it is, and how it takes the place of the one before."""

from features.store.kept.scores.score import (
    OUT_OF_QUEUE,
    Former,
    StoredScore,
    score_of,
)
from features.store.kept.scores.store import TOGETHER, ScoreStore, TellChanges, Unsaved

__all__ = [
    "OUT_OF_QUEUE",
    "TOGETHER",
    "Former",
    "ScoreStore",
    "StoredScore",
    "TellChanges",
    "Unsaved",
    "score_of",
]
