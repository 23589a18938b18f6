"""What is known of an id's consent."""

from __future__ import annotations

import pytest

from features.store.events import Event
from serving.pages.settings.privacy.people import erasures_shown, found_people, opted_out_total
from tests.serving import world


def test_opted_out(site):
    """A lead that opted out is found by its id, with since when and why."""
    (one,), is_suppressed, _ = found_people(site.service, " lead-0003 ")
    assert one.is_out
    assert one.reason.startswith("letter of 3 May")
    assert one.address == "/leads/lead-0003"
    assert not is_suppressed


def test_out_before_anything_is_known(site):
    """An id that opted out before anything was known of it is found as well."""
    (one,), *_ = found_people(site.service, "nobody-yet")
    assert (one.is_out, one.address) == (True, "")


def test_suppressed(site):
    """Who was erased and must not come back is told by the id alone."""
    assert found_people(site.service, "lead-0005") == ([], True, 0)
    assert found_people(site.service, "lead-0004") == ([], False, 0)


@pytest.mark.parametrize("text", ["", "  ", "nobody", "a\0b", "nobody@example.com", "x" * 900])
def test_nobody(site, text):
    """An id that is nobody's is nobody's."""
    assert found_people(site.service, text) == ([], False, 0)


def test_an_address_that_is_a_trait(site):
    """Who gives an address is found by it, whatever the ladder makes one person of."""
    now = world.now()
    traits = [
        ("t1", "lead-0010", '{"email": "Lena.Novak@sable.example"}'),
        ("t2", "lead-0011", '{"workEmail": "lena@sable.example", "name": "lena.novak sable"}'),
    ]
    site.service.store.append_events(
        Event(message, lead, "identify", now, now, told) for message, lead, told in traits
    )

    def found(text):
        return [one.lead_id for one in found_people(site.service, text)[0]]

    assert found("lena.novak@sable.example") == ["lead-0010"]
    assert found(" LENA@sable.example ") == []  # no field that a search reads
    assert found("novak@sable.example") == []


def test_more_than_are_shown_is_said(site):
    """An address of many people shows the first, and how many more have it."""
    now = world.now()
    traits = '{"email": "team@sable.example"}'
    site.service.store.append_events(
        Event(f"m{at}", f"many-{at:02}", "identify", now, now, traits) for at in range(13)
    )
    found, _, more = found_people(site.service, "team@sable.example")
    assert (len(found), more) == (10, 3)
    sheet = site.get("/settings/privacy?id=team%40sable.example")
    assert "3 more have it and are not shown." in sheet.text


def test_channels(site):
    """What a lead said of a channel counts, and of the others what the ladder says."""
    now = world.now()
    told = [
        Event("c1", "lead-0009", "consent", now - 10, now - 10, '{"channel": "email"}'),
        Event("c2", "lead-0009", "consent", now - 5, now - 5, '{"channel":"sms","granted":true}'),
    ]
    before, *_ = found_people(site.service, "lead-0008")
    assert dict(before[0].channels)["Email"] == "open"
    site.service.store.append_events(told)
    (one,), *_ = found_people(site.service, "lead-0009")
    assert dict(one.channels) == {
        "Email": "refused",
        "Page": "open",
        "Rep": "open",
        "Sms": "agreed",
    }
    text = site.get("/settings/privacy?id=lead-0009").text
    assert "Email: no contact, as the lead said last" in text
    assert "Rep: may be contacted, by the ladder: the lead said nothing" in text


def test_counts(site):
    """How many opted out, and what was erased, without whom."""
    assert opted_out_total(site.service) == 2
    latest, former = erasures_shown(site.service)
    assert (latest.is_suppressed, former.is_suppressed) == (True, False)
    assert latest.events > 0
    assert erasures_shown(site.service, 1) == [latest]
