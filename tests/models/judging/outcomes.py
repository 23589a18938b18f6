"""Probabilities with what came of them, made for judging."""

import numpy as np


def some(value):
    """The figure, which must exist."""
    assert value is not None
    return value


def drawn(seed, n=400, steps=20):
    """Probabilities with ties, and outcomes drawn from them."""
    rng = np.random.default_rng(seed)
    probability = rng.integers(1, steps, n) / steps
    return probability, (rng.random(n) < probability).astype(float)


def of_leads(seed, leads=250, rows=8):
    """Calibrated probabilities whose outcome is one for all rows of a lead."""
    rng = np.random.default_rng(seed)
    probability = rng.beta(1.0, 2.0, leads)
    happened = (rng.random(leads) < probability).astype(float)
    return (*(np.repeat(values, rows) for values in (probability, happened)),
            np.repeat(np.arange(leads), rows))  # fmt: skip
