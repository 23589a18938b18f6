"""Instants of engagement, and first uses of pieces, are those of a plain loop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.events.log import DAY_US
from features.funnel.activity_rows import activity_rows
from features.funnel.contents import NEVER, contents_of, piece_properties
from features.funnel.stays import stays_of
from features.ladder.file import read_ladder
from tests.models.judging.funnel.planted import START, Written, planted_ladder
from tests.oracles.cause_oracle import rows_of, uses

LADDER = planted_ladder()
HOUR = DAY_US // 24
NAMES = ("page_viewed", "video_watched", "asset_used", "form_abandoned", "lead_asked")
EVENTS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(NAMES),
        st.integers(0, 500),
        st.integers(0, 100),
        st.sampled_from([None, "a", "b"]),
    ),
    max_size=30,
)


def log_of(events, ladder=LADDER):
    out = Written()
    for lead, name, hours, _, piece in events:
        held = {"watched_fraction": 0.9, "minutes": 20.0, "content": piece}
        out.add(name, np.array([lead]), np.array([START + hours * HOUR]), **held)
    late = np.array([one[3] * HOUR for one in events], dtype=np.int64)
    return out.log(ladder, late)


@given(EVENTS, st.integers(0, 600))
def test_as_a_plain_loop(events, until):
    """Within stays, what was known by then, and what the lead did itself."""
    log = log_of(events)
    stays = stays_of(log, LADDER, START + until * HOUR)
    found = contents_of(log, stays, activity_rows(log, LADDER).interest)
    names = [piece.value for piece in found.pieces]
    wanted = uses(log, stays)
    for stay in range(len(stays)):
        own = found.stay == stay
        told = [
            (at, None if piece < 0 else names[piece])
            for at, piece in zip(
                found.instant[own].tolist(), found.piece[own].tolist(), strict=True
            )
        ]
        assert told == wanted[stay, "content"]
        assert found.ordinal[own].tolist() == list(range(int(own.sum())))


@given(EVENTS)
def test_first_uses(events):
    """When each lead first had each piece, in a stay or not; a form that was left is no use."""
    log = log_of(events)
    stays = stays_of(log, LADDER)
    found = contents_of(log, stays, activity_rows(log, LADDER).interest)
    engaging = {name for goal in LADDER.goals for name in goal.engaged_by}
    for at, piece in enumerate(found.pieces):
        first = found.first_by_lead(at, len(log.leads))
        for lead, rows in enumerate(rows_of(log)):
            times = [
                when
                for name, when, known, held in rows
                if held.get("content") == piece.value and name in engaging and known <= stays.until
            ]
            assert first[lead] == min(times, default=NEVER)


def test_the_event_that_ends_a_stay_is_not_in_it():
    """What completes a step was no content of it: it is that of the next."""
    log = log_of(
        [
            (0, "page_viewed", 0, 0, "a"),
            (0, "video_watched", 5, 0, "b"),
            (0, "page_viewed", 9, 0, "a"),
        ]
    )
    stays = stays_of(log, LADDER)
    found = contents_of(log, stays, activity_rows(log, LADDER).interest)
    names = [piece.value for piece in found.pieces]
    told = [
        (int(stays.goal[stay]), names[piece])
        for stay, piece in zip(found.stay.tolist(), found.piece.tolist(), strict=True)
    ]
    assert told == [(0, "a"), (1, "b"), (1, "a")]


def test_which_properties_name_pieces():
    """The ladder's, else those of its beats; of an event the first that it has."""
    assert piece_properties(LADDER) == ("content",)
    b2b = read_ladder("b2b")
    assert piece_properties(b2b) == ("asset", "content", "section")
    assert piece_properties(replace(b2b, pieces=())) == ("content",)
    ladder = replace(LADDER, pieces=("offer", "content"))
    out, at = Written(), np.array([START])
    out.add("page_viewed", np.array([0]), at, content="a")
    out.add("page_viewed", np.array([0]), at + HOUR, content="b", offer="worksheet")
    log = out.log(ladder)
    found = contents_of(log, stays_of(log, ladder), activity_rows(log, ladder).interest)
    told = [(found.pieces[at].property, found.pieces[at].value) for at in found.piece.tolist()]
    assert told == [("content", "a"), ("offer", "worksheet")]
    assert found.pieces[found.piece[1]].offers == ("worksheet",)


def test_an_offer_leads_to_a_piece():
    """Where half of its uses or more name the offer."""
    out = Written()
    for at in range(4):
        offer = "worksheet" if at < 2 else None
        out.add("page_viewed", np.array([at]), np.array([START]), content="a", offer=offer)
        rare = "worksheet" if at < 1 else None
        out.add("page_viewed", np.array([at]), np.array([START + 1]), content="b", offer=rare)
    log = out.log(LADDER)
    found = contents_of(log, stays_of(log, LADDER), activity_rows(log, LADDER).interest)
    assert {piece.value: piece.offers for piece in found.pieces} == {"a": ("worksheet",), "b": ()}


def test_nothing_named():
    """No events, or none with a piece."""
    for events in ([], [(0, "page_viewed", 0, 0, None)]):
        log = log_of(events)
        found = contents_of(log, stays_of(log, LADDER), activity_rows(log, LADDER).interest)
        assert found.pieces == ()
        assert (found.piece == -1).all()
