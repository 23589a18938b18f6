"""What a lead has told of itself, beside the signals of its traits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.events.of_lead import log_of_rows
from features.ladder.file import read_ladder
from features.ladder.ladder import Trait
from features.signals.program import compile_ladder
from features.signals.snapshot import snapshot
from features.signals.traits import traits_of
from tests.features.signals.scene import thorough
from tests.features.signals.scene import values as said

B2B = read_ladder("b2b")
TRAITS = (Trait("company_size", "number"), Trait("industry", "category"))
LADDER = replace(B2B, traits=TRAITS)


def test_latest_traits():
    """Of each trait the value that is latest is shown; an empty one takes nothing away."""
    rows = [
        ("identify", 5, 9, {"name": "New", "company": ""}),
        ("identify", 1, 1, {"name": "Old", "company": "X"}),
        ("identify", 2, 99, {"name": "Later"}),
        ("other", 6, 6, {"name": "No"}),
    ]
    assert traits_of(rows, B2B, 10) == {"name": "New", "company": "X"}


def test_what_was_known_late():
    """Ids that became one person tell at once all that each told: the latest of it counts."""
    rows = [
        ("identify", 1, 100, {"name": "Anna Alpha", "company_size": 33}),
        ("identify", 7, 7, {"name": "Berta Beta", "company_size": 44}),
    ]
    told = {"name": "Berta Beta", "company_size": 44}
    assert traits_of(rows, B2B, 100) == told
    assert traits_of(rows[::-1], B2B, 100) == told
    assert traits_of([rows[0], ("identify", 7, 100, told)], B2B, 100) == told


def test_an_older_one_that_comes_later():
    """What is dated before what is known already changes only what nothing newer says."""
    rows = [
        ("identify", 9, 9, {"name": "Berta", "company_size": 44}),
        ("identify", 3, 20, {"name": "Anna", "company_size": 33, "role": "sales"}),
    ]
    assert traits_of(rows, B2B, 30) == {"name": "Berta", "company_size": 44, "role": "sales"}


def test_a_clock_that_was_ahead():
    """What is dated after it was known happened when it was known."""
    rows = [("identify", 99, 4, {"name": "Ahead"}), ("identify", 6, 6, {"name": "Now"})]
    assert traits_of(rows, B2B, 10) == {"name": "Now"}


TOLD = st.lists(
    st.tuples(
        st.sampled_from(("identify", "page_viewed")),
        st.integers(0, 4),
        st.integers(0, 4),
        st.fixed_dictionaries(
            {},
            optional={
                "company_size": st.sampled_from((3, 44, "33", "", None, "many", 1.5)),
                "industry": st.sampled_from(("it", "", None, 7, "food")),
            },
        ),
    ),
    min_size=1,
    max_size=10,
)


@thorough
@given(TOLD, st.integers(0, 5))
def test_beside_the_signals(rows, as_of):
    """It is what the signals of traits say, whatever the clocks, ties among them."""
    log = log_of_rows("ann", rows, compile_ladder(LADDER).columns)
    signals = said(snapshot(log, LADDER, ["ann"], np.array([as_of], dtype=np.int64)))
    told = traits_of(rows, LADDER, as_of)
    size, industry = told.get("company_size"), told.get("industry")
    assert signals["trait.company_size"] == (None if size is None else float(str(size)))
    assert signals["trait.industry"] == (None if industry is None else str(industry))
