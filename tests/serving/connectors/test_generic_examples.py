"""The examples of the docs: each is loaded as it stands there, and takes what the tool sends."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from features.ladder.file import read_ladder
from features.store.migrations import open_database
from serving.app import create_app
from serving.edge.access.keys import Keys
from serving.ingestion.lookup import leads_of_mail
from serving.settings import Settings
from tests.serving.conftest import service_of
from tests.serving.connectors import vendors

PAGE = Path(__file__).resolve().parents[3] / "docs" / "connectors.md"
SITE = "https://www.example.com"
AT = "2026-01-01T00:00:00Z"
TYPEFORM = {
    "event_id": "01H",
    "event_type": "form_response",
    "form_response": {
        "form_id": "lT4Z3j",
        "token": "a3a12ec67a1365927098a606107fac15",
        "submitted_at": AT,
        "hidden": {"lead_id": "ada"},
        "answers": [
            {"type": "email", "email": "ada@acme.com", "field": {"id": "x", "type": "email"}},
            {"type": "text", "text": "hello", "field": {"id": "y", "type": "short_text"}},
        ],
    },
}
WEBFLOW = {
    "triggerType": "form_submission",
    "payload": {
        "name": "Contact",
        "siteId": "65427cf400e02b306eaa049c",
        "data": {"First Name": "Ada", "Email": "ada@acme.com"},
        "submittedAt": "2026-01-01T00:00:00.000Z",
        "id": "6321ca84df3949bfc6752327",
        "formId": "65429eadebe8a9f3a30f62d0",
    },
}
ODOO = {
    "id": 7,
    "x_rung_lead_id": "ada",
    "email_from": "ada@acme.com",
    "stage_id": [4, "Won"],
}
FRAPPE = {"lead": "CRM-LEAD-2026-00042", "email": "ada@acme.com", "status": "Qualified"}
ROW = {"id": "z1", "lead_id": "ada", "email": "ada@acme.com", "event": "a", "occurred_at": AT}


def examples() -> list[str]:
    part = PAGE.read_text().partition("### Ready examples")[2]
    return re.findall(r"```toml\n(.*?)```", part, re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made: Path = tmp_path_factory.mktemp("examples")
    return made


@pytest.fixture(scope="module")
def key(folder) -> str:
    """A key that pages of a site may use."""
    with open_database(f"sqlite:///{folder / 'rung.db'}") as database:
        return Keys(database).create("page", ["ingest"], origins=[SITE], as_of=1)[1]


@pytest.fixture(scope="module")
def server_key(folder) -> str:
    """A key that no page has."""
    with open_database(f"sqlite:///{folder / 'rung.db'}") as database:
        return Keys(database).create("server", ["ingest"], as_of=1)[1]


@pytest.fixture(scope="module")
def client(folder, key, server_key) -> Iterator[TestClient]:  # noqa: ARG001 they are there before
    identity = '[identity]\nidentify_by = ["email"]\n'
    ladder = folder / "ladder.toml"
    ladder.write_text("\n".join([read_ladder("b2b").source, identity, *examples()]))
    settings = Settings(
        database_url=f"sqlite:///{folder / 'rung.db'}",
        bundle=folder / "none",
        ladder=str(ladder),
    )
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TYPEFORM_SECRET", vendors.SECRET)
        environment.setenv("FRAPPE_WEBHOOK_SECRET", vendors.SECRET)
        app = create_app(settings)
        with TestClient(app, "http://127.0.0.1", client=("127.0.0.1", 50_000)) as client:
            yield client


def test_typeform(client):
    """Signed over the body, in base64, after sha256=."""
    body = json.dumps(TYPEFORM).encode()
    signed = "sha256=" + base64.b64encode(vendors.digest(body)).decode()
    answer = client.post(
        "/v1/connectors/typeform", content=body, headers={"Typeform-Signature": signed}
    )
    assert answer.json()["accepted"] == 1, answer.text
    assert client.post("/v1/connectors/typeform", content=body).status_code == 401


def test_frappe_crm(client):
    """Signed over the body, in base64; a status counts once, and others than those named do not."""
    store = service_of(client).store
    for status, count in (("Qualified", 1), ("Qualified", 0), ("Junk", 0)):
        told = {**FRAPPE, "status": status, "id": f"{FRAPPE['lead']}/{status}"}
        body = json.dumps(told).encode()
        signed = base64.b64encode(vendors.digest(body)).decode()
        headers = {"X-Frappe-Webhook-Signature": signed}
        answer = client.post("/v1/connectors/frappe-crm", content=body, headers=headers)
        assert answer.json()["accepted"] == count, answer.text
    assert "lead_qualified" in {row[0] for row in store.events_of(FRAPPE["lead"])}
    assert store.lead_of(FRAPPE["lead"]) == store.lead_of("ada")


def test_odoo(client, server_key):
    """By the stage's name; the same stage again is another one tomorrow."""
    target = f"/v1/connectors/odoo?writeKey={server_key}"
    assert client.post(target, json=ODOO).json()["accepted"] == 1
    assert client.post(target, json=ODOO).json()["duplicates"] == 1
    assert client.post(target, json={**ODOO, "stage_id": [1, "New"]}).json()["accepted"] == 0
    assert "order_placed" in {row[0] for row in service_of(client).store.events_of("ada")}


@pytest.mark.parametrize("labelled", ["application/json", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize(
    ("name", "payload"),
    [("webflow", WEBFLOW), ("zapier", ROW), ("n8n", {"items": [{"json": {**ROW, "id": "n1"}}]})],
)
def test_with_a_key(client, key, server_key, name, payload, labelled):
    """By a key in a header or in the address, as JSON, and flat ones as a form too.

    What a page sends again is answered as the first time: it is told nothing of what is there.
    """
    if labelled == "application/json":
        body = json.dumps(payload)
    elif name == "zapier":
        body = urlencode({**payload, "id": "z2"})
    else:
        return
    target = f"/v1/connectors/{name}?writeKey={key}"
    answer = client.post(target, content=body, headers={"Content-Type": labelled})
    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted"] == 1, answer.text
    again = client.post(
        f"/v1/connectors/{name}",
        content=body,
        headers={"Content-Type": labelled, "Authorization": f"Bearer {server_key}"},
    )
    assert again.json()["duplicates"] == 1, again.text
    of_a_page = client.post(target, content=body, headers={"Content-Type": labelled})
    assert of_a_page.json() == answer.json()
    assert client.post(f"/v1/connectors/{name}", content=body).status_code == 401


def test_a_page_of_ones_own(client, key):
    """A form that the key's site sends; another site's is refused."""
    form = {"lead_id": "", "visitor_id": "v1", "email": "ada@acme.com", "answers[plan]": "team"}
    target = f"/v1/connectors/page-form?writeKey={key}"
    answer = client.post(target, data=form, headers={"Origin": SITE})
    assert answer.json()["accepted"] == 1, answer.text
    assert answer.headers["access-control-allow-origin"] == SITE
    assert (
        client.post(target, data=form, headers={"Origin": "https://evil.example"}).status_code
        == 403
    )


def test_two_people_at_one_computer(client, key):
    """They fill in the form one after the other, and stay two."""
    target = f"/v1/connectors/page-form?writeKey={key}"
    for name in ("ann", "bob"):
        form = {"visitor_id": "shared", "email": f"{name}@acme.com", "form": "demo"}
        answer = client.post(target, data=form, headers={"Origin": SITE})
        assert answer.json()["accepted"] == 1, answer.text
    (ann,), (bob,) = (
        leads_of_mail(service_of(client), f"{name}@acme.com") for name in ("ann", "bob")
    )
    assert service_of(client).store.lead_of("shared") == ann != bob
    assert len(service_of(client).store.events_of(bob)) == 1


def test_one_lead(client):
    """What all of them told is of one person, as the address says."""
    store = service_of(client).store
    assert store.lead_of("v1") == store.lead_of("ada")
    names = {row[0] for row in store.events_of("ada")}
    assert {"form_submitted", "a"} <= names
