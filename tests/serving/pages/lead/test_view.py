"""What the page of a lead says of where it stands, and of whom its figures are."""

from __future__ import annotations

import pytest

from features.events.log import DAY_US
from features.store.events import EventStore
from features.store.privacy import Privacy
from tests.serving import world
from tests.serving.pages.scene import act, page


def test_who_is_silent_stands_in_no_queue(start, folder, tmp_path):
    """The page of somebody whom no queue has says why; that of others says nothing of the kind."""
    until = world.now()
    events = [*world.life("ann", 1, until, days_silent=200.0), *world.climber("bob", until, 2)]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        text = page(client, "/leads/ann").text
        assert "In no queue: Silent for more than 90 days" in text
        assert "· In no queue" not in text
        assert "In no queue" not in page(client, "/leads/bob").text


def test_who_has_shown_no_interest_was_not_silent_for_long(start, folder, tmp_path):
    """A visit that was left at once is none; when they came has nothing to do with it."""
    left: dict[str, object] = {"seconds": 9, "pages": 1}
    events = [world.event("ann", "session_ended", world.now() - DAY_US, left)]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        text = page(client, "/leads/ann").text
    assert "In no queue: Has shown no interest so far" in text
    assert "Silent for" not in text


@pytest.mark.parametrize(("rungs", "is_told"), [(0, False), (1, True)])
def test_of_a_range_that_no_ladder_names_nothing_is_said(start, folder, tmp_path, rungs, is_told):
    """No step leads to the first one, so nothing is usual for it."""
    events = world.climber("ann", world.now(), rungs)
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        assert (" for the step" in page(client, "/leads/ann").text) == is_told


@pytest.mark.parametrize("state", ["bought", "lost", "out"])
def test_who_asks_is_heard_wherever_they_stand(start, folder, tmp_path, state):
    """Of a customer, and of somebody who is lost or has opted out, nothing is asked; they may.

    Whoever has opted out is replied to, and nothing else is done with them.
    """
    until = world.now()
    events = world.customer("ann", until) if state == "bought" else world.climber("ann", until, 2)
    if state == "lost":
        events.append(world.event("ann", "lead_disqualified", until - 4 * world.HOUR_US))
    asked: dict[str, object] = {"text": "Where is my invoice?"}
    events.append(world.event("ann", "lead_asked", until - 3 * world.HOUR_US, asked))
    url = world.filled(tmp_path, events)
    if state == "out":
        with EventStore.open(url) as store:
            Privacy(store.database).opt_out(["ann"], until)
    with start(url, folder / "rates") as client:
        text = page(client, "/leads/ann").text
    assert "They wait for a reply all the same: 3 hours. “ Where is my invoice? ”" in text
    assert "Answer this first" not in text
    assert "Talked" in text
    assert ("No answer" in text) == (state != "out")


def test_that_a_customer_was_answered_can_be_said(start, folder, tmp_path):
    """By the button that says so, which others who have bought have no need of."""
    until = world.now()
    asked = world.event("ann", "lead_asked", until - 3 * world.HOUR_US)
    url = world.filled(
        tmp_path, [*world.customer("ann", until), asked, *world.customer("bob", until)]
    )
    with start(url, folder / "rates") as client:
        assert "Talked" not in page(client, "/leads/bob").text
        assert "Talked" in page(client, "/leads/ann").text
        act(client, "ann", "action:talked")
        text = page(client, "/leads/ann").text
    assert "Undo" in text
    assert "Talked, by" in text


def test_a_step_that_was_left_out_is_not_said_to_be_done(start, folder, tmp_path):
    """Whoever began with a pilot has read nothing, though they stand above that."""
    events = [world.event("ann", "pilot_started", world.now() - DAY_US)]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        text = page(client, "/leads/ann").text
    assert "– Content left out – Value exchange left out" in text
    assert "✓ Trial (done)" in text
    assert text.count("(done)") == 1


@pytest.mark.parametrize(
    ("bundle", "rungs", "shared"), [("rates", 2, True), ("rates", 5, False), ("fitted", 2, False)]
)
def test_a_chance_to_buy_that_is_the_same_for_all(start, folder, tmp_path, bundle, rungs, shared):
    """Where few have bought it is that of the step, and says so; at the last it is the step's."""
    events = world.climber("ann", world.now(), rungs)
    with start(world.filled(tmp_path, events), folder / bundle) as client:
        text = page(client, "/leads/ann").text
        assert ("The same for everyone at this step" in text) == shared


def test_who_asked_twice_has_both_questions_on_the_page(start, folder, tmp_path):
    """They wait since the first, which the last one does not hide, and was not asked then."""
    until = world.now()
    events = world.climber("ann", until, 3)
    for at, said in ((9, "The old one?"), (5, "Can it wait?"), (2, "And by the month?")):
        events.append(world.event("ann", "lead_asked", until - at * DAY_US, {"text": said}))
    events.append(world.event("ann", "business_replied", until - 8 * DAY_US))
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        text = page(client, "/leads/ann").text
    assert "Waits for a reply: 5 days; asked 2 times since, this is the last" in text
    assert "Asked : “ And by the month? ” waits 5 days" in text
    assert "Asked: “And by the month?” 5 days ago" not in text
    assert text.count("Asked us something") == 3
    assert "Text Can it wait?" in text
