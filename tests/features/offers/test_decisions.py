"""Decisions as events: written, read back in any order, and refused where they cannot be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import EventsError
from features.events.columns import texts_of
from features.events.log import DAY_US, EventLog, LogColumns
from features.events.of_lead import log_of_rows
from features.ladder.file import read_ladder
from features.ladder.words import OFFER, RECORD
from features.offers.decisions import (
    ANSWER,
    Decided,
    Decision,
    decision_event,
    decisions_of,
    exposure_events,
    message_id,
    outcome_event,
)
from features.offers.history import history_of
from features.signals.table import ladder_columns
from features.store.events import Event, EventStore

LADDER = read_ladder("b2b")
NAMES = LADDER.events
COLUMNS = LogColumns(*ladder_columns(LADDER))
NOON = 20_000 * DAY_US
HOUR = DAY_US // 24

DECISION = Decision(
    decision_id="d-1",
    lead_id="ann",
    as_of=NOON,
    step="human",
    options=("live-qa", "strategy-session", "nurture", "no_ask"),
    probabilities=(0.7, 0.1, 0.1, 0.1),
    chosen="live-qa",
    policy="rules",
    policy_version="v1",
    expires_at=NOON + 14 * DAY_US,
    on_topic=("live-qa",),
    excluded=(("video-audit", "asked_lately"),),
)


def log_of(events: Sequence[Event]) -> EventLog:
    """The events as training reads them: columns, with those that the ladder reads."""
    said: list[dict[str, Any]] = [json.loads(event.properties) for event in events]
    return EventLog.from_columns(
        lead=[event.lead_id for event in events],
        name=[event.name for event in events],
        occurred=np.array([event.occurred_at for event in events], dtype=np.int64),
        known=np.array([event.known_at for event in events], dtype=np.int64),
        texts={
            name: texts_of([each.get(name) or None for each in said]) for name in (OFFER, RECORD)
        },
        columns=COLUMNS,
    )


def log_of_lead(events: Sequence[Event]) -> EventLog:
    """The events of one lead as a request reads them."""
    rows = [
        (event.name, event.occurred_at, event.known_at, json.loads(event.properties))
        for event in events
    ]
    return log_of_rows(events[0].lead_id, rows, COLUMNS)


READERS = pytest.mark.parametrize("read", [log_of, log_of_lead], ids=["columns", "rows"])


def hostile(name: str, record: str | None, at: int = NOON) -> Event:
    """An event of ours in name, with a record that we did not write."""
    said = {} if record is None else {RECORD: record}
    return Event("m-1", "eve", name, at, at, json.dumps(said))


# ----------------------------------------------------------------------------------- one decision

words = st.text(max_size=6)
instants = st.integers(-(2**62), 2**62)


@st.composite
def decisions(draw: st.DrawFn) -> Decision:
    options = draw(st.lists(words, min_size=1, max_size=6, unique=True))
    weights = draw(st.lists(st.floats(1e-6, 1.0), min_size=len(options), max_size=len(options)))
    return Decision(
        decision_id=draw(words),
        lead_id=draw(words),
        as_of=draw(instants),
        step=draw(words),
        options=tuple(options),
        probabilities=tuple(weight / sum(weights) for weight in weights),
        chosen=draw(st.sampled_from(options)),
        policy=draw(words),
        policy_version=draw(words),
        expires_at=draw(instants),
        on_topic=tuple(draw(st.lists(words, max_size=3))),
        excluded=tuple(draw(st.lists(st.tuples(words, words), max_size=3))),
        framing=draw(words),
        framing_probability=draw(st.floats(1e-3, 1.0)),
        offer_version=draw(st.integers(0, 9)),
        useful=draw(words),
        other_framings=tuple(draw(st.lists(st.tuples(words, st.floats(1e-3, 1.0)), max_size=3))),
    )


@settings(deadline=None)
@given(decisions())
def test_record_and_back(decision):
    """A record is read back as the decision that wrote it, to the last bit of a probability."""
    read = Decision.of_record(decision.lead_id, decision.record())
    assert read == decision
    assert read.record() == decision.record()
    assert read.propensity == decision.probabilities[decision.options.index(decision.chosen)]


@settings(deadline=None)
@given(decisions(), st.randoms(use_true_random=False))
def test_through_a_log(decision, rng):
    """An event carries any decision through a log."""
    decision = replace(decision, lead_id=decision.lead_id or "someone")
    events = [decision_event(decision, LADDER), *exposure_events(decision, LADDER, NOON)]
    rng.shuffle(events)
    for read in (log_of, log_of_lead):
        (found,) = decisions_of(read(events), LADDER)
        assert found == Decided(decision, lead=0, exposed_at=NOON)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"probabilities": (0.9, 0.1)}, "a probability in .0, 1. an option"),
        ({"probabilities": (1.0, 0.0, 0.0, 0.0)}, "a probability in .0, 1. an option"),
        ({"probabilities": (1.2, -0.2, 0.1, -0.1)}, "a probability in .0, 1. an option"),
        ({"probabilities": (float("nan"), 0.5, 0.3, 0.2)}, "a probability in .0, 1. an option"),
        ({"probabilities": (float("inf"), 0.5, 0.3, 0.2)}, "a probability in .0, 1. an option"),
        ({"probabilities": (0.6, 0.1, 0.1, 0.1)}, r"the probabilities add up to 0\.9"),
        ({"probabilities": (0.7, 0.1, 0.1, 0.10001)}, r"the probabilities add up to 1\.00001"),
        ({"options": (), "probabilities": ()}, r"the probabilities add up to 0\.0"),
        ({"options": ("live-qa", "x", "x", "y")}, "names an option twice"),
        ({"chosen": "video-audit"}, "'video-audit' is no option of it"),
        ({"framing_probability": 0.0}, r"a framing's chance is in \(0, 1\]"),
        ({"other_framings": (("deep", 0.0),)}, r"a framing's chance is in \(0, 1\]"),
        ({"framing_probability": 1.5}, r"a framing's chance is in \(0, 1\]"),
        ({"framing_probability": float("nan")}, r"a framing's chance is in \(0, 1\]"),
    ],
)
def test_no_policy_could_have_drawn_it(changes, says):
    """What is no choice from a distribution is refused at birth, and the decision is named."""
    with pytest.raises(EventsError, match=f"decision 'd-1': .*{says}"):
        replace(DECISION, **changes)


def test_propensity():
    """The propensity is the probability of what was chosen."""
    assert DECISION.propensity == 0.7
    assert replace(DECISION, chosen="no_ask").propensity == 0.1


# ------------------------------------------------------------------------------------- its events


@settings(deadline=None)
@given(st.lists(words, min_size=2, max_size=8, unique=True))
def test_message_ids(ids):
    """A message id is the same for the same decision and kind, and of no other pair."""
    kinds = ("decision", "exposure", "extended", "outcome")
    found = [message_id(each, kind) for each in ids for kind in kinds]
    assert found == [message_id(each, kind) for each in ids for kind in kinds]
    assert len(set(found)) == len(ids) * len(kinds)
    assert all(name.isascii() and len(name) <= 64 for name in found)


def test_message_ids_stay():
    """A stored log is recognised by later versions: ids do not change."""
    assert message_id("d-1", "decision") == "rung-decision-da9541d10a9983cdee4a174895f8cd57"


def test_decision_event():
    """The event is of the lead and the instant of the decision, and says flatly what was chosen."""
    event = decision_event(DECISION, LADDER)
    assert event[:5] == (message_id("d-1", "decision"), "ann", "rung_decision", NOON, NOON)
    said = json.loads(event.properties)
    assert Decision.of_record("ann", said.pop(RECORD)) == DECISION
    assert said == {
        "decision_id": "d-1",
        "offer": "live-qa",
        "step": "human",
        "propensity": 0.7,
        "policy": "rules",
    }


def test_the_answer_is_kept():
    """What the caller was told stands beside the record, and changes nothing of it."""
    told = decision_event(DECISION, LADDER, {"offer": {"id": "live-qa"}, "why": ["Ärger"]})
    assert json.loads(told.properties)[ANSWER] == {"offer": {"id": "live-qa"}, "why": ["Ärger"]}
    assert decisions_of(log_of([told]), LADDER) == [Decided(DECISION, 0)]


def test_an_offer_that_reached_the_lead_was_extended():
    """The exposure of an offer also extends it, with its framing, for caps and history to see."""
    framed = replace(DECISION, chosen="strategy-session", framing="roadmap-review")
    for decision, framing in ((DECISION, None), (framed, "roadmap-review")):
        exposure, extended = exposure_events(decision, LADDER, NOON + HOUR)
        for event, name in ((exposure, NAMES.exposure), (extended, NAMES.offer_extended)):
            assert event[1:5] == ("ann", name, NOON + HOUR, NOON + HOUR)
        assert exposure.message_id != extended.message_id
        said = json.loads(extended.properties)
        assert (said["offer"], said.get("framing")) == (decision.chosen, framing)
        assert json.loads(exposure.properties)["decision_id"] == "d-1"
        rows = [(each[2], each[3], each[4], json.loads(each[5])) for each in (exposure, extended)]
        history = history_of(rows, LADDER, NOON + DAY_US)
        assert history.extended == ((decision.chosen, NOON + HOUR),)


def test_what_somebody_elses_experiment_drew_is_said_with_it():
    """Both the decision and that it reached the lead say so: neither is what Rung chose."""
    others = replace(DECISION, policy="experiment:mail")
    assert (DECISION.is_of_others, others.is_of_others) == (False, True)
    told = [json.loads(one.properties).get("policy") for one in exposure_events(others, LADDER, 1)]
    assert told == ["experiment:mail", None]
    assert "policy" not in json.loads(exposure_events(DECISION, LADDER, 1)[0].properties)


@pytest.mark.parametrize("chosen", ["nurture", "no_ask"])
def test_what_asks_nothing_extends_nothing(chosen):
    """To nurture or not to ask reaches the lead, but extends no offer."""
    (exposure,) = exposure_events(replace(DECISION, chosen=chosen), LADDER, NOON)
    assert exposure.name == NAMES.exposure
    assert OFFER not in json.loads(exposure.properties)


def test_what_nurtures_is_sent_and_not_extended():
    """It is said with the decision and the exposure; a record from before says none."""
    decision = replace(DECISION, chosen="nurture", useful="tips")
    (exposure,) = exposure_events(decision, LADDER, NOON)
    said = decision_event(decision, LADDER)
    assert json.loads(said.properties)["useful"] == "tips"
    rows = [(one[2], one[3], one[4], json.loads(one[5])) for one in (said, exposure)]
    history = history_of(rows, LADDER, NOON + DAY_US)
    assert (history.sent, history.extended, history.unanswered) == ({"tips": NOON}, (), 0)
    older = json.loads(decision.record())
    del older["useful"]
    assert Decision.of_record("ann", json.dumps(older)).useful == ""


def test_an_outcome_is_known_no_sooner_than_it_happened():
    """A report of the future is known when it happens, one of the past when it comes."""
    ahead = outcome_event(DECISION, LADDER, NOON + 2 * HOUR, NOON + HOUR, 1.0, "reply")
    assert (ahead.occurred_at, ahead.known_at) == (NOON + 2 * HOUR, NOON + 2 * HOUR)
    later = outcome_event(DECISION, LADDER, NOON + HOUR, NOON + 9 * HOUR, 1.0, "reply")
    assert (later.occurred_at, later.known_at) == (NOON + HOUR, NOON + 9 * HOUR)
    said = json.loads(later.properties)
    assert (said["kind"], said["value"], said["late"]) == ("reply", 1.0, False)


@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan"), float("inf")])
def test_no_share(value):
    """An outcome that is no share is not written: nothing could be learned from such a log."""
    with pytest.raises(EventsError, match=r"decision 'd-1': the outcome .* is not in \[0, 1\]"):
        outcome_event(DECISION, LADDER, NOON, NOON, value, "reply")


def test_names_are_the_ladders():
    """Events are called what the ladder calls them, and read back under these names."""
    names = replace(NAMES, decision="d", exposure="x", outcome="o", offer_extended="e")
    ladder = replace(LADDER, events=names)
    events = [
        decision_event(DECISION, ladder),
        *exposure_events(DECISION, ladder, NOON),
        outcome_event(DECISION, ladder, NOON, NOON, 1.0, "reply"),
    ]
    assert [event.name for event in events] == ["d", "x", "e", "o"]
    (found,) = decisions_of(log_of(events), ladder)
    assert (found.exposed_at, found.outcome) == (NOON, 1.0)
    assert decisions_of(log_of(events), LADDER) == []


# -------------------------------------------------------------------------------------- read back


def several() -> list[Event]:
    """Two decisions of ann, one of bob; exposures, outcomes and other events among them."""
    second = replace(
        DECISION, decision_id="d-2", as_of=NOON + DAY_US, chosen="nurture", framing="a"
    )
    of_bob = replace(DECISION, decision_id="d-3", lead_id="bob")
    return [
        decision_event(DECISION, LADDER),
        *exposure_events(DECISION, LADDER, NOON + HOUR),
        outcome_event(DECISION, LADDER, NOON + 2 * HOUR, NOON + 5 * HOUR, 0.5, "reply"),
        decision_event(second, LADDER),
        *exposure_events(second, LADDER, NOON + DAY_US),
        decision_event(of_bob, LADDER),
        outcome_event(of_bob, LADDER, NOON + 15 * DAY_US, NOON + 15 * DAY_US, 1.0, "order"),
        Event("m-1", "ann", "page_viewed", NOON, NOON, '{"decision_id":"d-1"}'),
        Event("m-2", "abe", "page_viewed", NOON, NOON, "{}"),
    ]


def test_what_became_of_each():
    """Each decision comes with its lead, its exposure and its outcome, in the order of the log."""
    first, second, of_bob = decisions_of(log_of(several()), LADDER)
    assert [each.decision.decision_id for each in (first, second, of_bob)] == ["d-1", "d-2", "d-3"]
    assert [each.lead for each in (first, second, of_bob)] == [1, 1, 2]
    assert first == Decided(DECISION, 1, NOON + HOUR, 0.5)
    assert (second.exposed_at, second.outcome) == (NOON + DAY_US, None)
    assert (of_bob.exposed_at, of_bob.outcome) == (None, None)


@settings(deadline=None)
@given(st.permutations(range(len(several()))), st.lists(st.integers(0, 8), max_size=6))
def test_any_order_and_twice(order, again):
    """The rows of a log may come in any order and more than once; each decision counts once."""
    events = several()
    rows = [events[at] for at in (*order, *again)]
    assert decisions_of(log_of(rows), LADDER) == decisions_of(log_of(events), LADDER)
    of_ann = [event for event in rows if event.lead_id == "ann"]
    alone = [replace(each, lead=0) for each in decisions_of(log_of(events), LADDER)[:2]]
    assert decisions_of(log_of_lead(of_ann), LADDER) == alone


def test_through_the_store(tmp_path):
    """Each event is stored once, and what is read back from the store is what was written."""
    events = several()
    with EventStore.open(tmp_path / "events.db") as store:
        assert store.append_events(events).accepted == len(events)
        assert store.append_events(several()).accepted == 0
        assert decisions_of(store.log(LADDER), LADDER) == decisions_of(log_of(events), LADDER)


def test_late_outcomes():
    """What happened after the window is late and is no outcome; at its end it is in time."""
    ends = DECISION.expires_at
    made = decision_event(DECISION, LADDER)
    for at, known_at, outcome in ((ends, ends + DAY_US, 1.0), (ends + 1, ends + 1, None)):
        event = outcome_event(DECISION, LADDER, at, known_at, 1.0, "reply")
        assert json.loads(event.properties)["late"] == (outcome is None)
        (found,) = decisions_of(log_of([made, event]), LADDER)
        assert found.outcome == outcome


def test_late_whatever_is_said():
    """An outcome after the window is late, though its record does not say so."""
    made = decision_event(replace(DECISION, lead_id="eve"), LADDER)
    record = json.dumps({"decision_id": "d-1", "value": 1.0, "late": False})
    event = hostile(NAMES.outcome, record, DECISION.expires_at + 1)
    (found,) = decisions_of(log_of([made, event]), LADDER)
    assert found.outcome is None


def test_the_first_report_counts():
    """Of several exposures and outcomes of a decision the first to happen counts."""
    made = decision_event(DECISION, LADDER)
    events = [made]
    for hour, value in ((3, 0.0), (2, 1.0), (4, 0.5)):
        events += exposure_events(DECISION, LADDER, NOON + hour * HOUR)
        events.append(outcome_event(DECISION, LADDER, NOON + hour * HOUR, NOON, value, "reply"))
    (found,) = decisions_of(log_of(events), LADDER)
    assert (found.exposed_at, found.outcome) == (NOON + 2 * HOUR, 1.0)


def test_the_first_decision_counts():
    """Of two decisions under one id the first to be made counts."""
    other = replace(DECISION, as_of=NOON + 1, chosen="no_ask")
    events = [decision_event(other, LADDER), decision_event(DECISION, LADDER)]
    assert decisions_of(log_of(events), LADDER) == [Decided(DECISION, 0)]


def test_reports_without_a_decision():
    """Exposures and outcomes of decisions that the log does not hold are of no use."""
    events = [event for event in several() if event.name != NAMES.decision]
    assert decisions_of(log_of(events), LADDER) == []
    assert decisions_of(log_of(several()[-1:]), LADDER) == []


def changed(**parts: object) -> str:
    """A record with parts that Rung did not write."""
    return json.dumps({**json.loads(DECISION.record()), **parts})


HALF = json.loads(DECISION.record())
del HALF["probabilities"]

RECORDS = {
    "broken": "{",
    "empty list": "[]",
    "number": "3",
    "null": "null",
    "text": '"decision"',
    "deep": "[" * 100_000,
    "nothing in it": "{}",
    "a part missing": json.dumps(HALF),
    "no sum of 1": changed(probabilities=[0.7, 0.1, 0.1, 0.2]),
    "too few": changed(probabilities=[0.9, 0.1]),
    "a zero": changed(probabilities=[0.8, 0.0, 0.1, 0.1]),
    "nan": changed(probabilities=[float("nan"), 0.1, 0.1, 0.1]),
    "no numbers": changed(probabilities=["a", "b", "c", "d"]),
    "one number": changed(probabilities=1.0),
    "no option of it": changed(chosen="video-audit"),
    "twice": changed(options=["live-qa", "live-qa", "nurture", "no_ask"]),
    "no instant": changed(as_of="yesterday"),
    "infinite": changed(as_of=float("inf")),
    "beyond all time": changed(expires_at=10**40),
    "no policy": changed(policy=[]),
    "no pairs": changed(excluded=["live-qa"]),
    "no framing": changed(framing=None),
    "impossible framing": changed(framing=["a", 0.0]),
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=list(RECORDS))
@READERS
def test_a_record_that_is_none(read, record):
    """A decision whose record cannot be is an error that names its lead, and no other error."""
    with pytest.raises(EventsError, match="lead 'eve': "):
        decisions_of(read([hostile(NAMES.decision, record)]), LADDER)


@pytest.mark.parametrize("name", [NAMES.decision, NAMES.exposure, NAMES.outcome])
@pytest.mark.parametrize("record", [None, ""], ids=["absent", "empty"])
@READERS
def test_an_event_without_its_record(read, name, record):
    """An event of ours without the property that holds its record names its lead and itself."""
    says = f"lead 'eve': a '{name}' event without its '{RECORD}'"
    with pytest.raises(EventsError, match=says):
        decisions_of(read([hostile(name, record)]), LADDER)


@pytest.mark.parametrize("name", [NAMES.exposure, NAMES.outcome])
@pytest.mark.parametrize(
    "record", ["{", "[]", "3", "null", "{}", "[" * 100_000], ids=["1", "2", "3", "4", "5", "6"]
)
def test_a_report_that_is_none(name, record):
    """A report that names no decision is an error that names its lead."""
    with pytest.raises(EventsError, match=f"lead 'eve': a '{name}' event with .* no decision"):
        decisions_of(log_of([hostile(name, record)]), LADDER)


@pytest.mark.parametrize("value", [None, "1", -1, 1.5, float("nan"), 10**400, [], {}])
def test_an_outcome_that_is_no_share(value):
    """A report whose value is no share is an error that names its lead."""
    made = decision_event(replace(DECISION, lead_id="eve"), LADDER)
    record = json.dumps({"decision_id": "d-1", "value": value})
    with pytest.raises(EventsError, match=r"lead 'eve': the outcome .* is not in \[0, 1\]"):
        decisions_of(log_of([made, hostile(NAMES.outcome, record)]), LADDER)


def test_a_long_record_is_told_shortly():
    """The message about a long record stays one that can be read."""
    with pytest.raises(EventsError, match="is no record") as raised:
        decisions_of(log_of([hostile(NAMES.decision, "x" * 10_000)]), LADDER)
    assert len(str(raised.value)) < 200


def test_many_decisions():
    """A thousand decisions of a hundred leads are read back, each with its own exposure."""
    rng = np.random.default_rng(1)
    made = [
        replace(DECISION, decision_id=f"d-{at}", lead_id=f"lead-{at % 100:02}", as_of=NOON + at)
        for at in range(1000)
    ]
    events = [event for each in made for event in exposure_events(each, LADDER, each.as_of + 7)]
    events += [decision_event(each, LADDER) for each in made]
    events = [events[at] for at in rng.permutation(len(events))]
    found = decisions_of(log_of(events), LADDER)
    assert {each.decision.decision_id: each.decision for each in found} == {
        each.decision_id: each for each in made
    }
    assert all(each.exposed_at == each.decision.as_of + 7 for each in found)
