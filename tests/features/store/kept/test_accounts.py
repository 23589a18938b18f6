"""Companies by the chances of their leads, beside a loop over the leads."""

from __future__ import annotations

import random
from dataclasses import replace
from math import prod
from typing import get_args

import pytest

from features.store.arrivals import Event
from features.store.kept.accounts import AccountOrder
from features.store.kept.queue import QueueFilter
from tests.features.store.kept.scene import SCORE


def expected(scores, account, since):
    """What an account is, by its definition."""
    own = [one for one in scores if one.account_id == account]
    told = {}
    for name, column in (("advance", "p_advance"), ("purchase", "p_purchase")):
        known = [value for one in own if (value := getattr(one, column)) is not None]
        chance = 1 - prod(1 - value for value in known)
        told[name] = (chance, max(known, default=0.0), min(1.0, sum(known)))
    best = min(own, key=lambda one: (-one.position, -(one.p_purchase or 0.0), one.lead_id))
    active = sum(one.last_active is not None and one.last_active >= since for one in own)
    return len(own), active, best.lead_id, told


@pytest.fixture
def scores(store):
    draw, found = random.Random(7), []  # noqa: S311 no secret
    for at in range(120):
        step = draw.choice(["value", "trial", ""])
        found.append(
            replace(
                SCORE,
                lead_id=f"lead-{at:03}",
                account_id=draw.choice([None, "acme", "beta", "gamma", "delta", f"own-{at}"]),
                step=step,
                position=draw.randrange(4),
                p_advance=None if not step else draw.choice([draw.random() / 5, 0.0, 1.0]),
                p_purchase=None if not step else draw.random() / 10,
                last_active=draw.choice([None, 10, 20, 30]),
            )
        )
    store.scores.save(found)
    return found


@pytest.mark.parametrize("order", get_args(AccountOrder))
def test_pages(store, scores, order):
    """Each account once, in order, with what its leads make of it; pages are parts of the whole."""
    whole = store.accounts.page(20, 1000, order=order)
    assert {one.id for one in whole} == {one.account_id for one in scores} - {None}
    places = {
        "purchase": lambda one: round(one.purchase.chance, 9),
        "probability": lambda one: round(one.advance.chance, 9),
        "leads": lambda one: one.leads,
    }
    keys = [(-places[order](one), one.id) for one in whole]
    assert keys == sorted(keys)
    for one in whole:
        leads, active, furthest, told = expected(scores, one.id, 20)
        assert (one.leads, one.active, one.furthest) == (leads, active, furthest)
        for found, name in ((one.advance, "advance"), (one.purchase, "purchase")):
            assert tuple(found) == pytest.approx(told[name], abs=1e-9)
            assert found.least <= found.chance <= found.most
    found, after = [], None
    while some := store.accounts.page(20, 7, after, order):
        found += some
        after = (some[-1].place, some[-1].id)
    assert found == whole


def test_some(store, scores):
    """Accounts by their ids; one without scored leads is left out."""
    assert store.accounts.some(["acme", "nobody", "acme"], 20).keys() == {"acme"}
    assert store.accounts.some([], 20) == {}
    own = [one.lead_id for one in store.queue.part(QueueFilter(account="acme"), 1000)]
    assert sorted(own) == [one.lead_id for one in scores if one.account_id == "acme"]


def test_names(store):
    """A company is called what a group call said last, whichever of its leads it was about."""
    for at, (lead, name) in enumerate([("ann", "Acme"), ("bob", "Acme Ltd"), ("cem", "")]):
        said = f'{{"group_id": "acme", "name": "{name}"}}'
        store.append_events([Event(f"m{at}", lead, "group", at, at, said)])
    store.scores.save([replace(SCORE, account_id="acme")])
    assert store.accounts.some(["acme"], 0)["acme"].name == "Acme Ltd"
    # An event that names the company and not what it is called takes no name away.
    store.append_events([Event("m9", "bob", "page", 9, 9, '{"group_id": "acme", "name": "x"}')])
    assert store.accounts.some(["acme"], 0)["acme"].name == "Acme Ltd"
