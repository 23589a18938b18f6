"""Four public data sets through the public commands, beside peers on the same rows.

A target stands under each table; it was set from what untuned peers reach, before Rung was built.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.public_data import DataAbsent
from benchmarks.quality import olist, starbucks
from benchmarks.quality.cross_sections import (
    SAAS,
    X_EDUCATION,
    CrossSection,
    FoldScores,
    fold_scores,
    later_scores,
)
from benchmarks.quality.peers import PEERS
from benchmarks.tables import markdown
from features.arrays import Floats
from models.judging import metrics

__all__ = ["run"]

_RUNG: Final = "**Rung**"
_HEADER: Final = [
    "tool", "AUC", "AP", "log loss", "Brier", "ECE", "ECE by chance", "n",
    "log loss, Rung minus it",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figures:
    """How good some probabilities were; a rule that only ranks has the rates of its classes."""

    auc: float
    average_precision: float
    log_loss: float
    brier: float
    ece: float
    ece_by_chance: float

    @classmethod
    def of(cls, probability: Floats, happened: Floats) -> Figures:
        """The figures of one test set; it has outcomes of both kinds."""
        values = (
            metrics.auc(probability, happened),
            metrics.average_precision(probability, happened),
            metrics.log_loss(probability, happened),
            metrics.brier(probability, happened),
            metrics.ece(probability, happened),
            metrics.ece_by_chance(probability, seed=7),
        )
        return cls(*(float("nan") if value is None else value for value in values))

    @classmethod
    def of_report(cls, performance: dict[str, Any]) -> Figures:
        """Those that `rung evaluate` reports."""
        return cls(*(float(performance[field.name]) for field in fields(cls)))


@dataclass(frozen=True, slots=True)
class Line:
    """A tool's figures on each test set, and how many rows these have together."""

    tool: str
    figures: tuple[Figures, ...]
    rows: int
    quoted: str = ""

    def mean(self, name: str) -> float:
        """The mean over the test sets."""
        return float(np.mean([getattr(one, name) for one in self.figures]))

    def error(self, name: str) -> float | None:
        """Its standard error over the folds; None with a single test set."""
        return _error([getattr(one, name) for one in self.figures])


def _error(values: Sequence[float]) -> float | None:
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure of Rung's must reach."""

    figure: str
    least: float | None = None
    most: float | None = None

    def line(self, ours: Line) -> str:
        """The target, what was reached, and whether that is enough."""
        value = ours.mean(self.figure)
        bound = f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}"
        low = -np.inf if self.least is None else self.least
        high = np.inf if self.most is None else self.most
        return _met(f"{self.figure.replace('_', ' ')} {bound}: {value:.4f}", low <= value <= high)


def _met(text: str, met: bool) -> str:
    return f"{text} ({'met' if met else 'NOT met'})"


def run(*, small: bool = False) -> str:
    """The tables of all data sets that are here; `small` leaves out the two long ones."""
    parts: list[Callable[[Path], str]] = [_saas, _olist]
    if not small:
        parts = [_x_education, _x_education_later, *parts, _starbucks]
    said = []
    for part in parts:
        with tempfile.TemporaryDirectory() as folder:
            try:
                said.append(part(Path(folder)))
            except DataAbsent as absent:
                said.append(f"*Left out: {absent}.*")
    return "\n\n".join(said)


# --- the data sets ----------------------------------------------------------------------------


def _x_education(folder: Path) -> str:
    folds = fold_scores(X_EDUCATION, folder)
    targets = [
        Target("auc", least=0.878), Target("log_loss", most=0.422), Target("ece", most=0.0255),
    ]  # fmt: skip
    quoted = [
        Line(
            "CatBoost default", (_quoted(0.8809, 0.8335, 0.4165, 0.1321, 0.0225),), 9240, "(quoted)"
        ),
        Line(
            "AutoGluon medium", (_quoted(0.8795, 0.8327, 0.4178, 0.1327, 0.0232),), 9240, "(quoted)"
        ),
    ]
    return _cross_section(X_EDUCATION, folds, targets, quoted)


def _x_education_later(folder: Path) -> str:
    later = later_scores(X_EDUCATION, "splits/xedu_time80_20.csv.gz", folder)
    targets = [Target("auc", least=0.8976), Target("log_loss", most=0.3918)]
    quoted = [
        Line(
            "CatBoost default", (_quoted(0.9014, 0.8534, 0.3840, 0.1207, 0.0409),), 1848, "(quoted)"
        ),
        Line(
            "AutoGluon medium", (_quoted(0.8976, 0.8519, 0.3918, 0.1232, 0.0448),), 1848, "(quoted)"
        ),
    ]
    title = "X Education: trained on the oldest 80 %, judged on the newest 20 %"
    return _cross_section(X_EDUCATION, [later], targets, quoted, title=title)


def _saas(folder: Path) -> str:
    folds = fold_scores(SAAS, folder)
    quoted = [
        Line(
            "CatBoost default", (_quoted(0.5148, 0.2354, 0.5384, 0.1741, 0.0964),), 966, "(quoted)"
        ),
        Line(
            "AutoGluon medium", (_quoted(0.5194, 0.2434, 0.5238, 0.1698, 0.0759),), 966, "(quoted)"
        ),
    ]
    said = sum(not fold.learned for fold in folds)
    honest = _met(f'says "nothing to learn" in {said} of {len(folds)} folds', said == len(folds))
    return _cross_section(SAAS, folds, [Target("log_loss", most=0.519)], quoted, honest)


def _quoted(auc: float, precision: float, loss: float, brier: float, ece: float) -> Figures:
    """Measured once on the same rows with tools that are not installed here."""
    return Figures(auc, precision, loss, brier, ece, float("nan"))


def _cross_section(
    data: CrossSection,
    folds: list[FoldScores],
    targets: list[Target],
    quoted: list[Line],
    also: str = "",
    *,
    title: str = "",
) -> str:
    rows = sum(len(fold.bought) for fold in folds)
    ours = Line(_RUNG, tuple(Figures.of(fold.probability, fold.bought) for fold in folds), rows)
    peers = [
        Line(
            name,
            tuple(Figures.of(peer(*fold.train, fold.test), fold.bought) for fold in folds),
            rows,
        )
        for name, peer in PEERS.items()
    ]
    told = [target.line(ours) for target in targets] + ([also] if also else [])
    title = title or f"{data.title}: {len(folds)} published folds, mean ± standard error over folds"
    return _section(title, [ours, *peers, *quoted], told)


def _olist(folder: Path) -> str:
    report = olist.run(folder)["purchase"]
    ours = Line(_RUNG, (Figures.of_report(report["performance"]),), report["performance"]["n"])
    train, happened, test, came = olist.first_contacts()
    peers = [
        Line(name, (Figures.of(peer(train, happened, test), came),), len(came))
        for name, peer in PEERS.items()
    ]
    quoted = [
        Line(
            "CatBoost default", (_quoted(0.6271, 0.1603, 0.3524, 0.1002, 0.0302),), 4857, "(quoted)"
        ),
        Line(
            "AutoGluon medium", (_quoted(0.6371, 0.1693, 0.3592, 0.1011, 0.0490),), 4857, "(quoted)"
        ),
        Line("FLAML", (_quoted(0.6632, 0.1814, 0.3386, 0.0975, 0.0212),), 4857, "(quoted)"),
    ]
    told = [Target("log_loss", most=0.35).line(ours), Target("ece", most=0.02).line(ours)]
    title = "Olist: won within 90 days of the first contact; later contacts"
    return _section(title, [ours, *peers, *quoted], told)


def _starbucks(folder: Path) -> str:
    report = starbucks.run(folder)["purchase"]
    ours = Line(_RUNG, (Figures.of_report(report["performance"]),), report["performance"]["n"])
    differences: dict[str, dict[str, float]] = {}
    peers = []
    for baseline in report["baselines"]:
        if baseline["performance"] is not None:
            figures = Figures.of_report(baseline["performance"])
            peers.append(Line(baseline["name"], (figures,), ours.rows))
            differences[baseline["name"]] = baseline["difference"]
    told = []
    boosting, rule = differences["histogram gradient boosting"], differences["points rule"]
    told.append(
        _met(
            f"log loss minus HistGradientBoosting's {_pm(boosting, 'log_loss')}",
            boosting["log_loss"] <= 0,
        )
    )
    told.append(
        _met(f"AUC minus HistGradientBoosting's {_pm(boosting, 'auc')}", boosting["auc"] >= 0)
    )
    clearly = rule["log_loss"] < -2 * rule["log_loss_error"] and rule["auc"] > 2 * rule["auc_error"]
    told.append(
        _met(
            f"AUC minus the points rule's {_pm(rule, 'auc')}, log loss {_pm(rule, 'log_loss')}",
            clearly,
        )
    )
    title = "Starbucks: completes the offer after viewing it, within 72 hours; the last two waves"
    return _section(title, [ours, *peers], told, differences)


def _pm(difference: dict[str, float], name: str) -> str:
    return f"{difference[name]:+.4f} ± {difference[f'{name}_error']:.4f}"


# --- the table --------------------------------------------------------------------------------


def _section(
    title: str,
    lines: list[Line],
    told: list[str],
    differences: dict[str, dict[str, float]] | None = None,
) -> str:
    ours = lines[0]
    rows = []
    for line in lines:
        name = f"{line.tool} {line.quoted}".strip()
        cells = [_cell(line, field.name) for field in fields(Figures)]
        known = (differences or {}).get(line.tool)
        behind = "" if line is ours else _pm(known, "log_loss") if known else _behind(ours, line)
        rows.append([name, *cells, f"{line.rows:,}", behind])
    return f"**{title}**\n\n{markdown(_HEADER, rows)}\n\nTargets: {'; '.join(told)}."


def _cell(line: Line, name: str) -> str:
    value, error = line.mean(name), line.error(name)
    if np.isnan(value):
        return "–"
    return f"{value:.4f}" if error is None else f"{value:.4f} ± {error:.4f}"


def _behind(ours: Line, other: Line) -> str:
    """The difference in log loss; in pairs where there are folds."""
    if len(ours.figures) != len(other.figures):
        return f"{ours.mean('log_loss') - other.mean('log_loss'):+.4f}"
    pairs = [
        one.log_loss - two.log_loss for one, two in zip(ours.figures, other.figures, strict=True)
    ]
    error = _error(pairs)
    return f"{np.mean(pairs):+.4f}" + ("" if error is None else f" ± {error:.4f}")
