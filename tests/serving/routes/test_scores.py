"""Scores: one lead and many, stored and stateless, now and then."""

from __future__ import annotations

import json
from typing import Any

import pytest

from features.clock import rfc3339
from features.events.log import DAY_US
from serving.routes import schemas
from serving.scoring.answers import ScoreAnswer
from serving.scoring.scorer import Scorer
from tests.serving import world
from tests.serving.conftest import service_of
from tests.serving.shapes import check_shape

CLOCKS = ("features_as_of", "scored_at")


def score(client, lead_id, **query):
    return client.get(f"/v1/leads/{lead_id}/score", params=query)


def batch(client, leads, **more):
    return client.post("/v1/scores:batch", json={"leads": leads, **more})


def said(answer):
    """What an answer says of a lead, without the instant at which it was computed."""
    return {key: value for key, value in answer.items() if key != "scored_at"}


def a_while_ago(days=2.0):
    return rfc3339(world.now() - round(days * DAY_US))


def stored_events(service, lead_id):
    """The events of a stored lead as a stateless request has them."""
    return [
        {
            "name": name,
            "occurred_at": rfc3339(occurred),
            "known_at": rfc3339(known),
            "properties": properties,
        }
        for name, occurred, known, properties in service.store.events_of(lead_id)
    ]


# ---------------------------------------------------------------------------------------- One lead


def test_answer_is_as_described(client):
    """Every answer has the members that the schema lists, and no others."""
    for lead in ("lead-0001", "lead-0002", "customer", "dormant"):
        answer = score(client, lead).json()
        check_shape(ScoreAnswer, answer)


def test_reasons_add_up(client):
    """Base and reasons, and base, fit and engagement, add up to the probability."""
    seen = set()
    for at in range(30):
        answer = score(client, f"lead-{at:04}").json()
        points = [reason["points"] for reason in answer["reasons"]]
        assert answer["base"] + sum(points) == pytest.approx(answer["probability"], abs=1e-9)
        total = answer["base"] + answer["fit"] + answer["engagement"]
        assert total == pytest.approx(answer["probability"], abs=1e-9)
        assert answer["interval"]["low"] <= answer["probability"] <= answer["interval"]["high"]
        seen.add(answer["probability"])
    assert len(seen) > 10


def test_other_horizons(client):
    """Chances within fewer days beside the score, which stays; more days never make less."""
    plain = said(score(client, "lead-0001").json())
    told = score(client, "lead-0001", horizon_days=[90, 7, 0.5]).json()
    check_shape(ScoreAnswer, told)
    answer = said(told)
    horizons = answer.pop("horizons")
    assert {**answer, "features_as_of": ""} == {**plain, "features_as_of": ""}
    assert [one["horizon_days"] for one in horizons] == [90, 7, 0.5]
    whole, week, half_day = (one["purchase"] for one in horizons)
    assert whole["probability"] == plain["purchase"]["probability"]
    assert whole["probability"] > week["probability"] > half_day["probability"] > 0
    assert week["low"] <= week["probability"] <= week["high"]
    own = plain["horizon_days"]
    assert own < 90
    assert horizons[0]["next_step"] is None  # longer than its own horizon
    assert 0 < horizons[1]["next_step"]["probability"] <= plain["probability"]


def test_other_horizons_of_many(client):
    """As each lead alone is told; a customer has none, an unknown lead no such member."""
    leads = ["lead-0001", "customer", "nobody", {"lead_id": "new", "events": []}]
    results = batch(client, leads, horizon_days=[7]).json()["results"]
    one = score(client, "lead-0001", horizon_days=7).json()
    assert results[0]["horizons"] == one["horizons"]
    assert results[1]["horizons"] == [{"horizon_days": 7, "next_step": None, "purchase": None}]
    assert "horizons" not in results[2]


@pytest.mark.parametrize(
    ("days", "kind"),
    [([91], "unknown-horizon"), ([0], "invalid-request"), (range(1, 12), "invalid-request")],
)
def test_horizons_that_nothing_is_known_about(client, days, kind):
    """Too long, none at all, and too many at once: each says what would do."""
    for answer in (
        score(client, "lead-0001", horizon_days=list(days)),
        batch(client, ["lead-0001"], horizon_days=list(days)),
    ):
        assert answer.status_code == 422
        assert answer.json()["type"].endswith(kind)


def test_probability_is_no_rank(client, service):
    """The probability and the place in the queue are two fields of two scales."""
    answer = score(client, "lead-0001").json()
    assert 0 <= answer["probability"] <= 1
    assert 0 < answer["rank_pct"] <= 100
    assert answer["band"] in ("low", "medium", "high")
    assert answer["calibration"] == {
        "status": "calibrated",
        "evidence": "model",
        "leads": service.scorer.bundle.advancement.calibrator.leads,
    }


def test_first_estimates(start, url, folder):
    """Without data the answer is the ladder's band, and says so."""
    with start(url, folder / "rates") as client:
        answer = score(client, "lead-0001").json()
    assert answer["calibration"] == {"status": "insufficient", "evidence": "prior", "leads": 0}
    assert answer["interval"]["method"] == "beta posterior of the step's rate"
    assert answer["probability"] == pytest.approx(answer["base"])
    assert [reason["points"] for reason in answer["reasons"]] == [0.0]


def test_customer_has_no_score(client):
    """A lead that has bought has no next step: no number is made up."""
    answer = score(client, "customer").json()
    assert answer["status"] == "no_score"
    assert answer["probability"] is answer["step"] is answer["purchase"] is None
    assert "has bought" in answer["no_score_reason"]
    assert "contract_ended (restart_on)" in answer["no_score_reason"]


def test_as_of_in_the_past(client, service):
    """A score as of then is that of a store which ends then, and needs no queue of today."""
    lead, then = "lead-0004", a_while_ago(1.0)
    answer = score(client, lead, as_of=then).json()
    assert answer["features_as_of"] == then
    assert answer["rank_pct"] is None
    known = [event for event in stored_events(service, lead) if event["known_at"] <= then]
    assert known
    (alone,) = batch(client, [{"lead_id": lead, "events": known}], as_of=then).json()["results"]
    assert said(alone) == said(answer)
    assert said(score(client, lead, as_of=then).json()) == said(answer)


def test_late_event_does_not_change_the_past(start, tmp_path, folder):
    """An event that is learned of later leaves an earlier score as it was served."""
    until = world.now()
    viewed = [world.event("ann", "page_viewed", until - days * DAY_US) for days in range(1, 9)]
    url = world.filled(tmp_path, viewed)
    with start(url, folder / "fitted") as client:
        then = a_while_ago(0.01)
        before = score(client, "ann", as_of=then).json()
        late = world.event("ann", "session_held", until - DAY_US, {"minutes": 30}, world.now())
        service_of(client).store.append_events([late])
        assert said(score(client, "ann", as_of=then).json()) == said(before)
        assert (before["position"], score(client, "ann").json()["position"]) == (0, 4)


def test_not_known_yet(client):
    """Before its first event a lead is not there, and it says why."""
    answer = score(client, "lead-0001", as_of="2001-01-01")
    assert answer.status_code == 404
    assert "by 2001-01-01T00:00:00Z yet" in answer.json()["detail"]


# ------------------------------------------------------------------------------- Conditional reads


def test_not_modified(client):
    """A score that says nothing new is not sent again, whatever the clock says meanwhile."""
    first = score(client, "lead-0007")
    etag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, max-age=0"
    for header in (etag, etag.removeprefix("W/"), f'"other", {etag}', "*"):
        again = client.get("/v1/leads/lead-0007/score", headers={"If-None-Match": header})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag


@pytest.mark.parametrize("query", ["", "?ladder=b2b"])
def test_tags_in_several_lines(client, query):
    """They are one list, as if they stood in one line."""
    address = f"/v1/leads/lead-0007/score{query}"
    etag = client.get(address).headers["etag"]
    for lines in (['"other"', etag], [etag, '"other"']):
        sent = [("If-None-Match", line) for line in lines]
        assert client.get(address, headers=sent).status_code == 304


def test_modified(client):
    """Another lead, another instant: another tag."""
    etag = score(client, "lead-0007").headers["etag"]
    headers = {"If-None-Match": etag}
    assert client.get("/v1/leads/lead-0008/score", headers=headers).status_code == 200
    then = {"as_of": a_while_ago(1.0)}
    other = client.get("/v1/leads/lead-0007/score", headers=headers, params=then)
    assert other.status_code == 200


# -------------------------------------------------------------------------------------- Many leads


def test_batch_equals_single(client):
    """A batch gives each lead, bit for bit, what it gets alone."""
    then = a_while_ago(0.001)
    leads = [f"lead-{at:04}" for at in range(40)]
    results = batch(client, leads, as_of=then).json()["results"]
    alone = [score(client, lead, as_of=then).json() for lead in leads]
    assert [said(one) for one in results] == [said(one) for one in alone]


def test_stateless_equals_stored(client, service):
    """The same events in the request give, bit for bit, the score of the stored lead."""
    then = a_while_ago(0.001)
    leads = [f"lead-{at:04}" for at in range(40)] + ["customer", world.HOSTILE]
    sent = [{"lead_id": lead, "events": stored_events(service, lead)[::-1]} for lead in leads]
    stateless = batch(client, sent, as_of=then).json()["results"]
    stored = batch(client, leads, as_of=then).json()["results"]
    assert [said(one) for one in stateless] == [said(one) for one in stored]


def test_stateless_leaves_nothing(client, service):
    """A stateless lead is scored, and not stored."""
    event = {"name": "page_viewed", "occurred_at": a_while_ago()}
    (result,) = batch(client, [{"lead_id": "passer-by", "events": [event]}]).json()["results"]
    assert (result["status"], result["position"]) == ("ok", 0)
    assert service.store.events_of("passer-by") == []


def test_batch_statuses(client):
    """Scored, bought and unknown are three different things; order and repeats are kept."""
    event = {"name": "page_viewed", "occurred_at": a_while_ago()}
    leads: list[Any] = [
        "lead-0002",
        "nobody",
        {"lead_id": "lead-0002", "events": []},
        "customer",
        {"lead_id": "new", "events": [event]},
        "lead-0002",
    ]
    results = batch(client, leads).json()["results"]
    assert [one["status"] for one in results] == [
        "ok",
        "not_found",
        "not_found",
        "no_score",
        "ok",
        "ok",
    ]
    assert [one["lead_id"] for one in results] == [
        lead if isinstance(lead, str) else lead["lead_id"] for lead in leads
    ]
    assert said(results[0]) == said(results[5])
    assert "lead-0002" in results[2]["detail"]


def test_batch_is_as_described(client):
    """Every result has the form that the schema gives it."""
    body = batch(client, ["lead-0001", "nobody", "customer"]).json()
    schemas.BatchAnswer.model_validate(body)


def test_batch_limit(client):
    """A thousand leads fit in a batch, one more does not."""
    assert len(batch(client, ["nobody"] * 1000).json()["results"]) == 1000
    refused = batch(client, ["nobody"] * 1001)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/body/leads"


def test_odd_properties(client):
    """Properties of any form are read as far as they say something."""
    odd = {"seconds": "300", "form": {"a": [1]}, "minutes": None, "x": 10**30}
    event = {"name": "content_read", "occurred_at": a_while_ago(), "properties": odd}
    (result,) = batch(client, [{"lead_id": "odd", "events": [event]}]).json()["results"]
    assert result["position"] == 1


# ------------------------------------------------------------------------------------------- Parts


def test_clock_is_given(service):
    """A scorer scores at the present that it is given."""
    moment = service.clock() + 1600 * DAY_US
    scorer = Scorer(service.store, service.scorer.bundle, lambda: moment)
    answer = scorer.score("lead-0001")
    assert [answer["features_as_of"], answer["scored_at"]] == [rfc3339(moment)] * 2
    json.dumps(answer, allow_nan=False)
