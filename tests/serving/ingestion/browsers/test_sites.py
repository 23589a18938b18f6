"""Which sites' pages may send events, and what they may read: CORS, keys for pages, limits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from features.store.migrations import open_database
from serving.app import create_app
from serving.edge.access.keys import Keys
from serving.ingestion.browsers.sites import takes_events
from serving.settings import Settings
from tests.serving.conftest import service_of

SITE, OTHER = "https://www.example.com", "https://evil.example"
LOCAL = "http://localhost:3000"
CALL = {"type": "track", "anonymousId": "v1", "event": "seen"}


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> dict[str, str]:
    """Keys of a site, of every site, of servers, and one that reads; and the store they are in."""
    url = f"sqlite:///{tmp_path_factory.mktemp('sites') / 'rung.db'}"
    with open_database(url) as database:
        made = Keys(database)
        ingest = ["ingest"]
        return {
            "url": url,
            "site": made.create("site", ingest, origins=[SITE, "http://localhost:3000"], as_of=1)[
                1
            ],
            "server": made.create("server", ingest, as_of=1)[1],
            "read": made.create("reader", ["read"], as_of=1)[1],
        }


@pytest.fixture(scope="module")
def client(keys) -> Iterator[TestClient]:
    settings = Settings(database_url=keys["url"], browser_rate_limit=20.0)
    with TestClient(create_app(settings), "http://127.0.0.1", client=("10.0.0.1", 5)) as client:
        yield client


def preflight(client, path="/v1/track", origin=SITE, headers="authorization,content-type"):
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": headers,
    }
    return client.options(path, headers=asked)


def send(client, key, origin=None, path="/v1/track", **more):
    headers = {"Authorization": f"Bearer {key}", **({"Origin": origin} if origin else {})}
    return client.post(path, json={**CALL, **more}, headers=headers)


@pytest.mark.parametrize("path", ["/v1/t", "/v1/track", "/v1/batch", "/v1/b", "/v1/call", "/v1/m"])
def test_asked_beforehand(client, path):
    """A site that a key names may; with the headers that its client sends."""
    answer = preflight(client, path, headers="anonymousid,authorization,content-type,sentat")
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == SITE
    assert answer.headers["vary"] == "Origin"
    assert answer.headers["access-control-allow-headers"] == (
        "anonymousid,authorization,content-type,sentat"
    )
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin", [OTHER, "null", "http://www.example.com", SITE + ":8443", SITE + "."]
)
def test_asked_by_another_site(client, origin):
    """One that no key names may not; the answer says how it might."""
    answer = preflight(client, origin=origin)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    assert "--origin" in answer.json()["detail"]


@pytest.mark.parametrize(
    "path", ["/v1/queue", "/v1/scores", "/v1/leads/a/score", "/v1/recommendations", "/", "/login"]
)
def test_reading_is_not_for_pages(client, keys, path):
    """Nothing but sending events is open to pages, whatever the key."""
    assert not takes_events(path)
    answer = preflight(client, path)
    assert answer.status_code in (403, 404, 405)
    assert "access-control-allow-origin" not in answer.headers
    read = client.get(path, headers={"Authorization": f"Bearer {keys['read']}", "Origin": SITE})
    assert "access-control-allow-origin" not in read.headers


@pytest.mark.parametrize("origin", ["http://[", "https://[::1", "//["])
def test_what_is_no_site(client, keys, origin):
    """An origin that is none is that of another site, and no error of ours."""
    for key in ("site", "read"):
        assert send(client, keys[key], origin, messageId="m1").status_code == 403
    assert preflight(client, "/v1/track", origin).status_code == 403


def test_sent_by_a_page(client, keys):
    """Its own site may read the answer."""
    answer = send(client, keys["site"], SITE, messageId="m1")
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == SITE
    assert "Retry-After" in answer.headers["access-control-expose-headers"]
    assert "Origin" in answer.headers["vary"]


def test_a_text_with_the_key_in_the_address(client, keys):
    """As a page sends it that closes: no headers of its own, labelled as text."""
    target = f"/beacon/v1/batch?writeKey={keys['site']}"
    content = '{"batch":[{"type":"page","anonymousId":"v2","messageId":"b1"}]}'
    headers = {"Content-Type": "text/plain;charset=UTF-8", "Origin": SITE}
    answer = client.post(target, content=content, headers=headers)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
    assert keys["site"].rpartition("_")[2] not in answer.text


@pytest.mark.parametrize(("key", "origin"), [("site", OTHER), ("server", SITE), ("site", "null")])
def test_a_site_that_the_key_is_not_for(client, keys, key, origin):
    """It is refused; a site that another key names may read why, any other not. Nothing is kept."""
    before = service_of(client).store.count()
    answer = send(client, keys[key], origin, messageId="m2")
    assert answer.status_code == 403
    assert answer.headers.get("access-control-allow-origin") == (SITE if origin == SITE else None)
    assert origin in answer.json()["detail"]
    assert service_of(client).store.count() == before


def test_servers_are_as_before(client, keys):
    """A key without sites is for callers that are no pages; so is one with sites."""
    for key in ("server", "site"):
        assert send(client, keys[key], messageId=f"s-{key}").status_code == 200


def test_the_first_step_asks_for_nothing(client, keys):
    """Personal data of somebody unknown are refused from pages as from anywhere."""
    said = {"email": "ann@acme.com"}
    answer = send(client, keys["site"], SITE, path="/v1/t", messageId="p1", properties=said)
    assert answer.status_code == 422
    assert "personal" in answer.text


STAFF_SAID = {"by": "Ann", "text": "hot", "until": "2027-01-01T00:00:00Z"}
STAFF = ["note_added", "lead_claimed", "lead_released", "lead_snoozed"]


@pytest.mark.parametrize("event", STAFF)
@pytest.mark.parametrize("path", ["/v1/t", "/v1/track"])
def test_what_people_say_of_a_lead_comes_from_no_page(client, keys, path, event):
    """A public key neither takes a lead into hands nor writes notes; a key of a server may."""
    said = {"userId": "ann", "event": event, "properties": STAFF_SAID}
    before = service_of(client).store.count()
    for origin in (SITE, None):  # whoever copies the key into a script is no member of staff
        answer = send(client, keys["site"], origin, path, messageId=f"n-{event}", **said)
        assert answer.status_code == 403
        assert answer.json()["type"].endswith(":not-allowed")
        assert event in answer.json()["detail"]
    assert service_of(client).store.count() == before
    answer = send(client, keys["server"], None, path, messageId=f"n-{event}-{path}", **said)
    assert answer.json()["accepted"] == 1


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/b", "/v1/events", "/v1/cloudevents", "/batch/"])
def test_a_batch_of_a_page_that_speaks_for_staff(client, keys, path):
    """Of a batch such an event alone is refused, by every address; the ladder's own are taken."""
    told = ["note_added", "lead_disqualified", "seen"]
    headers = {"Authorization": f"Bearer {keys['site']}", "Origin": SITE}
    body, label = _batch(path, told)
    answer = client.post(path, json=body, headers=headers | label)
    assert answer.status_code == 200
    rejected = [(one["index"], one["type"]) for one in answer.json()["rejected"]]
    assert (answer.json()["accepted"], rejected) == (2, [(0, "not_from_pages")])


def _batch(path: str, names: list[str]) -> tuple[object, dict[str, str]]:
    """A batch of events as an address takes it, and what it is labelled as."""
    ids = [f"{path}-{name}" for name in names]
    if path == "/v1/events":
        at = "2026-03-01T12:00:00Z"
        some = [
            {"message_id": id_, "lead_id": "ann", "name": name, "occurred_at": at}
            for id_, name in zip(ids, names, strict=True)
        ]
        return {"events": some}, {}
    if path == "/v1/cloudevents":
        own = {"specversion": "1.0", "source": "/site", "subject": "ann"}
        some = [own | {"id": id_, "type": name} for id_, name in zip(ids, names, strict=True)]
        return some, {"Content-Type": "application/cloudevents-batch+json"}
    if path == "/batch/":
        some = [
            {"uuid": id_, "distinct_id": "ann", "event": name}
            for id_, name in zip(ids, names, strict=True)
        ]
        return {"batch": some}, {}
    some = [
        {"type": "track", "messageId": id_, "userId": "ann", "event": name}
        for id_, name in zip(ids, names, strict=True)
    ]
    return {"batch": some}, {}


def test_one_browser_too_often(client, keys):
    """An address has so many a second, whatever is left for others; the client is told to wait."""
    refused = [
        answer
        for at in range(80)
        if (answer := send(client, keys["site"], SITE, messageId=f"r{at}")).status_code == 429
    ]
    assert refused
    assert refused[0].headers["retry-after"]
    assert refused[0].headers["access-control-allow-origin"] == SITE
    assert "Retry-After" in refused[0].headers["access-control-expose-headers"]
    assert "browser" in refused[0].json()["detail"]
    assert send(client, keys["server"], messageId="after").status_code == 200


def test_a_page_may_read_what_is_wrong(client):
    """A key that is not known, and what needs none, are answered to sites that any key names."""
    for origin, shown in ((SITE, SITE), (OTHER, None)):
        for path in ("/v1/m", "/v1/t"):
            headers = {"Origin": origin, "Authorization": "Bearer rung_nobody_x"}
            answer = client.post(path, json=CALL, headers=headers)
            assert answer.status_code == (200 if path == "/v1/m" else 401)
            assert answer.headers.get("access-control-allow-origin") == shown


def test_what_clients_ask_first(client, keys):
    """Their settings, for a key that holds; nothing for another."""
    segment = client.get(f"/v1/projects/{keys['server']}/settings").json()
    own = segment["integrations"]["Segment.io"]
    assert (own["apiKey"], own["apiHost"]) == (keys["server"], "127.0.0.1/v1")
    assert segment["metrics"] == {"sampleRate": 0}
    rudder = client.get("/sourceConfig/", params={"writeKey": keys["server"]}).json()["source"]
    assert (rudder["writeKey"], rudder["enabled"], rudder["destinations"]) == (
        keys["server"],
        True,
        [],
    )
    for path in ("/v1/projects/rung_a_b/settings", "/sourceConfig/?writeKey=nonsense"):
        assert client.get(path).status_code == 401
    assert client.get(f"/v1/projects/{keys['read']}/settings").status_code == 403
