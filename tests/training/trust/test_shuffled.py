"""The negative control: shuffled outcomes, people under several ids, and nothing to learn."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.training.trust.scene import LADDER, honest, log_of, planted
from training.trust.quick_model import fitted_ranks
from training.trust.rows import ProbeRows
from training.trust.shuffled import copies, people, permuted, shuffled


def rows_of(told: float, leads: int = 600) -> ProbeRows:
    """Leads with four points each, and a signal that is right so often beyond chance."""
    rng = np.random.default_rng(8)
    lead = np.repeat(np.arange(leads), 4)
    outcome = (rng.random(leads) < 0.4).astype(float)
    signal = np.where(rng.random(leads) < told, outcome, rng.random(leads))
    matrix = np.stack([signal[lead], rng.random(len(lead))], axis=1)
    position = np.tile([0, 0, 1, 1], leads)
    return ProbeRows(("a", "b"), matrix, (), position, lead, outcome[lead])


def test_nothing_to_learn_is_said_and_stops_nothing():
    """Outcomes that no signal tells look like shuffled ones; that is a note."""
    rows = rows_of(0.0)
    (found,) = shuffled(rows, np.arange(600), fitted_ranks(rows, rows.happened)[0], "it")
    assert (found.id, found.stops) == ("labels", False)
    assert found.says.startswith("nothing to learn about it: a quick model ranks")


def test_of_few_leads_it_is_not_sure_that_there_is_nothing_to_learn():
    """What is worth having would look like shuffled outcomes as well."""
    rows = rows_of(0.0, leads=80)
    (found,) = shuffled(rows, np.arange(80), fitted_ranks(rows, rows.happened)[0], "it")
    assert (found.id, found.stops) == ("labels", False)
    assert found.says.startswith("not sure yet whether there is anything to learn about it: a")


def test_outcomes_that_are_told_are_no_finding():
    """A signal that tells them is what training is for."""
    rows = rows_of(0.5)
    assert shuffled(rows, np.arange(600), fitted_ranks(rows, rows.happened)[0], "it") == []


def test_people_under_many_ids_are_told_though_shuffled():
    """Where thirty ids share a person's signals and outcomes, a model knows the person again."""
    rows = rows_of(0.0)
    person = np.arange(600) % 20
    traits = np.random.default_rng(9).random((20, 2))
    told = np.random.default_rng(10).permutation(20) < 8
    alike = ProbeRows(
        rows.columns, traits[person[rows.lead]], (), rows.position, rows.lead,
        told[person[rows.lead]].astype(float),
    )  # fmt: skip
    (found,) = shuffled(alike, person, fitted_ranks(alike, alike.happened)[0], "it")
    assert found.stops
    assert "the leads are not separate people" in found.says


@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_shuffling_keeps_steps_and_people_apart(seed, leads):
    """An outcome comes from a row of the same step, and a person's come from one person."""
    rng = np.random.default_rng(seed)
    lead = np.sort(rng.integers(0, leads, 40))
    position = rng.integers(0, 3, 40)
    person = np.arange(leads) // 2
    # Each person's own number stands for its outcomes: it says where they came from.
    own = person[lead] + 100.0 * position
    rows = ProbeRows(("a",), np.zeros((40, 1)), (), position, lead, own)
    moved = permuted(rows, person, rng)
    assert (moved // 100 == position).all()
    for at in range(3):
        here = position == at
        came = {
            who: set(moved[here & (person[lead] == who)]) for who in np.unique(person[lead[here]])
        }
        assert all(len(from_) == 1 for from_ in came.values())
        assert len({next(iter(from_)) for from_ in came.values()}) == len(came)


def test_copies_are_named():
    """The share of leads with another's history is told, with two ids as an example."""
    log = planted("shuffled", 1)
    (found,) = copies(log, people(log, LADDER))
    assert found.id == "copies"
    assert found.shown == f"{found.says} ({found.example})"
    assert "such as 'lead-" in found.example


def test_a_bundle_names_no_copy():
    """What is kept of an accepted finding holds no id of a lead: no erasure would reach it."""
    log = planted("shuffled", 1)
    (found,) = copies(log, people(log, LADDER))
    kept = json.dumps(found.as_dict())
    assert "completed the same steps" in kept
    assert [lead for lead in log.leads if lead in kept] == []


def test_everybody_is_a_person_of_their_own():
    """Without copies each lead has its own number."""
    log = log_of(honest(1))
    assert (people(log, LADDER) == np.arange(len(log.leads))).all()
    assert copies(log, people(log, LADDER)) == []
