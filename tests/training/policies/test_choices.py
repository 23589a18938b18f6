"""What a policy would have chosen, at decisions and at any instant."""

from __future__ import annotations

import numpy as np
import pytest

from features.errors import PolicyError
from features.offers.decisions import decision_event
from models.offers.offer_model import of_step
from tests.training.policies.instants import shares_at
from tests.training.policies.scene import LADDER, PLACE, REST, drawn, event, log_of, us
from tests.training.policies.story import UNTIL, bundle, log
from training.policies.choices import shares_of
from training.policies.decisions import Decisions, drawn_decisions

WORSE = (("guide", "believed_worse"), ("former", "believed_worse"))
QUIET = (("guide", "quiet_hours"),)


@pytest.fixture(scope="module")
def made() -> Decisions:
    decisions = drawn_decisions(log(), LADDER, us(UNTIL))
    return decisions.rows(decisions.position < len(LADDER.goals))


@pytest.mark.parametrize("name", ["rules", "learned", "thompson", "uniform", "only:clip"])
def test_shares_are_a_distribution_over_what_could_be_chosen(made, name):
    """Each row sums to 1, and nothing lies on what was not eligible."""
    shares = shares_of(bundle(), made, name)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert (shares >= 0).all()
    assert (shares[made.probability == 0] == 0).all()


def test_what_was_left_out_by_belief_can_be_chosen_by_others():
    """An offer that could not be extended cannot; of what was chosen with, the log knows alone."""
    options = ("clip", *REST)
    events = [
        event("ann", "page", 1),
        decision_event(drawn("ann", 5, "clip", options, excluded=WORSE), LADDER),
        event("bob", "page", 1),
        decision_event(drawn("bob", 5, "clip", options, excluded=QUIET), LADDER),
        event("zoe", "page", UNTIL),
    ]
    found = drawn_decisions(log_of(events), LADDER, us(UNTIL))
    clip, guide = PLACE["clip"], PLACE["guide"]
    even = shares_of(bundle(), found, "uniform")
    assert even[:, clip] == pytest.approx([1 / 4, 1 / 3])
    assert even[:, guide] == pytest.approx([1 / 4, 0.0])
    assert (found.probability[:, guide] == 0).all()


def test_exploration_in_place_of_the_ladders(made):
    """Without it the policy's own choice is certain; with all of it every option is as likely."""
    own = shares_of(bundle(), made, "only:clip", exploration=0.0)
    assert set(own.max(axis=1)) == {1.0}
    even = shares_of(bundle(), made, "only:clip", exploration=1.0)
    eligible = made.probability > 0
    np.testing.assert_allclose(even, eligible / eligible.sum(axis=1, keepdims=True))


def test_at_an_instant_every_option_of_the_next_step_is_eligible(made):
    """Leads of a log are asked about where they stand then, not where they stand at its end."""
    shares = shares_at(bundle(), log(), made.lead, made.as_of, "uniform")
    there = np.array([of_step(LADDER, position) for position in made.position.tolist()])
    np.testing.assert_allclose(shares, there / there.sum(axis=1, keepdims=True))


def test_nobody():
    """No leads are no rows."""
    nothing = np.array([], dtype=np.int64)
    assert len(shares_at(bundle(), log(), nothing, nothing, "learned")) == 0


def test_an_unknown_policy(made):
    """It is refused by its name."""
    with pytest.raises(PolicyError, match="no policy 'lerned'"):
        shares_of(bundle(), made, "lerned")
