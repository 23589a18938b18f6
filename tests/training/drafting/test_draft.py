"""The ladder that a log tells of: on simulated logs the planted one."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from features.errors import EventsError, NotEnoughData
from features.ladder.file import parse_ladder, read_ladder
from features.ladder.source import import_columns
from features.reading import by_lead, read_table
from tests.training.drafting.scene import funnel, key_of, planted, table_of
from training.drafting.draft import draft_ladder
from training.drafting.ladder_text import ladder_text
from training.simulation.world import SimulationConfig, simulate

STARBUCKS = Path(__file__).parents[4] / "shared" / "data" / "starbucks_transcript.parquet"


def simulated(name, folder, seed):
    simulation = simulate(read_ladder(name), SimulationConfig(leads=2500, seed=seed))
    simulation.events.to_parquet(folder / "events.parquet", index=False)
    return read_table(folder / "events.parquet")[0]


@pytest.mark.parametrize("name", ["b2b", "b2b-assessment", "b2c"])
def test_planted_steps_are_found_in_planted_order(name, tmp_path):
    """All steps of a shipped ladder, each by what completes it, and the purchase."""
    ladder = read_ladder(name)
    draft = draft_ladder(simulated(name, tmp_path, 1), None)
    assert draft.final.deed.event == ladder.purchase.complete_when[0].event
    places = planted(ladder)
    found = [
        Counter(places[key] for one in step.deeds if (key := key_of(one.deed)) in places)
        for step in draft.steps
    ]
    assert [len(of) for of in found] == [1] * len(ladder.steps)
    assert [min(of) for of in found] == list(range(len(ladder.steps)))


def test_planted_thresholds_are_found(tmp_path):
    """Where a number decides whether a step is completed, about that number is drafted."""
    draft = draft_ladder(simulated("b2c", tmp_path, 1), None)
    found = {(one.deed.event, one.deed.number): one.deed.at_least
             for step in draft.steps for one in step.deeds}  # fmt: skip
    assert found["video_progress", "watched_fraction"] == pytest.approx(0.8)
    assert 200 <= found["content_read", "seconds"] <= 500
    assert 10 <= found["asset_used", "minutes"] <= 25


def test_a_plain_funnel():
    """What is done again and again is interest, what is done once on the way is a step."""
    draft = draft_ladder(table_of(funnel()), None)
    assert [[one.deed.event for one in step.deeds] for step in draft.steps] == [
        ["guide_read"],
        ["call_held"],
    ]
    assert draft.final.deed.event == "order_placed"
    assert draft.steps[0].engaged == ("visited",)
    assert [draft.conversion(at) for at in (1, 2)] == [(100, 200), (50, 100)]
    assert draft.steps[1].took == pytest.approx([2.0] * 100)


def test_one_happening_that_is_told_twice_is_one_step():
    """What comes at the moment of the final action is no step before it, and no interest in it."""
    told = funnel()
    told += [
        (who, "became_customer", day - 0.0001) for who, what, day in told if what == "order_placed"
    ]
    draft = draft_ladder(table_of(told), "order_placed")
    assert [[one.deed.event for one in step.deeds] for step in draft.steps] == [
        ["guide_read"],
        ["call_held"],
    ]
    assert draft.spare == ("became_customer",)


def test_what_all_go_on_from_is_no_step():
    """Where everybody who did a thing did the next one days later there is nothing to tell."""
    told = funnel()
    told += [(who, "cart_filled", day - 1.0) for who, what, day in told if what == "order_placed"]
    draft = draft_ladder(table_of(told), "order_placed")
    assert len(draft.steps) == 2
    assert "cart_filled" in draft.steps[-1].engaged


def test_the_order_of_rows_has_no_effect():
    """The same events in another order are the same draft."""
    told = funnel()
    texts = {ladder_text(draft_ladder(table_of(rows), None), "x") for rows in (told, told[::-1])}
    assert len(texts) == 1


def test_the_final_action_that_was_asked_for():
    """Another final action makes another ladder; one that is not in the log is refused."""
    told = [*funnel(), *((f"lead-{at:04d}", "shipped", 9.0) for at in range(0, 400, 16))]
    draft = draft_ladder(table_of(told), "shipped")
    assert draft.final.deed.event == "shipped"
    assert draft.steps[-1].deeds[0].deed.event == "order_placed"
    with pytest.raises(EventsError, match="no event 'ordr_placed' in the log; did you mean"):
        draft_ladder(table_of(told), "ordr_placed")


def test_a_log_that_says_nothing():
    """It is said what is missing: buyers, steps, or events at all."""
    two = [row for row in funnel(40) if row[1] in ("visited", "call_held")]
    with pytest.raises(NotEnoughData, match=r"only visited comes before 'call_held'.*at least 2"):
        draft_ladder(table_of(two), None)
    with pytest.raises(NotEnoughData, match="5 of 40 leads came to 'order_placed': at least 10"):
        draft_ladder(table_of(funnel(40)), "order_placed")
    with pytest.raises(EventsError, match="no event that 10 leads did: the log has a"):
        draft_ladder(table_of([("ann", "a", 0.0)]), None)


def test_traits_and_offers():
    """Traits are what tells leads apart and names nobody; offers stand at the step they lead to."""
    told, properties = funnel(), {}
    for at in range(0, 400):
        lead = f"lead-{at:04d}"
        properties[len(told)] = json.dumps(
            {"industry": "abc"[at % 3], "seats": at, "email": f"{at}@example.com", "same": "x"}
        )
        told.append((lead, "identify", 0.1))
        if at % 2 == 0:
            properties[len(told)] = json.dumps({"offer": "book-a-call"})
            told.append((lead, "offer_extended", 3.0))
    draft = draft_ladder(table_of(told, properties), None)
    assert [(one.id, one.is_number) for one in draft.traits] == [
        ("industry", False),
        ("seats", True),
    ]
    assert draft.personal == ("email",)
    (offer,) = draft.offers
    assert (offer.id, offer.times, offer.step) == ("book-a-call", 200, 1)


@pytest.mark.slow
@pytest.mark.skipif(not STARBUCKS.exists(), reason="the shared public data are not there")
def test_a_public_log(tmp_path):
    """Through an [import] table the rewards log drafts a ladder: viewed, spent, completed."""
    (tmp_path / "import.toml").write_text("""
[import]
lead = "person"
event = "event"
occurred_at = "time"
unit = "h"
since = 2018-01-01T00:00:00Z
names = {"offer received" = "offer_extended"}
properties = {offer = "offer_id", amount = "amount", reward = "reward"}
""")
    columns, _ = import_columns(tmp_path / "import.toml")
    table, report = read_table(STARBUCKS, layout=columns, strict=True)
    assert report.accepted == 306_534
    draft = draft_ladder(by_lead(table), "offer completed")
    events = [[one.deed.event for one in step.deeds] for step in draft.steps]
    assert events == [["offer viewed"], ["transaction"]]
    assert draft.final.leads == 12_774
    assert len(draft.offers) == 10
    assert parse_ladder(ladder_text(draft, "rewards")).purchase.complete_when
