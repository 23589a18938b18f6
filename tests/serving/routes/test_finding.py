"""Which lead has an address, where the ladder says nothing of addresses, and what will not do."""

from __future__ import annotations

import pytest

from tests.serving.conftest import service_of


def test_an_id_that_is_an_address(client):
    """It is found by it, in any case of its letters; nobody else is."""
    call = {"type": "track", "userId": "zoe@acme.com", "event": "form_submitted"}
    assert client.post("/v1/track", json=call).json()["accepted"] == 1
    for address in ("zoe@acme.com", " Zoe@ACME.com"):
        found = client.get("/v1/leads", params={"email": address}).json()
        assert found == {"data": [{"lead_id": "zoe@acme.com", "opted_out": False}]}
    assert client.get("/v1/leads", params={"email": "bob@acme.com"}).json() == {"data": []}
    client.delete("/v1/leads/zoe@acme.com")


def test_an_id(client):
    """Any id of a lead finds it."""
    lead = service_of(client).store.lead_ids()[0]
    found = client.get("/v1/leads", params={"external_id": lead}).json()
    assert found == {"data": [{"lead_id": lead, "opted_out": False}]}


def test_a_plus_that_became_a_blank(client):
    """Nobody has an address with a blank: who wrote a + into a query is told how it is written."""
    sent = {"type": "track", "userId": "zoe+news@acme.com", "event": "form_submitted"}
    assert client.post("/v1/track", json=sent).json()["accepted"] == 1
    found = client.get("/v1/leads?email=zoe%2Bnews@acme.com").json()["data"]
    assert [one["lead_id"] for one in found] == ["zoe+news@acme.com"]
    refused = client.get("/v1/leads?email=zoe+news@acme.com")
    assert refused.status_code == 422
    (fault,) = refused.json()["errors"]
    assert fault["pointer"] == "/query/email"
    assert "%2B" in fault["detail"]
    client.delete("/v1/leads/zoe+news@acme.com")


@pytest.mark.parametrize(
    "query", [{}, {"email": "a@b.com", "external_id": "7"}, {"email": ""}, {"mail": "a@b.com"}]
)
def test_a_query_that_will_not_do(client, query):
    """One of the two is needed, and says which."""
    answer = client.get("/v1/leads", params=query)
    assert answer.status_code == 422
    assert answer.json()["errors"]
    assert "Value error" not in answer.json()["detail"]
