"""What comes in and goes out."""

from __future__ import annotations

from serving.connectors.configuration import Connectors
from serving.connectors.received import ReceivedNotes
from serving.pages.settings.connections import incoming, outgoing


def test_states(site):
    """A tool is on, off, refused, or on without anything yet; those that are on come first."""
    service = site.service
    connectors = site.client.app.state.connectors
    tools = incoming(service, connectors, ReceivedNotes(service.store.database), with_why=True)
    states = {one.name: one.state[0] for one in tools}
    assert states["stripe"] == "On"
    assert states["zoom"] == "Refused"
    assert states["hubspot"] == "On, nothing yet"
    assert states["mautic"] == "Off"
    assert [one.is_on for one in tools] == sorted((one.is_on for one in tools), reverse=True)


def test_why_is_told_to_some(site):
    """Why something failed is told to those who may know alone."""
    service = site.service
    notes = ReceivedNotes(service.store.database)
    assert all(not one.why for one in incoming(service, Connectors(), notes, with_why=False))
    assert all(not one.failures for one in outgoing(service, with_why=False))
    hubspot = outgoing(service, with_why=True)[0]
    assert (hubspot.name, hubspot.state[0]) == ("hubspot", "Failing")
    assert hubspot.failures


def test_a_crm_that_is_off_stays_told_of(site):
    """What a CRM knows is told after it was switched off."""
    mautic = next(one for one in outgoing(site.service, with_why=False) if one.name == "mautic")
    assert (mautic.state[0], mautic.held) == ("Off", 10)
