"""What the scorer says of a lead that has no score."""

from __future__ import annotations

import pytest

from features.ladder.file import parse_ladder, read_ladder
from features.store.events import EventStore
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
