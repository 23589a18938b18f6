"""The training set of parts: that of one machine, bit for bit."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from features.ladder.ladder import EventRule
from features.reading import read_events
from rung.cluster.examples import Drawing, write_examples
from tests.rung.cluster.scene import Here, bits, examples_of, together


@pytest.mark.parametrize(
    ("most", "back", "earlier", "at_events"),
    [
        (300_000, None, 0, False),
        (500, None, 0, False),
        (300_000, 60.0, 40, False),
        (300, None, 9, True),
    ],
)
def test_examples(parts, events_file, b2b, tmp_path, most, back, earlier, at_events):
    """Points, signals, outcomes and weights are those that `rung train` learns from."""
    ladder = replace(b2b, score_at=(EventRule("page_viewed"),)) if at_events else b2b
    log, _ = read_events(events_file, ladder)
    day = 86_400_000_000
    until = log.judged_until(None) - earlier * day
    start = None if back is None else until - round(back * day)
    one = examples_of(log, ladder, until=until, seed=7, most=most, start=start)
    one.to_parquet(tmp_path / "one.parquet", index=False)
    drawing = Drawing(until if earlier else None, 7, most, back)
    count = write_examples(Here(), parts, ladder, drawing, 2**62, tmp_path / "out")
    assert count == len(one) > 0
    assert bits(together(tmp_path / "out")) == bits(pd.read_parquet(tmp_path / "one.parquet"))
