"""Who did what."""

from __future__ import annotations

from serving.pages.settings.activity import ActivityEntry, activity, entries_of_actions


def test_further_entries(site):
    """What another part keeps stands among the rest, in its place in time."""
    service = site.service
    kept = activity(service)
    between = ActivityEntry(kept[1].at + 1, "Ben", "lead", "Talked to a lead", "Ada")
    with_it = activity(service, [between])
    assert with_it[1] == between
    assert [one for one in with_it if one != between] == kept
    assert [one.at for one in kept] == sorted((one.at for one in kept), reverse=True)


def test_who_is_not_kept(site):
    """Where nobody's name is kept none is made up."""
    ended = next(one for one in activity(site.service) if one.what.startswith("The experiment"))
    assert ended.by == ""


def test_what_was_done_with_leads(site):
    """What people did with leads stands among the rest, by the lead's name, taken back or not."""
    store, now = site.service.store, site.service.clock()
    lead = "lead-0007"
    kept = store.actions.do(lead, "b2b", "talked", "Talked", [], by="", name="Cy", now=now)
    store.actions.undo(kept.id, name="Cy", now=now)
    store.actions.do(lead, "b2b", "offered", "Offered", [], by="", name="Cy", now=now + 1)
    sheet = site.get("/settings/activity?by=Cy")
    assert "Cy: Offered: Ben Berg" in sheet.text
    assert "Cy: Talked, and took it back: Ben Berg" in sheet.text
    assert "/leads/lead-0007" in sheet.links
    assert "Ben Berg" not in site.get("/settings/activity?kind=offer").text
    assert [one.about for one in entries_of_actions(site.service, 1)] == [lead]


def test_pages_of_what_was_done(site):
    """A long list goes on page by page."""
    store, now = site.service.store, site.service.clock()
    for at in range(120):
        store.actions.do("lead-0008", "b2b", "talked", "Talked", [], by="", name="Di", now=now - at)
    first = site.get("/settings/activity?by=Di")
    assert first.text.count("Di: Talked") == 100
    older = next(link for link in first.links if "page=2" in link)
    second = site.get(older)
    assert second.text.count("Di: Talked") == 20
    assert any("page=1" in link for link in second.links)
