"""Erasing: nothing of the lead is left, in tables or in files, and nothing of others is touched."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.errors import StoreError, UnknownLead
from features.store.events import EventStore
from features.store.kept.reports import Report, Reports
from features.store.migrations import open_database
from features.store.privacy import Privacy
from features.store.privacy.rows import NAMING
from features.store.schema import (
    deliveries,
    erasures,
    events,
    identities,
    identity_links,
    notifications,
    scores,
    write_backs,
)
from tests.features.store.privacy.scene import arrival, everything, score, tell
from tests.profiles import examples

FOLLOWED = ("score_changes", "score_history")
"""What is kept of the order of changes, which names nobody."""


def test_erase(merged, privacy):
    """Nothing of the lead is left in any table, whichever id it was erased by; others stay."""
    before = everything(merged.database)
    privacy.opt_out(["ann"], opted_out_at=50)
    erasure = privacy.erase("visitor-1", erased_at=60)
    assert (erasure.ids, erasure.events, erasure.models) == (3, 4, ())
    after = everything(merged.database)
    names = ("ann", "visitor-1", "old-ann")
    for table, rows in after.items():
        assert {row for row in rows if row[0] not in FOLLOWED} <= before[table]
        assert not [row for row in rows if any(name in str(row) for name in names)], table
        gone = before[table] - rows
        assert not [row for row in gone if "bob" in str(row)], table
    with merged.database.reading() as connection:
        (kept,) = connection.execute(sa.select(erasures)).mappings()
    assert dict(kept) == {"id": erasure.id, "at": 60, "events": 4, "models": "[]"}
    with pytest.raises(UnknownLead, match="nothing is held"):
        privacy.erase("ann", erased_at=61)


def test_reports_with_texts_of_leads_go(merged, privacy):
    """Who was compared by a protected trait may have been in a group of its own; so may words."""
    figure = {"trait": "religion", "group": "Zoroastrian-Magda", "leads": 1, "value": -0.128}
    groups = {"least_ratio": 0.8, "traits": [], "figures": [figure]}
    reports = Reports(merged.database)
    for about, found in (("old", groups), ("new", None)):
        reports.keep(Report("scores", "b2b", about, 5, {"evaluation": {"groups": found}}))
    offers = {"offers": [{"id": "Offer-Magda", "known": False, "extended": 1}]}
    reports.keep(Report("readiness", "b2b", "", 5, offers))
    reports.keep(Report("policy", "b2b", "new careful", 5, {"gate": None, "name": "groups"}))
    privacy.erase("ann", erased_at=60)
    assert reports.newest("scores", "b2b", "old") is None
    assert reports.newest("scores", "b2b", "new") is not None
    assert reports.newest("policy", "b2b", "new careful") is not None
    assert reports.newest("readiness", "b2b") is None


def test_a_failed_erasure_erases_nothing(merged, privacy, monkeypatch):
    """All of it goes in one transaction, or nothing of it."""
    before = everything(merged.database)

    def fail(_: object) -> str:
        raise StoreError("no more room")

    monkeypatch.setattr("features.store.privacy.erasures.json.dumps", fail)
    with pytest.raises(StoreError, match="no more room"):
        privacy.erase("ann", erased_at=60)
    assert everything(merged.database) == before


def test_who_comes_back_is_new(merged, privacy):
    """The same messages sent again are new events of a new lead that has not opted out."""
    privacy.opt_out(["ann"], opted_out_at=50)
    privacy.erase("ann", erased_at=60)
    merged.identities.forget()
    sent_again = [arrival(2, "ann", 20, anonymous_id="visitor-1"), arrival(5, "bob", 6)]
    assert merged.ingest(sent_again) == [True, False]
    found = privacy.lead("visitor-1")
    assert (found.ids, found.events, found.opt_out) == (("ann", "visitor-1"), 1, None)


_IDS = st.sampled_from(["a", "b", "c", "d", "u", "v", "w"])
_ARRIVALS = st.lists(
    st.tuples(_IDS, st.none() | _IDS, st.none() | _IDS, st.integers(1, 30)), min_size=1, max_size=14
)


@settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(told=_ARRIVALS, erased=_IDS)
def test_others_are_not_touched(told, erased, tmp_path_factory):
    """Erasing a lead leaves events, scores, identities and all else of every other as it was."""
    with open_database(tmp_path_factory.mktemp("erase") / "rung.db") as database:
        store, privacy = EventStore(database), Privacy(database)
        store.ingest(
            [
                arrival(number, sent_id, at, anonymous_id=other, previous_id=former)
                for number, (sent_id, other, former, at) in enumerate(told)
            ]
        )
        leads = store.lead_ids()
        store.scores.save([score(lead) for lead in leads])
        tell(database, leads)
        try:
            ids = set(privacy.lead(erased).ids)
        except UnknownLead:
            return
        others = {lead: privacy.held(lead) for lead in leads if lead not in ids}
        rows = {lead: store.events_of(lead) for lead in others}
        before = everything(database)
        privacy.erase(erased, erased_at=99)
        after = everything(database)
        for table in (events, scores, identities, notifications, deliveries, write_backs):
            name = table.name
            columns = [table.c.keys().index(one) for one in NAMING.get(table, ("notification_id",))]
            kept = {
                row
                for row in before[name]
                if not {str(row[at]).removeprefix("n-") for at in columns} & ids
            }
            assert after[name] == kept, name
        links = {row for row in before[identity_links.name] if not {row[1], row[2]} & ids}
        assert after[identity_links.name] == links
        assert {lead: store.events_of(lead) for lead in others} == rows
        assert [privacy.held(lead).ids for lead in others] == [one.ids for one in others.values()]


def _bytes_of(path: Path) -> bytes:
    """All that is in the files of an SQLite database."""
    return b"".join(one.read_bytes() for one in path.parent.glob(f"{path.name}*"))


@pytest.mark.parametrize("seed", range(6))
def test_no_byte_is_left(seed, tmp_path):
    """The files of the database hold nothing any more of what an erased lead said or was."""
    path, draw = tmp_path / "rung.db", random.Random(seed)  # noqa: S311 test data
    with open_database(path) as database:
        store, privacy = EventStore(database), Privacy(database)
        number = 0
        for _ in range(40):
            some = []
            for _ in range(draw.randrange(1, 30)):
                number += 1
                mine = draw.random() < 0.2
                sent_id = f"MARKED-{draw.randrange(3)}" if mine else f"other-{draw.randrange(30)}"
                text = json.dumps({"note": sent_id * draw.randrange(1, 9)})
                named = arrival(number, sent_id, draw.randrange(10**12), properties=text)
                some.append(named._replace(message_id=f"{sent_id}-{draw.random()}"))
            some.append(arrival(-number, "MARKED-0", 1, anonymous_id=f"MARKED-{number % 3}"))
            store.ingest(some)
            leads = [f"other-{draw.randrange(30)}", "MARKED-0"]
            store.scores.save([score(lead, number) for lead in leads])
        tell(database, ["MARKED-0"])
        privacy.opt_out(["MARKED-0"], opted_out_at=1, reason="MARKED")
        assert _bytes_of(path).count(b"MARKED") > 100
        erasure = privacy.erase("MARKED-2", erased_at=2)
        assert erasure.is_wiped
        assert b"MARKED" not in _bytes_of(path)
        assert b"other-7" in _bytes_of(path)


def test_a_reader_in_the_way(tmp_path, monkeypatch):
    """Where someone reads all the while the erasure holds, and says that bytes may be left."""
    monkeypatch.setattr("features.store.privacy.erasures._WIPE_MILLISECONDS", 10)
    monkeypatch.setattr("features.store.privacy.erasures._WIPE_PAUSES_SECONDS", (0.0,))
    with open_database(tmp_path / "rung.db") as database:
        store, privacy = EventStore(database), Privacy(database)
        store.ingest([arrival(1, "ann"), arrival(2, "bob")])
        with database.reading() as connection:
            assert len(connection.execute(sa.select(events)).all()) == 2
            assert not privacy.erase("ann", erased_at=1).is_wiped
        assert privacy.erase("bob", erased_at=2).is_wiped
        assert store.count() == 0


def test_writers_in_the_way(tmp_path):
    """Where others write all the while, nothing of theirs fails, and the file is wiped."""
    with open_database(tmp_path / "rung.db") as database, ThreadPoolExecutor(2) as pool:
        store, privacy = EventStore(database), Privacy(database)
        store.ingest([arrival(at, f"lead-{at}", properties="{}") for at in range(5)])

        def write(number: int) -> bool:
            return all(store.ingest([arrival(1000 * number + at, "bob")]) for at in range(60))

        written = [pool.submit(write, number) for number in (1, 2)]
        assert all(privacy.erase(f"lead-{at}", erased_at=1).is_wiped for at in range(5))
        assert all(one.result() for one in written)
        assert store.count() == 120


def test_postgresql_is_not_wiped(postgresql_url):
    """On PostgreSQL an erasure does not claim what only VACUUM does."""
    with open_database(postgresql_url) as database:
        EventStore(database).ingest([arrival(1, "ann")])
        assert not Privacy(database).erase("ann", erased_at=1).is_wiped


@pytest.mark.usefixtures("merged")
def test_kept_erasures(privacy):
    """Of an erasure it is kept when, how much, by which models, and whether it may come back."""
    privacy.record_training("abcdef0123456789", "b2b", until=40, trained_at=45)
    first = privacy.erase("ann", erased_at=60)
    second = privacy.erase("bob", erased_at=70, is_suppressed=True)
    found = privacy.erasures()
    assert [(one.id, one.erased_at, one.events) for one in found] == [
        (second.id, 70, 1),
        (first.id, 60, 4),
    ]
    assert [one.is_suppressed for one in found] == [True, False]
    assert found[1].models == ("abcdef012345",)
    assert privacy.erasures(1) == found[:1]
    privacy.unsuppress("bob")
    assert not privacy.erasures()[0].is_suppressed
    assert "ann" not in str(found)
