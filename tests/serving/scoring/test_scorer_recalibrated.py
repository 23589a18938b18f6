"""Scores of a bundle whose probabilities the outcomes have moved: now, and as of an instant."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from features.store.kept.recalibrations import KeptMove
from models.bundle import load_bundle
from models.recalibrated import Recalibrated
from models.scores.recalibration import Move
from serving.process import background
from serving.process.service import Service
from serving.routes.exports.rows import row_of
from serving.settings import Settings
from tests.serving import world

HOUR = 3_600_000_000


@pytest.fixture
def service(url, folder):
    now = world.now()
    opened = Service.open(Settings(url, folder / "fitted"), clock=lambda: now)
    yield opened
    opened.close()


def move(service, known_at, intercept, n, slope=1.0):
    kept = KeptMove("advancement", known_at, intercept, slope, n)
    assert service.store.recalibrations.add(service.scorer.bundle.hash, [kept]) == 1
    assert service.refresh()


def test_a_score_says_by_how_many_outcomes_it_moved(service):
    """Log-odds, interval and base move together, and the points still add up to the probability."""
    lead = next(iter(service.store.lead_ids()))
    before = service.scorer.score(lead)
    move(service, service.clock() - HOUR, 0.5, 40, 0.8)
    after = service.scorer.score(lead)
    assert after["model"]["version"] == f"{before['model']['version']}+r40"
    moved = expit(0.5 + 0.8 * logit(before["probability"]))
    assert after["probability"] == pytest.approx(moved)
    assert after["base"] == pytest.approx(expit(0.5 + 0.8 * logit(before["base"])))
    points = sum(reason["points"] for reason in after["reasons"])
    assert after["base"] + points == pytest.approx(after["probability"], abs=1e-6)
    assert after["interval"]["low"] <= after["probability"] <= after["interval"]["high"]
    assert after["base"] + after["fit"] + after["engagement"] == pytest.approx(
        after["probability"], abs=1e-6
    )


def test_as_of_an_instant_it_is_what_served_then(service):
    """Before the first move as it was trained, between two by the one that was known."""
    lead = next(iter(service.store.lead_ids()))
    now = service.clock()
    instants = [now - 3 * HOUR, now - HOUR - 1, now]
    plain = [service.scorer.score(lead, at) for at in instants]
    move(service, now - 2 * HOUR, 0.5, 40)
    move(service, now - HOUR, -0.3, 55)
    found = [service.scorer.score(lead, at) for at in instants]
    versions = [one["model"]["version"].partition("+")[2] for one in found]
    assert versions == ["", "r40", "r55"]
    shifts = [
        logit(one["probability"]) - logit(other["probability"])
        for one, other in zip(found, plain, strict=True)
    ]
    np.testing.assert_allclose(shifts, [0.0, 0.5, -0.3], atol=1e-9)


def test_all_leads_are_scored_anew(service):
    """A band that changes for it says so; news of a lead is still the events."""
    assert background._score_all(service)
    assert not background._score_all(service)
    move(service, service.clock() - HOUR, 1.5, 40)
    assert background._score_all(service)
    queue = [score for score in service.store.queue.listed(1000) if score.p_advance is not None]
    assert {score.cause for score in queue} == {"recalibration"}
    (bundle,) = {score.bundle for score in queue}
    version = service.scorer.bundle.version
    assert version.endswith("+r40")
    assert {row_of(score, (), None)["model_version"] for score in queue} == {version}
    assert bundle == f"{service.scorer.bundle.hash}+r40"
    assert not background._score_all(service)


def test_another_process_serves_the_same(service, url, folder):
    """What the store holds serves from the start, whoever put it there."""
    move(service, service.clock() - HOUR, 0.5, 40)
    other = Service.open(Settings(url, folder / "fitted"), clock=service.clock)
    lead = next(iter(service.store.lead_ids()))
    assert other.scorer.score(lead) == service.scorer.score(lead)
    assert not other.refresh()
    other.close()


def test_a_moved_bundle_is_made_once(folder):
    """The same moves give the same bundle; without any it is the one that was trained."""
    bundle = load_bundle(folder / "fitted")
    track = Recalibrated(bundle, {"purchase": [Move(0.1, 1.0, 5, 100), Move(0.2, 1.0, 9, 200)]})
    assert track.at(99) is bundle
    assert track.at(100) is track.at(199)
    assert (track.at(100).outcomes, track.at(200).outcomes) == (5, 9)
    assert track.at(200).hash == bundle.hash
    assert track.last_known_at == 200
