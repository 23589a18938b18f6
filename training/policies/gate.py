"""The gate for policies: none serves without a stored report that carries it.

A policy passes when, on decisions that its bundle had not learned from, it surely gains over the
policy that took them, however often that was looked at, two estimators that fail in different ways
agree, no segment is surely harmed, and no group of a protected trait is surely treated apart. A
refusal says what is missing. A policy that serves and is surely worse is retired.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.special import stdtrit

from features.clock import said_at, said_from
from features.errors import BundleError, NotEnoughData
from features.files import kept_away
from features.ladder.ladder import Ladder
from features.ladder.words import in_percent
from models.bundle import Bundle, load_bundle
from models.gate import Gate, GateCheck
from models.judging.groups.report import group_refusals
from models.judging.off_policy import UNSEEN
from models.judging.rounding import signed
from models.offers.policy import policy_to_serve
from models.served_policy import DEFAULT, read_served, withdraw_served, write_served
from training.policies.by_group import MEASURES_OF_POLICIES

__all__ = [
    "LEAST_EFFECTIVE",
    "checks",
    "judge_policy",
    "missing",
    "one_look_refusals",
    "promote",
    "read_policy_report",
    "refusals",
    "retire",
]

LEAST_EFFECTIVE: Final = 1000.0
"""Decisions of equal weight that the log must be worth to a policy."""
_LARGEST_SHARE: Final = 0.05
"""Of all weight, that one decision may have."""
_SUPPORT: Final = 0.99
_DISAGREEMENT: Final = 3.0
"""Standard errors that DR and SNIPS may lie apart."""
_HARM_LEVEL: Final = 0.05
"""Chance of calling any segment harmed where none is, all segments together."""
_ALONE_LEVEL: Final = 0.025
"""The same of a single segment: its interval at 95 % lies below 0."""
FILE: Final = "policy.json"
_HELD: Final = {
    *("against", "assessment", "bundle", "flatters", "name", "start", "trained_until", "watch"),
}
"""What the gate reads of a report."""


def read_policy_report(folder: Path) -> dict[str, Any]:
    """The report that `rung policy evaluate --report` wrote.

    Raises
    ------
    NotEnoughData : there is none.
    """
    path = Path(folder) / FILE
    try:
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        if why := kept_away(error):
            raise NotEnoughData(f"{path} cannot be read: {why}") from error
        raise NotEnoughData(
            f"no policy report in {folder}; make one: rung policy evaluate --report"
        ) from error
    if not isinstance(report, dict) or not report.keys() >= _HELD:
        raise NotEnoughData(f"{path} is no policy report; make one: rung policy evaluate --report")
    return report


def judge_policy(report: dict[str, Any], bundle: Bundle) -> Gate:
    """Whether a report carries its policy.

    Raises
    ------
    BundleError : the report is of another bundle.
    PolicyError : it is of a policy that there is none of, or that is for an arm of an experiment.
    NotEnoughData : figures are missing in it.
    """
    if report["bundle"] != bundle.version:
        raise BundleError(
            f"the report is of bundle {report['bundle']}, this is {bundle.version}; evaluate it"
        )
    name = str(report["name"])
    policy_to_serve(name, bundle.offers.options)
    try:
        metrics = _metrics(report["assessment"], report["watch"])
        found = missing(report, bundle.ladder)
        return Gate("policy", bundle.hash, found, metrics, report, name)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise NotEnoughData(
            f"the policy report is damaged: {error!r}; make one: rung policy evaluate --report"
        ) from error


def _metrics(assessment: dict[str, Any], watch: dict[str, Any] | None) -> dict[str, float]:
    """The figures that the verdict rests on."""
    value, gain = assessment["value"], assessment["gain"]
    metrics = {
        "gain_dr": float(gain["dr"]["value"]),
        "gain_snips": float(gain["snips"]["value"]),
        "disagreement": float(gain["disagreement"]),
        "effective_sample_size": float(value["effective_sample_size"]),
        "support": float(value["support"]),
        "weight_share": float(assessment["weight_share"]),
    }
    if watch is not None:
        metrics |= {
            "gain": float(watch["value"]),
            "gain_low": float(watch["low"]),
            "gain_high": float(watch["high"]),
            "leads": float(watch["leads"]),
        }
    return metrics


def promote(folder: Path, report: Path, *, trusted: Collection[str] = ()) -> tuple[Gate, str]:
    """Serve a bundle with the policy that a report is of, if the report carries it.

    Returns the gate, and the name of the policy that serves now. Raises what `load_bundle`,
    `read_policy_report`, `judge_policy` and `read_served` raise.
    """
    bundle = load_bundle(folder, trusted=trusted)
    gate = judge_policy(read_policy_report(report), bundle)
    if gate.passed:
        write_served(folder, gate, trusted=trusted)
    return gate, read_served(folder, bundle)


def retire(folder: Path, report: Path, *, trusted: Collection[str] = ()) -> bool:
    """Let the careful policy serve again where a report shows the one that serves to be worse.

    Worse than the policy that took the decisions, or than the careful one. Returns whether it was
    retired; raises what `promote` raises.
    """
    bundle = load_bundle(folder, trusted=trusted)
    told = read_policy_report(report)
    judge_policy(told, bundle)
    if told["against"] not in ("logged", DEFAULT) or not _is_worse(told["watch"]):
        return False
    if told["name"] == DEFAULT or read_served(folder, bundle) != told["name"]:
        return False
    withdraw_served(folder)
    return True


def missing(report: dict[str, Any], ladder: Ladder | None = None) -> tuple[str, ...]:
    """What keeps a report from carrying its policy; empty where nothing does.

    Parameters
    ----------
    ladder : of the bundle: every trait that it protects must have been looked at. None: those that
        the report has.
    """
    return tuple(line for check in checks(report, ladder) for line in check["missing"])


def checks(report: dict[str, Any], ladder: Ladder | None = None) -> tuple[GateCheck, ...]:
    """All that is asked of a report, each with its figure.

    `later` and `against`: what it was judged on, and against what. `agree`: the standard errors
    between two estimators, and how many may be. `sure`: the leads that were counted, and about how
    many it takes until the gain is sure (none is known where there is no gain). `harm`: parts that
    are surely harmed. `groups`: groups of protected traits that are surely treated apart.
    """
    return (
        _check("later", _flattery(report)),
        _check("against", _weak_rival(report)),
        *_figures(report["assessment"], report["watch"], report.get("currency", "")),
        _check("groups", _of_groups(report, ladder)),
    )


def _figures(
    assessment: dict[str, Any], watch: dict[str, Any] | None, unit: str = ""
) -> tuple[GateCheck, ...]:
    """What is asked of the figures themselves; reports of former versions name no unit."""
    gain, segments = assessment["gain"], assessment["segments"]
    harmed = _harmed(segments)
    leads = None if watch is None else float(watch["leads"])
    enough = leads if watch is not None and watch["low"] > 0 else _leads_needed(watch)
    return (
        _check(
            *("agree", _disagreement(gain, assessment["value"])),
            *(float(gain["disagreement"]), _DISAGREEMENT),
        ),
        _check("sure", _watched(watch, gain, segments, unit), leads, enough),
        _check("harm", _harm(segments, unit), float(len(harmed)), 0.0, harmed),
    )


def _check(
    id_: str,
    missing: list[str],
    have: float | None = None,
    needed: float | None = None,
    parts: Sequence[str] = (),
) -> GateCheck:
    return {"id": id_, "missing": missing, "have": have, "needed": needed, "parts": list(parts)}


def _flattery(report: dict[str, Any]) -> list[str]:
    if not report["flatters"]:
        return []
    return [
        f"judged on decisions from {said_at(report['start'])}, but the bundle learned from what was"
        f" known until {said_from(report['trained_until'])}: judge it on later ones"
    ]


def _weak_rival(report: dict[str, Any]) -> list[str]:
    if report["against"] == "logged":
        return []
    return [
        f"judged against {report['against']!r}: judge it against the policy that took the"
        " decisions (leave --against out)"
    ]


def _of_groups(report: dict[str, Any], ladder: Ladder | None) -> list[str]:
    """What the report lacks that groups of protected traits are treated alike."""
    protected = [trait.id for trait in ladder.protected] if ladder else []
    least = ladder.groups.least_ratio if ladder else 0.0
    return group_refusals(report.get("groups"), protected, least, MEASURES_OF_POLICIES)


def refusals(assessment: dict[str, Any], watch: dict[str, Any] | None) -> tuple[str, ...]:
    """What keeps figures (as plain values) from carrying their policy; empty where nothing."""
    return tuple(line for check in _figures(assessment, watch) for line in check["missing"])


def one_look_refusals(assessment: dict[str, Any]) -> tuple[str, ...]:
    """The same by intervals for a single look: what the gate was before it could be asked daily.

    A baseline to compare with: whoever asks it until it passes has no 5 % left.
    """
    gain = assessment["gain"]
    return (
        *_overlap(assessment["value"], assessment["weight_share"]),
        *_disagreement(gain, assessment["value"]),
        *_gain(gain, assessment["segments"]),
        *_harm(assessment["segments"]),
    )


def _disagreement(gain: dict[str, Any], value: dict[str, Any]) -> list[str]:
    if gain["disagreement"] <= _DISAGREEMENT:
        return []
    why = "the logged probabilities may not be those that were drawn with"
    if value["support"] < _SUPPORT:
        why = f"{_unsupported(value)} could not have been chosen by the log"
    return [
        f"DR and SNIPS lie {gain['disagreement']:.1f} standard errors apart, at most"
        f" {_DISAGREEMENT:g} are allowed: {why}"
    ]


def _unsupported(value: dict[str, Any]) -> str:
    return f"{in_percent(1.0 - value['support'], 1)} of what it would choose"


def _leads_needed(watch: dict[str, Any] | None) -> float | None:
    """With how many leads a gain like this would be sure; None where there is none."""
    if watch is None or watch["value"] <= 0:
        return None
    return float(watch["leads"] * ((watch["value"] - watch["low"]) / watch["value"]) ** 2)


def _is_worse(watch: dict[str, Any] | None) -> bool:
    return watch is not None and watch["high"] < 0


def _watched(
    watch: dict[str, Any] | None, gain: dict[str, Any], segments: dict[str, Any], unit: str
) -> list[str]:
    if watch is None:
        return [
            "no lead can be counted yet: a lead counts once all is over that its first decisions"
            " can bring; judge it later"
        ]
    if watch["low"] > 0:
        return []
    low, high = (signed(watch[end], unit=unit) for end in ("low", "high"))
    told = f"{signed(watch['value'], unit=unit)} a decision on {watch['leads']:,} leads"
    if _is_worse(watch):
        return [f"it is worse: {told}, surely below {high}; it should not serve"]
    if watch["value"] <= 0:
        return [f"no gain: {told}"]
    more = (_leads_needed(watch) or 0.0) - watch["leads"]
    return [
        f"the gain is not sure: {told}, between {low} and {high} however often one looks;"
        f" {_about(more)} more leads would tell{_where(gain, segments)}"
    ]


def _overlap(value: dict[str, Any], weight_share: float) -> list[str]:
    found = []
    effective, decisions = value["effective_sample_size"], value["decisions"]
    if effective < LEAST_EFFECTIVE:
        more = decisions * (LEAST_EFFECTIVE / max(effective, 1.0) - 1.0)
        found.append(
            f"the {decisions:,} decisions are worth {effective:,.0f} of equal weight to this"
            f" policy, {LEAST_EFFECTIVE:,.0f} are needed: {_about(more)} more randomised decisions,"
            " or more exploration"
        )
    if weight_share > _LARGEST_SHARE:
        found.append(
            f"one decision has {in_percent(weight_share)} of all weight (weight"
            f" {value['largest_weight']:,.0f}), at most {in_percent(_LARGEST_SHARE)} is allowed"
        )
    if value["support"] < _SUPPORT:
        found.append(
            f"{_unsupported(value)} could not have been chosen by the log, at most"
            f" {in_percent(1.0 - _SUPPORT)} is allowed"
        )
    return found


def _gain(gain: dict[str, Any], segments: dict[str, Any]) -> list[str]:
    dr, snips = gain["dr"], gain["snips"]
    if dr["low"] > 0 and snips["value"] > 0:
        return []
    if dr["value"] <= 0 or snips["value"] <= 0:
        return [
            f"no gain: {signed(dr['value'])} a decision by DR, {signed(snips['value'])} by SNIPS"
        ]
    width = dr["value"] - dr["low"]
    more = gain["decisions"] * ((width / dr["value"]) ** 2 - 1.0)
    return [
        f"the gain is not sure: {signed(dr['value'])} a decision, 95 % interval"
        f" {signed(dr['low'])} to {signed(dr['high'])}; {_about(more)} more randomised decisions"
        f" would tell{_where(gain, segments)}"
    ]


def _where(gain: dict[str, Any], segments: dict[str, Any]) -> str:
    """The step that most of the uncertainty comes from."""
    steps = {name: one for name, one in segments.items() if name.startswith("step: ")}
    if len(steps) < 2:
        return ""
    spread = {
        name: one["dr"]["error"] * one["decisions"] / gain["decisions"]
        for name, one in steps.items()
    }
    worst = max(spread, key=lambda name: spread[name])
    return f", most of all at {worst}"


def _harm(segments: dict[str, Any], unit: str = "") -> list[str]:
    return [
        f"{name} is harmed: {signed(segments[name]['dr']['value'], unit=unit)} a decision (surely"
        f" below 0, on {segments[name]['decisions']:,} decisions)"
        for name in _harmed(segments)
    ]


def _harmed(segments: dict[str, Any]) -> list[str]:
    """The segments that are surely harmed, all of them together."""
    if not segments:
        return []
    level = min(_HARM_LEVEL / len(segments), _ALONE_LEVEL)
    return [name for name, one in segments.items() if _most(one, level) < 0]


def _most(gain: dict[str, Any], level: float) -> float:
    """What the gain may be at the most, but for this chance, and at 95 % as it is printed.

    By Student's distribution, and as if the best that was seen had happened not to come where the
    policy would do most of it: of few decisions, or of rare outcomes, the spread says too little.
    """
    dr = gain["dr"]
    half = float(stdtrit(gain["leads"] - 1, 1.0 - level)) * dr["error"]
    return float(max(dr["high"], dr["value"] + np.hypot(half, UNSEEN * gain.get("reach", 0.0))))


def _about(count: float) -> str:
    """A number of decisions, to two digits."""
    size = 10.0 ** max(0, int(np.floor(np.log10(max(count, 1.0)))) - 1)
    return f"about {np.ceil(max(count, 1.0) / size) * size:,.0f}"
