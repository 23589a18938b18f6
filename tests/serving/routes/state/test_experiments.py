"""Experiments over HTTP: begun, leads put into arms and kept there, ended, and what they showed."""

from __future__ import annotations

import json
import shutil
from collections import Counter

import pytest

import rung
from features.errors import UnknownLead
from features.ladder.file import read_ladder
from features.offers.assignments import assignment_of
from serving.recommending.experiments import (
    AssignmentAnswer,
    ExperimentAnswer,
    ExperimentWithReport,
)
from serving.recommending.experiments import assign as put_into_arm
from tests.serving.conftest import service_of
from tests.serving.shapes import check_shape, is_problem

B2B = read_ladder("b2b")
STEP = B2B.steps[1].id
OFFERS = [offer.id for offer in B2B.offers_of(STEP)]
TOOLS = {
    "id": "tools",
    "kind": "offer",
    "step": STEP,
    "control": "a",
    "title": "Two tools",
    "arms": [
        {"id": "a", "share": 0.5, "offers": [OFFERS[0]]},
        {"id": "b", "share": 0.5, "offers": [OFFERS[1]]},
    ],
}
ORDER = {
    "id": "order",
    "kind": "ladder",
    "control": "education",
    "arms": [{"id": "education", "share": 0.5}, {"id": "assessment", "share": 0.5}],
}


@pytest.fixture
def own(start, url, folder, tmp_path):
    """A service whose store and bundle nobody else writes into."""
    bundle = shutil.copytree(folder / "fitted", tmp_path / "bundle")
    with start(url, bundle) as client:
        yield client


def assign(client, experiment: str, lead: str):
    return client.post(f"/v1/experiments/{experiment}/assignments", json={"lead_id": lead})


def track(client, **call: object) -> None:
    answer = client.post("/v1/track", json={"messageId": json.dumps(call), **call})
    assert answer.status_code == 200, answer.text


def test_begun_listed_ended_and_put_away(own):
    begun = own.post("/v1/experiments", json=TOOLS)
    assert begun.status_code == 201
    check_shape(ExperimentWithReport, begun.json())
    assert (begun.json()["state"], begun.json()["report"]) == ("running", None)
    again = is_problem(own.post("/v1/experiments", json=TOOLS), 409)
    assert "there is or was an experiment 'tools'" in again["detail"]
    (listed,) = own.get("/v1/experiments").json()["data"]
    check_shape(ExperimentAnswer, listed)
    assert listed["is_ours"]
    is_problem(own.post("/v1/experiments/tools/archive"), 409)
    ended = own.post("/v1/experiments/tools/stop", json={"verdict": "b is better"}).json()
    assert (ended["state"], ended["verdict"]) == ("stopped", "b is better")
    is_problem(own.post("/v1/experiments/tools/stop", json={}), 409)
    assert own.post("/v1/experiments/tools/archive").json()["state"] == "archived"
    assert own.get("/v1/experiments").json()["data"] == []
    assert own.get("/v1/experiments/tools").json()["verdict"] == "b is better"
    is_problem(own.get("/v1/experiments/tool"), 404)


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"step": "trail"}, 422, "did you mean 'trial'"),
        ({"arms": TOOLS["arms"][:1]}, 422, "arms"),
        ({"control": "c"}, 422, "no arm of it"),
        ({"kind": "colour"}, 422, "kind"),
        ({"arms": [{"id": "a", "share": 0.5}, {"id": "b", "share": 0.6}]}, 422, "sum to 1.1"),
        ({"colour": "red"}, 422, "colour"),
    ],
)
def test_what_cannot_be_tried(own, change, status, said):
    assert said in json.dumps(is_problem(own.post("/v1/experiments", json=TOOLS | change), status))


def test_an_offer_is_in_one_experiment_at_a_time(own):
    assert own.post("/v1/experiments", json=TOOLS).status_code == 201
    other = is_problem(own.post("/v1/experiments", json=TOOLS | {"id": "others"}), 409)
    assert "has the offer" in other["detail"]


def test_the_arm_of_a_lead_is_for_good(own):
    """Whoever asks, by whatever id, before and after the lead says who it is."""
    own.post("/v1/experiments", json=ORDER)
    first = assign(own, "order", "visitor-7")
    assert first.status_code == 200
    check_shape(AssignmentAnswer, first.json())
    assert first.json()["is_new"]
    again = assign(own, "order", "visitor-7").json()
    assert again == first.json() | {"is_new": False}
    own.post("/v1/identify", json={"userId": "u-7", "anonymousId": "visitor-7", "messageId": "m"})
    known = assign(own, "order", "u-7").json()
    assert (known["arm"], known["is_new"]) == (first.json()["arm"], False)
    assert known["assigned_at"] == first.json()["assigned_at"]
    own.post("/v1/experiments/order/stop", json={})
    assert assign(own, "order", "u-7").json()["arm"] == first.json()["arm"]
    over = is_problem(assign(own, "order", "visitor-8"), 409)
    assert "nobody is put into it any more" in over["detail"]


def test_arms_have_the_leads_of_the_lot(own):
    own.post("/v1/experiments", json=ORDER)
    got = Counter(assign(own, "order", f"visitor-{at}").json()["arm"] for at in range(120))
    assert sum(got.values()) == 120
    assert min(got.values()) > 35


def test_who_opted_out_is_not_tried_on(own):
    own.post("/v1/experiments", json=ORDER)
    lead = own.get("/v1/queue").json()["data"][0]["lead_id"]
    own.post(f"/v1/leads/{lead}/opt-out", json={"reason": "x"})
    is_problem(assign(own, "order", lead), 409)


def test_of_two_callers_at_once_the_first_one_s_instant_counts(own, monkeypatch):
    """Both looked before either wrote: the second is told what the first has stored."""
    own.post("/v1/experiments", json=ORDER)
    store = service_of(own).store
    first: list[dict[str, object]] = []
    write = store.append_new

    def after_another(events, **more):
        monkeypatch.setattr(store, "append_new", write)
        first.append(assign(own, "order", "new").json())
        return write(events, **more)

    monkeypatch.setattr(store, "append_new", after_another)
    second = assign(own, "order", "new").json()
    assert first[0]["is_new"]
    assert second == {**first[0], "is_new": False}


def test_who_was_erased_for_good_is_put_into_no_arm(own):
    own.post("/v1/experiments", json=ORDER)
    service = service_of(own)
    lead = own.get("/v1/queue").json()["data"][0]["lead_id"]
    service.scorer.privacy.erase(lead, service.clock(), is_suppressed=True)
    is_problem(assign(own, "order", lead), 409)
    assert not service.store.events_of(lead)


@pytest.mark.parametrize(
    ("lead", "code"),
    [
        *(("null", "junk_id"), ("undefined", "junk_id"), ("[object Object]", "junk_id")),
        *(('"NULL"', "junk_id"), ("<%= id %>", "junk_id"), ("a\nb", "invalid_id")),
        *(("  ", "invalid_id"), ("a\0b", "invalid_id"), ("x" * 1000, "string_too_long")),
    ],
)
def test_nobody_is_put_into_no_arm(own, lead, code):
    """No lead begins under an id that the doors for events refuse."""
    own.post("/v1/experiments", json=ORDER)
    (fault,) = is_problem(assign(own, "order", lead), 422)["errors"]
    assert (fault["pointer"], fault["code"]) == ("/body/lead_id", code)
    service = service_of(own)
    if "\0" not in lead:
        assert not service.store.events_of(lead)
    with pytest.raises(UnknownLead, match="can be the id of no lead"):
        put_into_arm(
            service.store, service.scorer.privacy, service.ladder, "order", lead, service.clock()
        )


def test_a_verdict_is_one_line(own):
    own.post("/v1/experiments", json=ORDER)
    is_problem(own.post("/v1/experiments/order/stop", json={"verdict": "red\x1b[31m"}), 422)
    assert own.get("/v1/experiments/order").json()["state"] == "running"


def test_an_offer_that_was_retired_meanwhile_stays_so(own):
    """To roll out another one pauses what is extended, and brings nothing back."""
    own.post("/v1/experiments", json=TOOLS)
    service = service_of(own)
    at = service.clock()
    service.store.offers.set_status(
        service.ladder, OFFERS[0], "retired", from_at=at, now=at, by="ann"
    )
    assert own.post("/v1/experiments/tools/stop", json={"roll_out": "b"}).is_success
    statuses = [one.status for one in service.store.offers.versions("b2b", OFFERS[0])]
    assert statuses == ["retired"]


def recommended(client, lead: str):
    body = {"lead_id": lead, "defer_exposure": True}
    return client.post("/v1/recommendations", json=body).json()


def test_leads_get_what_their_arm_has(own):
    """Put in when they come to the step, before anything is drawn; offered nothing of others."""
    own.post("/v1/experiments", json=TOOLS)
    store = service_of(own).store
    found: Counter[str] = Counter()
    for at in range(40):
        lead = f"new-{at}"
        track(own, anonymousId=lead, event="content_read", properties={"seconds": 400})
        answer = recommended(own, lead)
        assert answer["step"]["id"] == STEP, answer
        rows = [row for row in store.events_of(lead) if row[0] == "rung_assignment"]
        (told,) = [assignment_of(row[3]) for row in rows]
        assert told is not None
        found[told.arm] += 1
        in_arm = [{"experiment": "tools", "arm": told.arm}]
        assert answer["experiments"] == in_arm
        mine, other = OFFERS[:2] if told.arm == "a" else OFFERS[1::-1]
        reasons = {one["offer_id"]: one["reason"] for one in answer["excluded"]}
        assert reasons[other] == "other_arm"
        assert reasons.get(mine) != "other_arm"
        assert other not in [one["offer_id"] for one in answer["ranking"]]
        assert sum(one["propensity"] for one in answer["ranking"]) == pytest.approx(1.0)
        page = own.get(f"/v1/leads/{lead}/score").json()
        assert page["lead_id"] == lead
    assert min(found["a"], found["b"]) >= 10
    own.post("/v1/experiments/tools/stop", json={"roll_out": "b"})
    assert recommended(own, lead)["experiments"] == []
    kept = own.get(f"/v1/decisions/{answer['decision_id']}").json()
    assert kept["experiments"] == in_arm
    paused = own.get(f"/v1/offers/{OFFERS[0]}").json()
    assert paused["status"] == "paused"
    assert own.get(f"/v1/offers/{OFFERS[1]}").json()["status"] == "active"


def test_policies_by_lot(own):
    """Who is in an arm without asks is left alone; another policy draws for the rest."""
    arms = [
        {"id": "calm", "share": 0.5, "policy": "no_ask"},
        {"id": "dice", "share": 0.5, "policy": "uniform"},
    ]
    worth = {"id": "worth", "kind": "policy", "control": "calm", "arms": arms}
    assert own.post("/v1/experiments", json=worth).status_code == 201
    seen: Counter[str] = Counter()
    for at in range(30):
        lead = f"new-{at}"
        track(own, anonymousId=lead, event="content_read", properties={"seconds": 400})
        answer = recommended(own, lead)
        arm = assign(own, "worth", lead).json()["arm"]
        seen[arm] += 1
        reasons = {one["reason"] for one in answer["excluded"]}
        assert ("left_alone" in reasons) == (arm == "calm")
        if arm == "calm":
            assert answer["offer"]["id"] == "no_ask"
            assert "so that the difference it makes is known" in answer["text"]
        else:
            assert answer["policy"]["name"] == "uniform"
    assert min(seen.values()) >= 5


def test_factors_by_lot(own):
    """Arms lack one factor of what serves, and decisions are kept with their own probabilities."""
    arms = [
        {"id": "whole", "share": 0.4},
        {"id": "clicks", "share": 0.3, "policy": "careful:no_value"},
        {"id": "sure", "share": 0.3, "policy": "careful:no_exploration"},
    ]
    factors = {"id": "factors", "kind": "policy", "control": "whole", "arms": arms}
    wrong = [*arms[:2], arms[2] | {"policy": "uniform:no_value"}]
    refused = own.post("/v1/experiments", json=factors | {"arms": wrong})
    assert refused.status_code == 422
    assert "no policy 'uniform:no_value'" in refused.json()["detail"]
    assert own.post("/v1/experiments", json=factors).status_code == 201
    named = {"whole": "careful"} | {one["id"]: one["policy"] for one in arms[1:]}
    seen: Counter[str] = Counter()
    for at in range(40):
        lead = f"new-{at}"
        track(own, anonymousId=lead, event="content_read", properties={"seconds": 400})
        answer = recommended(own, lead)
        arm = assign(own, "factors", lead).json()["arm"]
        seen[arm] += 1
        assert answer["policy"]["name"] == named[arm]
        assert sum(one["propensity"] for one in answer["ranking"]) == pytest.approx(1.0)
        kept = own.get(f"/v1/decisions/{answer['decision_id']}").json()
        assert kept["ranking"] == answer["ranking"]
        assert (answer["probability_chosen"] == 1.0) == (arm == "sure")
    assert min(seen.values()) >= 5


def test_what_it_has_shown(own, capsys):
    """As `rung experiment judge` found it in the store."""
    own.post("/v1/experiments", json=ORDER)
    for at in range(20):
        assign(own, "order", f"visitor-{at}")
    service = service_of(own)
    url, bundle = service.settings.database_url, str(service.settings.bundle)
    capsys.readouterr()
    assert rung.main(["experiment", "judge", url, "--bundle", bundle, "--json"]) == 0
    (printed,) = json.loads(capsys.readouterr().out)
    told = own.get("/v1/experiments/order").json()
    check_shape(ExperimentWithReport, told)
    assert told["report"] == printed
    assert printed["leads"] == 20
    assert "no lead's time is over" in printed["says"]
