"""The ladder as values: what a score follows from, and what may change without a training."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from features.ladder.file import read_ladder
from features.ladder.ladder import Activity, Band, EventRule, Ladder

B2B = read_ladder("b2b")
SAME_SCORES = (
    ("title", replace(B2B, title="Another")),
    ("offers", replace(B2B, offers=B2B.offers[:3])),
    ("limits", replace(B2B, limits=replace(B2B.limits, asks=9))),
    ("value", replace(B2B, value=replace(B2B.value, purchase=9.0))),
    ("policy", replace(B2B, policy=replace(B2B.policy, exploration=0.5))),
    ("commitments", replace(B2B, commitments=())),
    ("a step's title", replace(B2B, steps=(replace(B2B.steps[0], title="x"), *B2B.steps[1:]))),
    ("a band", replace(B2B, purchase=replace(B2B.purchase, band=Band(0.1, 0.2), high_from=0.3))),
    ("a sentence", replace(B2B, traits=(replace(B2B.traits[0], says="{value}"), *B2B.traits[1:]))),
)
OTHER_SCORES = (
    ("a rule", replace(B2B, purchase=replace(B2B.purchase, complete_when=(EventRule("won"),)))),
    ("a horizon", replace(B2B, purchase=replace(B2B.purchase, horizon_days=91.0))),
    ("a trait", replace(B2B, traits=B2B.traits[1:])),
    ("activity", replace(B2B, activity=Activity(interest=(EventRule("x"),)))),
    ("lost_when", replace(B2B, lost_when=(EventRule("gone"),))),
    ("a name", replace(B2B, name="other")),
    ("an event", replace(B2B, events=replace(B2B.events, lead_asked="question"))),
    ("dormancy", replace(B2B, dormant_after_days=30.0)),
)


@pytest.mark.parametrize(("what", "other"), SAME_SCORES)
def test_what_no_score_follows_from_leaves_the_fingerprint(what: str, other: Ladder) -> None:
    """A model goes on with other offers, limits, words, bands and values."""
    assert other != B2B, what
    assert other.fingerprint == B2B.fingerprint, what


@pytest.mark.parametrize(("what", "other"), OTHER_SCORES)
def test_what_scores_follow_from_changes_the_fingerprint(what: str, other: Ladder) -> None:
    """A change of what signals and labels follow from asks for a new training."""
    assert other.fingerprint != B2B.fingerprint, what


def test_the_offers_of_a_step_are_the_active_asks() -> None:
    """Support, and what is paused or retired, completes no step now."""
    asks = B2B.offers_of("content")
    assert len(asks) > 1
    without = tuple(
        replace(offer, status="paused") if offer.id == asks[0].id else offer for offer in B2B.offers
    )
    assert replace(B2B, offers=without).offers_of("content") == asks[1:]


def test_versions_of_a_ladder_have_hashes_of_their_own() -> None:
    """Caches by ladder find a version at once, and an equal one as the same; also once copied."""
    paused = replace(B2B.offers[0], status="paused")
    versions = [B2B, *(replace(B2B, offers=(paused, *B2B.offers[at:])) for at in range(1, 9))]
    assert len({hash(one) for one in versions}) == len(versions)
    again = replace(B2B, source="another text")
    assert (again, hash(again)) == (B2B, hash(B2B))
    sent = pickle.loads(pickle.dumps(B2B))  # noqa: S301 made here
    assert (sent, hash(sent), sent.source) == (B2B, hash(B2B), B2B.source)
    assert sent._hash is None or sent._hash == B2B._hash
