"""Policies judged on small logs: the arithmetic, what is judged, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from features.clock import rfc3339
from features.errors import NotEnoughData, PolicyError
from features.ladder.ladder import EventRule, Gain
from models.judging.off_policy import Logged
from models.offers.options import NO_ASK, NURTURE
from models.offers.policy import POLICIES
from tests.training.policies.scene import LADDER, drawn, event, exposed, log_of, reported, us
from tests.training.policies.story import (
    FIRST,
    QUICK,
    SECOND,
    SPLIT,
    UNTIL,
    bundle,
    judged,
    learned,
    log,
    story,
)
from training.pipeline import train
from training.policies import evaluate as judging
from training.policies.decisions import drawn_decisions
from training.policies.evaluate import assess, compare, evaluate_policy

# --------------------------------------------------------------------------------- the arithmetic


@pytest.mark.parametrize("name", ["uniform", "learned", "only:clip"])
def test_a_policy_gains_nothing_over_itself(name):
    """Exactly 0 with an interval of no width, by every estimator and in every segment."""
    found = judged(name, against=name)
    gains = [found.assessment.gain, found.advance, *found.assessment.segments.values()]
    for one in gains:
        for estimate in (one.ips, one.snips, one.dr):
            assert (estimate.value, estimate.low, estimate.high) == (0.0, 0.0, 0.0)


def test_the_policy_that_took_the_decisions_gains_nothing():
    """The log was drawn evenly: the even policy is the one that took its decisions."""
    found = judged("uniform")
    assert found.against == "logged"
    gain = found.assessment.gain
    assert [one.value for one in (gain.ips, gain.snips, gain.dr)] == [0.0, 0.0, 0.0]
    assert found.assessment.value == found.assessment.baseline
    value = found.assessment.value
    assert (value.effective_sample_size, value.largest_weight) == (value.decisions, 1.0)
    assert value.support == 1.0


def _nothing_foreseen(_matrix, logged, *, binary):  # noqa: ARG001 a predictor's shape
    return np.zeros_like(logged.probability)


def test_net_value_by_hand(monkeypatch):
    """Four decisions: what came of each, times the ladder's worth, less what was chosen costs."""
    rows = [
        ("ann", "demo", SECOND, 15.0),  # 100 - 20: a purchase after a demo of 20 minutes
        ("bob", "demo", SECOND, None),  # -20
        ("cem", "clip", FIRST, 20.0),  # 100: a clip costs nothing
        ("dan", NO_ASK, FIRST, 30.0),  # 0: bought after the value's 14 days
    ]
    events = [event(lead, "video", 0.5, fraction=1.0) for lead in ("ann", "bob")]
    for lead, chosen, options, bought in rows:
        events += exposed(drawn(lead, 10, chosen, options))
        if bought:
            events.append(event(lead, "order", bought))
    monkeypatch.setattr(judging, "predicted_values", _nothing_foreseen)
    found = judged("only:demo", log_of(events), start=us(1)).assessment
    # Demo where there is one, else no ask; a tenth of the probability is spread evenly.
    of_demo = (0.9 + 0.1 / 3) * 3
    of_clip, of_no_ask = 0.1 / 4 * 4, (0.9 + 0.1 / 4) * 4
    weights = np.array([of_demo, of_demo, of_clip, of_no_ask])
    net = np.array([80.0, -20.0, 100.0, 0.0])
    assert found.value.ips.value == pytest.approx((weights * net).mean())
    assert found.value.snips.value == pytest.approx((weights * net).sum() / weights.sum())
    # Foreseen is minus the cost: DR adds what the policy pays for demos to the surprises.
    foreseen = np.array([-20 * (0.9 + 0.1 / 3), -20 * (0.9 + 0.1 / 3), 0.0, 0.0])
    surprise = net - np.array([-20.0, -20.0, 0.0, 0.0])
    assert found.value.dr.value == pytest.approx((foreseen + weights * surprise).mean())
    assert found.baseline.ips.value == pytest.approx(net.mean())
    assert found.weight_share == pytest.approx(weights.max() / weights.sum())


def test_what_did_not_reach_its_lead_is_judged_as_drawn_and_costs_nothing(monkeypatch):
    """Of two demos one was never shown: both count, and one is paid for, foreseen as a half."""
    events = [event(lead, "video", 0.5, fraction=1.0) for lead in ("ann", "bob", "cem")]
    events += [*exposed(drawn("ann", 10, "demo", SECOND)), event("cem", "order", 12)]
    events += exposed(drawn("bob", 10, "demo", SECOND))[:1]
    events += [*exposed(drawn("cem", 10, NO_ASK, SECOND))[:1], event("cem", "page", 30)]
    monkeypatch.setattr(judging, "predicted_values", _nothing_foreseen)
    found = judged("only:demo", log_of(events), start=us(1)).assessment
    weights = np.array([0.9 + 0.1 / 3, 0.9 + 0.1 / 3, 0.1 / 3]) * 3
    net = np.array([-20.0, 0.0, 100.0])
    assert found.value.decisions == 3
    assert found.value.ips.value == pytest.approx((weights * net).mean())
    foreseen = -20 * 0.5 * (0.9 + 0.1 / 3)
    surprise = net - np.array([-10.0, -10.0, 0.0])
    assert found.value.dr.value == pytest.approx((foreseen + weights * surprise).mean())


def test_what_the_log_left_out_by_belief_is_no_gain():
    """A quarter of what is judged was never drawn: it is said, and counts as the least by IPS."""
    events = [event("zoe", "page", UNTIL)]
    for at in range(40):
        lead, chosen = f"lead-{at:02}", ("clip", NURTURE, NO_ASK)[at % 3]
        made = drawn(lead, 10, chosen, ("clip", NURTURE, NO_ASK))
        made = replace(made, excluded=(("guide", "believed_worse"),))
        events += [event(lead, "page", 5), *exposed(made)]
        events += [event(lead, "order", 12)] * (at % 4 == 0)
    found = judged("uniform", log_of(events), start=us(1))
    value, gain = found.assessment.value, found.assessment.gain
    assert [value.support, value.largest_weight] == pytest.approx([0.75, 0.75])
    assert gain.ips.value == pytest.approx(-0.25 * found.assessment.baseline.ips.value)
    assert found.shares["guide"] == (0.25, 0.0)
    assert found.watch is not None
    assert found.watch.low < 0.0 < found.watch.high


@pytest.mark.slow
def test_gains_take_the_place_of_the_purchase():
    """With gains in the ladder the value is their sum, not a share times the purchase's worth."""
    gains = (Gain(EventRule("order"), 7.0), Gain(EventRule("trial"), -1.0))
    ladder = replace(LADDER, value=replace(LADDER.value, gains=gains))
    made = train(log_of(story(), ladder), ladder, until=us(SPLIT), config=QUICK)
    made = replace(made, manifest=made.manifest | {"hash": "0" * 64})
    found = evaluate_policy(made, log_of(story(), ladder), "uniform", until=us(UNTIL))
    bought = judged("uniform")
    cost = bought.shares["demo"][1] * 20
    expected = (bought.assessment.value.ips.value + cost) / 100 * 7 - cost
    assert found.assessment.value.ips.value == pytest.approx(expected)


def test_outcomes_that_were_reported_as_shares_are_judged():
    """A report may say 0.4: half a success is an outcome like any other."""
    ones = [drawn(f"lead-{at:03}", 50 + at / 360, NO_ASK, FIRST) for at in (1, 2)]
    reports = [one for made in ones for one in reported(made, 53, 0.4)]
    assert len(reports) == 2
    found = judged("only:clip", log_of([*story(), *reports]))
    plain = judged("only:clip")
    assert found.advance.decisions == plain.advance.decisions
    assert found.advance.dr.value != plain.advance.dr.value
    assert found.assessment.value.ips == plain.assessment.value.ips


# --------------------------------------------------------------------------------- what is judged


@pytest.mark.parametrize("days", [0.001, 45.0, 9e3])
def test_a_period_that_ends_after_the_log(days):
    """It ends with the log: what is pending there is not judged as if nothing had come of it."""
    inside = judged()
    found = judged(until=us(UNTIL + days))
    assert found.as_dict() == inside.as_dict()
    early = log_of([*story()[:-1], event("passer-by", "page", 64.5)])
    assert judged(events=early, until=us(64.5 + days)).pending == judged(until=us(64.5)).pending > 0
    first, second = (
        compare(bundle(), early, names=("rules",), until=us(64.5 + more)) for more in (days, 0.0)
    )
    assert first == second


def test_decisions_after_training_are_judged():
    """By default those after the end of training, whose windows are over; the rest are counted."""
    found = learned()
    assert (found.start, found.until) == (rfc3339(us(SPLIT)), rfc3339(us(UNTIL)))
    assert found.trained_until == found.start
    assert not found.flatters
    assert found.pending == 0
    assert 200 < found.assessment.value.decisions < 360
    early = judged(until=us(64.5))
    assert early.pending + early.assessment.value.decisions == found.assessment.value.decisions
    assert early.pending > 100


def test_judging_on_what_was_learned_from_flatters():
    """A start before the end of training is marked; one after it is not."""
    assert judged(start=us(SPLIT) - 1).flatters
    assert not judged(start=us(SPLIT)).flatters
    assert judged(start=us(0)).assessment.value.decisions > learned().assessment.value.decisions


def test_the_segments():
    """A step has its id; of a trait the words that a hundred decisions have, or none."""
    segments = judged(start=us(0)).assessment.segments
    assert set(segments) == {"step: look", "step: try", "industry: bank", "industry: port"}
    counts = {name: one.decisions for name, one in segments.items()}
    everything = judged(start=us(0)).assessment.value.decisions
    assert counts["step: look"] + counts["step: try"] == everything
    assert counts["industry: bank"] >= 100


@pytest.mark.parametrize(("leads", "is_told"), [(9, False), (10, True)])
def test_no_segment_of_few_leads(leads, is_told):
    """A report outlives its leads: a word that few of them had, in many decisions, is not in it."""
    some = [f"magda-{at}" for at in range(leads)]
    told = [event(lead, "identify", 31.0, industry="Industry-Magda") for lead in some]
    asked = [
        one
        for lead in some
        for at in range(20)
        for one in exposed(drawn(lead, 35.0 + at / 4, NO_ASK, FIRST))
    ]
    decisions = drawn_decisions(log_of([*story(), *told, *asked]), LADDER, us(UNTIL))
    words = set(judging._segments(LADDER, decisions)["industry"])
    assert "bank" in words
    assert ("Industry-Magda" in words) == is_told


def test_at_most_six_words_of_a_trait(monkeypatch):
    """The most frequent ones."""
    monkeypatch.setattr(judging, "_LEAST_IN_SEGMENT", 1)
    monkeypatch.setattr(judging, "_MOST_WORDS", 2)
    segments = judged().assessment.segments
    assert {name for name in segments if name.startswith("industry")} == {
        "industry: bank",
        "industry: port",
    }


def test_segments_leave_out_decisions_without_a_label():
    """Decisions without a word for a trait belong to no segment of it."""
    rng = np.random.default_rng(0)
    logged = Logged(np.full((60, 2), 0.5), rng.integers(0, 2, 60), rng.random(60), np.arange(60))
    target = np.tile([0.9, 0.1], (60, 1))
    labels = np.array(["a", "", "b"] * 20)
    found = assess(logged, target, logged.probability, np.zeros((60, 2)), {"kind": labels})
    assert {name: one.decisions for name, one in found.segments.items()} == {
        "kind: a": 20,
        "kind: b": 20,
    }


def test_shares_of_the_options():
    """How often each option is chosen, by the policy and by the log; each adds up to 1."""
    shares = judged("only:clip").shares
    assert set(shares) == set(bundle().offers.options.ids)
    for of in (0, 1):
        assert sum(share[of] for share in shares.values()) == pytest.approx(1.0)
    look = learned().assessment.segments["step: look"].decisions
    at_look = look / learned().assessment.value.decisions
    assert shares["clip"][0] == pytest.approx(at_look * (0.9 + 0.1 / 4))
    assert shares[NURTURE][0] < 0.05 < shares[NURTURE][1]


def test_as_dict_is_json():
    """Plain values without NaN, which come back the same."""
    values = learned().as_dict()
    assert json.loads(json.dumps(values, allow_nan=False))["name"] == "learned"
    assert values["assessment"]["gain"]["dr"]["value"] == learned().assessment.gain.dr.value


def test_the_same_twice():
    """A judgement depends on nothing but its arguments."""
    assert judged().as_dict() == learned().as_dict()


# -------------------------------------------------------------------------------------- comparing


def test_compare_holds_every_policy():
    """All policies on the same decisions, each as it is judged alone."""
    found = compare(bundle(), log(), until=us(UNTIL))
    assert tuple(found) == tuple(POLICIES)
    assert {one.value.decisions for one in found.values()} == {learned().assessment.value.decisions}
    alone = learned().assessment
    assert found["learned"] == replace(alone, segments={})
    assert found["uniform"].gain.dr.value == 0.0


def test_compare_against_another():
    """Beside another policy that one itself gains exactly 0."""
    found = compare(bundle(), log(), against="rules", names=("rules", "only:clip"), until=us(UNTIL))
    assert tuple(found) == ("rules", "only:clip")
    assert found["rules"].gain.dr.value == 0.0
    assert found["only:clip"].gain.dr.value != 0.0


# -------------------------------------------------------------------------------- what is refused


def test_nothing_is_over_yet():
    """The period is named, and how many decisions are pending in it."""
    with pytest.raises(
        NotEnoughData,
        match=r"no drawn decision after 2026-02-04T\S+ whose window was over by 2026-02-28\S+"
        r" \(3\d\d pending\); a policy can be judged once the window of one is over",
    ):
        judged(until=us(54))


def test_no_decisions_at_all():
    """A log of which the service decided nothing."""
    events = log_of([one for one in story() if not one.name.startswith("rung_")])
    with pytest.raises(NotEnoughData, match=r"\(0 pending\).* has drawn some$"):
        judged(events=events)


@pytest.mark.parametrize("name", ["learned", "only:no_ask"])
def test_costs_alone_carry_no_policy(name):
    """Before the first purchase every offer is pure cost: that says nothing of what it brings."""
    events = log_of([one for one in story() if one.name != "order"])
    with pytest.raises(NotEnoughData, match=r"all \d+ decisions came to 0, costs not taken off"):
        judged(name, events)
    with pytest.raises(NotEnoughData, match=r"all \d+ decisions came to 0, costs not taken off"):
        compare(bundle(), events, until=us(UNTIL))


@pytest.mark.parametrize("more", [{"name": "lerned"}, {"against": "lerned"}])
def test_an_unknown_policy(more):
    """It is named, with the one that was meant."""
    with pytest.raises(PolicyError, match="no policy 'lerned'; did you mean 'learned'"):
        judged(**more)
