"""Two public trials: Hillstrom's e-mails (two arms and three) and Starbucks' promotion.

Effects are learned on one half of the people and judged on the other half. No method sees the other
half before; the splits are the published one and those of seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final

import lightgbm as lgb
import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.model_selection import train_test_split

from benchmarks.public_data import read_csv
from features.arrays import Bools, Floats, Ints
from features.ladder.file import parse_ladder
from features.ladder.ladder import PolicySettings
from models.judging.off_policy import Logged, PolicyGain, PolicyValue, gain, off_policy
from models.offers.expected import Kind
from models.offers.learning import OutcomeEffects, Tried, learn_effects, scale_of
from models.offers.options import Options, options_of
from models.offers.policy import Beliefs, policy
from training.policies.predicted_values import predicted_values

__all__ = [
    "ARMS",
    "SPENT",
    "Judged",
    "Promoted",
    "Ranked",
    "judged",
    "promotion",
    "qini",
    "three_arms",
    "two_arms",
    "uplift_of_first",
]


ARMS: Final = ("No E-Mail", "Mens E-Mail", "Womens E-Mail")
SPENT: Final = 0.15
"""What a promotion costs; a purchase brings 10."""
_PRICE: Final = 10.0
_FIRST: Final = 0.3
_DRAWS: Final = 200
_PUBLISHED_SPLIT: Final = 42

_TRIAL = """
[ladder]
name = "trial"

[[step]]
id = "asked"
title = "Asked"
horizon_days = 14
complete_when = [{ event = "asked" }]

[[step]]
id = "came"
title = "Came"
horizon_days = 14
band = [0.05, 0.2]
complete_when = [{ event = "came" }]

[purchase]
horizon_days = 14
complete_when = [{ event = "bought" }]
"""
_ARM = """
[[offer]]
id = "{id}"
step = "asked"
title = "{id}"
kind = "mail"
effort = {{ minutes = 1 }}
"""


@dataclass(frozen=True, eq=False, slots=True)
class Trial:
    """A randomised trial, a row a person.

    Parameters
    ----------
    matrix : shape (n, n_columns), what was known before.
    category_columns : of `matrix`.
    arm : shape (n,), in [0, arms); 0 is the control.
    outcome : shape (n,).
    arms : each was drawn with a chance of 1 / `arms`.
    """

    matrix: Floats
    columns: tuple[str, ...]
    category_columns: list[int]
    arm: Ints
    outcome: Floats
    arms: int

    def __len__(self) -> int:
        return len(self.arm)

    def rows(self, keep: Ints | Bools) -> Trial:
        """Some of the people."""
        return Trial(
            self.matrix[keep],
            self.columns,
            self.category_columns,
            self.arm[keep],
            self.outcome[keep],
            self.arms,
        )

    def halves(self, seed: int) -> tuple[Trial, Trial]:
        """One half to learn from, the other to judge on."""
        train, test = train_test_split(np.arange(len(self)), test_size=0.5, random_state=seed)
        return self.rows(train), self.rows(test)


# --- Rung on a trial --------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class _Learned:
    """What Rung learned from one half of a trial."""

    options: Options
    effects: OutcomeEffects
    expected: Callable[[Floats], Floats]

    def beliefs(self, matrix: Floats) -> Beliefs:
        """What each arm adds to the outcome; the control is no ask, and nobody can be nurtured."""
        expected = self.expected(matrix)
        z = self.effects.of(matrix, expected)
        shape = (len(matrix), len(self.options))
        nothing = np.zeros(shape)
        possible = np.full(shape, True)
        possible[:, self.options.nurture] = False
        scale = scale_of(expected, self.effects.kind)[:, None]
        gained = scale * self.effects.effects.tau(nothing, z)
        return Beliefs(
            options=self.options,
            eligible=possible,
            advance=gained,
            gain=gained,
            gain_sd=scale * self.effects.effects.deviation(nothing, z),
            gain_draws=lambda: scale * self.effects.effects.drawn(nothing, z),
            topic=np.full(shape, False),
            is_active=np.full(len(matrix), True),
        )

    def uplift(self, matrix: Floats) -> Floats:
        """Shape (n, arms): by how much each arm moves the outcome; 0 for the control."""
        gained = self.beliefs(matrix).gain
        return np.column_stack([np.zeros(len(matrix)), gained[:, :-2]])

    def shares(self, matrix: Floats, name: str) -> Floats:
        """Shape (n, arms): what a policy chooses; whom it would rather nurture is sent nothing."""
        chosen = policy(name, self.options)(self.beliefs(matrix), PolicySettings())
        return np.column_stack([chosen[:, -2:].sum(axis=1), chosen[:, :-2]])


@lru_cache
def _options(arms: int) -> Options:
    offers = [_ARM.format(id=f"arm-{at}") for at in range(1, arms)]
    return options_of(parse_ladder("\n".join([_TRIAL, *offers])))


def _learned(train: Trial, kind: Kind) -> _Learned:
    """Arm a is option a - 1; the control is the last option, no ask."""
    options, n = _options(train.arms), len(train)
    probability = np.full((n, len(options)), 1.0 / train.arms)
    probability[:, options.nurture] = 0.0
    tried = Tried(
        matrix=train.matrix,
        columns=train.columns,
        category_columns=train.category_columns,
        fit_columns=[],
        position=np.zeros(n, dtype=np.int64),
        lead=np.arange(n),
        chosen=np.where(train.arm == 0, options.no_ask, train.arm - 1),
        probability=probability,
        topic=np.zeros(probability.shape),
    )
    effects, expected = learn_effects(options, tried, train.outcome, kind)
    if expected.learner is None:
        raise RuntimeError("the trial is too small to expect anything of a person")
    margins, least = expected.learner.margins, float(expected.mean.min())
    if kind == "share":
        return _Learned(options, effects, lambda matrix: expit(margins(matrix)))
    return _Learned(options, effects, lambda matrix: np.maximum(margins(matrix), least))


# --- peers ------------------------------------------------------------------------------------


Ranker = Callable[[Trial, Floats], Floats]
"""From one half of a trial and the matrix of the other to its uplifts, shape (n,)."""

_SMALL_TREES: Final[dict[str, Any]] = {
    "n_estimators": 100, "num_leaves": 8, "min_child_samples": 200, "learning_rate": 0.05,
}  # fmt: skip


def _rung(train: Trial, matrix: Floats) -> Floats:
    return _learned(train, "share").uplift(matrix)[:, 1]


def _one_model(train: Trial, matrix: Floats) -> Floats:
    """An S-learner: the arm is one more column."""
    asked = np.column_stack([train.matrix, train.arm])
    model = _boosted(asked, train.outcome, train.category_columns, small=True)
    none, all_of_them = np.zeros(len(matrix)), np.ones(len(matrix))
    sent = _chance(model, np.column_stack([matrix, all_of_them]))
    return sent - _chance(model, np.column_stack([matrix, none]))


def _two_models(train: Trial, matrix: Floats) -> Floats:
    """A model an arm, as LightGBM comes."""
    chances = []
    for arm in range(2):
        rows = train.arm == arm
        model = _boosted(
            train.matrix[rows], train.outcome[rows], train.category_columns, small=False
        )
        chances.append(_chance(model, matrix))
    return chances[1] - chances[0]


def _boosted(
    matrix: Floats, outcome: Floats, category_columns: list[int], *, small: bool
) -> lgb.Booster:
    settings = _SMALL_TREES if small else {}
    model = lgb.LGBMClassifier(random_state=0, verbosity=-1, n_jobs=1, **settings)
    return model.fit(matrix, outcome, categorical_feature=category_columns).booster_


def _chance(model: lgb.Booster, matrix: Floats) -> Floats:
    return np.asarray(model.predict(matrix), dtype=np.float64)


def _rule(_: Trial, matrix: Floats) -> Floats:
    """Past buyers of womens' goods first, then whoever spent more: known of this data set."""
    womens, history = _COLUMNS.index("womens"), _COLUMNS.index("history")
    return 1e6 * matrix[:, womens] + matrix[:, history]


_RANKERS: Final[dict[str, Ranker]] = {
    "**Rung**": _rung,
    "S-learner, LightGBM small trees": _one_model,
    "two-model, LightGBM default": _two_models,
    "rule: past womens buyers first, then history": _rule,
}


# --- figures ----------------------------------------------------------------------------------


def qini(uplift: Floats, happened: Floats, sent: Ints) -> float:
    """The area between the Qini curve and chance, as a share of the best order's area.

    The definition is scikit-uplift's `qini_auc_score`, where the best order puts those first who
    were sent something and came, and last those who came without.
    """
    best = np.where(sent == 1, happened, -happened)
    chance = _area_of_chance(happened, sent)
    return (_area(uplift, happened, sent) - chance) / (_area(best, happened, sent) - chance)


def _curve(uplift: Floats, happened: Floats, sent: Ints) -> tuple[Floats, Floats]:
    """How many people were taken, best first, and how many visits more they made than the others.

    People of equal uplift come together.
    """
    order = np.argsort(uplift, kind="stable")[::-1]
    ends = np.append(np.flatnonzero(np.diff(uplift[order])), len(order) - 1)
    is_sent, came = sent[order].astype(np.float64), happened[order]
    mailed = np.cumsum(is_sent)[ends]
    held = ends + 1.0 - mailed
    ratio = np.divide(mailed, held, out=np.zeros(len(ends)), where=held > 0)
    more = np.cumsum(came * is_sent)[ends] - np.cumsum(came * (1.0 - is_sent))[ends] * ratio
    return np.append(0.0, ends + 1.0), np.append(0.0, more)


def _area(uplift: Floats, happened: Floats, sent: Ints) -> float:
    taken, more = _curve(uplift, happened, sent)
    return float(np.trapezoid(more, taken))


def _area_of_chance(happened: Floats, sent: Ints) -> float:
    mailed, held = sent.sum(), len(sent) - sent.sum()
    more = happened[sent == 1].sum() - happened[sent == 0].sum() * mailed / held
    return float(more) * len(sent) / 2.0


def uplift_of_first(uplift: Floats, happened: Floats, sent: Ints, share: float = _FIRST) -> float:
    """The difference between the arms' rates among the share of people that is ranked first."""
    first = np.argsort(uplift, kind="stable")[::-1][: int(share * len(uplift))]
    came, is_sent = happened[first], sent[first]
    return float(came[is_sent == 1].mean() - came[is_sent == 0].mean())


def _deviation(figure: Callable[[Ints], float], people: int, seed: int = 0) -> float:
    """The standard error of a figure of rows, by drawing the people again."""
    rng = np.random.default_rng(seed)
    drawn = [figure(rng.integers(0, people, people)) for _ in range(_DRAWS)]
    return float(np.std(drawn, ddof=1))


# --- Hillstrom --------------------------------------------------------------------------------


_COLUMNS: Final = (
    "recency", "history", "mens", "womens", "newbie", "zip_code", "channel", "history_segment",
)  # fmt: skip
_CATEGORIES: Final = [5, 6]


@lru_cache
def _customers() -> pd.DataFrame:
    return read_csv("hillstrom.csv.gz")


def _hillstrom(arms: Sequence[str], outcome: str) -> Trial:
    customers = _customers()
    customers = customers[customers["segment"].isin(arms)]
    known = customers[list(_COLUMNS)].copy()
    for text in ("zip_code", "channel"):
        known[text] = pd.Categorical(known[text], sorted(set(known[text]))).codes
    known["history_segment"] = known["history_segment"].str[0].astype(int)
    return Trial(
        matrix=known.to_numpy(dtype=np.float64),
        columns=_COLUMNS,
        category_columns=_CATEGORIES,
        arm=customers["segment"].map(list(arms).index).to_numpy(dtype=np.int64),
        outcome=customers[outcome].to_numpy(dtype=np.float64),
        arms=len(arms),
    )


@dataclass(frozen=True, slots=True)
class Ranked:
    """How well one method orders customers by what the womens' mail does to visits.

    Parameters
    ----------
    qini, first : on the published split, `first` the uplift of the 30 % that come first.
    qini_error, first_error : standard errors of 200 bootstraps of its test half.
    qinis, firsts : of half splits by other seeds.
    people : of the test half.
    """

    tool: str
    qini: float
    first: float
    qini_error: float
    first_error: float
    qinis: tuple[float, ...]
    firsts: tuple[float, ...]
    people: int


def two_arms(seeds: int) -> list[Ranked]:
    """Womens' mail or none, outcome visit: the published half split, and those of some seeds."""
    trial = _hillstrom([ARMS[0], ARMS[2]], "visit")
    return [_ranked(tool, ranker, trial, seeds) for tool, ranker in _RANKERS.items()]


def _ranked(tool: str, ranker: Ranker, trial: Trial, seeds: int) -> Ranked:
    train, test = trial.halves(_PUBLISHED_SPLIT)
    uplift = ranker(train, test.matrix)

    def of(figure: Callable[[Floats, Floats, Ints], float], rows: Ints) -> float:
        return figure(uplift[rows], test.outcome[rows], test.arm[rows])

    pairs = [_figures(ranker, trial, seed) for seed in range(seeds)]
    return Ranked(
        tool=tool,
        qini=qini(uplift, test.outcome, test.arm),
        first=uplift_of_first(uplift, test.outcome, test.arm),
        qini_error=_deviation(partial(of, qini), len(test)),
        first_error=_deviation(partial(of, uplift_of_first), len(test)),
        qinis=tuple(one for one, _ in pairs),
        firsts=tuple(one for _, one in pairs),
        people=len(test),
    )


def _figures(ranker: Ranker, trial: Trial, seed: int) -> tuple[float, float]:
    train, test = trial.halves(seed)
    uplift = ranker(train, test.matrix)
    return qini(uplift, test.outcome, test.arm), uplift_of_first(uplift, test.outcome, test.arm)


@dataclass(frozen=True, eq=False, slots=True)
class Judged:
    """A policy as decisions judge it that it has not seen.

    Parameters
    ----------
    gain : over the best single option of the training decisions.
    shares : shape (k,), how much of the decisions each option gets.
    """

    policy: str
    value: PolicyValue
    gain: PolicyGain
    shares: Floats


def three_arms(outcome: str, seeds: int) -> list[list[Judged]]:
    """Which mail to send, if any: a list of policies a seed. `outcome` is visit or spend."""
    trial = _hillstrom(ARMS, outcome)
    return [_mailed(*trial.halves(seed), binary=outcome == "visit") for seed in range(seeds)]


def _mailed(train: Trial, test: Trial, *, binary: bool) -> list[Judged]:
    n = len(test)
    even = np.full((n, test.arms), 1.0 / test.arms)
    logged = Logged(even, test.arm, test.outcome, np.arange(n))
    predicted = predicted_values(test.matrix, logged, binary=binary)
    means = [train.outcome[train.arm == arm].mean() for arm in range(train.arms)]
    each = np.eye(test.arms)
    best = np.tile(each[int(np.argmax(means))], (n, 1))
    learned = _learned(train, "share" if binary else "amount")
    policies = {
        "**Rung, learned**": learned.shares(test.matrix, "learned"),
        "Rung, thompson": learned.shares(test.matrix, "thompson"),
        "best single arm of the training half": best,
        **{f"always {ARMS[arm]}": np.tile(each[arm], (n, 1)) for arm in range(test.arms)},
        "uniform": even,
    }
    return judged(logged, policies, best, predicted)


def judged(
    logged: Logged, policies: dict[str, Floats], best: Floats, predicted: Floats
) -> list[Judged]:
    """Policies by name on the same decisions, each beside the best single option."""
    return [
        Judged(
            name,
            off_policy(logged, target, predicted),
            gain(logged, target, best, predicted),
            target.mean(axis=0),
        )
        for name, target in policies.items()
    ]


# --- the promotion ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Promoted:
    """What promoting to those whom a rule picks brings, on the other half.

    Parameters
    ----------
    revenue, error : net incremental revenue, and its standard error by 200 bootstraps.
    rate : incremental response: the rate of the treated less that of the control, among the picked.
    picked : how many people the rule picks, of both arms.
    """

    policy: str
    revenue: float
    error: float
    rate: float
    picked: int
    people: int


def promotion(seeds: int) -> list[list[Promoted]]:
    """Whom to promote to: the rules' figures, a list a seed."""
    trial = _promotion_trial()
    return [_promoted(*trial.halves(seed)) for seed in range(seeds)]


def _promotion_trial() -> Trial:
    people = read_csv("starbucks_promo_train.csv.gz")
    columns = tuple(f"V{at}" for at in range(1, 8))
    return Trial(
        matrix=people[list(columns)].to_numpy(dtype=np.float64),
        columns=columns,
        category_columns=[],
        arm=(people["Promotion"] == "Yes").to_numpy().astype(np.int64),
        outcome=people["purchase"].to_numpy(dtype=np.float64),
        arms=2,
    )


def _promoted(train: Trial, test: Trial) -> list[Promoted]:
    return [
        *(
            _of_rule(f"{tool}: 10 × uplift > 0.15", _worth_it(ranker, train, test), test)
            for tool, ranker in _RANKERS.items()
            if ranker is not _rule
        ),
        _of_rule("everyone", np.full(len(test), True), test),
    ]


def _worth_it(ranker: Ranker, train: Trial, test: Trial) -> Bools:
    return _PRICE * ranker(train, test.matrix) > SPENT


def _of_rule(name: str, picked: Bools, test: Trial) -> Promoted:
    def revenue(rows: Ints) -> float:
        return _revenue(test.outcome[rows], test.arm[rows], picked[rows])[0]

    found, rate = _revenue(test.outcome, test.arm, picked)
    error = _deviation(revenue, len(test))
    return Promoted(name, found, error, rate, int(picked.sum()), len(test))


def _revenue(bought: Floats, arm: Ints, picked: Bools) -> tuple[float, float]:
    """Net incremental revenue and response of the picked.

    Chance gave the promotion to one half, but not to exactly one half of those who are picked: the
    buyers of the control count as if there were as many control people as treated ones.
    """
    treated, control = picked & (arm == 1), picked & (arm == 0)
    if not treated.any() or not control.any():
        return 0.0, 0.0
    sent = float(treated.sum())
    with_it, without = float(bought[treated].mean()), float(bought[control].mean())
    return sent * (_PRICE * (with_it - without) - SPENT), with_it - without
