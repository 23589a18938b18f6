"""Who came and left at once has shown no interest, and no page says so of it."""

from __future__ import annotations

import pytest

from features.events.log import DAY_US
from features.ladder.file import read_ladder
from serving.pages.queue.interest import bounce_of, shows_interest
from tests.serving import world
from tests.serving.pages.scene import page

B2B = read_ladder("b2b")
SECOND = 1_000_000
LEFT: dict[str, object] = {"seconds": 8, "pages": 1}


def seen(name, at, **held):
    return (name, at * SECOND, at * SECOND, held)


@pytest.mark.parametrize(
    ("rows", "is_shown"),
    [
        ([], False),
        ([seen("identify", 1, source="search")], False),
        ([seen("session_ended", 100, **LEFT)], False),
        ([seen("page_viewed", 92), seen("session_ended", 100, **LEFT)], False),
        ([seen("page_viewed", 100), seen("session_ended", 92, **LEFT)], False),
        ([seen("page_viewed", 92), seen("session_ended", 100, seconds=40, pages=1)], True),
        ([seen("page_viewed", 92), seen("session_ended", 100, seconds=8, pages=2)], True),
        ([seen("page_viewed", 92)], True),
        ([seen("page_viewed", 92), seen("session_ended", 9_000, **LEFT)], True),
        ([seen("page_viewed", at) for at in (92, 95)] + [seen("session_ended", 99, **LEFT)], True),
        ([seen("page_viewed", 92), seen("content_read", 95, seconds=3)], True),
        ([seen("lead_asked", 5_000), seen("session_ended", 100, **LEFT)], True),
    ],
)
def test_what_shows_interest(rows, is_shown):
    """All that a ladder counts as interest does, but the one page of a visit that bounced."""
    assert shows_interest(rows, B2B, 10**12) == is_shown


def test_the_last_bounce():
    """By what was known; its seconds are told as far as they are."""
    rows = [seen("session_ended", 100, **LEFT), seen("session_ended", 200, seconds=3, pages=1)]
    assert bounce_of(rows, B2B, 10**12) == (200 * SECOND, 3.0)
    assert bounce_of(rows, B2B, 150 * SECOND) == (100 * SECOND, 8.0)
    assert bounce_of([seen("page_viewed", 92)], B2B, 10**12) is None


def test_the_pages_do_not_sell_a_bounce_as_interest(start, folder, tmp_path):
    """Neither row nor page has a reason that speaks for it, nor sets its chance beside others'."""
    until = world.now()
    events = [
        world.event("ann", "page_viewed", until - DAY_US),
        world.event("ann", "session_ended", until - DAY_US + 8 * SECOND, LEFT),
        *world.climber("bob", until, 2),
    ]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        for path in ("/?q=ann", "/leads/ann"):
            text = page(client, path).text
            assert "Left after 8 seconds, one page seen" in text
            assert "o interest so far" in text
            assert "on average" not in text
            assert "Speaks for it" not in text
        assert "no interest so far" not in page(client, "/leads/bob").text.lower()
