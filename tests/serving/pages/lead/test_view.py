"""What the page of a lead says of where it stands, and of whom its figures are."""

from __future__ import annotations

import pytest

from tests.serving import world
from tests.serving.pages.scene import page


def test_who_is_silent_stands_in_no_queue(start, folder, tmp_path):
    """The page of somebody whom no queue has says why; that of others says nothing of the kind."""
    until = world.now()
    events = [*world.life("ann", 1, until, days_silent=200.0), *world.climber("bob", until, 2)]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        text = page(client, "/leads/ann").text
        assert "In no queue: Silent for more than 90 days" in text
        assert "· In no queue" not in text
        assert "In no queue" not in page(client, "/leads/bob").text


@pytest.mark.parametrize(
    ("bundle", "rungs", "shared"), [("rates", 2, True), ("rates", 5, False), ("fitted", 2, False)]
)
def test_a_chance_to_buy_that_is_the_same_for_all(start, folder, tmp_path, bundle, rungs, shared):
    """Where few have bought it is that of the step, and says so; at the last it is the step's."""
    events = world.climber("ann", world.now(), rungs)
    with start(world.filled(tmp_path, events), folder / bundle) as client:
        text = page(client, "/leads/ann").text
        assert ("The same for everyone at this step" in text) == shared
