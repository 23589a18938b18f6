"""What an evaluation of a bundle looks like, with figures that a test can foresee."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from features.ladder.file import read_ladder
from models.bundle import Bundle
from models.judging.readiness import Readiness
from models.judging.served import (
    AS_SERVED,
    BETTER,
    LOGISTIC,
    MODEL,
    POINTS_RULE,
    STEP_RATES,
    AheadLook,
)

__all__ = ["B2B", "ahead", "evaluation", "performance", "readiness"]

B2B = read_ladder("b2b")
SHARES = [at / 50 for at in range(51)]


def evaluation(bundle: Bundle, **more: Any) -> dict[str, Any]:
    """As `rung evaluate` has it: of the next step all is known, of purchases nothing."""
    held = {
        "ladder": "b2b",
        "version": bundle.version,
        "start": "2026-06-01T00:00:00Z",
        "until": "2026-09-21T00:00:00Z",
        "trained_until": "2026-06-01T00:00:00Z",
        "flatters": False,
        "shares": SHARES,
        "advancement": advancement(),
        "purchase": unjudged("purchase"),
    }
    return held | more


def ahead(**more: Any) -> AheadLook:
    """What is said before outcomes are: one signal moved, and what is expected of the next step."""
    figures = {"rate": 0.2, "auc": 0.934, "log_loss": 0.3}
    came = {"rate": 0.19, "auc": 0.921, "log_loss": 0.31}
    of = {"points": 1964, "leads": 512, "expected": figures, "came": None, "auc_error": None}
    signal = {
        **{"id": "step.content.did.page_viewed", "share": 0.12, "moved": 0.44},
        **{"moved_by_chance": 0.02, "known": 1.0, "known_before": 1.0},
        **{"says": "viewed no page", "says_before": "viewed 3 pages"},
    }
    said = (
        'What is said of the usual lead before Content was "viewed 3 pages" in training, and is'
        ' "viewed no page" lately'
    )
    held: Any = {
        "since": "2026-08-24T00:00:00Z",
        "until": "2026-09-21T00:00:00Z",
        "goals": [
            {"goal": "advancement", "running": of, "over": of | {"came": came}},
            {"goal": "purchase", "running": None, "over": None},
        ],
        "moved": [{"step": "content", "title": "Content", "says": said, "signals": [signal]}],
        "note": "",
    }
    found: AheadLook = held | more
    return found


def advancement(**more: Any) -> dict[str, Any]:
    """A goal of which all is known; as it was served its chances were kept."""
    moved = performance([(0.02, 0.02, True), (0.4, 0.39, True), (0.8, 0.82, True)], auc=0.88)
    held = {
        "goal": "advancement",
        "counts": {"pending": 700, "points": 3700},
        "note": "",
        "verdict": BETTER,
        "performance": performance([(0.02, 0.02, True), (0.35, 0.45, False)], auc=0.87),
        "baselines": [
            rival(STEP_RATES, 0.61, gap=-0.1),
            rival(LOGISTIC, 0.87, gap=-0.001),
            {"name": POINTS_RULE, "reason": "no points", "performance": None, "difference": None},
            {"name": AS_SERVED, "reason": "", "performance": moved, "difference": None},
        ],
        "by_step": [
            {
                "id": goal.id,
                "title": goal.title,
                "note": "" if at < 4 else "not enough data",
                "performance": performance([(0.3, 0.3, True)], auc=0.8) if at < 4 else None,
                "difference": difference(-0.05 if at < 3 else 0.0) if at < 4 else None,
            }
            for at, goal in enumerate(B2B.goals)
        ],
        "gain": [
            [MODEL, [min(1.0, 3 * share) for share in SHARES]],
            [STEP_RATES, [min(1.0, 1.5 * share) for share in SHARES]],
            [AS_SERVED, [min(1.0, 3 * share) for share in SHARES]],
        ],
        "realised": [
            realised("all", "", 0.248, 0.244, True),
            *(realised("step", goal.id, 0.2, 0.21, True) for goal in B2B.goals[:5]),
            realised("span", "2026-06-01T00:00:00Z", 0.25, 0.24, True),
            realised("span", "2026-06-29T00:00:00Z", 0.24, 0.25, True),
        ],
    }
    return held | more


def unjudged(goal: str) -> dict[str, Any]:
    """A goal of which nothing can be judged yet."""
    return {
        "goal": goal,
        "counts": {"pending": 3700, "points": 3700},
        "note": "not enough data (n=0): the horizon of none of 3,700 points is over",
        "verdict": "",
        "performance": None,
        "baselines": [],
        "by_step": [],
        "gain": [],
        "realised": [],
    }


def performance(
    bins: Sequence[tuple[float, float, bool]], auc: float, off: float = 0.012
) -> dict[str, Any]:
    """Some figures; of each bin what was told, what came, and whether chance explains it."""
    return {
        "auc": auc,
        "log_loss": 0.33,
        "ece": off,
        "ece_by_chance": 0.013,
        "reliability": [
            {
                "n": 1000,
                "predicted": told,
                "observed": came,
                "low": max(came - 0.05, 0.0),
                "high": min(came + 0.05, 1.0),
                "inside": inside,
            }
            for told, came, inside in bins
        ],
    }


def rival(name: str, auc: float, gap: float) -> dict[str, Any]:
    """A baseline; `gap` is by how much the model's log loss is above its own."""
    figures = performance([(0.3, 0.3, True)], auc, off=0.03)
    return {"name": name, "reason": "", "performance": figures, "difference": difference(gap)}


def difference(gap: float) -> dict[str, float]:
    return {"log_loss": gap, "log_loss_error": 0.01, "auc": 0.1, "auc_error": 0.01}


def realised(kind: str, id_: str, expected: float, came: float, inside: bool) -> dict[str, Any]:
    return {
        "kind": kind,
        "id": id_,
        "n": 3000,
        "leads": 412,
        "expected": expected,
        "came": came,
        "low": came - 0.03,
        "high": came + 0.03,
        "inside": inside,
    }


def readiness() -> Readiness:
    """What of the ladder a log has: enough of the first steps, a dead one at the end."""
    outcomes: Any = {
        "decided": 900, "lost": 0, "pending": 40, "positives": 700, "negatives": 756,
    }  # fmt: skip
    levels = ("calibrated", "calibrated", "model", "rates", "bands", "bands")
    ahead: Any = {"level": "model", "takes": "30 leads of either kind", "weeks": 10.2}
    goal: Any = {"outcomes": outcomes, "level": "calibrated", "next": None}
    steps: Any = [
        {
            "id": one.id,
            "title": one.title,
            "reached": 900,
            "completed": 700,
            "skipped": 3,
            "leads_a_week": 12.4,
            "outcomes": outcomes,
            "level": level,
            "next": ahead if level in ("rates", "bands") else None,
            "dead": [],
        }
        for one, level in zip(B2B.goals, levels, strict=True)
    ]
    steps[-1]["next"] = {**ahead, "weeks": None}
    steps[-1]["dead"] = [{"why": "never_named", "text": "no event has the name contract_signed"}]
    return {
        "ladder": "b2b",
        "as_of": "2026-11-20T00:00:00Z",
        "summary": "All can be learned but the contract.",
        "pace_weeks": 8.0,
        "leads": 1500,
        "advancement": goal,
        "purchase": goal,
        "steps": steps,
        "offers": [],
    }
