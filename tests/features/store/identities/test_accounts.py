"""Companies of leads: the latest that any id of a lead was told of."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.store.arrivals import Arrival, Event
from features.store.identities.accounts import account_in
from features.store.schema import account_members
from tests.features.store.identities.scene import emptied
from tests.features.store.kept.scene import SCORE
from tests.profiles import examples

START = 1_767_225_600_000_000


def told(number, lead, account, at, *, event="group", **properties):
    said = {"group_id": account, **properties}
    return Event(f"m{number}", lead, event, START + at, START + at, json.dumps(said))


@pytest.mark.parametrize(
    ("event", "properties", "expected"),
    [
        ("group", {"group_id": "acme", "name": "Acme Ltd"}, ("acme", "Acme Ltd")),
        ("page", {"group_id": "acme", "name": "Pricing"}, ("acme", "")),
        ("group", {"group_id": 42}, ("42", "")),
        ("group", {"group_id": " acme ", "name": ["x"]}, ("acme", "")),
        ("group", {"group_id": None}, ("", "")),
        ("group", {"group_id": True}, ("", "")),
        ("group", {"group_id": 1.5}, ("", "")),
        ("group", {"group_id": ["acme"]}, ("", "")),
        ("group", {"group_id": "x" * 1025}, ("", "")),
        ("group", {"group_id": "a\nb"}, ("", "")),
        ("group", {"group_id": " Undefined ", "name": "Nobody"}, ("", "")),
        ("page", {"group_id": "[object Object]"}, ("", "")),
        ("group", {"group_id": "00000000-0000-0000-0000-000000000000"}, ("", "")),
        ("group", {"group_id": -1}, ("", "")),
        ("group", {"group_id": 0}, ("0", "")),
        ("group", {"name": "Acme Ltd"}, ("", "")),
        ("group", [], ("", "")),
    ],
)
def test_account_in(event, properties, expected):
    """A text or a whole number; the name of a group call alone, of other events it is their own."""
    assert account_in(event, properties) == expected


def test_the_latest_stands(store):
    """By when it happened, in whatever order it arrives, and sent twice or not."""
    store.append_events([told(1, "ann", "acme", 5), told(2, "bob", "acme", 5)])
    store.append_events([told(3, "ann", "before", 1), told(3, "ann", "before", 1)])
    assert store.accounts.of(["ann", "bob", "cem"]) == {"ann": "acme", "bob": "acme"}
    store.append_events([told(4, "ann", "next", 9), told(5, "ann", "between", 7)])
    assert store.accounts.of(["ann"]) == {"ann": "next"}


def test_a_lead_of_several_ids(store):
    """What any of its ids was told counts, under whichever id it is asked for."""
    store.append_events([told(1, "visitor", "old", 1, event="page"), told(2, "ann", "acme", 2)])
    claim = Arrival("c", "ann", "identify", START + 3, START + 3, "{}", anonymous_id="visitor")
    store.ingest([claim])
    lead = store.lead_of("visitor")
    assert store.accounts.of([lead]) == {lead: "acme"}
    store.append_events([told(3, "visitor", "newer", 4, event="page")])
    assert store.accounts.of([lead]) == {lead: "newer"}


def kept(store):
    """By id what is kept of its company."""
    with store.database.reading() as connection:
        return {row.id: tuple(row) for row in connection.execute(sa.select(account_members))}


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
@pytest.mark.parametrize("together", [True, False])
def test_a_name_that_comes_before_or_after(store, order, together):
    """A company keeps its name whenever the group call comes, with what else happened or alone."""
    events = [told(1, "ann", "acme", 1, name="Acme GmbH"), told(2, "ann", "acme", 2, event="page")]
    events = [events[at] for at in order]
    for part in [events] if together else [[one] for one in events]:
        store.append_events(part)
    store.scores.save([replace(SCORE, account_id="acme")])
    assert store.accounts.some(["acme"], 0)["acme"].name == "Acme GmbH"


_TOLD = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob"]),
        st.sampled_from(["acme", "Beta", "éclair"]),
        st.integers(1, 3),
        st.sampled_from(["group", "page"]),
        st.sampled_from([None, "Acme", "acme", "Éclair"]),
    ),
    max_size=7,
)


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(said=_TOLD, random=st.randoms(use_true_random=False))
def test_any_order_gives_the_same(store, said, random):
    """What is kept of companies follows from what happened, not from how that was cut, or came."""
    events = [
        told(number, lead, account, at, event=event, **({} if name is None else {"name": name}))
        for number, (lead, account, at, event, name) in enumerate(said)
    ]
    store = emptied(store)
    store.append_events(events)
    plainly = kept(store)
    random.shuffle(events)
    store = emptied(store)
    while events:
        size = random.randint(1, 3)
        store.ingest([Arrival(*one) for one in events[:size]])
        events = events[size:]
    assert kept(store) == plainly
