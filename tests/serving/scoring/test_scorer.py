"""What the scorer says beside the numbers of a score, and in place of them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from features.ladder.file import parse_ladder, read_ladder
from features.store.arrivals import Arrival
from features.store.events import EventStore
from serving.scoring.batch.rescoring import rescore
from serving.scoring.scorer import Scorer
from tests.serving import world

SHIPPED = 'restart_on = [{event = "contract_ended"}]'


@pytest.mark.parametrize(
    ("restart_on", "words"),
    [
        (SHIPPED, "it begins the ladder anew with contract_ended (restart_on)"),
        (
            'restart_on = [{event = "contract_ended"}, {event = "order_placed"}]',
            "it begins the ladder anew with contract_ended or order_placed (restart_on)",
        ),
        ("", "restart_on of the ladder would say what begins it anew, and names nothing"),
    ],
)
def test_why_a_customer_has_no_score(tmp_path, restart_on, words):
    """The reason names the event that gives it one again, or what to write into the ladder."""
    source = read_ladder("b2b").source
    assert SHIPPED in source
    ladder = parse_ladder(source.replace(SHIPPED, restart_on), "changed")
    now = world.now()
    with EventStore.open(":memory:") as store:
        store.append_events(world.customer("bought", now))
        scorer = Scorer(store, world.rates_bundle(tmp_path / "b", ladder=ladder), lambda: now)
        answer = scorer.score("bought")
        assert answer["status"] == "no_score"
        assert answer["no_score_reason"] == f"has bought: there is no next step to score; {words}"


def test_a_buyer_who_buys_again(tmp_path):
    """With the purchase itself in `restart_on` a customer stands before the first step again."""
    source = read_ladder("b2b").source
    again = source.replace(SHIPPED, 'restart_on = [{event = "contract_signed"}]')
    ladder = parse_ladder(again, "changed")
    now = world.now()
    with EventStore.open(":memory:") as store:
        store.append_events(world.customer("bought", now))
        scorer = Scorer(store, world.rates_bundle(tmp_path / "b", ladder=ladder), lambda: now)
        answer = scorer.score("bought")
        assert (answer["status"], answer["step"]) == ("ok", {"id": "content", "title": "Content"})


def test_when_the_next_event_is_due(tmp_path):
    """A score that is kept says until when: an event is dated ahead, or known only then."""
    now = world.now()
    later = [
        world.event("ann", "page_viewed", now + 7),
        world.event("ann", "email_opened", now - 2, known_at=now + 5),
    ]
    with EventStore.open(":memory:") as store:
        store.append_events([world.event("ann", "email_opened", now - 1), *later])
        store.append_events([world.event("ben", "email_opened", now)])
        scorer = Scorer(store, world.rates_bundle(tmp_path / "b"), lambda: now)
        dues = [scorer.score_stamped(lead) for lead in ("ann", "ben", "nobody")]
        assert [one and one[1] for one in dues] == [now + 5, None, None]


@pytest.fixture
def scored(tmp_path):
    """A store whose leads were scored, and what scores them; the clock of both."""
    clock = SimpleNamespace(at=world.now())
    events = [
        *world.climber("ann", clock.at, 2),
        *world.climber("ben", clock.at, 1),
        *world.customer("cy", clock.at),
    ]
    with EventStore.open(":memory:") as store:
        store.append_events(events)
        scorer = Scorer(store, world.rates_bundle(tmp_path / "b"), lambda: clock.at)
        rescore(scorer)
        yield scorer, clock


def causes(scorer, *leads):
    """Of each lead by itself, as a kept score and as one that is asked for, and of all at once."""
    told = []
    for lead in leads:
        stamped = scorer.score_stamped(lead)
        assert stamped is not None
        told.append(stamped[2]["cause"])
    assert [scorer.score(lead)["cause"] for lead in leads] == told
    assert [one["cause"] for one in scorer.many(leads)] == told
    return told


def test_why_a_score_is_another(scored):
    """As it was stored; news that is not scored yet is a cause of its own, as the first score."""
    scorer, clock = scored
    leads = ("ann", "ben", "cy")
    assert causes(scorer, *leads) == ["events"] * 3
    stored = {"ann": "time", "ben": "recalibration", "cy": "model"}
    rows = [replace(one, cause=stored[one.lead_id]) for one in scorer.store.scores.of_leads(leads)]
    clock.at += 1_000_000
    scorer.store.scores.save([replace(one, as_of=clock.at) for one in rows])
    assert causes(scorer, *leads) == ["time", "recalibration", "model"]
    later = clock.at + 2_000_000
    news = [world.event("ben", "page_viewed", later), world.event("dan", "page_viewed", later)]
    scorer.store.append_events(news)
    clock.at = later - 1  # it is not known yet
    assert causes(scorer, *leads) == ["time", "recalibration", "model"]
    clock.at = later
    assert causes(scorer, *leads, "dan") == ["time", "events", "model", "events"]


def test_of_the_past_and_of_events_that_are_sent_nothing_is_said(scored):
    """No score was stored that could be another."""
    scorer, clock = scored
    assert scorer.score("ann", clock.at)["cause"] is None
    assert [one["cause"] for one in scorer.many(["ann", "cy"], clock.at)] == [None, None]
    rows = scorer.rows_of("ann", clock.at)
    assert [one["cause"] for one in scorer.stateless([("ann", rows)])] == [None]


def test_by_any_id_of_a_lead(scored):
    """The score that is stored is that of the lead, whichever id is asked about."""
    scorer, clock = scored
    arrival = Arrival("joins", "ann", "page_viewed", clock.at - 5, clock.at - 5, "{}", "visitor")
    scorer.store.ingest([arrival])
    rows = scorer.store.scores.of_leads(["ann"])
    clock.at += 1_000_000
    scorer.store.scores.save([replace(one, as_of=clock.at, cause="time") for one in rows])
    assert causes(scorer, "ann", "visitor") == ["time", "time"]
