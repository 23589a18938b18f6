"""Some leads read together are what each is alone, now and a week ago."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from features.events.log import DAY_US
from models.bundle import load_bundle
from models.offers.policy import POLICIES
from models.recommendation import Adviser
from serving.scoring.batch.reading import PartReader, read_leads
from serving.scoring.model import Model
from tests.serving import world

NOW = 1_800_000_000_000_000
WEEK_US = 7 * DAY_US


@pytest.fixture(scope="module")
def model(folder):
    return Model.of(load_bundle(folder / "fitted"))


@pytest.fixture
def log(store, model):
    """Leads that stood still, came further lately, came lately, or have been silent for long."""
    store.append_events(
        [
            *world.climber("still", NOW - 10 * DAY_US, 1),
            *world.climber("further", NOW - 10 * DAY_US, 1),
            world.event("further", "asset_used", NOW - DAY_US, {"minutes": 18}),
            world.event("arrived", "page_viewed", NOW - DAY_US),
            *world.climber("silent", NOW - 92 * DAY_US, 1),
        ]
    )
    return store.log_of(["still", "further", "arrived", "silent"], model.bundle.ladder)


def test_a_week_ago(log, model):
    """Those who stand in the queue before the step of then have the chance of then."""
    read = read_leads(model, log, NOW, with_week_ago=True)
    scored = read.scored
    assert scored.leads == ["arrived", "further", "silent", "still"]
    assert read.queued.tolist() == [True, True, False, True]
    then = read_leads(model, log, NOW - WEEK_US, with_week_ago=False).scored
    assert then.leads == ["further", "silent", "still"]
    before = dict(zip(then.leads, then.position.tolist(), strict=True))
    now = dict(zip(scored.leads, scored.position.tolist(), strict=True))
    assert before["further"] < now["further"]
    assert before["silent"] == now["silent"]
    assert before["still"] == now["still"]
    assert not np.isnan(then.advance).any()
    expected = [np.nan, np.nan, np.nan, then.advance[2]]
    np.testing.assert_array_equal(scored.week_ago, expected)
    assert np.isnan(read_leads(model, log, NOW, with_week_ago=False).scored.week_ago).all()


def test_a_part(log, model):
    """What another process finds of it is the same: reasons, most events of one."""
    look = PartReader(model, NOW)
    part = pickle.loads(pickle.dumps(look))(log)  # noqa: S301 our own
    here = read_leads(model, log, NOW, with_week_ago=True)
    assert part.reasons == here.reasons()
    assert sorted(part.reasons) == ["arrived", "further", "silent", "still"]
    counts = np.diff(log.starts)
    assert counts.min() < part.most_events == counts.max()
    for name in ("leads", "step", "traits"):
        assert getattr(part.scored, name) == getattr(here.scored, name)
    for name in ("advance", "low", "high", "purchase", "week_ago", "position", "last_active"):
        np.testing.assert_array_equal(getattr(part.scored, name), getattr(here.scored, name))


def test_any_policy_goes_to_another_process(log, folder):
    """Also those of the arms of experiments, which a model keeps once it has advised by them."""
    bundle = load_bundle(folder / "fitted")
    names = [*POLICIES, *(f"only:{one}" for one in bundle.offers.options.ids)]
    for name in names:
        model = Model.of(bundle, name)
        model.others[names[-1]] = Adviser(bundle, names[-1])
        assert model.others[names[-1]].policy.shares is not None  # looked up once, and kept
        look = PartReader(model, NOW)
        here = look(log).scored.works
        there = pickle.loads(pickle.dumps(look))(log).scored.works  # noqa: S301 our own
        assert there.option.tolist() == here.option.tolist()
        assert there.gain.tolist() == here.gain.tolist()


def test_nobody(store, model):
    """Of no leads nothing is found."""
    part = PartReader(model, NOW)(store.log_of([], model.bundle.ladder))
    assert (part.scored.leads, part.reasons, part.most_events) == ([], {}, 0)
