"""A search counts all that it finds, and says where those are that stand in no queue."""

from __future__ import annotations

import re

import pytest

from features.events.log import DAY_US
from features.store.events import EventStore
from features.store.privacy import Privacy
from serving.pages.queue.elsewhere import Elsewhere, elsewhere_of
from serving.process.queue_views import Desk, QueueView
from tests.serving import world
from tests.serving.pages.scene import HTML, act, page

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
def test_only_a_search_and_ones_own_look_elsewhere(quarters, view):
    """The queue itself, and a filter, tell of no others."""
    service = quarters.app.state.service
    desk = Desk.of(service.store, "this machine", service.clock())
    assert elsewhere_of(service, desk, view) == Elsewhere((), (), is_more=False)


def test_who_opts_out_in_ones_hands(quarters):
    """It is named alike everywhere, nothing is asked of it, and one can let go of it."""
    privacy = Privacy(quarters.app.state.service.store.database)
    act(quarters, "queued-0", "claim")
    privacy.opt_out(["queued-0"], world.now())
    for path in ("/?tab=mine", "/?q=queued-0", "/leads/queued-0"):
        found = quarters.get(path, headers=HTML).text
        assert "Ann Quarter" in found
        assert "Has opted out of profiling" in found
        assert "In your hands" in found
        assert 'data-key="d"' not in found
    assert "1 in your hands" in page(quarters, "/?tab=mine").text
    act(quarters, "queued-0", "claim", status=409)
    quarters.app.state.service.store.actions.enter(world.now() + DAY_US)
    assert ">Let them go<" in quarters.get("/?tab=mine", headers=HTML).text
    act(quarters, "queued-0", "release")
    assert "Nobody is in your hands" in page(quarters, "/?tab=mine").text
    assert "In your hands" not in page(quarters, "/leads/queued-0").text


def test_who_has_bought_in_ones_hands(quarters):
    """One can let go of somebody of whom nothing is asked any more, whatever the reason."""
    act(quarters, "buyer", "claim")
    quarters.app.state.service.store.actions.enter(world.now() + DAY_US)
    for path in ("/?tab=mine", "/leads/buyer"):
        assert ">Let them go<" in quarters.get(path, headers=HTML).text
    act(quarters, "buyer", "release")
    assert "Nobody is in your hands" in page(quarters, "/?tab=mine").text
