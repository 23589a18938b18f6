"""What the pages of the settings share."""

from __future__ import annotations

from features.events.log import DAY_US
from serving.pages.settings.sections import moment

NOW = 1_800_000_000_000_000


def test_moment():
    """An instant is told with its clock, long ago with its year, and never is nothing."""
    at = moment(NOW, NOW)
    assert at is not None
    assert (at.iso, at.text) == ("2027-01-15T08:00:00Z", "15 Jan 08:00 UTC")
    old = moment(NOW - 400 * DAY_US, NOW)
    assert old is not None
    assert (old.text, old.is_old) == ("11 Dec 2025", True)
    assert moment(None, NOW) is None


def test_places(site):
    """Every page of the settings leads to every other one, and says where one is."""
    sheet = site.get("/settings/offers")
    for name in ("offers", "keys", "connections", "webhooks", "checks", "privacy", "activity"):
        assert f"/settings/{name}" in sheet.links
    assert 'href="/settings/offers" aria-current="page"' in sheet.html
