"""The gate: no alias moves to a bundle whose stored report does not carry it.

A bundle passes when it was judged on a period that it had not seen, predicts no worse there than
the rates of the steps, and is calibrated no worse than chance explains.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from features.errors import BundleError, NotEnoughData
from models.bundle import Bundle
from models.gate import Gate
from training.scores.results import WORSE

__all__ = ["judge", "read_report"]

_PARTS: Final = frozenset(
    {"version", "flatters", "start", "trained_until", "advancement", "purchase"}
)
_ECE_EXCESS: Final = 0.03
"""How far the calibration error may lie above what perfect calibration would show by chance."""


def read_report(folder: Path) -> dict[str, Any]:
    """The report that `rung evaluate --report` wrote.

    Raises
    ------
    NotEnoughData : there is none.
    """
    path = Path(folder) / "report.json"
    try:
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NotEnoughData(f"no report in {folder}; make one: rung evaluate --report") from error
    if not isinstance(report, dict) or not report.keys() >= _PARTS:
        raise NotEnoughData(f"{path} is no report; make one: rung evaluate --report")
    return report


def judge(report: dict[str, Any], bundle: Bundle) -> Gate:
    """Whether a report carries a bundle.

    Raises
    ------
    BundleError : the report is of another bundle.
    """
    if report["version"] != bundle.version:
        raise BundleError(
            f"the report is of bundle {report['version']}, this is {bundle.version}; evaluate it"
        )
    missing: list[str] = []
    metrics: dict[str, float] = {}
    if report["flatters"]:
        missing.append(
            f"judged from {report['start']}, but trained on what was known until"
            f" {report['trained_until']}: judge it on a later period"
        )
    for goal in ("advancement", "purchase"):
        part = report[goal]
        figures = part["performance"]
        if figures is None:
            if goal == "advancement":
                missing.append(f"{goal}: {part['note'] or 'it was not judged'}")
            continue
        metrics |= {
            f"{goal}_{name}": figures[name]
            for name in ("auc", "average_precision", "log_loss", "brier", "ece")
            if figures[name] is not None
        }
        if part["verdict"] == WORSE:
            missing.append(f"{goal}: worse than the rates of the steps ({part['verdict_reason']})")
        allowed = figures["ece_by_chance"] + _ECE_EXCESS
        if figures["ece"] > allowed:
            missing.append(
                f"{goal}: calibration error {figures['ece']:.3f}, at most {allowed:.3f} is allowed"
            )
    return Gate("scores", bundle.hash, tuple(missing), metrics, report)
