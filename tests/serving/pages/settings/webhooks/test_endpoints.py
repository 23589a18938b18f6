"""Endpoints in words, and their form."""

from __future__ import annotations

import pytest

from serving.edge.parameters import packed
from serving.notifications.addresses import AddressRule
from serving.notifications.bodies import INCLUDES
from serving.pages.settings.webhooks.endpoints import (
    INCLUDE_WORDS,
    after_of,
    deliveries_shown,
    endpoints_of,
    endpoints_shown,
    form_of_endpoint,
    read_endpoint_form,
)


def test_every_include_has_words():
    """Whatever an endpoint may ask for is told in words."""
    assert set(INCLUDE_WORDS) == set(INCLUDES)


def test_states(site):
    """An endpoint fails, or was switched off for it; what waits and was given up is counted."""
    slack, crm = endpoints_shown(site.service)
    assert (slack.state[0], slack.tally.failed) == ("Failing", 3)  # one is erased with its lead
    assert slack.delivered_at is not None
    assert crm.state[0] == "Off, it failed"
    assert (
        crm.told == "A lead completed a step of the ladder; a lead has waited too long for a reply"
    )


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "Write where it is"),
        ("http://a.example", "A URL begins with https://"),
        ("https://127.0.0.1/x", "is no public address"),
        ("https://a:b@a.example", "no user and no password"),
        ("nonsense", "."),
        ("https://a.example/" + "x" * 3000, "Write where it is"),
    ],
)
def test_addresses(url, why):
    """Where nothing may be sent is said beside the address, and what was typed stays."""
    form = read_endpoint_form({"url": url}, AddressRule(), ())
    assert why in form.mistake("url")
    assert form.url == url


def test_there_and_back(site):
    """A form that is saved as it is shown changes nothing, and is made only once."""
    (_, crm) = endpoints_of(site.service).all()
    form = form_of_endpoint(crm)
    given = {"url": form.url, "description": form.description}
    given |= {f"type:{one}": "on" for one in form.types}
    given |= {f"include:{one}": "on" for one in form.include}
    assert read_endpoint_form(given, AddressRule(), ()) == form
    twice = read_endpoint_form(given, AddressRule(), [crm])
    assert "the same already" in twice.mistake("url")


def test_pages_of_deliveries(site):
    """Pages of deliveries follow each other, each delivery once."""
    id_ = endpoints_of(site.service).all()[0].id
    found, cursor = [], ""
    for _ in range(10):
        page, cursor = deliveries_shown(site.service, id_, 15, None, after_of(cursor))
        found += [one.id for one in page]
        if not cursor:
            break
    assert sorted(found) == sorted(set(found))
    assert len(found) >= 38


@pytest.mark.parametrize(
    "place",
    [None, [], [1], [1, ""], [-(10**17), "a"], [10**18, "a"], ["1", "a"], [1, "\0"], [1, 2]],
)
def test_no_cursor(place):
    """A place that is none is the beginning."""
    assert after_of(packed(place)) is None
    assert after_of("") is after_of("1.a") is None
