"""Webhooks on their pages: added, changed, tested, switched, replayed, removed."""

from __future__ import annotations

import re

import pytest

from serving.notifications.endpoints import Endpoints
from serving.pages.settings.webhooks import routes
from serving.pages.settings.webhooks.endpoints import endpoints_of, read_endpoint_form
from tests.serving.pages.settings.conftest import Sheet

HOME = "/settings/webhooks"


@pytest.fixture
def path(site):
    """The page of the endpoint that is on."""
    return f"{HOME}/{endpoints_of(site.service).all()[0].id}"


def secret_of(sheet: Sheet) -> str:
    found = re.search(r'id="made"[^>]* value="(whsec_[^"]+)"', sheet.html)
    assert found is not None
    return found[1]


def test_add(site):
    """The secret of a new endpoint is shown once; sent again, the form makes no second one."""
    form = {"url": "https://new.invalid/rung", "description": "New", "type:step.completed": "on"}
    answer = site.send(HOME, **form)
    assert answer.headers["cache-control"] == "no-store"
    secret = secret_of(Sheet(answer))
    assert secret not in site.get(HOME).html
    made = endpoints_of(site.service).all()[-1]
    assert (made.url, made.types) == ("https://new.invalid/rung", ("step.completed",))
    assert "the same already" in site.refused(HOME, **form).text
    page = site.get(f"{HOME}/{made.id}").text
    assert "Nothing was to be sent there yet." in page
    removed = site.get(f"{HOME}/{made.id}/remove").text
    assert "It cannot be taken back." in removed
    assert "Removed." in site.act(f"{HOME}/{made.id}/remove").text
    site.get(f"{HOME}/{made.id}", 404)


def test_wrong_address(site, path):
    """An address where nothing may be sent is marked, in the form of a new one and of an old."""
    for where in (HOME, path):
        sheet = site.refused(where, url="http://inside.example")
        assert "A URL begins with https://" in sheet.text
        assert sheet.fields["url"] == "http://inside.example"


def test_change(site, path):
    """What an endpoint wants can be changed, and the page says that it was."""
    before = endpoints_of(site.service).all()[0]
    seen = site.get(path).fields["seen"]
    form = {"url": before.url, "description": "Slack", "include:ids": "on", "seen": seen}
    sheet = site.act(path, **form)
    assert "Changed." in sheet.text
    changed = endpoints_of(site.service).all()[0]
    assert (changed.description, changed.include) == ("Slack", ("ids",))
    back = {"url": before.url, "description": before.description}
    stale = site.refused(path, 409, seen=seen, **back)
    assert "Somebody else has changed it" in stale.text
    assert stale.fields["description"] == before.description  # what was written is there still
    assert endpoints_of(site.service).all()[0] == changed
    site.act(path, seen=stale.fields["seen"], **back)
    assert endpoints_of(site.service).all()[0] == before


def test_change_at_the_same_time(site, path, monkeypatch):
    """Of two who save at once the second one is told, however close they are."""
    endpoints, read = endpoints_of(site.service), read_endpoint_form
    before = endpoints.all()[0]
    seen = site.get(path).fields["seen"]

    def read_while_another_saves(*given):
        form = read(*given)
        endpoints.change(before.id, description="Another's")
        return form

    monkeypatch.setattr(routes, "read_endpoint_form", read_while_another_saves)
    sheet = site.refused(path, 409, url=before.url, description="Mine", seen=seen)
    assert sheet.fields["description"] == "Mine"
    assert endpoints.one(before.id).description == "Another's"
    endpoints.change(before.id, description=before.description)


def test_switch_off_and_on(site, path):
    """Switching off can be taken back by the button of its note."""
    off = site.act(f"{path}/off")
    assert "Switched off." in off.text
    assert f"{path}/on" in off.actions
    assert "Send a test" not in off.text
    on = site.act(f"{path}/on")
    assert "Switched on." in on.text
    assert f"{path}/off" in on.actions
    assert "Switched off." not in site.get(f"{path}?done=off").text


def test_replay(site, path):
    """What was ticked is sent again, or all that failed since a day; the page says how many."""
    failed = site.get(f"{path}?state=failed")
    boxes = [name for name in failed.fields if name.startswith("send:")]
    assert boxes
    sheet = site.act(f"{path}/replay", **{boxes[0]: "on"})
    assert "Sent again: 1 notification is on the way." in sheet.text
    since = site.act(f"{path}/replay", since="2020-01-01")
    assert re.search(r"Sent again: \d+ notifications are on the way\.", since.text)
    assert "None." in site.get(f"{path}?state=failed").text
    assert "Since which day?" in site.refused(f"{path}/replay", since="soon").text


def test_test_and_secret(site, path):
    """A test is sent, and another secret shown once."""
    assert "A test is sent." in site.act(f"{path}/test").text
    assert "someone" not in site.get(path).text
    secret = secret_of(Sheet(site.send(f"{path}/rotate")))
    page = site.get(path)
    assert secret not in page.html
    assert "the former secret signs too" in page.text


def test_pages(site, path):
    """Deliveries go on page by page, and back to the latest."""
    first = site.get(path)
    older = next(link for link in first.links if "after=" in link)
    second = site.get(older)
    assert "Back to the latest" in second.text
    assert not {one for one in second.fields if one.startswith("send:")} & set(first.fields)


def test_off_one(site):
    """Of one that was switched off for failing it is said since when and why, and nothing sent."""
    crm = Endpoints(site.service.store.database, site.service.clock).all()[1]
    sheet = site.get(f"{HOME}/{crm.id}")
    assert "nothing was taken for three days" in sheet.text
    assert "Switch it on" in sheet.text
    site.refused(f"{HOME}/{crm.id}/test", 409)


def test_nowhere_yet(empty):
    """Without an endpoint the page says so."""
    assert "Nowhere so far." in empty.get(HOME).text
    empty.get(f"{HOME}/endpoint-none", 404)
    empty.refused(f"{HOME}/endpoint-none/gone", 422)
