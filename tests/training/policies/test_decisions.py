"""Decisions of small logs: which count, which are over, and what came of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import EventsError
from features.events.log import DAY_US
from features.ladder.ladder import Condition, EventRule, Gain, Ladder, Value
from features.offers.decisions import decision_event, exposure_events
from features.store.events import Event
from models.offers.options import NO_ASK, options_of
from tests.profiles import examples
from tests.training.policies.scene import (
    ASKS,
    LADDER,
    PLACE,
    REST,
    START_US,
    drawn,
    event,
    exposed,
    extended,
    log_of,
    reported,
    us,
)
from training.policies.decisions import (
    Decisions,
    drawn_decisions,
    observed_decisions,
    uncounted_gains,
)


def decided(*events: Event, until: float = 60, ladder: Ladder = LADDER) -> Decisions:
    """The drawn decisions of a log in which every lead was seen on the first day."""
    seen = [event(lead, "page", 0) for lead in sorted({one.lead_id for one in events} | {"zoe"})]
    return drawn_decisions(log_of([*seen, *events], ladder), ladder, us(until))


def only(decisions: Decisions) -> Decisions:
    assert len(decisions) == 1
    return decisions


def same(one: Decisions, other: Decisions) -> None:
    """That two tell the same in every column."""
    for name in ("lead", "chosen", "probability", "topic", "advanced", "value", "is_over"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(one.snapshot.values, other.snapshot.values)
    np.testing.assert_array_equal(one.as_of, other.as_of)
    np.testing.assert_array_equal(one.position, other.position)
    assert one.framing == other.framing
    assert one.snapshot.leads == other.snapshot.leads


# ------------------------------------------------------------------------------------ which count


def test_what_a_decision_tells():
    """Options, propensities, topic, framing and choice stand where the ladder's options stand."""
    one = drawn("ann", 1, "guide", framing="deep", framing_probability=0.5, on_topic=("guide",))
    found = only(decided(*exposed(one)))
    expected = np.zeros(len(PLACE))
    expected[[PLACE[name] for name in one.options]] = 0.25
    np.testing.assert_array_equal(found.probability, [expected])
    assert found.chosen.tolist() == [PLACE["guide"]]
    assert np.flatnonzero(found.topic[0]).tolist() == [PLACE["guide"]]
    assert found.framing == ("deep",)
    assert found.as_of.tolist() == [us(1)]
    assert found.snapshot.leads == ("ann",)


def test_a_decision_that_reached_nobody_counts_as_drawn():
    """Who is reached may hang on what was drawn; no ask has nothing that could fail to reach."""
    kept, lost, alone = drawn("ann", 1), drawn("bob", 1), drawn("cem", 1, NO_ASK)
    made = [decision_event(one, LADDER) for one in (lost, alone)]
    found = decided(*exposed(kept), *made)
    assert found.snapshot.leads == ("ann", "bob", "cem")
    assert found.is_shown.tolist() == [True, False, True]
    of_all = {PLACE["clip"]: 0.5}  # the others were never chosen, or are no ask
    assert found.reach.tolist() == [of_all.get(at, 1.0) for at in range(len(PLACE))]
    assert found.rows(~found.is_shown).snapshot.leads == ("bob",)


def test_of_what_was_never_shown_nothing_reached_anybody():
    """However seldom it was chosen, and where no ask never was."""
    found = decided(decision_event(drawn("ann", 1, "guide"), LADDER))
    assert found.reach.tolist() == [0.0 if at == PLACE["guide"] else 1.0 for at in PLACE.values()]
    assert (decided().reach == 1.0).all()


def test_some_of_the_decisions():
    """They are those decisions, with all that is told of them."""
    found = drawn_decisions(log_of(busy(0)), LADDER, us(40))
    keep = found.advanced > 0.0
    some = found.rows(keep)
    assert 2 < len(some) < len(found) - 2
    of_rows = ("lead", "chosen", "probability", "topic", "advanced", "value", "is_shown")
    for name in (*of_rows, "step_is_over", "is_over", "position", "as_of"):
        np.testing.assert_array_equal(getattr(some, name), getattr(found, name)[keep], name)
    assert some.framing == tuple(np.array(found.framing)[keep])
    assert some.snapshot.leads == tuple(np.array(found.snapshot.leads)[keep])


def test_the_snapshot_does_not_know_the_choice():
    """What was known at a decision is the same whatever was chosen and extended then."""
    ask, none = (decided(*exposed(drawn("ann", 1, chosen))) for chosen in ("clip", NO_ASK))
    np.testing.assert_array_equal(ask.snapshot.values, none.snapshot.values)


def test_a_decision_twice_in_the_log_is_one():
    """The same events again, and a second exposure later, change nothing."""
    one = drawn("ann", 1)
    later = exposure_events(one, LADDER, us(2))
    same(decided(*exposed(one), *exposed(one), *later), decided(*exposed(one)))


def test_no_decisions():
    """A log without a decision has none, and that is no error."""
    found = decided()
    assert len(found) == 0
    assert found.probability.shape == (0, len(PLACE))


@pytest.mark.parametrize("options", [("clip", "gone", *REST), ("gone", *REST)])
def test_an_option_that_the_ladder_does_not_have(options):
    """A record of another ladder is refused by the name of its option."""
    one = drawn("ann", 1, NO_ASK, options)
    with pytest.raises(EventsError, match="names 'gone', which this ladder does not have"):
        decided(*exposed(one))


# --------------------------------------------------------------------------------- windows, labels


@pytest.mark.parametrize(("until", "over"), [(14.99, False), (15.0, True)])
def test_the_longer_window_must_be_over(until, over):
    """The step's window of 7 days is over first; the value's of 14 days decides."""
    assert only(decided(*exposed(drawn("ann", 1)), until=until)).is_over.tolist() == [over]


@pytest.mark.parametrize(("until", "over"), [(7.99, False), (8.0, True)])
def test_the_steps_window_must_be_over_too(until, over):
    """Where the value's window is the shorter one, the step's decides."""
    ladder = replace(LADDER, value=replace(LADDER.value, horizon_days=2.0))
    found = only(decided(*exposed(drawn("ann", 1)), until=until, ladder=ladder))
    assert found.is_over.tolist() == [over]


@pytest.mark.parametrize(("until", "over"), [(15.99, False), (16.0, True)])
def test_late_arrivals_get_their_time(until, over):
    """Where completions are learned of a day late, windows are over a day later."""
    late = [event("zoe", "video", 2, known=3, fraction=1.0)]
    found = only(decided(*exposed(drawn("ann", 1)), *late, until=until))
    assert found.is_over.tolist() == [over]


@pytest.mark.parametrize(
    ("name", "day", "advanced"),
    [("video", 8.0, 1.0), ("video", 8.01, 0.0), ("video", 1.0, 0.0), ("trial", 5.0, 1.0)],
)
def test_a_completion_within_the_window_counts(name, day, advanced):
    """To the very end of the window, of this step or one above; not what was known before."""
    found = only(decided(*exposed(drawn("ann", 1)), event("ann", name, day, fraction=0.9)))
    assert found.advanced.tolist() == ([advanced] if found.position[0] == 0 else [0.0])
    assert found.position.tolist() == [int(day == 1.0)]


@pytest.mark.parametrize(("day", "value"), [(15.0, 1.0), (15.01, 0.0)])
def test_a_purchase_within_the_values_window_counts(day, value):
    """The value has a window of its own: neither the step's nor the purchase's."""
    found = only(decided(*exposed(drawn("ann", 1)), event("ann", "order", day)))
    assert found.value.tolist() == [value]


@pytest.mark.parametrize(("day", "advanced", "value"), [(15.5, 1.0, 0.0), (22.5, 0.0, 0.0)])
def test_on_the_last_rung_each_window_keeps_its_length(day, advanced, value):
    """The next step is the purchase, in its 21 days; the value is the purchase in 14 days."""
    one = drawn("ann", 1, "contract", ("contract", *REST))
    found = only(decided(event("ann", "trial", 0.5), *exposed(one), event("ann", "order", day)))
    assert found.position.tolist() == [2]
    assert (found.advanced[0], found.value[0]) == (advanced, value)


def test_a_reported_outcome_takes_the_place_of_the_logs():
    """What was reported in time is the outcome, whatever the events say."""
    one, other = drawn("ann", 1), drawn("bob", 1)
    video = event("bob", "video", 3, fraction=1.0)
    outcomes = [*reported(one, 4, 0.25), *reported(other, 4, 0.0)]
    found = decided(*exposed(one), *exposed(other), video, *outcomes)
    assert found.advanced.tolist() == [0.25, 0.0]


@pytest.mark.parametrize(("day", "known"), [(8.5, None), (4, 61)])
def test_a_late_report_is_ignored(day, known):
    """So is one that happened after the window, and one that nobody knew of by then."""
    one = drawn("ann", 1)
    found = only(decided(*exposed(one), *reported(one, day, 0.75, known)))
    assert found.advanced.tolist() == [0.0]


# ------------------------------------------------------------------------------------------- gains

GAINS = (
    Gain(EventRule("order"), worth=50.0),
    Gain(EventRule("paid", (Condition("fraction", "at_least", 0.5),)), 2.0, "amount"),
    Gain(EventRule("refund"), -1.0, "amount"),
)
EARNING = replace(LADDER, value=Value(horizon_days=14.0, gains=GAINS))

Happening = tuple[str, str, float, float | None, float | None, float]
"""Lead, event, day, the properties fraction and amount, and the days until it is known."""
happenings = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob", "zoe"]),
        st.sampled_from(["order", "paid", "refund", "page"]),
        st.integers(0, 120).map(lambda quarters: quarters / 4),
        st.sampled_from([None, 0.25, 0.5, 1.0]),
        st.sampled_from([None, -2.5, 0.0, 4.0, 10.0]),
        st.sampled_from([0.0, 0.0, 0.25, 40.0]),
    ),
    max_size=25,
)


def earned(lead: str, day: float, rows: list[Happening], until: float) -> float:
    """The gains of a lead in the 14 days after a day, told by a loop."""
    total = 0.0
    for who, name, when, fraction, amount, late in rows:
        inside = who == lead and day < when <= day + 14 and when + late <= until
        if inside and name == "order":
            total += 50.0
        if inside and name == "paid" and fraction is not None and fraction >= 0.5:
            total += 2.0 * (amount or 0.0)
        if inside and name == "refund":
            total -= amount or 0.0
    return total


@given(happenings, st.integers(0, 60).map(lambda q: q / 4), st.sampled_from([20.0, 31.0, 60.0]))
@settings(max_examples=examples(60), deadline=None)
def test_gains_are_what_a_slow_loop_says(rows, day, until):
    """Worth times measure of what meets the rules in (as_of, as_of + horizon], losses included."""
    ones = [drawn(lead, day, name=lead) for lead in ("ann", "bob")]
    happened = [
        event(
            who,
            name,
            when,
            known=when + late,
            **{
                key: value
                for key, value in (("fraction", fraction), ("amount", amount))
                if value is not None
            },
        )
        for who, name, when, fraction, amount, late in rows
    ]
    made = [one for decision in ones for one in exposed(decision)]
    found = decided(*made, *happened, until=until, ladder=EARNING)
    expected = [earned(lead, day, rows, until) for lead in found.snapshot.leads]
    np.testing.assert_allclose(found.value, expected, atol=1e-9)


# -------------------------------------------------------------------------- nothing from afterwards


def busy(seed: int, leads: int = 25, days: float = 50.0) -> list[Event]:
    """A log with everything in it: activity, steps, others' offers, our decisions, reports."""
    rng = np.random.default_rng(seed)
    events: list[Event] = []
    for number in range(leads):
        lead = f"lead-{number:02}"
        born = rng.uniform(0, days / 2)
        events.append(event(lead, "identify", born, industry=str(rng.choice(["bank", "farm"]))))
        events += [event(lead, "page", at) for at in rng.uniform(born, days, 6)]
        for name in ("video", "trial", "order"):
            at, late = rng.uniform(born, 2 * days), rng.choice([0.0, 0.0, 2.0])
            events.append(event(lead, name, at, known=at + late, fraction=0.9))
        for at in rng.uniform(born, days, 2):
            offer = str(rng.choice(["clip", "guide", "demo", "tips", "unheard-of"]))
            events.append(event(lead, "offer_extended", at, offer=offer))
        one = drawn(lead, rng.uniform(born, days), str(rng.choice(["clip", "guide", NO_ASK])))
        events += exposed(one)
        if rng.random() < 0.4:
            at = (one.as_of - START_US) / DAY_US + rng.uniform(0, 9)
            events += reported(one, at, float(rng.random()), at + rng.choice([0.0, 5.0]))
    return events


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("until", [25.0, 40.0])
def test_what_becomes_known_later_does_not_matter(seed, until):
    """The decisions of a log are those of the log as it stood, whatever was added since."""
    events = busy(seed)
    then = [one for one in events if one.known_at <= us(until)]
    assert 50 < len(then) < len(events) - 50
    same(
        drawn_decisions(log_of(events), LADDER, us(until)),
        drawn_decisions(log_of(then), LADDER, us(until)),
    )
    same(
        observed_decisions(log_of(events), LADDER, us(until), 7),
        observed_decisions(log_of(then), LADDER, us(until), 7),
    )


# ------------------------------------------------------------------------------ decisions of others


def seen_often(lead: str, *days: float) -> list[Event]:
    return [event(lead, "page", day) for day in days]


def observed(*events: Event, until: float = 60) -> Decisions:
    return observed_decisions(log_of(events), LADDER, us(until), seed=7)


def asked(decisions: Decisions) -> list[tuple[str, str, int]]:
    """Lead, offer and instant of the decisions that asked."""
    ids, ask = options_of(LADDER).ids, decisions.chosen != PLACE[NO_ASK]
    return [
        (decisions.snapshot.leads[at], ids[decisions.chosen[at]], int(decisions.as_of[at]))
        for at in np.flatnonzero(ask)
    ]


def test_only_offers_of_the_next_step_count():
    """An offer out of order, one that the ladder does not have, and a support offer tell little."""
    found = observed(
        *seen_often("ann", 0, 10, 20),
        extended("ann", 1, "clip"),
        extended("ann", 4, "demo"),
        extended("ann", 7, "tips"),
        extended("ann", 10, "unheard-of"),
        event("ann", "video", 12, fraction=1.0),
        extended("ann", 14, "demo"),
        extended("ann", 17, "clip"),
    )
    assert asked(found) == [("ann", "clip", us(1) - 1), ("ann", "demo", us(14) - 1)]


@pytest.mark.parametrize("seed", range(4))
def test_none_of_ours_is_among_the_decisions_of_others(seed):
    """An offer that one of our decisions extended is not counted a second time."""
    events = busy(seed)
    ours = {
        (one.lead_id, one.occurred_at - 1)
        for one in events
        if one.name == "offer_extended" and "decision_id" in one.properties
    }
    found = asked(observed_decisions(log_of(events), LADDER, us(99), seed))
    assert len(ours) > 5
    assert len(found) > 5
    assert not {(lead, at) for lead, _, at in found} & ours


@pytest.mark.parametrize("seed", range(4))
def test_the_possible_options_are_those_of_the_next_step(seed):
    """Asks of the next step and no ask have a 1; of them is the choice."""
    found = observed_decisions(log_of(busy(seed)), LADDER, us(99), seed)
    for position, row, chosen in zip(found.position, found.probability, found.chosen, strict=True):
        wanted = [PLACE[name] for name in (*ASKS[int(position)], NO_ASK)]
        assert np.flatnonzero(row).tolist() == sorted(wanted)
        assert row[chosen] == 1.0


def _asked_soon(events: list[Event], lead: str, at: int, position: int) -> bool:
    """Whether an offer follows within 3 days of an instant, before the lead has gone on."""
    goals = {"video": 1, "trial": 2, "order": 3}
    mine = sorted((one for one in events if one.lead_id == lead), key=lambda one: one.known_at)
    for one in mine:
        if one.name == "offer_extended" and at < one.occurred_at <= at + 3 * DAY_US:
            known = [e for e in mine if e.known_at < one.occurred_at]
            if max((goals.get(e.name, 0) for e in known), default=0) == position:
                return True
    return False


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_asked_after_an_instant_of_no_ask(seed):
    """For 3 days no offer, ours or others', is extended to the lead where it stands."""
    events = busy(seed)
    found = observed_decisions(log_of(events), LADDER, us(50), seed)
    quiet = found.rows(found.chosen == PLACE[NO_ASK])
    assert len(quiet) > 50
    assert int(quiet.as_of.max()) <= us(47)
    for lead, at, position in zip(quiet.snapshot.leads, quiet.as_of, quiet.position, strict=True):
        assert not _asked_soon(events, lead, int(at), int(position))


def test_who_goes_on_and_is_asked_then_was_not_asked_before():
    """An instant of no ask stays one if the lead goes on by itself and is asked for more at once.

    To leave it out would make no ask look bad: those that go on are asked again soon.
    """
    days = np.linspace(0, 40, 80)
    going = [
        one
        for number in range(40)
        for one in (
            *seen_often(f"lead-{number:02}", *days[days < 8]),
            event(f"lead-{number:02}", "video", 8, fraction=1.0),
            extended(f"lead-{number:02}", 8.01, "demo"),
        )
    ]
    found = observed(*going)
    last = found.rows((found.position == 0) & (found.as_of > us(5.5)) & (found.as_of < us(8)))
    assert len(last) > 10
    assert (last.chosen == PLACE[NO_ASK]).all()
    assert (last.advanced == 1.0).all()


def test_nothing_is_observed_after_the_purchase():
    """A lead that has bought has no next step."""
    found = observed(
        *seen_often("ann", 0, 1, 5, 9),
        event("ann", "order", 2),
        extended("ann", 3, "contract"),
    )
    assert (found.as_of < us(2)).all()


def test_gains_that_count_nothing_are_said():
    """A measure that is not there, or an event, is worth nothing and tells nobody by itself."""
    rows = [event("ann", "paid", day, fraction=1.0) for day in (1.0, 2.0)]
    log = log_of([*rows, event("ann", "order", 3.0)], EARNING)
    assert uncounted_gains(log, EARNING) == [
        "of 2 events 'paid', a gain of [value], 0 have 'amount' as a number: the others count"
        " nothing",
        "no event is called 'refund', a gain of [value]: it counts nothing",
    ]
    rows = [event("ann", name, 1.0, fraction=1.0, amount=4.0) for name in ("paid", "refund")]
    assert uncounted_gains(log_of([*rows, event("ann", "order", 3.0)], EARNING), EARNING) == []
