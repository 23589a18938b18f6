"""Ids that stand for nobody, at every door: they name no lead, link none, and it is said."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import pytest

from tests.serving.ingestion.ingesting import NOW, Ingesting

JUNK = ["undefined", "NULL", "[object Object]", "NaN", " guest ", "{{ user.id }}"]
new_id = partial(next, (f"junk-{number}" for number in count()))


def _segment(id_: str, user: str | None, visitor: str | None) -> tuple[str, Any, str]:
    call = {"type": "track", "event": "page_viewed", "messageId": id_, "timestamp": NOW}
    call |= {"userId": user} if user is not None else {}
    return "/v1/batch", {"batch": [call | ({"anonymousId": visitor} if visitor else {})]}, "userId"


def _own(id_: str, user: str | None, visitor: str | None) -> tuple[str, Any, str]:
    told = {"message_id": id_, "lead_id": user, "name": "page_viewed", "occurred_at": NOW}
    return (
        "/v1/events",
        {"events": [told | ({"anonymous_id": visitor} if visitor else {})]},
        "lead_id",
    )


def _cloud(id_: str, user: str | None, visitor: str | None) -> tuple[str, Any, str]:
    told = {"specversion": "1.0", "id": id_, "source": "s", "type": "page_viewed", "time": NOW}
    told |= {"subject": user} if user is not None else {}
    data = {"anonymousId": visitor} if visitor else {}
    return "/v1/cloudevents", [{**told, "data": data}], "subject"


DOORS = pytest.mark.parametrize("door", [_segment, _own, _cloud])
Door = Callable[[str, str | None, str | None], tuple[str, Any, str]]


def sent(service: Ingesting, door: Door, user: str | None, visitor: str | None) -> dict[str, Any]:
    """What is answered to an event of these ids; its message id is told too."""
    id_ = new_id()
    path, body, _ = door(id_, user, visitor)
    kind = "application/cloudevents-batch+json" if door is _cloud else "application/json"
    answer = service.client.post(path, json=body, headers={"Content-Type": kind})
    assert answer.status_code == 200, answer.text
    return {**answer.json(), "id": f"s {id_}" if door is _cloud else id_}


@DOORS
@pytest.mark.parametrize("junk", JUNK)
def test_beside_an_anonymous_id(service, door, junk):
    """The event is kept under the anonymous id, nothing is linked, and the answer says so."""
    links = service.links()
    said = sent(service, door, junk, "a1")
    assert (said["accepted"], said["rejected"]) == (1, [])
    assert service.row(said["id"])["lead_id"] == "a1"
    assert service.links() == links
    (warning,) = said["warnings"]
    assert (warning["index"], warning["type"]) == (0, "junk_id")
    assert warning["detail"].startswith(f"{door('', None, None)[2]} is what programs write")


@DOORS
@pytest.mark.parametrize("junk", JUNK)
def test_alone(service, door, junk):
    """An event that names nobody else is refused by name, and nothing is kept."""
    before = service.count(), service.links()
    for visitor in (None, junk):
        said = sent(service, door, junk, visitor)
        (rejected,) = said["rejected"]
        assert (said["accepted"], rejected["type"]) == (0, "junk_id")
        assert rejected["detail"].startswith(f"{door('', None, None)[2]} is what programs write")
    assert (service.count(), service.links()) == before
    assert service.group_commit.rejected["junk_id"] > 0


@DOORS
@pytest.mark.parametrize("junk", JUNK)
def test_an_anonymous_id_of_nobody(service, door, junk):
    """The event is the user's, and no anonymous id is claimed."""
    links = service.links()
    said = sent(service, door, "ann", junk)
    assert service.row(said["id"])["lead_id"] == "ann"
    assert service.links() == links
    assert "nonymous" in said["warnings"][0]["detail"]


@DOORS
def test_ids_of_somebody(service, door):
    """Nothing is remarked on where all ids are fine."""
    said = sent(service, door, "0", "anonymous-17")
    assert (said["accepted"], said["warnings"]) == (1, [])
    assert ("claim", "anonymous-17", "0") in service.links()


@pytest.mark.parametrize(
    ("user", "previous", "place"),
    [("ann", "null", "/previousId"), ("undefined", "old", "/userId"), ("nil", "nil", "/userId")],
)
def test_an_alias_of_nobody(service, user, previous, place):
    """An alias that would join a lead with nobody is refused: it says nothing else."""
    links = service.links()
    body = {"userId": user, "previousId": previous, "anonymousId": "a2", "messageId": new_id()}
    answer = service.client.post("/v1/alias", json=body)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == (f"/body{place}", "junk_id")
    assert service.links() == links


def test_a_previous_id_of_nobody(service):
    """An event in our own words is kept without the alias, and the answer says so."""
    _, body, _ = _own(new_id(), "ann", None)
    body["events"][0]["previous_id"] = "undefined"
    said = service.client.post("/v1/events", json=body).json()
    assert said["accepted"] == 1
    assert said["warnings"][0]["detail"].startswith("previous_id is what programs write")
    assert not any("undefined" in link for link in service.links())


def test_one_call(service):
    """A single call says it as well; strict handling takes it: it is no refusal."""
    body = {"event": "page_viewed", "userId": "null", "anonymousId": "a3", "messageId": new_id()}
    said = service.client.post("/v1/track", json=body).json()
    assert (said["accepted"], said["warnings"][0]["type"]) == (1, "junk_id")
    path, body, _ = _segment(new_id(), "null", "a3")
    said = service.client.post(path, json=body, headers={"Prefer": "handling=strict"}).json()
    assert (said["accepted"], len(said["warnings"])) == (1, 1)


def test_data_that_name_somebody(service):
    """A CloudEvent whose subject is nobody is of the lead that its data name."""
    path, (event,), _ = _cloud(new_id(), "undefined", None)
    event["data"] = {"lead_id": "cara"}
    kind = {"Content-Type": "application/cloudevents+json"}
    said = service.client.post(path, json=event, headers=kind).json()
    assert said["warnings"][0]["detail"].startswith("subject is what")
    assert service.row(f"s {event['id']}")["lead_id"] == "cara"


# ---------------------------------------------------------------------------------------- Companies

GROUPS = [*JUNK, "00000000-0000-0000-0000-000000000000", "  ", "'null'"]


def of_group(id_: str, group: Any, lead: str = "ann") -> list[tuple[str, dict[str, Any], str]]:
    """A group's id at each door: the address, the body, and where it stands."""
    call = {"userId": lead, "messageId": f"{id_}-1", "timestamp": NOW}
    own = {"message_id": f"{id_}-4", "lead_id": lead, "name": "seen", "occurred_at": NOW}
    hog = {"event": "seen", "distinct_id": lead, "uuid": f"{id_}-5", "timestamp": NOW}
    context = {**call, "messageId": f"{id_}-2", "type": "page", "context": {"groupId": group}}
    track = {**call, "messageId": f"{id_}-3", "type": "track", "event": "seen"}
    return [
        ("/v1/group", {**call, "groupId": group, "traits": {"name": "Nobody"}}, "groupId"),
        ("/v1/call", context, "context.groupId"),
        ("/v1/batch", {"batch": [{**track, "properties": {"group_id": group}}]}, "properties."),
        ("/v1/events", {"events": [{**own, "properties": {"group_id": group}}]}, "properties."),
        (
            "/capture/",
            {**hog, "properties": {"$groups": {"company": group}}},
            "properties.$groups.company",
        ),
    ]


@pytest.mark.parametrize("group", GROUPS)
def test_a_company_of_nobody(service, group):
    """The event is kept, the lead is no company's, and the answer says so, at every door."""
    id_ = new_id()
    for path, body, place in of_group(id_, group):
        answer = service.client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        said = answer.json()
        assert (said["accepted"], said["rejected"]) == (1, [])
        (warning,) = said["warnings"]
        assert (warning["index"], warning["type"]) == (0, "junk_id")
        assert warning["detail"].startswith(place)
        assert warning["detail"].endswith("names no company")
    assert service.store.accounts.of(["ann"]) == {}
    assert "group_id" not in service.row(f"{id_}-1")["properties"]
    assert "group_id" not in service.row(f"{id_}-2")["properties"]


def test_a_company_of_nobody_for_a_whole_batch(service):
    """What a batch says in its context is remarked on once."""
    calls = [
        {"type": "page", "userId": "ann", "messageId": new_id(), "timestamp": NOW} for _ in range(2)
    ]
    body = {"context": {"groupId": "undefined"}, "batch": calls}
    said = service.client.post("/v1/batch", json=body).json()
    assert (said["accepted"], [one["index"] for one in said["warnings"]]) == (2, [None])
    assert service.store.accounts.of(["ann"]) == {}


@pytest.mark.parametrize("group", ["acme", 0, "Null & Sons"])
def test_a_company(service, group):
    """A company of some name is one, and nothing is remarked on."""
    for path, body, _ in of_group(new_id(), group, lead := f"of-{group}"):
        if group == 0 and path == "/v1/call":  # an empty group of a context is none
            continue
        said = service.client.post(path, json=body).json()
        assert (said["accepted"], said["warnings"]) == (1, [])
        assert service.store.accounts.of([lead]) == {lead: str(group)}
