"""Which points the probes see, and the AUC among leads at one step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.trust.scene import honest, log_of, material
from training.trust.rows import ProbeRows, auc_within_steps, chance_error

ROWS = st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 2))


@given(st.lists(ROWS, min_size=1, max_size=40))
def test_auc_within_steps_counts_pairs(found):
    """It is the share of the pairs of one step that are ranked right, ties counting half."""
    rank, happened, position = np.array(found, dtype=float).T
    pairs = [
        0.5 + 0.5 * np.sign(rank[up] - rank[down])
        for up in range(len(rank))
        for down in range(len(rank))
        if happened[up] and not happened[down] and position[up] == position[down]
    ]
    told = auc_within_steps(rank, happened, position.astype(np.int64))
    assert told == (pytest.approx(np.mean(pairs)) if pairs else None)


def test_only_mature_points_are_seen(monkeypatch):
    """Pending points are no failures here either; of many points some of all leads are drawn."""
    made = material(log_of(honest(2)))
    mature = int(made.outcomes[1].mature.sum())
    rows = ProbeRows.of(made.points, made.outcomes[1], made.encoding)
    assert len(rows) == mature < len(made.points)
    monkeypatch.setattr("training.trust.rows._MOST_ROWS", mature // 3)
    fewer = ProbeRows.of(made.points, made.outcomes[1], made.encoding)
    assert len(fewer) == pytest.approx(mature / 3, rel=0.1)
    assert len(np.unique(fewer.lead)) > 0.85 * len(np.unique(rows.lead))


def test_the_error_by_chance():
    """Of outcomes that nothing tells, the AUC of random ranks strays by what is said."""
    rng = np.random.default_rng(11)
    happened = (rng.random(400) < 0.25).astype(float)
    nothing = np.zeros(400, dtype=np.int64)
    rows = ProbeRows(("a",), np.zeros((400, 1)), (), nothing, np.arange(400), happened)
    drawn = [auc_within_steps(rng.random(400), happened, nothing) or 0.0 for _ in range(500)]
    assert np.std(drawn) == pytest.approx(chance_error(rows), rel=0.15)
