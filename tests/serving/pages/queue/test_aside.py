"""Somebody who is put aside is shown as that, until when and by whom, and can be brought back."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from features.clock import microseconds, rfc3339
from features.events.log import DAY_US
from serving.pages.queue.aside import until_said
from tests.serving import world
from tests.serving.pages.scene import HTML, act, page

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
    assert 'value="back">Back now<' in found
    for absent in ("tel:", 'data-key="d"', 'class="opener"', 'value="later:'):
        assert absent not in found
    (row,) = csv.DictReader(io.StringIO(aside.get("/queue.csv?q=quarter").text))
    assert row["do"].startswith("Put aside until")
    assert row["offer"] == ""


def test_the_page_of_the_lead_says_so_too(aside):
    """And offers nothing else."""
    found = aside.get("/leads/ann", headers=HTML).text
    assert "by <bdi>Bob</bdi>" in found
    assert 'value="back">Back now<' in found
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
