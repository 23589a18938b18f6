"""Which ladder a request asks about: the one it names, its key's, or the only one."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from starlette.testclient import TestClient

from features.clock import now
from features.store.events import EventStore
from serving.app import create_app
from serving.edge.access.keys import Keys
from serving.settings import Settings
from tests.serving.shapes import is_problem

ASKED = {
    "score": lambda client, **more: client.get("/v1/leads/lead-0001/score", params=more),
    "batch": lambda client, **more: client.post(
        "/v1/scores:batch", json={"leads": ["lead-0001"], **more}
    ),
    "queue": lambda client, **more: client.get("/v1/queue", params=more),
    "recommendation": lambda client, **more: client.post(
        "/v1/recommendations", json={"lead_id": "lead-0001", **more}
    ),
    "recommendations": lambda client, **more: client.post(
        "/v1/recommendations:batch", json={"lead_ids": ["lead-0001"], **more}
    ),
}
"""Every route that answers about a ladder."""


@contextmanager
def asking(url, folder, ladder=""):
    """A client with a key that is for one ladder, or for any."""
    with EventStore.open(url) as store:
        _, key = Keys(store.database).create("crm", ["admin"], ladder=ladder, as_of=now())
    app = create_app(Settings(database_url=url, bundle=folder / "fitted", rescore_seconds=3600.0))
    headers = {"Authorization": f"Bearer {key}"}
    with TestClient(app, headers=headers, raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize("own", ["", "b2b"])
def test_the_ladder_that_is_served(url, folder, own):
    """A request that names it, or names none, is answered; the answer says which it was."""
    with asking(url, folder, own) as client:
        for ask in ASKED.values():
            assert ask(client).status_code == ask(client, ladder="b2b").status_code == 200
        assert ASKED["score"](client).json()["ladder"] == "b2b"
        made = ASKED["recommendation"](client).json()
        assert made["ladder"] == "b2b"
        kept = client.get(f"/v1/decisions/{made['decision_id']}").json()
        assert kept["ladder"] == "b2b"


def test_a_ladder_that_is_not_served(url, folder):
    """It is a 404 that says which there is, and nothing is decided."""
    with asking(url, folder) as client:
        for ask in ASKED.values():
            problem = is_problem(ask(client, ladder="b2c"), 404)
            assert problem["type"].endswith(":unknown-ladder")
            assert problem["detail"] == "no ladder 'b2c' is served here; did you mean 'b2b'?"
        assert "there is 'b2b'" in is_problem(ASKED["queue"](client, ladder="zzz"), 404)["detail"]


def test_a_key_for_another_ladder(url, folder):
    """A key asks about its own ladder alone, named or not, though the service has another."""
    with asking(url, folder, "b2c") as client:
        for ask in ASKED.values():
            for named in ({}, {"ladder": "b2b"}, {"ladder": "b2c"}):
                problem = is_problem(ask(client, **named), 403)
                assert "the ladder 'b2c' alone; 'b2b' is served here" in problem["detail"]


def test_another_ladder_than_the_key_is_for(url, folder):
    """A key of the ladder that is served may not even ask whether there is another one."""
    with asking(url, folder, "b2b") as client:
        for ask in ASKED.values():
            problem = is_problem(ask(client, ladder="b2c"), 403)
            assert "about the ladder 'b2b' alone, not about 'b2c'" in problem["detail"]


PRIVATE = {
    "a decision": ("GET", "/v1/decisions/{decision}"),
    "its exposure": ("POST", "/v1/decisions/{decision}/exposure"),
    "a timeline": ("GET", "/v1/leads/lead-0001/timeline"),
    "companies": ("GET", "/v1/accounts"),
    "offers": ("GET", "/v1/offers"),
    "experiments": ("GET", "/v1/experiments"),
    "Personalizer": ("POST", "/personalizer/v1.0/rank"),
}


def test_what_there_is_of_a_lead_is_of_its_ladder(url, folder):
    """What was decided for a lead, and all that is known of it, no other ladder's key is told."""
    with asking(url, folder) as client:
        decision = ASKED["recommendation"](client).json()["decision_id"]
    with asking(url, folder, "b2c") as client:
        for method, path in PRIVATE.values():
            answer = client.request(method, path.format(decision=decision))
            assert answer.status_code == 403, path


@pytest.mark.parametrize("ladder", ["", 7, None, "\0"])
def test_what_is_no_name(url, folder, ladder):
    """A ladder that has not the form of a name is a 422 that points at it; null is none."""
    with asking(url, folder) as client:
        answer = ASKED["recommendation"](client, ladder=ladder)
        if ladder is None:
            assert answer.status_code == 200
        else:
            assert is_problem(answer, 422)["errors"][0]["pointer"] == "/body/ladder"
