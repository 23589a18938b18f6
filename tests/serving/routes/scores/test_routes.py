"""Scores of the past: by what served then, or by what serves now."""

from __future__ import annotations

import shutil

import pytest

from features.clock import rfc3339
from features.events.log import DAY_US
from models.bundle import load_bundle
from models.logged.former_bundles import Promotion, promote_into
from tests.gates import scores_gate
from tests.serving.conftest import service_of


@pytest.fixture
def promoted(start, url, folder, tmp_path):
    """A service whose rates have given way to a fitted model, and when the first of them served."""
    into = tmp_path / "served"
    rates, fitted = (load_bundle(folder / name) for name in ("rates", "fitted"))
    promote_into(into, folder / "rates", scores_gate(rates), Promotion(1, "ann", "the first"))
    with start(url, into) as client:
        service = service_of(client)
        before = service.clock()
        gate = scores_gate(fitted, rates.hash)
        promote_into(into, folder / "fitted", gate, Promotion(before, "ann", "better"))
        assert service.refresh()
        yield client, rfc3339(before), rates, fitted, into


def test_by_what_served_then(promoted):
    """One lead, several, and one with its events; the policy and the words of now are no matter."""
    client, before, rates, fitted, _ = promoted
    address, events = "/v1/leads/lead-0001/score", [{"name": "page_viewed", "occurred_at": before}]
    leads = ["lead-0001", {"lead_id": "somebody", "events": events}]
    for model, expected in ((None, rates), ("current", fitted)):
        asked = {"as_of": before} | ({"model": model} if model else {})
        one = client.get(address, params=asked).json()
        assert one["model"]["version"] == expected.version
        assert one["calibration"]["evidence"] == expected.advancement.evidence
        found = client.post("/v1/scores:batch", json={"leads": leads, **asked}).json()["results"]
        assert [each["model"]["version"] for each in found] == [expected.version] * 2
        assert found[0]["probability"] == one["probability"]
        assert found[0]["reasons"] == one["reasons"]
    assert client.get(address).json()["model"]["version"] == fitted.version
    assert client.get(address, params={"model": "current"}).json()["model"] == one["model"]


def test_what_is_kept_no_more(promoted):
    """It is said, with what can be asked; what served before anything did is what serves now."""
    client, before, rates, fitted, into = promoted
    shutil.rmtree(into.parent / "served.former")
    gone = client.get("/v1/leads/lead-0001/score", params={"as_of": before})
    assert gone.status_code == 410
    assert gone.json()["type"] == "urn:problem-type:rung:model-gone"
    assert rates.version in gone.json()["detail"]
    asked = {"as_of": before, "model": "current"}
    assert client.get("/v1/leads/lead-0001/score", params=asked).status_code == 200
    batch = client.post("/v1/scores:batch", json={"leads": ["lead-0001"], "as_of": before})
    assert batch.status_code == 410
    service = service_of(client)
    (first, *_) = sorted(one.from_at for one in service.store.champions.of("b2b"))
    early = client.get(
        "/v1/leads/lead-0001/score", params={"as_of": rfc3339(first - DAY_US // 1000)}
    )
    assert early.json()["model"]["version"] == fitted.version


def test_which_model_is_current_or_that_of_then(promoted):
    client, before, *_ = promoted
    wrong = client.get("/v1/leads/lead-0001/score", params={"as_of": before, "model": "former"})
    assert wrong.status_code == 422
