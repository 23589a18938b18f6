"""Personalizer's routes: its shapes and errors; our decisions, and the caller's own actions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.serving import world
from tests.serving.conftest import service_of

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


def is_error(answer, status, code=None):
    """Whether an answer is an error in Personalizer's shape; what it says."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert set(answer.json()) == {"error"}
    error = answer.json()["error"]
    assert error["message"]
    assert error["code"] == (code or {400: "BadRequest", 404: "ResourceNotFound"}[status])
    return error


def targets(error):
    return [one["target"] for one in error["details"]]


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
    assert set(chances) == set(ACTIONS)
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
    again = rank(own, eventId="e", contextFeatures=[{"lead_id": "other"}])
    is_error(again, 409, "OperationNotAllowed")


def test_excluded_actions(own):
    """An excluded action stays in the answer with probability 0."""
    chances = {
        one["id"]: one["probability"]
        for one in rank(own, excludedActions=[ACTIONS[0]]).json()["ranking"]
    }
    assert chances[ACTIONS[0]] == 0.0
    assert chances[ACTIONS[1]] > 0.0


def test_doing_nothing_may_be_named(own):
    """`nurture` and `no_ask` are options where they are sent, and nowhere else."""
    actions = [{"id": one} for one in ("nurture", ACTIONS[0], "no_ask")]
    body = rank(own, actions=actions).json()
    assert {one["id"] for one in body["ranking"]} == {"nurture", ACTIONS[0], "no_ask"}
    assert all(one["probability"] > 0 for one in body["ranking"])
    without = rank(own, actions=actions, excludedActions=["no_ask"]).json()
    assert {one["id"]: one["probability"] for one in without["ranking"]}["no_ask"] == 0.0


def test_one_of_what_was_sent(own):
    """Whatever the policy thinks of leaving alone, an action that was sent is the answer."""
    for at in range(20):
        asked: dict[str, Any] = {"actions": [{"id": ACTIONS[0]}], "eventId": f"one-{at}"}
        body = rank(own, **asked, deferActivation=True).json()
        assert body["rewardActionId"] == ACTIONS[0]
        assert body["ranking"] == [{"id": ACTIONS[0], "probability": 1.0}]
        assert own.get(f"/v1/decisions/one-{at}").json()["probability_chosen"] == 1.0


def test_nothing_of_it_may_be_offered(own):
    """Where limits forbid all that was sent, the error says which; to leave alone may be sent."""
    alone = [{"id": "live-qa"}]
    error = is_error(rank(own, actions=alone), 409, "OperationNotAllowed")
    assert "'live-qa'" in error["message"]
    assert rank(own, actions=[*alone, {"id": "no_ask"}]).json()["rewardActionId"] == "no_ask"
    service_of(own).scorer.privacy.opt_out([LEAD], world.now())
    is_error(rank(own), 409, "OperationNotAllowed")


def test_nobody_is_nurtured_who_is_lost(own):
    """An option that is no offer has no reason of its own, and the sentence ends where it ends."""
    lost = world.event(LEAD, "lead_disqualified", world.now() - world.HOUR_US // 2)
    service_of(own).store.append_events([lost])
    error = is_error(rank(own, actions=[{"id": "nurture"}]), 409, "OperationNotAllowed")
    assert error["message"] == "none of what was sent may be offered now"


def test_a_newcomer(own):
    """A lead of which nothing is known is ranked as one that has just come, once and for all."""
    asked: dict[str, Any] = {
        "contextFeatures": [{"lead_id": "just-here"}],
        "actions": [{"id": "framework-video"}, {"id": ACTIONS[0]}],
        "eventId": "n",
    }
    body = rank(own, **asked).json()
    assert body["ranking"] == [
        {"id": "framework-video", "probability": 1.0},
        {"id": ACTIONS[0], "probability": 0.0},
    ]
    assert rank(own, **asked).json() == body
    told = own.get("/v1/decisions/n").json()
    assert (told["lead_id"], told["step"]["id"]) == ("just-here", "content")
    is_error(rank(own, **{**asked, "eventId": "n2"}), 409, "OperationNotAllowed")
    assert own.post("/v1/recommendations", json={"lead_id": "nobody"}).status_code == 404


@pytest.mark.parametrize(
    "context", [[{"lead": {"lead_id": LEAD}}], [7, None, {"a": 1}, {"lead_id": LEAD}]]
)
def test_where_the_lead_stands(own, context):
    """The lead is named in any object of the context, or one level below."""
    named = rank(own, contextFeatures=context).json()["eventId"]
    assert own.get(f"/v1/decisions/{named}").json()["lead_id"] == LEAD


@pytest.mark.parametrize(
    "context",
    [[], None, [{"user": "x"}], [{"lead_id": 7}], [{"lead_id": ""}], ["x"]],
)
def test_no_lead(own, context):
    """Without a lead no offer can be decided on, and it says how to name one."""
    error = is_error(rank(own, contextFeatures=context), 400)
    assert targets(error) == ["/body/contextFeatures"]
    assert "lead_id" in error["message"]


def test_mixed_actions(own):
    """The ladder's limits hold for offers: those that are none beside them are pointed at."""
    actions = [{"id": one} for one in ("news", ACTIONS[0], "sport", "nurture")]
    error = is_error(rank(own, actions=actions, excludedActions=["news"]), 400)
    assert targets(error) == ["/body/actions/0/id", "/body/actions/2/id"]
    error = is_error(rank(own, actions=[{"id": "no_ask"}, {"id": "news"}]), 400)
    assert targets(error) == ["/body/actions/1/id"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"actions": []}, "/body/actions"),
        ({"actions": [{"id": f"a{at}"} for at in range(51)]}, "/body/actions"),
        ({"actions": [{"id": "news"}] * 2}, "/body/actions"),
        ({"actions": [{"features": []}]}, "/body/actions/0/id"),
        ({"eventId": "x" * 257}, "/body/eventId"),
        ({"actions": [{"id": "news"}], "excludedActions": ["news"]}, "/body/actions"),
        ({"actions": [{"id": "news"}, {"id": "a"}, {"id": "news"}]}, "/body/actions"),
    ],
)
def test_bad_rank(own, changes, pointer):
    """A mistake in a body is pointed at."""
    assert targets(is_error(rank(own, **changes), 400)) == [pointer]


def test_unknown(own, bare):
    """An event that is not there is 404; other bodies and versions are refused."""
    is_error(reward(own, "nothing", 1), 404)
    is_error(activate(own, "nothing"), 404)
    is_error(reward(own, "nothing", 2), 400)
    is_error(reward(own, "nothing", -0.5), 400)
    is_error(own.post(f"{PREFIX}/rank", content=b"{}"), 415, "415")
    is_error(own.post("/personalizer/v2.0/rank", json={}), 400)
    is_error(own.put(f"{PREFIX}/configurations/service", json={}), 405, "405")
    is_error(own.get(f"{PREFIX}/evaluations"), 404)
    # What is no offer needs no model.
    assert rank(bare, actions=[{"id": "news"}]).status_code == 201


@pytest.mark.parametrize("beside", [[], ["no_ask"], ["nurture"]])
def test_offers_are_not_handed_out_without_a_model(bare, beside):
    """What is of the ladder needs what keeps to its limits, also where it has just been started."""
    actions = [{"id": one} for one in (*ACTIONS, *beside)]
    assert "no model" in is_error(rank(bare, actions=actions), 503, "503")["message"].lower()
    slots = [{"id": "top", "baselineAction": ACTIONS[0]}]
    body = {"actions": actions, "slots": slots}
    error = is_error(bare.post(f"{PREFIX}/multislot/rank", json=body), 400)
    assert targets(error) == ["/body/actions"]


def test_an_offer_that_was_added_is_one_without_a_model_too(start, folder, tmp_path):
    """Whoever starts anew and finds no model knows from the store what was added to the ladder."""
    url = world.filled(tmp_path, world.climber(LEAD, world.now(), 1))
    table = {"step": "value", "title": "One more", "kind": "template", "effort": {"minutes": 3}}
    with start(url, folder / "rates") as client:
        assert client.put("/v1/offers/one-more", json={"offer": table}).status_code == 200
    with start(url, folder / "nothing", wait=False) as client:
        is_error(rank(client, actions=[{"id": "one-more"}, {"id": "no_ask"}]), 503, "503")
        assert rank(client, actions=[{"id": "one-less"}]).status_code == 201


def test_other_members_are_ignored(own):
    """Members that Personalizer's clients may send and we do not read do no harm."""
    assert rank(own, useBaseline=True, excludedActions=None, eventId=None).status_code == 201


JUNK = ["null", " Undefined ", "[object Object]", "  ", "'null'", "{{ user.id }}"]
NO_IDS = ["a\nb", "a\0b", "x" * 257, "x" * 1000]


@pytest.mark.parametrize("lead", [*JUNK, *NO_IDS])
def test_no_lead_begins_under_an_id_of_nobody(own, lead):
    """What the doors for events refuse is refused where it stands, and nothing is kept of it."""
    error = is_error(rank(own, contextFeatures=[7, {"user": {"lead_id": lead}}]), 400)
    assert targets(error) == ["/body/contextFeatures/1/user/lead_id"]
    assert not service_of(own).store.events_of(lead.replace("\0", ""))
    beside = rank(own, eventId="beside", contextFeatures=[{"lead_id": "null"}, {"lead_id": LEAD}])
    assert beside.status_code == 201
    assert own.get("/v1/decisions/beside").json()["lead_id"] == LEAD


@pytest.mark.parametrize("event_id", ["a\nb", "\n", " ", "a\x7f", "x" * 257])
def test_ids_of_events_that_no_address_holds(own, event_id):
    """An event that nobody could reward or activate is not begun, of offers nor of own actions."""
    for answer in (rank(own, eventId=event_id), rank_news(own, event_id)):
        assert targets(is_error(answer, 400)) == ["/body/eventId"]


# ---------------------------------------------------------------------- Actions of the caller's own

NEWS = [
    {"id": "sport", "features": [{"topic": "sport", "length": 3}]},
    {"id": "money", "features": [{"topic": "money", "length": 9}]},
    {"id": "art", "features": [{"topic": "art"}]},
]


def rank_news(client, event_id=None, lead=None, **changes):
    context = [{"time": "noon"}, *([{"user": {"lead_id": lead}}] if lead else [])]
    body = {"contextFeatures": context, "actions": NEWS, "eventId": event_id, **changes}
    return client.post(f"{PREFIX}/rank", json=body)


def test_own_actions(own):
    """Anybody's actions are chosen among, evenly while nothing is known; nobody has to be named."""
    body = rank_news(own, "own-1").json()
    assert [one["probability"] for one in body["ranking"]] == pytest.approx([1 / 3] * 3)
    assert {one["id"] for one in body["ranking"]} == {"sport", "money", "art"}
    assert body["rewardActionId"] in {"sport", "money", "art"}
    assert rank_news(own, "own-1").json() == body
    is_error(rank_news(own, "own-1", actions=NEWS[:2]), 409, "OperationNotAllowed")
    assert reward(own, "own-1", -1).status_code == 204
    assert activate(own, "own-1").status_code == 204
    assert own.get("/v1/decisions/own-1").status_code == 404


def test_an_event_is_about_one_kind_of_actions(own):
    """Its reward goes to what was ranked under it, whichever kind that was."""
    assert rank_news(own, "news-1").status_code == 201
    is_error(rank(own, eventId="news-1"), 409, "OperationNotAllowed")
    assert own.get("/v1/decisions/news-1").status_code == 404
    assert rank(own, eventId="offers-1").status_code == 201
    is_error(rank_news(own, "offers-1"), 409, "OperationNotAllowed")
    slots = {"slots": [{"id": "top", "baselineAction": "sport"}], "eventId": "offers-1"}
    several = own.post(f"{PREFIX}/multislot/rank", json={"actions": NEWS, **slots})
    is_error(several, 409, "OperationNotAllowed")
    assert reward(own, "offers-1", 0.5).status_code == 204
    assert own.get("/v1/decisions/offers-1").json()["outcome"]["value"] == 0.5
    assert rank(own, eventId="offers-1").status_code == 201
    assert rank_news(own, "news-1").status_code == 201


def test_own_actions_of_who_opted_out(own):
    """The caller's own choice stands, nothing is kept of the lead, and a reward is taken."""
    service = service_of(own)
    service.scorer.privacy.opt_out([LEAD], world.now())
    body = rank_news(own, "out-1", LEAD, excludedActions=["sport"]).json()
    assert body["rewardActionId"] == "money"
    assert {one["id"]: one["probability"] for one in body["ranking"]} == {
        "money": 1.0,
        "sport": 0.0,
        "art": 0.0,
    }
    assert reward(own, "out-1", 1).status_code == 204
    assert service.ranker.due() == []
    assert rank_news(own, "out-2", "stranger").status_code == 201
    held = own.get("/v1/leads/stranger/export").json()
    assert [one["event_id"] for one in held["ranks"]] == ["out-2"]
    assert "time=noon" in held["ranks"][0]["situation"]


@pytest.mark.parametrize("lead", JUNK)
def test_own_actions_of_nobody(own, lead):
    """An id of nobody names nobody: strangers are no lead together."""
    assert rank_news(own, "junk", lead).status_code == 201
    (kept,) = service_of(own).ranker._ranks.of("", "junk")
    assert kept.lead_id is None


@pytest.mark.parametrize("lead", NO_IDS)
def test_own_actions_of_an_id_that_is_none(own, lead):
    """What can be no lead's id is refused where it stands, with slots and without."""
    error = is_error(rank_news(own, lead=lead), 400)
    assert targets(error) == ["/body/contextFeatures/1/user/lead_id"]
    error = is_error(rank_slots(own, None, contextFeatures=[{"lead_id": lead}]), 400)
    assert targets(error) == ["/body/contextFeatures/0/lead_id"]


SLOTS: list[dict[str, Any]] = [
    {
        "id": "top",
        "features": [{"size": "large"}],
        "excludedActions": ["art"],
        "baselineAction": "sport",
    },
    {"id": "side", "features": [{"size": "small"}], "baselineAction": "money"},
]


def rank_slots(client, event_id, **changes):
    body = {"contextFeatures": [], "actions": NEWS, "slots": SLOTS, "eventId": event_id, **changes}
    return client.post("/personalizer/v1.1-preview.3/multislot/rank", json=body)


def reward_slots(client, event_id, **values):
    told = {"reward": [{"slotId": slot, "value": value} for slot, value in values.items()]}
    return client.post(
        f"/personalizer/v1.1-preview.1/multislot/events/{event_id}/reward", json=told
    )


def test_slots(own):
    """Each slot has an action of those that it may show, none twice; each has its own reward."""
    for at in range(30):
        answer = rank_slots(own, f"slots-{at}")
        assert answer.status_code == 201
        body = answer.json()
        assert [one["id"] for one in body["slots"]] == ["top", "side"]
        chosen = [one["rewardActionId"] for one in body["slots"]]
        assert len(set(chosen)) == 2
        assert chosen[0] != "art"
    assert rank_slots(own, "slots-0").json()["eventId"] == "slots-0"
    assert reward_slots(own, "slots-0", top=0.5).status_code == 204
    assert reward_slots(own, "slots-0", top=1, side=0).status_code == 204
    is_error(reward_slots(own, "slots-0", bottom=1), 404)
    is_error(reward_slots(own, "slots-none", top=1), 404)
    event = service_of(own).ranker._ranks.of("", "slots-0")
    assert [one.reward for one in event] == [0.5, 0.0]
    path = "/personalizer/v1.1-preview.1/multislot/events/slots-0/activate"
    assert own.post(path).status_code == 204


def test_slots_that_will_not_do(own):
    """Too few actions for the slots, slots of one id, and offers of the ladder are refused."""
    is_error(rank_slots(own, None, actions=NEWS[:1]), 400)
    twice = is_error(rank_slots(own, None, slots=[SLOTS[0], SLOTS[0]]), 400)
    assert targets(twice) == ["/body/slots"]
    is_error(rank_slots(own, None, actions=[{"id": one} for one in ACTIONS]), 400)


@pytest.mark.parametrize("baseline", ["nothing", "Sport", "side"])
def test_a_baseline_that_was_not_sent(own, baseline):
    """What a slot is to show without advice is one of the actions."""
    slots = [SLOTS[0], {**SLOTS[1], "baselineAction": baseline}]
    error = is_error(rank_slots(own, None, slots=slots), 400)
    assert targets(error) == ["/body/slots/1/baselineAction"]


def test_slots_of_who_opted_out(own):
    """What the caller would show in each slot is shown."""
    service_of(own).scorer.privacy.opt_out([LEAD], world.now())
    slots = [{**SLOTS[0], "baselineAction": "money"}, {**SLOTS[1], "baselineAction": "art"}]
    body = rank_slots(own, None, contextFeatures=[{"lead_id": LEAD}], slots=slots).json()
    assert [one["rewardActionId"] for one in body["slots"]] == ["money", "art"]


def test_how_it_is_learned(own):
    """The configuration is told as Personalizer's clients read it."""
    body = own.get(f"{PREFIX}/configurations/service").json()
    assert (body["rewardWaitTime"], body["defaultReward"]) == ("PT10M", 0.0)
