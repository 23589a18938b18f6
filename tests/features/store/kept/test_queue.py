"""The queue by tab and filter: what one scan gives is what plain loops give."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from features.store.arrivals import Arrival
from features.store.kept.queue import QUEUE_ORDERS, QueueFilter, place_of
from features.store.kept.scores import OUT_OF_QUEUE, StoredScore
from features.store.privacy import Privacy


def score(at, draw):
    tab = draw.choice((0, 1, 2, 3, 4))
    return StoredScore(
        lead_id=f"lead-{at:03}",
        ladder="b2b",
        as_of=5,
        step=draw.choice(("value", "human")),
        position=1,
        p_advance=draw.random(),
        low=0.0,
        high=1.0,
        p_purchase=draw.choice((0.1, 0.2, 0.3)),
        priority=OUT_OF_QUEUE if tab == 0 else tab + draw.choice((0.0, 0.25, 0.999)),
        percentile=None,
        reasons="",
        bundle="x",
        scored_at=5,
        last_active=draw.choice((None, 10, 20, 30)),
        waiting_since=draw.choice((None, 3)),
        band=draw.choice(("low", "high", None)),
        account_id=draw.choice((None, "acme")),
        source=draw.choice((None, "ads", "event")),
        rep_minutes=draw.choice((None, 5.0, 30.0)),
    )


def fits(one, wanted):
    return (
        one.priority > OUT_OF_QUEUE
        and (wanted.tabs is None or wanted.tabs[0] <= int(one.priority) <= wanted.tabs[1])
        and all(
            value is None or held == value
            for held, value in (
                (one.step, wanted.step),
                (one.band, wanted.band),
                (one.source, wanted.source),
                (one.account_id, wanted.account),
            )
        )
        and (wanted.active_since is None or (one.last_active or 0) >= wanted.active_since)
        and (wanted.leads is None or one.lead_id in wanted.leads)
    )


def by_hand(all_scores, wanted, order, left_out=()):
    found = [one for one in all_scores if fits(one, wanted) and one.lead_id not in left_out]
    placed = [one for one in found if is_placed(one, order)]
    return [one.lead_id for one in sorted(placed, key=lambda one: key_of(one, order))]


VALUES = {
    "work": lambda one: one.priority,
    "probability": lambda one: None if one.p_advance is None else 2 * one.position + one.p_advance,
    "purchase": lambda one: one.p_purchase,
    "recent": lambda one: one.last_active,
}
"""What orders go by; None for those who have not what an order goes by."""


def is_placed(one, order):
    return VALUES[order](one) is not None or one.waiting_since is not None


def key_of(one, order):
    value = VALUES[order](one)
    return 1.0 if value is None else -value, one.lead_id


FILTERS = (
    QueueFilter(),
    QueueFilter(tabs=(3, 4)),
    QueueFilter(tabs=(1, 1), step="value"),
    QueueFilter(tabs=(2, 2), band="high", source="ads"),
    QueueFilter(account="acme", active_since=20),
    QueueFilter(leads=("lead-001", "lead-007", "lead-050", "nobody")),
    QueueFilter(tabs=(4, 4), leads=tuple(f"lead-{at:03}" for at in range(30))),
)


@pytest.fixture
def scored(store):
    draw = random.Random(7)  # noqa: S311 test data
    held = [score(at, draw) for at in range(120)]
    store.scores.save(held)
    return store, held


def test_the_stamp_where_a_lead_leaves(scored):
    """It is another one for whoever opts out, is erased, or becomes one with another lead."""
    store, held = scored
    first, second, third, fourth = (one.lead_id for one in held[4:8])
    leads = (first, second, third, fourth)
    store.ingest([Arrival(f"of-{one}", one, "page_viewed", 5, 5, "{}") for one in leads])
    privacy = Privacy(store.database)
    steps: list[Callable[[], object]] = [
        lambda: privacy.opt_out([first], 10),
        lambda: privacy.erase(second, 10),
        lambda: store.ingest([Arrival("joins", third, "page_viewed", 6, 6, "{}", fourth)]),
        lambda: store.scores.save([], gone=[third]),
    ]
    stamps = [store.queue.stamp()]
    for step in steps:
        step()
        stamps.append(store.queue.stamp())
        assert store.queue.stamp() == stamps[-1]
    assert len(set(stamps)) == len(steps) + 1


@pytest.mark.parametrize("order", QUEUE_ORDERS)
@pytest.mark.parametrize("wanted", FILTERS)
def test_parts(scored, wanted, order):
    """Walked to the end, in parts of any size, each lead comes once and in its place."""
    store, held = scored
    for left_out in ((), ("lead-003", "lead-050", "lead-090")):
        expected = by_hand(held, wanted, order, left_out)
        for size in (1, 7, 500):
            found, after = [], None
            while part := store.queue.part(wanted, size, after, left_out, order):
                found += [one.lead_id for one in part]
                after = place_of(part[-1], order)
            assert found == expected
        assert store.queue.count(wanted, 500) == len(by_hand(held, wanted, "work"))
        assert store.queue.count(wanted, 2) == min(2, len(by_hand(held, wanted, "work")))


def test_counts(scored):
    """How many stand where is what counting one by one gives."""
    store, held = scored
    told = {(one.tab, one.step): one.leads for one in store.queue.counts()}
    expected: dict[tuple[int, str], int] = {}
    for one in held:
        if one.priority > OUT_OF_QUEUE:
            key = int(one.priority), one.step
            expected[key] = expected.get(key, 0) + 1
    assert told == expected


def test_sources_and_stamp(scored):
    """Each source once, in order; another score is another stamp."""
    store, _ = scored
    assert store.queue.sources(9) == ["ads", "event"]
    assert store.queue.sources(1) == ["ads"]
    before = store.queue.stamp()
    assert store.queue.stamp() == before
    store.scores.save([score(500, random.Random(1))])  # noqa: S311 test data
    assert store.queue.stamp() != before


def beyond(all_scores, wanted, order, after, left_out):
    """The leads that come after a place: all of them are looked at, and sorted."""
    placed = [
        key_of(one, order)
        for one in all_scores
        if fits(one, wanted) and is_placed(one, order) and one.lead_id not in left_out
    ]
    return [lead for key, lead in sorted(placed) if after is None or (key, lead) > after]


@pytest.mark.parametrize("order", VALUES)
def test_any_part_of_any_filter(store, order):
    """From anywhere on, a place that is a lead's or none, a part is what a sort of all gives."""
    draw = random.Random(f"parts by {order}")  # noqa: S311 test data
    held = [
        replace(
            score(at, draw),
            step=draw.choice(("value", "human", "rare" if at % 20 == 0 else "human")),
            position=draw.choice((0, 1, 2)),
            p_advance=draw.choice((None, 0.25, 0.5, 0.5, draw.random())),
            p_purchase=draw.choice((None, 0.1, 0.2, draw.random())),
        )
        for at in range(90)
    ]
    store.scores.save(held)
    for _ in range(150):
        wanted = QueueFilter(
            tabs=draw.choice((None, None, (2, 3))),
            step=draw.choice((None, "value", "rare", "none")),
            band=draw.choice((None, None, "high")),
            account=draw.choice((None, None, "acme", "")),
        )
        last = draw.choice([None, *(one for one in held if is_placed(one, order))])
        after = None if last is None else place_of(last, order)
        if after is not None and draw.random() < 0.3:  # a cursor of a lead that has moved since
            after = after[0] + draw.choice((0, 0.01, -0.01)), draw.choice(("", "lead-04", "x"))
        left_out = draw.sample([one.lead_id for one in held], draw.choice((0, 0, 9)))
        limit = draw.choice((1, 2, 7, 200))
        found = [one.lead_id for one in store.queue.part(wanted, limit, after, left_out, order)]
        from_there = None if after is None else (-after[0], after[1])
        assert found == beyond(held, wanted, order, from_there, left_out)[:limit]


@pytest.mark.parametrize("order", QUEUE_ORDERS)
def test_the_top_is_read_from_an_index(store, order):
    """However many leads there are, SQLite sorts none of them to show the first."""
    if not store.database.is_sqlite:
        return
    plans: list[str] = []
    who_waits = "SEARCH waiting USING INDEX scores_waiting (waiting_since>?)"

    def explain(_: object, cursor: object, statement: str, given: object, *__: object) -> None:
        found = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", given)  # type: ignore[attr-defined]
        plans.extend(filter(None, ["; ".join(row[3] for row in found)]))

    sa.event.listen(store.database.engine, "before_cursor_execute", explain)
    parts = [QueueFilter(), QueueFilter(step="value")]
    if order == "work":  # a tab is a stretch of this order alone
        parts += [QueueFilter(tabs=(2, 3))]
    for wanted in parts:
        store.queue.part(wanted, 10, order=order)
        store.queue.part(wanted, 10, (1.0, "a"), order=order)
    if order != "work":  # those come last that wait, and have not what it goes by: they are few
        assert all(plan.split("; ")[0].endswith("(lead_id=?)") for plan in plans[1::2]), plans
        assert all(plan.split("; ")[-1] == who_waits for plan in plans[1::2]), plans
        del plans[1::2]
    assert len(plans) == 2 * len(parts)
    assert all(plan.startswith("SEARCH scores USING INDEX scores_") for plan in plans), plans
    assert not any(";" in plan for plan in plans), plans
    column = QUEUE_ORDERS[order]
    assert all(f"{column}<?" in plan for plan in plans[1::2]), plans  # entered where it goes on
    plans.clear()
    store.queue.part(QueueFilter(account="acme"), 10, order=order)
    assert plans[0].startswith("SEARCH scores USING INDEX scores_account (account_id=?")
