"""The service as a whole: one clock for all that it does."""

from __future__ import annotations

from starlette.testclient import TestClient

from features.clock import instant, microseconds, rfc3339
from features.events.log import DAY_US
from serving.app import create_app
from serving.settings import Settings

START = microseconds(instant("2031-05-04T12:00:00Z"))


def test_one_clock(folder, url):
    """Half a year passes by the clock that was handed in: arrivals, scores, decisions, exports."""
    present = [START]
    settings = Settings(database_url=url, bundle=folder / "fitted", rescore_seconds=3600.0)
    app = create_app(settings, clock=lambda: present[0])
    with TestClient(app, "http://127.0.0.1", client=("127.0.0.1", 50000)) as client:
        for days in (0, 90, 180):
            present[0] = START + days * DAY_US
            told = rfc3339(present[0])
            call = {"userId": "ann", "event": "page_viewed", "messageId": f"m-{days}"}
            assert client.post("/v1/track", json=call).json()["accepted"] == 1
            assert client.get("/v1/leads/ann/score").json()["scored_at"] == told
            asked = client.post("/v1/recommendations", json={"lead_id": "ann"}).json()
            assert asked["as_of"] == told
            export = client.get("/v1/leads/ann/export").json()
            assert export["exported_at"] == told
            arrived = [row for row in export["events"] if row["name"] == "page_viewed"]
            assert max(row["known_at"] for row in arrived) == told
