"""An erasure that suppresses: nothing comes back, every door says so, and it can be taken back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from features.clock import rfc3339
from serving.routes import lead_schemas
from serving.scoring.batch.rescoring import freshen
from tests.serving import world
from tests.serving.conftest import service_of

LEAD = "lead-0001"
NOW = rfc3339(world.now())


@pytest.fixture
def running(start, url, folder) -> Iterator[TestClient]:
    """A service whose lead has two ids, opted out, and was erased for good."""
    with start(url, folder / "fitted") as client:
        client.post("/v1/track", json=track(LEAD, anonymousId="cookie")).raise_for_status()
        client.post(f"/v1/leads/{LEAD}/opt-out", json={}).raise_for_status()
        erased = client.delete(f"/v1/leads/{LEAD}", params={"suppress": "true"})
        lead_schemas.ErasureAnswer.model_validate(erased.json())
        assert (erased.json()["suppressed"], erased.json()["subjects"]) == (True, 2)
        yield client


def track(user: str, **more: object) -> dict[str, object]:
    return {"userId": user, "event": "page_viewed", "timestamp": NOW, **more}


@pytest.mark.parametrize("id_", [LEAD, "cookie"])
def test_every_door(running, id_):
    """Each refuses by the same name; the others of a request are stored."""
    single = running.post("/v1/track", json=track(id_))
    assert single.status_code == 422
    assert [one["code"] for one in single.json()["errors"]] == ["suppressed"]
    batch = [track("carl", type="track"), track(id_, type="track", messageId="m7")]
    said = running.post("/v1/batch", json={"batch": batch}).json()
    (rejected,) = said["rejected"]
    assert (said["accepted"], rejected["index"], rejected["message_id"]) == (1, 1, "m7")
    assert (rejected["type"], id_ in rejected["detail"]) == ("suppressed", False)
    own = {"message_id": "o1", "lead_id": id_, "name": "page_viewed", "occurred_at": NOW}
    said = running.post("/v1/events", json={"events": [own]}).json()
    assert [one["type"] for one in said["rejected"]] == ["suppressed"]
    cloud = {"specversion": "1.0", "id": "c", "source": "s", "type": "page_viewed", "subject": id_}
    kind = {"Content-Type": "application/cloudevents+json"}
    assert running.post("/v1/cloudevents", json=cloud, headers=kind).status_code == 422
    of_posthog = {"event": "$pageview", "distinct_id": id_, "$set": {"role": "cto"}}
    for door in ("/capture/", "/i/v0/e/"):
        single = running.post(door, json=of_posthog)
        assert single.status_code == 422
        assert [one["code"] for one in single.json()["errors"]] == ["suppressed"]
    said = running.post("/batch/", json={"batch": [of_posthog]}).json()
    assert {one["type"] for one in said["rejected"]} == {"suppressed"}
    strict = running.post("/v1/batch", json={"batch": batch}, headers={"Prefer": "handling=strict"})
    assert strict.json()["errors"][0]["pointer"] == "/body/batch/1"
    assert 'rung_events_rejected_total{reason="suppressed"} 9.0' in running.get("/metrics").text


def test_nothing_is_known_of_them(running):
    """Neither a lead nor a score comes of what they send."""
    running.post("/v1/track", json=track(LEAD))
    running.post("/v1/track", json=track("carl", anonymousId="cookie")).raise_for_status()
    freshen(service_of(running).scorer)
    for id_ in (LEAD, "cookie"):
        assert running.get(f"/v1/leads/{id_}").status_code == 404
        assert running.get(f"/v1/leads/{id_}/timeline").status_code == 404
    assert running.get("/v1/leads/carl").json()["subjects"] == ["carl"]


@pytest.mark.parametrize("id_", [LEAD, "cookie"])
def test_they_are_left_alone_everywhere(running, id_):
    """Alone, in a batch and with events of the request they are told as who opted out is."""
    score = running.get(f"/v1/leads/{id_}/score")
    assert (score.status_code, score.json()["status"]) == (200, "opted_out")
    then = running.get(f"/v1/leads/{id_}/score", params={"as_of": NOW})
    assert then.json() == score.json()
    events = {"events": [{"name": "page_viewed", "occurred_at": "2026-01-01T00:00:00Z"}]}
    leads = [id_, {"lead_id": id_, **events}]
    batch = running.post("/v1/scores:batch", json={"leads": leads}).json()["results"]
    assert batch == [score.json(), score.json()]

    advice = running.post("/v1/recommendations", json={"lead_id": id_}).json()
    assert (advice["status"], advice["offer"]["id"]) == ("opted_out", "no_ask")
    many = running.post("/v1/recommendations:batch", json={"lead_ids": [id_]}).json()["results"]
    assert many == [advice]
    assert not service_of(running).store.events_of(id_)


@pytest.mark.parametrize("actions", [["strategy-session", "no_ask"], ["no_ask"]])
def test_they_are_ranked_no_ask(running, actions):
    """Personalizer's ranks ask nothing of them, and nothing of them is kept."""
    body = {"contextFeatures": [{"lead_id": LEAD}], "actions": [{"id": one} for one in actions]}
    answer = running.post("/personalizer/v1.0/rank", json={"eventId": "e1", **body})
    assert (answer.status_code, answer.json()["rewardActionId"]) == (201, "no_ask")
    assert running.get("/v1/decisions/e1").status_code == 404
    bare = {**body, "actions": [{"id": "strategy-session"}]}
    assert running.post("/personalizer/v1.0/rank", json=bare).status_code == 409


def test_taken_back(running):
    """The erasure of all ids is taken back by any of them; then events count again."""
    answer = running.delete("/v1/leads/cookie/suppression")
    lead_schemas.SuppressionAnswer.model_validate(answer.json())
    assert answer.json() == {"lead_id": "cookie", "suppressed": False, "subjects": 2}
    assert running.post("/v1/track", json=track(LEAD)).json()["accepted"] == 1
    assert running.delete("/v1/leads/cookie/suppression").status_code == 404
    assert running.delete("/v1/leads/carl/suppression").status_code == 404


@pytest.mark.parametrize("query", [{"suppress": "maybe"}, {"supress": "true"}])
def test_a_query_that_says_nothing(running, query):
    """A value or a name that is not understood erases nobody."""
    running.post("/v1/track", json=track("carl")).raise_for_status()
    assert running.delete("/v1/leads/carl", params=query).status_code == 422
    assert running.get("/v1/leads/carl").json()["events"] == 1
