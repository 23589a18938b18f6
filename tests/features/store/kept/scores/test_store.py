"""The latest score of each lead, and the queue that is made of them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import fields, replace
from functools import partial

import pytest

from features.store.events import EventStore
from features.store.kept.scores import Former, Unsaved
from tests.features.store.kept.scene import SCORE


def test_scores(store):
    """The latest score of a lead replaces the one before."""
    assert store.scores.of("ann") is None
    assert store.scores.save([SCORE, replace(SCORE, lead_id="bob", p_advance=None)]) == 2
    store.scores.save([replace(SCORE, priority=0.5)])
    assert store.scores.of("ann") == replace(SCORE, priority=0.5)
    bob = store.scores.of("bob")
    assert bob is not None
    assert bob.p_advance is None


@pytest.mark.parametrize("ahead", [3_600_000_000, 86_400_000_000, 10**15])
def test_a_score_of_a_clock_that_was_ahead(store, ahead):
    """A score of the future gives way to one of the present, and is told of as the former one."""
    told = []
    store.scores.save([replace(SCORE, as_of=ahead, p_advance=0.75)], clock=lambda: ahead)
    then = lambda _, former, rows: told.append((former["ann"].p_advance, rows[0].as_of))  # noqa: E731
    assert store.scores.save([replace(SCORE, as_of=7)], then, clock=lambda: 8) == 0
    marks = store.marks.take(9, 8, 1)  # so that whoever replaces it has read all the news
    assert store.scores.save([replace(SCORE, as_of=7)], then, marks, clock=lambda: 8) == 1
    assert store.marks.waiting() == (0, None)
    assert store.scores.of("ann") == replace(SCORE, as_of=7)
    assert told == [(0.75, 7)]


def test_a_step_is_taken_back_by_who_has_read_all(store):
    """Of who has not, the score is passed over, and the lead is read once more."""
    clock = lambda: 9  # noqa: E731
    higher, lower = replace(SCORE, as_of=7, position=3), replace(SCORE, as_of=8, position=1)
    store.scores.save([higher], clock=clock)
    assert store.scores.save([lower], clock=clock) == 0
    (old,) = store.marks.take(9, 9, 1)
    with store.database.writing() as connection:
        store.marks.put(connection, {"ann": 9}, "news that it has not read")
    assert store.scores.save([lower], done=[old], clock=clock) == 0
    assert store.scores.of("ann") == higher
    (new,) = store.marks.take(9, 100, 1)
    assert store.scores.save([lower], done=[old, new], clock=clock) == 1
    assert (store.scores.of("ann"), store.marks.waiting()) == (lower, (0, None))


def test_an_older_score_changes_nothing(store):
    """A score that saw less than the one that is kept is not stored, within what clocks differ."""
    store.scores.save([replace(SCORE, as_of=30_000_000)], clock=lambda: 30_000_000)
    assert store.scores.save([replace(SCORE, as_of=7)], clock=lambda: 8) == 0
    assert store.scores.save([replace(SCORE, as_of=7)]) == 0


def test_queue(store):
    """The queue goes by priority, then by lead, and goes on after the last one seen."""
    priorities = {"a": 0.1, "b": 0.3, "c": 0.3, "d": 1 / 3, "e": 0.0}
    store.scores.save(replace(SCORE, lead_id=k, priority=p) for k, p in priorities.items())
    seen, after = [], None
    while part := store.queue.listed(2, after):
        seen += [score.lead_id for score in part]
        after = part[-1].priority, part[-1].lead_id
    assert seen == ["d", "b", "c", "a", "e"]


def test_a_run_that_is_asked_for_meanwhile(store):
    """An import during a scoring of all leads is scored by another one."""
    with store.database.writing() as connection:
        store.scores.want_full_run(connection)
    _, wanted = store.scores.full_run()
    with store.database.writing() as connection:
        store.scores.want_full_run(connection)
    store.scores.finish_full_run({"as_of": 1}, wanted)
    run, still_wanted = store.scores.full_run()
    assert run == {"as_of": 1}
    assert still_wanted not in ("", wanted)
    store.scores.finish_full_run({"as_of": 2}, still_wanted)
    assert store.scores.full_run() == ({"as_of": 2}, "")


def test_scores_that_are_made_of_former_ones(store):
    """Each part is made when it is its turn, of what is stored by then, and kept with it."""
    given: list[dict[str, Former]] = []
    told: list[list[str]] = []

    def made(leads, former):
        given.append(dict(former))
        return [
            replace(SCORE, lead_id=lead, as_of=5, band="high" if lead in former else "low")
            for lead in leads
        ]

    def then(_, former, rows):
        assert former == given[-1]
        told.append([row.lead_id for row in rows])

    store.scores.save([SCORE])
    parts = [Unsaved(leads, partial(made, leads)) for leads in (["ann", "bob"], ["bob", "carl"])]
    assert store.scores.save_made(iter(parts), then, clock=lambda: 9) == 4
    assert [sorted(former) for former in given] == [["ann"], ["bob"]]
    assert (given[0]["ann"].as_of, given[1]["bob"].as_of) == (1, 5)
    assert told == [["ann", "bob"], ["bob", "carl"]]
    bands = {one: store.scores.of(one).band for one in ("ann", "bob", "carl")}
    assert bands == {"ann": "high", "bob": "high", "carl": "low"}
    assert store.scores.save_made([]) == 0


ANOTHER = replace(
    SCORE,
    ladder="b2c",
    as_of=2,
    step="trial",
    position=4,
    p_advance=0.5,
    low=0.4,
    high=None,
    p_purchase=None,
    priority=2.5,
    percentile=0.1,
    reasons="",
    bundle="def",
    scored_at=3,
    last_active=2,
    band="high",
    waiting_since=1,
    cause="time",
    p_week_ago=0.3,
    tab="talk",
    offer_id="call",
    gain=1.5,
    rep_minutes=3.0,
    traits='{"source":"ads"}',
    account_id="acme",
    source="ads",
    asked_at=2,
)
STEADY = ("position", "last_active", "waiting_since", "account_id", "source")


BUT_ONE = [tuple(other for other in STEADY if other != name) for name in STEADY]


@pytest.mark.parametrize("same", [(), STEADY, *BUT_ONE], ids=str)
def test_every_column_is_replaced(store, same):
    """What is the same before and after, too: which columns a database writes is not to be seen."""
    differing = [one.name for one in fields(SCORE) if one.name != "lead_id"]
    assert all(getattr(SCORE, name) != getattr(ANOTHER, name) for name in differing)
    both = [replace(SCORE, lead_id="bob"), SCORE]
    store.scores.save(both)
    kept = {name: getattr(SCORE, name) for name in same}
    after = replace(ANOTHER, lead_id="bob", **kept)
    beside = replace(ANOTHER, lead_id="ann")
    store.scores.save([after, beside])
    assert [store.scores.of(one) for one in ("bob", "ann")] == [after, beside]
    back = [replace(one, as_of=3) for one in both]
    store.scores.save(back)
    assert [store.scores.of(one.lead_id) for one in back] == back


def test_who_waits(store):
    """Who has waited since before an instant, the longest first; scores of those that have one."""
    since = {"ann": 5, "bob": None, "cy": 3, "dan": 9}
    rows = [replace(SCORE, lead_id=lead, waiting_since=at) for lead, at in since.items()]
    store.scores.save(rows)
    assert store.scores.waiting(9) == [("cy", 3), ("ann", 5)]
    assert store.scores.waiting(9, since=4) == [("ann", 5)]
    many = [f"none-{at}" for at in range(1200)]
    found = store.scores.of_leads(["dan", *many, "ann"])
    assert sorted(row.lead_id for row in found) == ["ann", "dan"]
    assert set(found) <= set(rows)


def test_a_power_failure_takes_a_score_with_what_says_that_it_is_made(tmp_path):
    """Of what was written it takes the end, wherever: who has news has a mark, or its score."""
    path = tmp_path / "store.db"
    EventStore.open(path).close()
    with EventStore.open(path) as store:
        for at in range(1, 9):
            with store.database.writing() as connection:
                store.marks.put(connection, {"ann": at, f"b{at}": at}, f"m{at}")
            rows = [replace(SCORE, lead_id=lead, as_of=at) for lead in ("ann", f"b{at}")]
            store.scores.save(rows, done=store.marks.take(9, at, 1))
        log = path.with_name("store.db-wal").read_bytes()
        whole = path.read_bytes()
    copy, found = tmp_path / "copy.db", set()
    for length in (*range(0, len(log), 4096 + 24), len(log) - 1, len(log)):
        copy.write_bytes(whole)
        copy.with_name("copy.db-wal").write_bytes(log[:length])
        with closing(sqlite3.connect(copy)) as connection:
            scored = dict(connection.execute("SELECT lead_id, as_of FROM scores"))
            marked = {one for (one,) in connection.execute("SELECT subject FROM stale")}
        last = max(scored.values(), default=0)
        assert scored == {f"b{at}": at for at in range(1, last + 1)} | (
            {"ann": last} if last else {}
        )
        assert marked in (set(), {"ann", f"b{last + 1}"})
        found.add((last, bool(marked)))
    assert {(0, False), (0, True), (7, False), (7, True), (8, False)} <= found
