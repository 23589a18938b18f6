"""The catalogue over HTTP: edited, paused, added and retired while the model serves on."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace

import pytest

from features.clock import rfc3339
from features.events.log import DAY_US
from features.ladder.catalogue import offer_table
from features.ladder.file import read_ladder
from features.ladder.ladder import Offer
from models.bundle import load_bundle
from models.served_policy import DEFAULT, write_served
from serving.process.service import Service
from serving.routes.offers import routes
from serving.routes.offers.schemas import CatalogueOffer, VersionsOfOffer
from tests.gates import policy_gate
from tests.serving import world
from tests.serving.conftest import service_of
from tests.serving.shapes import check_shape, is_problem

B2B = read_ladder("b2b")
FIRST = B2B.offers[0]
NEW = {
    "step": "value",
    "title": "A checklist",
    "kind": "template",
    "effort": {"minutes": 3},
    "topics": ["handovers"],
}


@pytest.fixture
def own(start, url, folder, tmp_path):
    """A service whose store and bundle nobody else writes into."""
    bundle = shutil.copytree(folder / "fitted", tmp_path / "bundle")
    with start(url, bundle) as client:
        yield client


def served(service: Service) -> Offer:
    """The first offer, as it is served."""
    found = service.ladder.offer(FIRST.id)
    assert found is not None
    return found


def put(client, offer_id: str, offer: Mapping[str, object], **more: object):
    return client.put(f"/v1/offers/{offer_id}", json={"offer": offer, **more})


def set_status(client, offer_id: str, status: str, **more: object):
    return client.post(f"/v1/offers/{offer_id}/status", json={"status": status, **more})


def excluded(client, lead: str = "lead-0001") -> dict[str, str]:
    answer = client.post("/v1/recommendations", json={"lead_id": lead, "defer_exposure": True})
    return {one["offer_id"]: one["reason"] for one in answer.json()["excluded"]}


def test_the_whole_catalogue(own):
    """Every offer of the ladder, as the file has it, with what was learned of it."""
    answer = own.get("/v1/offers")
    data = answer.json()["data"]
    assert [one["id"] for one in data] == [offer.id for offer in B2B.offers]
    for one, offer in zip(data, B2B.offers, strict=True):
        check_shape(CatalogueOffer, one)
        assert (one["version"], one["status"], one["planned"]) == (0, "active", [])
        assert one["offer"] == offer_table(offer)


def test_an_edit_is_served_at_once(own):
    """The title that was put is told, nothing was trained, and scores are what they were."""
    before = own.get("/v1/leads/lead-0001/score").json()
    answer = put(own, FIRST.id, {**offer_table(FIRST), "title": "In four minutes"})
    assert answer.status_code == 200
    body = answer.json()
    check_shape(VersionsOfOffer, body)
    assert (body["version"], body["title"]) == (1, "In four minutes")
    assert [one["by"] for one in body["versions"]] == ["this machine"]
    after = own.get("/v1/leads/lead-0001/score").json()
    assert after["model"] == before["model"]
    assert after["probability"] == before["probability"]
    assert served(service_of(own)).title == "In four minutes"


def test_a_promoted_policy_stays(own):
    """An edit of an offer takes no policy back; another [value] would."""
    service = service_of(own)
    folder = service.settings.bundle
    write_served(folder, policy_gate(load_bundle(folder), "learned"))
    service.refresh()
    assert service.scorer.model.adviser.policy_name == "learned"
    put(own, FIRST.id, {**offer_table(FIRST), "title": "Another"})
    assert service.scorer.model.adviser.policy_name == "learned"


def test_paused_and_resumed(own):
    """A paused offer is out with its reason, and back when it is resumed; its learning stays."""
    offers = [
        one["offer_id"]
        for one in own.post(
            "/v1/recommendations", json={"lead_id": "lead-0001", "defer_exposure": True}
        ).json()["ranking"]
    ]
    there = next(one for one in offers if one not in ("no_ask", "nurture"))
    learned = own.get(f"/v1/offers/{there}").json()
    paused = set_status(own, there, "paused").json()
    assert excluded(own)[there] == "paused"
    assert (paused["leads"], paused["evidence"]) == (learned["leads"], learned["evidence"])
    set_status(own, there, "active")
    assert there not in excluded(own)
    assert set_status(own, there, "retired").json()["version"] == 3
    assert excluded(own)[there] == "retired"


def test_a_new_offer_is_offered(own):
    """It is eligible at once, as a prior, and a decision for it says which version it was."""
    assert put(own, "new-checklist", NEW).json()["evidence"] == "prior"
    service = service_of(own)
    service.store.append_events(world.climber("climber", world.now(), 1))
    for _ in range(200):
        body = {"lead_id": "climber", "candidate_offers": ["new-checklist"], "defer_exposure": True}
        answer = own.post("/v1/recommendations", json=body).json()
        if answer["offer"]["id"] == "new-checklist":
            break
    else:
        pytest.fail("it was never drawn")
    ranked = {one["offer_id"]: one for one in answer["ranking"]}
    assert ranked["new-checklist"]["evidence"] == "prior"
    decision = service.recommender._decision(answer["decision_id"])
    assert decision.offer_version == 1


def test_what_is_never_recommended_beside_it_is_told(own):
    """So light an offer that those of the next step ask for too much is kept, with a warning."""
    light = put(own, "new-checklist", {**NEW, "effort": {"minutes": 1}}).json()["warnings"]
    assert any("'process-assessment' is never recommended beside this one" in one for one in light)
    assert own.get("/v1/offers/new-checklist").json()["warnings"] == light
    assert put(own, "new-checklist", {**NEW, "effort": {"minutes": 15}}).json()["warnings"] == []


def test_planned_for_later(own):
    """A version with an instant to come is planned, and holds from then on without another call."""
    service = service_of(own)
    then = service.clock() + DAY_US
    answer = put(own, FIRST.id, {**offer_table(FIRST), "title": "Later"}, from_at=rfc3339(then))
    body = answer.json()
    assert (body["version"], body["title"]) == (0, FIRST.title)
    assert [one["version"] for one in body["planned"]] == [1]
    put(own, "not-yet", NEW, from_at=rfc3339(then))
    assert own.get("/v1/offers/not-yet").json()["planned"][0]["from_at"] == rfc3339(then)
    service.clock = service.scorer.clock = lambda: then
    assert service.refresh()
    assert served(service).title == "Later"
    assert service.ladder.offer("not-yet") is not None


def test_mistakes_are_pointed_at(own):
    """What is wrong is told by the rules of the ladder file, each where it stands."""
    offer = {**NEW, "step": "valu", "effort": {"minutes": -1}, "colour": "red"}
    problem = is_problem(put(own, "new", offer), 422)
    assert {one["pointer"] for one in problem["errors"]} == {
        "/body/offer/step",
        "/body/offer/effort/minutes",
        "/body/offer/colour",
    }
    assert any("did you mean 'value'?" in one["detail"] for one in problem["errors"])
    other = is_problem(put(own, "new", {**NEW, "id": "old"}), 422)
    assert other["errors"][0]["pointer"] == "/body/offer/id"
    assert is_problem(put(own, "Nö", NEW), 422)["errors"][0]["pointer"] == "/body/offer/id"
    assert own.get("/v1/offers/new").status_code == 404


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"title": "a\0b"}, "title"),
        ({"title": "\x1b[31mred"}, "title"),
        ({"kind": "\x07"}, "kind"),
        ({"topics": ["a", "b\0"]}, "topics"),
        ({"framing": "a\0"}, "framing"),
        ({"effort": {"minutes": 1e308}}, "effort/minutes"),
        ({"effort": {"minutes": 3, "money": 1e300}}, "effort/money"),
        ({"guarantee_days": 2**62}, "guarantee_days"),
        ({"again_after_days": 1e11}, "again_after_days"),
        (
            {"only_after": [{"event": "x", "where": {"a.b": {"c[0]": 1}}}]},
            "only_after/0/where/a.b/c[0]",
        ),
        ({"only_after": [{"event": "x"}, 3]}, "only_after/1"),
        ({"framings": [{"id": "a", "text": "A"}, {"id": "b"}]}, "framings/1/text"),
    ],
)
def test_texts_and_numbers_that_nothing_can_hold(own, changed, place):
    """A text has no control characters, a number is one that sums can be made of."""
    problem = is_problem(put(own, "new", {**NEW, **changed}), 422)
    assert [one["pointer"] for one in problem["errors"]] == [f"/body/offer/{place}"]
    assert not problem["errors"][0]["detail"].startswith(place.partition("/")[0])
    assert own.get("/v1/offers/new").status_code == 404


def test_there_is_no_such_offer(own):
    """A name that is none is a 404 with the one that was meant."""
    assert (
        "did you mean 'framework-video'"
        in is_problem(own.get("/v1/offers/framwork-video"), 404)["detail"]
    )
    is_problem(set_status(own, "framwork-video", "paused"), 404)
    is_problem(set_status(own, FIRST.id, "gone"), 422)


def test_another_process_knows(own, start):
    """What one process was told, another one over the same store serves with its next look."""
    service = service_of(own)
    with start(service.settings.database_url, service.settings.bundle, wait=False) as other:
        set_status(own, FIRST.id, "paused")
        elsewhere = service_of(other)
        elsewhere.refresh()
        assert served(elsewhere).status == "paused"
    set_status(own, FIRST.id, "active")


def test_without_a_model(start, url, tmp_path):
    """Before there is a model there is no ladder to change: 503, as for every answer of it."""
    with start(url, tmp_path / "none", wait=False) as client:
        is_problem(client.get("/v1/offers"), 503)
        is_problem(put(client, "new", NEW), 503)


def test_a_version_that_no_longer_fits(own):
    """It is not served, the rest is, and it is said: nothing goes down for it."""
    service = service_of(own)
    source = service.ladder.source.replace('"value"', '"worth"')
    other = replace(service.ladder, source=source)
    service.store.offers.keep(
        other, {**NEW, "id": "odd", "step": "worth"}, from_at=1, now=1, by="ann"
    )
    service.refresh()
    set_status(own, FIRST.id, "paused")
    assert "offer 'odd' version 1 does not fit" in service.ladder_problem
    assert "there is no step 'worth'" in service.ladder_problem
    assert service.ladder.offer("odd") is None
    assert served(service).status == "paused"
    assert own.get("/v1/leads/lead-0001/score").status_code == 200
    assert "worth" in own.get("/readyz").json()["checks"]["ladder"]
    assert service.scorer.model.adviser.policy_name == DEFAULT


def test_two_who_edit_an_offer(own, monkeypatch):
    """Who looked at it before the other edited it is told, and nothing of the other's is lost."""
    path = f"/v1/offers/{FIRST.id}"
    looked = own.get(path)
    tag = looked.headers["etag"]
    assert own.get(path, headers={"If-None-Match": tag}).status_code == 304
    table = looked.json()["offer"]

    def edited(title: str, **headers: str):
        return own.put(path, json={"offer": {**table, "title": title}}, headers=headers)

    assert edited("First", **{"If-Match": tag}).status_code == 200
    assert is_problem(edited("Second", **{"If-Match": tag}), 412)
    assert own.get(path).json()["title"] == "First"
    assert is_problem(edited("Third", **{"If-None-Match": "*"}), 412)
    assert edited("Fourth", **{"If-Match": "*"}).status_code == 200
    assert edited("Fifth").status_code == 200

    tag, look = own.get(path).headers["etag"], routes._seen

    def look_and_wait(service, offer_id, wanted):
        seen = look(service, offer_id, wanted)
        table_of_another = {**table, "id": offer_id, "title": "Another"}
        service.keep_offer(table_of_another, from_at=None, by="another")
        return seen

    monkeypatch.setattr(routes, "_seen", look_and_wait)
    late = edited("Sixth", **{"If-Match": tag})
    assert is_problem(late, 412)["type"].endswith(":changed-meanwhile")
    assert own.get(path).json()["title"] == "Another"


def test_two_who_change_the_state_of_an_offer(own, monkeypatch):
    """Who looked at it before somebody edited it pauses nothing; nor who comes in between."""
    path = f"/v1/offers/{FIRST.id}"
    looked = own.get(path)
    tag, table = looked.headers["etag"], looked.json()["offer"]

    def paused(**headers: str):
        return own.post(f"{path}/status", json={"status": "paused"}, headers=headers)

    assert own.put(path, json={"offer": {**table, "title": "First"}}).status_code == 200
    assert is_problem(paused(**{"If-Match": tag}), 412)["type"].endswith(":changed-meanwhile")
    tag, look = own.get(path).headers["etag"], routes._seen

    def look_and_wait(service, offer_id, wanted, **more):
        seen = look(service, offer_id, wanted, **more)
        another = {**table, "id": offer_id, "title": "Another"}
        service.keep_offer(another, from_at=None, by="another")
        return seen

    with monkeypatch.context() as patch:
        patch.setattr(routes, "_seen", look_and_wait)
        assert is_problem(paused(**{"If-Match": tag}), 412)
    found = own.get(path)
    assert (found.json()["title"], found.json()["status"]) == ("Another", "active")
    assert paused(**{"If-Match": found.headers["etag"]}).json()["status"] == "paused"
    assert paused(**{"If-Match": "*"}).status_code == 200
    none = own.post("/v1/offers/none/status", json={"status": "paused"}, headers={"If-Match": "*"})
    assert is_problem(none, 404)


def test_only_a_new_offer(own):
    """One is added where there is none yet; the second who tries adds nothing."""
    path, new = "/v1/offers/checklist", {"If-None-Match": "*"}
    assert is_problem(own.put(path, json={"offer": NEW}, headers={"If-Match": "*"}), 412)
    assert own.put(path, json={"offer": NEW}, headers=new).status_code == 200
    assert is_problem(own.put(path, json={"offer": NEW}, headers=new), 412)
    assert [one["version"] for one in own.get(path).json()["versions"]] == [1]
