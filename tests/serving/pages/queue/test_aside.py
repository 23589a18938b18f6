"""Somebody who is put aside is shown as that, until when and by whom, and can be brought back."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from features.clock import microseconds, rfc3339
from features.events.log import DAY_US
from serving.pages.queue.aside import until_said
from serving.scoring.batch import rescoring
from tests.serving import world
from tests.serving.pages.scene import ACTS, HTML, act, page

NOW = microseconds(datetime(2026, 12, 1, 9, tzinfo=UTC))


@pytest.mark.parametrize(
    ("until", "zone", "said"),
    [
        (None, "UTC", "until they are back"),
        (datetime(2026, 12, 7, 8, tzinfo=UTC), "UTC", "until Monday, 7 December"),
        (datetime(2026, 12, 1, 15, 30, tzinfo=UTC), "UTC", "until 15:30"),
        (datetime(2027, 1, 4, 8, tzinfo=UTC), "UTC", "until Monday, 4 January 2027"),
        # The morning of Monday there is Sunday still by UTC.
        (datetime(2026, 12, 6, 19, tzinfo=UTC), "Pacific/Auckland", "until Monday, 7 December"),
    ],
)
def test_until_when(until, zone, said):
    """In words, by the clock of the business."""
    at = None if until is None else microseconds(until)
    assert until_said(at, NOW, ZoneInfo(zone)) == said


@pytest.fixture
def aside(start, folder, tmp_path):
    """Ann, whom Bob put aside until a day; Cleo, who has been here again since she was."""
    until, said = world.now(), {"name": "Ann Quarter", "phone": "+44 20 7946 0001"}
    held: dict[str, object] = {"by": "Bob", "until": rfc3339(until + 9 * DAY_US)}
    back: dict[str, object] = {"by": "Bob", "until_back": True}
    events = [
        *world.climber("ann", until, 3),
        world.event("ann", "identify", until - DAY_US, dict[str, object](said)),
        world.event("ann", "lead_snoozed", until - world.HOUR_US // 2, held),
        *world.climber("cleo", until, 3),
        world.event("cleo", "lead_snoozed", until - 2 * world.HOUR_US, back),
    ]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        yield client


def test_a_search_says_that_somebody_is_aside(aside):
    """Until when and by whom, with a way back, and without a call or anything to do."""
    found = aside.get("/?q=quarter", headers=HTML).text
    assert "Put aside</span> until" in found
    assert "by <bdi>Bob</bdi>" in found
    assert 'value="back"' in found
    assert ">Back now<" in found
    for absent in ("tel:", 'data-key="d"', 'class="opener"', 'value="later:'):
        assert absent not in found
    (row,) = csv.DictReader(io.StringIO(aside.get("/queue.csv?q=quarter").text))
    assert row["do"].startswith("Put aside until")
    assert row["offer"] == ""


def test_the_page_of_the_lead_says_so_too(aside):
    """And offers nothing else."""
    found = aside.get("/leads/ann", headers=HTML).text
    assert "by <bdi>Bob</bdi>" in found
    assert 'value="back"' in found
    assert ">Back now<" in found
    main = found[found.index('id="now"') : found.index("How likely")]
    assert "Put aside until" in main
    for absent in ("tel:", 'data-key="d"', "Offer:"):
        assert absent not in main


def test_who_has_been_here_again_is_not_aside(aside):
    """Until they are back ends with what they do, on the lead's page as in the queue."""
    assert "Put aside until" not in page(aside, "/leads/cleo").text.split("What happened")[0]
    assert "Put aside until" not in page(aside, "/?q=cleo").text


def test_brought_back(aside, monkeypatch):
    """It is in the queue again, the log has who did that, and it can be undone."""
    service = aside.app.state.service
    assert "Nothing for now" in page(aside, "/leads/ann").text
    act(aside, "ann", "back")
    (kept,) = service.store.actions.newest(5)
    ((name, told),) = kept.events
    assert (name, told["by"]) == ("lead_snoozed", "this machine")
    found = page(aside, "/leads/ann").text
    assert "Nothing for now" not in found
    assert "Brought back" in found
    monkeypatch.setattr(service, "clock", lambda: kept.due_at + 2)
    assert service.store.actions.enter(kept.due_at + 1) == 1
    assert "Brought back by this machine" in page(aside, "/leads/ann").text
    assert 'data-key="d"' in aside.get("/?q=quarter", headers=HTML).text


@pytest.fixture
def asking(start, folder, tmp_path):
    """Put aside by Bob for nine days an hour ago: Ann asked since, Dora before, Eli never.

    Fay, who is aside until she is back, asked before, and again since.
    """
    until = world.now()
    held: dict[str, object] = {"by": "Bob", "until": rfc3339(until + 9 * DAY_US)}
    asked: dict[str, dict[str, int]] = {"ann": {"since": 10}, "dora": {"before": 120}, "eli": {}}
    asked["fay"] = {"before": 120, "since": 10}
    events = []
    for lead, minutes in asked.items():
        events += world.climber(lead, until - 3 * world.HOUR_US, 3)
        told = held if lead != "fay" else {"by": "Bob", "until_back": True}
        events.append(world.event(lead, "lead_snoozed", until - world.HOUR_US, dict(told)))
        for ago in minutes.values():
            said: dict[str, object] = {"text": "Please call me today, we want to sign"}
            events.append(world.event(lead, "lead_asked", until - ago * 60_000_000, said))
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        yield client


def test_a_question_that_came_since_ends_it(asking):
    """It stands where all see who waits, in every answer alike; one that was known does not."""
    here = {"ann", "fay"}
    items = asking.get("/v1/queue").json()["data"]
    assert {item["lead_id"] for item in items if item["tab"] == "reply"} == here
    assert len(items) == 2
    for path in ("/?tab=reply", "/"):
        found = page(asking, path).text
        assert found.count("Please call me today, we want to sign") == 2
        assert re.search(r"Was put aside until \w+, \d+ \w+, by Bob , and a question has", found)
        assert "Was put aside until they are back, by Bob , and a question has come" in found
        assert "2 wait for a reply" in found
    table = csv.DictReader(io.StringIO(asking.get("/queue.csv?tab=reply").text))
    assert {row["lead_id"]: row["do"] for row in table} == dict.fromkeys(
        here, "Answer what they asked"
    )
    lead = page(asking, "/leads/ann").text
    assert "Answer this first" in lead
    assert "Was put aside until" in lead
    assert "Nothing for now" in page(asking, "/leads/dora").text
    assert "Was put aside" not in page(asking, "/leads/dora").text


def test_a_reply_lets_them_be_aside_again(asking):
    """What was said stands: once they are answered they are left alone until then."""
    service = asking.app.state.service
    service.store.append_events([world.event("ann", "business_replied", world.now())])
    rescoring.rescore(service.scorer)
    assert {one["lead_id"] for one in asking.get("/v1/queue").json()["data"]} == {"fay"}
    assert "Nothing for now" in page(asking, "/leads/ann").text


def test_mine_has_whom_i_put_aside(asking, monkeypatch):
    """Whoever puts somebody aside finds them under Mine, until when, with a way back."""
    service, now = asking.app.state.service, world.now()
    assert page(asking, "/?tab=mine").text.count("Put aside until") == 0
    service.store.append_events(
        [world.event("eli", "lead_snoozed", now, {"by": "Bob", "until": rfc3339(now)})]
    )
    for undone in (True, False):
        act(asking, "eli", "later:two-weeks")
        (kept,) = service.store.actions.newest(1)
        found = page(asking, "/?tab=mine").text
        assert "1 in your hands" in found
        assert "Undo" in found
        if undone:
            answer = asking.post("/undo", data={"action": kept.id, "next": "/"}, headers=ACTS)
            assert answer.status_code == 200
            assert "0 in your hands" in page(asking, "/?tab=mine").text
    monkeypatch.setattr(service, "clock", lambda: kept.due_at + 2)
    assert service.store.actions.enter(kept.due_at + 1) == 1
    found = page(asking, "/?tab=mine").text
    assert "1 in your hands" in found
    assert re.search(r"Put aside until \w+, \d+ \w+( \d+)?, by this machine", found)
    assert "Back now" in found
    assert "eli" not in {one["lead_id"] for one in asking.get("/v1/queue").json()["data"]}
    act(asking, "eli", "back")
    assert "0 in your hands" in page(asking, "/?tab=mine").text
