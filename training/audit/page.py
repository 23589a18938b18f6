"""An audit as one HTML file to show in a meeting: no script, nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from features.clock import rfc3339
from features.ladder.words import in_percent, things
from models.logged.document import environment
from training.audit.results import Audit

__all__ = ["audit_page"]

_WIDTH, _HEIGHT, _EDGE = 640.0, 260.0, 44.0
_COUNTS: Final = {
    "leads": "leads with a score",
    "won": "won within the horizon",
    "not_won": "did not",
    "pending": "pending: the horizon is not over; not judged, and not lost",
    "won_before_score": "had won before their first score; left out",
    "dated_after_until": "scored after the end of what is known; left out",
    "repeated_scores": "later scores of the same leads; the first of each counts",
    "won_unscored": "won without ever having had a score",
}


def audit_page(audit: Audit, title: str) -> str:
    """The page as text."""
    counts = [(words, audit.counts[name]) for name, words in _COUNTS.items()]
    return (
        environment(Path(__file__).parent / "templates")
        .get_template("audit.html")
        .render(
            audit=audit,
            title=title,
            until=rfc3339(audit.until)[:10],
            within=things(audit.horizon_days, "day"),
            counts=counts,
            chart=_chart(audit),
            is_probability=audit.is_probability,
        )
    )


def _chart(audit: Audit) -> dict[str, Any]:
    """Where each band stands in the drawing: by what was said, or in a row, and its rate."""
    most = max([line.high for line in audit.bins], default=1.0)
    is_said = audit.is_probability
    if is_said:
        most = max(most, *(line.predicted for line in audit.bins))

    def down(rate: float) -> float:
        return round(_HEIGHT - _EDGE - rate / most * (_HEIGHT - 1.5 * _EDGE), 1)

    def across(at: int, predicted: float) -> float:
        part = predicted / most if is_said else (at + 0.5) / len(audit.bins)
        return round(_EDGE + part * (_WIDTH - 1.5 * _EDGE), 1)

    marks = [
        {"x": across(at, line.predicted), "y": down(line.observed),
         "low": down(line.low), "high": down(line.high)}
        for at, line in enumerate(audit.bins)
    ]  # fmt: skip
    ends = (across(0, 0.0), down(0.0), across(0, most), down(most))
    ticks = [{"y": down(most * part), "label": in_percent(most * part)} for part in (0, 0.5, 1)]
    return {"width": _WIDTH, "height": _HEIGHT, "left": _EDGE, "marks": marks, "ticks": ticks,
            "diagonal": ends if is_said else None}  # fmt: skip
