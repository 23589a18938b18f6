"""Stays that are kept beside a store are the stays that were found."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.funnel.kept import keep_causes, keep_stays, newest_causes, newest_stays
from features.funnel.stays import stays_of
from features.ladder.file import read_ladder
from features.store.kept.columns import KeptColumns
from tests.features import strategies
from tests.features.strategies import START_US, log_of
from tests.oracles.snapshot_oracle import Event
from tests.profiles import examples

B2B = read_ladder("b2b")


@settings(
    max_examples=examples(15),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(strategies.ladders(), st.lists(strategies.events(), min_size=1, max_size=30))
def test_stays_come_back_as_they_were(store, ladder, events):
    columns = KeptColumns(store.database)
    log = log_of(events, ladder)
    stays = stays_of(log, ladder, left={log.leads[0]: START_US + strategies.GRID_US})
    keep_stays(columns, stays)
    found = newest_stays(columns, ladder)
    assert found is not None
    assert columns.as_of("stays", ladder.name) == stays.until
    named = [stays.leads[at] for at in stays.lead]
    assert [found.leads[at] for at in found.lead] == named
    for field in fields(stays):
        if field.name not in ("leads", "lead", "traits", "values"):
            kept, given_ = getattr(found, field.name), getattr(stays, field.name)
            assert np.array_equal(kept, given_), field.name
    for trait in stays.trait_ids:
        for value in (None, *strategies.WORDS):
            assert found.where(trait, value).tolist() == stays.where(trait, value).tolist()


def test_none_are_kept_of_another_version_of_the_ladder(store):
    columns = KeptColumns(store.database)
    assert newest_stays(columns, B2B) is None
    events = [Event("ann", "page_viewed", START_US, START_US, {})]
    keep_stays(columns, stays_of(log_of(events, B2B), B2B))
    assert newest_stays(columns, B2B) is not None
    other = replace(B2B, purchase=replace(B2B.purchase, horizon_days=1.0))
    assert newest_stays(columns, other) is None
    assert newest_stays(columns, replace(B2B, name="other")) is None


def test_causes_are_of_their_version_of_the_ladder(store):
    columns = KeptColumns(store.database)
    assert newest_causes(columns, B2B) is None
    keep_causes(columns, B2B, START_US, {"why": [1.5, None]})
    assert newest_causes(columns, B2B) == {"why": [1.5, None]}
    other = replace(B2B, purchase=replace(B2B.purchase, horizon_days=1.0))
    assert newest_causes(columns, other) is None
