"""The recommender: each decision once, whole, and durable."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from features.clock import rfc3339
from features.errors import DecisionConflict, NoModel, UnknownDecision, UnknownLead, UnknownOffer
from features.events.log import DAY_US
from features.ladder.action import CLAIMED
from features.ladder.words import RECORD
from features.offers.decisions import Decision, decision_event, decisions_of
from features.store.events import Event, EventStore
from features.store.schema import notifications
from models.offers.eligibility import Asked
from models.offers.options import NO_ASK, NURTURE
from serving.recommending.recommender import Recommender
from serving.scoring.scorer import Scorer
from serving.scoring.suggestion import suggestion_for
from tests.serving import world
from tests.serving.recommending.deciding import (
    LADDER,
    LEADS,
    LIMIT,
    NAMES,
    OFFERS,
    START,
    Clock,
    asks_of,
    bundle,
    check,
    filled,
    names,
    offered,
    recommender,
)


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
