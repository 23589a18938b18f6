"""All scores, and what has changed since: as JSON pages, NDJSON, CSV and Arrow."""

from __future__ import annotations

import csv
import io
import json
import time
from dataclasses import replace

import pyarrow as pa
import pytest

from features.store.privacy import Privacy
from serving.routes.exports.formats import FORMATS
from serving.routes.exports.rows import schema_of
from serving.routes.exports.schemas import ScoresAnswer


def pages(client, **query):
    """All rows, and the cursor that follows them."""
    rows, cursor = [], query.pop("cursor", None)
    while True:
        asked = {**query, **({"cursor": cursor} if cursor else {})}
        answer = client.get("/v1/scores", params=asked)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        ScoresAnswer.model_validate(body)
        rows += body["data"]
        cursor = body["next_cursor"]
        if not body["has_more"]:
            return rows, cursor


def stored(service):
    return {one.lead_id: one for one in service.store.queue.listed(100_000)}


def test_all_scores(client, service):
    """Every stored score, in or out of the queue, with what it says."""
    rows, cursor = pages(client, limit=7)
    scores = stored(service)
    assert {row["lead_id"] for row in rows} == set(scores)
    assert len(rows) == len(scores)
    for row in rows:
        score = scores[row["lead_id"]]
        assert (row["probability"], row["band"], row["gone"]) == (
            score.p_advance,
            score.band,
            False,
        )
        traits = {key: value for key, value in row.items() if key.startswith("trait_")}
        known = json.loads(score.traits)
        assert traits == {f"trait_{one.id}": known.get(one.id) for one in service.ladder.traits}
    assert any(value for row in rows for key, value in row.items() if key.startswith("trait_"))
    assert any(row["reasons"] for row in rows)
    assert pages(client, cursor=cursor)[0] == []


def test_every_form_is_described(client):
    """The formats, the header with the cursor, and each column that a row has."""
    schema = client.get("/openapi.json").json()
    answered = schema["paths"]["/v1/scores"]["get"]["responses"]["200"]
    assert set(answered["content"]) == {*FORMATS.values()}
    assert set(answered["headers"]) == {"Rung-Next-Cursor", "Link"}
    for kind in FORMATS:
        headers = client.get("/v1/scores", params={"format": kind}).headers
        assert headers.keys() >= {name.lower() for name in answered["headers"]}
    columns = schema["components"]["schemas"]["ScoreRow"]["properties"]
    assert [*columns] == schema_of(None).names


def test_what_was_written_since(client, service):
    """A score that is written anew is told, one that is gone is told as gone."""
    _, cursor = pages(client)
    one, other, *_ = sorted(stored(service))
    before, others = stored(service)[one], stored(service)[other]
    service.store.scores.save([replace(before, as_of=before.as_of + 1, p_advance=0.125)])
    Privacy(service.store.database).opt_out([other], 5)
    try:
        rows, after = pages(client, cursor=cursor)
        told = {row["lead_id"]: row for row in rows}
        assert told[one]["probability"] == 0.125
        assert told[other] == {"lead_id": other, "gone": True}
        assert pages(client, cursor=after)[0] == []
    finally:
        Privacy(service.store.database).opt_in([other], service.clock())
        until = time.monotonic() + 60
        while service.store.marks.waiting()[0] and time.monotonic() < until:
            time.sleep(0.01)  # it is scored at once, and not while others look
        service.store.scores.save([before], gone=[one])
        service.store.scores.save([before, others])


def test_a_filter(client, service):
    """Those alone that meet it; one that meets it no more is told as gone."""
    step = next(one.step for one in stored(service).values() if one.step and one.band)
    rows, cursor = pages(client, step=step, limit=5)
    wanted = {one.lead_id: one for one in stored(service).values() if one.step == step}
    assert {row["lead_id"] for row in rows} == set(wanted)
    lead, before = next(iter(wanted.items()))
    service.store.scores.save([replace(before, as_of=before.as_of + 1, step="", position=9)])
    assert pages(client, step=step, cursor=cursor)[0] == [{"lead_id": lead, "gone": True}]
    service.store.scores.save([], gone=[lead])
    service.store.scores.save([before])


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (["TEXT/CSV; header=present"], "text/csv; charset=utf-8"),
        (["application/json;q=0.1, text/csv;q=0.9"], "text/csv; charset=utf-8"),
        (["application/json;q=0, text/csv;q=0.1"], "text/csv; charset=utf-8"),
        (["text/html", "application/x-ndjson"], "application/x-ndjson"),
        (["text/csv;q=0.5, application/json"], "application/json"),
        (["text/csv;q=0"], "application/json"),
        (["*/*"], "application/json"),
    ],
)
def test_what_is_accepted(client, accept, media):
    """The format that is wanted most, and caches know by what it was chosen."""
    answer = client.get("/v1/scores", headers=[("Accept", one) for one in accept])
    assert (answer.headers["content-type"], answer.headers["vary"]) == (media, "Accept")


def test_formats(client):
    """The same rows in each format, chosen by a parameter or by what is accepted."""
    rows, _ = pages(client)
    by_lead = {row["lead_id"]: row for row in rows}
    lines = client.get("/v1/scores", params={"format": "ndjson"})
    assert lines.headers["content-type"].startswith("application/x-ndjson")
    assert [json.loads(line) for line in lines.text.splitlines()] == rows
    assert pages(client, cursor=lines.headers["rung-next-cursor"])[0] == []
    table = client.get("/v1/scores", headers={"Accept": "text/csv"})
    found = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["lead_id"] for row in found] == [row["lead_id"] for row in rows]
    for row in found:
        same = by_lead[row["lead_id"]]
        assert row["probability"] == (
            "" if same["probability"] is None else str(same["probability"])
        )
        assert row["scored_at"] == same["scored_at"]
        assert json.loads(row["reasons"]) == same["reasons"]
    stream = client.get("/v1/scores", params={"format": "arrow"})
    read = pa.ipc.open_stream(stream.content).read_all()
    assert read["lead_id"].to_pylist() == [row["lead_id"] for row in rows]
    assert read["probability"].to_pylist() == [row["probability"] for row in rows]
    assert str(read.schema.field("scored_at").type) == "timestamp[us, tz=UTC]"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"cursor": "x"}, "no next_cursor"),
        ({"cursor": "WyIiLDAsMCxudWxsXQ"}, "no next_cursor"),
        ({"step": "nonsense"}, "no such step"),
        ({"format": "ndjson", "limit": 5}, "goes with JSON alone"),
        ({"band": "best"}, "low"),
        ({"since": "2026-01-01"}, "since"),
    ],
)
def test_a_query_that_will_not_do(client, query, told):
    """What is wrong with it, and where."""
    answer = client.get("/v1/scores", params=query)
    assert answer.status_code == 422
    assert told in answer.text


def test_a_cursor_that_is_no_more(client):
    """Of another store: everything is read anew, says the answer."""
    ahead = "WyIiLDAsOTAwMDAwMDAwMDAwLCIiXQ"
    answer = client.get("/v1/scores", params={"cursor": ahead})
    assert answer.status_code == 410
    assert answer.json()["type"].endswith(":stale-cursor")
    answer = client.get("/v1/scores", params={"cursor": ahead, "format": "csv"})
    assert answer.status_code == 410
    assert "anew" in answer.json()["detail"]
