"""Routes about one lead: who it is, its timeline, its ids, opting out, export and erasure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from features.clock import rfc3339
from features.events.log import DAY_US
from features.signals.rules import met_any
from features.store.arrivals import Arrival
from features.store.kept.notifications import Notice, add_notices
from features.store.schema import notifications
from serving.recommending.answers import UnaskedAnswer
from serving.routes import decision_schemas, lead_schemas, schemas
from serving.scoring.answers import OptedOutAnswer
from serving.scoring.batch.rescoring import freshen, rescore
from tests.profiles import examples
from tests.serving import world
from tests.serving.conftest import service_of
from tests.serving.live.process import eventually
from tests.serving.shapes import check_shape

LEAD = "lead-0001"
HOSTILE = [
    "\0",
    "a\0b",
    "\n\r\t\x7f",
    "x" * 1000,
    "x" * 5000,
    "a/b",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "'; DROP TABLE events; --",
    "%00%ff",
    "ü 🪜 \u202e",
    "?#&=",
    "score",
    "x/score",
    "x/identities:undo",
    "{lead_id}",
    " ",
]


@pytest.fixture
def running(start, url, folder) -> Iterator[TestClient]:
    """A service of one's own, its queue scored."""
    with start(url, folder / "fitted") as client:
        yield client


def path(lead: str, what: str = "") -> str:
    return f"/v1/leads/{quote(lead, safe='')}" + (f"/{what}" if what else "")


def told(client, lead, what="", **query):
    answer = client.get(path(lead, what), params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def opt_out(client, lead, **body):
    answer = client.post(path(lead, "opt-out"), json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def status_of(client, lead):
    return client.get(path(lead, "score")).json()["status"]


def queued(client: TestClient) -> set[str]:
    return {item["lead_id"] for item in client.get("/v1/queue?limit=200").json()["data"]}


def visit(sent_id, number, **more):
    at = world.now() - DAY_US + number
    return Arrival(f"visit-{sent_id}-{number}", sent_id, "page_viewed", at, at)._replace(**more)


def merge(client: TestClient, lead: str = LEAD) -> None:
    """Let `visitor` and `old` be ids of a lead."""
    service_of(client).store.ingest(
        [visit("visitor", 1), visit(lead, 2, anonymous_id="visitor", previous_id="old")]
    )


# ------------------------------------------------------------------------------------------ A lead


def test_lead(running):
    """A lead is told alike by any of its ids, in the form that is described."""
    merge(running)
    found = told(running, "visitor")
    assert found == told(running, LEAD) == told(running, "old")
    lead_schemas.LeadAnswer.model_validate(found)
    assert set(found) == set(lead_schemas.LeadAnswer.model_fields)
    assert (found["lead_id"], found["subjects"]) == (LEAD, [LEAD, "old", "visitor"])
    rows = service_of(running).store.events_of(LEAD)
    assert found["events"] == len(rows)
    assert found["first_seen"] == rfc3339(min(row[1] for row in rows))
    assert found["last_seen"] == rfc3339(max(row[1] for row in rows))
    assert (found["opted_out"], found["opt_out"]) == (False, None)


@pytest.mark.parametrize("what", ["", "timeline", "identities", "export"])
def test_unknown(client, what):
    """Of an id that nothing is held of, every route says so."""
    answer = client.get(path("nobody", what))
    assert (answer.status_code, answer.json()["type"]) == (
        404,
        "urn:problem-type:rung:unknown-lead",
    )
    assert client.delete(path("nobody")).status_code == 404


def _asked(client: TestClient, lead: str) -> list[int]:
    """The status of every route, asked about an id."""
    link = {"kind": "claim", "source": lead, "target": "x"}
    answers = [client.get(path(lead, what)) for what in ("", "timeline", "identities", "export")]
    answers += [client.get(path(lead, "timeline"), params={"cursor": lead})]
    answers += [client.post(path(lead, "identities:undo"), json=link)]
    answers += [client.post(path(lead, "opt-out"), json={"reason": lead})]
    answers += [client.get(path(lead, what)) for what in ("", "score")]
    answers += [client.post("/v1/recommendations", json={"lead_id": lead})]
    answers += [client.post("/v1/scores:batch", json={"leads": [lead]})]
    answers += [client.post(path(lead, "opt-in")), client.delete(path(lead))]
    return [answer.status_code for answer in answers]


@pytest.mark.parametrize("lead", HOSTILE)
def test_hostile_ids(running, lead):
    """No id makes a route fail; every answer has a status that is described."""
    assert max(_asked(running, lead)) < 500


@settings(
    max_examples=examples(30),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(lead=st.text(min_size=1, max_size=60))
def test_any_id(client, lead):
    """The same for ids that nobody has thought of."""
    assert max(_asked(client, lead)) < 500


@pytest.mark.parametrize(
    "lead",
    [
        *("<b>a/b</b>?x=1&y#z", "x/score", "x/timeline", "/identities", "x/export", "/", "x/"),
        *("x/suppression", "x/opt-out", "x/identities:undo", "score", "x//score"),
    ],
)
def test_a_hostile_id_is_a_lead_like_any_other(running, lead):
    """A lead whose id is markup, or ends as an address, can be read, opted out and erased."""
    service_of(running).store.ingest([visit(lead, 1)])
    assert told(running, lead)["lead_id"] == lead
    assert [item["subject"] for item in told(running, lead, "timeline")["data"]][-1] == lead
    assert told(running, lead, "score")["lead_id"] == lead
    assert told(running, lead, "export")["lead_id"] == lead
    assert opt_out(running, lead)["opted_out"]
    assert status_of(running, lead) == "opted_out"
    assert running.delete(path(lead)).json()["events"] == 1
    assert running.get(path(lead)).status_code == 404


# ---------------------------------------------------------------------------------------- Timeline


@pytest.fixture
def eventful(running):
    """A service whose lead has several ids, a decision with its outcome, and notifications."""
    merge(running)
    service = service_of(running)
    made = running.post("/v1/recommendations", json={"lead_id": LEAD, "decision_id": "d"})
    assert made.status_code == 200
    running.post("/v1/decisions/d/outcome", json={"value": 0.5}).raise_for_status()
    data = {"lead_id": LEAD, "ladder": "b2b", "step": "value", "position": 2}
    data |= {"next_step": "participation", "features_as_of": "2026-03-01T12:00:00Z"}
    notices = [Notice(f"n{at}", "step.completed", LEAD, at, json.dumps(data)) for at in (7, 8)]
    with service.store.database.writing() as connection:
        add_notices(connection, notices)
    eventually(lambda: service.store.marks.waiting()[0] == 0)  # else it is scored between two reads
    rescore(service.scorer)
    return running


def everything(client, limit=200):
    """A timeline, page by page."""
    found, cursor = [], None
    while True:
        query = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        answer = client.get(path(LEAD, "timeline"), params=query)
        page = answer.json()
        lead_schemas.TimelineAnswer.model_validate(page)
        assert len(page["data"]) <= limit
        found += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            assert "link" not in answer.headers
            return found
        assert client.get(answer.links["next"]["url"]).json()["data"]


def test_timeline_is_the_log(eventful):
    """It has each stored event once with all it says, by any id, and nothing else as an event."""
    service = service_of(eventful)
    items = everything(eventful)
    shown = [
        (item["name"], item["occurred_at"], item["known_at"], json.dumps(item["data"]))
        for item in items
        if item["kind"] not in ("notification", "score")
    ]
    held = service.scorer.privacy.export(LEAD, 1)["events"]
    assert sorted(shown) == sorted(
        (row["name"], row["occurred_at"], row["known_at"], json.dumps(row["properties"]))
        for row in held
    )
    assert len(shown) == len(service.store.events_of(LEAD)) > 5
    assert {item["subject"] for item in items} == {LEAD, "visitor"}
    kinds = [item["kind"] for item in items]
    assert [kinds.count(kind) for kind in ("decision", "outcome", "score")] == [1, 1, 1]
    with service.store.database.reading() as connection:
        ids = {row.id for row in connection.execute(notifications.select())}
    assert {item["id"] for item in items if item["kind"] == "notification"} == ids
    (score,) = [item for item in items if item["kind"] == "score"]
    assert score["data"]["bundle"] == service.scorer.model.bundle.hash
    assert score["data"]["reasons"]


def test_timeline_is_in_order(eventful):
    """The newest first; the pages of any size together are the whole."""
    items = everything(eventful)
    times = [item["occurred_at"].rstrip("Z").ljust(26, "0") for item in items]
    assert times == sorted(times, reverse=True)
    for limit in (1, 2, 7):
        assert everything(eventful, limit) == items


def test_what_comes_meanwhile_moves_nothing(eventful):
    """What happens between two pages is on none that is still to come."""
    items = everything(eventful)
    first = told(eventful, LEAD, "timeline", limit=3)
    service_of(eventful).store.ingest([visit(LEAD, DAY_US), visit("visitor", DAY_US)])
    rest = told(eventful, LEAD, "timeline", limit=200, cursor=first["next_cursor"])
    assert first["data"] + rest["data"] == items


def test_completed_steps(eventful, b2b):
    """A step stands at the first event that meets its rule, in the order of the log, once."""
    world_events = world.climber("climber", world.now(), 3)
    again = world.event("climber", "video_progress", world.now(), {"watched_fraction": 1.0})
    service_of(eventful).store.append_events([*world_events, again])
    items = told(eventful, "climber", "timeline")["data"]
    marked = {step["id"]: item["id"] for item in items for step in item["completes"]}
    expected = {}
    for goal in b2b.goals:
        done = [
            event
            for event in [*world_events, again]
            if met_any(goal.complete_when, event.name, json.loads(event.properties))
        ]
        if done:
            expected[goal.id] = min(done, key=lambda event: event.occurred_at).message_id
    assert marked == expected
    assert len(marked) == 3
    assert sum(len(item["completes"]) for item in items) == 3


@pytest.mark.parametrize(
    "cursor", ["x", "W10", "WzEsMl0", "IiI", "WyIxIiwxLCJhIl0", "W3RydWUsMSwiYSJd", "é", "=" * 9]
)
def test_a_cursor_that_is_none(client, cursor):
    """A text that is no cursor of ours is refused, with a pointer to it."""
    answer = client.get(path(LEAD, "timeline"), params={"cursor": cursor})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/query/cursor"


# -------------------------------------------------------------------------------------- Identities


def test_the_first_ids_lead_to_the_rest(running, monkeypatch):
    """Who a lead is, and what is left of it, name the page on which its other ids stand."""
    merge(running)
    whole = told(running, "visitor", "identities")
    monkeypatch.setattr("serving.routes.leads.MOST_PER_PAGE", 1)
    answer = running.get(path("visitor"))
    found, address = answer.json()["subjects"], answer.links["next"]["url"]
    assert len(found) == 1
    while address:
        answer = running.get(address)
        found += answer.json()["subjects"]
        address = answer.links.get("next", {}).get("url")
    assert found == whole["subjects"]
    assert len(found) > 2
    link = {name: whole["links"][0][name] for name in ("kind", "source", "target")}
    left = running.post(path("visitor", "identities:undo"), json=link)
    assert ("link" in left.headers) == (left.json()["next_cursor"] is not None)


def test_identities(running):
    """Links are told with their history; undone, they hold no longer, and the ids part."""
    merge(running)
    found = told(running, "visitor", "identities")
    lead_schemas.IdentitiesAnswer.model_validate(found)
    (claim,) = [link for link in found["links"] if link["kind"] == "claim"]
    assert (claim["source"], claim["target"], claim["undone_at"]) == ("visitor", LEAD, None)
    body = {key: claim[key] for key in ("kind", "source", "target")}
    answer = running.post(path("old", "identities:undo"), json=body)
    assert answer.status_code == 200
    left = answer.json()
    assert left["subjects"] == [LEAD, "old"]
    assert [link["undone_at"] is None for link in left["links"] if link["kind"] == "claim"] == [
        False
    ]
    assert told(running, "visitor")["subjects"] == ["visitor"]
    again = running.post(path(LEAD, "identities:undo"), json=body)
    assert (again.status_code, again.json()["title"]) == (404, "No such link")


def test_a_link_of_another_lead(running):
    """A lead's route undoes no link of others."""
    merge(running)
    body = {"kind": "claim", "source": "visitor", "target": LEAD}
    assert running.post(path("lead-0002", "identities:undo"), json=body).status_code == 404
    assert "visitor" in told(running, LEAD)["subjects"]


# -------------------------------------------------------------------------------------- Opting out


def test_opt_out(running):
    """Nobody profiles the lead from then on, by any of its ids and by any route."""
    merge(running)
    service = service_of(running)
    running.post("/v1/recommendations", json={"lead_id": LEAD, "decision_id": "before"})
    assert status_of(running, LEAD) in ("ok", "no_score")
    assert LEAD in queued(running)
    before = len(service.store.events_of(LEAD))

    answer = opt_out(running, "old", reason="letter of 3 May")
    lead_schemas.OptOutAnswer.model_validate(answer)
    assert (answer["lead_id"], answer["opt_out"]["reason"]) == (LEAD, "letter of 3 May")
    assert LEAD not in queued(running)
    for lead in (LEAD, "visitor", "old"):
        score = running.get(path(lead, "score"))
        check_shape(OptedOutAnswer, score.json())
        assert (score.json()["status"], score.json()["lead_id"]) == ("opted_out", lead)
        assert running.get(path(lead, "score"), params={"as_of": "2026-01-01"}).json() == (
            score.json()
        )
        for more in ({}, {"decision_id": "before"}):
            made = running.post("/v1/recommendations", json={"lead_id": lead, **more}).json()
            check_shape(UnaskedAnswer, made)
            assert (made["status"], made["offer"]["id"]) == ("opted_out", "no_ask")
    assert len(service.store.events_of(LEAD)) == before


@pytest.mark.parametrize("opted_out_by", [LEAD, "old"])
def test_what_was_decided_of_who_opted_out(running, opted_out_by):
    """No route shows it any more, whichever id opted out; the person gets it, and an opt-in too."""
    merge(running)
    body = {"lead_id": LEAD, "decision_id": "mail/7"}
    assert running.post("/v1/recommendations", json=body).status_code == 200
    came = {"value": 1, "kind": "session_held"}
    assert running.post("/v1/decisions/mail/7/outcome", json=came).status_code == 200
    note = {"userId": LEAD, "event": "note_added", "properties": {"text": "hot"}, "messageId": "n"}
    assert running.post("/v1/track", json={"type": "track", **note}).status_code == 200
    before = told(running, LEAD, "timeline", limit=200)
    decided = {"rung_decision", "rung_exposure", "rung_outcome"}
    assert decided | {"note_added"} <= {one["name"] for one in before["data"]}

    opt_out(running, opted_out_by)
    for lead in (LEAD, "old"):
        page = told(running, lead, "timeline", limit=3)
        shown = page["data"]
        while page["next_cursor"]:
            page = told(running, lead, "timeline", limit=3, cursor=page["next_cursor"])
            shown += page["data"]
        assert page["total"] == len(shown) > 0
        assert {one["kind"] for one in shown} == {"event"}
        assert not {one["name"] for one in shown} & (decided | {"note_added", "rung_assignment"})
        others = [one for one in before["data"] if one["kind"] == "event"]
        assert len(shown) == len([one for one in others if not one["name"].startswith("note")])
    refused = running.get("/v1/decisions/mail/7")
    assert (refused.status_code, refused.json()["type"][-9:]) == (409, "opted-out")
    assert "ranking" not in refused.text
    events = {one["name"] for one in told(running, LEAD, "export")["events"]}
    assert decided <= events

    assert running.post(path(LEAD, "opt-in")).status_code == 200
    assert running.get("/v1/decisions/mail/7").json()["decision_id"] == "mail/7"


def test_opted_out_in_a_batch(running):
    """Not found, without a score and opted out are three different things, each in its place."""
    opt_out(running, LEAD)
    events = {"events": [{"name": "page_viewed", "occurred_at": "2026-01-01T00:00:00Z"}]}
    leads = ["nobody", LEAD, "customer", "lead-0002", {"lead_id": LEAD, **events}]
    leads += [{"lead_id": "passer-by", **events}]
    answer = running.post("/v1/scores:batch", json={"leads": leads}).json()
    schemas.BatchAnswer.model_validate(answer)
    statuses = [result["status"] for result in answer["results"]]
    assert statuses == ["not_found", "opted_out", "no_score", "ok", "opted_out", "ok"]
    made = running.post(
        "/v1/recommendations:batch", json={"lead_ids": ["nobody", LEAD, "lead-0002"]}
    ).json()
    decision_schemas.RecommendationsAnswer.model_validate(made)
    assert [result["status"] for result in made["results"]] == ["not_found", "opted_out", "ok"]
    assert made["results"][1]["offer"]["id"] == "no_ask"


def test_opted_out_in_personalizers_words(running):
    """A rank call asks nothing of the lead and keeps no event; no ask is answered if it is sent."""
    opt_out(running, LEAD)
    trial, none = {"id": "team-trial"}, {"id": "no_ask"}
    body = {"contextFeatures": [{"lead_id": LEAD}], "eventId": "e", "actions": [trial]}
    answer = running.post("/personalizer/v1.0/rank", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "OperationNotAllowed")
    answer = running.post("/personalizer/v1.0/rank", json={**body, "actions": [trial, none]})
    assert answer.status_code == 201
    assert answer.json() == {
        "ranking": [
            {"id": "no_ask", "probability": 1.0},
            {"id": "team-trial", "probability": 0.0},
        ],
        "eventId": "e",
        "rewardActionId": "no_ask",
    }
    reward = running.post("/personalizer/v1.0/events/e/reward", json={"value": 1.0})
    assert reward.status_code == 404


def test_background_work_leaves_them_out(running):
    """Scoring all leads, or those with news, brings no score back; opting in does."""
    service = service_of(running)
    opt_out(running, LEAD)
    service.store.ingest([visit(LEAD, 5)])
    freshen(service.scorer)
    rescore(service.scorer)
    assert service.store.scores.of(LEAD) is None
    assert LEAD not in queued(running)
    answer = running.post(path(LEAD, "opt-in"))
    assert answer.json() == {"lead_id": LEAD, "opted_out": False, "opt_out": None}
    rescore(service.scorer)
    assert LEAD in queued(running)
    assert status_of(running, LEAD) == "ok"


def test_opted_out_on_the_page(running):
    """The page of the lead shows what happened, and neither a score nor a suggestion."""
    opt_out(running, LEAD)
    page = running.get(f"/leads/{LEAD}").text
    assert "has opted out" in page
    assert "Chance of the next step" not in page
    assert "What happened" in page


def test_without_a_model(bare):
    """These routes need no model."""
    assert opt_out(bare, "careful")["opted_out"]
    assert told(bare, "careful")["events"] == 0
    assert told(bare, "lead-0002", "timeline")["data"]
    assert bare.delete(path("careful")).json()["models"] == []


# ------------------------------------------------------------------------------------------ Export


def test_export(eventful):
    """An export is what is held, complete and of this lead alone, and is kept by no cache."""
    answer = eventful.get(path("visitor", "export"))
    document = answer.json()
    lead_schemas.ExportAnswer.model_validate(document)
    assert answer.headers["cache-control"] == "no-store"
    assert set(document) == set(lead_schemas.ExportAnswer.model_fields)
    privacy = service_of(eventful).scorer.privacy
    assert document.pop("next_cursor") is None
    assert document | {"exported_at": 0} == privacy.export(LEAD, 0) | {"exported_at": 0}
    assert {"rung_decision", "rung_exposure", "rung_outcome"} <= {
        event["name"] for event in document["events"]
    }
    assert "lead-0002" not in answer.text


def test_an_export_of_who_waits_to_be_scored(bare):
    """The mark that news have left is told under the id that they came for."""
    call = {"type": "track", "userId": "waits", "event": "page_viewed", "messageId": "waits-1"}
    assert bare.post("/v1/track", json=call).status_code == 200
    document = told(bare, "waits", "export")
    lead_schemas.ExportAnswer.model_validate(document)
    (mark,) = document["stale"]
    assert (mark["subject"], set(mark)) == ("waits", {"subject", "since"})


# ----------------------------------------------------------------------------------------- Erasure


def test_erase(eventful):
    """After an erasure the lead is unknown everywhere, others are as before, models are named."""
    service = service_of(eventful)
    others = {lead: service.store.events_of(lead) for lead in ("lead-0002", "customer")}
    count = len(service.store.events_of(LEAD))
    until = service.store.events_of(LEAD)[0][2]
    service.scorer.privacy.record_training("f" * 64, "b2b", until, world.now())
    answer = eventful.delete(path("old"))
    erased = answer.json()
    lead_schemas.ErasureAnswer.model_validate(erased)
    assert set(erased) == set(lead_schemas.ErasureAnswer.model_fields)
    assert (erased["subjects"], erased["events"]) == (3, count)
    assert [(model["version"], model["serves"]) for model in erased["models"]] == [
        ("f" * 12, False)
    ]
    for lead in (LEAD, "visitor", "old"):
        assert eventful.get(path(lead)).status_code == 404
        assert eventful.get(path(lead, "score")).status_code == 404
    assert eventful.get("/v1/decisions/d").status_code == 404
    assert LEAD not in queued(eventful)
    rescore(service.scorer)
    assert LEAD not in queued(eventful)
    assert {lead: service.store.events_of(lead) for lead in others} == others
    assert eventful.delete(path(LEAD)).status_code == 404


def test_erase_names_the_model_that_serves(running, monkeypatch):
    """The serving model is named where its manifest says that it may have seen the lead."""
    bundle = service_of(running).scorer.model.bundle
    monkeypatch.setitem(bundle.manifest, "until", world.now())
    (model,) = running.delete(path(LEAD)).json()["models"]
    assert (model["version"], model["serves"], model["trained_at"]) == (bundle.version, True, None)


def test_who_comes_back_is_linked_anew(running):
    """A claim that is sent again right after an erasure counts again."""
    merge(running)
    running.delete(path(LEAD)).raise_for_status()
    merge(running)
    assert told(running, "visitor")["subjects"] == [LEAD, "old", "visitor"]


def test_nothing_personal_is_logged(running, caplog):
    """No property and no reason of an opt-out gets into the log."""
    said = "Q-said-Q"
    service_of(running).store.ingest([visit(LEAD, 1, properties=json.dumps({"note": said}))])
    with caplog.at_level("DEBUG"):
        opt_out(running, LEAD, reason=said)
        assert said in running.get(path(LEAD, "export")).text
        told(running, LEAD, "timeline")
        running.post(path(LEAD, "identities:undo"), json={"kind": "claim", "source": said})
        running.delete(path(LEAD))
    assert caplog.records
    assert said not in " ".join(
        f"{record.getMessage()} {record.__dict__}" for record in caplog.records
    )


def test_a_reason_that_no_database_takes(client):
    """PostgreSQL keeps no NUL: it is the caller's mistake, and the lead is not out."""
    lead = "lead-0007"
    assert client.post(path(lead, "opt-out"), json={"reason": "a\0"}).status_code == 422
    assert status_of(client, lead) != "opted_out"
