"""The routes of Personalizer: its shapes, over our decisions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.serving import world
from tests.serving.conftest import service_of
from tests.serving.shapes import is_problem

PREFIX = "/personalizer/v1.0"
LEAD = "climber"
ACTIONS = ["bottleneck-template", "handover-checklist", "live-qa"]


@pytest.fixture
def own(start, folder, tmp_path):
    """A service with a lead whose next step two of the three actions belong to."""
    url = world.filled(tmp_path, world.climber(LEAD, world.now(), 1))
    with start(url, folder / "rates") as client:
        yield client


def rank(client, **changes):
    body: dict[str, Any] = {
        "contextFeatures": [{"time": "noon"}, {"lead_id": LEAD}],
        "actions": [{"id": one, "features": [{"kind": "any"}]} for one in ACTIONS],
        **changes,
    }
    return client.post(f"{PREFIX}/rank", json=body)


def reward(client, event_id, value):
    return client.post(f"{PREFIX}/events/{event_id}/reward", json={"value": value})


def activate(client, event_id):
    return client.post(f"{PREFIX}/events/{event_id}/activate")


def test_rank(own):
    """Every action has a probability, those that cannot be chosen 0; they add up to 1."""
    answer = rank(own, eventId="e1")
    assert answer.status_code == 201
    body = answer.json()
    assert set(body) == {"ranking", "eventId", "rewardActionId"}
    assert body["eventId"] == "e1"
    chances = {one["id"]: one["probability"] for one in body["ranking"]}
    assert set(chances) == {*ACTIONS, "nurture", "no_ask"}
    assert sum(chances.values()) == pytest.approx(1.0)
    assert chances["live-qa"] == 0.0
    assert min(chances[one] for one in ACTIONS[:2]) > 0.0
    assert chances[body["rewardActionId"]] > 0.0


def test_it_is_a_decision(own):
    """A rank event is a decision: its record, its exposure and its outcome are ours."""
    body = rank(own).json()
    told = own.get(f"/v1/decisions/{body['eventId']}").json()
    assert told["offer"]["id"] == body["rewardActionId"]
    assert (told["lead_id"], told["exposed"]) == (LEAD, True)
    assert reward(own, body["eventId"], 0.25).status_code == 204
    outcome = own.get(f"/v1/decisions/{body['eventId']}").json()["outcome"]
    assert (outcome["value"], outcome["kind"]) == (0.25, "reward")


def test_first_reward_stays(own):
    """Later rewards are accepted and change nothing, as Personalizer did."""
    named = rank(own).json()["eventId"]
    for value in (1, 0, 1):
        answer = reward(own, named, value)
        assert (answer.status_code, answer.content) == (204, b"")
    assert own.get(f"/v1/decisions/{named}").json()["outcome"]["value"] == 1


def test_activate(own):
    """A deferred event is exposed when it is activated, once."""
    named = rank(own, deferActivation=True).json()["eventId"]
    assert own.get(f"/v1/decisions/{named}").json()["exposed"] is False
    for _ in range(2):
        answer = activate(own, named)
        assert (answer.status_code, answer.content) == (204, b"")
    assert own.get(f"/v1/decisions/{named}").json()["exposed"] is True


def test_same_event_same_answer(own):
    """The same event id ranks the same way, and belongs to one lead."""
    first = rank(own, eventId="e").json()
    assert rank(own, eventId="e").json() == first
    service_of(own).store.append_events(world.climber("other", world.now(), 1))
    is_problem(rank(own, eventId="e", contextFeatures=[{"lead_id": "other"}]), 409)


def test_excluded_actions(own):
    """An excluded action stays in the answer with probability 0."""
    chances = {
        one["id"]: one["probability"]
        for one in rank(own, excludedActions=[ACTIONS[0]]).json()["ranking"]
    }
    assert chances[ACTIONS[0]] == 0.0
    assert chances[ACTIONS[1]] > 0.0


def test_doing_nothing_may_be_named(own):
    """`nurture` and `no_ask` may be sent as actions; they are there anyway, and once."""
    actions = [{"id": one} for one in ("nurture", ACTIONS[0], "no_ask")]
    ids = [one["id"] for one in rank(own, actions=actions).json()["ranking"]]
    assert sorted(ids) == sorted(["nurture", "no_ask", ACTIONS[0]])
    assert rank(own, excludedActions=["no_ask"]).status_code == 201


@pytest.mark.parametrize(
    "context", [[{"lead": {"lead_id": LEAD}}], [7, None, {"a": 1}, {"lead_id": LEAD}]]
)
def test_where_the_lead_stands(own, context):
    """The lead is named in any object of the context, or one level below."""
    named = rank(own, contextFeatures=context).json()["eventId"]
    assert own.get(f"/v1/decisions/{named}").json()["lead_id"] == LEAD


@pytest.mark.parametrize(
    "context",
    [[], None, [{"user": "x"}], [{"lead_id": 7}], [{"lead_id": ""}], [{"lead_id": "\0"}], ["x"]],
)
def test_no_lead(own, context):
    """Without a lead nothing can be ranked, and it says how to name one."""
    body = is_problem(rank(own, contextFeatures=context), 422)
    assert body["errors"][0]["pointer"] == "/body/contextFeatures"
    assert "lead_id" in body["errors"][0]["detail"]


def test_unknown_actions(own):
    """Actions that the ladder does not have are pointed at, each of them."""
    actions = [{"id": one} for one in ("news", ACTIONS[0], "sport", "nurture")]
    body = is_problem(rank(own, actions=actions, excludedActions=["news"]), 422)
    assert [error["pointer"] for error in body["errors"]] == [
        "/body/actions/0/id",
        "/body/actions/2/id",
        "/body/excludedActions/0",
    ]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"actions": []}, "/body/actions"),
        ({"actions": [{"id": ACTIONS[0]}] * 51}, "/body/actions"),
        ({"actions": [{"features": []}]}, "/body/actions/0/id"),
        ({"eventId": "x" * 257}, "/body/eventId"),
    ],
)
def test_bad_rank(own, changes, pointer):
    """A mistake in a body is pointed at."""
    body = is_problem(rank(own, **changes), 422)
    assert [error["pointer"] for error in body["errors"]] == [pointer]


def test_unknown(own, bare):
    """A lead and an event that are not there are 404; no model is 503; other bodies are refused."""
    is_problem(rank(own, contextFeatures=[{"lead_id": "nobody"}]), 404)
    is_problem(reward(own, "nothing", 1), 404)
    is_problem(activate(own, "nothing"), 404)
    is_problem(reward(own, "nothing", 2), 422)
    is_problem(rank(bare, contextFeatures=[{"lead_id": "lead-0001"}]), 503)
    is_problem(own.post(f"{PREFIX}/rank", content=b"{}"), 415)


def test_other_members_are_ignored(own):
    """Members that Personalizer's clients may send and we do not read do no harm."""
    assert rank(own, useBaseline=True, excludedActions=None, eventId=None).status_code == 201
