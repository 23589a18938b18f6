"""What came back says that a way to a lead does not work, until something says that it does."""

from __future__ import annotations

import pytest

from features.ladder.file import read_ladder
from features.offers.history import history_of
from serving.pages.common.bounced import bounced_ways
from serving.pages.common.people import person_of
from serving.pages.common.reach import open_channels, reach_of
from tests.serving import world
from tests.serving.pages.scene import HTML

B2B = read_ladder("b2b")
OLD: dict[str, object] = {"name": "Ann", "email": "ann@x.example", "phone": "+44 1 234567"}
NEW: dict[str, object] = {"email": "ann@y.example"}
BOUNCED: tuple[str, dict[str, object]] = ("email_bounced", {})


def rows_of(*told):
    return [(name, at, at, dict(held)) for at, (name, held) in enumerate(told, 1)]


@pytest.mark.parametrize(
    ("then", "failed"),
    [
        ([BOUNCED], {"email"}),
        ([("newsletter_bounced", {})], {"email"}),
        ([("sms_bounced", {})], {"sms"}),
        ([("visit_bounced", {})], set()),
        ([("email_bounced", {"bounce_type": "Soft"})], set()),
        ([("email_bounced", {"bounceType": "Transient"})], set()),
        ([("email_bounced", {"type": "HardBounce"})], {"email"}),
        ([("email_bounced", {"email": "ann@y.example"})], set()),
        ([("email_bounced", {"email": "Ann@X.example"})], {"email"}),
        ([BOUNCED, ("identify", OLD)], {"email"}),
        ([BOUNCED, ("identify", {**OLD, "email": "ANN@x.example"})], {"email"}),
        ([BOUNCED, ("identify", {"name": "Ann B"})], {"email"}),
        ([BOUNCED, ("identify", NEW)], set()),
        ([BOUNCED, ("identify", NEW), ("email_bounced", {"email": "ann@x.example"})], set()),
        ([BOUNCED, ("identify", NEW), BOUNCED], {"email"}),
        ([BOUNCED, ("email_opened", {})], set()),
        ([BOUNCED, ("consent", {"channel": "E-Mail", "granted": True})], set()),
        ([BOUNCED, ("consent", {"channel": "phone", "granted": True})], {"email"}),
    ],
)
def test_what_came_back(then, failed):
    """A bounce counts for the address it was sent to, until that address or another works."""
    assert bounced_ways(rows_of(("identify", OLD), *then), B2B, 99) == failed


def test_an_address_that_is_told_later():
    """A bounce before an address was known is one of the address that is told first."""
    rows = rows_of(BOUNCED, ("identify", OLD))
    assert bounced_ways(rows, B2B, 99) == {"email"}
    assert bounced_ways([*rows, ("identify", 9, 9, NEW)], B2B, 99) == set()


def test_by_what_was_known():
    """News of a bounce that came later says nothing yet, and clocks decide the order."""
    rows = [("email_bounced", 2, 50, {}), ("identify", 1, 1, OLD)]
    assert bounced_ways(rows, B2B, 49) == set()
    assert bounced_ways(rows, B2B, 50) == {"email"}


def test_no_button_and_why():
    """The address stands there without a link; what was refused is told as refused."""
    rows = rows_of(("identify", OLD), BOUNCED)
    refused = [*rows, ("email_unsubscribed", 9, 9, {})]
    for told, said in ((rows, "bounced"), (refused, "refused")):
        history = history_of(told, B2B, 99)
        failed = bounced_ways(told, B2B, 99)
        found = reach_of(person_of("ann", told, B2B, 99), history, B2B, failed)
        assert (bool(found.call), found.mail, found.email) == (True, "", "")
        assert found.closed == (f"No mail: {said}",)
        assert (found.email_said, found.is_email_open) == (said, False)
        assert open_channels(["E-Mail", "page"], history, B2B, failed) == ("page",)


def test_the_pages_and_the_table_have_no_such_address(start, folder, tmp_path):
    """Neither the row, nor the card of what to do now, nor the table for a mail tool."""
    until = world.now()
    events = [
        *world.climber("ann", until, 3),
        world.event("ann", "identify", until - 9 * world.HOUR_US, OLD),
        world.event("ann", "email_bounced", until - 8 * world.HOUR_US),
    ]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        for path in ("/?q=ann", "/leads/ann"):
            text = client.get(path, headers=HTML).text
            assert "No mail: bounced" in text
            assert 'data-key="c"' in text
            assert 'data-key="m"' not in text
            assert 'href="mailto:' not in text
        table = client.get("/queue.csv?q=ann").text
        assert "ann@x.example" not in table
        assert "234567" in table
