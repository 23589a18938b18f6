"""What a lead was offered and answered, beside slow statements of each field and the fold."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.events.log import DAY_US
from features.events.of_lead import Row
from features.events.properties import as_text
from features.events.readable import fit_of
from features.ladder.activity import REFUSED, activity_of
from features.ladder.field_names import channel_key
from features.ladder.file import read_ladder
from features.ladder.ladder import (
    Afterwards,
    Commitment,
    Condition,
    Effort,
    EventRule,
    Gain,
    Ladder,
    Limits,
    Offer,
    Topic,
)
from features.ladder.quiet_hours import QuietHours
from features.ladder.words import AGAINST_ENDINGS
from features.offers.commitments import Open
from features.offers.history import OfferHistory, completions_of, history_of
from features.offers.topics import continued
from features.signals.rules import met_any
from features.signals.snapshot import snapshot
from tests.features import strategies
from tests.oracles.snapshot_oracle import Event
from tests.profiles import examples

GUIDE = Offer("guide", "content", "Guide", "guide", Effort(5), topics=("costs", "delays"))
TIPS = Offer("tips", "content", "Tips", "tips", Effort(2), role="support")
PILOT = Offer(
    "pilot",
    "trial",
    "Pilot",
    "pilot",
    Effort(90),
    topics=("pilots",),
    only_after=(
        EventRule("session_held", (Condition("minutes", "at_least", 10.0),)),
        EventRule("pilot_requested"),
    ),
)
SAYS = (
    EventRule("content_read", (Condition("seconds", "at_least", 300.0),)),
    EventRule(read_ladder("b2b").events.offer_declined),
)
LADDER = replace(
    read_ladder("b2b"), offers=(GUIDE, TIPS, PILOT), topics=(Topic("Pilots", SAYS, days=2.0),)
)
NAMES = LADDER.events
LATE = 100 * DAY_US


def row(name: str, at: float = 1.0, /, **properties: object) -> Row:
    """An event, known when it happened, `at` days after the epoch."""
    when = round(at * DAY_US)
    return name, when, when, properties


def offered(offer: object, at: float = 1.0) -> Row:
    return row(NAMES.offer_extended, at, offer=offer)


def history(*rows: Row, ladder: Ladder = LADDER, as_of: int = LATE) -> OfferHistory:
    return history_of(rows, ladder, as_of)


# -------------------------------------------------------------------------------------- any history

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 30),
    st.sampled_from([math.nan, math.inf, 0.5, 1.0, 300.0, 10**400]),
    st.sampled_from(["", " ", "a", "a;b", " b ;", "yes", "NO", "unclear", "true", "0", "email"]),
    st.sampled_from(["guide", "tips", "pilot", "gone", "costs", "Costs, pilots|stock"]),
)
nested = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "name"]), inner, max_size=2),
    ),
    max_leaves=4,
)
KEYS = (
    "offer",
    "channel",
    "granted",
    "fit",
    "gaps",
    "topic",
    "topics",
    "minutes",
    "name",
    "seconds",
    "useful",
)
EVENTS = (
    NAMES.traits,
    NAMES.offer_extended,
    NAMES.offer_seen,
    NAMES.offer_declined,
    NAMES.consent,
    NAMES.consultation,
    NAMES.decision,
    NAMES.exposure,
    "asset_used",
    "content_read",
    "session_held",
    "pilot_requested",
    "contract_signed",
    "contract_ended",
    "page_viewed",
    *(NAMES.lead_asked, NAMES.business_replied, "asset_opened"),
    *("pilot_started", "pilot_failed"),
)
days = st.integers(0, 6).map(lambda at: at * DAY_US)
rows = st.lists(
    st.tuples(
        st.sampled_from(EVENTS),
        days,
        days,
        st.dictionaries(st.sampled_from(KEYS), nested, max_size=4),
    ),
    max_size=25,
)
apart = st.lists(
    st.tuples(
        st.sampled_from(EVENTS),
        st.integers(0, 400),
        st.integers(0, 400),
        st.dictionaries(st.sampled_from(KEYS), nested, max_size=4),
    ),
    max_size=25,
    unique_by=lambda row: (min(row[1], row[2]), row[2], row[0]),
)


def texts(value: object) -> list[str]:
    """The texts that a value says, as the fields `gaps` and `topics` read them."""
    parts = re.split(r"[;,|\n]", value) if isinstance(value, str) else value
    said = []
    for part in parts if isinstance(parts, list) else [parts]:
        if isinstance(part, dict):
            said.append(part["name"].strip() if isinstance(part.get("name"), str) else "")
        elif isinstance(part, str):
            said.append(part.strip())
        elif isinstance(part, bool):
            said.append("true" if part else "false")
        elif isinstance(part, int):
            said.append(str(part))
        elif isinstance(part, float) and math.isfinite(part):
            said.append(f"{part:g}")
    return [text for at, text in enumerate(said) if text and text not in said[:at]]


def text(value: object) -> str:
    """The one text that a value says, as an id is read; a list says none."""
    if isinstance(value, str):
        return value.strip()
    return "" if isinstance(value, list | dict) else "".join(texts(value))


def offers_named(value: object) -> list[str]:
    """The ids that a value says: one, those of a list, or that of an object."""
    if not isinstance(value, list):
        value = [value]
    found: list[str] = []
    for one in value:
        if isinstance(one, dict):
            labels = ("id", "offer", "name", "title", "topic", "label", "gap", "channel")
            one = next((one[each] for each in labels if isinstance(one.get(each), str)), None)
        said = "" if isinstance(one, bool) else text(one)
        if said and said not in found:
            found.append(said)
    return [{"Guide": "guide", "TIPS": "tips"}.get(one, one) for one in found]


def is_known(value: object) -> bool:
    """Whether a profile field has a value."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str):
        return value.strip() != ""
    return value is not None and value != [] and value != {}


def says_yes(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in ("true", "yes", "granted", "1")
    return isinstance(value, bool | int | float) and value > 0


def consents(past: Sequence[Row]) -> dict[str, bool]:
    """Each channel's answer: the latest of its own and of those for all channels."""
    answers = [
        (
            [channel_key(one) for one in texts(said.get("channel"))] or [""],
            says_yes(said.get("granted")),
        )
        for name, _, _, said in past
        if name == NAMES.consent
    ]
    for_all = [at for at, (channels, _) in enumerate(answers) if channels == [""]]
    found = {"": answers[for_all[-1]][1]} if for_all else {}
    for channels, granted in answers[for_all[-1] + 1 if for_all else 0 :]:
        found |= dict.fromkeys(channels, granted)
    return found


def completed(past: Sequence[Row], goal_rules: Sequence[EventRule]) -> list[Row]:
    return [event for event in past if met_any(goal_rules, event[0], event[3])]


def unanswered(past: Sequence[Row]) -> int:
    """The asks since the last event that is an answer."""
    any_rung = [rule for goal in LADDER.goals for rule in goal.complete_when]
    answers = [
        at
        for at, (name, _, _, said) in enumerate(past)
        if name in (NAMES.offer_seen, NAMES.offer_declined) or met_any(any_rung, name, said)
    ]
    since = past[answers[-1] + 1 :] if answers else past
    return sum(
        name == NAMES.offer_extended and set(offers_named(said.get("offer"))) != {"tips"}
        for name, _, _, said in since
    )


OURS = (NAMES.decision, NAMES.exposure, NAMES.outcome)


def refuses(name: str, said: Mapping[str, object]) -> bool:
    """Whether it is a consent that was not granted."""
    return name == NAMES.consent and as_text(said.get("granted")) in REFUSED


def topics(past: Sequence[Row], as_of: int) -> tuple[str, ...]:
    """What was said lately; gaps that offers are about, with what was consumed since they were."""
    words = [topic for offer in LADDER.offers for topic in offer.topics]
    by_plain = {topic.lower(): topic for topic in words}
    found_at, found = max(
        ((at, gaps_in(event)) for at, event in enumerate(past) if gaps_in(event) is not None),
        default=(-1, None),
    )
    gaps = [by_plain[gap.lower()] for gap in found or [] if gap.lower() in by_plain]
    used_at, used = max(
        ((at, used_in(event)) for at, event in enumerate(past) if used_in(event)), default=(-1, [])
    )
    own = [by_plain.get(topic.lower(), topic) for topic in used]
    said = gaps if gaps and found_at > used_at else own + gaps
    lately = [event for event in past if event[1] > as_of - 2 * DAY_US]
    return tuple(dict.fromkeys(["pilots"] * bool(completed(lately, SAYS)) + said))


def gaps_in(event: Row) -> list[str] | None:
    value = event[3].get("gaps")
    return texts(value) if isinstance(value, list) or texts(value) else None


def used_in(event: Row) -> list[str]:
    name, _, _, said = event
    if name in (NAMES.traits, NAMES.consultation, NAMES.offer_extended, NAMES.business_replied):
        return []
    if name in OURS or name.endswith(AGAINST_ENDINGS) or refuses(name, said):
        return []
    of_offers = {offer.id: list(offer.topics) for offer in LADDER.offers}
    named = texts(said.get("topics")) or texts(said.get("topic"))
    return named or of_offers.get(text(said.get("offer")), [])


def fields(told: Sequence[Row]) -> frozenset[str]:
    """The keys of what traits tell, whatever is within them; a name tells its parts."""
    found = {pair for event in told for pair in members(event[3], "")}
    known = {key for key, value in found if value}
    first = {"firstname"} if "name" in known else set()
    last = {"lastname"} if ("name", "two words") in found else set()
    return frozenset(known | first | last)


def nameless(request: Row) -> Row:
    """What is requested may have a name of its own."""
    name, occurred, known, said = request
    return name, occurred, known, {key: value for key, value in said.items() if key != "name"}


def members(properties: Mapping[str, object], above: str) -> set[tuple[str, str]]:
    """Keys, with what their values are: nothing (""), something, or two words."""
    found = set()
    for name, value in properties.items():
        says = "something" if is_known(value) else ""
        if isinstance(value, str) and len(value.split()) > 1:
            says = "two words"
        found.add((f"{above}{name}", says))
        found.add((name if name != "name" or not above else f"{above}name", says))
        if isinstance(value, dict):
            found |= members(value, name)
    return found


def slow_history(events: Sequence[Row], as_of: int) -> OfferHistory:
    """Each field on its own, from the events in order; none share both clocks and a name."""
    known = [(n, min(o, k), k, said) for n, o, k, said in events if k <= as_of]
    past = sorted(known, key=lambda event: (event[1], event[2], event[0]))
    named: Mapping[str, list[Row]] = {
        name: [event for event in past if event[0] == name] for name in EVENTS
    }
    restarts = [at for at, event in enumerate(past) if event[0] == "contract_ended"]
    since = past[restarts[-1] + 1 :] if restarts else past
    fits = [fit_of(event[3].get("fit")) for event in named[NAMES.consultation]]
    gaps = [
        texts(event[3]["gaps"])
        for event in past
        if "gaps" in event[3] and (isinstance(event[3]["gaps"], list) or texts(event[3]["gaps"]))
    ]
    return OfferHistory(
        extended=tuple(
            (offer, e[1])
            for e in named[NAMES.offer_extended]
            for offer in offers_named(e[3].get("offer")) or [""]
        ),
        declined={
            offer: e[1]
            for e in named[NAMES.offer_declined]
            for offer in offers_named(e[3].get("offer"))
        },
        unanswered=unanswered(past),
        completed={
            goal.id: done[0][1]
            for goal in LADDER.goals
            if (done := completed(since, goal.complete_when))
        },
        consents=consents(past),
        fit=next((fit for fit in reversed(fits) if fit), None),
        gaps=tuple(gaps[-1]) if gaps else (),
        topics=topics(past, as_of),
        fields=fields([*named[NAMES.traits], *map(nameless, named["pilot_requested"])]),
        opened=frozenset(
            offer.id
            for offer in LADDER.offers
            if not offer.only_after or completed(past, offer.only_after)
        ),
        in_flight=in_flight(past, as_of),
        taken=taken(since),
        sent={useful: e[1] for e in named[NAMES.exposure] if (useful := text(e[3].get("useful")))},
    )


def in_flight(past: Sequence[Row], as_of: int) -> dict[str, Open]:
    """What was begun and is not over, by a commitment at a time; the ladder has days for each."""
    found: dict[str, Open] = {}
    asks, replies = EventRule(NAMES.lead_asked), EventRule(NAMES.business_replied)
    reply = Commitment("reply", "", (asks,), (replies,), days=LADDER.dormant_after_days)
    for one in (reply, *(one for one in LADDER.commitments if not one.after)):
        since, ends = None, 0
        for name, when, _, said in past:
            if met_any(one.until, name, said):
                since = None
            if met_any(one.begins, name, said):
                if since is None or when >= ends:
                    since = when
                # No event says when it ends.
                lasts = [days for days in (one.days, one.else_days) if days is not None]
                ends = when + round(min(lasts) * DAY_US) if lasts else 2**62
        if since is not None:
            found |= open_then(one, since, ends, as_of)
    return found


def open_then(one: Commitment, since: int, ends: int, as_of: int) -> dict[str, Open]:
    """What was begun, or what follows it when its time is over; the followers have days."""
    if as_of < ends:
        return {one.id: Open(since, ends)}
    followers = [other for other in LADDER.commitments if other.after == one.id]
    then = {one.id: Open(ends, ends + round((one.days or 0) * DAY_US)) for one in followers}
    return {id_: held for id_, held in then.items() if as_of < held.ends}


LENT = Commitment("lent", "it is lent", (EventRule("lent"),), (EventRule("back"),), "until", 10.0)
OVERDUE = Commitment(
    "overdue", "it is overdue", (), (EventRule("reminded"),), days=5.0, after="lent"
)
SHOP = replace(LADDER, commitments=(OVERDUE, LENT))


@pytest.mark.parametrize(
    ("rows", "as_of", "expected"),
    [
        ([row("lent", 1)], 10.9, {"lent": 1}),
        ([row("lent", 1)], 11, {"overdue": 11}),
        ([row("lent", 1)], 15.9, {"overdue": 11}),
        ([row("lent", 1)], 16, {}),
        ([row("lent", 1, until="1970-01-05T00:00:00Z")], 5, {"overdue": 4}),
        ([row("lent", 1), row("back", 4)], 12, {}),
        ([row("lent", 1), row("back", 12)], 13, {}),
        ([row("lent", 1), row("reminded", 12)], 13, {}),
        ([row("lent", 1), row("reminded", 4)], 5, {"lent": 1}),
        ([row("lent", 1), row("lent", 4)], 12, {"lent": 1}),
        ([row("lent", 1), row("lent", 4)], 14, {"overdue": 14}),
        ([row("lent", 1), row("back", 4), row("lent", 5)], 15, {"overdue": 15}),
    ],
)
def test_one_follows_where_another_has_run_its_time(rows, as_of, expected):
    """Not before, and not where an event has ended either."""
    found = history(*rows, ladder=SHOP, as_of=round(as_of * DAY_US)).in_flight
    since = {name: one.since for name, one in found.items()}
    assert since == {name: round(day * DAY_US) for name, day in expected.items()}


def taken(since: Sequence[Row]) -> dict[str, int]:
    """The offers that what the lead did out of interest names."""
    names = {name for goal in LADDER.goals for name in goal.engaged_by} | {NAMES.lead_asked}
    ids = {offer.id for offer in LADDER.offers}
    found = {}
    for name, when, _, said in since:
        named = [said.get(key) for key in ("offer", "asset")]
        first = next((one for one in named if isinstance(one, str) and one in ids), None)
        if first and name in names and not met_any(activity_of(LADDER).barred, name, said):
            found[first] = when
    return found


@settings(deadline=None, max_examples=examples(300))
@given(apart, st.integers(-1, 401))
def test_any_history(events: list[Row], as_of: int):
    """Every field is what its slow statement says, whatever the values of the properties."""
    assert history_of(events, LADDER, as_of) == slow_history(events, as_of)


@settings(deadline=None)
@given(rows, days, st.randoms())
def test_row_order_has_no_effect(events: list[Row], as_of: int, random):
    """Rows in any order give the same history, even where several share a day and a name."""
    shuffled = random.sample(events, len(events))
    assert history_of(shuffled, LADDER, as_of) == history_of(events, LADDER, as_of)


crowded = st.lists(
    st.builds(
        lambda name, key, value: (name, DAY_US, DAY_US, {"offer": "guide", key: value}),
        st.sampled_from([NAMES.consent, NAMES.consultation, NAMES.offer_extended, "page_viewed"]),
        st.sampled_from(["offer", "channel", "granted", "fit", "gaps", "topic", "topics"]),
        st.one_of(scalars, st.lists(scalars, max_size=2)),
    ),
    max_size=6,
)


@settings(deadline=None, max_examples=examples(300))
@given(crowded, st.randoms())
def test_row_order_has_no_effect_at_one_instant(events: list[Row], random):
    """Nor where nothing but what the events say tells them apart."""
    shuffled = random.sample(events, len(events))
    assert history_of(shuffled, LADDER, LATE) == history_of(events, LADDER, LATE)


@pytest.mark.parametrize("values", [("begin", "end"), ("end", "begin"), (1.0, 2.0), (2.0, 1.0)])
def test_ties_as_the_fold(values: tuple[float | str, float | str]):
    """Of a restart and a completion that are one name and instant, the same goes last."""
    restart, complete = (EventRule("plan", (Condition("what", "is", value),)) for value in values)
    step = replace(LADDER.steps[0], complete_when=(complete,))
    ladder = replace(LADDER, steps=(step, *LADDER.steps[1:]), restart_on=(restart,))
    events = [Event("ann", "plan", DAY_US, DAY_US, {"what": value}) for value in values]
    taken = snapshot(strategies.log_of(events, ladder), ladder, None, np.array([LATE]))
    found = history(*(row("plan", 1, what=value) for value in values), ladder=ladder)
    assert len(found.completed) == taken.position[0] == (values[0] < values[1])  # type: ignore[operator]


@settings(deadline=None)
@given(rows, days)
def test_the_future_has_no_effect(events: list[Row], as_of: int):
    """What became known after the instant changes nothing, when it happened is not asked."""
    past = [event for event in events if event[2] <= as_of]
    assert history_of(events, LADDER, as_of) == history_of(past, LADDER, as_of)


@settings(deadline=None)
@given(strategies.ladders(), st.lists(strategies.events(["ann"]), max_size=40), strategies.instants)
def test_as_the_fold(ladder: Ladder, events, as_of: int):
    """Unanswered asks and completed rungs are the fold's, ties and restarts included."""
    own: list[Row] = [(e.name, e.occurred_us, e.known_us, e.properties) for e in events]
    found = history_of(own, ladder, as_of)
    if not events:
        assert found == history_of([], ladder, as_of)
        return
    log = strategies.log_of(events, ladder)
    taken = snapshot(log, ladder, None, np.array([as_of]))
    signals = dict(zip((signal.id for signal in taken.signals), taken.values[0], strict=True))
    at = [place for place, goal in enumerate(ladder.goals, 1) if goal.id in found.completed]
    if not any(event.name == ladder.events.offer_declined for event in events):
        assert found.unanswered == signals["offers.ignored"]  # a refusal is one answer more here
    assert len(found.extended) == signals["offers.extended"]
    assert (max(at, default=0), len(at)) == (taken.position[0], signals["ladder.steps_completed"])
    if at:  # the highest of them was completed when the fold says so
        then = found.completed[ladder.goals[at[-1] - 1].id]
        assert (as_of - then) / DAY_US == signals["ladder.days_at_position"]
    told = [one for one in completions_of(own, ladder, as_of) if one is not None]
    if not ladder.restart_on:  # each rung once, and the highest is where the lead stands
        places = [[goal.id for goal in ladder.goals].index(one) + 1 for one in told]
        assert len(set(told)) == len(told)
        assert max(places, default=0) == taken.position[0]


# ------------------------------------------------------------------------------------ one at a time


def test_nothing_known():
    """A lead without events was offered nothing and may be extended what waits for nothing."""
    empty = OfferHistory((), {}, 0, {}, {}, None, (), (), frozenset(), frozenset({"guide", "tips"}))
    assert history() == empty


def test_extended():
    """Asks and support stand in time order; an offer that the event does not name is ""."""
    found = history(offered("guide", 3), offered("tips", 1), row(NAMES.offer_extended, 2))
    assert found.extended == (("tips", DAY_US), ("", 2 * DAY_US), ("guide", 3 * DAY_US))


def test_unanswered_counts_asks():
    """Support is no ask; an offer that the ladder has no more was one."""
    assert history(offered("tips"), offered("guide", 2), offered("gone", 3)).unanswered == 2


@pytest.mark.parametrize(
    "answer",
    [
        row(NAMES.offer_seen, 2),
        row(NAMES.offer_declined, 2, offer="pilot"),
        row("content_read", 2, seconds=300),
        row("contract_signed", 2),
    ],
)
def test_answers(answer: Row):
    """Seeing, declining and completing any rung are answers to what was extended before."""
    assert history(offered("guide", 1), answer).unanswered == 0
    assert history(answer, offered("guide", 3)).unanswered == 1


@pytest.mark.parametrize("other", [row("content_read", 2, seconds=299), row("page_viewed", 2)])
def test_no_answers(other: Row):
    """What completes nothing is no answer."""
    assert history(offered("guide", 1), other).unanswered == 1


def test_declined_last():
    """The last time counts, and a decline without an offer names none."""
    twice = [row(NAMES.offer_declined, at, offer="guide") for at in (4, 2)]
    assert history(*twice, row(NAMES.offer_declined, 5)).declined == {"guide": 4 * DAY_US}


def test_restart():
    """Completions before the ladder began anew are over; what else was said stays."""
    found = history(
        row("content_read", 1, seconds=400),
        row(NAMES.offer_declined, 2, offer="guide"),
        row("contract_ended", 3),
        row("asset_used", 4, minutes=20),
        row("asset_used", 5, minutes=30),
    )
    assert (found.completed, found.declined) == ({"value": 4 * DAY_US}, {"guide": 2 * DAY_US})


def test_each_step_is_completed_once_a_round():
    """What meets its rules again completes nothing, until the ladder is begun anew."""
    rows = [
        row("content_read", 1, seconds=400),
        row("content_read", 2, seconds=299),
        row("content_read", 3, seconds=400),
        row("contract_ended", 4),
        row("content_read", 5, seconds=400),
        row("content_read", 6, seconds=400),
    ]
    told = [LADDER.steps[0].id, None, None, None, LADDER.steps[0].id, None]
    assert completions_of(rows, LADDER, LATE) == told
    assert completions_of(rows[::-1], LADDER, LATE) == told[::-1]
    # The first was learned of last: until then the other one was the first.
    late = ("content_read", DAY_US, 9 * DAY_US, {"seconds": 400})
    both = [late, row("content_read", 3, seconds=400)]
    assert completions_of(both, LADDER, 8 * DAY_US) == [None, LADDER.steps[0].id]
    assert completions_of(both, LADDER, LATE) == [LADDER.steps[0].id, None]
    assert history(*both).completed == {LADDER.steps[0].id: DAY_US}


def test_a_purchase_that_begins_anew_is_one():
    """It completes the purchase, and the next round has all of its steps."""
    ladder = replace(LADDER, restart_on=(EventRule("contract_signed"),))
    rows = [row("contract_signed", at) for at in (1, 2)]
    assert completions_of(rows, ladder, LATE) == ["purchase", "purchase"]


def test_an_event_of_two_rungs_is_told_as_the_higher_one():
    """Both are completed by it, so that what meets them again completes neither."""
    first, second, *others = LADDER.steps
    both = replace(second, complete_when=(*second.complete_when, *first.complete_when))
    ladder = replace(LADDER, steps=(first, both, *others))
    rows = [row("content_read", at, seconds=400) for at in (1, 2)]
    assert completions_of(rows, ladder, LATE) == [second.id, None]


def test_restart_that_completes():
    """An event that restarts and completes only restarts, as in the fold."""
    ladder = replace(LADDER, restart_on=(EventRule("contract_signed"),))
    assert history(row("contract_signed"), ladder=ladder).completed == {}


@pytest.mark.parametrize(
    ("granted", "expected"),
    [
        *((yes, True) for yes in (True, "true", 1, 2.0, "yes", "1.0")),
        *((no, False) for no in (False, "false", 0, "no", -1, "maybe", None, math.nan, {"a": 1})),
    ],
)
def test_granted(granted: object, expected: bool):
    """Consent is given by what says yes, and by nothing else."""
    assert history(row(NAMES.consent, channel="email", granted=granted)).consents == {
        "email": expected
    }


def test_consent_without_a_word():
    """A consent event that does not say whether it was granted is no consent."""
    assert history(row(NAMES.consent)).consents == {"": False}


def test_latest_consent():
    """The later answer counts, and one for all channels replaces those before it."""
    yes = row(NAMES.consent, 1, channel="email", granted=True)
    never = row(NAMES.consent, 2, granted=False)
    again = row(NAMES.consent, 3, channel="email; sms", granted=True)
    assert history(yes, never).consents == {"": False}
    assert history(yes, never, again).consents == {"": False, "email": True, "sms": True}


def test_who_unsubscribed_has_closed_that_channel():
    """By the name of the event alone; a later answer opens it again, an earlier one does not."""
    yes = row(NAMES.consent, 1, channel="email", granted=True)
    gone = row("email_unsubscribed", 2)
    assert history(yes, gone).consents == {"email": False}
    assert history(gone, row(NAMES.consent, 3, channel="email", granted=True)).consents == {
        "email": True
    }
    assert history(row("webinar_unsubscribed", 2)).consents == {}


@pytest.mark.parametrize(
    ("said", "declined"),
    [
        (["guide", "tips"], {"guide", "tips"}),
        ({"id": "guide", "title": "A guide"}, {"guide"}),
        ([{"offer": "pilot"}, "tips"], {"pilot", "tips"}),
        ("Guide ", {"guide"}),
        ("GUIDE", {"guide"}),
        (["gone"], {"gone"}),
    ],
)
def test_offers_that_are_declined_in_other_forms(said, declined):
    """A list, an object and another spelling name offers as their ids do."""
    assert set(history(row(NAMES.offer_declined, 2, offer=said)).declined) == declined


def test_two_offers_in_one_message_are_one_ask():
    found = history(offered(["guide", "pilot"], 1))
    assert (found.unanswered, [offer for offer, _ in found.extended]) == (1, ["guide", "pilot"])
    assert history(offered(["tips", "guide"], 1)).unanswered == 1
    assert history(offered(["tips"], 1)).unanswered == 0


@pytest.mark.parametrize(
    "said", ["all", "ALL", "*", "any", ["all"], "email, all", "all channels", "Everything", " "]
)
def test_a_refusal_of_every_channel(said):
    """However it is put, nothing stays open that was open before."""
    yes = row(NAMES.consent, 1, channel="email", granted=True)
    no = row(NAMES.consent, 2, channel=said, granted=False)
    assert history(yes, no).consents == {"": False}


@pytest.mark.parametrize(
    ("said", "channels"),
    [
        *(
            (one, {"email"})
            for one in ("emails", "mail", "e mail", "E-Mail address", "Email (marketing)")
        ),
        *((one, {"email"}) for one in ("email_marketing", "marketing email", "emails please")),
        *((one, {"email", "phone"}) for one in ("email and phone", "email/phone", "Mail & Tel")),
        *((one, {"email", "sms"}) for one in ("email + sms", ["emails", "SMS"], "E-Mail und SMS")),
        *((one, {"sms"}) for one in ("text messages", "SMS alerts", {"name": "sms"})),
        *((one, {"phone"}) for one in ("call", "phone call", "Telephone", "mobile")),
        *((one, {"directmail"}) for one in ("direct mail", "Direct-Mail")),
        ("page or email", {"page", "email"}),
        ("band", {"band"}),
        ("(email)", {"email"}),
    ],
)
def test_channels_that_are_refused_in_other_words(said, channels):
    """A withdrawal is understood in the words that tools and people have for it."""
    found = history(row(NAMES.consent, channel=said, granted=False)).consents
    assert set(found) == channels


def test_a_channel_in_any_spelling():
    """A refusal of "E-Mail" is one of email."""
    no = row(NAMES.consent, channel=["E-Mail", "SMS"], granted=False)
    assert history(no).consents == {"email": False, "sms": False}
    again = row(NAMES.consent, 2, channel="EMAIL", granted=True)
    assert history(no, again).consents == {"email": True, "sms": False}


def test_fit():
    """The latest consultation that says a fit counts."""
    said = [row(NAMES.consultation, 1, fit="yes"), row(NAMES.consultation, 2, fit=" No")]
    assert history(*said, row(NAMES.consultation, 3, next_step="call")).fit == "no"
    assert history(row("page_viewed", fit="no")).fit is None


@pytest.mark.parametrize(
    ("said", "fit"),
    [
        ({"fit": False}, "no"),
        ({"fit": "not a fit"}, "no"),
        ({"fit": "Maybe"}, "unclear"),
        ({"Fit": "no fit"}, "no"),
        ({"is_fit": 1}, "yes"),
        ({"fit": "Ann will call"}, "yes"),
    ],
)
def test_fit_in_other_words(said: dict[str, object], fit: str):
    """It is understood; what says nothing leaves what was said before."""
    before = row(NAMES.consultation, 1, fit="yes")
    assert history(before, (NAMES.consultation, 2 * DAY_US, 2 * DAY_US, said)).fit == fit


def test_gaps():
    """Gaps come as a list or as one text; a later empty list says there are none."""
    old = row("assessment_completed", 1, gaps="handovers; approvals;")
    assert history(old).gaps == ("handovers", "approvals")
    assert history(old, row("audit_done", 2, gaps=["stock", "stock", None])).gaps == ("stock",)
    assert history(old, row("audit_done", 2, gaps=[])).gaps == ()
    assert history(old, row("audit_done", 2, gaps=None)).gaps == ("handovers", "approvals")


@pytest.mark.parametrize(
    "said",
    [
        "costs, handovers",
        "costs; handovers",
        "costs|handovers\n",
        ["costs", "handovers", "costs", None],
        [{"name": "costs"}, {"name": "handovers", "score": 3}],
        [{"title": "costs", "id": 1}, "handovers"],
    ],
)
def test_gaps_in_any_form(said: object):
    """Each is one gap, however a tool lists them."""
    assert history(row("assessment_completed", gaps=said)).gaps == ("costs", "handovers")
    assert history(row("content_read", topics=said)).topics == ("costs", "handovers")
    consent = row(NAMES.consent, channel=said, granted=True)
    assert history(consent).consents == {"costs": True, "handovers": True}


def test_gaps_lead_on():
    """A gap that an offer is about is what the next one goes on with, beside what is newer."""
    before = row("content_read", 1, topic="stock")
    gaps = row("assessment_completed", 2, gaps=["Costs", "no owner"])
    assert history(before, gaps).topics == ("costs",)
    assert history(before, gaps, row("content_read", 3, topic="Pilots")).topics == (
        "pilots",
        "costs",
    )
    other = row("assessment_completed", 2, gaps=["no owner"])
    assert history(before, other).topics == ("stock",)
    assert history(gaps, row("audit_done", 3, gaps=[])).topics == ()


def test_two_spellings_of_a_topic_are_one():
    """What a lead had of one offer goes on with another that spells its topic otherwise."""
    again = replace(GUIDE, id="again", topics=("Costs", "DELAYS", "costs"))
    spelt = replace(LADDER, offers=(*LADDER.offers, again))
    for event in (row("content_read", topic="COSTS"), row("content_read", topic="Costs")):
        assert history(event, ladder=spelt).topics == ("costs",)
    for offer in ("guide", "again"):
        read = row("asset_opened", offer=offer)
        assert history(read, ladder=spelt).topics == ("costs", "delays")
        assert continued(again.topics, ("costs",)) == ["Costs", "costs"]


def test_topics():
    """The last thing that the lead itself consumed counts: by its topics, or those of its offer."""
    assert history(row("content_read", topic="stock")).topics == ("stock",)
    assert history(row("content_read", topics="stock;costs")).topics == ("stock", "costs")
    assert history(row("asset_opened", offer="guide")).topics == ("costs", "delays")
    read = row("content_read", 1, topic="stock")
    for other in (
        offered("guide", 2),
        row(NAMES.offer_declined, 2, offer="guide"),
        row(NAMES.consultation, 2, topics=["fit"]),
        row("asset_opened", 2, offer="tips"),
        row("asset_opened", 2, offer="gone"),
    ):
        assert history(read, other).topics == ("stock",), other
    seats = Afterwards("seats", "Seats given up", Gain(EventRule("seat_cancelled")))
    told = replace(LADDER, after_purchase=(seats,))
    given_up = row("seat_cancelled", 2, topic="costs")
    for ladder in (LADDER, told):
        assert history(read, given_up, ladder=ladder).topics == ("stock",)


def test_what_events_say_of_topics():
    """They stand before what was consumed last, until their days are over; refusals do so too."""
    no = row(NAMES.offer_declined, 1, offer="pilot", reason="price")
    small = row(NAMES.traits, 1, budget="small")
    read = row("content_read", 2, topic="stock")
    dear = (EventRule(NAMES.offer_declined, (Condition("reason", "is", "price"),)),)
    topics = (
        Topic("Costs", (*dear, EventRule(NAMES.traits, (Condition("budget", "is", "small"),)))),
    )
    ladder = replace(LADDER, topics=topics)
    for said in (no, small):
        on_time = round(91 * DAY_US) - 1
        assert history(said, read, ladder=ladder, as_of=on_time).topics == ("costs", "stock")
        assert history(said, read, ladder=ladder, as_of=on_time + 1).topics == ("stock",)
        again = (said[0], 80 * DAY_US, 80 * DAY_US, said[3])
        assert history(said, read, again, ladder=ladder).topics == ("costs", "stock")
    other = row(NAMES.offer_declined, 1, offer="pilot", reason="no time")
    assert history(other, read, ladder=ladder).topics == ("stock",)


def test_fields():
    """What any traits event told is known; an empty value tells nothing."""
    told = row(NAMES.traits, 1, email="a@example.org", phone="", size=0, name=" ", tags=[])
    told_later = row(NAMES.traits, 2, email="", role="buyer", score=math.nan, extra=None)
    assert history(told, told_later, row("page_viewed", section="x")).fields == {
        "email",
        "size",
        "role",
    }


@pytest.mark.parametrize(
    ("event", "asked"),
    [
        (
            row(NAMES.traits, Email="a@example.org", firstName="Ada"),
            ("email", "name", "first_name"),
        ),
        (row(NAMES.traits, company={"size": 40}), ("company_size", "companySize")),
        (
            row("form_submitted", name="Ada", email="a@example.org", company_size=40),
            ("name", "Email", "company size", "emailAddress"),
        ),
        (row("webinar_registered", Name="Ada", email="a@example.org"), ("name", "e-mail")),
    ],
)
def test_knows(event: Row, asked: tuple[str, ...]):
    """What the lead said in any spelling, by traits or in a form, is known in every spelling."""
    found = history(event)
    assert [name for name in asked if not found.knows(name)] == []
    assert not found.knows("phone")


def test_our_own_events_are_no_forms():
    """The address of whoever replied, or of an offer, is not the lead's."""
    ours = (NAMES.business_replied, NAMES.offer_extended, NAMES.decision)
    found = history(*(row(name, email="us@example.org", name="Bo") for name in ours))
    assert found.fields == frozenset()


def test_opened():
    """An offer opens with the first event that meets one of its rules, and stays open."""
    assert "pilot" not in history(row("session_held", minutes=9)).opened
    for key in (row("session_held", minutes=10), row("pilot_requested")):
        assert "pilot" in history(key, row("contract_ended", 2)).opened


def test_known_when():
    """What happened before the instant but was learned of later is not there yet."""
    late: Row = (NAMES.offer_declined, DAY_US, 5 * DAY_US, {"offer": "guide"})
    assert history(late, as_of=5 * DAY_US - 1).declined == {}
    assert history(late, as_of=5 * DAY_US).declined == {"guide": DAY_US}


def test_clock_that_ran_ahead():
    """An event happened no later than it was known."""
    ahead: Row = (NAMES.offer_extended, 9 * DAY_US, 5 * DAY_US, {"offer": "guide"})
    assert history(ahead).extended == (("guide", 5 * DAY_US),)


def test_values_that_cannot_be_written_down():
    """Values nested deeper than can be walked, or with too many digits, say nothing."""
    deep: object = "x"
    for _ in range(100_000):
        deep = [deep]
    for value in (deep, 10**5000, {"a": deep}):
        everywhere = dict.fromkeys(KEYS, value)
        twice = [row(name, **everywhere) for name in (*EVENTS, *EVENTS)]
        found = history(*twice)
        assert (found.fit, found.gaps, found.topics) == (None, (), ())
        assert found.extended == (("", DAY_US),) * 2


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([], ""),
        ([{"time_zone": "Asia/Tokyo"}], "Asia/Tokyo"),
        ([{"time_zone": "Asia/Tokyo"}, {"company": "Acme"}], "Asia/Tokyo"),
        ([{"time_zone": "Asia/Tokyo"}, {"time_zone": "Europe/Paris"}], "Europe/Paris"),
        ([{"time_zone": "Asia/Tokyo"}, {"time_zone": "GMT+25"}], ""),
        ([{"time_zone": 9}], ""),
        ([{"time_zone": None}], ""),
        ([{"time_zone": ["Asia/Tokyo"]}], ""),
        ([{"zone": "Asia/Tokyo"}], ""),
    ],
)
def test_the_time_zone_of_a_lead(told, expected):
    """The latest value of the trait that the ladder names; "" where it cannot be read."""
    limits = Limits(quiet=QuietHours(time_zone_trait="time_zone"))
    rows = [row(NAMES.traits, 1.0 + at, **properties) for at, properties in enumerate(told)]
    assert history(*rows, ladder=replace(LADDER, limits=limits)).time_zone == expected
    assert history(*rows).time_zone == ""
