"""The leads behind a number: what came of each, until when it has time, when it went on."""

from __future__ import annotations

import csv
import io
from contextlib import closing

import pytest

from features.clock import rfc3339
from features.events.log import DAY_US
from serving.pages.ladder.choices import LadderChoice
from serving.pages.ladder.leads import leads_csv, leads_values
from serving.process.service import Service
from serving.settings import Settings
from tests.serving import world
from tests.serving.counting import count

ALL = LadderChoice(within="all")
NOW = world.now() // 1_000_000 * 1_000_000
VIDEO: dict[str, object] = {"watched_fraction": 0.9}


def lead(name, came, went=None):
    """A lead that came so many days ago, and went on so many days later."""
    at = NOW - came * DAY_US
    events = [world.event(name, "page_viewed", at)]
    if went is not None:
        events.append(world.event(name, "video_progress", at + went * DAY_US, VIDEO))
    return events


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    path = tmp_path_factory.mktemp("leads")
    events = [*lead("fast", 40, 2), *lead("late", 50, 20), *lead("never", 60), *lead("new", 3)]
    world.filled(path, [*events, world.event("new", "page_viewed", NOW)])
    settings = Settings(f"sqlite:///{path / 'events.db'}", path / "none", ladder="b2b")
    with closing(Service.open(settings)) as service:
        yield service


@pytest.fixture(scope="module")
def stays(service):
    return count(service.store, service.ladder)


def listed(service, stays, state=None):
    values = leads_values(service, stays, "content", state, ALL, 0)
    return values, {one.person.lead_id: one for one in values["leads"]}


def test_what_came_of_all(service, stays):
    values, leads = listed(service, stays)
    assert values["title"] == "Came to stand before Content"
    assert list(leads) == ["new", "fast", "late", "never"]
    assert [one.became for one in leads.values()] == [
        "has time until",
        "went on",
        "went on late",
        "not in time",
    ]
    assert leads["new"].then == rfc3339(NOW + 11 * DAY_US)
    assert leads["late"].then == rfc3339(NOW - 30 * DAY_US)
    assert leads["never"].then == ""
    assert leads["fast"].came_at == rfc3339(NOW - 40 * DAY_US)


@pytest.mark.parametrize(
    ("state", "names", "third"),
    [
        ("advanced", ["fast"], "Went on"),
        ("lapsed", ["late", "never"], "Went on later"),
        ("pending", ["new"], "Has time until"),
        ("lost", [], "Went on later"),
    ],
)
def test_of_one_state(service, stays, state, names, third):
    values, leads = listed(service, stays, state)
    assert (values["count"], list(leads), values["third"]) == (len(names), names, third)


def test_a_sheet(service, stays):
    text = b"".join(leads_csv(service, stays, "content", None, ALL)).decode()
    rows = {row["lead_id"]: row for row in csv.DictReader(io.StringIO(text))}
    assert rows["late"]["state"] == "lapsed"
    assert rows["late"]["went_on_at"] == rfc3339(NOW - 30 * DAY_US)
    assert rows["new"]["went_on_at"] == ""
    assert rows["new"]["name"] == ""
