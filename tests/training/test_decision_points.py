"""Where training looks: against the slow obvious version, and what the instants promise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.events.log import DAY_US
from features.ladder.ladder import EventRule, Ladder, Step
from features.signals.snapshot import snapshot
from tests.features import strategies
from tests.features.strategies import GRID_US, START_US, log_of
from tests.oracles.decision_point_oracle import oracle_points
from tests.oracles.snapshot_oracle import Event
from tests.profiles import examples
from training.decision_points import Points, decision_points

LADDER = Ladder(
    name="small",
    title="Call, try, buy",
    steps=(
        Step("call", "Call", (EventRule("call"),), 7.0, engaged_by=("call", "page")),
        Step("try", "Try", (EventRule("trial"),), 7.0, engaged_by=("trial",)),
    ),
    purchase=Step("purchase", "Buy", (EventRule("order"),), 30.0, engaged_by=("order",)),
    restart_on=(EventRule("again"),),
    dormant_after_days=30.0,
)
AT_CALLS = replace(LADDER, score_at=(EventRule("call"),))
FAR = START_US + 1000 * DAY_US


def event(name: str, occurred: int, known: int | None = None, lead: str = "ann") -> Event:
    return Event(lead, name, occurred, occurred if known is None else known)


def drawn(
    events: Sequence[Event], ladder: Ladder = LADDER, *, end: int = FAR, seed: int = 1, **given: int
) -> Points:
    return decision_points(log_of(events, ladder), ladder, end=end, seed=seed, **given)


def asked(points: Points) -> list[tuple[str, int]]:
    return list(zip(points.snapshot.leads, points.as_of.tolist(), strict=True))


def crowd(count: int, per_lead: int = 1, apart: int = DAY_US) -> list[Event]:
    """Leads born an hour apart, each with some pages."""
    return [
        event("page", START_US + lead * DAY_US // 24 + at * apart, lead=f"lead-{lead:04}")
        for lead in range(count)
        for at in range(per_lead)
    ]


# ------------------------------------------------------------------------------- Against the oracle


@settings(max_examples=examples(60), deadline=None)
@given(
    strategies.ladders(),
    st.lists(strategies.events(), min_size=8, max_size=40),
    st.one_of(st.none(), st.none(), strategies.instants),
    st.one_of(strategies.instants, st.integers(5, 60).map(lambda days: START_US + days * DAY_US)),
    st.sampled_from([0.5, 3.0, 7.0, 90.0]),
    st.sampled_from([3, 30, 400_000]),
    st.integers(0, 2**31),
    st.sampled_from([False, False, True]),
)
def test_points_equal_the_oracle(ladder, events, start, end, dormant, most, seed, at_events):
    """Who is asked about, and when, is what the slow obvious version draws."""
    score_at = ladder.score_at or (EventRule("page"), EventRule("call"))
    ladder = replace(ladder, dormant_after_days=dormant, score_at=score_at if at_events else ())
    log = log_of(events, ladder)
    points = decision_points(log, ladder, start=start, end=end, seed=seed, most=most)
    expected = oracle_points(events, ladder, start, end, seed, most)
    assert points.snapshot.leads == tuple(lead for lead, _ in expected)
    np.testing.assert_allclose(points.as_of, [at for _, at in expected], rtol=0, atol=1)


@settings(max_examples=examples(12), deadline=None)
@given(
    strategies.ladders(),
    st.lists(strategies.events(), min_size=2, max_size=20),
    st.lists(st.integers(0, 200), min_size=98, max_size=160),
    st.integers(0, 2**31),
    st.booleans(),
)
def test_points_beside_a_machine_equal_the_oracle(ladder, events, machine, seed, at_events):
    """So are they where one lead has many times the events of the others."""
    score_at = ladder.score_at or (EventRule("page"),)
    ladder = replace(ladder, score_at=score_at if at_events else ())
    busy = [event("page", START_US + at * GRID_US, lead="machine") for at in machine]
    end = START_US + 60 * DAY_US
    points = decision_points(log_of([*events, *busy], ladder), ladder, end=end, seed=seed)
    expected = oracle_points([*events, *busy], ladder, None, end, seed, 400_000)
    assert points.snapshot.leads == tuple(lead for lead, _ in expected)
    np.testing.assert_allclose(points.as_of, [at for _, at in expected], rtol=0, atol=1)


@pytest.mark.parametrize("at_events", [False, True])
def test_what_comes_later_moves_no_point(at_events):
    """A log that goes on has the very points that it had: training sees it as it stood then."""
    ladder = AT_CALLS if at_events else LADDER
    quiet = crowd(60, per_lead=6)
    end = max(one.known_us for one in quiet)
    later = [event("call", end + at * DAY_US // 4, lead=f"{at % 90:03}") for at in range(1, 900)]
    then, now = log_of(quiet, ladder), log_of([*quiet, *later], ladder)
    known = decision_points(then, ladder, end=end, seed=4)
    points = decision_points(now, ladder, end=end, seed=4)
    assert len(points) > 50 or at_events
    assert points.snapshot.leads == known.snapshot.leads
    assert points.as_of.tolist() == known.as_of.tolist()


# --------------------------------------------------------------------------------- Beside a machine


def machine(count: int, days: float, name: str = "page", lead: str = "machine") -> list[Event]:
    """A lead with very many events, evenly over some days."""
    apart = days * DAY_US / count
    return [event(name, START_US + int(at * apart), lead=lead) for at in range(count)]


def of_others(points: Points) -> int:
    return sum(lead != "machine" for lead in points.snapshot.leads)


@pytest.mark.parametrize("days", [0.5, 40.0, 200.0])
@pytest.mark.parametrize("count", [300, 10_000])
def test_a_machine_counts_as_a_busy_lead(count, days):
    """One with thousands of events, in an hour or in a year, is asked about no more than one that
    looks in as often as a busy person, and the others are asked about as often as beside that one.
    """
    people = crowd(100, per_lead=8)
    person = drawn([*people, *machine(8, days)], seed=2)
    busy = drawn([*people, *machine(count, days)], seed=2)
    assert len(busy) - of_others(busy) <= len(person) - of_others(person) + 8
    assert of_others(busy) == pytest.approx(of_others(person), rel=0.02)


def test_many_scored_events_of_a_machine():
    """With `score_at` a lead with thousands of these events has as many points as a busy one."""
    people = [event("call", START_US + at * DAY_US, lead=f"{at // 5:03}") for at in range(200)]
    points = drawn([*people, *machine(3000, 30.0, "call")], AT_CALLS)
    assert of_others(points) == 200
    assert 0 < len(points) - 200 <= 15


def test_busy_people_are_people():
    """A hundred events, or six times those of a busy lead, are no machine's: all of them count."""
    for count, per_lead in ((100, 1), (600, 100)):
        people = crowd(40, per_lead, apart=DAY_US // 50)
        few = [event("call", START_US + at * DAY_US // 100, lead="keen") for at in range(count)]
        points = drawn([*people, *few], AT_CALLS)
        assert len(points) == count


# ------------------------------------------------------------------------------------- On the clock


def test_one_instant_in_each_week_of_a_life():
    """From its first event until it is dormant, a lead is asked about once in every week."""
    ladder = replace(LADDER, dormant_after_days=28.0)
    events = [event("page", START_US), event("page", START_US + 21 * DAY_US)]
    for seed in range(20):
        points = drawn([*events, event("identify", START_US + 24 * DAY_US)], ladder, seed=seed)
        days = (points.as_of - START_US) / DAY_US
        assert (days > 0).all()
        assert (days <= 49).all()
        after = np.minimum(np.abs(days - 21), np.minimum(np.abs(days), np.abs(days - 24))) <= 1.0
        weeks = np.floor(days / 7).astype(int)
        assert set(range(7)) <= set(weeks.tolist())
        assert np.bincount(weeks[~after], minlength=7).max() <= 1


def test_the_instant_within_a_week_is_anywhere():
    """Every part of a week is as likely as another."""
    points = drawn(crowd(1500), replace(LADDER, dormant_after_days=7.0), seed=4)
    born = START_US + np.arange(1500) * DAY_US // 24
    into = (points.as_of - born[points.lead]) / DAY_US
    late = into[into > 1.0]  # no instant after an event is later
    assert len(late) == pytest.approx(1500 * 6 / 7, rel=0.05)
    np.testing.assert_allclose(
        np.quantile(late, [0.0, 0.25, 0.5, 0.75, 1.0]), np.arange(5) * 1.5 + 1, atol=0.3
    )


def test_the_score_after_an_event_is_soon():
    """Delays are spread evenly over orders of magnitude, from ten seconds to a day."""
    # Lives shorter than a week have one instant on the clock, and one event each.
    points = drawn(crowd(1500), replace(LADDER, dormant_after_days=7.0), seed=4)
    born = START_US + np.arange(1500) * DAY_US // 24
    first = np.flatnonzero(np.append(True, np.diff(points.lead) > 0))
    size = np.log10((points.as_of - born[points.lead])[first] / DAY_US)
    assert size.min() >= -4.0
    np.testing.assert_allclose(np.quantile(size, [0.0, 0.25, 0.5]), [-4.0, -3.0, -2.0], atol=0.2)


def test_as_many_after_events_as_on_the_clock():
    """A lead with very many events is not asked about after each of them."""
    events = [event("page", START_US + at * GRID_US // 100) for at in range(4000)]
    points = drawn(events, end=START_US + 8 * DAY_US)
    on_clock = 2
    assert on_clock <= len(points) <= on_clock + 8


def test_nothing_is_asked_after_what_the_ladder_does_not_read():
    """No signal could tell that a lead was just busy; on the clock it is asked about as ever."""
    events = [event("page", START_US), *(event("hum", START_US + at * DAY_US) for at in range(28))]
    for seed in range(20):
        days = (drawn(events, seed=seed).as_of - START_US) / DAY_US
        weeks = np.floor(days[days > 1.0] / 7).astype(int)  # after that one no event is read
        assert set(range(1, 4)) <= set(weeks.tolist())
        assert np.bincount(weeks).max() == 1


def test_quiet_leads_are_asked_about():
    """Weeks in which nothing happened have their instants, until the lead is dormant."""
    points = drawn([event("page", START_US)])
    days = (points.as_of - START_US) / DAY_US
    assert days.max() > 21
    assert days.max() <= 30
    assert len(points) in (5, 6)  # four or five weeks, and one after the event


@pytest.mark.parametrize(("days", "is_asked"), [(29.9, True), (30.5, False)])
def test_a_dormant_lead_is_not_asked_about(days, is_asked):
    """Silence of more than `dormant_after_days` between two visits is left out."""
    events = [event("page", START_US), event("page", START_US + 90 * DAY_US)]
    found = False
    for seed in range(60):
        since = (drawn(events, seed=seed).as_of - START_US) / DAY_US
        found = found or bool(((since > days - 3) & (since <= days)).any())
        assert not ((since > 30) & (since < 90)).any()
    assert found or not is_asked


@pytest.mark.parametrize(("less", "is_asked"), [(0, True), (1, False)])
def test_silence_of_exactly_so_long_is_not_too_long(less, is_asked):
    """A lead silent for `dormant_after_days` to the microsecond is asked about, then no more."""
    events, end = [event("page", START_US)], START_US + 7 * DAY_US
    last = int(drawn(events, end=end).as_of[-1])
    ladder = replace(LADDER, dormant_after_days=(last - START_US - less) / DAY_US)
    assert (last in drawn(events, ladder, end=end).as_of) == is_asked


def test_what_we_do_wakes_nobody():
    """An offer that is extended to a silent lead does not make it one to ask about."""
    events = [event("page", START_US)]
    events += [event("offer_extended", START_US + days * DAY_US) for days in (20, 40, 60)]
    for seed in range(20):
        assert (drawn(events, seed=seed).as_of <= START_US + 30 * DAY_US).all()


def test_a_customer_is_not_asked_about():
    """From the instant at which a purchase is known nobody asks; a restart opens the lead again."""
    bought, again = START_US + 10 * DAY_US, START_US + 60 * DAY_US
    events = [
        event("page", START_US),
        event("order", bought - DAY_US, bought),
        event("page", again),
    ]
    seen = np.concatenate([drawn(events, seed=seed).as_of for seed in range(40)])
    assert (seen < bought).all()
    assert (seen > bought - DAY_US).any()  # it had happened, but was not known
    seen = np.concatenate(
        [drawn([*events, event("again", again)], seed=seed).as_of for seed in range(10)]
    )
    assert ((seen < bought) | (seen >= again)).all()
    assert (seen >= again).any()


@pytest.mark.parametrize(("last", "position"), [("call", 1), ("trial", 2)])
def test_a_lead_on_any_rung_is_asked_about(last, position):
    """Also one that has climbed all but the purchase."""
    points = drawn([event("page", START_US), event(last, START_US)])
    assert len(points) > 3
    assert (points.position == position).all()


def test_a_life_begins_when_the_lead_is_known():
    """An event that was reported late begins a life when it was reported."""
    events = [event("page", START_US, START_US + 10 * DAY_US)]
    for seed in range(20):
        assert (drawn(events, seed=seed).as_of > START_US + 10 * DAY_US).all()


# ---------------------------------------------------------------------------------------- At events


def test_at_the_events_of_score_at():
    """With `score_at` the instants are those at which these events became known, once each."""
    late = event("call", START_US, START_US + 5 * DAY_US)
    events = [
        event("page", START_US),
        event("call", START_US + DAY_US),
        event("call", START_US + DAY_US),
        late,
        event("call", START_US + 3 * DAY_US, lead="bob"),
    ]
    assert asked(drawn(events, AT_CALLS)) == [
        ("ann", START_US + DAY_US),
        ("ann", START_US + 5 * DAY_US),
        ("bob", START_US + 3 * DAY_US),
    ]


def test_at_events_nobody_is_dormant():
    """Where events say when to score, silence before them does not matter; a purchase does."""
    events = [
        event("identify", START_US),
        event("call", START_US + DAY_US, START_US + 500 * DAY_US),
    ]
    assert len(drawn(events, AT_CALLS)) == 1
    assert len(drawn([*events, event("order", START_US)], AT_CALLS)) == 0


def test_no_event_of_score_at():
    """Where none of them is in the log there are no points."""
    assert len(drawn([event("page", START_US)], AT_CALLS)) == 0


# --------------------------------------------------------------------------------------- The period


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [(None, 0, 1), (None, -1, 0), (-1, 0, 1), (0, 0, 0), (-1, -1, 0), (0, 1, 0)],
)
def test_the_period_ends_with_end_and_begins_after_start(start, end, count):
    """An instant at `end` is in, one at `start` is not: two periods side by side share none."""
    when = START_US + 5 * DAY_US
    period = {"end": when + end} if start is None else {"start": when + start, "end": when + end}
    assert len(drawn([event("call", when)], AT_CALLS, **period)) == count


def test_nobody_is_known_yet():
    """A period before the first event has no points, nor has an empty log."""
    for events in ([event("page", START_US)], []):
        for ladder in (LADDER, AT_CALLS):
            for days in (0, 8, 80):
                points = drawn(events, ladder, end=START_US - 1 - days * DAY_US)
                assert (len(points), len(points.position)) == (0, 0)


def test_instants_do_not_pass_the_end():
    """The week in which the period ends has its instant only where that comes before the end."""
    end = START_US + 10 * DAY_US
    seen = np.concatenate([drawn(crowd(50), end=end, seed=seed).as_of for seed in range(5)])
    assert seen.max() <= end
    assert seen.max() > end - DAY_US


# ------------------------------------------------------------------------------------- Many points


def test_a_large_log_is_thinned_by_whole_leads():
    """With more points than `most`, some leads keep all of theirs and the others have none."""
    events = crowd(400, per_lead=3)
    everything = drawn(events, seed=3)
    thinned = drawn(events, seed=3, most=len(everything) // 4)
    assert set(asked(thinned)) < set(asked(everything))
    stay = set(thinned.snapshot.leads)
    assert [each for each in asked(everything) if each[0] in stay] == asked(thinned)
    assert len(thinned) == pytest.approx(len(everything) / 4, rel=0.3)


def test_as_many_as_allowed_are_kept():
    """Exactly `most` points are not thinned, for any seed; one more may be."""
    events = [event("call", START_US + at * DAY_US, lead=f"{at:03}") for at in range(20)]
    assert {len(drawn(events, AT_CALLS, most=20, seed=seed)) for seed in range(40)} == {20}
    kept = [len(drawn(events, AT_CALLS, most=19, seed=seed)) for seed in range(40)]
    assert min(kept) < 20
    assert np.mean(kept) == pytest.approx(19, abs=0.7)


# ----------------------------------------------------------------------------------------- The rest


def test_points_stand_by_lead_and_time():
    """Leads ascend, and the instants of each."""
    points = drawn(crowd(30, per_lead=4))
    assert asked(points) == sorted(asked(points))
    assert (np.diff(points.lead) >= 0).all()


def test_each_point_has_its_own_signals():
    """A point holds the snapshot of its lead at its instant, and some of the points theirs."""
    events = [*crowd(6, per_lead=3), event("call", START_US + 2 * DAY_US, lead="lead-0002")]
    log, points = log_of(events, LADDER), drawn(events)
    some = points.rows(np.arange(len(points)) % 2 == 1)
    assert asked(some) == asked(points)[1::2]
    for held in (points, some):
        again = snapshot(log, LADDER, held.snapshot.leads, held.as_of)
        np.testing.assert_array_equal(held.snapshot.values, again.values)
        np.testing.assert_array_equal(held.position, again.position)
        assert [log.leads[at] for at in held.lead] == list(held.snapshot.leads)
    assert {0, 1} == set(points.position.tolist())


def test_the_seed_decides():
    """The same seed gives the same instants, another one others."""
    events = crowd(5)
    assert asked(drawn(events, seed=1)) == asked(drawn(events, seed=1))
    assert asked(drawn(events, seed=1)) != asked(drawn(events, seed=2))
