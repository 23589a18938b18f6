"""A row of the queue says of each lead what is true of it."""

from __future__ import annotations

import csv
import io

import pytest

from features.events.log import DAY_US
from serving.scoring.batch.rescoring import freshen
from tests.serving import world
from tests.serving.conftest import service_of
from tests.serving.pages.scene import HTML, act, page

BOUGHT: dict[str, object] = {"name": "Bea Bought", "email": "bea@x.example"}


@pytest.fixture
def asking(start, folder, tmp_path):
    """Somebody who has bought asks, before somebody who has not."""
    until = world.now()
    events = [
        *world.customer("bea", until),
        world.event("bea", "identify", until - 9, BOUGHT),
        world.event("bea", "lead_asked", until - 2 * world.HOUR_US, {"text": "The invoice?"}),
        world.event("eve", "page_viewed", until - DAY_US),
        *world.climber("ann", until, 2),
        world.event("ann", "lead_asked", until - world.HOUR_US, {"text": "How?"}),
    ]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/?tab=reply", "/?tab=reply&order=purchase"])
def test_who_has_bought_and_asks(asking, path):
    """They stand among those who wait, with what they ask and no chance."""
    shown = page(asking, path)
    assert "Has bought Asked : “ The invoice? ” waits 2 hours" in shown.text
    assert "mailto:bea@x.example" in shown.values("href")
    assert "2 wait for a reply" in shown.text
    html = asking.get(path, headers=HTML).text
    assert (html.index("Bea Bought") < html.index("How?")) == ("purchase" not in path)


def test_what_is_done_with_them(asking):
    """They are taken, put aside and answered as anybody is."""
    act(asking, "bea", "action:talked")
    taken = page(asking, "/?tab=reply").text
    assert "Undo" in taken
    assert "In your hands" in taken


def test_the_table_of_them(asking):
    """What a step would say is empty in it."""
    rows = list(csv.DictReader(io.StringIO(asking.get("/queue.csv?tab=reply").text)))
    assert [row["lead_id"] for row in rows] == ["bea", "ann"]
    bea, ann = rows
    of_a_step = ("next_step", "chance", "chance_low", "chance_high", "horizon_days")
    assert {bea[name] for name in (*of_a_step, "chance_of_purchase")} == {""}
    assert all(ann[name] for name in of_a_step)
    assert (bea["tab"], bea["do"]) == ("reply", "Answer what they asked")


def test_who_was_answered_meanwhile(asking):
    """On a page that was open they stay where they stood, once, and it says why."""
    events = [{"type": "track", "userId": "bea", "event": "business_replied"}]
    assert asking.post("/v1/batch", json={"batch": events}).status_code == 200
    freshen(service_of(asking).scorer)
    for held, rows in (("", 0), ("&held=bea", 1), ("&held=bea&held=ann", 1)):
        found = asking.get(f"/?tab=reply&seen=x{held}", headers=HTML).text
        assert found.count("Bea Bought</bdi></a>") == rows
    assert "In no queue any more: <span>Has bought</span>" in found


@pytest.mark.parametrize(("since", "is_there"), [(3, True), (35, True), (50, False), (None, False)])
def test_what_came_of_a_pilot_can_be_said(start, folder, tmp_path, since, is_there):
    """While it runs, and while its outcome is asked for; it is over then, and the log knows how."""
    until = world.now()
    events = world.climber("ann", until, 4)
    if since is not None:
        events.append(world.event("ann", "pilot_started", until - since * DAY_US))
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        for path in ("/?q=ann", "/leads/ann"):
            values = page(client, path).values("value")
            assert ("action:pilot-failed" in values) == is_there
            assert ("action:pilot-succeeded" in values) == is_there
        if is_there:
            act(client, "ann", "action:pilot-failed")
            (kept,) = service_of(client).store.actions.open()["ann"]
            assert [name for name, _ in kept.events] == ["pilot_failed", "lead_claimed"]
