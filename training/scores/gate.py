"""The gate: no alias moves to a bundle whose stored report does not carry it.

A bundle passes when it was judged on a period that it had not seen, by leads enough of either
outcome of the next step, predicts no worse there than the rates of the steps, is calibrated no
worse than chance explains, treats no group of a protected trait surely apart, and does not put
other leads at the top than the champion does, unless somebody said that this is meant.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from features.clock import said_at, said_from
from features.errors import BundleError, NotEnoughData
from features.files import kept_away
from models.bundle import Bundle
from models.gate import Gate
from models.judging.groups.report import group_refusals
from training.scores.by_group import MEASURES_OF_SCORES
from training.scores.performance import FEWEST_LEADS
from training.scores.reordering import LEAST_OVERLAP, refusals
from training.scores.results import AS_SERVED, WORSE

__all__ = ["Accepted", "judge", "read_report", "recipe_of"]

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
    except (OSError, ValueError, RecursionError) as error:
        if why := kept_away(error):
            raise NotEnoughData(f"{path} cannot be read: {why}") from error
        raise NotEnoughData(f"no report in {folder}; make one: rung evaluate --report") from error
    if not isinstance(report, dict) or not report.keys() >= _PARTS:
        raise NotEnoughData(f"{path} is no report; make one: rung evaluate --report")
    return report


@dataclass(frozen=True, slots=True)
class Accepted:
    """Somebody means that other leads come to the top: who says so, and why."""

    by: str
    why: str


def judge(
    report: dict[str, Any],
    bundle: Bundle,
    champion: str = "",
    *,
    least_overlap: float = LEAST_OVERLAP,
    accepted: Accepted | None = None,
) -> Gate:
    """Whether a report carries a bundle.

    Parameters
    ----------
    champion : the whole hash of what serves, which the bundle is to follow; "" where nothing does.
    least_overlap : the share of the leads at the top that must stay there, in [0, 1].
    accepted : who means that fewer do; None where nobody does.

    Raises
    ------
    BundleError : the report is of another bundle.
    NotEnoughData : figures are missing in it.
    GateError : a figure that it rests on is no number.
    """
    if report["version"] != bundle.version:
        raise BundleError(
            f"the report is of bundle {report['version']}, this is {bundle.version}; evaluate it"
        )
    try:
        return _judged(report, bundle, champion, least_overlap, accepted)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise NotEnoughData(
            f"the report is damaged: {error!r}; make one: rung evaluate --report"
        ) from error


def _judged(
    report: dict[str, Any],
    bundle: Bundle,
    champion: str,
    least_overlap: float,
    accepted: Accepted | None,
) -> Gate:
    missing, metrics = _of_figures(report)
    missing += group_refusals(
        report.get("groups"),
        [trait.id for trait in bundle.ladder.protected],
        bundle.ladder.groups.least_ratio,
        MEASURES_OF_SCORES,
    )
    if (twin := report.get("twin")) is not None and twin["recipe"] != recipe_of(bundle):
        missing.append(
            "judged by a twin of another configuration, ladder or version of Rung: judge it again"
        )
    if champion in ("", bundle.hash):
        return Gate("scores", bundle.hash, tuple(missing), metrics, report)
    held: dict[str, Any] | None = report.get("reordering")
    against = refusals(held, champion, least_overlap)
    told = {"least_overlap": least_overlap, "accepted": accepted and asdict(accepted)}
    if held is not None and held["champion"] == champion:
        metrics |= _overlaps(held)
        against = [] if accepted else against
    return Gate(
        "scores",
        bundle.hash,
        (*missing, *against),
        metrics,
        report | {"reordering": {**(held or {}), **told}},
        beside=champion,
    )


def recipe_of(bundle: Bundle) -> str:
    """SHA-256 of all that a bundle was trained by, but for the log and how far it was known."""
    held = [
        bundle.manifest.get("config"),
        bundle.manifest.get("ladder_fingerprint", bundle.ladder.fingerprint),
        bundle.manifest.get("rung"),
    ]
    return sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()


def _of_figures(report: dict[str, Any]) -> tuple[list[str], dict[str, float]]:
    """What a report lacks by its own figures, and those figures."""
    missing: list[str] = []
    metrics: dict[str, float] = {}
    if report["flatters"]:
        missing.append(
            f"judged from {said_at(report['start'])}, but trained on what was known until"
            f" {said_from(report['trained_until'])}: judge it on a later period"
        )
    for goal in ("advancement", "purchase"):
        part = report[goal]
        figures = part["performance"]
        # A purchase takes long: without figures of it, or with such as rest on a handful of leads,
        # the next step alone carries a bundle.
        if note := _not_judged(part):
            if goal == "advancement":
                missing.append(f"{goal}: {note}")
            continue
        metrics |= {
            f"{goal}_{name}": figures[name]
            for name in ("auc", "average_precision", "log_loss", "brier", "ece")
            if figures[name] is not None
        }
        if part["verdict"] == WORSE:
            missing.append(f"{goal}: worse than the rates of the steps ({part['verdict_reason']})")
        # Few outcomes move what is served little, and an error is no figure without noise: what is
        # refused is off as it was trained, and as it is served.
        both = [figures, _as_served(part)]
        if not any(one["ece"] <= one["ece_by_chance"] + _ECE_EXCESS for one in both):
            least = min(both, key=lambda one: one["ece"] - one["ece_by_chance"])
            allowed = least["ece_by_chance"] + _ECE_EXCESS
            missing.append(
                f"{goal}: calibration error {least['ece']:.3f}, at most {allowed:.3f} is allowed"
            )
    return missing, metrics


def _not_judged(part: Mapping[str, Any]) -> str:
    """Why a goal has no figures that carry anything; empty where it has."""
    if part["performance"] is None:
        return str(part["note"] or "it was not judged")
    counts = part.get("counts", {})
    if "reached_leads" not in counts:  # of an earlier version
        return "the report does not say by how many leads it was judged: judge it again"
    reached, missed = counts["reached_leads"], counts["missed_leads"]
    if min(reached, missed) >= FEWEST_LEADS:
        return ""
    return (
        f"not enough data (leads that reached the goal {reached}, that did not {missed}); judging"
        f" takes {FEWEST_LEADS} of each"
    )


def _as_served(part: Mapping[str, Any]) -> Mapping[str, Any]:
    """The figures of what is served: recalibrated, where the report has that."""
    for rival in part.get("baselines", ()):
        if rival["name"] == AS_SERVED and rival["performance"] is not None:
            found: Mapping[str, Any] = rival["performance"]
            return found
    own: Mapping[str, Any] = part["performance"]
    return own


def _overlaps(held: Mapping[str, Any]) -> dict[str, float]:
    """The share of each top that stays, as figures."""
    return {
        f"overlap_{order['by']}": order["overlap"]
        for order in held["orders"]
        if order["overlap"] is not None
    }
