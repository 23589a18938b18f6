"""Opting out: for all ids of a lead, those that join later included, until it is taken back."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from features.errors import OptedOut, UnknownLead
from features.ladder.file import read_ladder
from features.store.arrivals import Event
from features.store.privacy import not_to_be_scored
from features.store.privacy.opt_outs import opted_out_ids, opted_out_leads, opted_out_of
from features.store.schema import opt_outs, write_backs
from tests.features.store.privacy.scene import arrival, everything, score

LADDER = read_ladder("b2b")


def test_opt_out_holds_for_all_ids(merged, privacy):
    """A lead is opted out when any of its ids is, whichever id is asked about."""
    assert not privacy.is_opted_out("ann")
    privacy.opt_out(["old-ann"], opted_out_at=50, reason="letter")
    assert all(privacy.is_opted_out(one) for one in ("ann", "visitor-1", "old-ann"))
    assert not privacy.is_opted_out("bob")
    assert privacy.opted_out_of(["bob", "visitor-1", "nobody", "a\0b"]) == {"visitor-1"}
    assert privacy.lead("ann").opt_out == ("ann", 50, "letter")
    with merged.database.reading() as connection:
        assert opted_out_leads(connection) == {"ann"}
        assert opted_out_ids(connection) == {"ann", "old-ann", "visitor-1"}


def test_nothing_is_decided_of_a_lead_that_is_out(merged, privacy):
    """What rests on its profile is not stored, by whichever of its ids; what only happened is."""
    privacy.opt_out(["ann"], opted_out_at=50)
    for sent_id in ("ann", "visitor-1"):
        made = Event(f"made-{sent_id}", sent_id, "rung_decision", 60, 60)
        with pytest.raises(OptedOut, match=sent_id):
            merged.append_new([made])
        assert merged.event(made.message_id) is None
        assert merged.append_new([made], may_be_out=True)
        with pytest.raises(OptedOut, match=sent_id):  # nor is it told that it is there
            merged.append_new([made])
    assert merged.append_new([Event("made", "bob", "rung_decision", 60, 60)])


def test_ids_that_join_later_inherit(merged, privacy):
    """An id that joins a lead which is opted out must not be profiled from then on."""
    privacy.opt_out(["ann"], opted_out_at=50)
    merged.ingest([arrival(9, "ann", 60, anonymous_id="visitor-2")])
    assert privacy.is_opted_out("visitor-2")
    with merged.database.reading() as connection:
        assert "visitor-2" in opted_out_ids(connection)
    assert privacy.opted_out_of(["visitor-2"]) == {"visitor-2"}


def test_who_is_out_of_some_is_who_is_out_of_all(store, privacy):
    """Asked of some leads it is what is known of all, however many ids say so, or none of them."""
    leads = [f"lead-{at}" for at in range(1300)]  # more than one statement names
    links = [arrival(at, leads[at], anonymous_id=f"visitor-{at}") for at in range(0, 1300, 4)]
    store.ingest([*links, *(arrival(2000 + at, leads[at]) for at in range(1, 1300, 4))])
    ids = [*leads, *(f"visitor-{at}" for at in range(0, 1300, 4))]
    privacy.opt_out([*ids[::7], "nobody"], opted_out_at=50)
    lead_of = {one: store.lead_of(one) for one in ids}
    with store.database.reading() as connection:
        out = opted_out_leads(connection)
        assert opted_out_of(connection, leads) == out & set(leads)
        assert opted_out_of(connection, ids) == {one for one in ids if lead_of[one] in out}
        assert not_to_be_scored(connection, leads, None) == out & set(leads)


def test_who_is_out_of_some_is_looked_up(store, privacy):
    """However many have opted out, SQLite looks at none but those that are asked about."""
    if not store.database.is_sqlite:
        return
    privacy.opt_out(["ann"], opted_out_at=50)
    plans: list[str] = []

    def explain(_: object, cursor: object, statement: str, given: object, *__: object) -> None:
        found = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", given)  # type: ignore[attr-defined]
        plans.extend(row[3] for row in found)

    with store.database.reading() as connection:
        sa.event.listen(connection, "before_cursor_execute", explain)
        assert opted_out_of(connection, ["ann", "bob"]) == {"ann"}
    assert any("opt_outs" in plan for plan in plans)
    # One row says whether anybody is out: that is read without looking for it.
    assert [one for one in plans[1:] if one.startswith("SCAN")] == []


def test_opt_out_takes_the_score_and_what_a_crm_is_to_be_told(merged, privacy):
    """No score is left when it returns, and no write-back of it is due; others keep theirs."""
    privacy.opt_out(["visitor-1"], opted_out_at=50)
    assert merged.scores.of("ann") is None
    assert merged.scores.of("bob") == score("bob")
    with merged.database.reading() as connection:
        wanted = sa.select(write_backs.c.lead_id).where(write_backs.c.due_at.is_not(None))
        assert list(connection.scalars(wanted)) == ["bob"]


def test_opt_out_before_anything_is_known(privacy, store):
    """An id may be opted out before its first event; the first instant and reason stay."""
    privacy.opt_out(["later"], opted_out_at=50, reason="first")
    privacy.opt_out(["later"], opted_out_at=60, reason="second")
    assert privacy.lead("later").opt_out == ("later", 50, "first")
    store.ingest([arrival(1, "later", 70)])
    assert privacy.is_opted_out("later")


@pytest.mark.parametrize("id_", ["a\0b", "a\nb", "null", "[object Object]", " ", "x" * 257])
def test_opt_out_of_nobody(privacy, store, id_):
    """An id that nothing can come under is nobody's; an older lead of that name has its right."""
    with pytest.raises(UnknownLead, match="nothing is held of lead"):
        privacy.opt_out(["later", id_], opted_out_at=1)
    assert privacy.opted_out_count() == 0
    if "\0" not in id_:
        store.ingest([arrival(1, id_, 70)])
        privacy.opt_out([id_], opted_out_at=80)
        assert privacy.is_opted_out(id_)


def test_opt_in(merged, privacy):
    """Opting in takes back all of it; where there is nothing to take back it changes nothing."""
    before = everything(merged.database)
    privacy.opt_in(["ann"], opted_in_at=60)
    assert everything(merged.database) == before
    privacy.opt_out(["ann"], opted_out_at=50)
    privacy.opt_in(["visitor-1"], opted_in_at=60)
    assert not privacy.is_opted_out("ann")
    assert privacy.lead("ann").opt_out is None


def test_training_leaves_them_out(merged, privacy):
    """The log to learn from has no event of a lead that is opted out, by any of its ids."""
    assert set(merged.log(LADDER).leads) == {"ann", "bob"}
    privacy.opt_out(["old-ann"], opted_out_at=50)
    assert set(merged.log(LADDER).leads) == {"bob"}


def test_opt_outs_name_ids(privacy, database):
    """Rows of opt-outs hold the ids as they were sent, for databases of both kinds."""
    privacy.opt_out(
        ["<script>alert(1)</script>", "ü/ß ?#%"], opted_out_at=3, reason="'; DROP TABLE"
    )
    with database.reading() as connection:
        found = {tuple(row) for row in connection.execute(sa.select(opt_outs))}
    assert found == {
        ("<script>alert(1)</script>", 3, "'; DROP TABLE"),
        ("ü/ß ?#%", 3, "'; DROP TABLE"),
    }


@pytest.mark.usefixtures("merged")
def test_counted(privacy):
    """Whoever opted out is one, however many ids are out; an id that is unknown yet as well."""
    assert privacy.opted_out_count() == 0
    privacy.opt_out(["ann", "nobody-yet"], opted_out_at=50)
    assert privacy.opted_out_count() == 2
    privacy.opt_in(["visitor-1"], opted_in_at=60)
    assert privacy.opted_out_count() == 1


def test_opting_in_lets_the_lead_be_scored(merged, privacy):
    """It waits for that at once, which is no news of it; who was not out waits for nothing."""
    privacy.opt_out(["ann"], opted_out_at=50)
    merged.scores.save([], done=merged.marks.take(99, 55, 1))
    assert merged.marks.waiting() == (0, None)
    privacy.opt_in(["visitor-1", "bob"], opted_in_at=60)
    assert merged.marks.waiting() == (3, 60)
    with merged.database.reading() as connection:
        assert set(merged.marks.of(connection, ["ann", "bob"])) == {"ann"}
        assert merged.marks.among(connection, ["ann", "bob"]) == set()
    assert not any(mark.is_news for mark in merged.marks.take(99, 61, 1))
    merged.ingest([arrival(20, "ann", 70)])
    with merged.database.reading() as connection:
        assert merged.marks.among(connection, ["ann"]) == {"ann"}
