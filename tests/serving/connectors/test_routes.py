"""The routes: the order of checks, what is kept, and what a vendor is answered."""

import gzip
import hashlib
import hmac
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from features.errors import StoreError
from features.ladder.action import STAFF
from features.ladder.file import read_ladder
from serving.app import create_app
from serving.connectors.configuration import VENDORS
from serving.connectors.routes import OutputFields
from serving.settings import Settings, SettingsError
from tests.serving import world
from tests.serving.conftest import _documented, service_of
from tests.serving.connectors import vendors
from tests.serving.connectors.vendors import SAMPLES, SECRET, SIGN
from tests.serving.shapes import check_shape

SOURCES = """
[[source]]
name = "forms"
signature = "hmac-sha256-hex"
secret = "env:TEST_FORMS_SECRET"
header = "X-Forms-Signature"
subject = "user"
event = "form_submitted"
message_id = "id"

[[source]]
name = "open"
signature = "none"
subject = "user"
anonymous = "visitor"
event = "form_submitted"
message_id = "id"

[[source]]
name = "named"
signature = "none"
subject = "user"
event_at = "event"
message_id = "id"
properties = {until = "until", by = "by"}
"""


@contextmanager
def running(tmp_path, bundle, url=None) -> Iterator[TestClient]:
    """A service with every vendor on, and two sources in its ladder."""
    file, ladder = tmp_path / "connectors.toml", tmp_path / "ladder.toml"
    file.write_text("".join(f'[{name}]\nsecret = "{SECRET}"\n' for name in VENDORS))
    ladder.write_text(read_ladder("b2b").source + SOURCES)
    settings = Settings(
        database_url=url or f"sqlite:///{tmp_path / 'rung.db'}",
        bundle=bundle,
        rescore_seconds=3600.0,
        connectors=file,
        ladder=str(ladder),
    )
    with TestClient(
        create_app(settings),
        vendors.ORIGIN,
        raise_server_exceptions=False,
        client=("127.0.0.1", 50000),
    ) as client:
        client.event_hooks["response"] = [_documented()]
        yield client


@pytest.fixture(scope="module")
def client(tmp_path_factory) -> Iterator[TestClient]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TEST_FORMS_SECRET", SECRET)
        path = tmp_path_factory.mktemp("connectors")
        with running(path, path / "nothing") as client:
            yield client


def send(client, name, payload, *, at=None, sign=None, target=None, body=None):
    """Send a payload as a vendor does."""
    target = target or f"/v1/connectors/{name}"
    body = json.dumps(payload).encode() if body is None else body
    stamp = vendors.present() if at is None else at
    headers = (sign or SIGN[name])(body, stamp, target)
    return client.post(target, content=body, headers=headers)


_COUNT = count(1)


def fresh(name):
    """A vendor's payload that says something new."""
    text, number = json.dumps(SAMPLES[name]), next(_COUNT)
    for old in ("01CIO", "evt_1", '"eventId": 1', "invitees/I1", '"id": 5', '"P1"'):
        new = f"{old[:-1]}-{number}" + old[-1] if old[-1] == '"' else f"{old}{number}"
        text = text.replace(old, new)
    return json.loads(text)


# ------------------------------------------------------------------------------------------- Taking


@pytest.mark.parametrize(
    ("name", "most"), [("stripe", 5 * 2**20), ("open", 5 * 2**20), ("hubspot/actions", 2**16)]
)
def test_no_longer_than_it_says(client, name, most):
    """A body is read as far as the address takes it, before it is known who signed it."""
    for more, is_too_large in ((0, False), (1, True)):
        for body, packed in ((b" " * (most + more), {}), _packed(b" " * (most + more))):
            sign = SIGN.get(name.partition("/")[0], lambda *_: {})
            target = f"/v1/connectors/{name}"
            headers = sign(body, vendors.present(), target) | packed
            answer = client.post(target, content=body, headers=headers)
            assert (answer.status_code == 413) is is_too_large, answer.text


def _packed(body):
    return gzip.compress(body, 1), {"Content-Encoding": "gzip"}


@pytest.mark.parametrize("name", VENDORS)
def test_taken(client, name):
    """A signed request is answered with what became of it, and its event is stored."""
    answer = send(client, name, fresh(name))
    assert answer.status_code == 200
    assert answer.json() == {
        "success": True,
        "accepted": 1,
        "duplicates": 0,
        "ignored": 0,
        "rejected": [],
        "warnings": [],
    }


@pytest.mark.parametrize("name", VENDORS)
def test_signed_anew(client, name):
    """The same events in another request are duplicates, and a success."""
    payload = fresh(name)
    send(client, name, payload)
    again = json.dumps(payload, indent=1).encode()
    answer = send(client, name, None, body=again)
    assert answer.status_code == 200
    assert (answer.json()["accepted"], answer.json()["duplicates"]) == (0, 1)


def test_stored_under_the_id_that_was_sent(client):
    """What was taken is among the lead's events, and its customer belongs to the lead."""
    payload = vendors.stripe_checkout(client_reference_id="buyer", customer="cus_of_buyer")
    payload["id"] = "evt_of_buyer"
    assert send(client, "stripe", payload).json()["accepted"] == 1
    store = service_of(client).store
    assert [row[0] for row in store.events_of("buyer")] == ["order_placed"]
    assert store.lead_of("stripe-cus_of_buyer") == "buyer"


def test_unmapped_and_broken(client):
    """What nobody asked for is counted, what cannot be used is told; the rest is kept."""
    items = [
        vendors.hubspot_change(eventId=900),
        vendors.hubspot_change("company.creation"),
        {"subscriptionType": "contact.creation"},
    ]
    answer = send(client, "hubspot", items).json()
    assert (answer["accepted"], answer["ignored"]) == (1, 1)
    assert answer["rejected"] == [{"index": 2, "type": "missing", "detail": "it names nobody"}]


def test_minutes_across_requests(client):
    """Joining and leaving are two requests; the minutes complete a step of the shipped ladder."""
    ids = {"email": "visitor@example.com"}
    for kind, at in (("joined", "10:00"), ("left", "10:41")):
        event = vendors.zoom_event(f"webinar.participant_{kind}", at, "visitor", **ids)
        assert send(client, "zoom", event).json()["accepted"] == 1
    sent_id = "email-" + hashlib.sha256(b"visitor@example.com").hexdigest()[:32]
    rows = service_of(client).store.events_of(sent_id)
    assert [(row[0], row[3].get("minutes")) for row in rows] == [
        ("webinar_joined", None),
        ("webinar_attended", 41),
    ]


def test_minutes_of_requests_at_once(client, monkeypatch):
    """A request that looked before the other one was stored finds it once it is stored itself."""
    ids = {"email": "hurried@example.com"}
    left = vendors.zoom_event("webinar.participant_left", "10:41", "hurried", **ids)
    assert send(client, "zoom", left).json()["accepted"] == 1
    store, looks = service_of(client).store, []
    events_of = store.events_of

    def looked(id_):
        looks.append(id_)
        return [] if len(looks) == 1 else events_of(id_)

    monkeypatch.setattr(store, "events_of", looked)
    joined = vendors.zoom_event("webinar.participant_joined", "10:00", "hurried", **ids)
    assert send(client, "zoom", joined).json()["accepted"] == 2
    rows = store.events_of(looks[0])
    assert [row[3]["minutes"] for row in rows if "minutes" in row[3]] == [41]


def test_challenge(client):
    """A signed challenge is answered at once, as often as it is asked."""
    ask = {"event": "endpoint.url_validation", "event_ts": 1, "payload": {"plainToken": "abc"}}
    wanted = hmac.new(SECRET.encode(), b"abc", hashlib.sha256).hexdigest()
    for _ in range(2):
        answer = send(client, "zoom", ask, at=vendors.present())
        assert answer.json() == {"plainToken": "abc", "encryptedToken": wanted}
    shape = client.get("/openapi.json").json()["components"]["schemas"]["ChallengeAnswer"]
    assert set(shape["properties"]) == set(answer.json())


# ----------------------------------------------------------------------------------------- Refusing


def kind_of(answer):
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


@pytest.mark.parametrize("name", VENDORS)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer rung_x_y"}])
def test_unsigned(client, name, headers):
    """A request without a signature is refused, whatever key it shows; nothing is stored."""
    before = service_of(client).store.count()
    answer = client.post(f"/v1/connectors/{name}", json=fresh(name), headers=headers)
    assert kind_of(answer) == (401, "unsigned-request")
    assert service_of(client).store.count() == before


@pytest.mark.parametrize("name", VENDORS)
def test_another_secret(client, name, monkeypatch):
    """A request that was signed with another secret is refused."""
    monkeypatch.setattr(vendors, "digest", lambda m: hmac.new(b"x", m, hashlib.sha256).digest())
    assert kind_of(send(client, name, fresh(name))) == (401, "unsigned-request")


def test_signature_before_body(client):
    """A body is not even read before its signature is known to be right."""
    answer = client.post("/v1/connectors/stripe", content=b"{")
    assert kind_of(answer) == (401, "unsigned-request")


@pytest.mark.parametrize("name", [name for name in VENDORS if name != "mautic"])
@pytest.mark.parametrize("seconds", [-310, 310])
def test_too_old_or_ahead(client, name, seconds):
    """A request that was signed too long ago, or in the future, is refused."""
    answer = send(client, name, fresh(name), at=vendors.present() + seconds)
    assert kind_of(answer) == (401, "unsigned-request")
    assert "300 are tolerated" in answer.json()["detail"]


@pytest.mark.parametrize("name", VENDORS)
def test_replay(client, name):
    """The very same request a second time is a success, and stores nothing."""
    payload, at = fresh(name), vendors.present()
    assert send(client, name, payload, at=at).json()["accepted"] == 1
    before = service_of(client).store.count()
    again = send(client, name, payload, at=at)
    assert again.status_code == 200
    assert (again.json()["accepted"], again.json()["duplicates"]) == (0, 1)
    assert service_of(client).store.count() == before


def test_failed_request_is_no_replay(client, monkeypatch):
    """A request whose events were not stored may come again as it is."""
    payload, at = fresh("stripe"), vendors.present()
    ingest = service_of(client).group_commit

    async def full(_):
        raise StoreError("full")

    with monkeypatch.context() as broken:
        broken.setattr(ingest, "put", full)
        assert kind_of(send(client, "stripe", payload, at=at)) == (503, "store-unavailable")
    assert send(client, "stripe", payload, at=at).json()["accepted"] == 1


@pytest.mark.parametrize(
    ("name", "body"),
    [
        *((name, b"{") for name in VENDORS),
        *((name, b"3") for name in VENDORS),
        ("hubspot", b"[" + b"{}," * 2500 + b"{}]"),
        ("zoom", b'{"event": "endpoint.url_validation"}'),
    ],
)
def test_malformed(client, name, body):
    """A signed body that is not what the vendor sends is a 422."""
    assert kind_of(send(client, name, None, body=body)) == (422, "invalid-payload")


@pytest.mark.parametrize("name", ["none", "hubspot%00", "salesforce"])
def test_unknown(client, name):
    """A connector that there is none of is a 404 that lists those there are."""
    answer = client.post(f"/v1/connectors/{name}", content=b"{}")
    assert kind_of(answer) == (404, "unknown-connector")
    assert "calendly" in answer.json()["detail"]


def test_off(tmp_path):
    """A connector that is off says how to switch it on."""
    settings = Settings(f"sqlite:///{tmp_path / 'a.db'}", tmp_path / "none")
    with TestClient(create_app(settings), vendors.ORIGIN, client=("127.0.0.1", 1)) as client:
        for path in ("stripe", "hubspot/actions"):
            answer = client.post(f"/v1/connectors/{path}", content=b"{}")
            assert kind_of(answer) == (404, "unknown-connector")
            assert "RUNG_CONNECTORS" in answer.json()["detail"]


# ------------------------------------------------------------------------------------------ Sources


def forms(body, *_):
    return {"X-Forms-Signature": vendors.digest(body).hex()}


def test_source(client):
    """A source of the ladder is a connector like any other."""
    item = {"user": "lead-of-forms", "id": 1}
    assert send(client, "forms", item, sign=forms).json()["accepted"] == 1
    assert send(client, "forms", item, sign=forms).json()["duplicates"] == 1
    assert kind_of(client.post("/v1/connectors/forms", json=item)) == (401, "unsigned-request")
    (row,) = service_of(client).store.events_of("lead-of-forms")
    assert row[0] == "form_submitted"


def test_source_without_signature(tmp_path):
    """A source that is not signed needs a key with the scope ingest, once there are keys."""
    with running(tmp_path, tmp_path / "nothing") as client:
        item = {"user": "lead-of-open", "id": 1}
        assert client.post("/v1/connectors/open", json=item).json()["accepted"] == 1
        texts = with_keys(client, "ingest", "read")
        assert kind_of(client.post("/v1/connectors/open", json=item)) == (401, "key-needed")
        for scope, status in (("ingest", 200), ("read", 403)):
            answer = client.post("/v1/connectors/open", json=item, headers=bearer(texts[scope]))
            assert answer.status_code == status
        assert send(client, "stripe", fresh("stripe")).status_code == 200


def test_a_form_of_a_page(tmp_path):
    """A form comes as its page sends it; one of which nothing can be used is noted as refused."""
    with running(tmp_path, tmp_path / "nothing") as client:
        app = client.app
        assert isinstance(app, FastAPI)
        noted, open_ = app.state.received, "/v1/connectors/open"
        answer = client.post(open_, data={"user": "f0", "id": "0"}).json()
        assert answer["accepted"] == 1
        answer = client.post(open_, files={"user": (None, "f1"), "id": (None, "1")}).json()
        assert answer["accepted"] == 1
        for lead in ("f0", "f1"):
            assert len(service_of(client).store.events_of(lead)) == 1
        assert not noted.of(["open"])["open"].refused_at
        answer = client.post(open_, files={"id": (None, "2")}).json()
        assert answer["rejected"][0]["type"] == "missing"
        assert noted.of(["open"])["open"].is_failing
        assert noted.of(["open"])["open"].why == "1 of 1 events, as it names nobody"


def with_keys(client, *scopes, **more):
    """Keys that a running service knows, by their scopes."""
    app = client.app
    assert isinstance(app, FastAPI)
    keys = app.state.access.keys
    texts = {scope: keys.create(scope, [scope], as_of=1, **more)[1] for scope in scopes}
    app.state.access._known = app.state.access._known.of(keys.all(), 1e12)
    return texts


@pytest.mark.parametrize("name", sorted(STAFF))
def test_a_page_says_nothing_of_those_who_work_with_leads(tmp_path, name):
    """What a key for pages may not send by any door, it may not send by a source either."""
    with running(tmp_path, tmp_path / "nothing") as client:
        public = with_keys(client, "ingest", origins=["https://www.example.com"])["ingest"]
        own = with_keys(client, "ingest")["ingest"]
        item = {"user": "ada", "event": name, "id": 1, "until": "2026-03-01T00:00:00Z", "by": "Bo"}
        for shown in ({"params": {"writeKey": public}}, {"headers": bearer(public)}):
            answer = client.post("/v1/connectors/named", json=item, **shown).json()
            assert answer["accepted"] == 0
            (rejected,) = answer["rejected"]
            assert "a key for pages is public" in rejected["detail"]
        answer = client.post("/v1/connectors/named", json=item, headers=bearer(own))
        assert answer.json()["accepted"] == 1, answer.text


def bearer(text):
    return {"Authorization": f"Bearer {text}"}


def zipped(item):
    return gzip.compress(json.dumps(item).encode())


def test_a_body_may_be_zipped(client):
    """With and without a signature, which is that of the body as it was sent; a form likewise."""
    item, packed = {"user": "zip", "id": "z1"}, {"Content-Encoding": "gzip"}
    signed = packed | forms(zipped(item))
    answer = client.post("/v1/connectors/forms", content=zipped(item), headers=signed)
    assert answer.json()["accepted"] == 1, answer.text
    answer = client.post("/v1/connectors/open", content=zipped(item), headers=packed)
    assert answer.json()["accepted"] == 1, answer.text
    form = {**packed, "Content-Type": "application/x-www-form-urlencoded"}
    body = gzip.compress(b"user=zip&id=z2")
    answer = client.post("/v1/connectors/open", content=body, headers=form)
    assert answer.json()["accepted"] == 1, answer.text


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (zlib.compress(b"{}"), "deflate", 415),
        (b"{}", "br", 415),
        (b"{}", "gzip", 400),
        (gzip.compress(b" " * (17 * 1024 * 1024)), "gzip", 413),
    ],
)
def test_what_cannot_be_unzipped(client, body, encoding, status):
    """It is refused as at every other door."""
    headers = {"Content-Encoding": encoding}
    answer = client.post("/v1/connectors/open", content=body, headers=headers)
    assert answer.status_code == status


def test_all_that_is_rejected_is_told(client):
    """However much that is, by its place and with a stable word."""
    items = [{"id": number} for number in range(150)]
    answer = client.post("/v1/connectors/open", json=items).json()
    assert [one["index"] for one in answer["rejected"]] == list(range(150))
    assert {one["type"] for one in answer["rejected"]} == {"missing"}


def test_what_was_passed_over_is_told(client):
    """An event that is kept without all that it says has a warning by its place."""
    items = [{"user": "w1", "id": "w1"}, {"user": "undefined", "id": "w2", "visitor": "w2"}]
    answer = client.post("/v1/connectors/open", json=items).json()
    assert answer["accepted"] == 2
    (warning,) = answer["warnings"]
    assert (warning["index"], warning["type"]) == (1, "junk_id")


# --------------------------------------------------------------------------------- Workflow actions


def act(client, payload, **more):
    return send(client, "hubspot", payload, target="/v1/connectors/hubspot/actions", **more)


def about(lead):
    return {
        "callbackId": "ap-1",
        "origin": {"portalId": 1},
        "context": {"source": "WORKFLOWS"},
        "object": {"objectId": 614, "objectType": "CONTACT"},
        "inputFields": {"lead_id": lead},
    }


@pytest.fixture(scope="module")
def scored(folder, tmp_path_factory) -> Iterator[TestClient]:
    """A service with leads and a model."""
    path = tmp_path_factory.mktemp("scored")
    url = world.filled(path, world.climber("lead-7", world.now(), 2))
    with running(path, folder / "rates", url) as client:
        yield client


def test_action(scored):
    """A workflow gets the score that the lead has, and what to do next."""
    fields = act(scored, about("lead-7")).json()["outputFields"]
    score = service_of(scored).scorer.score("lead-7")
    assert score["probability"] is not None
    assert score["step"] is not None
    check_shape(OutputFields, fields)
    assert (fields["status"], fields["lead_id"]) == ("ok", "lead-7")
    assert fields["score"] == round(100 * score["probability"], 1)
    assert fields["next_step"] == score["step"]["title"]
    assert fields["reason"] == score["reasons"][0]["text"]
    assert fields["advice"].startswith(f"Next step {score['step']['title']}: ")
    assert fields["offer"]


def test_action_again(scored):
    """An action that HubSpot repeats is answered again."""
    at = vendors.present()
    assert [act(scored, about("lead-7"), at=at).status_code for _ in range(2)] == [200, 200]


def test_action_version_2(scored):
    """Actions are signed with version 2."""
    answer = act(scored, about("lead-7"), sign=vendors.hubspot_2)
    assert answer.json()["outputFields"]["status"] == "ok"


def test_action_of_unknown_contact(scored):
    """A contact that Rung knows nothing of has a status and no score."""
    answer = act(scored, {**about(""), "inputFields": {}})
    assert answer.json() == {"outputFields": {"status": "not_found"}}


def test_action_without_model(client):
    """Without a model a workflow gets an answer, too."""
    answer = act(client, about("lead-7"))
    assert answer.json() == {"outputFields": {"status": "no_model"}}


def test_unsigned_action(scored):
    """Scores are not told to whoever asks."""
    answer = scored.post("/v1/connectors/hubspot/actions", json=about("lead-7"))
    assert kind_of(answer) == (401, "unsigned-request")


def test_action_about_a_deal(scored):
    """An action about no contact is a 422."""
    answer = act(scored, {"object": {"objectType": "DEAL", "objectId": 1}})
    assert kind_of(answer) == (422, "invalid-payload")


def test_environment(tmp_path, monkeypatch):
    """A mistake in the connectors' file keeps the service from starting."""
    (tmp_path / "c.toml").write_text('[stripe]\nsecret = "env:NO_SUCH_VARIABLE"')
    for name in list(os.environ):
        if name.startswith("RUNG_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RUNG_CONNECTORS", str(tmp_path / "c.toml"))
    with pytest.raises(SettingsError, match="'NO_SUCH_VARIABLE' is not set"):
        create_app()


# -------------------------------------------------------------------------------- Erased for good


def test_erased_for_good(tmp_path):
    """A vendor that goes on sending somebody who is suppressed is told so; others are stored."""
    with running(tmp_path, tmp_path / "nothing") as client:
        first = vendors.stripe_checkout(client_reference_id="buyer", customer="cus_of_buyer")
        assert send(client, "stripe", first).json()["accepted"] == 1
        assert client.delete("/v1/leads/buyer?suppress=true").json()["suppressed"]
        for number, told in enumerate(({"client_reference_id": "buyer"}, {"customer": "x"})):
            again = vendors.stripe_checkout(**{"customer": "cus_of_buyer"} | told)
            again["id"] = f"evt_again_{number}"
            said = send(client, "stripe", again).json()
            assert said["accepted"] == number
            assert [one["detail"][:18] for one in said["rejected"]] == ["this lead was eras"][
                number:
            ]
        assert client.get("/v1/leads/buyer").status_code == 404
