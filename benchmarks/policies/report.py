"""What policies are worth on public data: four randomised experiments and two logs of a bandit.

Targets stand under the tables; they come from what peers reach on the same rows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.policies import hillstrom, open_bandit, promotion, waves
from benchmarks.policies.hillstrom import UpliftRanking
from benchmarks.policies.judged import Judged
from benchmarks.policies.open_bandit import Campaign
from benchmarks.policies.promotion import Promoted
from benchmarks.public_data import DataAbsent
from benchmarks.tables import markdown
from features.arrays import Floats
from features.ladder.words import in_percent
from models.judging.off_policy import Estimate
from training.policies.gate import LEAST_EFFECTIVE

__all__ = ["run"]

_SPLITS, _FEWER_SPLITS, _SMALL_SPLITS = 20, 10, 3
_QINI, _FIRST = 0.055, 0.066
_DR_OF_LEARNED, _SURE = 15.2, 2.0
_REPRODUCED: Final = {
    "S-learner, LightGBM small trees": (0.0589, 0.0715),
    "two-model, LightGBM default": (0.0255, 0.0584),
}
"""Qini and uplift of the first 30 % that were measured once with scikit-uplift."""
_WITHIN: Final = 0.002
_QUOTED_RANKINGS: Final = [
    ["class transformation, XGBoost (quoted)", "0.0285", "0.0657 ± 0.0087", "0.0279 (0.0087)",
     "0.0607 (0.0071)"],
    ["econml LinearDRLearner (quoted)", "0.0558", "0.0649 ± 0.0088", "0.0624 (0.0071)",
     "0.0740 (0.0066)"],
    ["econml ForestDRLearner (quoted)", "0.0541", "0.0712 ± 0.0085", "0.0584 (0.0086)",
     "0.0740 (0.0062)"],
]  # fmt: skip
"""Of tools that are not installed here; their means are over 10 splits."""
_PUBLISHED_ERRORS: Final = {
    "IPS": 0.311, "SNIPS": 0.312, "DR": 0.292, "model alone (DM)": 0.157,
}  # fmt: skip
"""Mean relative errors in the campaign `all`: st-tech/zr-obp, examples/obd."""


def run(*, small: bool = False) -> str:
    """The tables of all data that is here; `small` is the two arms on few splits."""
    parts: list[Callable[[], str]] = [lambda: _two_arms(_SMALL_SPLITS)]
    if not small:
        parts = [lambda: _two_arms(_SPLITS), _three_arms, _promotion, _waves, _bandit]
    said = []
    for part in parts:
        try:
            said.append(part())
        except DataAbsent as absent:
            said.append(f"*Left out: {absent}.*")
    return "\n\n".join(said)


# --- Hillstrom --------------------------------------------------------------------------------


def _two_arms(splits: int) -> str:
    ranked = hillstrom.two_arms(splits)
    header = [
        "method", "Qini", "uplift of the first 30 %", f"Qini, mean of {splits} splits (sd)",
        f"uplift of the first 30 %, mean of {splits} splits (sd)",
    ]  # fmt: skip
    rows = [_ranking(one) for one in ranked]
    ours = ranked[0]
    told = [
        _met(f"Qini ≥ {_QINI:g}: {ours.qini:.4f} ± {ours.qini_error:.4f}", ours.qini >= _QINI),
        _met(
            f"uplift of the first 30 % ≥ {_FIRST:g}: {ours.first:.4f} ± {ours.first_error:.4f}",
            ours.first >= _FIRST,
        ),
        *(_reproduced(one) for one in ranked if one.tool in _REPRODUCED),
    ]
    title = (
        "Hillstrom, womens' mail or none, visits: published half split,"
        f" {ours.people:,} customers, ± standard error of 200 bootstraps"
    )
    return _section(title, header, [*rows, *_QUOTED_RANKINGS], told)


def _ranking(one: UpliftRanking) -> list[str]:
    return [
        one.tool,
        f"{one.qini:.4f} ± {one.qini_error:.4f}",
        f"{one.first:.4f} ± {one.first_error:.4f}",
        _over_splits(one.qinis),
        _over_splits(one.firsts),
    ]


def _over_splits(values: Sequence[float]) -> str:
    return f"{np.mean(values):.4f} ({np.std(values, ddof=1):.4f})"


def _reproduced(one: UpliftRanking) -> str:
    """Whether our Qini is scikit-uplift's: the same peer came to the same figures there."""
    qini, first = _REPRODUCED[one.tool]
    close = abs(one.qini - qini) <= _WITHIN and abs(one.first - first) <= _WITHIN
    return _met(f"{one.tool} as measured elsewhere, {qini:.4f} and {first:.4f}", close)


def _three_arms() -> str:
    visits = hillstrom.three_arms("visit", _FEWER_SPLITS)
    spend = hillstrom.three_arms("spend", _FEWER_SPLITS)
    ours = [policies[0].gain.dr for policies in visits]
    low, high = (100.0 * float(np.mean(ends)) for ends in zip(*map(_ends, ours), strict=True))
    told = [
        _met(
            "visits not below the best single arm by more than the interval: DR gain"
            f" {100.0 * np.mean([one.value for one in ours]):+.3f}, {low:+.3f} to {high:+.3f}",
            high >= 0,
        )
    ]
    about = f"Hillstrom, three arms: {_FEWER_SPLITS} half splits, mean ± mean standard error within"
    return "\n\n".join(
        [
            _section(
                f"{about}; visits per 100 customers", _ARMS_HEADER, _policies(visits, 100.0), told
            ),
            _section(
                f"{about}; spend per customer", _ARMS_HEADER, _policies(spend, 1.0), ["no claim"]
            ),
        ]
    )


_ARMS_HEADER: Final = [
    "policy", "IPS", "SNIPS", "DR", "DR minus the best single arm (sd over splits)",
    "SNIPS minus it", "share none / mens / womens",
]  # fmt: skip


def _ends(one: Estimate) -> tuple[float, float]:
    return one.low, one.high


def _policies(splits: list[list[Judged]], unit: float) -> list[list[str]]:
    return [_over_seeds(each, unit) for each in zip(*splits, strict=True)]


def _over_seeds(each: tuple[Judged, ...], unit: float) -> list[str]:
    """One policy over the seeds."""
    shares = np.mean([one.shares for one in each], axis=0)
    gains = [one.gain.dr for one in each]
    sd = unit * np.std([one.value for one in gains], ddof=1)
    return [
        each[0].policy,
        _mean_of([one.value.ips for one in each], unit),
        _mean_of([one.value.snips for one in each], unit),
        _mean_of([one.value.dr for one in each], unit),
        f"{_mean_of(gains, unit, '+')} ({sd:.3f})",
        _mean_of([one.gain.snips for one in each], unit, "+"),
        " / ".join(f"{share:.2f}" for share in shares),
    ]


def _mean_of(estimates: Sequence[Estimate], unit: float, sign: str = "") -> str:
    value = unit * np.mean([one.value for one in estimates])
    error = unit * np.mean([one.error for one in estimates])
    return f"{value:{sign}.3f} ± {error:.3f}"


# --- the promotion ----------------------------------------------------------------------------


def _promotion() -> str:
    splits = promotion.promotion(_FEWER_SPLITS)
    header = ["promote to", "net revenue", "sd over splits", "response", "share promoted to"]
    rows = [_rule(each) for each in zip(*splits, strict=True)]
    rows.append(["no one", "0", "0", "–", "0.000"])
    ours = [one.revenue for one in (policies[0] for policies in splits)]
    everyone = [one.revenue for one in (policies[-1] for policies in splits)]
    told = [
        _met(f"net revenue above that of no one: {np.mean(ours):+.0f}", np.mean(ours) > 0),
        _met(
            f"above that of everyone in {np.sum(np.greater(ours, everyone))} of {len(ours)} splits",
            np.greater(ours, everyone).all(),
        ),
    ]
    title = (
        f"Promotion ($10 product, ${promotion.SPENT:g} a promotion): {_FEWER_SPLITS} half splits of"
        f" {splits[0][0].people:,} people, mean ± mean standard error of 200 bootstraps"
    )
    return _section(title, header, rows, told)


def _rule(each: tuple[Promoted, ...]) -> list[str]:
    revenue = [one.revenue for one in each]
    return [
        each[0].policy,
        f"{np.mean(revenue):+.0f} ± {np.mean([one.error for one in each]):.0f}",
        f"{np.std(revenue, ddof=1):.0f}",
        f"{np.mean([one.rate for one in each]):.4f}",
        f"{np.mean([one.picked / one.people for one in each]):.3f}",
    ]


# --- Starbucks' waves -------------------------------------------------------------------------


def _waves() -> str:
    with tempfile.TemporaryDirectory() as folder:
        found = waves.run(Path(folder))
    header = [
        "policy", "IPS", "SNIPS", "DR", "DR minus the best single offer", "SNIPS minus it",
        "effective decisions", "share none", "training waves",
    ]  # fmt: skip
    ours = found.policies[0]
    dr, gained = ours.value.dr, ours.gain.dr
    told = [
        _met(
            f"DR > {_DR_OF_LEARNED:g}: {dr.value:.2f} ± {dr.error:.2f}; with other seeds"
            f" {', '.join(f'{value:.2f}' for value in found.seeds)}",
            dr.value > _DR_OF_LEARNED,
        ),
        _met(
            f"DR gain over {_always(found.best)} ≥ {_SURE:g} standard errors: {gained.value:+.2f} ±"
            f" {gained.error:.2f}, {gained.value / gained.error:.1f}",
            gained.value >= _SURE * gained.error,
        ),
    ]
    title = (
        "Starbucks' waves: net spend in the 72 hours after a decision,"
        f" {ours.value.decisions:,} decisions of {ours.value.leads:,} people; learned from"
        f" {found.learned_from:,} earlier ones"
    )
    ranked = sorted(found.policies, key=lambda one: -one.value.dr.value)
    return _section(title, header, [_wave(one, found.alone) for one in ranked], told)


def _wave(one: Judged, alone: dict[str, float]) -> list[str]:
    return [
        _WAVE_NAMES.get(one.policy, _always(one.policy)),
        _pm(one.value.ips),
        _pm(one.value.snips),
        _pm(one.value.dr),
        _pm(one.gain.dr, "+"),
        _pm(one.gain.snips, "+"),
        f"{one.value.effective_sample_size:,.0f}",
        f"{one.shares[-1]:.3f}",
        f"{alone[one.policy]:.2f}" if one.policy in alone else "",
    ]


def _always(name: str) -> str:
    return name.replace("only:", "always ")


_WAVE_NAMES: Final = {"learned": "**Rung, learned**", "thompson": "Rung, thompson"}


def _pm(one: Estimate, sign: str = "") -> str:
    return f"{one.value:{sign}.2f} ± {one.error:.2f}"


# --- Open Bandit ------------------------------------------------------------------------------


def _bandit() -> str:
    campaigns = [open_bandit.campaign(name) for name in open_bandit.CAMPAIGNS]
    estimators = list(_PUBLISHED_ERRORS)
    header = ["BTS from the log of chance", "clicks per 100", "SNIPS", "effective decisions"]
    rows = [[*_told_of(one), *(_error_of(one.errors[name]) for name in estimators)]
            for one in campaigns]  # fmt: skip
    published = [f"{_PUBLISHED_ERRORS[name]:.3f}" for name in estimators]
    rows.append(["all (published, another distribution)", "0.420", "–", "–", *published])
    forward = _section(
        "Open Bandit, small: mean relative error (sd) over 30 bootstraps of the log of chance",
        [*header, *(f"error of {name}" for name in estimators)],
        rows,
        ["no claim"],
    )
    backward = _section(
        "Open Bandit, small: the other way round, what the log of BTS tells of chance",
        ["chance from the log of BTS", "clicks per 100", "SNIPS, 95 % interval",
         "effective decisions", "weight of the heaviest", "what the gate says"],
        [_refusal(one) for one in campaigns],
        _refused(campaigns),
    )  # fmt: skip
    return f"{forward}\n\n{backward}"


def _refused(campaigns: list[Campaign]) -> list[str]:
    count = len(campaigns)
    refused = sum(bool(one.refused) for one in campaigns)
    values = [one.backward.value for one in campaigns]
    few = sum(value.effective_sample_size < LEAST_EFFECTIVE for value in values)
    held = sum(
        one.backward.value.snips.low <= one.chance <= one.backward.value.snips.high
        for one in campaigns
    )
    return [
        _met(
            f"the gate refuses {refused} of {count}, {few} for too little overlap", refused == count
        ),
        _met(f"the interval holds the truth in {held} of {count}", held == count),
    ]


def _told_of(one: Campaign) -> list[str]:
    return [
        f"{one.name}, {one.items} items",
        f"{100.0 * one.truth:.3f}",
        _interval(one.forward.snips),
        f"{one.forward.effective_sample_size:,.0f}",
    ]


def _error_of(errors: Sequence[float] | Floats) -> str:
    return f"{np.mean(errors):.3f} ({np.std(errors, ddof=1):.3f})"


def _refusal(one: Campaign) -> list[str]:
    value = one.backward.value
    return [
        f"{one.name}, {one.items} items",
        f"{100.0 * one.chance:.3f}",
        _interval(value.snips),
        f"{value.effective_sample_size:,.0f}",
        in_percent(one.backward.weight_share, 1),
        f"refused: {'; '.join(one.refused)}" if one.refused else "passed",
    ]


def _interval(one: Estimate) -> str:
    """In clicks per 100."""
    return f"{100.0 * one.value:.3f}, {100.0 * one.low:.3f} to {100.0 * one.high:.3f}"


# --- the table --------------------------------------------------------------------------------


def _met(text: str, met: bool | np.bool) -> str:
    return f"{text} ({'met' if met else 'NOT met'})"


def _section(title: str, header: list[str], rows: list[list[str]], told: list[str]) -> str:
    return f"**{title}**\n\n{markdown(header, rows)}\n\nTargets: {'; '.join(told)}."
