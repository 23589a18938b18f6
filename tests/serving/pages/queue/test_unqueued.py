"""A question is seen also of those who have no next step, and by everybody who could answer it."""

from __future__ import annotations

import pytest

from features.events.log import DAY_US
from tests.serving import world
from tests.serving.pages.scene import HTML, act, page

BOUGHT: dict[str, object] = {"name": "Bea Bought", "email": "bea@x.example"}


@pytest.fixture(params=["alone", "beside"])
def asking(start, folder, tmp_path, request):
    """Somebody who has bought asks; alone, or beside somebody in the queue who does."""
    until = world.now()
    asked: dict[str, object] = {"text": "Where is the invoice?"}
    events = [
        *world.customer("bea", until),
        world.event("bea", "identify", until - 9, BOUGHT),
        world.event("bea", "lead_asked", until - 2 * world.HOUR_US, asked),
        world.event("eve", "page_viewed", until - DAY_US),
    ]
    if request.param == "beside":
        events += [
            *world.climber("ann", until, 2),
            world.event("ann", "lead_asked", until - world.HOUR_US, {"text": "How?"}),
        ]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        yield client, 1 + (request.param == "beside")


def test_they_are_counted_and_shown(asking):
    """The headline, the tab and the first screen know of them; the tab has what to do."""
    client, waiting = asking
    first = page(client, "/").text
    verb = "waits" if waiting == 1 else "wait"
    assert f"{waiting} {verb} for a reply" in first
    assert "1 of those who wait for a reply has no next step" in first
    assert "Where is the invoice?" not in first
    reply = page(client, "/?tab=reply")
    assert "1 waits without a next step" in reply.text
    assert "Asked : “ Where is the invoice? ” waits 2 hours" in reply.text
    assert "Has bought" in reply.text
    assert "mailto:bea@x.example" in reply.values("href")
    assert ("1 with a next step" in reply.text) == (waiting == 2)
    assert "Nobody waits" not in reply.text


def test_what_is_done_with_them(asking):
    """They are taken, put aside and answered as anybody is."""
    client, waiting = asking
    assert 'value="action:talked"' in client.get("/?tab=reply", headers=HTML).text
    act(client, "bea", "action:talked")
    taken = page(client, "/?tab=reply").text
    assert "Undo" in taken
    assert "In your hands" in taken
    assert f"{waiting} wait" in page(client, "/?tab=marketing").text


def test_who_is_held_as_a_row_has_one_row(asking):
    """Who has bought while a page is open stays where they stood in it, and stands there once."""
    client, _ = asking
    for held, rows in (("", 1), ("&held=bea", 1), ("&held=bea&held=ann", 1)):
        found = client.get(f"/?tab=reply&seen=x{held}", headers=HTML).text
        assert found.count("Bea Bought</bdi></a>") == rows
    assert "In no queue any more" in found


def test_nobody_asks(client):
    """Where nobody without a next step waits, nothing is said of it."""
    for path in ("/", "/?tab=reply"):
        assert "next step, as they" not in page(client, path).text
        assert "without a next step" not in page(client, path).text
