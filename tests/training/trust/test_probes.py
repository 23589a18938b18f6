"""A planted leak of each kind is found, an honest log passes, and what was found stops training."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.trust.scene import LADDER, PLANTS, honest, log_of, material, planted
from training.pipeline import train
from training.trust.probes import accept
from training.trust.suspicion import LeakFound, Suspicion

SEEDS = (1, 2)


@pytest.mark.parametrize("kind", PLANTS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_planted_leak_is_found(kind, seed):
    """A leak of each kind is found by its id, stops training, and is told in a sentence."""
    id_ = PLANTS[kind][1]
    found = [one for one in material(planted(kind, seed)).findings() if one.id == id_]
    assert kind in {one.kind for one in found if one.stops}
    assert all(one.says and one.figures for one in found)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_honest_log_passes(seed):
    """Strong signals, such as many visits and how far a lead has come, are no leak."""
    assert material(log_of(honest(seed))).findings() == []


def test_training_stops_before_fitting():
    """What was found is told with the id that accepts it, and nothing is fitted."""
    said: list[str] = []
    with pytest.raises(LeakFound, match=r'--accept-leak event\.trial "why') as stopped:
        train(planted("known too early", 1), LADDER, progress=said.append)
    assert [one.id for one in stopped.value.findings] == ["event.trial"]
    assert said[-1] == "probing for leaks"


def test_an_accepted_leak_is_kept_in_the_manifest():
    """With a reason training goes on, and the bundle says what was found and why that is right."""
    log = planted("written after", 1)
    bundle = train(log, LADDER, accepted={"trait.status": " it is known at sign-up "})
    told = bundle.manifest["probes"]
    assert [(one["id"], one["kind"], one["accepted"]) for one in told] == [
        ("trait.status", "written after", "it is known at sign-up")
    ]


@pytest.mark.parametrize("accepted", [{}, {"order": "x"}, {"trait.a": "  "}])
def test_a_leak_is_accepted_by_its_id_with_a_reason(accepted):
    """Another id, or no reason, accepts nothing."""
    found = [
        Suspicion("trait.a", "too good", "is too good"),
        Suspicion("order", "time reversed", "o"),
    ]
    with pytest.raises(LeakFound, match=r"trait\.a \(too good\): is too good"):
        accept(found, accepted)


def test_what_does_not_stop_needs_no_reason():
    """A note is passed on as it is."""
    note = Suspicion("labels", "shuffled", "nothing to learn", stops=False)
    assert accept([note], {}) == [note]


def test_findings_repeat():
    """The same log twice has the same findings: probes draw nothing from outside."""
    log = planted("shuffled", 1)
    one, other = (material(log).findings() for _ in range(2))
    assert one == other
    assert np.isfinite([value for found in one for value in found.figures.values()]).all()
