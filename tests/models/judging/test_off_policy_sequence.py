"""Gains at all looks together: simulated programmes, a slow oracle, what each bound rests on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from features.errors import EventsError, NotEnoughData
from models.judging import off_policy_sequence as judged
from models.judging.off_policy import Logged
from models.judging.off_policy_sequence import (
    LeadBlocks,
    ValueRange,
    gain_sequence,
    lead_blocks,
)
from tests.oracles.gain_sequence_oracle import Taken, oracle_sequence
from tests.profiles import examples
from tests.proofs import size, tell
from training.policies.evaluate import assess
from training.policies.gate import one_look_refusals

# ------------------------------------------------------------------------------ whole programmes

PROGRAMMES, LEADS, LOOK = size(part=40, full=1000), 2500, 100
WORTH = 100.0
COST = np.array([1.0, 1.0, 2.0, 0.0])
RATES = np.array([[0.12, 0.12, 0.05, 0.07], [0.06, 0.06, 0.16, 0.07]])
"""By the kind of lead; the first two options are alike, so that one can take the other's place."""
AGAIN = 0.6
"""Of those who did not buy, who is decided on once more: what comes counts for both decisions."""
RANGE = ValueRange(-COST, WORTH - COST)
POLICIES = ("better", "harmful", "another")


def shares_of(name: str, logging: np.ndarray) -> np.ndarray:
    """The probabilities of a policy for each kind, beside those of the log of then."""
    if name == "better":
        return np.array([[0.45, 0.45, 0.05, 0.05], [0.05, 0.05, 0.85, 0.05]])
    if name == "harmful":
        worst = np.array([[0.02, 0.02, 0.94, 0.02], [0.47, 0.47, 0.03, 0.03]])
        return np.asarray(0.95 * logging + 0.05 * worst)
    return logging[:, [1, 0, 2, 3]]


def learning(seen: np.ndarray, came: np.ndarray) -> np.ndarray:
    """What takes the decisions: 40 % by even chance, the rest by what it has seen so far."""
    score = (came + 0.2) / (seen + 2.0) * WORTH - COST
    weight = np.exp(0.3 * (score - score.max(axis=1, keepdims=True)) + [0.3, -0.3, 0.0, 0.0])
    return np.asarray(0.1 + 0.6 * weight / weight.sum(axis=1, keepdims=True))


def true_gain(target: np.ndarray, logging: np.ndarray) -> float:
    """What a lead's decisions bring more, as the first is taken: the second is the log's."""
    bought = (logging * RATES).sum(axis=1)
    first = RATES + (1 - RATES) * AGAIN * bought[:, None]
    more, second = target - logging, AGAIN * (1 - bought)
    each = (more * (WORTH * first - COST)).sum(axis=1)
    return float((each + second * (more * (WORTH * RATES - COST)).sum(axis=1)).mean())


def draw(rng: np.random.Generator, shares: np.ndarray) -> np.ndarray:
    return np.asarray((rng.random((len(shares), 1)) > shares.cumsum(axis=1)).sum(axis=1))


@dataclass(frozen=True, eq=False)
class Programme:
    """Decisions as they were taken, while what took them learned from those before."""

    logged: Logged
    at: np.ndarray
    kind: np.ndarray
    targets: dict[str, np.ndarray]
    truth: dict[str, np.ndarray]
    """Shape (leads,): the gain of each lead's decisions."""

    @property
    def blocks(self) -> LeadBlocks:
        return lead_blocks(self.logged.lead, self.at, span=5, window=5, most=2, until=10**9)

    def foreseen(self, blocks: LeadBlocks) -> np.ndarray:
        """What kinds and options brought in earlier blocks, with 20 of a guess beside them."""
        found = np.zeros_like(self.logged.probability)
        for kind in (0, 1):
            of_kind = self.kind == kind
            for option in range(len(COST)):
                rows = of_kind & (self.logged.chosen == option)
                total, count = (
                    np.bincount(blocks.block[rows], one, len(blocks)).cumsum()
                    for one in (self.logged.value[rows], np.ones(int(rows.sum())))
                )
                mean = np.concatenate([[10.0], (total + 200.0) / (count + 20.0)])
                found[of_kind, option] = mean[blocks.block[of_kind]]
        return found


def programme(seed: int, batch: int = 250) -> Programme:
    rng = np.random.default_rng(seed)
    seen, came = np.zeros_like(RATES), np.zeros_like(RATES)
    columns: list[list[np.ndarray]] = []
    truth: dict[str, list[float]] = {name: [] for name in POLICIES}
    for first in range(0, LEADS, batch):
        logging = learning(seen, came)
        kind = rng.integers(0, 2, batch)
        one, two = draw(rng, logging[kind]), draw(rng, logging[kind])
        bought = rng.random(batch) < RATES[kind, one]
        again = ~bought & (rng.random(batch) < AGAIN)
        late = again & (rng.random(batch) < RATES[kind, two])
        lead = np.arange(first, first + batch)
        for name in POLICIES:
            truth[name] += [true_gain(shares_of(name, logging), logging)] * batch
        chosen, kinds = np.concatenate([one, two[again]]), np.concatenate([kind, kind[again]])
        columns.append([
            np.concatenate([lead, lead[again]]),
            np.concatenate([10 * lead, 10 * lead[again] + 1]),
            chosen,
            kinds,
            WORTH * np.concatenate([bought | late, late[again]]) - COST[chosen],
            logging[kinds],
            *(shares_of(name, logging)[kinds] for name in POLICIES),
        ])  # fmt: skip
        for option, who, good in ((one, kind, bought), (two[again], kind[again], late[again])):
            np.add.at(seen, (who, option), 1.0)
            np.add.at(came, (who, option), good)
    lead, at, chosen, kind, value, shares, *targets = map(
        np.concatenate, zip(*columns, strict=True)
    )
    order = np.argsort(at, kind="stable")
    return Programme(
        Logged(shares[order], chosen[order], value[order], lead[order]),
        at[order],
        kind[order],
        {name: one[order] for name, one in zip(POLICIES, targets, strict=True)},
        {name: np.array(one) for name, one in truth.items()},
    )


@dataclass(frozen=True)
class Watch:
    """What came of watching a policy: whether the gain was ever outside, and leads until it passed.

    Leads are those of the last look where it never did.
    """

    outside: bool
    promoted: bool
    passed: int
    passed_one_look: int


@cache
@threadpool_limits.wrap(limits=1)  # the arrays are far too small for several threads
def watched() -> dict[str, list[Watch]]:
    """All programmes, watched after each lead; the gate of one look at every hundredth."""
    found: dict[str, list[Watch]] = {name: [] for name in POLICIES}
    for seed in range(PROGRAMMES):
        made = programme(seed)
        blocks = made.blocks
        foreseen = made.foreseen(blocks)
        for name, target in made.targets.items():
            told = gain_sequence(
                made.logged, target, made.logged.probability, foreseen, blocks, RANGE
            )
            truth = made.truth[name].cumsum() / told.decisions
            passes = told.low[LOOK - 1 :: LOOK] > 0
            found[name].append(
                Watch(
                    bool(((told.low > truth) | (told.high < truth)).any()),
                    told.better is not None,
                    LOOK * int(passes.argmax() + 1) if passes.any() else LEADS,
                    one_look(made, target, foreseen) if name == "better" else LEADS,
                )
            )
    return found


def one_look(made: Programme, target: np.ndarray, foreseen: np.ndarray) -> int:
    """Leads at which the gate of one look first passes, asked again and again."""
    for leads in range(LOOK, LEADS + 1, LOOK):
        so_far = made.logged.lead < leads
        told = assess(
            made.logged.rows(so_far), target[so_far], made.logged.probability[so_far],
            foreseen[so_far], {},
        )  # fmt: skip
        if not one_look_refusals(asdict(told)):
            return leads
    return LEADS


@pytest.mark.slow
@pytest.mark.parametrize("name", POLICIES)
def test_the_gain_is_inside_at_all_looks(name):
    """The mean gain so far is never outside, in 95 of 100 programmes, while the log learns."""
    outside = float(np.mean([one.outside for one in watched()[name]]))
    tell(f"sequence: gain of {name} ever outside", outside, "at most 0.05", PROGRAMMES)
    assert outside <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("name", ["harmful", "another"])
def test_what_does_not_gain_is_not_promoted(name):
    """What loses a little, or gains exactly 0, ever passes in 5 of 100 programmes at most."""
    promoted = float(np.mean([one.promoted for one in watched()[name]]))
    tell(f"sequence: {name} ever promoted", promoted, "at most 0.05", PROGRAMMES)
    assert promoted <= 0.05


@pytest.mark.slow
def test_what_gains_is_promoted_sooner():
    """At the median before the gate of one look, which is asked at the same instants."""
    found = watched()["better"]
    ours, theirs = (
        float(np.median([getattr(one, name) for one in found]))
        for name in ("passed", "passed_one_look")
    )
    tell("sequence: leads until a better policy passes", ours, f"< {theirs:.0f}", PROGRAMMES)
    assert ours < theirs
    assert np.mean([one.promoted for one in found]) > 0.8


def test_the_planted_gains():
    """Better is better, and harmful harmful, at all times; another is neither."""
    truth = programme(0).truth
    assert truth["better"].min() > 0.5
    assert -1.0 < truth["harmful"].min() <= truth["harmful"].max() < 0.0
    assert np.abs(truth["another"]).max() < 1e-12


@pytest.mark.slow
def test_rows_of_one_lead_are_one_piece_of_evidence():
    """Where a lead's decisions come to the same, it is right by leads and wrong by rows."""
    outside = np.zeros(2)
    for seed in range(60):
        rng = np.random.default_rng(seed)
        shares = np.full((1200, 2), 0.5)
        lead = np.repeat(np.arange(200), 6)
        chosen = np.repeat(rng.integers(0, 2, 200), 6)
        value = np.repeat((rng.random(200) < 0.4).astype(np.float64), 6)
        logged = Logged(shares, chosen, value, lead)
        target = np.tile([0.9, 0.1], (1200, 1))
        for at, block in enumerate((lead, np.arange(1200))):
            blocks = LeadBlocks(block, 6 if at == 0 else 1)
            found = gain_sequence(
                logged, target, shares, np.zeros((1200, 2)), blocks,
                ValueRange(np.zeros(2), np.ones(2)),
            )  # fmt: skip
            outside[at] += found.better is not None or found.worse is not None
    assert outside[0] <= 3
    assert outside[1] >= 9


# ------------------------------------------------------------------------------------- the oracle


def some_log(seed: int, n: int, options: int = 3) -> tuple[Logged, np.ndarray, ValueRange]:
    """Decisions with a few ineligible options, and a policy whose weights are below 5."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(options, 3.0), n) * 0.7 + 0.3 / options
    target = rng.dirichlet(np.full(options, 0.7), n)
    target = 0.3 * target + 0.7 * shares
    lowest = rng.normal(size=options) * 0.2
    chosen = draw(rng, shares).clip(0, options - 1)
    value = lowest[chosen] + 2.0 * rng.choice([0.0, 0.3, 1.0], n)
    logged = Logged(shares, chosen, value, np.arange(n))
    return logged, target, ValueRange(lowest, lowest + 2.0)


@settings(max_examples=examples(15), deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 60))
def test_against_the_oracle(seed, n):
    """Sums, bounds and evidence of either side are those of one plain loop."""
    logged, target, worth = some_log(seed, n)
    block = np.sort(np.random.default_rng(seed).integers(0, min(n, 45), n))
    block = np.unique(block, return_inverse=True)[1]
    most = int(np.bincount(block).max())
    told = [
        Taken(int(block[at]), logged.probability[at].tolist(), target[at].tolist(),
              int(logged.chosen[at]), float(logged.value[at]))
        for at in range(n)
    ]  # fmt: skip
    found = gain_sequence(
        logged, target, logged.probability, np.zeros_like(target), LeadBlocks(block, most), worth
    )
    low, high = (
        np.array(oracle_sequence(told, worth.lowest.tolist(), 2.0, most, other_way=way))
        for way in (False, True)
    )
    count = np.bincount(block).cumsum()
    assert found.low == pytest.approx(low[:, 1] / count, abs=1e-6)
    assert found.high == pytest.approx(-high[:, 1] / count, abs=1e-6)
    assert found.value == pytest.approx((low[:, 0] - high[:, 0]) / 2 / count, abs=1e-9)
    assert found.evidence == pytest.approx(
        np.logaddexp(low[:, 2], high[:, 2]) - np.log(2.0), abs=1e-9
    )
    assert (found.decisions == count).all()


@settings(max_examples=examples(40), deadline=None)
@given(
    seed=st.integers(0, 10_000),
    cap=st.sampled_from([np.inf, 3.0, 1.0]),
    is_logged=st.booleans(),
)
def test_no_gain_is_above_the_true_one_nor_below_the_range(seed, cap, is_logged):
    """All that could be chosen and come, enumerated: the mean is at most the gain, and bounded."""
    rng = np.random.default_rng(seed)
    n, k = 12, 4
    eligible = rng.random((n, k)) < 0.7
    eligible[:, 0] = True
    shares = np.where(eligible, rng.dirichlet(np.full(k, 0.5), n) + 0.003, 0.0)
    shares /= shares.sum(axis=1, keepdims=True)
    policy, other = (rng.dirichlet(np.full(k, 0.3), n) for _ in range(2))
    if is_logged:
        other = shares
    worth = ValueRange(rng.normal(size=k), np.zeros(k))
    worth = replace(worth, highest=worth.lowest + rng.uniform(0.5, 2.0, k))
    truth = rng.uniform(worth.lowest, worth.highest, (n, k))
    foreseen = rng.uniform(0.0, 2.0, (n, k)).clip(0.0, worth.highest - worth.lowest)

    def gains(option: int, value: np.ndarray) -> np.ndarray:
        """Of the rows in which the option can be chosen."""
        rows = shares[:, option] > 0
        chosen = np.full(int(rows.sum()), option)
        logged = Logged(shares[rows], chosen, value[rows], np.arange(len(chosen)))
        made = judged._Rows.of(
            logged, np.zeros((len(chosen), k)), np.arange(len(chosen)), len(chosen), 1, worth
        )
        of_other = shares[rows] if is_logged else other[rows]
        found = np.zeros(n)
        found[rows] = judged._gains(made, policy[rows], of_other, foreseen[rows], cap)
        least = -judged._most_cost(made, of_other)
        assert (found[rows] >= least - 1e-9).all()
        return found

    expected = np.zeros(n)
    for option in range(k):
        for end in (worth.lowest, worth.highest):
            gains(option, np.full(n, end[option]))
        expected += shares[:, option] * gains(option, truth[:, option])
    true = ((policy - other) * truth).sum(axis=1)
    assert (expected <= true + 1e-9).all()
    inside = (policy / np.where(shares > 0, shares, np.inf) <= cap).all(axis=1)
    inside &= (other / np.where(shares > 0, shares, np.inf) <= 5.0).all(axis=1) | is_logged
    inside &= ((shares > 0) | ((policy == 0) & (other == 0))).all(axis=1)
    assert expected[inside] == pytest.approx(true[inside], abs=1e-9)


def test_the_other_way_round():
    """The gain of one over the other is minus that of the other over the one."""
    logged, target, worth = some_log(5, 400)
    baseline = target[::-1].copy()
    blocks = LeadBlocks(np.arange(400), 1)
    none = np.zeros_like(target)
    one, two = (
        gain_sequence(logged, this, that, none, blocks, worth)
        for this, that in ((target, baseline), (baseline, target))
    )
    assert one.low == pytest.approx(-two.high)
    assert one.high == pytest.approx(-two.low)
    assert one.value == pytest.approx(-two.value)
    assert one.evidence == pytest.approx(two.evidence)


@settings(max_examples=examples(10), deadline=None)
@given(seed=st.integers(0, 1000), cut=st.integers(1, 399))
def test_nothing_later_is_used(seed, cut):
    """What comes of later blocks changes nothing that was told before."""
    logged, target, worth = some_log(seed, 400)
    value = logged.value.copy()
    value[cut:] = worth.highest[logged.chosen[cut:]]
    blocks = LeadBlocks(np.arange(400), 1)
    foreseen = np.random.default_rng(seed).uniform(0, 2, target.shape)
    one, two = (
        gain_sequence(log, target, logged.probability, foreseen, blocks, worth)
        for log in (logged, replace(logged, value=value))
    )
    for part in ("value", "low", "high", "evidence"):
        np.testing.assert_array_equal(getattr(one, part)[:cut], getattr(two, part)[:cut])


# -------------------------------------------------------------------------------------- the choice


def two_kinds(
    seed: int, n: int, rates: np.ndarray, shares: np.ndarray
) -> tuple[Logged, np.ndarray]:
    """Decisions on leads of two kinds, and the kind of each."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 2, n)
    probability = np.tile(shares, (n, 1))
    chosen = draw(rng, probability)
    value = (rng.random(n) < rates[kind, chosen]).astype(np.float64)
    return Logged(probability, chosen, value, np.arange(n)), kind


def test_a_model_that_foresees_is_used():
    """Where it tells most of what comes DR is chosen, and the interval is much narrower."""
    rates = np.array([[0.05, 0.05], [0.95, 0.95]])
    logged, kind = two_kinds(0, 1000, rates, np.array([0.5, 0.5]))
    target = np.tile([0.9, 0.1], (1000, 1))
    rest = (LeadBlocks(np.arange(1000), 1), ValueRange(np.zeros(2), np.ones(2)))
    knows = gain_sequence(logged, target, logged.probability, rates[kind], *rest)
    blind = gain_sequence(logged, target, logged.probability, np.full((1000, 2), 0.2), *rest)
    assert knows.estimator == "DR"
    assert blind.estimator == "SNIPS"
    assert knows.high[-1] - knows.low[-1] < 0.75 * (blind.high[-1] - blind.low[-1])


ORDER = [f"{kind} {cap:g}" for kind, cap in judged._ESTIMATORS]


@pytest.mark.parametrize(
    ("better", "bias", "chosen"),
    [
        ({}, {}, "SNIPS inf"),
        ({"DR inf": 0.5}, {}, "DR inf"),
        ({"DR inf": 0.99}, {}, "SNIPS inf"),
        ({"SNIPS 20": 0.2, "SNIPS 5": 0.197}, {}, "SNIPS 20"),
        ({"SNIPS 20": 0.5, "SNIPS 5": 0.2}, {"SNIPS 5": -1.0}, "SNIPS 20"),
        ({"DR 5": 0.2}, {"DR 5": -0.001}, "DR 5"),
        ({"IPS inf": 0.3}, {}, "IPS inf"),
    ],
)
def test_the_simplest_of_the_good_ones(better, bias, chosen):
    """Clearly less error wins; a little less does not; what clipping takes away is error too."""
    rng = np.random.default_rng(3)
    noise = rng.normal(size=400)  # all judge the same leads
    noise -= noise.mean()
    told = np.stack([bias.get(name, 0.0) + better.get(name, 1.0) * noise for name in ORDER])
    assert ORDER[judged._best(told)] == chosen


def test_a_choice_is_for_later_leads():
    """The first leads are told by the simplest, the next by what was best on those before."""
    rng = np.random.default_rng(4)
    told = np.stack([rng.normal(size=230) * (0.1 if "DR inf" in name else 1.0) for name in ORDER])
    told[ORDER.index("SNIPS inf"), 100:200] *= 0.001
    told[ORDER.index("DR inf"), 100:200] *= 50.0
    gained, last = judged._chosen(told)
    dr, snips = (told[ORDER.index(name)] for name in ("DR inf", "SNIPS inf"))
    np.testing.assert_array_equal(gained[:50], snips[:50])
    np.testing.assert_array_equal(gained[50:200], dr[50:200])
    np.testing.assert_array_equal(gained[200:], snips[200:])
    assert ORDER[last] == "SNIPS inf"


def test_what_the_log_could_not_choose_counts_as_the_least():
    """A policy that only takes what was never eligible is surely above nothing."""
    logged, _ = two_kinds(2, 2000, np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([0.5, 0.5]))
    shares = np.column_stack([logged.probability, np.zeros(2000)])
    closed = Logged(shares, logged.chosen, logged.value, logged.lead)
    target = np.tile([0.0, 0.0, 1.0], (2000, 1))
    found = gain_sequence(
        closed, target, shares, np.zeros((2000, 3)), LeadBlocks(np.arange(2000), 1),
        ValueRange(np.zeros(3), np.ones(3)),
    )  # fmt: skip
    assert found.low[-1] < -0.5 < 0.5 < found.high[-1]
    assert (found.better, found.worse) == (None, None)


# -------------------------------------------------------------------------------------- the blocks


def test_blocks_by_hand():
    """A lead's decisions of a span; what comes before the block is due is left out."""
    lead = np.array([1, 1, 2, 1, 1, 1, 2, 3])
    at = np.array([0, 2, 1, 9, 16, 3, 40, 90])
    found = lead_blocks(lead, at, span=3, window=12, most=2, until=70)
    #  lead 1: 0 and 2 (3 is the third), 9 is too late, 16 begins anew (due at 15 and 31)
    #  lead 2: 1 and 40; lead 3 is due at 105
    assert found.block.tolist() == [0, 0, 1, -1, 2, -1, 3, -1]
    assert len(found) == 4
    for until, due in ((14, 0), (15, 1), (16, 2), (30, 2), (31, 3)):
        assert len(lead_blocks(lead, at, span=3, window=12, most=2, until=until)) == due
    nothing = np.empty(0, np.int64)
    assert len(lead_blocks(nothing, nothing, span=1, window=1, most=1, until=1)) == 0


@settings(max_examples=examples(25), deadline=None)
@given(seed=st.integers(0, 10_000), until=st.integers(0, 300))
def test_blocks_share_no_outcome_and_stay(seed, until):
    """No window of a lead reaches into its next block; a later look keeps all earlier blocks."""
    rng = np.random.default_rng(seed)
    lead, at = rng.integers(0, 5, 80), rng.integers(0, 250, 80)
    early, late = (
        lead_blocks(lead, at, span=10, window=30, most=3, until=end) for end in (until, 400)
    )
    counted = early.block >= 0
    assert (early.block[counted] == late.block[counted]).all()
    assert (at[counted] + 30 <= until).all()
    assert set(early.block[counted]) == set(range(len(early)))
    begins = [at[late.block == block].min() for block in range(len(late))]
    assert begins == sorted(begins)
    for block in range(len(late)):
        inside = late.block == block
        assert len(set(lead[inside])) == 1
        assert 1 <= inside.sum() <= 3
        assert at[inside].max() <= begins[block] + 10
        others = (lead == lead[inside][0]) & ~inside & (late.block >= 0)
        apart = np.abs(at[inside][:, None] - at[others])
        assert (apart > 30).all()


# -------------------------------------------------------------------------------------- odd input


def test_over_itself_nothing_is_gained():
    """A policy's gain over itself is 0, and never sure to be anything else."""
    logged, _, worth = some_log(1, 300)
    blocks = LeadBlocks(np.arange(300), 1)
    same = logged.probability
    found = gain_sequence(logged, same, same, np.zeros_like(same), blocks, worth)
    assert found.value == pytest.approx(np.zeros(300))
    assert (found.better, found.worse) == (None, None)
    assert (found.low < 0).all()


def test_values_that_are_all_alike():
    """Before anything came there is no gain to be sure of."""
    logged, target, _ = some_log(1, 300)
    none = replace(logged, value=np.zeros(300))
    found = gain_sequence(
        none, target, none.probability, np.zeros_like(target), LeadBlocks(np.arange(300), 1),
        ValueRange(np.zeros(3), np.full(3, 2.0)),
    )  # fmt: skip
    assert found.value == pytest.approx(np.zeros(300), abs=1e-12)
    assert (found.low < 0).all()
    assert (found.high > 0).all()


def test_what_is_refused():
    """No block, a value outside its range, arrays that do not belong together, an odd level."""
    logged, target, worth = some_log(1, 5)
    blocks = LeadBlocks(np.arange(5), 1)
    rest = (target, logged.probability, np.zeros_like(target))
    with pytest.raises(NotEnoughData, match="no lead's decisions are over"):
        gain_sequence(logged, *rest, LeadBlocks(np.full(5, -1), 1), worth)
    high = replace(logged, value=logged.value + 3.0)
    with pytest.raises(EventsError, match=r"row 0: the value \S+ is not in \["):
        gain_sequence(high, *rest, blocks, worth)
    with pytest.raises(EventsError, match=r"`target` has shape \(4, 3\), not \(5, 3\)"):
        gain_sequence(logged, target[1:], *rest[1:], blocks, worth)
    with pytest.raises(EventsError, match=r"blocks have shape \(4,\), not \(5,\)"):
        gain_sequence(logged, *rest, LeadBlocks(np.arange(4), 1), worth)
    with pytest.raises(EventsError, match="a level lies between 0 and 1, not at 1"):
        gain_sequence(logged, *rest, blocks, worth, level=1.0)
