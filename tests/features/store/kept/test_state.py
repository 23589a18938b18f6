"""What a store holds in one state: as asked for one by one, whoever writes meanwhile."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.store.arrivals import Event
from features.store.events import EventStore, StoredScore
from features.store.kept import state as module
from features.store.kept.state import StoreState
from features.store.privacy import Privacy
from tests.features.store.identities.scene import arrival, calls, emptied, told
from tests.profiles import examples

SCORE = StoredScore(
    *("ann", "b2b", 100, "watch", 1, 0.5, 0.4, 0.6, 0.1, 0.7, 0.5, "", "f" * 64, 101, 99)
)


def slowly(store: EventStore, most_ids: int) -> dict[str, tuple[object, ...]]:
    """Each lead that may be profiled, asked for by itself."""
    privacy, found = Privacy(store.database), {}
    for lead in store.lead_ids():
        held = privacy.lead(lead)
        if held.opt_out is not None:
            continue
        score = store.scores.of(lead)
        stands = (score.ladder, score.step, score.position) if score else (None, None, None)
        ids = [one for one in held.ids if one != lead][:most_ids]
        found[lead] = (ids, held.events, held.first_seen, held.last_seen, *stands)
    return found


@pytest.mark.parametrize("batch", [1, 1000])
@given(
    calls(), st.sets(st.sampled_from(["u1", "a1", "a2"])), st.sets(st.sampled_from(["u2", "a3"]))
)
@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_leads_and_scores(store, batch, made, out, scored):
    """Every lead once, with its ids, events and score, but for those that opted out."""
    store = told(emptied(store), [made])
    known = sorted(set(map(store.lead_of, scored)) & set(store.lead_ids()))
    store.scores.save([replace(SCORE, lead_id=lead) for lead in known])
    if out:
        Privacy(store.database).opt_out(sorted(out), 50)
    with pytest.MonkeyPatch.context() as patch, StoreState.of(store.database, 1) as state:
        patch.setattr(module, "_BATCH", batch)
        leads = [one for part in state.leads() for one in part]
        scores = [one for part in state.scores() for one in part]
    expected = slowly(store, 1)
    assert [one.lead_id for one in leads] == sorted(expected)
    for one in leads:
        told_of = (list(one.ids), one.events, one.first_at, one.last_at)
        assert (*told_of, one.ladder, one.step, one.position) == expected[one.lead_id]
    held = {one.lead_id: one for one in store.queue.listed(100)}
    assert [(one.lead_id, list(ids)) for one, ids in scores] == [
        (lead, expected[lead][0]) for lead in sorted(held)
    ]
    assert all(one == held[one.lead_id] for one, _ in scores)


def test_events_by_their_message_ids(store):
    """Those that begin so to the letter, id by id in time order, under the lead of each."""
    store.ingest([arrival("m", "ann", anonymous_id="x1")])
    store.append_events(
        [
            Event("rung-b", "x1", "n", 7, 7, json.dumps({"a": "é"})),
            Event("rung-a", "x1", "n", 8, 8),
            Event("rung_c", "x1", "n", 9, 9),
            Event("RUNG-d", "ann", "n", 9, 9),
            Event("rung-e", "ann", "n", 9, 9),
            Event("rung-f", "out", "n", 9, 9),
        ]
    )
    Privacy(store.database).opt_out(["out"], 9)
    with StoreState.of(store.database, 1) as state:
        found = [(lead, [one.message_id for one in some]) for lead, some in state.events(["rung-"])]
    assert found == [("ann", ["rung-e"]), ("ann", ["rung-b", "rung-a"])]


def test_one_state(store):
    """What is written while somebody reads is not in it; the next reading has it."""
    store.append_events([Event("m1", "ann", "n", 1, 1)])
    with StoreState.of(store.database, 1) as state:
        assert state.ladders() == set()
        store.append_events([Event("m2", "bob", "n", 1, 1)])
        store.scores.save([SCORE])
        assert [one.lead_id for part in state.leads() for one in part] == ["ann"]
        assert [one for part in state.scores() for one in part] == []
    with StoreState.of(store.database, 1) as state:
        assert state.ladders() == {"b2b"}
        assert [one.lead_id for part in state.leads() for one in part] == ["ann", "bob"]
        assert [one.lead_id for part in state.scores() for one, _ in part] == ["ann"]
