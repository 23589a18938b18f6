"""Who did what."""

from __future__ import annotations

from serving.pages.settings.activity import ActivityEntry, activity


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
