"""What PostHog's libraries send: the call that each event is."""

from __future__ import annotations

import gzip
import json

import pytest

AT = "2026-01-01T00:00:00Z"


def event(name, id_, **more):
    return {"event": name, "distinct_id": "ann", "uuid": id_, "timestamp": AT, **more}


def sent(service, *events, **more):
    return service.client.post("/batch/", json={"batch": list(events), **more}).json()


@pytest.mark.parametrize(
    ("told", "name", "lead", "properties"),
    [
        (
            event("Demo Requested", "p1", properties={"plan": "team", "$lib": "x", "$os": "y"}),
            "Demo Requested",
            "ann",
            {"plan": "team"},
        ),
        (
            event("$pageview", "p2", properties={"$current_url": "https://x.io/a", "title": "A"}),
            "page_viewed",
            "ann",
            {"url": "https://x.io/a", "title": "A"},
        ),
        (
            event("$screen", "p3", properties={"$screen_name": "Home"}),
            "screen_viewed",
            "ann",
            {"name": "Home"},
        ),
        (
            event("$identify", "p4", **{"$set": {"role": "cto"}}),
            "identify",
            "ann",
            {"role": "cto"},
        ),
        (
            event("$set", "p5", properties={"$set": {"a": 1, "b": 1}}, **{"$set": {"a": 2}}),
            "identify",
            "ann",
            {"a": 2, "b": 1},
        ),
        (
            event("$create_alias", "p6", properties={"alias": "old", "distinct_id": "ann"}),
            "alias",
            "ann",
            {},
        ),
        (
            event("seen", "p9", properties={"a": 1, "$groups": {"company": "acme"}, "token": "x"}),
            "seen",
            "ann",
            {"a": 1, "group_id": "acme"},
        ),
        (
            event("seen", "p7", distinct_id="device-1", properties={"$device_id": "device-1"}),
            "seen",
            "device-1",
            {},
        ),
        (
            {
                "event": "seen",
                "uuid": "p8",
                "timestamp": AT,
                "properties": {"distinct_id": "bob", "n": 1},
            },
            "seen",
            "bob",
            {"n": 1},
        ),
    ],
)
def test_events(service, told, name, lead, properties):
    """The name, the lead and the properties that are the sender's own."""
    assert sent(service, told) == {
        **{"success": True, "accepted": 1, "duplicates": 0, "rejected": [], "warnings": []}
    }
    row = service.row(told["uuid"])
    assert (row["name"], row["lead_id"], row["properties"]) == (name, lead, properties)
    assert sent(service, told)["duplicates"] == 1


def test_who_is_whom(service):
    """An identification, and an alias, make one lead of two ids."""
    sent(service, event("$identify", "w1", properties={"$anon_distinct_id": "visitor"}))
    sent(
        service,
        event("$create_alias", "w2", properties={"alias": "former"}),
        event("$merge_dangerously", "w3", properties={"alias": "other"}),
    )
    assert {service.store.lead_of(one) for one in ("visitor", "former", "other")} == {"ann"}


def test_what_an_event_sets_of_the_person(service):
    """Traits beside other properties are an event of their own, once, and refused by its place."""
    told = event("Demo Requested", "s1", properties={"plan": "team", "$set": {"role": "cfo"}})
    assert sent(service, told)["accepted"] == 2
    assert sent(service, told)["duplicates"] == 2
    assert service.row("s1")["properties"] == {"plan": "team"}
    traits = service.row("s1-set")
    assert (traits["name"], traits["lead_id"], traits["properties"]) == (
        *("identify", "ann"),
        {"role": "cfo"},
    )
    answer = sent(service, {**told, "uuid": "s2"}, event("", "s3"), event("seen", "s4"))
    assert [(one["index"], one["message_id"]) for one in answer["rejected"]] == [(1, "s3")]
    once = sent(service, event("seen", "s5", **{"$set_once": {"first": 1}}))
    assert [one["type"] for one in once["warnings"]] == ["not_kept"]


@pytest.mark.parametrize(
    ("said", "is_unknown"),
    [
        ({}, False),
        ({"$is_identified": False}, True),
        ({"$process_person_profile": False}, True),
        ({"$device_id": "ann"}, True),
        ({"$device_id": "ann", "$is_identified": True}, False),
        ({"$device_id": "other"}, False),
    ],
)
def test_whose_id_it_is(service, said, is_unknown):
    """Of somebody unknown no contact data is taken, and no group."""
    chat = event("chat", f"k{said}", properties={"email": "a@acme.com", **said})
    refused = [one["type"] for one in sent(service, chat)["rejected"]]
    assert refused == (["personal_data"] if is_unknown else [])
    group = event("$groupidentify", f"g{said}", properties={"$group_key": "acme", **said})
    assert bool(sent(service, group)["rejected"]) == is_unknown


def test_a_group_of_nobody(service):
    """The Python library makes up an id where it is told of none, another one with each call: that
    is no lead. Of its events, and of those of pages, such an id is somebody's."""
    made_up = {"distinct_id": "b89f3e97-fb98-4404-ba38-4a9e949da6f5"}
    python = {"properties": {"$group_key": "acme", "$lib": "posthog-python"}}
    group = event("$groupidentify", "gn1", **python)
    (rejected,) = sent(service, group | made_up)["rejected"]
    assert rejected["detail"] == "it tells of a group alone, and of no lead"
    assert sent(service, group)["accepted"] == 1
    assert sent(service, event("seen", "gn2", **python) | made_up)["accepted"] == 1
    page = {"properties": {"$group_key": "acme", "$lib": "web"}}
    assert sent(service, event("$groupidentify", "gn3", **page) | made_up)["accepted"] == 1


OF_NOBODY = {"$process_person_profile": False, "$lib": "posthog-python", "$is_server": True}
MADE_UP = "5457d114-6086-41fc-9e1b-99fe1bab215d"
OF_NODE = "0198c2a4-7d1e-7c3b-9a10-2b6f0e5d4c3a"


@pytest.mark.parametrize(
    ("name", "id_", "more"),
    [
        ("$exception", MADE_UP, {}),
        ("$exception", OF_NODE, {"$lib": "posthog-node"}),
        ("$ai_generation", MADE_UP, {"$ai_trace_id": MADE_UP}),
        ("$ai_trace", "trace_7f", {"$ai_trace_id": "trace_7f"}),
    ],
)
def test_what_a_server_did_for_nobody(service, name, id_, more):
    """An error of a server, or what it asked of a model, is no lead where the library made up its
    id."""
    told = event(name, f"np-{name}-{id_}", properties=OF_NOBODY | more) | {"distinct_id": id_}
    (rejected,) = sent(service, told)["rejected"]
    assert rejected["detail"] == "it tells what a server did, for nobody that is named"


@pytest.mark.parametrize(
    ("name", "id_", "more"),
    [
        ("$exception", "ann", {}),
        ("$exception", MADE_UP, {"$process_person_profile": True}),
        ("$exception", MADE_UP, {"$session_id": "s"}),
        ("$exception", OF_NODE, {"$lib": "web", "$device_id": OF_NODE}),
        ("$exception", OF_NODE, {"$lib": "web"}),
        ("Demo Requested", MADE_UP, {}),
    ],
)
def test_what_a_server_did_for_somebody(service, name, id_, more):
    """It is kept where somebody is named, and so is what may be a visitor's."""
    told = event(name, f"sp-{name}-{id_}-{len(more)}", properties=OF_NOBODY | more)
    assert sent(service, told | {"distinct_id": id_})["rejected"] == []


def test_a_large_batch(service):
    """A hundred events of some kilobytes are one batch of the libraries."""
    large = [event("seen", f"large{at}", properties={"note": "x" * 9_000}) for at in range(100)]
    assert sent(service, *large)["accepted"] == 100


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (event("$groupidentify", "r1") | {"distinct_id": "$company_7"}, "of no lead"),
        (event("seen", "r2", properties=[1]), "properties are an object"),
        (event("$set", "r3", **{"$set": "x"}), "$set is an object"),
        ({"event": "seen", "uuid": "r4"}, "a distinct_id is needed"),
        ("seen", "an event is a JSON object"),
        (event("seen", "r5", timestamp="yesterday"), "timestamp"),
    ],
)
def test_rejected(service, told, why):
    """What will not do is named, and the others are kept."""
    answer = sent(service, told, event("seen", f"good-{why}"))
    assert answer["accepted"] == 1
    assert why in answer["rejected"][0]["detail"]


def test_a_clock_that_is_wrong(service):
    """As Segment's: what the sender's clock is wrong by shows in when it sent."""
    service.clock = lambda: 1_767_225_600_000_000 + 3_600_000_000  # an hour after AT
    sent(service, event("seen", "c1"), sent_at="2026-01-01T00:00:10Z")
    assert service.row("c1")["occurred_at"] == service.clock() - 10_000_000


@pytest.mark.parametrize("path", ["/capture/", "/i/v0/e/"])
def test_one_event(service, path):
    """Alone, compressed, labelled as something else."""
    body = gzip.compress(json.dumps(event("seen", f"one{path}")).encode())
    headers = {"Content-Encoding": "gzip", "Content-Type": "text/plain"}
    assert service.client.post(path, content=body, headers=headers).json()["accepted"] == 1
    assert service.client.post(path, json=event("rung_decision", "x")).status_code == 422
    assert service.client.post("/batch/", json=[]).status_code == 422
