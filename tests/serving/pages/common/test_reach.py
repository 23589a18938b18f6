"""A way that somebody has closed is no button, and the page says why there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from features.ladder.file import read_ladder
from features.offers.history import history_of
from serving.pages.common.people import person_of
from serving.pages.common.reach import open_channels, reach_of, standing_of
from tests.serving import world
from tests.serving.pages.scene import HTML

B2B = read_ladder("b2b")
OPT_IN = replace(B2B, limits=replace(B2B.limits, consent="opt_in"))
KNOWN = ("identify", 1, 1, {"name": "Ann", "email": "ann@x.example", "phone": "+44 1 234567"})


def reached(*answers: dict[str, object], ladder=B2B, known=KNOWN):
    rows = [known, *(("consent", at, at, told) for at, told in enumerate(answers, 2))]
    history = history_of(rows, ladder, 9)
    return reach_of(person_of("ann", rows, ladder, 9), history, ladder)


def no(**about: object) -> dict[str, object]:
    return {**about, "granted": False}


def yes(**about: object) -> dict[str, object]:
    return {**about, "granted": True}


def test_a_channel_is_named_once():
    """Of two spellings the first."""
    history = history_of([KNOWN], B2B, 9)
    ways = ["E-Mail", "page", "email", "Page", "rep"]
    assert open_channels(ways, history, B2B) == ("E-Mail", "page", "rep")
    came_back = replace(history, bounced=frozenset({"email"}))
    assert open_channels(ways, came_back, B2B) == ("page", "rep")


@pytest.mark.parametrize(
    ("answers", "ways", "closed"),
    [
        ([], "call mail", ()),
        ([no(channel="phone")], "mail", ("No calls: refused",)),
        ([no(channel="Mobile")], "mail", ("No calls: refused",)),
        ([no(channel="email")], "call", ("No mail: refused",)),
        ([no()], "", ("No calls, no mail: refused",)),
        ([no(), yes(channel="E-Mail")], "mail", ("No calls: refused",)),
        ([no(channel="phone"), yes()], "call mail", ()),
        # Whoever wants no seller wants none to call, unless they spoke of the phone itself.
        ([no(channel="rep")], "mail", ("No calls: refused",)),
        ([no(channel="rep"), yes(channel="phone")], "call mail", ()),
        ([yes(channel="rep"), no(channel="phone")], "mail", ("No calls: refused",)),
    ],
)
def test_what_was_said(answers, ways, closed):
    """The latest word about a channel counts, else that about all, else it is open."""
    found = reached(*answers)
    assert " ".join(way for way in ("call", "mail") if getattr(found, way)) == ways
    assert (bool(found.phone), bool(found.email)) == ("call" in ways, "mail" in ways)
    assert found.closed == closed


def test_where_a_yes_is_needed():
    """Nothing is open that was not agreed to, and it is not called a refusal."""
    never = ("No calls, no mail: not agreed to so far",)
    assert reached(ladder=OPT_IN).closed == never
    found = reached(yes(channel="rep"), no(channel="email"), ladder=OPT_IN)
    assert found.call
    assert found.closed == ("No mail: refused",)


def test_nothing_is_said_of_what_is_not_known():
    """Who left no number is told of by the address alone."""
    known = ("identify", 1, 1, {"name": "Ann", "email": "ann@x.example"})
    assert reached(no(), known=known).closed == ("No mail: refused",)


def test_by_whose_word():
    """The lead's own, or the ladder's."""
    history = history_of([("consent", 1, 1, no(channel="email"))], B2B, 9)
    assert standing_of(history, B2B, "E-Mail") == "refused"
    assert standing_of(history, B2B, "page") == "open"
    assert standing_of(history, OPT_IN, "page") == "closed"
    assert open_channels(["page", "email", "page"], history, B2B) == ("page",)


def test_the_pages_have_no_such_button(start, folder, tmp_path):
    """Neither the row nor the card of what to do now calls who refused to be called."""
    until = world.now()
    events = [
        *world.climber("ann", until, 3),
        world.event("ann", "identify", until - 9 * world.HOUR_US, dict(KNOWN[3])),
        world.event("ann", "consent", until - 8 * world.HOUR_US, no(channel="phone")),
        *world.climber("bob", until, 3),
        world.event(
            "bob",
            "identify",
            until - 9 * world.HOUR_US,
            {**KNOWN[3], "name": "Bob", "email": "bob@x.example"},
        ),
        world.event("bob", "email_unsubscribed", until - 8 * world.HOUR_US),
    ]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        for path, near in (("/?q={}", 'class="buttons"'), ("/leads/{}", 'id="now"')):
            ann = client.get(path.format("ann"), headers=HTML).text
            card = ann[ann.index(near) :][:2500]
            assert 'data-key="c"' not in ann
            assert 'data-key="m"' in card
            assert "No calls: refused" in card
            bob = client.get(path.format("bob"), headers=HTML).text
            card = bob[bob.index(near) :][:2500]
            assert 'data-key="m"' not in bob
            assert 'data-key="c"' in card
            assert "No mail: refused" in card
        assert 'href="tel:' not in client.get("/leads/ann", headers=HTML).text
        assert 'href="mailto:' not in client.get("/leads/bob", headers=HTML).text


OLD: dict[str, object] = {"name": "Ann", "email": "ann@x.example", "phone": "+44 1 234567"}


def test_what_came_back_is_no_button_and_why():
    """The address stands there without a link; what was refused is told as refused."""
    rows = [("identify", 1, 1, OLD), ("email_bounced", 2, 2, {})]
    refused = [*rows, ("email_unsubscribed", 9, 9, {})]
    for told, said in ((rows, "bounced"), (refused, "refused")):
        history = history_of(told, B2B, 99)
        found = reach_of(person_of("ann", told, B2B, 99), history, B2B)
        assert (bool(found.call), found.mail, found.email) == (True, "", "")
        assert found.closed == (f"No mail: {said}",)
        assert (found.email_said, found.is_email_open) == (said, False)
        assert open_channels(["E-Mail", "page"], history, B2B) == ("page",)


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
