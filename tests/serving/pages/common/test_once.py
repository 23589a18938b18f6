"""Ids of filled-in forms: a page's own, one reader's own, and new where one was used."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from serving.edge.access.access import Asker
from serving.pages.common.once import form_ids, form_token, id_of_form

ANN = Asker("key-ann", "Ann", frozenset({"decide"}))
BOB = Asker("key-bob", "Bob", frozenset({"decide"}))


def ids(used=(), asker=ANN, token="0" * 32, leads=("ada", "eve")):
    actions: Any = SimpleNamespace(among=lambda ids: set(ids) & set(used))
    return form_ids(actions, asker, token, leads)


def test_they_stay_until_they_are_used():
    """A page that asks again has the same ids, but for the form by which something was kept."""
    first = ids()
    assert len({*first.values()}) == 2
    assert all(id_of_form(one) == one for one in first.values())
    assert ids() == first
    second = ids(used=[first["ada"]])
    assert second["eve"] == first["eve"]
    assert second["ada"] != first["ada"]
    third = ids(used=[first["ada"], second["ada"]])
    assert third["ada"] not in (first["ada"], second["ada"])


def test_of_a_page_and_a_reader():
    """Neither another page nor another reader of the same address has one in common."""
    own = {*ids().values()}
    assert own.isdisjoint(ids(asker=BOB).values())
    assert own.isdisjoint(ids(token="1" * 32).values())


@pytest.mark.parametrize("sent", ["", "f" * 31, "F" * 32, "f" * 32 + "\n", "' or 1=1"])
def test_what_is_no_id(sent):
    """What nobody of ours made is none: a page has a new token, and a form none."""
    assert id_of_form(sent) == ""
    made = form_token(sent)
    assert made != sent
    assert form_token(made) == made
