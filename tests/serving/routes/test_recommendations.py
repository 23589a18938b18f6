"""The routes of recommendations: what is answered, what is refused, and what is pointed at."""

from __future__ import annotations

import json
import shutil
from urllib.parse import quote

import pytest

from features.clock import rfc3339
from features.events.log import DAY_US
from features.ladder.file import read_ladder
from models.bundle import load_bundle
from models.served_policy import write_served
from serving.recommending.answers import (
    DecisionAnswer,
    ExposureAnswer,
    OutcomeAnswer,
    RecommendationAnswer,
)
from serving.routes import decision_schemas as schemas
from tests.gates import policy_gate
from tests.serving import world
from tests.serving.conftest import service_of
from tests.serving.shapes import check_shape, is_problem

OFFERS = [offer.id for offer in read_ladder("b2b").offers]


@pytest.fixture
def own(start, url, folder):
    """A service whose store nobody else writes into."""
    with start(url, folder / "fitted") as client:
        yield client


def recommend(client, lead_id="lead-0001", **more):
    return client.post("/v1/recommendations", json={"lead_id": lead_id, **more})


def act(client, decision_id, what, **body):
    address = f"/v1/decisions/{quote(decision_id, safe='')}/{what}"
    return client.post(address, json=body) if body else client.post(address)


def deferred(client, lead_id, offer_id):
    """The id of a deferred decision for an offer."""
    for _ in range(100):
        answer = recommend(client, lead_id, candidate_offers=[offer_id], defer_exposure=True).json()
        if answer["offer"]["id"] == offer_id:
            return answer["decision_id"]
    raise AssertionError(f"{offer_id} was never drawn")


# --------------------------------------------------------------------------------- What is answered


@pytest.mark.parametrize("lead", ["lead-0001", "lead-0002", "customer", "dormant", world.HOSTILE])
def test_answer_is_as_described(own, lead):
    """A recommendation has the members that the schema lists, and no others, to the bottom."""
    answer = recommend(own, lead)
    assert answer.status_code == 200
    body = answer.json()
    check_shape(RecommendationAnswer, body)
    ranked = [one["offer_id"] for one in body["ranking"]]
    left_out = [one["offer_id"] for one in body["excluded"]]
    assert sorted([*ranked, *left_out]) == sorted([*OFFERS, "no_ask", "nurture"])


def test_a_limit_at_the_exposure(own):
    """A deferred ask that would come too soon after another is a 409 with the queue's reason."""
    service_of(own).store.append_events(world.climber("eager", world.now(), 1))
    first = deferred(own, "eager", "bottleneck-template")
    second = deferred(own, "eager", "handover-checklist")
    shown = act(own, first, "exposure")
    assert shown.status_code == 200
    problem = is_problem(act(own, second, "exposure"), 409)
    assert problem["type"] == "urn:problem-type:rung:limit-reached"
    told = {one["offer_id"]: one for one in recommend(own, "eager").json()["excluded"]}
    assert problem["reason"] == told["handover-checklist"]["reason"] == "cool_down"
    assert problem["text"].startswith("the last offer was extended")
    assert problem["text"] in problem["detail"]
    answer = own.post(f"/personalizer/v1.0/events/{second}/activate")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "OperationNotAllowed")
    assert act(own, first, "exposure").json() == shown.json()


def test_life_of_a_decision(own):
    """Decided, shown, answered: each step once, and the decision tells all of it."""
    body = recommend(own, decision_id="campaign 7/ä", defer_exposure=True).json()
    named = body["decision_id"]
    assert named == "campaign 7/ä"
    again = recommend(own, decision_id=named, defer_exposure=True)
    assert again.json() == body
    shown = act(own, named, "exposure")
    check_shape(ExposureAnswer, shown.json())
    assert act(own, named, "exposure").json() == shown.json()
    came = act(own, named, "outcome", value=0.5, kind="reply")
    check_shape(OutcomeAnswer, came.json())
    assert came.json() == act(own, named, "outcome", value=0.5, kind="reply").json()
    told = own.get(f"/v1/decisions/{quote(named, safe='')}").json()
    check_shape(DecisionAnswer, told)
    assert told["exposed_at"] == shown.json()["exposed_at"]
    assert told["outcome"]["value"] == 0.5
    assert {**told, "exposed": False}.items() >= body.items()


def test_late(own):
    """An outcome after the window is an answer like any other, and flagged."""
    body = recommend(own, "customer").json()
    store = service_of(own).store
    then = world.now() - 400 * DAY_US
    service_of(own).recommender.clock = lambda: then + 30 * DAY_US
    store.append_events([world.event("early", "page_viewed", then)])
    old = service_of(own).recommender.recommend("early", decision_id="old")
    service_of(own).recommender.clock = world.now
    late = act(own, old["decision_id"], "outcome", value=1).json()
    assert late["late"] is True
    assert act(own, body["decision_id"], "outcome", value=1).json()["late"] is False


def test_batch(own):
    """A batch gives each lead a decision of its own, in order, and says who is not there."""
    leads = ["lead-0001", "nobody", "customer", "lead-0001", world.HOSTILE]
    answer = own.post("/v1/recommendations:batch", json={"lead_ids": leads, "channel": "email"})
    body = answer.json()
    schemas.RecommendationsAnswer.model_validate(body)
    results = body["results"]
    assert [one["lead_id"] for one in results] == leads
    assert [one["status"] for one in results] == ["ok", "not_found", "ok", "ok", "ok"]
    ids = {one["decision_id"] for one in results if one["status"] == "ok"}
    assert len(ids) == 4
    for one in ids:
        assert own.get(f"/v1/decisions/{one}").status_code == 200


def test_asked_again_by_a_key(own):
    """One decision is made, with quotes or without; with another key another one."""

    def asked(key, path="", **body):
        named = {"Idempotency-Key": key} if key else {}
        return own.post(f"/v1/recommendations{path}", json=body, headers=named)

    first = asked('"8f0c-\\"17"', lead_id="lead-0001").json()
    assert asked('8f0c-"17', lead_id="lead-0001", exclude=OFFERS).json() == first
    assert own.get(f"/v1/decisions/{first['decision_id']}").json()["lead_id"] == "lead-0001"
    (error,) = is_problem(asked('8f0c-"17', lead_id="lead-0002"), 422)["errors"]
    assert (error["pointer"], error["code"]) == ("/header/Idempotency-Key", "used")
    assert first["decision_id"] not in error["detail"]
    own_id = first["decision_id"]
    assert is_problem(asked("x", lead_id="lead-0002", decision_id=own_id), 409)
    others = [asked(key, lead_id="lead-0001").json() for key in ("8f0c-18", "", "")]
    assert len({first["decision_id"], *(one["decision_id"] for one in others)}) == 4
    named = asked("8f0c-19", lead_id="lead-0001", decision_id="mine").json()
    assert named["decision_id"] == "mine"
    ids = ["lead-0001", "nobody", "lead-0002", "lead-0001"]
    many = [asked("many", ":batch", lead_ids=ids).json()["results"] for _ in range(2)]
    assert many[0] == many[1]
    assert len({one.get("decision_id") for one in many[0]}) == 4


@pytest.mark.parametrize("key", ["", '""', "é", "x" * 256, '"', '"a"b"', "a\tb"])
def test_a_key_that_will_not_do(own, key):
    """What is no text that can be sent again is told as that, and nothing is decided."""
    headers = {"Idempotency-Key": key.encode("latin-1")}
    answer = own.post("/v1/recommendations", json={"lead_id": "lead-0001"}, headers=headers)
    assert is_problem(answer, 422)
    (error,) = answer.json()["errors"]
    assert "1 to 255 characters" in error["detail"]
    twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    answer = own.post("/v1/recommendations", json={"lead_id": "lead-0001"}, headers=twice)
    assert answer.status_code == 422


def test_batch_limit(own):
    """Two hundred leads fit in a batch, one more does not."""
    path = "/v1/recommendations:batch"
    assert len(own.post(path, json={"lead_ids": ["nobody"] * 200}).json()["results"]) == 200
    body = is_problem(own.post(path, json={"lead_ids": ["nobody"] * 201}), 422)
    assert body["errors"][0]["pointer"] == "/body/lead_ids"


def test_restrictions_are_passed_on(own):
    """Channel, candidates and exclusions reach the decision."""
    body = recommend(
        own, "lead-0001", candidate_offers=OFFERS[:6], exclude=OFFERS[:1], channel="carrier pigeon"
    ).json()
    reasons = {one["offer_id"]: one["reason"] for one in body["excluded"]}
    assert reasons[OFFERS[0]] == "excluded_by_caller"
    assert reasons[OFFERS[6]] == "not_a_candidate"
    assert set(reasons) == set(OFFERS)


def test_restart(start, url, folder):
    """Decisions and what became of them are there after a restart."""
    with start(url, folder / "fitted") as client:
        body = recommend(client, decision_id="kept").json()
        act(client, "kept", "outcome", value=1)
        told = client.get("/v1/decisions/kept").json()
    with start(url, folder / "fitted") as client:
        assert client.get("/v1/decisions/kept").json() == told
        assert recommend(client, decision_id="kept").json() == body
        assert act(client, "kept", "outcome", value=1).status_code == 200


# ---------------------------------------------------------------------------------- What is refused


def test_unknown(own):
    """A lead and a decision that are not there are told apart."""
    lead = is_problem(recommend(own, "nobody"), 404)
    assert lead["type"].endswith(":unknown-lead")
    for answer in (
        own.get("/v1/decisions/nothing"),
        act(own, "nothing", "exposure"),
        act(own, "nothing", "outcome", value=1),
    ):
        body = is_problem(answer, 404)
        assert body["type"].endswith(":unknown-decision")
        assert "'nothing'" in body["detail"]


def test_conflicts(own):
    """A taken id and a second outcome are conflicts, and change nothing."""
    recommend(own, decision_id="taken")
    body = is_problem(recommend(own, "lead-0002", decision_id="taken"), 409)
    assert body["type"].endswith(":decision-conflict")
    act(own, "taken", "outcome", value=1)
    assert "outcome 1 already" in is_problem(act(own, "taken", "outcome", value=0), 409)["detail"]
    assert own.get("/v1/decisions/taken").json()["outcome"]["value"] == 1


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"exclude": ["live-qu"]}, ["/body/exclude/0"]),
        (
            {"candidate_offers": ["live-qa", "x"], "exclude": ["y", "live-qa", "z"]},
            ["/body/candidate_offers/1", "/body/exclude/0", "/body/exclude/2"],
        ),
        ({"candidate_offers": ["nurture"]}, ["/body/candidate_offers/0"]),
    ],
)
def test_unknown_offers(own, body, pointers):
    """Each offer that the ladder does not have is pointed at."""
    found = is_problem(recommend(own, **body), 422)["errors"]
    assert [error["pointer"] for error in found] == pointers
    assert {error["code"] for error in found} == {"unknown_offer"}
    batch = own.post("/v1/recommendations:batch", json={"lead_ids": ["lead-0001"], **body})
    assert [error["pointer"] for error in is_problem(batch, 422)["errors"]] == pointers
    hint = is_problem(recommend(own, exclude=["live-qu"]), 422)["errors"][0]["detail"]
    assert "did you mean 'live-qa'" in hint


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("recommendations", {}, "/body/lead_id"),
        ("recommendations", {"lead_id": ""}, "/body/lead_id"),
        ("recommendations", {"lead_id": 7}, "/body/lead_id"),
        ("recommendations", {"lead_id": "a\0"}, "/body/lead_id"),
        ("recommendations", {"lead_id": "a", "decision_id": ""}, "/body/decision_id"),
        ("recommendations", {"lead_id": "a", "decision_id": "x" * 257}, "/body/decision_id"),
        ("recommendations", {"lead_id": "a", "decision_id": "\0"}, "/body/decision_id"),
        ("recommendations", {"lead_id": "a", "decision_id": "a\nb"}, "/body/decision_id"),
        ("recommendations", {"lead_id": "a", "decision_id": "\n"}, "/body/decision_id"),
        ("recommendations", {"lead_id": "a", "decision_id": " "}, "/body/decision_id"),
        ("recommendations", {"lead_id": "a", "chanel": "email"}, "/body/chanel"),
        ("recommendations", {"lead_id": "a", "exclude": "x"}, "/body/exclude"),
        ("recommendations", {"lead_id": "a", "defer_exposure": "perhaps"}, "/body/defer_exposure"),
        ("recommendations", [], "/body"),
        ("recommendations:batch", {"lead_ids": []}, "/body/lead_ids"),
        ("recommendations:batch", {"lead_ids": ["a"], "decision_id": "d"}, "/body/decision_id"),
        ("decisions/d/outcome", {}, "/body/value"),
        ("decisions/d/outcome", {"value": 1.5}, "/body/value"),
        ("decisions/d/outcome", {"value": -0.1}, "/body/value"),
        ("decisions/d/outcome", {"value": 1, "occurred_at": 5}, "/body/occurred_at"),
        ("decisions/d/outcome", {"value": 1, "kind": ""}, "/body/kind"),
        ("decisions/d/outcome", {"value": 1, "note": "x"}, "/body/note"),
    ],
)
def test_bad_bodies(own, path, body, pointer):
    """A mistake in a body is pointed at."""
    answer = own.post(f"/v1/{path}", json=body)
    assert [error["pointer"] for error in is_problem(answer, 422)["errors"]] == [pointer]


def test_outcome_out_of_time(own):
    """A time before the decision, and one in the future, are pointed at."""
    recommend(own, decision_id="d")
    for away in (-DAY_US, DAY_US):
        at = rfc3339(world.now() + away)
        body = is_problem(act(own, "d", "outcome", value=1, occurred_at=at), 422)
        assert body["errors"][0]["pointer"] == "/body/occurred_at"
    assert own.get("/v1/decisions/d").json()["outcome"] is None


@pytest.mark.parametrize(
    "path", ["recommendations", "recommendations:batch", "decisions/d/outcome"]
)
@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"lead_id": "\\ud83e"}', "application/json", 400),
        (b'{"value": NaN, "lead_id": 1, "lead_ids": 1}', "application/json", 400),
        (b"", "application/json", 422),
        (b"{}", "text/plain", 415),
    ],
)
def test_bodies(client, path, content, kind, status):
    """Broken JSON, half characters, no numbers and other media types are refused."""
    answer = client.post(f"/v1/{path}", content=content, headers={"Content-Type": kind})
    is_problem(answer, status)


def test_no_model(bare):
    """Without a model nothing is decided; a stored decision can still be looked at."""
    for answer in (
        recommend(bare),
        bare.post("/v1/recommendations:batch", json={"lead_ids": ["lead-0001"]}),
    ):
        assert is_problem(answer, 503)["type"].endswith(":no-model")
    is_problem(bare.get("/v1/decisions/d"), 404)


def test_nothing_is_kept_of_a_failure(own, monkeypatch):
    """Where the store fails nothing is answered, and the same id can be used again."""
    store = service_of(own).store
    with monkeypatch.context() as broken:
        broken.setattr(store, "append_new", lambda *_: 1 / 0)
        is_problem(recommend(own, decision_id="d"), 500)
    is_problem(own.get("/v1/decisions/d"), 404)
    assert recommend(own, decision_id="d").status_code == 200


# --------------------------------------------------------------------------- The policy that serves


def served_with(folder, tmp_path, policy):
    """A copy of the fitted bundle with a policy that was promoted for it."""
    copy = shutil.copytree(folder / "fitted", tmp_path / "bundle")
    write_served(copy, policy_gate(load_bundle(copy), policy))
    return copy


def test_promoted_policy(start, url, folder, tmp_path):
    """The policy that was promoted for the bundle serves."""
    with start(url, served_with(folder, tmp_path, "uniform")) as client:
        body = recommend(client).json()
        assert body["policy"]["name"] == "uniform"
        chances = {one["propensity"] for one in body["ranking"]}
        assert max(chances) == pytest.approx(min(chances))
        item = client.get("/v1/queue", params={"limit": 1}).json()["data"][0]
        assert item["suggestion"]["kind"] == "policy"


@pytest.mark.parametrize("damage", ["other bundle", "no policy", "no JSON"])
def test_unusable_policy(start, url, folder, tmp_path, caplog, damage):
    """A promoted policy that cannot be used is logged, and the rules serve."""
    copy = served_with(folder, tmp_path, "uniform")
    file = copy / "served_policy.json"
    held = json.loads(file.read_text())
    held |= {"bundle": "0"} if damage == "other bundle" else {"policy": "wisdom"}
    file.write_text("{" if damage == "no JSON" else json.dumps(held))
    with start(url, copy) as client:
        assert recommend(client).json()["policy"]["name"] == "careful"
    assert "promoted policy unusable, careful serves" in caplog.messages
