import numpy as np

from benchmarks.outcomes.luck import Luck, Of, counts


def test_luck_depends_on_the_world_the_day_and_the_kind():
    """The same for the same, and another for any other."""
    luck = Luck(5, 40)
    first = luck.of(3, Of.STEP).copy()
    luck.of(9, Of.STEP)
    assert (luck.of(3, Of.STEP) == first).all()
    for other in (luck.of(4, Of.STEP), luck.of(3, Of.GONE), Luck(6, 40).of(3, Of.STEP)):
        assert not (other == first).any()


def test_counts_are_poisson_and_grow_with_the_rate():
    """Luck makes numbers with the mean of their rate, and a higher rate never fewer."""
    luck = np.random.default_rng(1).random(20_000)
    few, many = (counts(luck, np.full(len(luck), rate), 12) for rate in (0.4, 1.5))
    assert abs(few.mean() - 0.4) < 0.02
    assert abs(many.mean() - 1.5) < 0.04
    assert (many >= few).all()
