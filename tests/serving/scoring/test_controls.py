"""Leads that are left alone on purpose: who, since when, and what goes on all the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from features.events.log import DAY_US
from features.ladder.file import read_ladder
from features.offers.assignments import CALLED, CALLING, LEFT_ALONE, Assignment, assignment_event
from features.store.events import EventStore
from features.store.privacy import Privacy
from models.bundle import Bundle
from models.judging.trials.assignment import is_drawn
from models.offers.options import NO_ASK
from serving.recommending.recommender import Recommender
from serving.scoring.batch.rescoring import freshen, rescore
from serving.scoring.queue import items
from serving.scoring.scorer import Scorer
from serving.scoring.suggestion import suggestion_for
from serving.scoring.work import tab_of
from tests.serving import world

NOW = 1_800_000_000_000_000
LADDER = read_ladder("b2b")
NAME = LADDER.events.assignment
LEADS = [f"lead-{at:02}" for at in range(24)]
ON_PURPOSE = "Left alone on purpose, so that the difference it makes is known."
PURCHASE_US = round(LADDER.purchase.horizon_days * DAY_US)


@cache
def bundle(share: float = 0.5) -> Bundle:
    with TemporaryDirectory() as folder:
        ladder = world.controlled_ladder(share)
        return world.rates_bundle(Path(folder) / "bundle", ladder=ladder)


@pytest.fixture
def climbed() -> Iterator[EventStore]:
    """Leads before a session with a person, and some before their first steps."""
    with EventStore.open(":memory:") as store:
        store.append_events(
            [
                *(event for lead in LEADS for event in world.climber(lead, NOW, 3)),
                *(event for at in range(4) for event in world.climber(f"new-{at}", NOW, 0)),
            ]
        )
        yield store


def scorer(store: EventStore, share: float = 0.5, now: int = NOW) -> Scorer:
    return Scorer(store, bundle(share), lambda: now, policy="rules")


def arms(store: EventStore) -> dict[str, str]:
    """The arm of each lead that has one, by its only assignment."""
    found = {}
    for lead in store.lead_ids():
        told = [row for row in store.events_of(lead) if row[0] == NAME]
        assert len(told) <= 1
        if told:
            found[lead] = json.loads(json.dumps(told[0][3]))["arm"]
    return found


def tabs(store: EventStore) -> dict[str, str | None]:
    return {score.lead_id: tab_of(score.priority) for score in store.queue.listed(100)}


def test_who_is_left_alone(climbed):
    """Leads that are worth a call are put into arms by lot; controls stand among the quiet."""
    rescore(scorer(climbed, 0.0))
    worth = {lead for lead, tab in tabs(climbed).items() if tab == "talk"}
    assert worth == set(LEADS)
    assert arms(climbed) == {}
    rescore(scorer(climbed))
    found, stands = arms(climbed), tabs(climbed)
    assert found.keys() == worth
    for lead, arm in found.items():
        assert arm == (LEFT_ALONE if is_drawn(f"b2b/{CALLING}", lead, 0.5) else CALLED)
        assert stands[lead] == ("quiet" if arm == LEFT_ALONE else "talk")
    assert set(found.values()) == {LEFT_ALONE, CALLED}


def test_what_the_queue_says(climbed):
    """A control is shown as left alone, and why; the others as ever."""
    made = scorer(climbed)
    rescore(made)
    found = arms(climbed)
    for item in items(made, climbed.queue.listed(100)):
        suggested = item["suggestion"]
        assert suggested is not None
        is_control = found.get(item["lead_id"]) == LEFT_ALONE
        assert suggested["text"].endswith(f" {ON_PURPOSE}") == is_control
        assert (suggested["offer_id"] == NO_ASK) == is_control


def test_once(climbed):
    """Who is in an arm stays there, whatever the share is by then; the news of it ends."""
    rescore(scorer(climbed))
    found, count = arms(climbed), climbed.count()
    for share in (0.5, 0.05):
        while freshen(scorer(climbed, share)):
            pass
        rescore(scorer(climbed, share))
    assert (arms(climbed), climbed.count()) == (found, count)
    assert climbed.marks.waiting() == (0, None)


def test_known_before_the_first_effect(climbed, monkeypatch):
    """The assignment is stored when the score is: nobody sees a tab without it."""
    made, seen = scorer(climbed), []
    true = climbed.scores.save_made

    def save(parts, *rest, **more):
        seen.append(arms(climbed).keys())
        return true(parts, *rest, **more)

    monkeypatch.setattr(climbed.scores, "save_made", save)
    rescore(made)
    assert seen == [set(LEADS)]


def test_nothing_is_drawn_for_a_control(climbed):
    """Automation asks nothing of it, also where it is the first to look; an ask has its reason."""
    made = Recommender(scorer(climbed))
    for lead in LEADS:
        drawn = {made.recommend(lead, decision_id=f"{lead}-{at}")["offer"]["id"] for at in range(6)}
        arm = LEFT_ALONE if is_drawn(f"b2b/{CALLING}", lead, 0.5) else CALLED
        assert arms(climbed)[lead] == arm
        answer = made.recommend(lead, decision_id=f"{lead}-last")
        if arm == LEFT_ALONE:
            support = {one.id for one in LADDER.offers if one.role == "support"}
            assert drawn <= {NO_ASK, *support}
            assert "left_alone" in {one["reason"] for one in answer["excluded"]}
            assert answer["text"].endswith(ON_PURPOSE) == (answer["offer"]["id"] == NO_ASK)
        else:
            assert "left_alone" not in {one["reason"] for one in answer["excluded"]}
            assert ON_PURPOSE not in answer["text"]
        assert climbed.events_of(lead)[-1][0] != NAME


def control(store: EventStore, at: int = NOW - DAY_US, lead: str = "lead-00") -> str:
    told = Assignment(CALLING, LEFT_ALONE, 0.5)
    store.append_events([assignment_event(told, lead, LADDER, at)])
    return lead


def test_a_question_of_a_control_is_answered(climbed):
    """Who waits for a reply stands in its tab, and gets one, control or not."""
    lead = control(climbed)
    climbed.append_events([world.event(lead, "lead_asked", NOW - DAY_US // 24)])
    made = scorer(climbed)
    rescore(made)
    assert tabs(climbed)[lead] == "reply"


def test_until_it_is_known(climbed):
    """When the horizon of the purchase is over a control is a lead like any other."""
    lead = control(climbed, NOW - PURCHASE_US)
    rows = climbed.events_of(lead)
    for share, now, is_left in (
        (0.5, NOW - 1, True), (0.5, NOW, False), (0.0, NOW - 1, False),
    ):  # fmt: skip
        advice = suggestion_for(scorer(climbed, share).model, lead, rows, now)
        assert (advice.offer is None) == is_left
        assert advice.recommendation.is_left_alone == is_left
    rescore(scorer(climbed))
    assert tabs(climbed)[lead] == "talk"
    assert arms(climbed)[lead] == LEFT_ALONE


def test_the_earlier_arm_of_two_ids(climbed):
    """Of two ids that are one lead the arm that was first holds."""
    lead = control(climbed, NOW - 2 * DAY_US)
    other = assignment_event(Assignment(CALLING, CALLED, 0.5), "other-id", LADDER, NOW - DAY_US)
    climbed.append_events([other._replace(lead_id=lead)])
    advice = suggestion_for(scorer(climbed).model, lead, climbed.events_of(lead), NOW)
    assert advice.offer is None
    assert advice.text.endswith(ON_PURPOSE)


def test_it_is_ours(climbed):
    """An assignment is no activity: it changes no signal, no score, and no last active."""
    before = scorer(climbed).score("lead-00")
    control(climbed, NOW - 1)
    after = scorer(climbed).score("lead-00")
    assert {**after, "scored_at": ""} == {**before, "scored_at": ""}


def test_a_control_that_is_answered_is_not_said_to_be_left_alone(climbed):
    """What is said beside a decision is said of the option that was drawn."""
    rescore(scorer(climbed))
    controls = [lead for lead, arm in arms(climbed).items() if arm == LEFT_ALONE]
    asked = LADDER.events.lead_asked
    climbed.append_events([world.event(lead, asked, NOW - 1) for lead in controls])
    made = Recommender(Scorer(climbed, bundle(), lambda: NOW, policy="only:answer"))
    drawn = set()
    for lead in controls:
        answer = made.recommend(lead, decision_id=lead, defer_exposure=True)
        assert answer["text"].endswith(ON_PURPOSE) == (answer["offer"]["id"] == NO_ASK)
        drawn.add(answer["offer"]["id"])
    assert "answer" in drawn


def test_who_is_erased_while_it_is_drawn(climbed, monkeypatch):
    """A lead that goes does not come back with an arm; the others are put into theirs."""
    write = climbed.append_new

    def after_an_erasure(events, **more):
        monkeypatch.setattr(climbed, "append_new", write)
        Privacy(climbed.database).erase(events[0].lead_id, NOW)
        gone.append(events[0].lead_id)
        return write(events, **more)

    gone: list[str] = []
    monkeypatch.setattr(climbed, "append_new", after_an_erasure)
    rescore(scorer(climbed))
    assert arms(climbed).keys() == set(LEADS) - set(gone)
    assert climbed.events_of(gone[0]) == []
