"""The queue that asks again: its own rows as they stand now, in its own order, and what is new."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest

from features.store.privacy import Privacy
from tests.serving import world
from tests.serving.conftest import service_of
from tests.serving.pages.scene import HTML, page

PEOPLE = 6


@pytest.fixture
def queue(start, folder, tmp_path):
    """People to talk to, and a customer."""
    until = world.now()
    events = [one for at in range(PEOPLE) for one in world.climber(f"rep-{at}", until, 3)]
    events += [
        world.event(f"rep-{at}", "identify", until - 9, {"name": f"Person {at}"})
        for at in range(PEOPLE)
    ]
    events += [*world.customer("buyer", until)]
    events.append(world.event("buyer", "identify", until - 9, {"name": "Bea Buyer"}))
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        yield client


def poll_of(text):
    """The address at which a page asks what is new."""
    found = re.search(r'id="news" hx-get="([^"]+)"', text)
    assert found is not None
    return unescape(found[1])


def names_of(text):
    return re.findall(r'class="name"[^>]*><bdi>([^<]+)<', text)


def held_by(address):
    return parse_qs(urlsplit(address).query).get("held", [])


def test_a_page_that_has_missed_nothing(queue):
    """It is told so, and nothing else."""
    poll = poll_of(queue.get("/", headers=HTML).text)
    assert queue.get(poll, headers=HTML).status_code == 204


def test_rows_keep_their_order(queue):
    """Whoever asks again has their rows where they were, however often; a bar says what is new."""
    first = queue.get("/", headers=HTML).text
    assert "data-renew" not in first
    leads = held_by(poll_of(first))
    mine = [*leads[1:], leads[0]]
    for _ in range(2):
        text = queue.get("/", params={"seen": "before", "held": mine}, headers=HTML).text
        assert names_of(text) == [f"Person {lead[-1]}" for lead in mine]
        assert held_by(poll_of(text)) == mine
        assert "1 new on top" not in text
        assert "The order has changed" in text
    again = queue.get("/", params={"seen": "before", "held": leads}, headers=HTML).text
    assert "data-renew" not in again


def test_how_many_are_new_on_top(queue):
    """Those above the first that one sees already."""
    leads = held_by(poll_of(queue.get("/", headers=HTML).text))
    text = queue.get("/", params={"seen": "before", "held": leads[2:]}, headers=HTML).text
    assert "2 new on top" in text
    assert len(names_of(text)) == len(leads) - 2


def test_who_has_left_the_queue(queue):
    """They are where they were, with why; of whom nothing is kept nothing is shown."""
    leads = held_by(poll_of(queue.get("/", headers=HTML).text))
    service = service_of(queue)
    Privacy(service.store.database).opt_out([leads[0]], service.clock())
    held = [leads[0], "buyer", "erased", *leads[1:]]
    found = page(queue, "/?seen=before" + "".join(f"&held={lead}" for lead in held))
    assert "Bea Buyer In no queue any more: Has bought" in found.text
    assert "In no queue any more: Has opted out of profiling" in found.text
    assert "erased" not in found.text
    assert len([one for one in found.attributes if one == ("data-row", None)]) == len(leads) + 1


@pytest.mark.parametrize("held", ["", "held=%00", "held=" + "x" * 5000, "held=nobody&" * 60])
def test_no_address_breaks_it(queue, held):
    """Whatever stands in the address there is a page."""
    text = queue.get(f"/?seen=before&{held}", headers=HTML).text
    assert "to talk to" in text


def test_ids_too_long_for_an_address(start, folder, tmp_path):
    """They are not held in place; the page asks at an address that a proxy takes."""
    until = world.now()
    ids = [f"{at:02}-{'ü' * 60}" for at in range(25)]
    events = [one for lead in ids for one in world.climber(lead, until, 3)]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        poll = poll_of(client.get("/", headers=HTML).text)
        assert held_by(poll) == []
        assert len(poll) < 6_000
        assert client.get(poll, headers=HTML).status_code == 204
