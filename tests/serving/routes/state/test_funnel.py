"""The funnel over HTTP: what `rung funnel` counted, for any leads, and who they are."""

from __future__ import annotations

import csv
import io
import json
from contextlib import contextmanager, redirect_stdout

import pandas as pd
import pytest

import rung
from features.ladder.file import read_ladder
from models.judging.funnel.cause_shapes import FunnelCauses
from models.judging.funnel.shapes import Funnel
from serving.routes.state import funnel as routes
from tests.serving import world
from tests.serving.conftest import service_of
from tests.serving.shapes import check_shape, is_problem


@contextmanager
def running(start, folder, path):
    """A service whose funnel was counted, and what was printed then."""
    url = world.filled(path, world.population(40, world.now()))
    with start(url, folder / "rates") as client:
        detail = is_problem(client.get("/v1/funnel"), 404)["detail"]
        assert "within minutes of the first events; `rung funnel --store URL" in detail
        printed = io.StringIO()
        with redirect_stdout(printed):
            assert rung.main(["funnel", url, "--bundle", str(folder / "rates"), "--json"]) == 0
        yield client, json.loads(printed.getvalue())


@pytest.fixture(scope="module")
def counted(start, folder, tmp_path_factory):
    """One for all that only ask."""
    with running(start, folder, tmp_path_factory.mktemp("counted")) as found:
        yield found


@pytest.fixture
def own(start, folder, tmp_path):
    with running(start, folder, tmp_path) as found:
        yield found


def test_what_was_counted_last_is_served(counted):
    client, printed = counted
    answer = client.get("/v1/funnel")
    assert answer.status_code == 200
    check_shape(Funnel, answer.json())
    assert answer.json() == printed
    assert client.get("/v1/funnel", params={"ladder": "b2b", "every": "week"}).json() == printed
    months = client.get("/v1/funnel", params={"every": "month"}).json()
    assert months["every"] == "month"
    assert [step["counts"] for step in months["steps"]] == [s["counts"] for s in printed["steps"]]


def test_why_leads_stop(counted):
    """With the same rates; who opts out waits for no reply."""
    client, printed = counted
    answer = client.get("/v1/funnel/causes")
    assert answer.status_code == 200
    check_shape(FunnelCauses, answer.json())
    rates = [step["rate"] for step in answer.json()["diagnosis"]["steps"]]
    assert rates == [step["rate"] for step in printed["steps"]]
    is_problem(client.get("/v1/funnel/causes", params={"ladder": "b2c"}), 404)


def test_an_erasure_takes_what_was_counted_along(own):
    client, _ = own
    lead = client.get("/v1/queue").json()["data"][0]["lead_id"]
    assert client.delete(f"/v1/leads/{lead}").is_success
    for route in ("funnel", "funnel/causes"):
        detail = is_problem(client.get(f"/v1/{route}"), 404)["detail"]
        assert "is being counted again: a lead was erased" in detail


def test_every_number_names_its_leads(counted):
    client, printed = counted
    for step in printed["steps"]:
        for state in ("advanced", "pending", "lapsed", "lost"):
            asked = {"step": step["id"], "state": state, "limit": 200}
            found = client.get("/v1/funnel/leads", params=asked).json()
            assert found["count"] == len(found["data"]) == step["counts"][state]
    asked = {"step": printed["steps"][0]["id"], "limit": 3}
    first = client.get("/v1/funnel/leads", params=asked).json()
    after = client.get("/v1/funnel/leads", params={**asked, "offset": first["next_offset"]}).json()
    assert len({*first["data"], *after["data"]}) == 6
    whole = client.get("/v1/funnel/leads", params={**asked, "limit": 200}).json()
    assert whole["data"][:6] == first["data"] + after["data"]
    assert whole["next_offset"] is None


def test_the_header_leads_through_all_pages(counted):
    """It has all that was asked for, and ends with the last page."""
    client, printed = counted
    step = printed["steps"][0]
    asked = {
        "step": step["id"],
        "entered_from": "2020-01-01T00:00:00+01:00",
        "entered_to": "2199-01-01",
        "only": ["source:"],
        "ladder": printed["ladder"],
    }
    whole = client.get("/v1/funnel/leads", params={**asked, "limit": 200}).json()
    address: str | None = str(client.build_request("GET", "/", params={**asked, "limit": 7}).url)
    address, found = "/v1/funnel/leads?" + str(address).partition("?")[2], []
    while address:
        answer = client.get(address)
        found += answer.json()["data"]
        following = answer.json()["next_offset"]
        assert ("link" in answer.headers) == (following is not None)
        told = answer.links.get("next", {}).get("url")
        assert told is None or f"offset={following}" in told
        assert told is None or "entered_from=2019-12-31T23%3A00%3A00Z" in told
        address = told
    assert found == whole["data"]
    assert 7 < len(found) == whole["count"] <= 200


def test_for_some_leads(counted):
    """By when they came and by what was known then, as the address says."""
    client, printed = counted
    step = printed["steps"][1]
    trait, cells = next((trait, cells) for trait, cells in step["segments"].items() if cells)
    for cell in cells:
        asked = {"only": f"{trait}:{cell['value'] or ''}"}
        some = client.get("/v1/funnel", params=asked).json()["steps"][1]
        assert some["counts"] == cell["counts"]
        names = client.get("/v1/funnel/leads", params={**asked, "step": step["id"]}).json()
        assert names["count"] == cell["counts"]["came"]
    nobody = client.get("/v1/funnel", params={"entered_from": "2199-01-01T00:00:00Z"}).json()
    assert nobody["leads"] == 0
    assert "nobody came" in nobody["notes"][0]


def test_tables_as_csv(counted):
    client, printed = counted
    rows = {}
    for table in ("steps", "cohorts", "segments"):
        answer = client.get("/v1/funnel", params={"table": table})
        assert answer.headers["content-type"].startswith("text/csv")
        rows[table] = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["came"] for row in rows["steps"]] == [
        str(step["counts"]["came"]) for step in printed["steps"]
    ]
    assert len(rows["cohorts"]) == sum(len(step["cohorts"]) for step in printed["steps"])
    assert {row["trait"] for row in rows["segments"]} <= set(printed["steps"][0]["segments"])


def test_no_text_of_a_table_is_a_formula(counted, monkeypatch):
    """People open the tables in a spreadsheet; numbers stay numbers."""
    client, _ = counted
    told = pd.DataFrame({"value": ["=1+1"], "change": [-0.5]})
    monkeypatch.setitem(routes._TABLES, "segments", lambda _: told)
    answer = client.get("/v1/funnel", params={"table": "segments"})
    assert answer.text == "value,change\n'=1+1,-0.5\n"


def test_who_opts_out_is_named_no_more(own):
    client, printed = own
    asked = {"step": printed["steps"][0]["id"], "limit": 200}
    before = client.get("/v1/funnel/leads", params=asked).json()["data"]
    assert client.post(f"/v1/leads/{before[0]}/opt-out", json={"reason": "x"}).is_success
    after = client.get("/v1/funnel/leads", params=asked).json()["data"]
    assert after == before[1:]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"only": "source"}, "write a trait, a colon and its value"),
        ({"only": "sorce:fair"}, "did you mean 'source'"),
        ({"every": "day"}, "week"),
        ({"entered_from": "2026-01-01T00:00:00"}, "time zone"),
        ({"entered_from": "9999-12-31T23:59:59-23:59"}, "in the years 1970 to 2199"),
        ({"entered_to": "0001-01-01T00:00:00+23:59"}, "in the years 1970 to 2199"),
        ({"only": ["source:fair", "source:search"]}, "'source' is asked for twice"),
        ({"since": "2026-01-01"}, "since"),
        (
            {"entered_from": "2026-09-01T00:00:00Z", "entered_to": "2026-06-01T00:00:00Z"},
            "over before it begins",
        ),
    ],
)
def test_what_cannot_be_counted_is_said(counted, asked, said):
    client, _ = counted
    assert said in json.dumps(is_problem(client.get("/v1/funnel", params=asked), 422))


def test_a_value_that_nobody_had_is_noted(counted):
    """A store may come to know it: no error, but what there is, so that a slip is seen."""
    client, _ = counted
    found = client.get("/v1/funnel", params={"only": "source:nosuch"}).json()
    assert found["leads"] == 0
    assert found["notes"][0].startswith("no lead had the source 'nosuch' when it came")


def test_no_such_step(counted):
    client, printed = counted
    step = printed["steps"][1]["id"]
    problem = is_problem(client.get("/v1/funnel/leads", params={"step": step[:-1]}), 422)
    assert step in json.dumps(problem)
    is_problem(client.get("/v1/funnel", params={"ladder": "b2c"}), 404)


def test_of_another_version_of_the_ladder_nothing_is_told(own, tmp_path):
    """Whoever counts by a changed file replaces what was kept; until the next run that is said."""
    client, _ = own
    source = read_ladder("b2b").source
    changed = tmp_path / "changed.toml"
    changed.write_text(source.replace("horizon_days = 90", "horizon_days = 60", 1))
    url = service_of(client).settings.database_url
    assert rung.main(["funnel", url, "--ladder", str(changed), "--json"]) == 0
    detail = is_problem(client.get("/v1/funnel"), 404)["detail"]
    assert "is of another version of it; it will be within 3600 seconds" in detail


def test_stays_are_read_once(counted):
    """Until there are newer ones."""
    client, _ = counted
    service = service_of(client)
    first = service.funnel.stays(service.ladder)
    assert service.funnel.stays(service.ladder) is first
    url = service.settings.database_url
    assert rung.main(["funnel", url, "--ladder", "b2b", "--json"]) == 0
    assert service.funnel.stays(service.ladder) is first  # nothing has come since
