"""Companies of leads: the latest that any id of a lead was told of."""

from __future__ import annotations

import json

import pytest

from features.store.arrivals import Arrival, Event
from features.store.identities.accounts import account_in

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
