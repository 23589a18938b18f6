"""What may change an effect: scale, absence, categories, and what is left out."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.offers import modifiers
from models.offers.modifiers import Modifier, Modifiers

ROWS = 2000
COLUMNS = ("size", "spend", "industry", "seen", "same", "flat")


def training(seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Columns of every kind, and a margin that is like none of them."""
    rng = np.random.default_rng(seed)
    size = rng.normal(size=ROWS)
    spend = np.exp(4.0 * rng.normal(size=ROWS))
    industry = rng.choice(
        [0.0, 1.0, 2.0, 3.0, 4.0, np.nan], size=ROWS, p=[0.5, 0.2, 0.2, 0.01, 0.05, 0.04]
    )
    seen = np.where(rng.random(ROWS) < 0.3, np.nan, rng.integers(0, 4, ROWS))
    matrix = np.column_stack([size, spend, industry, seen, 3.0 * size + 1.0, np.full(ROWS, 0.1)])
    return matrix, rng.normal(-1.0, 0.7, ROWS)


MATRIX, MARGIN = training()
LEARNED = Modifiers.learn(MATRIX, MARGIN, COLUMNS, list(range(6)), [2])


def named(name: str) -> list[Modifier]:
    return [one for one in LEARNED.each if one.name == name]


def values_of(one: Modifier, values: object, margin: float = 0.0) -> list[float]:
    """What a modifier gives where its column has these values."""
    column = np.array(values, dtype=np.float64)
    matrix = np.tile(column[:, None], (1, len(COLUMNS)))
    return list(Modifiers((one,)).of(matrix, np.full(len(column), margin))[:, 0])


def test_one_scale():
    """Numbers and the score have mean 0 and standard deviation 1, whatever their unit and tail."""
    found = LEARNED.of(MATRIX, MARGIN)
    assert found.shape == (ROWS, len(LEARNED))
    numbers = [at for at, one in enumerate(LEARNED.each) if one.knots and one.name != "seen"]
    score = len(LEARNED) - 1
    assert [LEARNED.each[at].name for at in [*numbers, score]] == ["size", "spend", "score"]
    np.testing.assert_allclose(found[:, [*numbers, score]].mean(axis=0), 0.0, atol=0.01)
    np.testing.assert_allclose(found[:, [*numbers, score]].std(axis=0), 1.0, atol=0.03)
    assert np.abs(found).max() <= 2.5


def test_a_number_counts_by_its_rank():
    """A monotone change of the unit changes no modifier of the training rows."""
    other = np.column_stack([MATRIX[:, 0], np.log(MATRIX[:, 1])])
    logged = Modifiers.learn(other, MARGIN, COLUMNS[:2], [1], [])
    plain = Modifiers.learn(MATRIX[:, :2], MARGIN, COLUMNS[:2], [1], [])
    apart = logged.of(other, MARGIN) - plain.of(MATRIX[:, :2], MARGIN)
    assert np.abs(apart).max() < 0.04  # the way between two knots is not quite the same


def test_beyond_the_training_rows():
    """A value beyond all that were seen counts as the furthest that was."""
    (spend,) = named("spend")
    low, high = spend.knots[0], spend.knots[-1]
    beyond = values_of(spend, [-np.inf, low - 1e9, low, high, high * 1e9, np.inf])
    assert beyond == [beyond[2]] * 3 + [beyond[3]] * 3
    assert beyond[2] < 0 < beyond[3]
    (score,) = named("score")
    assert values_of(score, [0.0, 0.0], margin=1e6) == [2.5, 2.5]


def test_absent_is_average():
    """A number that is absent counts as the mean: 0, and nothing but its flag tells of it."""
    number, flag = named("seen")
    assert values_of(number, [np.nan]) == [0.0]
    share = np.isnan(MATRIX[:, 3]).mean()
    np.testing.assert_allclose(values_of(flag, [np.nan, 2.0]), [2 * (1 - share), -2 * share])
    assert (number.is_absent, flag.is_absent) == (False, True)


def test_categories():
    """A flag for each of the most frequent categories; what is rare or absent is none of them."""
    flags = named("industry")
    assert [one.category for one in flags] == [0.0, 1.0, 2.0, 4.0][: modifiers._MOST_CATEGORIES]
    for one in flags:
        has = MATRIX[:, 2] == one.category
        assert one.mean == pytest.approx(has.mean())
        assert (one.sd, one.is_absent) == (0.5, False)
        assert values_of(one, [one.category, 3.0, np.nan]) == pytest.approx(
            [2 * (1 - one.mean), -2 * one.mean, -2 * one.mean]
        )


def test_at_most_so_many_categories():
    """Of many categories only the few most frequent are told."""
    industry = np.repeat(np.arange(10.0), 10 * np.arange(10, 0, -1))
    found = Modifiers.learn(industry[:, None], np.zeros(len(industry)), ("industry",), [0], [0])
    assert [one.category for one in found.each] == list(range(modifiers._MOST_CATEGORIES))


@pytest.mark.parametrize("absent", [0.01, 0.99])
def test_what_is_rare_teaches_nothing(absent):
    """A flag that fewer than one row in fifty differs in is left out."""
    values = np.where(np.arange(1000) < 1000 * absent, np.nan, 1.0)
    assert len(Modifiers.learn(values[:, None], np.zeros(1000), ("x",), [0], [])) == 0


def test_nothing_is_said_twice():
    """What says the same as a more wanted column is left out, and so is what never changes."""
    assert not named("same")
    assert not named("flat")
    turned = Modifiers.learn(MATRIX, MARGIN, COLUMNS, [4, 0], [2])
    assert [one.name for one in turned.each] == ["same", "score"]
    mirrored = np.column_stack([MARGIN, -MARGIN])
    assert [one.name for one in Modifiers.learn(mirrored, MARGIN, ("a", "b"), [0, 1], []).each] == [
        "a"
    ]


def test_only_what_is_wanted():
    """Columns that are not asked for give no modifier; the score always does."""
    assert [one.name for one in Modifiers.learn(MATRIX, MARGIN, COLUMNS, [], [2]).each] == ["score"]
    first = Modifiers.learn(MATRIX, MARGIN, COLUMNS, [3, 0], [2])
    assert [one.name for one in first.each] == ["seen", "seen", "size", "score"]


def test_not_too_many():
    """Of many columns the most wanted are kept, and the score though one left out is like it."""
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(500, 20))
    names = tuple(f"column-{at}" for at in range(20))
    found = Modifiers.learn(matrix, matrix[:, 19], names, list(range(20)), [])
    assert [one.name for one in found.each] == [*names[: modifiers.MOST - 1], "score"]


def test_nothing_to_learn_from():
    """Without a row, or with the same score for all, there is no modifier, and no warning."""
    empty = Modifiers.learn(np.empty((0, 1)), np.empty(0), ("x",), [0], [])
    assert (len(empty), empty.of(np.empty((0, 1)), np.empty(0)).shape) == (0, (0, 0))
    same = Modifiers.learn(np.full((40, 1), np.nan), np.full(40, 0.1), ("x",), [0], [])
    assert same.of(np.full((3, 1), np.nan), np.zeros(3)).shape == (3, 0)


def test_saved_and_read():
    """Through JSON text the modifiers are the same, to the last bit of what they give."""
    read = Modifiers.of_list(json.loads(json.dumps(LEARNED.as_list())))
    assert read == LEARNED
    np.testing.assert_array_equal(read.of(MATRIX, MARGIN), LEARNED.of(MATRIX, MARGIN))


cells = st.one_of(
    st.just(np.nan),
    st.sampled_from([-np.inf, np.inf, 0.0, -0.0, 1.0, 2.0, 4.0, 0.1]),
    st.sampled_from([knot for one in LEARNED.each for knot in one.knots]),
    st.floats(-1e12, 1e12),
)


def slow(one: Modifier, value: float, margin: float) -> float:
    """One modifier of one lead."""
    if one.column < 0:
        raw = margin
    elif one.category is not None:
        raw = float(value == one.category)
    elif one.is_absent:
        raw = float(np.isnan(value))
    elif np.isnan(value):
        return 0.0
    else:
        raw = float(np.interp(value, one.knots, np.linspace(0.0, 1.0, len(one.knots))))
    return max(-2.5, min(2.5, (raw - one.mean) / one.sd))


@settings(deadline=None)
@given(
    arrays(np.float64, st.tuples(st.integers(1, 5), st.just(6)), elements=cells),
    arrays(np.float64, 5, elements=st.floats(-40, 40)),
)
def test_like_the_slow_version(matrix, margin):
    """Every modifier is what a plain loop makes of the lead; alone a row gives what it did."""
    margin = margin[: len(matrix)]
    found = LEARNED.of(matrix, margin)
    expected = [
        [slow(one, row[one.column], at) for one in LEARNED.each]
        for row, at in zip(matrix, margin, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    for row in range(len(matrix)):
        alone = LEARNED.of(matrix[row : row + 1], margin[row : row + 1])
        np.testing.assert_array_equal(alone[0], found[row])


def test_many_rows():
    """A batch that is worked through in parts gives what each of its rows gives alone."""
    matrix, margin = np.tile(MATRIX, (5, 1)), np.tile(MARGIN, 5)
    found = LEARNED.of(matrix, margin)
    np.testing.assert_array_equal(found, np.tile(LEARNED.of(MATRIX, MARGIN), (5, 1)))
    for row in (0, 4095, 4096, 9999):
        alone = LEARNED.of(matrix[[row]], margin[[row]])
        np.testing.assert_array_equal(alone[0], found[row])
