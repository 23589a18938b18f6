"""Readiness over HTTP: the newest that was found, and when there will be one."""

from __future__ import annotations

import json
from dataclasses import replace

import rung
from models.judging.readiness import Readiness
from tests.serving import world
from tests.serving.conftest import service_of
from tests.serving.shapes import check_shape, is_problem


def test_what_was_found_last_is_served(start, folder, tmp_path, capsys):
    """First when there will be one, then what `rung readiness` printed."""
    url = world.filled(tmp_path, world.population(12, world.now()))
    with start(url, folder / "rates") as client:
        problem = is_problem(client.get("/v1/readiness"), 404)
        assert problem["type"].endswith("unknown-report")
        assert "within minutes of the first events" in problem["detail"]
        capsys.readouterr()
        assert rung.main(["readiness", url, "--bundle", str(folder / "rates"), "--json"]) == 0
        answer = client.get("/v1/readiness")
        assert answer.status_code == 200
        check_shape(Readiness, answer.json())
        printed = json.loads(capsys.readouterr().out)
        assert answer.json() == printed
        assert client.get("/v1/readiness", params={"ladder": "b2b"}).json() == printed
        is_problem(client.get("/v1/readiness", params={"ladder": "b2c"}), 404)


def test_that_nobody_looks_is_said(client):
    """Where it is switched off, how to look by hand."""
    service = service_of(client)
    settings = service.settings
    service.settings = replace(settings, readiness_seconds=0.0)
    try:
        detail = is_problem(client.get("/v1/readiness"), 404)["detail"]
    finally:
        service.settings = settings
    assert (
        "RUNG_READINESS_SECONDS is 0; `rung readiness --store URL --bundle BUNDLE` does it now"
        in detail
    )


def test_before_there_is_a_ladder(bare):
    """Without a model and without a ladder there is nothing to look at."""
    detail = is_problem(bare.get("/v1/readiness"), 404)["detail"]
    assert "once there is a model, or RUNG_LADDER names a ladder" in detail
