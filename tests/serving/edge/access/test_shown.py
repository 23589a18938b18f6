"""How a key is shown, and what is none."""

from __future__ import annotations

import base64

import pytest

from tests.serving.callers import bearer, client_of, make


def basic(text: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


def test_ways_to_show_a_key(app):
    """A key is taken as a bearer token and as a user name; a password is not looked at."""
    key, client = make(app, "read"), client_of(app)
    for headers in (
        bearer(key),
        {"Authorization": f"bearer  {key} "},
        basic(f"{key}:"),
        basic(f"{key}:anything:else"),
    ):
        assert client.get("/v1/queue", headers=headers).status_code == 200, headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "{key}"},
        {"Authorization": "Token {key}"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer {key}x"},
        {"Authorization": "Bearer {key} {key}"},
        {"Authorization": "Bearer rung_{id}_"},
        {"Authorization": "Bearer rung_{id}"},
        {"Authorization": "Bearer rung__"},
        {"Authorization": "Basic {key}:"},
        {"Authorization": "Basic !!!"},
        {"Authorization": b"Bearer \xff\xfe"},
        {"Ocp-Apim-Subscription-Key": "{key}"},
        {"X-Api-Key": "{key}"},
        {"Cookie": "rung_session={key}"},
    ],
)
def test_what_is_no_key(app, headers):
    """Anything else is no key, and a 401 without a trace of what was sent."""
    key = make(app, "read")
    sent = {
        name: value
        if isinstance(value, bytes)
        else value.replace("{key}", key).replace("{id}", key.split("_")[1])
        for name, value in headers.items()
    }
    answer = client_of(app).get("/v1/queue", headers=sent)
    assert answer.status_code == 401
    assert key.split("_", 2)[2] not in answer.text


def test_basic_needs_its_colon(app):
    """A user name without a colon after it is none."""
    key, client = make(app, "read"), client_of(app)
    assert client.get("/v1/queue", headers=basic(key)).status_code == 401


def test_key_of_personalizer(app):
    """Personalizer's header is a key on its routes alone."""
    key, client = make(app, "decide"), client_of(app)
    headers = {"Ocp-Apim-Subscription-Key": key}
    rank = client.post("/personalizer/v1.0/rank", json={}, headers=headers)
    assert rank.status_code == 400
    assert client.post("/v1/recommendations", json={}, headers=headers).status_code == 401
