"""What is answered of events that tell who was erased for good, by who asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from starlette.testclient import TestClient

from features.clock import rfc3339
from features.ladder.file import read_ladder
from features.store.migrations import open_database
from features.store.privacy import Privacy
from serving.app import create_app
from serving.edge.access.keys import Keys
from serving.settings import Settings
from tests.serving import world
from tests.serving.conftest import service_of

SITE = "https://www.example.com"
TOM, NOW = "tom@private.example", rfc3339(world.now())
REFUSED = 'rung_events_rejected_total{reason="suppressed"}'
LADDER = """
[identity]
identify_by = ["email", "crm_id"]

[[source]]
name = "page-form"
signature = "none"
email = "mail"
event = "form_submitted"
message_id = "id"
"""


class Running(NamedTuple):
    client: TestClient
    keys: dict[str, str]

    def post(self, path: str, body: object, key: str = "server", **headers: str) -> Any:
        headers = {"Authorization": f"Bearer {self.keys[key]}", **headers}
        if key == "site":
            headers["Origin"] = SITE
        return self.client.post(path, json=body, headers=headers)

    def get(self, path: str, **params: str) -> Any:
        headers = {"Authorization": f"Bearer {self.keys['admin']}"}
        return self.client.get(path, params=params, headers=headers)

    @property
    def refused(self) -> float:
        lines = [one for one in self.get("/metrics").text.splitlines() if one.startswith(REFUSED)]
        return sum(float(one.split()[-1]) for one in lines)

    def events(self) -> list[tuple[str, str]]:
        store = service_of(self.client).store
        return sorted((lead, row[0]) for lead in store.lead_ids() for row in store.events_of(lead))


@pytest.fixture
def running(tmp_path, folder) -> Iterator[Running]:
    """A service from which Tom was erased for good, by his address and a number of a CRM."""
    (tmp_path / "ladder.toml").write_text(read_ladder("b2b").source + LADDER)
    settings = Settings(
        database_url=f"sqlite:///{tmp_path / 'rung.db'}",
        bundle=folder / "rates",
        rescore_seconds=3600.0,
        ladder=str(tmp_path / "ladder.toml"),
    )
    scopes = {"admin": ["admin", "read", "decide"], "server": ["ingest"], "site": ["ingest"]}
    with open_database(settings.database_url) as database:
        kept = Keys(database)
        keys = {
            name: kept.create(name, of, origins=[SITE] if name == "site" else [], as_of=1)[1]
            for name, of in scopes.items()
        }
    with TestClient(create_app(settings), "http://127.0.0.1", client=("10.0.0.1", 5)) as client:
        made = Running(client, keys)
        made.post("/v1/identify", identify("tom", crm_id="CRM-7")).raise_for_status()
        made.post("/v1/track", {"userId": "ann", "event": "seen"}).raise_for_status()
        Privacy(service_of(client).store.database).erase("tom", world.now(), is_suppressed=True)
        service_of(client).store.suppressions.forget()
        yield made


def identify(user: str, **traits: object) -> dict[str, Any]:
    return {
        "type": "identify",
        "userId": user,
        "messageId": f"i-{user}",
        "timestamp": NOW,
        "traits": {"email": TOM, "company_size": 5, **traits},
    }


def test_an_id_that_nobody_knows(running):
    """It is refused by that name at every door, alone and among others, and counted."""
    single = running.post("/v1/identify", identify("new"))
    assert single.status_code == 422
    assert [one["code"] for one in single.json()["errors"]] == ["suppressed"]
    batch = {"batch": [identify("other"), {"type": "page", "userId": "carl"}]}
    said = running.post("/v1/batch", batch).json()
    assert (said["accepted"], said["duplicates"]) == (1, 0)
    assert [(one["index"], one["type"]) for one in said["rejected"]] == [(0, "suppressed")]
    strict = running.post("/v1/batch", batch, Prefer="handling=strict")
    assert strict.json()["errors"][0]["pointer"] == "/body/batch/0"
    form = running.post("/v1/connectors/page-form", {"id": "f1", "mail": TOM}).json()
    assert (form["accepted"], form["duplicates"]) == (0, 0)
    assert [one["type"] for one in form["rejected"]] == ["suppressed"]
    assert running.refused == 4
    assert running.events() == [("ann", "seen"), ("carl", "page_viewed")]


def test_a_known_lead(running):
    """What it sends is kept without the address, and says so; it is no duplicate."""
    said = running.post("/v1/identify", identify("ann")).json()
    assert (said["accepted"], said["duplicates"], said["rejected"]) == (1, 0, [])
    assert [one["type"] for one in said["warnings"]] == ["suppressed"]
    said = running.post("/v1/batch", {"batch": [identify("ann") | {"messageId": "i2"}]}).json()
    assert (said["accepted"], said["warnings"][0]["index"]) == (1, 0)
    store = service_of(running.client).store
    told = [row[3] for row in store.events_of("ann") if row[0] == "identify"]
    assert told == [{"company_size": 5}] * 2
    assert store.ids_of("ann") == ["ann"]
    assert running.refused == 0


@pytest.mark.parametrize("is_alone", [True, False])
def test_erased_by_another_process_meanwhile(running, is_alone, monkeypatch):
    """What the transaction alone has found is told and counted likewise."""
    suppressions = service_of(running.client).store.suppressions
    monkeypatch.setattr(suppressions, "among", lambda _: set())
    if is_alone:
        said = running.post("/v1/identify", identify("new"))
        assert (said.status_code, said.json()["errors"][0]["code"]) == (422, "suppressed")
    else:
        said = running.post("/v1/batch", {"batch": [identify("new")]}).json()
        assert [one["type"] for one in said["rejected"]] == ["suppressed"]
        assert (said["accepted"], said["duplicates"]) == (0, 0)
    form = running.post("/v1/connectors/page-form", {"id": "f1", "mail": TOM}).json()
    assert [one["type"] for one in form["rejected"]] == ["suppressed"]
    assert running.refused == 2


def test_a_key_for_pages(running):
    """Nobody who has it learns whose address was erased: all answers are as of another address."""

    def answers(address: str, user: str) -> list[tuple[int, dict[str, Any]]]:
        call = identify(user, email=address)
        form = {"id": f"f-{user}", "mail": address}
        asked = [
            ("/v1/identify", call),
            ("/v1/identify", call),
            ("/v1/batch", {"batch": [call, call, call | {"messageId": f"i2-{user}"}]}),
            ("/v1/connectors/page-form", form),
            ("/v1/connectors/page-form", form),
        ]
        found = [running.post(path, body, "site") for path, body in asked]
        return [(one.status_code, one.json()) for one in found]

    of_tom = answers(TOM, "new")
    before = running.events()
    assert of_tom == answers("bob@private.example", "bob")
    assert [one["accepted"] for _, one in of_tom] == [1, 1, 2, 1, 1]
    assert running.refused == 6
    assert before == [("ann", "seen")]
    of_ann = running.post("/v1/identify", identify("ann"), "site").json()
    assert of_ann == of_tom[0][1]


def test_asked_for_by_address(running):
    """They are left alone by an address and by another tool's id as by their own."""
    server = {"leads": [{"email": " Tom@PRIVATE.example"}, "tom", {"email": "x@private.example"}]}
    results = running.post("/v1/scores:batch", server, "admin").json()["results"]
    assert [one["status"] for one in results] == ["opted_out", "opted_out", "not_found"]
    (by_mail,) = running.get("/v1/leads", email=TOM).json()["data"]
    assert by_mail["opted_out"]
    (by_number,) = running.get("/v1/leads", external_id="CRM-7").json()["data"]
    (by_id,) = running.get("/v1/leads", external_id="tom").json()["data"]
    assert (by_number["opted_out"], by_id) == (True, {"lead_id": "tom", "opted_out": True})
    for one in (by_mail, by_number):
        advice = running.post("/v1/recommendations", {"lead_id": one["lead_id"]}, "admin").json()
        assert (advice["status"], advice["offer"]["id"]) == ("opted_out", "no_ask")
    assert running.get("/v1/leads", email="x@private.example").json() == {"data": []}
