"""The routes of endpoints: secrets are shown once, addresses checked, mistakes pointed at."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from features.clock import now, rfc3339
from features.store.kept.notifications import TYPES
from serving.notifications import schemas
from serving.notifications.attempt import Answer
from serving.notifications.claims import RETRY_SECONDS
from serving.settings import Settings, SettingsError
from tests.serving.conftest import service_of
from tests.serving.notifications.receiver import announce_failed, notice
from tests.serving.shapes import is_problem

PATH = "/v1/webhooks"
URL = "https://hooks.example.com/rung"
LATER = now() + 3600 * 1_000_000
"""After whatever else is announced here: none of that is sent again since then."""


@pytest.fixture
def own(bare, monkeypatch):
    """A service without endpoints that sends nothing to the world outside."""

    async def unsent(*_: object) -> Answer:
        return Answer(None, "x")

    monkeypatch.setattr("serving.notifications.delivery.post", unsent)
    yield bare
    for one in bare.get(PATH).json()["data"]:
        assert bare.delete(f"{PATH}/{one['id']}").status_code == 204


def made(client, **changes):
    answer = client.post(PATH, json={"url": URL, **changes})
    assert answer.status_code == 201, answer.text
    return answer.json()


def failed(client, endpoint, *ids, since=LATER):
    """Have notifications fail that are created from an instant on."""
    notices = [notice(id_, since + at) for at, id_ in enumerate(ids)]
    announce_failed(service_of(client).store.database, notices, endpoint["id"])


def test_made(own):
    """The answer of a creation shows the secret; it leads to the endpoint, which does not."""
    answer = own.post(PATH, json={"url": URL, "types": ["step.completed"], "description": "CRM"})
    body = answer.json()
    schemas.SecretAnswer.model_validate(body)
    secret = body.pop("secret")
    assert secret.startswith("whsec_")
    assert answer.headers["cache-control"] == "no-store"
    found = own.get(answer.headers["location"])
    assert found.json() == body
    assert (body["url"], body["types"], body["description"]) == (URL, ["step.completed"], "CRM")
    assert (body["enabled"], body["disabled_at"], body["former_secret_until"]) == (True, None, None)
    assert own.get(PATH).json() == {"data": [body]}
    assert set(body) == set(schemas.EndpointAnswer.model_fields)


def test_secret_is_shown_once(own):
    """No answer but those of creation and rotation holds a secret."""
    endpoint = made(own)
    secrets = [endpoint["secret"]]
    path = f"{PATH}/{endpoint['id']}"
    rotated = own.post(f"{path}/rotate")
    assert rotated.headers["cache-control"] == "no-store"
    schemas.SecretAnswer.model_validate(rotated.json())
    secrets.append(rotated.json()["secret"])
    assert secrets[0] != secrets[1]
    assert rotated.json()["former_secret_until"] is not None
    answers = [
        *(own.get(PATH), own.get(path), own.patch(path, json={"description": "x"})),
        *(own.post(f"{path}/test"), own.get(f"{path}/deliveries")),
    ]
    for answer in answers:
        assert answer.is_success
        assert "whsec_" not in answer.text
        assert not any(secret.removeprefix("whsec_") in answer.text for secret in secrets)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.com/", "begins with https://"),
        ("https://127.0.0.1/", "127.0.0.1 is no public address"),
        ("https://[::ffff:10.0.0.1]/", "is no public address"),
        ("https://2130706433/", "is no name of a host"),
        ("https://a:b@example.com/", "no user and no password"),
        ("x", "begins with https://"),
    ],
)
def test_forbidden_url(own, url, words):
    """A URL that nothing is sent to is pointed at, when made and when changed."""
    path = f"{PATH}/{made(own)['id']}"
    for answer in (own.post(PATH, json={"url": url}), own.patch(path, json={"url": url})):
        (error,) = is_problem(answer, 422)["errors"]
        assert (error["pointer"], error["code"]) == ("/body/url", "forbidden_address")
        assert words in error["detail"]
    assert [one["url"] for one in own.get(PATH).json()["data"]] == [URL]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/body/url"),
        ({"url": ""}, "/body/url"),
        ({"url": "https://example.com/" + "x" * 2048}, "/body/url"),
        ({"url": "https://example.com/\0"}, "/body/url"),
        ({"url": URL, "types": ["step.complete"]}, "/body/types/0"),
        ({"url": URL, "types": "step.completed"}, "/body/types"),
        ({"url": URL, "description": "x" * 501}, "/body/description"),
        ({"url": URL, "secret": "whsec_x"}, "/body/secret"),
    ],
)
def test_bad_body(own, body, pointer):
    """A mistake in a body is pointed at."""
    assert is_problem(own.post(PATH, json=body), 422)["errors"][0]["pointer"] == pointer


def test_types(own):
    """Every type can be asked for; an unknown one gets a hint."""
    assert made(own, types=list(TYPES))["types"] == list(TYPES)
    answer = own.post(PATH, json={"url": URL, "types": ["step.complete"]})
    assert "did you mean 'step.completed'" in is_problem(answer, 422)["detail"]


def test_changed(own):
    """An endpoint is changed, disabled and enabled."""
    path = f"{PATH}/{made(own, types=['step.completed'])['id']}"
    changed = own.patch(path, json={"url": "https://Example.com/", "enabled": False}).json()
    assert (changed["url"], changed["types"]) == ("https://example.com/", ["step.completed"])
    assert (changed["enabled"], changed["disabled_why"]) == (False, "on request")
    assert own.patch(path, json={"enabled": True}).json()["disabled_at"] is None


def test_unknown(own):
    """An endpoint that there is none of is a 404 of every route."""
    path = f"{PATH}/nobody"
    for answer in (
        *(own.get(path), own.patch(path, json={}), own.delete(path), own.post(f"{path}/rotate")),
        *(own.post(f"{path}/test"), own.get(f"{path}/deliveries")),
        own.post(f"{path}/replay", json={"since": "2026-01-01"}),
    ):
        assert is_problem(answer, 404)["type"].endswith(":unknown-endpoint")


def test_removed(own):
    """What was removed is gone."""
    path = f"{PATH}/{made(own)['id']}"
    assert own.delete(path).status_code == 204
    is_problem(own.get(path), 404)


def test_disabled(own):
    """A disabled endpoint has neither a test nor a replay."""
    path = f"{PATH}/{made(own)['id']}"
    own.patch(path, json={"enabled": False})
    replayed = own.post(f"{path}/replay", json={"since": "2026-01-01"})
    for answer in (own.post(f"{path}/test"), replayed):
        assert is_problem(answer, 409)["type"].endswith(":endpoint-disabled")


def test_deliveries(own):
    """Deliveries come in pages that lead on, by state."""
    endpoint = made(own)
    path = f"{PATH}/{endpoint['id']}/deliveries"
    failed(own, endpoint, *(f"d{at}" for at in range(5)))
    found, answer = [], own.get(path, params={"state": "failed", "limit": 2})
    while True:
        body = answer.json()
        schemas.DeliveriesAnswer.model_validate(body)
        found += body["data"]
        if body["next_cursor"] is None:
            assert "link" not in answer.headers
            break
        answer = own.get(answer.links["next"]["url"])
    assert [one["notification_id"] for one in found] == ["d4", "d3", "d2", "d1", "d0"]
    assert {(one["state"], one["status"], one["error"]) for one in found} == {("failed", 500, "x")}
    assert set(found[0]) == set(schemas.DeliveryAnswer.model_fields)
    assert set(found[0]["body"]) == {"type", "timestamp", "data"}
    assert found[0]["body"]["type"] == found[0]["type"]
    assert own.get(path, params={"state": "delivered"}).json()["data"] == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"state": "lost"}, "/query/state"),
        ({"limit": "0"}, "/query/limit"),
        ({"limit": "201"}, "/query/limit"),
        ({"cursor": "x"}, "/query/cursor"),
        ({"cursor": "WzEsIDJd"}, "/query/cursor"),
        ({"cursor": "WyIxIiwgImEiXQ"}, "/query/cursor"),
        ({"cursor": "e30"}, "/query/cursor"),
        ({"page": "1"}, "/query/page"),
    ],
)
def test_bad_query(own, query, pointer):
    """A parameter that will not do is pointed at."""
    answer = own.get(f"{PATH}/{made(own)['id']}/deliveries", params=query)
    assert is_problem(answer, 422)["errors"][0]["pointer"] == pointer


def test_replay(own):
    """Some notifications are sent again, or all that failed since an instant."""
    endpoint = made(own, types=["step.completed"])
    path = f"{PATH}/{endpoint['id']}"
    failed(own, endpoint, "r1", "r2", "r3", since=LATER + 100)
    answer = own.post(f"{path}/replay", json={"notification_ids": ["r1", "r0"]})
    assert (answer.status_code, answer.json()) == (202, {"replayed": 1, "unknown": ["r0"]})
    assert own.post(f"{path}/replay", json={"since": rfc3339(LATER + 100)}).json()["replayed"] == 2
    assert own.post(f"{path}/replay", json={"since": "2100-01-01"}).json()["replayed"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"notification_ids": ["a"], "since": "2026-01-01"},
        {"notification_ids": []},
        {"notification_ids": ["a"] * 1001},
        {"notification_ids": [""]},
        {"since": "yesterday"},
    ],
)
def test_bad_replay(own, body):
    """Either ids or an instant must be given."""
    answer = own.post(f"{PATH}/{made(own)['id']}/replay", json=body)
    assert is_problem(answer, 422)["errors"][0]["pointer"].startswith("/body")


def test_test(own):
    """A test is on its way, and its delivery can be looked at."""
    path = f"{PATH}/{made(own)['id']}"
    answer = own.post(f"{path}/test")
    id_ = answer.json()["notification_id"]
    (found,) = own.get(f"{path}/deliveries").json()["data"]
    assert (answer.status_code, found["notification_id"], found["type"]) == (
        202,
        id_,
        "webhook.test",
    )


def test_not_json(own):
    """A body that is not labelled as JSON is refused."""
    is_problem(own.post(PATH, content=b"{}", headers={"content-type": "text/plain"}), 415)
    is_problem(own.post(PATH, content=b"{", headers={"content-type": "application/json"}), 400)


# ---------------------------------------------------------------------------- The setting, the page


def test_setting():
    """Private addresses are refused unless the operator allows them in so many words."""
    assert Settings().webhook_private == "refuse"
    allowed = Settings.from_environment({"RUNG_WEBHOOK_PRIVATE": "Allow"})
    assert allowed.webhook_private == "allow"
    with pytest.raises(SettingsError, match=r"RUNG_WEBHOOK_PRIVATE: 'yes' .*one of refuse, allow"):
        Settings.from_environment({"RUNG_WEBHOOK_PRIVATE": "yes"})


def test_page():
    """The page of notifications has every type and every pause."""
    page = (Path(__file__).parents[3] / "docs" / "notifications.md").read_text()
    assert set(re.findall(r"^\| `(\w+\.\w+)` \|", page, re.MULTILINE)) == set(TYPES)
    units = {"seconds": 1, "minutes": 60, "hours": 3600}
    pauses = re.findall(r"^\| \d+ \| (\d+) (\w+) \|", page, re.MULTILINE)
    assert [int(count) * units[unit] for count, unit in pauses] == list(RETRY_SECONDS[1:])


def test_include(own):
    """An endpoint may ask for more, in its creation and later; what nobody knows is refused."""
    endpoint = made(own, include=["ids", "offer"])
    assert endpoint["include"] == ["ids", "offer"]
    path = f"{PATH}/{endpoint['id']}"
    assert own.patch(path, json={"include": ["reasons"]}).json()["include"] == ["reasons"]
    assert own.get(path).json()["include"] == ["reasons"]
    assert own.post(f"{path}/test").status_code == 202
    (one,) = own.get(f"{path}/deliveries").json()["data"]
    assert set(one["body"]["data"]) == {"endpoint_id", "reasons"}
    assert made(own)["include"] == []
    answer = own.post(PATH, json={"url": URL, "include": ["email"]})
    assert is_problem(answer, 422)["errors"][0]["pointer"] == "/body/include/0"


def test_asked_again_by_a_key(own):
    """An endpoint and a test are made once; what comes with another body is refused."""
    named = {"Idempotency-Key": "crm-1"}
    wanted = {"url": URL, "types": ["step.completed"], "description": "CRM", "include": ["offer"]}
    first, again = (own.post(PATH, json=wanted, headers=named) for _ in range(2))
    assert first.status_code == again.status_code == 201
    assert again.json() == first.json()
    assert len(own.get(PATH).json()["data"]) == 1
    changes: list[dict[str, object]] = [{"url": f"{URL}/2"}, {"types": []}, {"include": []}]
    for change in changes:
        other = own.post(PATH, json={**wanted, **change}, headers=named)
        assert is_problem(other, 422)
        (error,) = other.json()["errors"]
        assert (error["pointer"], error["code"]) == ("/header/Idempotency-Key", "used")
    path = f"{PATH}/{first.json()['id']}"
    tests = [own.post(f"{path}/test", headers=named).json()["notification_id"] for _ in range(2)]
    assert tests[0] == tests[1]
    assert own.post(f"{path}/test").json()["notification_id"] != tests[0]
    assert len(own.get(f"{path}/deliveries").json()["data"]) == 2
    assert own.delete(path).status_code == 204
    assert own.post(PATH, json=wanted, headers=named).json()["secret"] != first.json()["secret"]


def test_rotated_once_by_a_key(own):
    """A lost answer is given again; the secret that it made the former one goes on signing."""
    path = f"{PATH}/{made(own)['id']}"

    def rotated(key: str = ""):
        return own.post(f"{path}/rotate", headers={"Idempotency-Key": key} if key else {})

    first, again = rotated("r-1"), rotated("r-1")
    assert again.json() == first.json()
    second = rotated("r-2")
    assert second.json()["secret"] != first.json()["secret"]
    assert rotated("r-2").json() == second.json()
    assert is_problem(rotated("r-1"), 409)["type"].endswith(":rotated-since")
    third = rotated()
    assert len({one.json()["secret"] for one in (first, second, third)}) == 3
    assert is_problem(rotated("r-2"), 409)
    other = own.post(f"{PATH}/{made(own)['id']}/rotate", headers={"Idempotency-Key": "r-1"})
    assert other.status_code == 200


def test_two_who_change_an_endpoint(own):
    """Who looked at it before the other changed it is told, and changes nothing."""
    created = own.post(PATH, json={"url": URL})
    path = created.headers["location"]
    looked = own.get(path)
    tag = looked.headers["etag"]
    assert created.headers["etag"] == tag
    assert own.get(path, headers={"If-None-Match": tag}).status_code == 304
    first = own.patch(path, json={"description": "CRM"}, headers={"If-Match": tag})
    assert first.status_code == 200
    assert first.headers["etag"] == own.get(path).headers["etag"] != tag
    for method, where, more in (
        ("PATCH", path, {"json": {"types": ["step.completed"]}}),
        ("DELETE", path, {}),
        ("POST", f"{path}/rotate", {}),
    ):
        late = own.request(method, where, headers={"If-Match": tag}, **more)
        assert is_problem(late, 412)["type"].endswith(":changed-meanwhile")
    assert own.get(path).json() == first.json()
    assert own.patch(f"{PATH}/none", json={}, headers={"If-Match": tag}).status_code == 404
    assert own.patch(path, json={"enabled": False}, headers={"If-Match": "*"}).status_code == 200
    looked_again = {"If-Match": own.get(path).headers["etag"]}
    rotated = [
        own.post(f"{path}/rotate", headers={**looked_again, "Idempotency-Key": "r"})
        for _ in range(2)
    ]
    assert [one.status_code for one in rotated] == [200, 200], "the second one is the first again"
    assert rotated[0].json() == rotated[1].json()
    answer = own.delete(path, headers={"If-Match": own.get(path).headers["etag"]})
    assert answer.status_code == 204
