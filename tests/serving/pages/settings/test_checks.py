"""What is found of the running service."""

from __future__ import annotations

from serving.pages.settings.checks import check_service


def test_who_sees_what(site):
    """A finding that is hidden from a reader is counted, and needs something."""
    service = site.service
    mine = check_service(service, {}, is_whole=False, for_admin=True)
    theirs = check_service(service, {}, is_whole=False, for_admin=False)
    assert mine.hidden == 0
    assert (
        len(mine.wrong) + len(mine.notes) == len(theirs.wrong) + len(theirs.notes) + theirs.hidden
    )
    assert theirs.hidden > 0
    assert not {one.part for one in theirs.all} & {"Keys", "Store", "Notifications", "Disk"}


def test_commands_stay_commands(site):
    """What is typed is shown as it is typed; where a page does it the page is named."""
    found = check_service(site.service, {}, is_whole=False, for_admin=True)
    keys = next(one for one in found.notes if one.part == "Keys")
    assert keys.remedy.startswith("rung key create")
    hooks = next(one for one in found.wrong if "disabled" in one.what)
    assert (hooks.remedy, hooks.address) == ("", "/settings/webhooks")
    assert "endpoint-" not in hooks.what
