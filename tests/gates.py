"""Gates for tests, as the judges of `training` give them, of reports that carry and do not."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from models.bundle import Bundle
from models.gate import Gate
from training.policies.gate import LEAST_EFFECTIVE, judge_policy
from training.scores.gate import judge

__all__ = [
    "MADE",
    "assessment",
    "estimate",
    "gain",
    "policy_gate",
    "policy_report",
    "scores_gate",
    "scores_report",
    "watched",
]

MADE = int(4 * LEAST_EFFECTIVE)
"""Decisions in the policy reports here."""


def scores_gate(bundle: Bundle, beside: str = "", **more: Any) -> Gate:
    """The gate of a bundle's scores, passed but for what is given, beside a champion's hash."""
    same = {"champion": beside, "note": "", "leads": 0, "orders": []}
    return judge(scores_report(bundle, reordering=same, **more), bundle, beside)


def policy_gate(bundle: Bundle, policy: str = "learned", **more: Any) -> Gate:
    """The gate of a policy with a bundle, passed but for what is given."""
    return judge_policy(policy_report(bundle=bundle.version, name=policy, **more), bundle)


def scores_report(bundle: Bundle, **more: Any) -> dict[str, Any]:
    """A report that carries its bundle, but for what is given."""
    figures = {
        "auc": 0.75,
        "average_precision": 0.4,
        "log_loss": 0.4,
        "brier": 0.1,
        "ece": 0.02,
        "ece_by_chance": 0.01,
    }
    held = {
        "version": bundle.version,
        "start": "2026-06-01T00:00:00Z",
        "trained_until": "2026-06-01T00:00:00Z",
        "flatters": False,
        "advancement": {
            "performance": figures,
            "counts": {"reached_leads": 40, "missed_leads": 160},
            "note": "",
            "verdict": "better than the step rates",
            "verdict_reason": "log loss 0.4 against 0.5",
        },
        "purchase": {"performance": None, "note": "not enough data (n=0)"},
    }
    return held | more


def policy_report(**more: Any) -> dict[str, Any]:
    """A report that carries its policy, but for what is given."""
    held = {
        "name": "learned",
        "against": "logged",
        "bundle": "0123456789ab",
        "start": "2026-06-01T00:00:00Z",
        "trained_until": "2026-06-01T00:00:00Z",
        "flatters": False,
        "assessment": assessment(),
        "watch": watched(),
    }
    return held | more


def assessment() -> dict[str, Any]:
    """An assessment that nothing is missing in."""
    value = {
        **gain(5.0, 0.5, MADE),
        "effective_sample_size": 2 * LEAST_EFFECTIVE,
        "largest_weight": 12.0,
        "support": 1.0,
        "matched": 1500,
    }
    segments = {
        "step: look": gain(1.0, 0.3, 1200),
        "step: try": gain(0.8, 0.9, 800),
        "industry: bank": gain(-0.2, 0.4, 400),
    }
    return {
        "value": value,
        "baseline": deepcopy(value),
        "gain": gain(1.0, 0.3),
        "weight_share": 0.01,
        "segments": segments,
    }


def watched(value: float = 1.0, low: float = 0.4, high: float = 1.6) -> dict[str, Any]:
    """A gain at all looks together."""
    return {
        "leads": MADE // 2,
        "decisions": MADE,
        "left_out": 0,
        "value": value,
        "low": low,
        "high": high,
        "evidence": 5.0,
        "better_after": None,
        "worse_after": None,
        "estimator": "DR",
        "lowest": 0.0,
        "highest": 1.0,
        "beyond": 0,
    }


def gain(value: float, error: float, decisions: int = 2000) -> dict[str, Any]:
    """A gain that the three estimators tell alike."""
    same = estimate(value, error)
    told = {"ips": same, "snips": same, "dr": same}
    return {"decisions": decisions, "leads": decisions // 2, "disagreement": 0.5, **told}


def estimate(value: float, error: float) -> dict[str, float]:
    """An estimate with an interval of two errors to each side."""
    return {"value": value, "error": error, "low": value - 2 * error, "high": value + 2 * error}
