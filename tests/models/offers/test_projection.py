"""What was learned, told of a changed catalogue: beside a fit that knew the new offer all along."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from features.ladder.file import read_ladder
from features.ladder.ladder import Effort, Ladder, Offer
from models.offers import effects as offer_effects
from models.offers.effects import EffectRows, OfferEffects, fit_effects
from models.offers.options import Options, options_of
from models.offers.projection import columns_of, projected

GUIDE = Offer("guide", "value", "Guide", "text", Effort(10))
TOOL = Offer("tool", "value", "Tool", "tool", Effort(20))
FORM = Offer("form", "value", "Form", "text", Effort(10, form_fields=("name", "email")))
NEW = Offer("new", "value", "New", "text", Effort(40, form_fields=("name",), live=True))
BEFORE = replace(read_ladder("b2b"), offers=(GUIDE, TOOL, FORM))
WITH_NEW = replace(BEFORE, offers=(GUIDE, TOOL, NEW, FORM))


@pytest.fixture(autouse=True)
def _one_thread():
    with threadpool_limits(1):
        yield


def rows_of(options: Options, never: str = "", n: int = 300) -> EffectRows:
    """Decisions with outcomes; whatever options there are, those without one draw the same."""
    held = [at for at, name in enumerate(options.ids) if name != never]
    rng = np.random.default_rng(3)
    chance = np.zeros((n, len(options)))
    chance[:, held] = rng.dirichlet(np.ones(len(held)), n)
    chosen = [held[rng.choice(len(held), p=row[held])] for row in chance]
    contrast = -chance
    contrast[np.arange(n), chosen] += 1.0
    topic = np.zeros((n, len(options)))
    topic[:, held[:-2]] = (rng.random((n, len(held) - 2)) < 0.3).astype(np.float64)
    mean = rng.uniform(0.1, 0.9, n)
    return EffectRows(
        contrast=contrast,
        topic=topic,
        modifiers=rng.normal(size=(n, 2)),
        residual=(rng.random(n) < mean) - mean + 0.3 * contrast[:, held[1]] * mean * (1 - mean),
        scale=mean * (1.0 - mean),
        noise=mean * (1.0 - mean),
    )


def learned(ladder: Ladder = BEFORE, never: str = "") -> OfferEffects:
    options = options_of(ladder, BEFORE)
    return fit_effects(options, rows_of(options, never))


def test_a_new_offer_is_what_it_would_be_had_it_never_been_tried(monkeypatch):
    """Its coefficients are those of a fit that had it among the options and never offered it."""
    monkeypatch.setattr(offer_effects, "_DRAWS", 20_000)
    was, options = options_of(BEFORE), options_of(WITH_NEW, BEFORE)
    found = projected(learned(), was, options)
    expected = learned(WITH_NEW, never="new")
    np.testing.assert_allclose(found.mean, expected.mean, atol=2e-5)
    sd, expected_sd = (
        np.sqrt(np.diagonal(one.covariance, axis1=1, axis2=2)) for one in (found, expected)
    )
    np.testing.assert_allclose(sd, expected_sd, rtol=0.03)
    drawn = found.draws.std(axis=0)
    np.testing.assert_allclose(drawn, expected_sd, rtol=0.03)
    new = options.ids.index("new")
    with_guide = [
        np.corrcoef(one.draws[:, new, 0], one.draws[:, 0, 0])[0, 1] for one in (found, expected)
    ]
    assert with_guide[0] == pytest.approx(with_guide[1], abs=0.03)


def test_what_was_learned_stays_with_the_id():
    """An offer that stands elsewhere in the file, under another title, keeps every number."""
    moved = replace(BEFORE, offers=(replace(FORM, title="Other"), NEW, GUIDE, TOOL))
    was, options = options_of(BEFORE), options_of(moved, BEFORE)
    effects = learned()
    found = projected(effects, was, options)
    assert columns_of(options, was) == [2, None, 0, 1, 3, 4]
    for at, before in enumerate(columns_of(options, was)[:-1]):
        if before is not None:
            np.testing.assert_array_equal(found.mean[at], effects.mean[before])
            np.testing.assert_array_equal(found.covariance[at], effects.covariance[before])
            np.testing.assert_array_equal(found.draws[:, at], effects.draws[:, before])


def test_an_edited_offer_moves_by_what_its_attributes_are_worth():
    """Two more form fields move the form by twice what a field does; its own part stays."""
    longer = replace(FORM, effort=Effort(10, form_fields=("name", "email", "size", "role")))
    after = replace(BEFORE, offers=(GUIDE, TOOL, longer))
    was, options = options_of(BEFORE), options_of(after, BEFORE)
    effects = learned()
    found = projected(effects, was, options)
    changed = options.values[2] - was.values[2]
    assert changed[[one.name for one in was.attributes].index("form fields")] == 2.0
    count = len(was.attributes)
    by_modifier = effects.shared[count + 1 :].reshape(2, count) @ changed
    expected = effects.mean[2] + [effects.shared[:count] @ changed, 0.0, *by_modifier]
    np.testing.assert_allclose(found.mean[2], expected)
    np.testing.assert_allclose(np.cov(found.draws[:, 2], rowvar=False), found.covariance[2])
    np.testing.assert_array_equal(found.mean[:2], effects.mean[:2])


def test_a_new_offer_is_drawn_alike_every_time():
    """Its draws follow from its id: the same bundle and catalogue give the same answers."""
    was, options = options_of(BEFORE), options_of(WITH_NEW, BEFORE)
    effects = learned()
    one, other = projected(effects, was, options), projected(effects, was, options)
    np.testing.assert_array_equal(one.draws, other.draws)


def test_effects_are_kept_as_text():
    """What options share is in the bundle, and is read back as it was."""
    effects = learned()
    again = OfferEffects.of_dict(effects.as_dict())
    np.testing.assert_array_equal(again.shared, effects.shared)
    np.testing.assert_array_equal(again.shared_draws, effects.shared_draws)
