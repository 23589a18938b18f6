"""A search counts all that it finds, and says where those are that stand in no queue."""

from __future__ import annotations

import re

import pytest

from features.events.log import DAY_US
from features.store.events import EventStore
from features.store.privacy import Privacy
from serving.pages.queue.elsewhere import Elsewhere, elsewhere_of
from serving.process.queue_views import QueueView
from tests.serving import world
from tests.serving.pages.scene import page

SILENT, QUEUED = 37, 3


@pytest.fixture
def quarters(start, folder, tmp_path):
    """Everybody is called Quarter: many are silent, three queued, one has bought, one is out."""
    until = world.now()
    leads = {f"silent-{at:02}": until - 300 * DAY_US for at in range(SILENT)}
    leads |= {f"queued-{at}": until - world.HOUR_US for at in range(QUEUED)} | {"out": until - 9}
    named: dict[str, object] = {"name": "Ann Quarter"}
    events = [world.event(lead, "identify", at, named) for lead, at in leads.items()]
    events += [world.event(lead, "page_viewed", at) for lead, at in leads.items()]
    events += [*world.customer("buyer", until), world.event("buyer", "identify", until - 9, named)]
    url = world.filled(tmp_path, events)
    with EventStore.open(url) as store:
        Privacy(store.database).opt_out(["out"], until)
    with start(url, folder / "rates") as client:
        yield client


def test_a_search_counts_all_that_it_finds(quarters):
    """The headline has those in no queue too, also those that are not listed."""
    found = page(quarters, "/?q=quarter").text
    assert f"{SILENT + QUEUED + 2} found for “ Quarter".lower() in found.lower()
    assert f"{QUEUED} in the queue, {SILENT + 2} in none" in found
    silent = re.search(r"Silent for more than \d+ days: (\d+)", found)
    assert silent is not None
    assert int(silent[1]) == SILENT
    assert "Has bought: 1" in found
    assert "Has opted out of profiling: 1" in found
    assert f"{SILENT + 2 - 20} more are not shown" in found


def test_of_one_reason_nothing_is_counted_twice(quarters):
    """A search for one lead says once where it stands."""
    found = page(quarters, "/?q=buyer").text
    assert "1 found for" in found
    assert found.count("Has bought") == 1
    assert "not shown" not in found


@pytest.mark.parametrize("view", [QueueView(), QueueView(words="quarter", step="human")])
def test_only_a_search_looks_elsewhere(quarters, view):
    """The queue itself, and a filter, tell of no others."""
    service = quarters.app.state.service
    assert elsewhere_of(service, view, service.clock()) == Elsewhere((), (), is_more=False)
