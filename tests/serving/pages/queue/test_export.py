"""The table of a view: nobody is in it with an address that they do not want to be written to."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from features.ladder.file import read_ladder
from serving.pages.queue import export
from tests.serving import world

REACHED: dict[str, object] = {"email": "a@engines.example", "phone": "+44 20 7946 0001"}


def table_of(client, path="/queue.csv?q=a@engines.example"):
    return {row["lead_id"]: row for row in csv.DictReader(io.StringIO(client.get(path).text))}


def known(lead, until, *said):
    """Somebody at the third step with an address and a number, and what they said of channels."""
    events = [*world.climber(lead, until, 1)]
    events.append(world.event(lead, "identify", until - 9 * world.HOUR_US, REACHED))
    for at, (name, properties) in enumerate(said):
        events.append(world.event(lead, name, until - (5 - at) * world.HOUR_US, properties))
    return events


@pytest.fixture
def rows(start, folder, tmp_path):
    until, mail = world.now(), {"channel": "E-Mail", "granted": True}
    events = [
        *known("silent", until),
        *known("unsubscribed", until, ("email_unsubscribed", {})),
        *known("no-calls", until, ("consent", {"channel": "phone", "granted": False})),
        *known("no-seller", until, ("consent", {"channel": "rep", "granted": False})),
        *known("back", until, ("email_unsubscribed", {}), ("consent", mail)),
        *known("mail-alone", until, ("consent", {"granted": False}), ("consent", mail)),
    ]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        yield table_of(client)


@pytest.mark.parametrize(
    ("lead", "email", "phone"),
    [
        ("silent", True, True),
        ("unsubscribed", False, True),
        ("no-calls", True, False),
        ("no-seller", True, False),
        ("back", True, True),
        ("mail-alone", True, False),
    ],
)
def test_no_address_of_a_closed_channel(rows, lead, email, phone):
    """An address and a number stand in the table as long as they may be used."""
    assert rows[lead]["email"] == (REACHED["email"] if email else "")
    assert rows[lead]["phone"] == ("'" + str(REACHED["phone"]) if phone else "")


PIECE = {"offer_id": "savings-case-study", "title": "A case study"}


@pytest.mark.parametrize(
    ("advised", "useful", "expected"),
    [
        ("strategy-session", None, "strategy-session"),
        ("pilot-help", None, "pilot-help"),
        ("nurture", PIECE, "savings-case-study"),
        ("nurture", None, ""),
        ("no_ask", None, ""),
    ],
)
def test_what_is_to_be_sent_has_an_id(advised, useful, expected):
    """A mail tool keys on it, whether it is asked, helped with or sent."""
    item: Any = {"suggestion": {"offer_id": advised, "useful": useful}}
    assert export._offer_id(read_ladder("b2b"), item) == expected
    item["suggestion"] = None
    assert export._offer_id(read_ladder("b2b"), item) == ""


def test_by_which_way(rows):
    """What is advised goes by the channels of its offer that are open."""
    ladder = read_ladder("b2b")
    for lead, closed in (("silent", ""), ("unsubscribed", "email"), ("mail-alone", "page")):
        row = rows[lead]
        offer = ladder.offer(row["offer_id"])
        assert offer is not None, row["do"]
        assert row["channels"] == ", ".join(one for one in offer.channels if one != closed)
        assert row["channels"]
