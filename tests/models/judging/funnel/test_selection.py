"""Which stays are counted: from when until when, of whom, and what is said where nobody is."""

from __future__ import annotations

import pytest

from features.errors import FunnelError
from features.events.log import DAY_US
from features.funnel.stays import Stays, stays_of
from features.ladder.ladder import EventRule, Ladder, Step, Trait
from models.judging.funnel.selection import (
    Selection,
    had_by_nobody,
    leads_in,
    most_had,
    only_of,
    selection_of,
)
from tests.features.strategies import START_US, log_of
from tests.oracles.snapshot_oracle import Event

LADDER = Ladder(
    name="short",
    title="Call, buy",
    steps=(Step("call", "Call", (EventRule("call"),), 14.0),),
    purchase=Step("purchase", "Buy", (EventRule("order"),), 30.0),
    traits=(Trait("source", "category"),),
)
SOURCES = ("mail", "fair", "fair", None, "fair", "mail", "web")
"""Of the leads that came, one a day, in their order."""


def came(sources: tuple[str | None, ...] = SOURCES) -> Stays:
    """Leads that came, one a day, each with what was known of it then."""
    rows = []
    for day, source in enumerate(sources):
        at = START_US + day * DAY_US
        said: dict[str, float | str] = {} if source is None else {"source": source}
        rows.append(Event(f"l{day}", "identify", at, at, said))
    return stays_of(log_of(rows, LADDER), LADDER)


def test_from_an_instant_on_and_before_another():
    """Who came at the first of them is counted, who came at the second is not."""
    stays, second, fourth = came(), START_US + DAY_US, START_US + 3 * DAY_US
    assert leads_in(stays, "call", None, Selection(second, fourth)) == ["l2", "l1"]
    assert leads_in(stays, "call", None, Selection(entered_from=fourth)) == ["l6", "l5", "l4", "l3"]
    assert leads_in(stays, "call", None, Selection(entered_to=second)) == ["l0"]
    assert len(Selection(second + 1, fourth + 1).of(stays)) == 2


def test_a_stretch_that_is_over_before_it_begins_is_refused():
    """From an instant until itself nobody can come; an open end is none."""
    day = START_US + DAY_US
    assert selection_of(START_US, day, {}) == Selection(START_US, day)
    assert selection_of(day, day + 1, {}) == Selection(day, day + 1)
    fair: dict[str, str | None] = {"source": "fair"}
    for begin, end in ((None, None), (day, None), (None, day)):
        assert selection_of(begin, end, fair) == Selection(begin, end, fair)
    for end in (day, START_US):
        with pytest.raises(FunnelError, match="over before it begins"):
            selection_of(day, end, {})


def test_an_empty_value_is_what_was_not_known():
    """Each trait may be asked for once."""
    assert only_of([("source", "fair"), ("size", "")]) == {"source": "fair", "size": None}
    assert only_of([]) == {}
    with pytest.raises(FunnelError, match="'source' is asked for twice"):
        only_of([("source", "fair"), ("source", "fair")])
    assert leads_in(came(), "call", None, Selection(only=only_of([("source", "")]))) == ["l3"]


def test_values_are_named_by_how_many_had_them():
    """Those with the most first, and the unknown last, however few are shown."""
    stays = came()
    words = list(stays.values[stays.trait_ids.index("source")])

    def named(most: int) -> list[str | None]:
        return [words[at] if at < len(words) else None for at in most_had(stays, "source", most)]

    assert named(9) == ["fair", "mail", "web", None]
    assert named(2) == ["fair", "mail", None]
    everybody = came(("fair", "mail", "fair"))
    assert len(most_had(everybody, "source", 9)) == 2


def test_a_value_that_nobody_had_is_said():
    """With those that were had, the most first; what somebody had, or what is unknown, is not."""
    stays = came()
    for value in ("fair", None):
        assert list(had_by_nobody(Selection(only={"source": value}), stays)) == []
    (said,) = had_by_nobody(Selection(only={"source": "expo"}), stays)
    assert said == (
        "no lead had the source 'expo' when it came to a step; there were 'fair', 'mail', 'web'"
    )
    (said,) = had_by_nobody(Selection(only={"source": "expo"}), came((None, None)))
    assert said == "no lead had the source 'expo' when it came to a step; there were none"
