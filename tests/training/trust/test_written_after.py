"""Traits that follow the purchase, and values that successes alone have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.training.trust.scene import LADDER, Said, honest, log_of, material, ordered
from training.trust.written_after import only_of_successes, written_after


def with_status(when) -> list[Said]:
    """The honest log, where a status is written on the day that `when(lead)` says, if any."""
    said = [replace(one, status=None) for one in honest(3)]
    days = {lead: when(lead) for lead in sorted({one.lead for one in said})}
    told = [(lead, day) for lead, day in days.items() if day is not None]
    return said + [Said(lead, "identify", day, day, status="won") for lead, day in told]


def test_after_the_purchase_for_buyers_alone():
    """A status that is written with the order is found, with the share of the buyers."""
    bought = ordered(honest(3))
    (found,) = written_after(log_of(with_status(bought.get)), LADDER)
    assert (found.id, found.kind, found.figures["after"]) == ("trait.status", "written after", 1.0)


def test_before_the_purchase_is_honest():
    """A status that is written the day before the order may be known."""
    bought = ordered(honest(3))
    early = {lead: day - 1.0 for lead, day in bought.items()}
    assert written_after(log_of(with_status(early.get)), LADDER) == []


def test_late_for_everybody_is_honest():
    """What is written at a like age for leads that did not buy does not follow from buying."""
    said = honest(3)
    last = {one.lead: max(169.0, one.day) for one in said}
    assert written_after(log_of(with_status(last.get)), LADDER) == []


def test_a_backdated_write_is_found():
    """A trait is written when it is said to have happened, also where it was `known` before."""
    bought = ordered(honest(3))
    said = with_status(bought.get)
    early = [replace(one, known=one.day - 20.0) if one.status else one for one in said]
    assert [one.id for one in written_after(log_of(early), LADDER)] == ["trait.status"]


@pytest.mark.parametrize(("of_others", "is_found"), [(0.0, True), (0.3, False)])
def test_values_of_successes(of_others, is_found):
    """A value of buyers alone is found and named; one that others often have is a signal."""
    rng = np.random.default_rng(4)
    bought = ordered(honest(4))
    said = [
        replace(one, status="paid" if one.lead in bought or rng.random() < of_others else "open")
        if one.name == "identify"
        else one
        for one in honest(4)
    ]
    made = material(log_of(said))
    found = only_of_successes(made.points, made.outcomes[1], LADDER)
    assert [one.id for one in found] == (["trait.status"] if is_found else [])
    assert all("trait.status is 'paid'" in one.says for one in found)
