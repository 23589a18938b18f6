"""The recommender: each decision once, whole, and durable; what became of it, once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import count, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from features.clock import instant, microseconds, rfc3339
from features.errors import (
    DecisionConflict,
    LimitReached,
    NoModel,
    OptedOut,
    TimeError,
    UnknownDecision,
    UnknownLead,
    UnknownOffer,
)
from features.events.log import DAY_US
from features.ladder.action import CLAIMED
from features.ladder.file import read_ladder
from features.ladder.words import RECORD
from features.offers.decisions import Decision, decision_event, decisions_of, message_id
from features.store.arrivals import Arrival
from features.store.events import Event, EventStore
from features.store.schema import notifications
from models.bundle import Bundle
from models.offers.eligibility import Asked
from models.offers.options import NO_ASK, NURTURE
from serving.recommending.answers import RecommendationAnswer
from serving.recommending.recommender import Recommender
from serving.scoring.scorer import Scorer
from serving.scoring.suggestion import suggestion_for
from tests.features.store.privacy.scene import erase_before_writing, opt_out_before_writing
from tests.profiles import examples
from tests.serving import world

START = microseconds(instant("2026-03-02T09:00:00Z"))
LADDER = read_ladder("b2b")
NAMES = LADDER.events
OFFERS = {offer.id: offer for offer in LADDER.offers}
LIMIT = 100.0


class Clock:
    """A present that goes on by ten microseconds whenever it is looked at."""

    def __init__(self, now: int = START) -> None:
        self.now = now

    def __call__(self) -> int:
        self.now += 10
        return self.now


@cache
def bundle(limited: bool = False) -> Bundle:
    ladder = world.limited_ladder(LIMIT) if limited else None
    with TemporaryDirectory() as folder:
        return world.rates_bundle(Path(folder) / "bundle", ladder=ladder)


LEADS: dict[str, list[Event]] = {
    f"at-{rungs}": world.climber(f"at-{rungs}", START, rungs) for rungs in range(6)
} | {
    "bought": world.customer("bought", START),
    world.HOSTILE: world.climber(world.HOSTILE, START, 1),
}


def filled(path: Path | str) -> EventStore:
    store = EventStore.open(path)
    store.append_events([event for events in LEADS.values() for event in events])
    return store


def recommender(
    store: EventStore, clock: Callable[[], int], policy: str = "rules", limited: bool = False
) -> Recommender:
    return Recommender(Scorer(store, bundle(limited), clock, policy=policy))


@pytest.fixture
def store() -> Iterator[EventStore]:
    with filled(":memory:") as opened:
        yield opened


@pytest.fixture
def made(store: EventStore) -> Recommender:
    return recommender(store, Clock())


def names(store: EventStore, lead_id: str) -> list[str]:
    """The names of what Rung itself stored of a lead, in order."""
    ours = (NAMES.decision, NAMES.exposure, NAMES.offer_extended, NAMES.outcome)
    return [row[0] for row in store.events_of(lead_id) if row[0] in ours]


def check(answer: Any) -> None:
    """What every answer must hold."""
    ranking, excluded = answer["ranking"], answer["excluded"]
    propensities = {one["offer_id"]: one["propensity"] for one in ranking}
    assert sum(propensities.values()) == pytest.approx(1.0, abs=1e-9)
    floor = 0.0 if answer["claimed_by"] else LADDER.policy.exploration / len(ranking)
    assert min(propensities.values()) >= floor - 1e-12
    assert {NO_ASK, NURTURE} <= set(propensities)
    told = [one["offer_id"] for one in [*ranking, *excluded]]
    assert sorted(told) == sorted([*OFFERS, NO_ASK, NURTURE])
    assert answer["probability_chosen"] == propensities[answer["offer"]["id"]]
    assert answer["as_of"] < answer["expires_at"]


def offered(store: EventStore, lead_id: str, offer_id: str) -> RecommendationAnswer:
    """A deferred decision for an offer: the first of some ids that draws it."""
    made = recommender(store, Clock(), f"only:{offer_id}")
    ids = (f"{lead_id}-{offer_id}-{at}" for at in range(100))
    answers = (made.recommend(lead_id, decision_id=one, defer_exposure=True) for one in ids)
    return next(answer for answer in answers if answer["offer"]["id"] == offer_id)


# ---------------------------------------------------------------------------------------- Decisions


@pytest.mark.parametrize("policy", ["rules", "learned", "thompson", "uniform", "greedy"])
@pytest.mark.parametrize("lead", LEADS)
def test_every_answer(store, lead, policy):
    """Propensities add up, nothing lies below the floor, and each offer is ranked or excluded."""
    answer = recommender(store, Clock(), policy).recommend(lead)
    check(answer)
    assert answer["lead_id"] == lead
    assert answer["policy"] == {"name": policy, "version": bundle().version}


def test_what_is_kept(made, store):
    """The record of a decision is what was answered: who, when, which options, which chances."""
    answer = made.recommend("at-1", decision_id="d")
    (held,) = decisions_of(store.log(LADDER), LADDER)
    decision = held.decision
    assert (decision.decision_id, decision.lead_id, decision.step) == ("d", "at-1", "value")
    ranked = {one["offer_id"]: one["propensity"] for one in answer["ranking"]}
    assert dict(zip(decision.options, decision.probabilities, strict=True)) == ranked
    assert decision.chosen == answer["offer"]["id"]
    assert dict(decision.excluded) == {one["offer_id"]: one["reason"] for one in answer["excluded"]}
    assert rfc3339(decision.as_of) == answer["as_of"]
    assert rfc3339(decision.expires_at) == answer["expires_at"]
    assert held.exposed_at == decision.as_of + 1
    step = LADDER.steps[1]
    assert decision.expires_at - decision.as_of == step.horizon_days * DAY_US


def test_an_offer(store):
    """An offer comes with all that a tool needs to extend it."""
    answer, offer = offered(store, "at-3", "strategy-session"), OFFERS["strategy-session"]
    told = answer["offer"]
    assert told["id"] == offer.id
    assert (told["step"], told["title"], told["kind"]) == ("human", offer.title, "session")
    assert told["duration_min"] == 15
    assert told["framing"] is not None
    assert told["framing"] in [{"id": one.id, "text": one.text} for one in offer.framings]
    assert told["personalisation"] is not None
    assert told["topic"] == told["personalisation"]["topic"] == "handovers"
    assert answer["step"] == {"id": "human", "title": "Human connection"}
    assert offer.title in answer["text"]


def test_what_is_told_of_a_decision_is_of_its_offer(store):
    """What it is believed to gain, and its minutes, are those of the offer that was drawn."""
    answer = offered(store, "at-3", "strategy-session")
    with store.database.reading() as connection:
        rows = connection.execute(sa.select(notifications.c.data)).scalars()
        told = {one["decision_id"]: one for one in map(json.loads, rows)}
    data = told[answer["decision_id"]]
    chosen = next(one for one in answer["ranking"] if one["offer_id"] == data["offer_id"])
    minutes = OFFERS["strategy-session"].rep_minutes
    assert minutes > 0.0
    assert (data["gain"], data["rep_minutes"]) == (chosen["gain"], minutes)


def test_one_framing_only(store):
    """An offer with one way to put it has no id of it; one without any has no framing."""
    for offer_id, rungs in (("video-audit", 3), ("bottleneck-template", 1)):
        answer = offered(store, f"at-{rungs}", offer_id)
        text = OFFERS[offer_id].framing
        assert answer["offer"]["framing"] == ({"id": None, "text": text} if text else None)


def test_gaps_become_the_agenda(store):
    """Two leads whose assessments revealed different gaps get two agendas for the same session."""
    agendas = {}
    for lead, gaps in (("ann", ["costs", "no owner"]), ("bob", ["handovers"])):
        store.append_events(world.climber(lead, START, 2))
        found: dict[str, object] = {"gaps": gaps}
        store.append_events([world.event(lead, "assessment_completed", START - 2 * DAY_US, found)])
        tailored = offered(store, lead, "strategy-session")["offer"]["personalisation"]
        assert tailored is not None
        assert tailored["gaps"] == gaps
        agendas[lead] = [one["topic"] for one in tailored["agenda"]]
    assert agendas == {"ann": ["costs", "no owner"], "bob": ["handovers"]}


@pytest.mark.parametrize(
    ("gaps", "offer"),
    [
        ("costs, no owner", "savings-calculator"),
        ([{"name": "Handovers"}, {"name": "no owner"}], "handover-checklist"),
        (["bottlenecks"], "bottleneck-template"),
    ],
)
def test_gaps_steer_the_choice(store, gaps, offer):
    """The likeliest offer is one about what the assessment revealed, whatever was read before."""
    store.append_events(world.climber("ann", START, 1))
    read: dict[str, object] = {"topic": "handovers" if offer != "handover-checklist" else "costs"}
    told: dict[str, object] = {"gaps": gaps}
    store.append_events(
        [
            world.event("ann", "email_clicked", START - 3 * DAY_US, read),
            world.event("ann", "audit_done", START - 2 * DAY_US, told),
        ]
    )
    answer = recommender(store, Clock()).recommend("ann", defer_exposure=True)
    assert answer["ranking"][0]["offer_id"] == offer


@pytest.mark.parametrize("option", [NURTURE, NO_ASK])
def test_no_offer(store, option):
    """To nurture and not to ask are options with an id and nothing else."""
    answer = recommender(store, Clock(), f"only:{option}").recommend("at-0", decision_id="x")
    assert answer["offer"]["id"] == option
    assert {value for key, value in answer["offer"].items() if key != "id"} == {None}
    assert names(store, "at-0") == [NAMES.decision, NAMES.exposure]


def test_something_else_useful_each_time(store):
    """What nurtures is named, and another piece the next time; what was only decided is not."""
    clock = Clock()
    made, asked = recommender(store, clock), Asked(only=frozenset((NURTURE,)))
    sent = []
    for number in range(3):
        answer = made.recommend("at-2", asked, f"d{number}")
        assert answer["useful"] is not None
        assert answer["useful"]["title"] in answer["text"]
        assert made.decision(f"d{number}")["useful"] == answer["useful"]
        sent.append(answer["useful"]["offer_id"])
        clock.now += DAY_US
    assert len(set(sent)) == 3
    waiting = [made.recommend("at-2", asked, defer_exposure=True)["useful"] for _ in range(2)]
    assert waiting[0] == waiting[1]
    assert asks_of(store, "at-2") == 0


@pytest.mark.parametrize("option", ["bottleneck-template", NO_ASK])
def test_useful_is_of_what_nurtures(store, option):
    """Nothing is named to be sent with another choice."""
    answer = recommender(store, Clock(), f"only:{option}").recommend("at-1", decision_id="x")
    assert (answer["offer"]["id"], answer["useful"]) == (option, None)


def test_a_customer(made):
    """Whoever has bought has no next step, so no chance of it is told; nothing is asked."""
    answer = made.recommend("bought")
    assert answer["step"] is None
    assert {(one["p_advance"], one["uplift"]) for one in answer["ranking"]} == {(None, None)}
    assert answer["text"].startswith("There is no next step")


def test_same_id_same_answer(made, store):
    """A known id gives the stored answer to the letter, whatever is asked or has happened."""
    first = made.recommend("at-1", decision_id="d", defer_exposure=True)
    store.append_events([world.event("at-1", "contract_signed", made.clock())])
    made.expose("d")
    count = store.count()
    again = made.recommend("at-1", Asked(candidates=frozenset()), "d")
    assert json.dumps(again) == json.dumps(first)
    assert store.count() == count


def test_a_stored_answer_is_given_whatever_is_asked(made):
    """Who asks again is told what was decided, also where they ask for what is not offered."""
    first = made.recommend("at-1", decision_id="d")
    assert made.recommend("at-1", Asked(candidates=frozenset({"gone"})), "d") == first


def test_id_of_another_lead(made, store):
    """An id belongs to one lead; asked for another one nothing is stored."""
    made.recommend("at-1", decision_id="d")
    with pytest.raises(DecisionConflict, match="'d' was made for another lead"):
        made.recommend("at-2", decision_id="d")
    assert names(store, "at-2") == []


def test_decision_from_elsewhere(made, store):
    """A decision of an imported log has no stored answer to give, and its id is taken."""
    decision = Decision(
        "old", "at-1", START, "value", (NO_ASK,), (1.0,), NO_ASK, "rules", "v", START + DAY_US
    )
    store.append_events([decision_event(decision, LADDER)])
    with pytest.raises(DecisionConflict, match="was made elsewhere"):
        made.recommend("at-1", decision_id="old")
    with pytest.raises(UnknownDecision, match="was made elsewhere"):
        made.decision("old")
    assert made.outcome("old", 0.5)["value"] == 0.5


def test_own_ids(made):
    """Without an id of the caller's each decision has one of its own."""
    answers = [made.recommend("at-1") for _ in range(3)]
    assert len({answer["decision_id"] for answer in answers}) == 3


def test_what_the_caller_restricts(made):
    """Candidates, exclusions and a channel are obeyed, and are the stated reasons."""
    asked = Asked("page", frozenset({"bottleneck-template", "handover-checklist"}))
    answer = made.recommend("at-1", asked, defer_exposure=True)
    options = {one["offer_id"] for one in answer["ranking"]} - {NO_ASK, NURTURE}
    assert options == {"bottleneck-template", "handover-checklist"}
    reasons = {one["offer_id"]: one["reason"] for one in answer["excluded"]}
    assert reasons["savings-calculator"] == "not_a_candidate"
    left_out = Asked(exclude=frozenset({"bottleneck-template"}))
    answer = made.recommend("at-1", left_out, defer_exposure=True)
    reasons = {one["offer_id"]: one["reason"] for one in answer["excluded"]}
    assert reasons["bottleneck-template"] == "excluded_by_caller"


def refused(channel: str | None, at: int = START - 1) -> Event:
    held = {"granted": False} | ({} if channel is None else {"channel": channel})
    return Event(f"no-{channel}", "at-1", NAMES.consent, at, at, json.dumps(held))


def test_nothing_is_sent_where_the_lead_wants_nothing(store):
    """Whoever refused every channel is left alone; nothing is named that cannot reach the lead."""
    made = recommender(store, Clock(START + 1_000_000), "uniform")
    store.append_events([refused("email")])
    for channel in ("email", "page", None):
        answers = [
            made.recommend("at-1", Asked(channel, exclude=frozenset(OFFERS)), defer_exposure=True)
            for _ in range(20)
        ]
        named = {one["offer"]["id"] for one in answers}
        assert named == ({NO_ASK} if channel == "email" else {NO_ASK, NURTURE})
        told = {one["text"] for one in answers if one["offer"]["id"] == NURTURE}
        assert all("something useful" in text for text in told)
    store.append_events([refused(None, START)])
    answer = made.recommend("at-1", defer_exposure=True)
    assert [one["offer_id"] for one in answer["ranking"]] == [NO_ASK]


def claim(store: EventStore, lead_id: str, until: int) -> None:
    held = json.dumps({"by": "Kim", "until": rfc3339(until)})
    store.append_events([Event("claim", lead_id, CLAIMED, START, START, held)])


def test_nothing_is_drawn_for_a_lead_that_a_person_works_with(store):
    """It is told what is suggested to them, whatever the id; after that it is drawn again."""
    clock = Clock(START + 1_000_000)
    made = recommender(store, clock, "uniform")
    drawn = [made.recommend("at-1", defer_exposure=True) for _ in range(20)]
    assert len({one["offer"]["id"] for one in drawn}) > 1
    assert {one["claimed_by"] for one in drawn} == {None}

    claim(store, "at-1", clock.now + DAY_US)
    model = made.scorer.model
    lead, rows = made.scorer.read("at-1", clock.now)
    advice = suggestion_for(model, lead, rows, clock.now)
    told = [made.recommend("at-1", defer_exposure=True) for _ in range(20)]
    for answer in told:
        check(answer)
        assert answer["claimed_by"] == "Kim"
        assert answer["offer"]["id"] == advice.best.option_id
        assert answer["probability_chosen"] == answer["ranking"][0]["propensity"] == 1.0
        assert {one["offer_id"] for one in answer["ranking"]} == {
            one["offer_id"] for one in drawn[0]["ranking"]
        }
        framing = answer["offer"]["framing"]
        assert framing is None or framing["text"] == advice.framing.text
    records = [
        Decision.of_record("at-1", held[RECORD])
        for name, _, _, held in store.read("at-1")[1]
        if name == NAMES.decision
    ][-20:]
    assert {(one.options, one.probabilities) for one in records} == {
        ((advice.best.option_id,), (1.0,))
    }
    assert {one.framing_probability for one in records} == {1.0}

    clock.now += 2 * DAY_US
    again = [made.recommend("at-1", defer_exposure=True) for _ in range(20)]
    assert len({one["offer"]["id"] for one in again}) > 1


def test_a_claim_that_is_not_written_yet_counts(store):
    """What was done can be taken back for a moment; until then it holds, as on the pages."""
    clock = Clock(START + 1_000_000)
    made = recommender(store, clock, "uniform")
    claimed = [(CLAIMED, {"by": "Kim", "until": rfc3339(clock.now + DAY_US)})]
    done = store.actions.do(
        "at-1", LADDER.name, "talked", "Talked", claimed, by="key", name="Kim", now=clock.now
    )
    assert made.recommend("at-1", decision_id="one", defer_exposure=True)["claimed_by"] == "Kim"
    store.actions.undo(done.id, name="Kim", now=clock.now)
    assert made.recommend("at-1", defer_exposure=True)["claimed_by"] is None
    assert made.recommend("at-1", decision_id="one")["claimed_by"] == "Kim"  # as it was told


def test_an_ask_is_followed_by_a_rest(store):
    """An exposed ask counts at once: the next recommendation makes none, within the cool-down."""
    made = recommender(store, Clock(START + 1_000_000))
    made.expose(offered(store, "at-1", "bottleneck-template")["decision_id"])
    reasons = {one["offer_id"]: one["reason"] for one in made.recommend("at-1")["excluded"]}
    assert reasons["bottleneck-template"] == "again_too_soon"
    assert reasons["handover-checklist"] == reasons["savings-calculator"] == "cool_down"


def test_refusals(made, store):
    """An unknown lead, an unknown offer, no model: nothing is stored, and the next call works."""
    count = store.count()
    for lead in ("nobody", "", "\0"):
        with pytest.raises(UnknownLead, match="no event of lead"):
            made.recommend(lead)
    with pytest.raises(UnknownOffer, match="did you mean 'live-qa'"):
        made.recommend("at-1", Asked(exclude=frozenset({"live-qu"})))
    with pytest.raises(NoModel, match="no model yet"):
        Recommender(Scorer(store, None, Clock())).recommend("at-1")
    assert store.count() == count
    check(made.recommend("at-1"))


def test_many(made, store):
    """Many leads get what each would get alone; an unknown one stops nobody."""
    results: Any = made.many(["at-1", "nobody", "at-1", "bought"])
    assert [one["status"] for one in results] == ["ok", "not_found", "ok", "ok"]
    for one in results:
        if one["status"] == "ok":
            check(one)
            told = made.decision(one["decision_id"])
            assert {key: value for key, value in one.items() if key != "status"}.items() <= (
                told.items()
            )
    assert names(store, "at-1").count(NAMES.decision) == 2


def test_at_the_same_time(tmp_path):
    """Two services asked at once under the same new id make one decision, and both tell it."""
    with filled(tmp_path / "store.db") as one, EventStore.open(tmp_path / "store.db") as other:
        clock = Clock()
        both = [recommender(store, clock, "uniform") for store in (one, other)]

        def ask(number: int) -> str:
            lead, named = f"at-{number // 4 % 6}", f"d{number // 4}"
            return json.dumps(both[number % 2].recommend(lead, decision_id=named))

        with ThreadPoolExecutor(8) as pool:
            told = list(pool.map(ask, range(160)))
        assert all(len(set(told[at : at + 4])) == 1 for at in range(0, 160, 4))
        held = decisions_of(one.log(LADDER), LADDER)
        assert sorted(each.decision.decision_id for each in held) == sorted(
            f"d{at}" for at in range(40)
        )
        recorded = [name for lead in LEADS for name in names(one, lead)]
        assert recorded.count(NAMES.decision) == recorded.count(NAMES.exposure) == 40


@pytest.mark.parametrize("deferred", [False, True])
def test_lost_race(made, store, monkeypatch, deferred):
    """Whoever loses the race for an id tells what the winner stored, and adds nothing."""
    true = store.append_new
    rival = recommender(store, Clock(START + DAY_US), "uniform")
    told = []

    def slow(*arguments, **named):
        monkeypatch.setattr(store, "append_new", true)
        told.append(rival.recommend("at-1", decision_id="d"))
        return true(*arguments, **named)

    monkeypatch.setattr(store, "append_new", slow)
    assert made.recommend("at-1", decision_id="d", defer_exposure=deferred) == told[0]
    assert told[0]["policy"]["name"] == "uniform"
    assert names(store, "at-1").count(NAMES.decision) == 1


# ----------------------------------------------------------------------------------------- Capacity


@pytest.mark.parametrize("deferred", [False, True])
def test_erased_for_good_meanwhile(made, store, monkeypatch, deferred):
    """A lead that goes for good while it is decided for is left alone, and nothing is kept."""
    write = store.append_new

    def after_an_erasure(*events, **more):
        made.scorer.privacy.erase("at-1", START, is_suppressed=True)
        return write(*events, **more)

    monkeypatch.setattr(store, "append_new", after_an_erasure)
    with pytest.raises(OptedOut, match="at-1"):
        made.recommend("at-1", defer_exposure=deferred)
    assert not store.events_of("at-1")


@pytest.mark.parametrize("deferred", [False, True])
def test_taken_for_one_with_somebody(made, store, deferred):
    """A decision stands under the id that was asked for, and goes with it once the two are parted.

    Until then it is a decision for the lead, whatever that is called.
    """
    link = Arrival("join", "a-crm", "page_viewed", START, START, previous_id="at-1")
    store.ingest([link])
    assert store.lead_of("at-1") == "a-crm"
    told = made.recommend("at-1", decision_id="d1", defer_exposure=deferred)
    assert made.recommend("a-crm", decision_id="d1") == told
    assert made.decision("d1")["lead_id"] == "at-1"
    made.expose("d1")
    store.undo_link("alias", "at-1", "a-crm", START + 1)
    with pytest.raises(DecisionConflict, match="another lead"):
        made.recommend("a-crm", decision_id="d1")
    assert names(store, "a-crm") == []
    made.scorer.privacy.erase("at-1", START + 2)
    with pytest.raises(UnknownDecision, match="d1"):
        made.decision("d1")
    with store.database.reading() as connection:
        assert connection.scalar(sa.select(notifications.c.id)) is None


@pytest.mark.parametrize("report", ["expose", "outcome"])
def test_reported_while_it_is_erased_for_good(made, store, monkeypatch, report):
    """What is reported of a decision that goes meanwhile is of none that is known."""
    made.recommend("at-1", decision_id="d1", defer_exposure=True)
    write = store.append_new

    def after_an_erasure(*events, **more):
        made.scorer.privacy.erase("at-1", START, is_suppressed=True)
        return write(*events, **more)

    monkeypatch.setattr(store, "append_new", after_an_erasure)
    with pytest.raises(UnknownDecision, match="d1"):
        made.expose("d1") if report == "expose" else made.outcome("d1", 1.0)


@pytest.mark.parametrize("lead", ["at-0", "at-1"])
@pytest.mark.parametrize("deferred", [False, True])
def test_erased_meanwhile(made, store, monkeypatch, deferred, lead):
    """A lead that goes while it is decided for does not come back with the decision."""
    erase_before_writing(monkeypatch, store.database, lead)
    with pytest.raises(UnknownLead, match=lead):
        made.recommend(lead, defer_exposure=deferred)
    assert not store.events_of(lead)


@pytest.mark.parametrize("deferred", [False, True])
def test_opted_out_meanwhile(made, store, monkeypatch, deferred):
    """Nothing is kept or answered of a lead that opts out while it is decided for."""
    opt_out_before_writing(monkeypatch, store.database, "at-1")
    with pytest.raises(OptedOut, match="at-1"):
        made.recommend("at-1", defer_exposure=deferred)
    assert names(store, "at-1") == []


def test_reported_while_it_opts_out(made, store, monkeypatch):
    """A decision does not reach a lead that opts out meanwhile; what came of it is still kept."""
    made.recommend("at-1", decision_id="d1", defer_exposure=True)
    opt_out_before_writing(monkeypatch, store.database, "at-1")
    with pytest.raises(OptedOut, match="at-1"):
        made.expose("d1")
    assert made.outcome("d1", 1.0)["value"] == 1.0
    assert names(store, "at-1") == [NAMES.decision, NAMES.outcome]


def test_decided_while_others_are_erased(made, store, monkeypatch):
    """It is decided anew, and as if nothing had been."""
    erase_before_writing(monkeypatch, store.database, "at-2")
    made.recommend("at-1", decision_id="d1")
    assert names(store, "at-1")[0] == NAMES.decision
    erase_before_writing(monkeypatch, store.database, "at-3")
    assert made.outcome("d1", 1.0)["lead_id"] == "at-1"


@pytest.mark.parametrize("report", ["expose", "outcome"])
def test_reported_while_it_is_erased(made, store, monkeypatch, report):
    """A lead that goes does not come back with what is reported of a decision for it."""
    made.recommend("at-1", decision_id="d1", defer_exposure=True)
    erase_before_writing(monkeypatch, store.database, "at-1")
    with pytest.raises(UnknownDecision, match="d1"):
        made.expose("d1") if report == "expose" else made.outcome("d1", 1.0)
    assert not store.events_of("at-1")


def minutes_of(store: EventStore, days: range) -> float:
    return sum(store.rep_minutes(day) for day in days)


def test_capacity(store):
    """What reps give in a day is never more than the ladder allows; a new day begins anew."""
    clock = Clock()
    made = recommender(store, clock, "only:video-audit", limited=True)
    today = START // DAY_US
    for day in range(2):
        clock.now = START + day * DAY_US
        store.append_events(
            [event for at in range(12) for event in world.climber(f"day-{day}-{at}", clock.now, 3)]
        )
        chosen = [made.recommend(f"day-{day}-{at}", decision_id=f"{day}-{at}") for at in range(12)]
        spent = store.rep_minutes(today + day)
        named = [answer["offer"]["id"] for answer in chosen if answer["offer"]["id"] in OFFERS]
        assert spent == sum(OFFERS[one].rep_minutes for one in named)
        assert 45 <= spent <= LIMIT
        reasons = {one["offer_id"]: one["reason"] for one in chosen[-1]["excluded"]}
        assert reasons["video-audit"] == "no_capacity"


def test_no_limit(store):
    """Without a limit minutes are counted all the same, and nothing is held back by them."""
    answer = offered(store, "at-4", "department-pilot")
    recommender(store, Clock()).expose(answer["decision_id"])
    assert store.rep_minutes(START // DAY_US) == 240
    assert "no_capacity" not in {one["reason"] for one in answer["excluded"]}


def test_last_microsecond_of_a_day(store):
    """Minutes count on the day of the exposure, be it a microsecond after the decision."""
    midnight = (START // DAY_US + 1) * DAY_US
    made = recommender(store, lambda: midnight - 1, "only:department-pilot")
    assert made.recommend("at-4", decision_id="a")["offer"]["id"] == "department-pilot"
    days = START // DAY_US
    assert (store.rep_minutes(days), store.rep_minutes(days + 1)) == (0.0, 240.0)


# ---------------------------------------------------------------------------------- What came of it


def test_deferred(store):
    """A deferred decision has not reached its lead, and costs nobody time, until it is exposed."""
    clock = Clock()
    made = recommender(store, clock, "only:strategy-session")
    answer = made.recommend("at-3", decision_id="a", defer_exposure=True)
    assert (answer["offer"]["id"], answer["exposed"]) == ("strategy-session", False)
    assert names(store, "at-3") == [NAMES.decision]
    assert made.decision("a")["exposed_at"] is None
    clock.now += 2 * DAY_US
    shown = made.expose("a")
    assert shown["exposed_at"] == rfc3339(clock.now)
    assert (shown["lead_id"], shown["offer_id"]) == ("at-3", "strategy-session")
    clock.now += DAY_US
    assert made.expose("a") == shown
    assert names(store, "at-3") == [NAMES.decision, NAMES.exposure, NAMES.offer_extended]
    assert store.rep_minutes(START // DAY_US + 2) == 30
    assert store.rep_minutes(START // DAY_US) == 0
    told = made.decision("a")
    assert (told["exposed"], told["exposed_at"]) == (True, shown["exposed_at"])


def test_exposed_at_once(made, store):
    """A decision that was not deferred is exposed; to say so again changes nothing."""
    answer = made.recommend("at-1", decision_id="a")
    assert answer["exposed"]
    count = store.count()
    made.expose("a")
    assert store.count() == count
    assert made.decision("a") == {
        **answer,
        "exposed_at": rfc3339(microseconds(instant(answer["as_of"])) + 1),
        "outcome": None,
    }


def test_outcome(made, store):
    """The first outcome stays: the same value again gives the same, another one is a conflict."""
    made.recommend("at-1", decision_id="a")
    first = made.outcome("a", 0.75, "reply", made.clock())
    assert (first["value"], first["kind"], first["late"]) == (0.75, "reply", False)
    count = store.count()
    assert made.outcome("a", 0.75, "other") == first
    with pytest.raises(DecisionConflict, match=r"'a' has the outcome 0.75 already"):
        made.outcome("a", 0.5)
    assert store.count() == count
    assert made.decision("a")["outcome"] == {
        key: first[key] for key in ("value", "kind", "occurred_at", "late")
    }
    (held,) = decisions_of(store.log(LADDER), LADDER)
    assert held.outcome == 0.75


def test_late_outcome(made, store):
    """An outcome at the end of its window counts; later it is kept, flagged, and not counted."""
    ends = {}
    for named in ("a", "b"):
        answer = made.recommend("at-1", decision_id=named)
        ends[named] = microseconds(instant(answer["expires_at"]))
    made.clock.now += 40 * DAY_US
    assert made.outcome("a", 1.0, occurred_at=ends["a"])["late"] is False
    assert made.outcome("b", 1.0, occurred_at=ends["b"] + 1)["late"] is True
    held = {one.decision.decision_id: one for one in decisions_of(store.log(LADDER), LADDER)}
    assert held["a"].outcome == 1.0
    assert held["b"].outcome is None


def test_outcome_out_of_time(made, store):
    """An outcome before its decision or in the future is none; clocks may differ by minutes."""
    answer = made.recommend("at-1", decision_id="a")
    as_of = microseconds(instant(answer["as_of"]))
    count = store.count()
    with pytest.raises(TimeError, match="is before the decision"):
        made.outcome("a", 1.0, occurred_at=as_of - 300_000_001)
    with pytest.raises(TimeError, match="is in the future"):
        made.outcome("a", 1.0, occurred_at=as_of + DAY_US)
    assert store.count() == count
    ahead = made.outcome("a", 1.0, occurred_at=as_of + 60_000_000)
    assert ahead["occurred_at"] == rfc3339(as_of + 60_000_000)


@pytest.mark.parametrize("behind_us", [1, 1_000_000, 300_000_000])
def test_outcome_told_by_a_clock_that_is_behind(made, behind_us):
    """What a lead does at once happened at the decision, whatever a caller's clock says of it."""
    as_of = made.recommend("at-1", decision_id="a")["as_of"]
    told = made.outcome("a", 1.0, occurred_at=microseconds(instant(as_of)) - behind_us)
    assert (told["occurred_at"], told["late"]) == (as_of, False)


@pytest.mark.parametrize("ahead_us", [60_000_000, 3_600_000_000, DAY_US])
def test_outcome_of_a_decision_of_a_clock_that_was_ahead(store, ahead_us):
    """What comes of a decision that is dated into the future can be told now, right at it."""
    ahead = recommender(store, Clock(START + ahead_us)).recommend("at-1", decision_id="a")
    told = recommender(store, Clock()).outcome("a", 1.0)
    assert told["occurred_at"] == ahead["as_of"]
    assert told["late"] is False


def test_outcomes_at_the_same_time(tmp_path):
    """Of two outcomes reported at once one stays, and only its reporter is told that it does."""
    with filled(tmp_path / "store.db") as store:
        made = recommender(store, Clock())
        for at in range(10):
            made.recommend("at-1", decision_id=str(at), defer_exposure=True)

        def report(number: int) -> bool:
            try:
                made.outcome(str(number // 4), number % 4 / 4)
            except DecisionConflict:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            stayed = list(pool.map(report, range(40)))
        assert [sum(stayed[at : at + 4]) for at in range(0, 40, 4)] == [1] * 10


# --------------------------------------------------------------------------- Limits at the exposure


def deferred(
    store: EventStore, lead_id: str, *offer_ids: str, channel: str | None = None
) -> list[str]:
    """The ids of decisions that were made while nothing held the offers back, and not exposed."""
    found: list[str] = []
    for offer_id in offer_ids:
        made = recommender(store, Clock(), f"only:{offer_id}")
        ids = (f"{lead_id}-{offer_id}-{len(found)}-{at}" for at in range(100))
        answers = (
            made.recommend(lead_id, Asked(channel=channel), one, defer_exposure=True) for one in ids
        )
        found.append(next(one["decision_id"] for one in answers if one["offer"]["id"] == offer_id))
    return found


def test_a_decision_is_not_exposed_when_it_is_over(store):
    """A mail that goes out late would invite to what has been; that nothing is asked holds on."""
    (named,) = deferred(store, "at-1", "bottleneck-template")
    nothing = recommender(store, Clock(), "only:no_ask")
    nothing.recommend("at-1", decision_id="nothing", defer_exposure=True)
    ends = microseconds(instant(nothing.decision(named)["expires_at"]))
    with pytest.raises(LimitReached, match="was decided for until") as refused:
        recommender(store, lambda: ends + 1).expose(named)
    assert refused.value.reason == "expired"
    assert recommender(store, lambda: ends).expose(named)["offer_id"] == "bottleneck-template"
    assert recommender(store, lambda: 2 * ends).expose("nothing")["offer_id"] == NO_ASK


def test_what_is_for_meanwhile_is_over_with_it(store):
    """The reminder of a webinar expires with it, and not weeks later."""
    ends = START + 3 * 3_600_000_000
    held = json.dumps({"ends_at": rfc3339(ends)})
    store.append_events([Event("w", "at-2", "webinar_registered", START - 1, START - 1, held)])
    made = recommender(store, Clock(), "only:webinar-reminder")
    answers = [made.recommend("at-2", defer_exposure=True) for _ in range(60)]
    reminder = next(one for one in answers if one["offer"]["id"] == "webinar-reminder")
    assert microseconds(instant(reminder["expires_at"])) == ends
    with pytest.raises(LimitReached):
        recommender(store, lambda: ends + 2).expose(reminder["decision_id"])


def test_exposures_of_one_second(store):
    """Of many deferred decisions of a lead only one reaches it; the others meet the cool-down."""
    template, checklist, calculator = (
        "bottleneck-template",
        "handover-checklist",
        "savings-calculator",
    )
    ids = deferred(store, "at-1", template, checklist, calculator, template, checklist)
    clock = Clock(START + 1_000_000)
    made = recommender(store, clock)
    shown = made.expose(ids[0])
    for named, reason in zip(
        ids[1:], ["cool_down", "cool_down", "again_too_soon", "cool_down"], strict=True
    ):
        with pytest.raises(LimitReached, match=r"cannot be extended now: (?!it )") as refused:
            made.expose(named)
        assert refused.value.reason == reason
    assert made.expose(ids[0]) == shown
    assert names(store, "at-1").count(NAMES.offer_extended) == 1
    clock.now += DAY_US
    with pytest.raises(LimitReached) as refused:
        made.expose(ids[1])
    assert refused.value.reason == "offer_open"
    clock.now += 2 * DAY_US
    made.expose(ids[1])
    clock.now += 3 * DAY_US
    made.expose(ids[2])
    reasons = {one["offer_id"]: one for one in made.recommend("at-1")["excluded"]}
    with pytest.raises(LimitReached) as refused:
        made.expose(ids[4])
    told = reasons["handover-checklist"]
    assert (refused.value.reason, refused.value.text) == (told["reason"], told["text"])


def told(name: str, hours: float, **properties: object) -> Event:
    at = START + round(hours * 3_600_000_000)
    return world.event("at-1", name, at, properties)


def ignored(count: int, every_days: float) -> list[Event]:
    """Asks of others that nobody answered."""
    return [
        told(NAMES.offer_extended, 24 * every_days * at, offer=f"gone-{at}") for at in range(count)
    ]


@pytest.mark.parametrize(
    ("since", "hours", "reason"),
    [
        ([told(NAMES.offer_declined, 1, offer="bottleneck-template")], 2, "declined"),
        ([told(NAMES.offer_extended, 1, offer="bottleneck-template")], 48, "again_too_soon"),
        ([told(NAMES.offer_extended, 1, offer="gone")], 2, "cool_down"),
        (ignored(3, 2.0), 24 * 6, "fatigue"),
        (ignored(4, 6.0), 24 * 20, "unanswered"),
        ([told(NAMES.consent, 1, channel="E-Mail", granted=False)], 2, "no_consent"),
        ([told(NAMES.consent, 1, granted=False)], 2, "no_consent"),
        ([told("email_bounced", 1)], 2, "bounced"),
        ([told("lead_disqualified", 1)], 2, "lost"),
        ([told(NAMES.consultation, 1, fit="no")], 2, "fit_no"),
        ([told(NAMES.consultation, 1, fit="not a fit")], 2, "fit_no"),
    ],
)
def test_a_limit_since_the_decision(store, since, hours, reason):
    """What has happened since the decision keeps its offer from the lead, by a limit's reason."""
    (named,) = deferred(store, "at-1", "bottleneck-template", channel="email")
    store.append_events(since)
    made = recommender(store, Clock(START + hours * 3_600_000_000))
    count = store.count()
    with pytest.raises(LimitReached) as refused:
        made.expose(named)
    assert refused.value.reason == reason
    assert made.decision(named)["exposed"] is False
    assert store.count() == count


@pytest.mark.parametrize(
    "since",
    [
        [told("asset_used", 1, minutes=20)],
        [told(NAMES.consent, 1, channel="rep", granted=False)],
        [told("email_bounced", 1, type="soft")],
        [
            told("identify", 0.5, email="ann@x.example"),
            told("email_bounced", 1),
            told("identify", 1.5, email="ann@y.example"),
        ],
        [told("email_bounced", 0.5), told("email_delivered", 1)],
        [told("page_viewed", 1), told("contract_signed", 1.5)],
        [told("lead_disqualified", 1), told("lead_reopened", 1.5)],
        [
            told(NAMES.consultation, 1, fit="no"),
            told(NAMES.consultation, 1.5, fit="yes"),
        ],
    ],
)
def test_what_is_no_limit(store, since):
    """A step that was completed meanwhile may be why: that the lead saw the offer is kept."""
    (named,) = deferred(store, "at-1", "bottleneck-template", channel="email")
    store.append_events(since)
    made = recommender(store, Clock(START + 2 * 3_600_000_000))
    assert made.expose(named)["offer_id"] == "bottleneck-template"


@cache
def quiet_bundle() -> Bundle:
    more = {
        "time_zone": '"Europe/Berlin"',
        "time_zone_trait": '"time_zone"',
        "inbound_channels": '["page"]',
    }
    ladder = world.quiet_ladder("20:00-08:00", **more)
    with TemporaryDirectory() as folder:
        return world.rates_bundle(Path(folder) / "bundle", ladder=ladder)


EVENING = microseconds(instant("2026-03-02T19:00:00Z"))
MORNING = microseconds(instant("2026-03-03T07:00:00Z"))
BY_NIGHT = "nobody is contacted before Tuesday, 08:00 (Europe/Berlin)"


def by_night(store: EventStore, now: int, policy: str = "uniform") -> Recommender:
    return Recommender(Scorer(store, quiet_bundle(), Clock(now), policy=policy))


@pytest.mark.parametrize("channel", [None, "email"])
def test_nothing_is_drawn_in_quiet_hours(store, channel):
    """No offer is drawn by night, for an exposure now or later; to nurture has to wait as well."""
    made, offered = by_night(store, EVENING), set()
    for at in range(30):
        answer = made.recommend("at-1", Asked(channel=channel), f"night-{at}", defer_exposure=True)
        offered.add(answer["offer"]["id"])
        assert answer["text"].endswith(f" Quiet hours: {BY_NIGHT}.") == (
            answer["offer"]["id"] == NURTURE
        )
    assert offered == {NO_ASK, NURTURE}
    told = {one["offer_id"]: one for one in answer["excluded"]}["bottleneck-template"]
    assert (told["reason"], told["text"]) == ("quiet_hours", f"quiet hours: {BY_NIGHT}")


@pytest.mark.parametrize(
    ("now", "channel"), [(EVENING - 60_000_000, "email"), (EVENING, "Page"), (MORNING, None)]
)
def test_what_is_drawn_beside_quiet_hours(store, now, channel):
    """By day, and by night where the lead came by itself, offers are drawn as ever."""
    made = by_night(store, now, "only:bottleneck-template")
    answers = [made.recommend("at-1", Asked(channel=channel), f"day-{at}") for at in range(5)]
    offered = {one["offer"]["id"] for one in answers}
    assert "bottleneck-template" in offered
    assert not any("Quiet hours" in one["text"] for one in answers)


@pytest.mark.parametrize(("channel", "is_held"), [("email", True), ("page", False), (None, True)])
def test_an_exposure_in_quiet_hours(store, channel, is_held):
    """What was decided by day cannot reach a lead by night, unless it came by itself."""
    (named,) = deferred(store, "at-1", "bottleneck-template", channel=channel)
    made = by_night(store, EVENING)
    if is_held:
        with pytest.raises(LimitReached, match="before Tuesday, 08:00") as refused:
            made.expose(named)
        assert refused.value.reason == "quiet_hours"
        assert made.decision(named)["exposed"] is False
        made = by_night(store, MORNING)
    assert made.expose(named)["offer_id"] == "bottleneck-template"


def test_the_night_of_a_lead(store):
    """A lead goes by the zone of its own profile."""
    (named,) = deferred(store, "at-1", "bottleneck-template", channel="email")
    store.append_events([told(NAMES.traits, 1, time_zone="America/New_York")])
    with pytest.raises(LimitReached, match=r"before 08:00 \(America/New_York\)"):
        by_night(store, MORNING + 60_000_000).expose(named)
    assert by_night(store, EVENING).expose(named)["offer_id"] == "bottleneck-template"


def test_minutes_of_reps_at_the_exposure(store):
    """Deferred decisions of several leads share what reps can give on the day of the exposure."""
    leads = [f"lead-{at}" for at in range(4)]
    store.append_events([event for lead in leads for event in world.climber(lead, START, 3)])
    ids = [named for lead in leads for named in deferred(store, lead, "video-audit")]
    clock = Clock(START + 1_000_000)
    made = recommender(store, clock, limited=True)
    for named in ids[:2]:
        made.expose(named)
    with pytest.raises(LimitReached, match="45 minutes of a rep, who has 10 left today"):
        made.expose(ids[2])
    clock.now += DAY_US
    assert made.expose(ids[2])["lead_id"] == "lead-2"


def test_no_offer_meets_no_limit(store):
    """To nurture, or not to ask, is exposed whatever was asked before."""
    made = recommender(store, Clock(), f"only:{NURTURE}")
    answers = [made.recommend("at-1", defer_exposure=True) for _ in range(20)]
    quiet = [one["decision_id"] for one in answers if one["offer"]["id"] == NURTURE]
    store.append_events([told(NAMES.offer_extended, 0.1, offer="gone")])
    for named in quiet:
        assert made.expose(named)["offer_id"] == NURTURE


@pytest.mark.parametrize(
    ("name", "properties", "is_kept"),
    [("lead_disqualified", {}, True), (NAMES.consultation, {"fit": "no"}, False)],
)
def test_what_asks_nothing_of_a_lead_that_is_over(store, name, properties, is_kept):
    """A lost lead is spared help and what nurtures; who does not fit is spared asks alone."""
    useful, nothing, help_ = deferred(store, "at-2", NURTURE, NO_ASK, "savings-case-study")
    store.append_events([world.event("at-2", name, START + 3_600_000_000, properties)])
    later = recommender(store, Clock(START + 2 * 3_600_000_000))
    for named in (useful, help_):
        if is_kept:
            with pytest.raises(LimitReached, match="the lead is lost") as refused:
                later.expose(named)
            assert refused.value.reason == "lost"
        else:
            later.expose(named)
    assert later.expose(nothing)["offer_id"] == NO_ASK
    assert asks_of(store, "at-2") == (not is_kept)


def test_exposure_after_an_opt_out(store):
    """Nothing is extended to whoever opted out since; what was exposed before stays as it is."""
    first, second = deferred(store, "at-1", "bottleneck-template", "handover-checklist")
    made = recommender(store, Clock(START + 1_000_000))
    shown = made.expose(first)
    made.scorer.privacy.opt_out(["at-1"], START + 2_000_000)
    with pytest.raises(OptedOut, match="has opted out"):
        made.expose(second)
    assert made.expose(first) == shown


def asks_of(store: EventStore, lead_id: str) -> int:
    return names(store, lead_id).count(NAMES.offer_extended)


@pytest.mark.usefixtures("database")
def test_exposures_of_two_processes(database_url):
    """At once on one store, of SQLite and of PostgreSQL: one ask a lead, and no minute too many."""
    leads = [f"lead-{at}" for at in range(6)]
    with EventStore.open(database_url) as one, EventStore.open(database_url) as other:
        one.append_events([event for lead in leads for event in world.climber(lead, START, 3)])
        ids = [
            named
            for lead in leads
            for named in deferred(one, lead, "video-audit", "live-qa", "strategy-session")
        ]
        both = [
            recommender(store, Clock(START + 1_000_000), limited=True) for store in (one, other)
        ]

        def show(at: int) -> str:
            try:
                both[at % 2].expose(ids[at])
            except LimitReached as refused:
                return refused.reason
            return "shown"

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(show, range(len(ids))))
        assert set(found) <= {"shown", "cool_down", "no_capacity"}
        assert all(asks_of(one, lead) <= 1 for lead in leads)
        assert found.count("shown") == sum(asks_of(one, lead) for lead in leads) > 1
        assert 0 < one.rep_minutes(START // DAY_US) <= LIMIT


@pytest.mark.parametrize("lead", ["at-1", "at-3"])
def test_decisions_of_two_processes(tmp_path, monkeypatch, lead):
    """Who looked at a lead before another process asked it decides anew, and does not ask too."""
    with filled(tmp_path / "store.db") as one, EventStore.open(tmp_path / "store.db") as other:
        offer = {"at-1": "bottleneck-template", "at-3": "video-audit"}[lead]
        second = {"at-1": "handover-checklist", "at-3": "live-qa"}[lead]
        rival = recommender(other, Clock(START + 20_000_000), f"only:{offer}")  # a clock ahead
        true, asked, numbers = one.append_new, [], count()  # a decision's id says what is drawn

        def overtaken(*arguments, **named):
            if not asks_of(one, lead):
                while not asks_of(one, lead):
                    rival.recommend(lead, decision_id=f"rival-{next(numbers)}")
                asked.append(arguments[0][0].message_id)
            return true(*arguments, **named)

        monkeypatch.setattr(one, "append_new", overtaken)
        answer = recommender(one, Clock(), f"only:{second}").recommend(lead, decision_id="d")
        assert len(asked) == 1
        assert asks_of(one, lead) == 1
        assert {each["offer_id"]: each["reason"] for each in answer["excluded"]}[
            second
        ] == "cool_down"
        assert answer["offer"]["id"] in (NURTURE, NO_ASK, "worksheet-tips", "savings-case-study")


@pytest.mark.usefixtures("database")
def test_decisions_at_once(database_url):
    """Many processes that recommend one lead at once make one ask of it, on either database."""
    with EventStore.open(database_url) as one, EventStore.open(database_url) as other:
        leads = [f"lead-{at}" for at in range(3)]
        one.append_events([event for lead in leads for event in world.climber(lead, START, 1)])
        both = [recommender(store, Clock(), "only:bottleneck-template") for store in (one, other)]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda at: both[at % 2].recommend(leads[at // 8]), range(24)))
        for lead in leads:
            assert names(one, lead).count(NAMES.decision) == 8
            asks = [
                row
                for row in one.events_of(lead)
                if row[0] == NAMES.offer_extended and OFFERS[str(row[3]["offer"])].role == "ask"
            ]
            assert len(asks) == 1


@pytest.mark.parametrize("decision_id", ["nothing", "", "\0", "x" * 5000, "a/b"])
def test_unknown_decision(made, decision_id):
    """What was never decided can be neither exposed, nor have an outcome, nor be shown."""
    for ask in (made.expose, lambda one: made.outcome(one, 1.0), made.decision):
        with pytest.raises(UnknownDecision, match="no decision"):
            ask(decision_id)


# ------------------------------------------------------------------------------- Any order of calls

IDS = st.sampled_from([f"d{at}" for at in range(8)])
WHO = st.sampled_from(list(LEADS))
ASKED = st.builds(
    Asked,
    channel=st.sampled_from([None, "email", "page", "rep"]),
    exclude=st.sets(st.sampled_from(list(OFFERS)), max_size=3).map(frozenset),
)


class Calls(RuleBasedStateMachine):
    """Calls in any order, on a service that is started anew now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.clock = Clock()
        self.store = filled(Path(self.folder.name) / "store.db")
        self.open()
        self.told: dict[str, str] = {}
        self.exposed: dict[str, str] = {}
        self.outcomes: dict[str, float] = {}
        self.calls: list[tuple[Callable[..., Any], int, tuple[Any, ...], Any]] = []

    def open(self) -> None:
        self.made = recommender(self.store, self.clock, "uniform", limited=True)

    def call(self, what: Callable[..., Any], *arguments: Any) -> Any:
        """Make a call and remember what it came to."""
        now = self.clock.now
        answer = outcome_of(what, self.made, arguments)
        self.calls.append((what, now, arguments, json.dumps(answer)))
        return answer

    @rule(named=IDS, lead=WHO, asked=ASKED, deferred=st.booleans())
    def recommend(self, named, lead, asked, deferred):
        left = LIMIT - self.store.rep_minutes(self.clock.now // DAY_US)
        answer = self.call(recommend, lead, asked, named, deferred)
        if answer == "DecidedForAnother":
            assert json.loads(self.told[named])["lead_id"] != lead
            return
        is_new = named not in self.told
        assert self.told.setdefault(named, json.dumps(answer)) == json.dumps(answer)
        check(answer)
        if is_new:
            assert answer["as_of"] == rfc3339(self.clock.now)
            offer = OFFERS.get(answer["offer"]["id"])
            assert offer is None or offer.rep_minutes <= max(0.0, left)
            if not deferred:
                at = microseconds(instant(answer["as_of"])) + 1
                self.exposed[named] = rfc3339(at)

    @rule(named=IDS)
    def expose(self, named):
        answer = self.call(expose, named)
        assert (answer == "UnknownDecision") == (named not in self.told)
        if answer == "LimitReached":
            assert named not in self.exposed
        elif named in self.told:
            expected = self.exposed.setdefault(named, answer["exposed_at"])
            assert answer["exposed_at"] == expected

    @rule(named=IDS, value=st.sampled_from([0.0, 0.5, 1.0]))
    def outcome(self, named, value):
        answer = self.call(outcome, named, value)
        if named not in self.told:
            assert answer == "UnknownDecision"
        elif self.outcomes.setdefault(named, value) != value:
            assert answer == "DecisionConflict"
        else:
            assert answer["value"] == value

    @rule(hours=st.sampled_from([1, 20, 24 * 8]))
    def wait(self, hours):
        self.clock.now += hours * 3_600_000_000

    @precondition(lambda self: self.told)
    @rule()
    def restart(self):
        self.store.close()
        self.store = EventStore.existing(Path(self.folder.name) / "store.db")
        self.open()

    @invariant()
    def what_is_kept(self):
        decisions = {}
        for held in decisions_of(self.store.log(LADDER), LADDER):
            decisions[held.decision.decision_id] = held
        assert set(decisions) == set(self.told)
        shown = {named for named, held in decisions.items() if held.exposed_at is not None}
        assert shown == set(self.exposed)
        assert {
            named for named in decisions if self.store.event(message_id(named, "extended"))
        } == {named for named in shown if decisions[named].decision.chosen in OFFERS}
        spent = sum(
            OFFERS[decisions[named].decision.chosen].rep_minutes
            for named in shown
            if decisions[named].decision.chosen in OFFERS
        )
        days = range(START // DAY_US, self.clock.now // DAY_US + 2)
        assert minutes_of(self.store, days) == spent

    @invariant()
    def limits_hold(self):
        """No two asks of a lead in a day, no offer twice in its time, no four in a fortnight."""
        limits = LADDER.limits
        for lead in LEADS:
            asks = [
                (json.dumps(said.get("offer")).strip('"'), at)
                for name, at, _, said in self.store.events_of(lead)
                if name == NAMES.offer_extended and "decision_id" in said
            ]
            asks = [(offer, at) for offer, at in asks if OFFERS[offer].role == "ask"]
            times = sorted(at for _, at in asks)
            for before, after in pairwise(times):
                assert after - before >= limits.days_between_asks * DAY_US
            for before, after in zip(times, times[limits.asks :], strict=False):
                assert after - before >= limits.asks_days * DAY_US
            for offer in {offer for offer, _ in asks}:
                own = sorted(at for one, at in asks if one == offer)
                days = OFFERS[offer].again_after_days or limits.again_after_days
                assert all(after - before >= days * DAY_US for before, after in pairwise(own))

    def teardown(self):
        """The same calls on a new store come to the same, each of them."""
        with filled(":memory:") as store:
            clock = Clock()
            made = recommender(store, clock, "uniform", limited=True)
            for what, now, arguments, answer in self.calls:
                clock.now = now
                assert json.dumps(outcome_of(what, made, arguments)) == answer
        self.store.close()
        self.folder.cleanup()


def recommend(made, lead, asked, named, deferred):
    return made.recommend(lead, asked, named, defer_exposure=deferred)


def expose(made, named):
    return made.expose(named)


def outcome(made, named, value):
    return made.outcome(named, value)


def outcome_of(what: Callable[..., Any], made: Recommender, arguments: tuple[Any, ...]) -> Any:
    """The answer of a call, or the name of its error."""
    try:
        return what(made, *arguments)
    except (DecisionConflict, LimitReached, UnknownDecision) as error:
        return type(error).__name__


TestCalls = Calls.TestCase
TestCalls.settings = settings(
    max_examples=examples(25),
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestCalls.__doc__ = "Calls in any order: one answer an id, exact books, nothing lost, replayable."
