"""One person in many tools: a browser, a form, and four vendors, with one address."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from starlette.testclient import TestClient

from features.ladder.file import read_ladder
from serving.app import create_app
from serving.connectors.configuration import VENDORS
from serving.settings import Settings
from tests.serving.conftest import service_of
from tests.serving.connectors import vendors
from tests.serving.connectors.vendors import SECRET, SIGN

LADDER = """
[identity]
identify_by = ["email"]

[[source]]
name = "forms"
signature = "none"
email = "fields.mail"
event = "form_submitted"
message_id = "id"
"""


@contextmanager
def running(folder, bundle) -> Iterator[TestClient]:
    """A service with every vendor on, whose ladder identifies by address."""
    file, ladder = folder / "connectors.toml", folder / "ladder.toml"
    file.write_text("".join(f'[{name}]\nsecret = "{SECRET}"\n' for name in VENDORS))
    ladder.write_text(read_ladder("b2b").source + LADDER)
    settings = Settings(
        database_url=f"sqlite:///{folder / 'rung.db'}",
        bundle=bundle,
        rescore_seconds=3600.0,
        connectors=file,
        ladder=str(ladder),
    )
    app = create_app(settings)
    with TestClient(app, vendors.ORIGIN, client=("127.0.0.1", 50_000)) as client:
        yield client


def tell(client, name, payload) -> None:
    """A signed request of a vendor; what it tells is kept."""
    target, body = f"/v1/connectors/{name}", json.dumps(payload).encode()
    signed = SIGN[name](body, vendors.present(), target) if name in SIGN else {}
    headers = {"Content-Type": "application/json", **signed}
    answer = client.post(target, content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted"], answer.text


def tell_all(client, address, name="") -> set[str]:
    """One person in six tools; the ids that they know it by.

    Parameters
    ----------
    name : told apart from another's by it, where a tool has an id of its own.
    """
    for call in (
        {"type": "page", "anonymousId": f"visitor{name}", "name": "Pricing"},
        {"type": "identify", "userId": f"ada{name}", "traits": {"email": address}},
        {"type": "track", "userId": f"ada{name}", "anonymousId": f"visitor{name}", "event": "a"},
    ):
        assert client.post(f"/v1/{call['type']}", json=call).json()["accepted"] == 1
    number = 600 + len(name)
    tell(client, "forms", {"id": f"f{name}", "fields": {"mail": address}})
    uri = f"https://api.calendly.com/scheduled_events/E1/invitees/I{name}"
    tell(client, "calendly", vendors.calendly_booking(email=address, uri=uri, tracking={}))
    seen = vendors.zoom_event("webinar.participant_left", "11:00", f"P{name}", email=address)
    tell(client, "zoom", seen)
    change = vendors.hubspot_change(
        *("contact.propertyChange",),
        **{"propertyName": "email", "propertyValue": address, "objectId": number},
        eventId=number,
    )
    tell(client, "hubspot", [change])
    bought = vendors.stripe_checkout(
        client_reference_id=None, customer_details={"email": address}, customer=f"cus{name}"
    )
    tell(client, "stripe", {**bought, "id": f"evt{name}"})
    return {f"ada{name}", f"visitor{name}", f"hubspot-contact-{number}", f"stripe-cus{name}"}


def test_one_person_in_six_tools(tmp_path, folder):
    """One lead, one score, one timeline; the address is the id of nobody."""
    with running(tmp_path, folder / "fitted") as client:
        ids = tell_all(client, "Ada@Acme.com")
        store = service_of(client).store
        assert {store.lead_of(one) for one in ids} == {"ada"}
        assert store.lead_ids() == ["ada"]
        seen = client.get("/v1/leads/ada/timeline", params={"limit": 100}).json()["data"]
        names = {one.get("name") for one in seen if one["kind"] == "event"}
        assert {"page_viewed", "form_submitted", "session_booked", "webinar_attended"} <= names
        until = time.monotonic() + 60
        while len(store.queue.listed(10)) != 1 or store.queue.listed(10)[0].lead_id != "ada":
            assert time.monotonic() < until
            time.sleep(0.05)
        for one in ids:
            score = client.get(f"/v1/leads/{one}/score").json()
            assert score["position"] == client.get("/v1/leads/ada/score").json()["position"]
        for query in ({"email": " ADA@acme.com"}, {"external_id": "hubspot-contact-600"}):
            found = client.get("/v1/leads", params=query).json()
            assert found == {"data": [{"lead_id": "ada", "opted_out": False}]}
        asked = {"leads": [{"email": "ada@Acme.com"}, {"email": "bob@acme.com"}, "ada"]}
        scores = client.post("/v1/scores:batch", json=asked).json()["results"]
        assert scores[0]["probability"] == scores[2]["probability"]
        assert scores[0]["lead_id"] == "ada"
        assert (scores[1]["status"], scores[1]["lead_id"]) == ("not_found", "bob@acme.com")
        assert not any("acme" in one.lower() for one in store.ids_of("ada"))


@pytest.mark.parametrize("address", ["info@acme.com", "No-Reply@acme.com"])
def test_two_people_of_one_mailbox(tmp_path, folder, address):
    """They stay two, whatever tools they come by."""
    with running(tmp_path, folder / "rates") as client:
        for name in ("", "-2"):
            tell_all_with_ids(client, address, name)
        store = service_of(client).store
        assert store.lead_of("ada") != store.lead_of("ada-2")


def tell_all_with_ids(client, address, name) -> None:
    """As far as tools have ids of their own: without one, a shared mailbox is all there is."""
    for call in (
        {"type": "identify", "userId": f"ada{name}", "traits": {"email": address}},
        {"type": "identify", "anonymousId": f"visitor{name}", "traits": {"email": address}},
        {"type": "track", "userId": f"ada{name}", "anonymousId": f"visitor{name}", "event": "a"},
    ):
        assert client.post(f"/v1/{call['type']}", json=call).json()["accepted"] == 1
    bought = vendors.stripe_checkout(
        client_reference_id=None, customer_details={"email": address}, customer=f"cus{name}"
    )
    tell(client, "stripe", {**bought, "id": f"evt{name}"})
