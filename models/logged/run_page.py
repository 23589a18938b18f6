"""What a run says of itself in MLflow: its name, tags, parameters, figures and a page to read.

Plain values of the bundle's manifest and the gate's report: the same bundle and report give the
same run. No part of it goes into the bundle or its hash.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from features.clock import rfc3339
from features.ladder.words import in_percent
from models.bundle import Bundle
from models.gate import Gate

__all__ = ["figures_of", "name_of", "page_of", "params_of", "profile_of", "tags_of"]

_GOALS: Final = {"advancement": "The next step", "purchase": "A purchase"}
_OURS: Final = ("lift_10", "lift_20", "ece_by_chance")
"""Logged beside those that the gate rests on."""
_SHOWN: Final = ("auc", "log_loss", "brier", "ece")
_HEAVIEST: Final = 5
_TOLD: Final = ("auc", "average_precision", "log_loss", "brier", "ece")


def name_of(bundle: Bundle, policy: str) -> str:
    """Ladder, end of training, policy, version; such as "b2b 2026-06-01 careful 0123456789ab"."""
    return f"{bundle.ladder.name} {_until(bundle)[:10]} {policy} {bundle.version}"


def tags_of(bundle: Bundle, gate: Gate, policy: str) -> dict[str, str]:
    """What runs are searched by."""
    return {
        "ladder": bundle.ladder.name,
        "policy": policy,
        "bundle": bundle.version,
        "trained_until": _until(bundle),
        "gate": "passed" if gate.passed else "not passed",
        "verdict": str(gate.report.get("verdict") or gate.report["advancement"].get("verdict", "")),
    }


def params_of(bundle: Bundle) -> dict[str, Any]:
    """What it was trained with, and the fingerprints that it is known by."""
    manifest = bundle.manifest
    return {
        "ladder": bundle.ladder.name,
        "ladder_fingerprint": bundle.ladder.fingerprint,
        "signals_fingerprint": manifest["signals_fingerprint"],
        "data_fingerprint": manifest["data_fingerprint"],
        "bundle_hash": bundle.hash,
        "until": manifest["until"],
        "rung": manifest["rung"],
        **dict(_flat("", manifest.get("config", {}))),
        **dict(_flat("trained_on", manifest.get("trained_on", {}))),
    }


def profile_of(bundle: Bundle) -> dict[str, Any]:
    """The log that it was trained on, in counts: no row of it, no lead."""
    manifest = bundle.manifest
    return {"known_until": _until(bundle), **manifest.get("trained_on", {})}


def figures_of(gate: Gate) -> dict[str, float]:
    """The gate's figures, more of the report's, and those of each baseline beside them.

    A baseline's are called such as "baselines/step_rates/advancement_log_loss".
    """
    figures = dict(gate.metrics)
    for goal in _GOALS:
        part = gate.report[goal]
        figures |= _figures(goal, part["performance"], _OURS)
        if part["performance"] and "rate" in part["performance"]:
            figures[f"{goal}_base_rate"] = part["performance"]["rate"]
        for rival in part.get("baselines", ()):
            prefix = f"baselines/{rival['name'].replace(' ', '_')}/{goal}"
            figures |= _figures(prefix, rival["performance"], (*_TOLD, *_OURS))
    return figures


def page_of(bundle: Bundle, gate: Gate, policy: str, name: str) -> str:
    """Markdown: what was trained on what, how good it is, and how to load it."""
    report = gate.report
    lines = [
        f"**{bundle.ladder.title}**: what `rung train` made of what was known until"
        f" {_until(bundle)}. Policy: {policy}.",
        "",
        *(_trained(bundle)),
        "",
        f"Judged on what happened from {report['start']} to {report.get('until', 'the end')}"
        f" ({report['advancement'].get('verdict') or 'not judged'}):",
        "",
        *_table(report),
        "",
        *_signals(report),
        "The gate: " + ("passed." if gate.passed else "; ".join(gate.missing) + "."),
        "",
        "```python",
        "import mlflow",
        f'model = mlflow.pyfunc.load_model("models:/{name}@champion")  # or a version: /{name}/1',
        "scores = model.predict(signals)  # a frame that `rung features` wrote",
        "```",
        "",
    ]
    return "\n".join(lines)


def _trained(bundle: Bundle) -> Iterable[str]:
    for goal, counts in bundle.manifest.get("trained_on", {}).items():
        yield (
            f"- {_GOALS.get(goal, goal)}: {counts['points']:,} points of {counts['leads']:,} leads,"
            f" {counts['reached']:,} reached, {counts['lost']:,} lost; {counts['pending']:,}"
            " whose horizon is not over (left out)"
        )


def _table(report: Mapping[str, Any]) -> Iterable[str]:
    yield "| goal | judged | AUC | log loss | Brier | ECE |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for goal, title in _GOALS.items():
        part = report[goal]
        if not part["performance"]:
            yield f"| {title} | {part['note'] or 'not judged'} | | | | |"
            continue
        rows = [("this bundle", part["performance"])]
        rows += [(one["name"], one["performance"]) for one in part.get("baselines", ())]
        for who, figures in rows:
            if figures:
                told = " | ".join(_told(figures[key]) for key in _SHOWN)
                yield f"| {title} | {who} | {told} |"


def _signals(report: Mapping[str, Any]) -> Iterable[str]:
    for goal, title in _GOALS.items():
        # Reports of an earlier version do not say what signals weigh.
        heaviest = report[goal].get("signals", ())[:_HEAVIEST]
        if heaviest:
            told = ", ".join(f"`{one['id']}` {in_percent(one['share'])}" for one in heaviest)
            yield f"{title} rests on {told}."
            yield ""


def _told(figure: float | None) -> str:
    return "–" if figure is None else f"{figure:.4f}"


def _figures(prefix: str, held: Mapping[str, Any] | None, names: Iterable[str]) -> dict[str, float]:
    return {f"{prefix}_{name}": held[name] for name in names if held and held.get(name) is not None}


def _flat(prefix: str, held: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """The leaves of a tree, by dotted names."""
    for key, value in held.items():
        name = f"{prefix}.{key}" if prefix else key
        if isinstance(value, Mapping):
            yield from _flat(name, value)
        else:
            yield name, value


def _until(bundle: Bundle) -> str:
    return rfc3339(int(bundle.manifest["until"]))
