"""The signal fold against the slow obvious version, its invariants, and its edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.clock import microseconds
from features.errors import EventsError, TimeError, UnknownLead
from features.events.log import DAY_US, EventLog, Times
from features.ladder.file import read_ladder
from features.ladder.ladder import (
    Activity,
    Afterwards,
    Condition,
    EventRule,
    Gain,
    Ladder,
    SignalRow,
)
from features.signals import fold
from features.signals.program import compile_ladder
from features.signals.snapshot import (
    Snapshot,
    _together,
    snapshot,
    snapshot_of_known,
    snapshots_of_known,
)
from features.signals.table import signals_of
from tests.features import strategies
from tests.features.signals.scene import (
    HOUR_US,
    at_instants,
    bits,
    event,
    small_ladder,
    thorough,
    values,
)
from tests.features.strategies import LEADS, START_US, log_of
from tests.oracles.snapshot_oracle import (
    Event,
    Value,
)


@thorough
@given(
    strategies.ladders(),
    strategies.logs,
    strategies.instants,
    st.lists(strategies.events(), max_size=10),
    st.integers(1, DAY_US),
)
def test_no_future(ladder, events, as_of, others, later):
    """Adding, removing or changing events learned of after `as_of` changes not one bit."""
    past = [event for event in events if event.known_us <= as_of]
    changed = [replace(event, known_us=max(event.known_us, as_of + later)) for event in others]
    rows = []
    for known in (events, past, [*changed, *past], [*events, *changed]):
        log = log_of(known, ladder)
        rows.append([bits(at_instants(log, ladder, lead, [as_of])) for lead in LEADS])
    assert rows[0] == rows[1] == rows[2] == rows[3]


@thorough
@given(strategies.ladders(), strategies.logs, strategies.instants)
def test_one_lead_equals_its_row_among_all(ladder, events, as_of):
    """A lead asked for alone, in a log of its own or not, has the bits of its row among all."""
    log = log_of(events, ladder)
    instants = np.full(len(log.leads), as_of, dtype=np.int64)
    everyone = bits(snapshot(log, ladder, None, instants))
    for at, lead in enumerate(log.leads):
        alone = log_of([event for event in events if event.lead_id == lead], ladder)
        kept = log.only(np.array(log.leads) == lead)
        for held in (log, alone, kept):
            assert bits(snapshot(held, ladder, [lead], instants[:1])) == [everyone[at]]


@thorough
@given(strategies.ladders(), strategies.logs, strategies.instants, st.randoms())
def test_row_order_has_no_effect(ladder, events, as_of, chance):
    """The rows of the input may come in any order, those with equal clocks too."""
    shuffled = list(events)
    chance.shuffle(shuffled)
    logs = [log_of(rows, ladder) for rows in (events, shuffled, events[::-1])]
    rows = [[bits(at_instants(log, ladder, lead, [as_of])) for lead in LEADS] for log in logs]
    assert rows[0] == rows[1] == rows[2]


@thorough
@given(strategies.ladders(), st.lists(strategies.events(), min_size=1, max_size=40), st.data())
def test_equal_snapshots_in_one_call_are_equal(ladder, events, data):
    """The same lead at the same instant, twice in one call in any order, has the same row."""
    log = log_of(events, ladder)
    pairs = st.tuples(st.sampled_from(log.leads), strategies.instants)
    asked = data.draw(st.lists(pairs, min_size=1, max_size=6))
    asked = data.draw(st.permutations(asked * 2))
    leads, as_of = zip(*asked, strict=True)
    taken = bits(snapshot(log, ladder, leads, np.array(as_of, dtype=np.int64)))
    for (lead, when), row in zip(asked, taken, strict=True):
        assert [row] == bits(snapshot(log, ladder, [lead], np.array([when], dtype=np.int64)))


@thorough
@given(
    strategies.ladders(),
    st.lists(strategies.events(), min_size=1, max_size=40),
    st.lists(strategies.instants, min_size=2, max_size=12),
    st.booleans(),
)
def test_the_instants_of_a_lead_in_one_walk(ladder, events, instants, is_late):
    """One walk over a lead's events fills the bits of as many walks, one an instant.

    Also where something became known late, so that the walk has to begin again.
    """
    events = [
        replace(one, lead_id="ann", known_us=one.known_us if is_late else one.occurred_us)
        for one in events
    ]
    log = log_of(events, ladder)
    together = bits(at_instants(log, ladder, "ann", instants))
    alone = [bits(at_instants(log, ladder, "ann", [when]))[0] for when in instants]
    assert together == alone


@pytest.mark.parametrize("processors", [1, 3])
def test_a_large_call_equals_small_ones(monkeypatch, processors):
    """Snapshots enough for several threads have the bits that they have in small calls."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(processors)))
    ladder, chance = read_ladder("b2b"), np.random.default_rng(5)
    names = sorted({name for goal in ladder.goals for name in goal.engaged_by})
    events = [
        Event(
            f"lead{chance.integers(300):03}",
            names[chance.integers(len(names))],
            when := START_US + int(chance.integers(40 * DAY_US)),
            when + int(chance.integers(3)) * HOUR_US,
            {"minutes": float(chance.integers(40)), "section": ["pricing", "blog"][at % 2]},
        )
        for at in range(6000)
    ]
    log, count = log_of(events, ladder), 45_000
    leads = chance.integers(len(log.leads), size=count)
    as_of = START_US + chance.integers(50 * DAY_US, size=count)
    large = _at_rows(log, ladder, leads, as_of)
    for first in range(0, count, 5_000):
        part = slice(first, first + 5_000)
        small = _at_rows(log, ladder, leads[part], as_of[part])
        assert small.values.tobytes() == large.values[part].tobytes()
        assert (small.position == large.position[part]).all()
        assert (small.last_active == large.last_active[part]).all()
    assert len(np.unique(large.position)) > 1


@pytest.mark.parametrize(("asked", "of"), [(0, 5), (3, 40), (900, 40), (900, 1)])
def test_those_of_a_lead_stand_together(asked, of):
    """In the order of leads, those of one as they came, and those without events first."""
    lead = np.random.default_rng(asked).integers(-1, of, size=asked)
    order = _together(lead, of)
    assert order.tolist() == sorted(range(asked), key=lambda at: (lead[at], at))


def _at_rows(log: EventLog, ladder: Ladder, leads: np.ndarray, as_of: Times) -> Snapshot:
    return snapshot(log, ladder, [log.leads[at] for at in leads], as_of)


def signals_at(
    events: Sequence[Event], as_of: int, ladder: Ladder | None = None, lead: str = "ann"
) -> dict[str, Value]:
    ladder = ladder or small_ladder()
    return values(at_instants(log_of(events, ladder), ladder, lead, [as_of]))


@pytest.mark.parametrize(("window_days", "name"), [(1, "1d"), (7, "7d"), (30, "30d")])
def test_an_event_exactly_a_window_old_is_out(window_days, name):
    """A window holds what is younger than it: at its edge an event is out, just inside it is in."""
    edge = START_US + window_days * DAY_US
    events = [event("page", START_US)]
    assert signals_at(events, edge)[f"activity.count_{name}"] == 0
    assert signals_at(events, edge - 1)[f"activity.count_{name}"] == 1


def test_a_window_of_a_custom_signal_may_be_a_fraction_of_a_day():
    """A window of half a day ends after twelve hours."""
    row = SignalRow("lately", (EventRule("page"),), "count", window_days=0.5)
    ladder, events = small_ladder(signals=(row,)), [event("page", START_US)]
    assert signals_at(events, START_US + 12 * HOUR_US, ladder)["lately"] == 0
    assert signals_at(events, START_US + 12 * HOUR_US - 1, ladder)["lately"] == 1


def test_as_of_is_inclusive():
    """An event is in from the very instant at which it is known, whenever it occurred."""
    events = [event("page", START_US, START_US + DAY_US)]
    assert signals_at(events, START_US + DAY_US - 1)["step.watch.count"] == 0
    assert signals_at(events, START_US + DAY_US)["step.watch.count"] == 1
    assert signals_at(events, START_US + DAY_US)["step.watch.days_since_last"] == 1.0


def test_a_clock_that_ran_ahead_is_set_back():
    """An event said to occur after it was known occurred when it was known."""
    events = [event("page", START_US + 3 * DAY_US, START_US)]
    assert signals_at(events, START_US + DAY_US)["step.watch.days_since_last"] == 1.0


def test_a_late_event_is_as_old_as_when_it_happened():
    """Recency follows when it happened: a call reported late does not make the lead recent."""
    events = [
        event("page", START_US + 2 * DAY_US),
        event("call", START_US, START_US + 3 * DAY_US),
    ]
    found = signals_at(events, START_US + 4 * DAY_US)
    assert found["step.call.days_since_last"] == 4.0
    assert found["activity.days_since_last"] == 2.0
    assert found["activity.days_since_first"] == 4.0


@pytest.mark.parametrize(
    ("name", "said", "position"),
    [
        ("video_progress", {"watched_fraction": 0.80}, 1),
        ("video_progress", {"watched_fraction": 0.799}, 0),
        ("video_progress", {}, 0),
        ("content_read", {"seconds": 300.0}, 1),
        ("content_read", {"seconds": 299.0}, 0),
        ("tool_used", {"minutes": 3.0}, 1),
        ("tool_used", {"minutes": 3.0, "own_data": 1.0}, 0),
        ("tool_used", {"minutes": 15.0, "own_data": 1.0}, 3),
        ("asset_used", {"minutes": 15.0}, 2),
        ("asset_used", {"minutes": 14.9}, 0),
        ("asset_opened", {"minutes": 60.0}, 0),
        ("webinar_attended", {"minutes": 20.0}, 3),
        ("webinar_attended", {"minutes": 19.0}, 0),
        ("contract_signed", {}, 6),
    ],
)
def test_what_completes_a_step_of_the_b2b_ladder(name, said, position):
    """80 % of a video, 300 s of reading, 15 minutes of use: at the figure it counts, below not."""
    events = [event(name, START_US, **said)]
    assert signals_at(events, START_US, read_ladder("b2b"))["ladder.position"] == position


@pytest.mark.parametrize("fractions", list(permutations((0.25, 0.5, 0.82))))
def test_order_of_progress_has_no_effect(fractions):
    """Progress of 25, 50 and 82 % counts and completes the same in whichever order it is told."""
    events = [
        event("video_progress", START_US + at * HOUR_US, watched_fraction=fraction)
        for at, fraction in enumerate(fractions)
    ]
    found = signals_at(events, START_US + DAY_US, read_ladder("b2b"))
    assert found["ladder.position"] == 1
    assert found["step.content.count"] == 3
    assert found["step.content.max.watched_fraction"] == 0.82
    assert found["step.content.sum.watched_fraction"] == pytest.approx(1.57)


def test_registering_attending_and_watching_later_differ():
    """Three leads that differ in nothing but this have three different rows (S17)."""
    ladder = read_ladder("b2b")
    names = ("webinar_registered", "webinar_attended", "webinar_watched_on_demand")
    rows = [
        signals_at([event(name, START_US, minutes=45.0)], START_US + DAY_US, ladder)
        for name in names
    ]
    registered, attended, watched = rows
    assert [row["ladder.position"] for row in rows] == [0, 3, 0]
    assert attended not in (registered, watched)
    assert registered != watched


def test_attending_for_longer_shows():
    """Minutes attended are depth: 45 minutes and 20 minutes are different rows (S17)."""
    ladder = read_ladder("b2b")
    long, short = (
        signals_at([event("webinar_attended", START_US, minutes=minutes)], START_US, ladder)
        for minutes in (45.0, 20.0)
    )
    assert long["step.participation.max.minutes"] == 45
    assert short["step.participation.max.minutes"] == 20


def test_reply_hours():
    """A wait begins with the first question that is open and ends with the next reply."""
    asked, replied = "lead_asked", "business_replied"
    events = [
        event(replied, START_US - HOUR_US),  # a reply to nothing
        event(asked, START_US),
        event(asked, START_US + HOUR_US),  # asked again, still waiting since the first
        event(replied, START_US + 2 * HOUR_US),
        event(replied, START_US + 3 * HOUR_US),  # a second reply to the same
        event(asked, START_US + DAY_US),
        event(replied, START_US + DAY_US + 4 * HOUR_US),
        event(asked, START_US + 2 * DAY_US),
    ]
    found = signals_at(events, START_US + 2 * DAY_US + 5 * HOUR_US)
    assert found["replies.hours"] == 3.0
    assert found["replies.hours_waiting"] == 5.0
    before = signals_at(events, START_US + 3 * HOUR_US // 2)
    assert (before["replies.hours"], before["replies.hours_waiting"]) == (None, 1.5)
    between = signals_at(events, START_US + 12 * HOUR_US)
    assert (between["replies.hours"], between["replies.hours_waiting"]) == (2.0, None)


def test_offers_ignored_is_a_streak():
    """Offers without an answer add up; seeing one or completing a step begins anew."""
    extended = [event("offer_extended", START_US + at * DAY_US) for at in range(6)]
    seen = event("offer_seen", START_US + DAY_US + HOUR_US)
    called = event("call", START_US + 3 * DAY_US + HOUR_US)
    half = event("video", START_US + 4 * DAY_US + HOUR_US, fraction=0.5)
    events = [*extended, seen, called, half]
    streak = [
        signals_at(events, START_US + at * DAY_US + 2 * HOUR_US)["offers.ignored"]
        for at in range(6)
    ]
    assert streak == [1, 0, 1, 0, 1, 2]
    assert signals_at(events, START_US + 6 * DAY_US)["offers.extended"] == 6


def test_a_declined_offer_looks_no_better_than_an_ignored_one():
    """To say no leaves the row of ignored offers as it is, and is counted against the lead."""
    events = [
        event("offer_extended", START_US),
        event("offer_declined", START_US + HOUR_US),
    ]
    found = signals_at(events, START_US + DAY_US)
    assert found["offers.ignored"] == 1
    assert 0.9 < _number(found["against.declined"]) < 1.0


def _number(value: Value) -> float:
    assert isinstance(value, float)
    return value


REFUSALS: tuple[tuple[str, dict[str, float | str]], ...] = (
    ("offer_declined", {}),
    ("pilot_failed", {}),
    ("form_abandoned", {}),
    ("email_bounced", {}),
    ("meeting_cancelled", {}),
    ("newsletter_unsubscribed", {}),
    ("lead_complained", {}),
    ("webinar_no_show", {}),
    ("no_show", {}),
    ("consent", {"granted": "0"}),
    ("consent", {"granted": "no"}),
)


@pytest.mark.parametrize(("name", "properties"), REFUSALS)
def test_what_speaks_against_is_no_activity(name, properties):
    """A refusal, whatever it is called, changes nothing but what is counted against the lead."""
    ladder = small_ladder()
    quiet = [event("page", START_US)]
    refused = Event("ann", name, START_US + 9 * DAY_US, START_US + 9 * DAY_US, dict(properties))
    as_of = START_US + 10 * DAY_US
    before, after = (
        at_instants(log_of(events, ladder), ladder, "ann", [as_of])
        for events in (quiet, [*quiet, refused])
    )
    assert before.last_active[0] == after.last_active[0] == START_US
    former, latter = values(before), values(after)
    changed = {key for key in latter if latter[key] != former[key]}
    assert changed
    assert all(key.startswith("against.") for key in changed)
    assert former["against.recent"] == 0
    assert _number(latter["against.recent"]) > 0.9


def test_who_gave_up_a_seat_is_won_again_as_anybody():
    """What comes after a purchase changes no signal, be it before one or once it is all begun anew.

    The same by another name, or in a ladder that does not say what it is, speaks against a lead.
    """
    seats = Afterwards("seats", "Seats given up", Gain(EventRule("seat_cancelled")))
    told, plain = small_ladder(after_purchase=(seats,)), small_ladder()
    assert any(rule.event == "again" for rule in told.restart_on)
    days = [event(name, START_US + at * DAY_US) for at, name in enumerate(("page", "order"))]
    anew = event("again", START_US + 5 * DAY_US)

    def changed(ladder: Ladder, name: str, *more: Event) -> set[str]:
        events, as_of = [days[0], *more], [START_US + 6 * DAY_US]
        given_up = event(name, START_US + 4 * DAY_US)
        one, other = (
            values(at_instants(log_of(some, ladder), ladder, "ann", as_of))
            for some in (events, [*events, given_up])
        )
        return {key for key in one if one[key] != other[key]}

    for more in ((), (days[1], anew)):
        assert changed(told, "seat_cancelled", *more) == set()
        against = {"against.recent", "against.cancelled"}
        assert changed(told, "my_seat_cancelled", *more) == against
        assert changed(plain, "seat_cancelled", *more) == against


def test_what_begins_the_ladder_anew_is_no_refusal_of_it():
    """The next round begins with what ended the last one, and with nothing against the lead."""
    ladder = small_ladder(restart_on=(EventRule("seat_cancelled"),))
    bought, ended = event("order", START_US), event("seat_cancelled", START_US + DAY_US)
    log = log_of([bought, ended], ladder)
    taken = at_instants(log, ladder, "ann", [START_US + 2 * DAY_US])
    assert taken.position[0] == 0
    assert {values(taken)[key] for key in ("against.recent", "against.cancelled")} == {0}


def test_what_begins_the_ladder_anew_at_times_is_a_refusal_at_others():
    """By the properties that the rule asks for."""
    ladder = small_ladder(
        restart_on=(EventRule("seat_cancelled", (Condition("minutes", "at_least", 5.0),)),)
    )
    for minutes, position, counted in ((6.0, 0, False), (4.0, 3, True)):
        ended = event("seat_cancelled", START_US + DAY_US, minutes=minutes)
        log = log_of([event("order", START_US), ended], ladder)
        taken = at_instants(log, ladder, "ann", [START_US + 2 * DAY_US])
        assert taken.position[0] == position
        told = {values(taken)[key] != 0 for key in ("against.recent", "against.cancelled")}
        assert told == {counted}


@pytest.mark.parametrize("name", ["wifi_info", "consent", "declined_by_us", "failed"])
def test_what_nobody_reads_is_neutral(name):
    """An event that meets no rule of activity is neither interest nor against the lead."""
    ladder = small_ladder()
    taken = at_instants(log_of([event(name, START_US)], ladder), ladder, "ann", [START_US])
    assert taken.last_active[0] == fold.NONE
    assert values(taken)["against.recent"] == 0
    assert values(taken)["activity.count_30d"] == 0


def test_a_bounce_by_its_properties_engages_with_no_step():
    """What the ladder's rules bar is not counted for the step whose event it is."""
    bounce = EventRule("page", (Condition("seconds", "below", 30.0),))
    ladder = replace(small_ladder(), activity=Activity(against=(bounce,)))
    first = ladder.steps[0]
    ladder = replace(ladder, steps=(replace(first, engaged_by=("page",)), *ladder.steps[1:]))
    events = [event("page", START_US, seconds=3.0), event("page", START_US + 1, seconds=300.0)]
    found = values(at_instants(log_of(events, ladder), ladder, "ann", [START_US + HOUR_US]))
    assert found[f"step.{first.id}.count"] == 1
    assert found["activity.count_1d"] == 1
    assert _number(found["against.page"]) > 0.9


def test_a_lead_is_lost_until_it_is_back():
    """By the ladder's own rules, from when it was known."""
    ladder = replace(
        small_ladder(), lost_when=(EventRule("closed"),), back_when=(EventRule("reopened"),)
    )
    events = [
        event("page", START_US),
        event("closed", START_US + DAY_US),
        event("page", START_US + 2 * DAY_US),
        event("reopened", START_US + 3 * DAY_US),
    ]
    instants = [START_US + at * DAY_US for at in range(4)]
    taken = at_instants(log_of(events, ladder), ladder, "ann", instants)
    assert taken.is_lost.tolist() == [False, True, True, False]
    assert taken.lost_at[2] == START_US + DAY_US


def test_what_we_do_is_not_activity():
    """Offers, replies and profile data that arrive make no lead active."""
    events = [event(name, START_US) for name in ("offer_extended", "business_replied", "identify")]
    ladder = small_ladder()
    taken = at_instants(log_of(events, ladder), ladder, "ann", [START_US])
    assert taken.last_active[0] == fold.NONE
    assert values(taken)["activity.count_30d"] == 0
    assert values(taken)["activity.days_since_last"] is None
    assert values(taken)["ladder.days_at_position"] is None


def test_restart_resets_the_position_but_not_the_counts():
    """A lead that begins anew stands on rung 0 with all its history."""
    events = [
        event("video", START_US, fraction=0.9),
        event("call", START_US + DAY_US),
        event("again", START_US + 2 * DAY_US),
    ]
    before = signals_at(events[:2], START_US + 4 * DAY_US)
    after = signals_at(events, START_US + 4 * DAY_US)
    assert (before["ladder.position"], before["ladder.steps_completed"]) == (2, 2)
    assert (after["ladder.position"], after["ladder.steps_completed"]) == (0, 0)
    assert after["ladder.days_at_position"] == 2.0
    assert before["ladder.pace"] == pytest.approx(1 / 14)
    assert after["ladder.pace"] is None
    same = (
        "step.watch.count",
        "step.watch.max.fraction",
        "step.call.count",
        "step.call.days_since_last",
    )
    assert [before[name] for name in same] == [after[name] for name in same]
    assert after["activity.count_7d"] == 2  # what begins anew engages with no step


def test_pace_after_a_restart_is_counted_from_it():
    """What a lead did before it began anew does not slow its first step down."""
    events = [
        event("page", START_US),
        event("again", START_US + 20 * DAY_US),
        event("video", START_US + 27 * DAY_US, fraction=0.8),
    ]
    assert signals_at(events, START_US + 30 * DAY_US)["ladder.pace"] == 1.0


def test_a_skipped_rung_counts_as_position_but_not_as_completed():
    """Position is the highest rung completed; the steps below it need not be."""
    found = signals_at([event("call", START_US)], START_US)
    assert (found["ladder.position"], found["ladder.steps_completed"]) == (2, 1)


def test_only_the_first_completion_counts():
    """Completing a step again does not make the lead new on its rung."""
    events = [event("call", START_US), event("call", START_US + 5 * DAY_US)]
    assert signals_at(events, START_US + 6 * DAY_US)["ladder.days_at_position"] == 6.0


def test_profile():
    """The last value told of a trait holds until another is told; completeness is their share."""
    events = [
        event("identify", START_US, seconds=10.0, room="blue"),
        event("identify", START_US + DAY_US, room="red"),
        event("page", START_US + 2 * DAY_US, room="green", seconds=99.0),
    ]
    found = signals_at(events, START_US + 3 * DAY_US)
    assert (found["trait.seconds"], found["trait.room"]) == (10.0, "red")
    assert found["profile.completeness"] == 1.0
    assert signals_at(events[1:], START_US + 3 * DAY_US)["profile.completeness"] == 0.5
    assert signals_at([], START_US)["profile.completeness"] == 0.0


def test_nothing_known_is_a_row_of_zeros_and_absences():
    """A lead of whom nothing is known yet has counts of 0 and nothing else."""
    events = [event("page", START_US, START_US + 1)]
    found = signals_at(events, START_US)
    assert found == signals_at([], START_US) == signals_at(events, START_US, lead="nobody")
    assert set(found.values()) == {0.0, None}


def test_an_instant_is_the_same_in_every_time_zone():
    """`as_of` is an instant: 13:00+01:00 and 12:00Z are one."""
    ladder = small_ladder()
    log = log_of([event("page", START_US)], ladder)
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    abroad = noon.astimezone(timezone(timedelta(hours=1)))
    taken = [snapshot(log, ladder, None, when) for when in (noon, abroad)]
    assert bits(taken[0]) == bits(taken[1])
    assert taken[0].as_of.tolist() == [microseconds(noon)]
    assert values(taken[0])["step.watch.days_since_last"] == 1.5


def test_a_naive_as_of_is_refused():
    """An instant without a time zone is no instant; the error shows how to write one."""
    ladder = small_ladder()
    log = log_of([event("page", START_US)], ladder)
    naive = datetime(2026, 3, 2, 12)  # noqa: DTZ001 what is refused
    with pytest.raises(TimeError, match=r"no time zone; write 2026-03-02T12:00:00Z for UTC"):
        snapshot(log, ladder, None, naive)


def test_an_unknown_lead_is_refused_with_a_hint():
    """A lead that the log does not hold is named, with the one that was perhaps meant."""
    ladder = small_ladder()
    log = log_of([event("page", START_US, lead=lead) for lead in ("anna", "bert")], ladder)
    with pytest.raises(UnknownLead, match=r"no lead 'ana' in this log; did you mean 'anna'\?"):
        snapshot(log, ladder, ["bert", "ana"], datetime(2026, 3, 2, tzinfo=UTC))


def test_an_unknown_lead_unlike_any_other_is_refused_without_a_hint():
    """Where nothing is close there is nothing to guess; an empty log is no exception."""
    ladder = small_ladder()
    with pytest.raises(UnknownLead, match=r"no lead 'zoe' in this log$"):
        snapshot(log_of([], ladder), ladder, ["zoe"], datetime(2026, 3, 2, tzinfo=UTC))


def test_a_log_that_lacks_a_column_is_refused():
    """A log read for another ladder is refused, with the columns that it lacks."""
    log = log_of([event("page", START_US)], small_ladder(traits=()))
    with pytest.raises(EventsError, match=r"lacks the columns \['room', 'seconds'\]"):
        snapshot(log, small_ladder(), None, datetime(2026, 3, 2, tzinfo=UTC))


def test_a_log_with_other_columns_is_refused():
    """A log that holds more than the ladder reads was read for another one, too."""
    log = log_of([event("page", START_US)], small_ladder())
    with pytest.raises(EventsError, match=r"read for another ladder"):
        snapshot(log, small_ladder(traits=()), None, datetime(2026, 3, 2, tzinfo=UTC))


def test_as_many_instants_as_leads():
    """An array of instants that is not one a lead is refused, not read beyond its end."""
    ladder = small_ladder()
    log = log_of([event("page", START_US)], ladder)
    with pytest.raises((EventsError, ValueError), match=r"as_of"):
        snapshot(log, ladder, ["ann", "ann", "ann"], np.array([START_US], dtype=np.int64))


def test_no_leads_are_no_rows():
    """Asked about nobody, or of an empty log, a snapshot has no rows and all its columns."""
    ladder, when = small_ladder(), datetime(2026, 3, 2, tzinfo=UTC)
    for log, leads in ((log_of([], ladder), None), (log_of([event("page", 0)], ladder), [])):
        taken = snapshot(log, ladder, leads, when)
        assert len(taken) == 0
        assert taken.frame().shape == (0, 3 + len(signals_of(ladder)))


def test_a_frame_says_what_the_rows_say():
    """The frame holds the leads, the instant and each signal's value, categories as texts."""
    ladder, when = small_ladder(), datetime(2026, 3, 2, tzinfo=UTC)
    events = [
        event("identify", START_US, room="blue"),
        event("page", START_US, lead="bob", seconds=3.0),
    ]
    taken = snapshot(log_of(events, ladder), ladder, ["bob", "ann"], when)
    frame = taken.frame()
    assert frame["lead_id"].tolist() == ["bob", "ann"]
    assert frame["as_of"].tolist() == [when, when]
    for row in range(2):
        for name, value in values(taken, row).items():
            told = frame[name].iloc[row]
            assert (told != told) if value is None else (told == value), name


def test_who_was_known_at_an_instant():
    """A lead of which the first news came later has no row; the others stand as in the log."""
    ladder = small_ladder()
    events = [
        event("page", START_US, lead=lead, known=START_US + later)
        for lead, later in (("cleo", 0), ("ann", HOUR_US), ("bob", 2 * HOUR_US))
    ]
    events.append(event("page", START_US + 5 * HOUR_US, lead="ann"))
    log, compiled = log_of(events, ladder), compile_ladder(ladder)
    for hours, leads in (
        (-1, []),
        (0, ["cleo"]),
        (1, ["ann", "cleo"]),
        (9, ["ann", "bob", "cleo"]),
    ):
        at = START_US + hours * HOUR_US
        found = snapshot_of_known(log, compiled, at)
        expected = snapshot(log, ladder, leads, np.full(len(leads), at))
        pd.testing.assert_frame_equal(found.frame(), expected.frame())
    assert len(snapshot_of_known(log_of([], ladder), compiled, START_US)) == 0


def test_who_was_known_at_several_instants():
    """What one walk finds at each of them is what is found at it alone, in any order of them."""
    ladder = small_ladder()
    events = [
        event("page", START_US + at * HOUR_US, lead=lead, known=START_US + (at + late) * HOUR_US)
        for lead, late in (("cleo", 0), ("ann", 3), ("bob", 50))
        for at in range(0, 200, 7)
    ]
    log, compiled = log_of(events, ladder), compile_ladder(ladder)
    instants = [START_US + hours * HOUR_US for hours in (168, 0, 51, -1, 168)]
    found = snapshots_of_known(log, compiled, instants)
    assert [len(one) for one in found] == [3, 1, 3, 0, 3]
    for one, at in zip(found, instants, strict=True):
        alone = snapshot_of_known(log, compiled, at)
        pd.testing.assert_frame_equal(one.frame(), alone.frame())
        assert bits(one) == bits(alone)
        assert one.position.tolist() == alone.position.tolist()
        assert one.last_active.tolist() == alone.last_active.tolist()
        for column in range(len(one.signals)):
            told = [one.value(row, column) for row in range(len(one))]
            assert one.column(column) == told
    assert snapshots_of_known(log, compiled, []) == ()


def test_some_rows_of_a_snapshot():
    """Rows picked by mask or by index are those rows."""
    ladder = small_ladder()
    log = log_of([event("page", START_US + at, lead=lead) for at, lead in enumerate(LEADS)], ladder)
    taken = snapshot(log, ladder, None, datetime(2026, 3, 2, tzinfo=UTC))
    by_mask = taken.rows(np.array([True, False, True]))
    by_index = taken.rows(np.array([2, 0]))
    assert by_mask.leads == ("ann", "cem")
    assert by_index.leads == ("cem", "ann")
    assert bits(by_mask) == [bits(taken)[0], bits(taken)[2]] == bits(by_index)[::-1]
