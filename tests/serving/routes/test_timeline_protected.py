"""A protected trait, however it came in, is in no answer, on no page, in no table but the log's.

The export of a person's own data has it, as the log has.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from features.clock import rfc3339
from features.events.log import DAY_US
from features.ladder.file import parse_ladder, read_ladder
from features.store.schema import METADATA
from models.bundle import load_bundle, save_bundle
from serving.routes.exports.tables import write_tables
from tests.serving import world
from tests.serving.conftest import service_of
from tests.serving.live.process import eventually

HIDDEN = "zzprotectedzz"
LEAD, NEW = "lead-0003", "lead-new"
TRAIT = '\n[[trait]]\nid = "gender"\ntype = "category"\nprotected = true\n'


def _events(lead: str) -> list[dict[str, Any]]:
    """What is told of a lead, by traits, by a form, inside objects, and by another spelling."""
    told: list[tuple[str, dict[str, Any]]] = [
        ("identify", {"traits": {"gender": HIDDEN, "name": "Ada Berg", "company_size": 900}}),
        ("track", {"event": "form_submitted", "properties": {"gender": HIDDEN}}),
        ("track", {"event": "form_submitted",
                   "properties": {"fields": [{"name": "Gender", "value": HIDDEN}]}}),
        ("track", {"event": "page_viewed",
                   "properties": {"section": "pricing", "user": {"gender": HIDDEN}}}),
        ("track", {"event": "lead_asked", "properties": {"text": "what?", "gender": HIDDEN}}),
        ("track", {"event": "webinar_attended", "properties": {"minutes": 41, "GENDER": HIDDEN}}),
    ]  # fmt: skip
    at = world.now() - DAY_US
    return [
        {"type": kind, "userId": lead, "messageId": f"{lead}-{n}", "timestamp": rfc3339(at + n),
         **what}
        for n, (kind, what) in enumerate(told)
    ]  # fmt: skip


def _told_of(start: Any, url: str, bundle: Path) -> Iterator[TestClient]:
    with start(url, bundle) as client:
        sent = client.post("/v1/batch", json={"batch": [*_events(LEAD), *_events(NEW)]})
        assert sent.status_code == 200, sent.text
        store = service_of(client).store
        eventually(lambda: store.marks.waiting()[0] == 0)
        yield client


@pytest.fixture
def client(start, url, folder, tmp_path) -> Iterator[TestClient]:
    """A fitted model on the ladder with the protected trait; two leads that have it."""
    ladder = parse_ladder(read_ladder("b2b").source + TRAIT, "protected")
    save_bundle(load_bundle(folder / "fitted").on(ladder), tmp_path / "protected")
    yield from _told_of(start, url, tmp_path / "protected")


@pytest.fixture
def unprotected(start, url, folder) -> Iterator[TestClient]:
    """The same where the ladder does not know of the trait."""
    yield from _told_of(start, url, folder / "fitted")


def answers(client: TestClient) -> dict[str, str]:
    """Every answer that a GET gives, by its address, and what is asked by POST."""
    found = {}
    for path, methods in client.app.openapi()["paths"].items():  # type: ignore[attr-defined]
        if "get" not in methods:
            continue
        for lead in (LEAD, NEW) if "{lead_id}" in path else ("",):
            address = path.replace("{lead_id}", quote(lead))
            found[address] = client.get(address)
    for lead in (LEAD, NEW):
        for address, body in (
            ("/v1/recommendations", {"lead_id": lead}),
            ("/v1/scores:batch", {"leads": [lead, _stateless(lead)]}),
        ):
            found[f"POST {address} {lead}"] = client.post(address, json=body)
        decided = found[f"POST /v1/recommendations {lead}"].json()["decision_id"]
        found[f"the decision {lead}"] = client.get(f"/v1/decisions/{decided}")
        for address in (f"/leads/{lead}", f"/v1/leads/{lead}/timeline?limit=200"):
            found[address] = client.get(address, headers={"Accept": "text/html"})
    for address in ("/", "/?step=purchase", "/v1/queue?limit=100", "/v1/scores?format=ndjson"):
        found[address] = client.get(address, headers={"Accept": "text/html"})
    return {address: answer.text for address, answer in found.items() if answer.status_code == 200}


def _stateless(lead: str) -> dict[str, Any]:
    """A lead that brings its events."""
    told = {"name": "identify", "occurred_at": rfc3339(world.now()),
            "properties": {"gender": HIDDEN, "industry": "food"}}  # fmt: skip
    return {"lead_id": lead, "events": [told]}


def _is_export(address: str) -> bool:
    return address.endswith("/export")


def test_it_is_in_no_answer(client):
    """Queue, lead, score, reasons, decision, exports and pages hold neither value nor name."""
    found = answers(client)
    shown = {f"/v1/leads/{LEAD}/score", f"/leads/{LEAD}", "/", f"/v1/leads/{LEAD}/timeline"}
    shown |= {f"the decision {NEW}", f"POST /v1/scores:batch {NEW}", "/v1/scores", "/v1/queue"}
    assert shown <= set(found)
    assert "Ada Berg" in found[f"/leads/{LEAD}"]  # it is the page of that lead
    assert "Webinar attended" in found[f"/leads/{LEAD}"]
    for address, text in found.items():
        if not _is_export(address):
            assert HIDDEN not in text, address
            assert "gender" not in text.lower(), address


def test_the_person_gets_it(client):
    """What is exported of a person is all that is kept of it."""
    found = answers(client)
    exports = [text for address, text in found.items() if _is_export(address)]
    assert exports
    assert all(HIDDEN in text for text in exports)


def test_it_is_kept_in_the_log_alone(client):
    """No table holds it but that of events, and there no event that Rung wrote itself."""
    client.post("/v1/recommendations", json={"lead_id": LEAD})
    database = service_of(client).store.database
    held = set()
    with database.reading() as connection:
        for table in METADATA.sorted_tables:
            for row in connection.execute(sa.select(table)):
                if HIDDEN in str(tuple(row)):
                    held.add(table.name)
                    assert not row.name.startswith("rung_")
    assert held == {"events"}


def test_no_table_of_a_warehouse_has_it(client, tmp_path):
    """Neither a value nor a column."""
    service = service_of(client)
    write_tables(tmp_path / "tables", ".ndjson", service.store.database, service.ladder)
    text = "".join(path.read_text() for path in (tmp_path / "tables").iterdir())
    assert LEAD in text
    assert "trait_company_size" in text
    assert HIDDEN not in text
    assert "gender" not in text


def test_what_is_not_protected_is_shown(unprotected):
    """The same value shows where nothing protects it: the search above can find it."""
    found = answers(unprotected)
    for address in (f"/leads/{LEAD}", f"/v1/leads/{LEAD}/timeline"):
        assert found[address].count(HIDDEN) >= 5


def test_scores_are_the_same(client):
    """Whatever the value of the trait is, the lead has the same score, reasons and suggestion."""
    address = f"/v1/leads/{NEW}/score"
    as_of = {"as_of": rfc3339(world.now())}
    before = client.get(address, params=as_of).json()
    other = [replace_value(one) for one in _events(NEW)]
    client.post("/v1/batch", json={"batch": other[:1]})
    eventually(lambda: service_of(client).store.marks.waiting()[0] == 0)
    after = client.get(address, params=as_of).json()
    for key in ("probability", "reasons", "step", "base", "fit", "engagement"):
        assert after[key] == before[key]


def replace_value(event: dict[str, Any]) -> dict[str, Any]:
    """The event once more, with another value of the trait."""
    text = json.dumps(event).replace(HIDDEN, "another")
    changed: dict[str, Any] = json.loads(text)
    return changed | {"messageId": event["messageId"] + "-again"}
