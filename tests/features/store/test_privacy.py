"""What privacy does for a lead: shows, leaves alone, erases, and nothing to others."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.errors import StoreError, UnknownLead
from features.ladder.file import read_ladder
from features.store.arrivals import Arrival
from features.store.database import Database, insert_into
from features.store.events import EventStore
from features.store.migrations import open_database
from features.store.notifications import Notice, add_notices
from features.store.opt_outs import opted_out_leads, opted_out_subjects
from features.store.privacy import NAMING, Privacy, Training, not_to_be_scored
from features.store.schema import (
    METADATA,
    deliveries,
    endpoints,
    erasures,
    events,
    identities,
    identity_links,
    notifications,
    opt_outs,
    scores,
    write_backs,
)
from features.store.scores import StoredScore

LADDER = read_ladder("b2b")
NOTHING_OF_A_LEAD = {
    *("erasures", "trainings", "rep_minutes", "endpoints", "deliveries", "api_keys", "sessions"),
    *("seen_requests", "leases", "rung_meta"),
}
"""`deliveries` belong to notifications and go with them."""
HOUR = 3_600_000_000


def arrival(number, subject, at=10, **more):
    return Arrival(
        f"m{number}", subject, "page_viewed", at, at, json.dumps({"page": f"{subject}'s"})
    )._replace(**more)


def score(lead: str, as_of: int = 1) -> StoredScore:
    return StoredScore(
        lead_id=lead,
        ladder="b2b",
        as_of=as_of,
        step="value",
        position=1,
        p_advance=0.25,
        low=0.2,
        high=0.3,
        p_purchase=0.01,
        priority=1.5,
        percentile=0.9,
        reasons=f'{{"base":0.5,"reasons":[{{"text":"{lead} opened an asset"}}]}}',
        bundle="abc",
        scored_at=2,
        last_active=1,
    )


def tell(database: Database, leads: Sequence[str]) -> None:
    """A notification about each lead, and what a CRM is told of it."""
    with database.writing() as connection:
        row: dict[str, object] = {
            "id": "e",
            "url": "https://x.test",
            "description": "Slack",
            "types": "[]",
        }
        row |= {"secret": "whsec_", "created_at": 1}
        insert = insert_into(connection.engine, endpoints).on_conflict_do_nothing()
        connection.execute(insert, row)
        add_notices(
            connection,
            [
                Notice(f"n-{lead}", "step.completed", lead, 20, json.dumps({"lead_id": lead}))
                for lead in leads
            ],
        )
        rows = [
            {
                "connector": "hubspot",
                "lead_id": lead,
                "external_id": f"crm-{lead}",
                "wanted": json.dumps({"score": lead}),
                "due_at": 5,
                "leased_until": 0,
                "attempts": 0,
                "written": None,
            }
            for lead in leads
        ]
        connection.execute(sa.insert(write_backs), rows)


def everything(database: Database) -> dict[str, set[tuple[object, ...]]]:
    """All rows of all tables but that of erasures."""
    with database.reading() as connection:
        return {
            table.name: {tuple(row) for row in connection.execute(sa.select(table))}
            for table in METADATA.sorted_tables
            if table is not erasures
        }


@pytest.fixture
def privacy(database: Database) -> Privacy:
    return Privacy(database)


@pytest.fixture
def merged(store: EventStore) -> EventStore:
    """A lead `ann` with two more ids, and another lead `bob`."""
    store.ingest(
        [
            arrival(1, "visitor-1", 10),
            arrival(2, "ann", 20, anonymous_id="visitor-1"),
            arrival(3, "ann", 30, previous_id="old-ann"),
            arrival(4, "old-ann", 5),
            arrival(5, "bob", 6),
        ]
    )
    store.scores.save([score("ann"), score("bob")])
    tell(store.database, ["ann", "bob"])
    return store


def test_every_table_is_accounted_for():
    """A table is either known to name leads, by its columns, or known to hold nothing of them."""
    assert {table.name for table in NAMING} | NOTHING_OF_A_LEAD == set(METADATA.tables)
    assert not {table.name for table in NAMING} & NOTHING_OF_A_LEAD
    for table, columns in NAMING.items():
        assert set(columns) <= set(table.c.keys())


# -------------------------------------------------------------------------------------- Opting out


def test_opt_out_holds_for_all_ids(merged, privacy):
    """A lead is opted out when any of its ids is, whichever id is asked about."""
    assert not privacy.is_opted_out("ann")
    privacy.opt_out(["old-ann"], at=50, reason="letter")
    assert all(privacy.is_opted_out(one) for one in ("ann", "visitor-1", "old-ann"))
    assert not privacy.is_opted_out("bob")
    assert privacy.opted_out_of(["bob", "visitor-1", "nobody", "a\0b"]) == {"visitor-1"}
    assert privacy.lead("ann").opt_out == ("ann", 50, "letter")
    with merged.database.reading() as connection:
        assert opted_out_leads(connection) == {"ann"}
        assert opted_out_subjects(connection) == {"ann", "old-ann", "visitor-1"}


def test_ids_that_join_later_inherit(merged, privacy):
    """An id that joins a lead which is opted out must not be profiled from then on."""
    privacy.opt_out(["ann"], at=50)
    merged.ingest([arrival(9, "ann", 60, anonymous_id="visitor-2")])
    assert privacy.is_opted_out("visitor-2")
    with merged.database.reading() as connection:
        assert "visitor-2" in opted_out_subjects(connection)
    assert privacy.opted_out_of(["visitor-2"]) == {"visitor-2"}


def test_opt_out_takes_the_score_and_what_a_crm_is_to_be_told(merged, privacy):
    """No score is left when it returns, and no write-back of it is due; others keep theirs."""
    privacy.opt_out(["visitor-1"], at=50)
    assert merged.scores.of("ann") is None
    assert merged.scores.of("bob") == score("bob")
    with merged.database.reading() as connection:
        wanted = sa.select(write_backs.c.lead_id).where(write_backs.c.due_at.is_not(None))
        assert list(connection.scalars(wanted)) == ["bob"]


def test_opt_out_before_anything_is_known(privacy, store):
    """An id may be opted out before its first event; the first instant and reason stay."""
    privacy.opt_out(["later"], at=50, reason="first")
    privacy.opt_out(["later"], at=60, reason="second")
    assert privacy.lead("later").opt_out == ("later", 50, "first")
    store.ingest([arrival(1, "later", 70)])
    assert privacy.is_opted_out("later")
    with pytest.raises(UnknownLead, match="nothing is held of lead"):
        privacy.opt_out(["a\0b"], at=1)


def test_opt_in(merged, privacy):
    """Opting in takes back all of it; where there is nothing to take back it changes nothing."""
    before = everything(merged.database)
    privacy.opt_in(["ann"])
    assert everything(merged.database) == before
    privacy.opt_out(["ann"], at=50)
    privacy.opt_in(["visitor-1"])
    assert not privacy.is_opted_out("ann")
    assert privacy.lead("ann").opt_out is None


def test_training_leaves_them_out(merged, privacy):
    """The log to learn from has no event of a lead that is opted out, by any of its ids."""
    assert set(merged.log(LADDER).leads) == {"ann", "bob"}
    privacy.opt_out(["old-ann"], at=50)
    assert set(merged.log(LADDER).leads) == {"bob"}


def test_what_must_not_be_scored(merged, privacy):
    """Who is opted out, and who was erased since the events were read; nobody else."""

    def asked(as_of: int) -> set[str]:
        with merged.database.reading() as connection:
            return not_to_be_scored(connection, ["ann", "bob", "cid"], as_of)

    assert asked(100) == set()
    privacy.opt_out(["bob"], at=50)
    assert asked(100) == {"bob"}
    privacy.erase("visitor-1", at=10 * HOUR)
    assert asked(100 * HOUR) == {"bob"}
    assert asked(10 * HOUR - 1) == {"ann", "bob", "cid"}
    merged.ingest([arrival(20, "visitor-9"), arrival(21, "ann", anonymous_id="visitor-9")])
    assert asked(10 * HOUR - 1) == {"bob", "cid"}


# ------------------------------------------------------------------------------------ What is held


@pytest.mark.usefixtures("merged")
def test_lead(privacy):
    """Who a lead is is the same by any of its ids."""
    found = privacy.lead("visitor-1")
    assert (found.lead_id, found.subjects) == ("ann", ("ann", "old-ann", "visitor-1"))
    assert (found.first_seen, found.last_seen, found.events) == (5, 30, 4)
    assert [(link["kind"], link["source"]) for link in found.links] == [
        ("claim", "visitor-1"),
        ("alias", "old-ann"),
    ]
    assert privacy.lead("ann") == privacy.lead("old-ann") == found


def test_undone_links_are_history(merged, privacy):
    """A link that was undone is shown to both sides, with when."""
    merged.undo_link("claim", "visitor-1", "ann", at=77)
    assert privacy.lead("visitor-1").subjects == ("visitor-1",)
    for lead in ("visitor-1", "ann"):
        assert ("visitor-1", 77) in {
            (link["source"], link["undone_at"]) for link in privacy.lead(lead).links
        }


@pytest.mark.parametrize("id_", ["nobody", "", "a\0b", "\ud800", "x" * 1000, "<script>", "a/b"])
def test_unknown(id_, privacy):
    """Of an id that nothing is held of there is nothing to show or to erase."""
    for ask in (privacy.lead, privacy.held, privacy.models_trained_on):
        with pytest.raises(UnknownLead, match="nothing is held of lead"):
            ask(id_)
    with pytest.raises(UnknownLead, match="nothing is held of lead"):
        privacy.erase(id_, at=1)
    assert not privacy.is_opted_out(id_)


def test_export(merged, privacy):
    """An export has every row that names the lead, none of others, and JSON all through."""
    privacy.opt_out(["ann"], at=50, reason="letter")
    with merged.database.writing() as connection:  # as one that was on its way
        connection.execute(sa.insert(scores), asdict(score("ann")))
    told = privacy.export("old-ann", at=1_000_000)
    assert told == json.loads(json.dumps(told, allow_nan=False))
    assert (told["lead_id"], told["exported_at"]) == ("ann", "1970-01-01T00:00:01Z")
    assert [(event["subject"], event["message_id"]) for event in told["events"]] == [
        ("old-ann", "m4"),
        ("visitor-1", "m1"),
        ("ann", "m2"),
        ("ann", "m3"),
    ]
    assert told["events"][0]["properties"] == {"page": "old-ann's"}
    assert told["events"][0]["occurred_at"] == "1970-01-01T00:00:00.000005Z"
    assert told["scores"][0]["reasons"]["base"] == 0.5
    (notice,) = told["notifications"]
    assert notice["data"] == {"lead_id": "ann"}
    assert [(one["endpoint_id"], one["description"]) for one in notice["deliveries"]] == [
        ("e", "Slack")
    ]
    assert [one["external_id"] for one in told["write_backs"]] == ["crm-ann"]
    assert {one["id"] for one in told["identities"]} == {"ann", "old-ann", "visitor-1"}
    assert {one["kind"] for one in told["identity_links"]} == {"claim", "alias"}
    assert {one["reason"] for one in told["opt_outs"]} == {"letter"}
    assert {one["subject"] for one in told["stale"]} == {"ann", "old-ann", "visitor-1"}
    assert "bob" not in json.dumps(told)


def test_numbers_that_json_has_no_word_for(store, privacy):
    """What JSON cannot say is shown as the text that came in."""
    odd = '{"a":NaN,"b":1e999,"c":-Infinity,"d":1.5}'
    store.ingest([arrival(1, "ann", properties=odd)])
    (event,) = privacy.export("ann", at=1)["events"]
    assert event["properties"] == {"a": "NaN", "b": "1e999", "c": "-Infinity", "d": 1.5}


# ----------------------------------------------------------------------------------------- Erasing


def test_erase(merged, privacy):
    """Nothing of the lead is left in any table, whichever id it was erased by; others stay."""
    before = everything(merged.database)
    privacy.opt_out(["ann"], at=50)
    erasure = privacy.erase("visitor-1", at=60)
    assert (erasure.subjects, erasure.events, erasure.models) == (3, 4, ())
    after = everything(merged.database)
    names = ("ann", "visitor-1", "old-ann")
    for table, rows in after.items():
        assert rows <= before[table]
        assert not [row for row in rows if any(name in str(row) for name in names)], table
        gone = before[table] - rows
        assert not [row for row in gone if "bob" in str(row)], table
    with merged.database.reading() as connection:
        (kept,) = connection.execute(sa.select(erasures)).mappings()
    assert dict(kept) == {"id": erasure.id, "at": 60, "events": 4, "models": "[]"}
    with pytest.raises(UnknownLead, match="nothing is held"):
        privacy.erase("ann", at=61)


def test_a_failed_erasure_erases_nothing(merged, privacy, monkeypatch):
    """All of it goes in one transaction, or nothing of it."""
    before = everything(merged.database)

    def fail(_: object) -> str:
        raise StoreError("no more room")

    monkeypatch.setattr("features.store.privacy.json.dumps", fail)
    with pytest.raises(StoreError, match="no more room"):
        privacy.erase("ann", at=60)
    assert everything(merged.database) == before


def test_who_comes_back_is_new(merged, privacy):
    """The same messages sent again are new events of a new lead that has not opted out."""
    privacy.opt_out(["ann"], at=50)
    privacy.erase("ann", at=60)
    merged.identities.forget()
    sent_again = [arrival(2, "ann", 20, anonymous_id="visitor-1"), arrival(5, "bob", 6)]
    assert merged.ingest(sent_again) == [True, False]
    found = privacy.lead("visitor-1")
    assert (found.subjects, found.events, found.opt_out) == (("ann", "visitor-1"), 1, None)


_IDS = st.sampled_from(["a", "b", "c", "d", "u", "v", "w"])
_ARRIVALS = st.lists(
    st.tuples(_IDS, st.none() | _IDS, st.none() | _IDS, st.integers(1, 30)), min_size=1, max_size=14
)


@settings(
    max_examples=25,
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
                arrival(number, subject, at, anonymous_id=other, previous_id=former)
                for number, (subject, other, former, at) in enumerate(told)
            ]
        )
        leads = store.lead_ids()
        store.scores.save([score(lead) for lead in leads])
        tell(database, leads)
        try:
            subjects = set(privacy.lead(erased).subjects)
        except UnknownLead:
            return
        others = {lead: privacy.held(lead) for lead in leads if lead not in subjects}
        rows = {lead: store.events_of(lead) for lead in others}
        before = everything(database)
        privacy.erase(erased, at=99)
        after = everything(database)
        for table in (events, scores, identities, notifications, deliveries, write_backs):
            name = table.name
            columns = [table.c.keys().index(one) for one in NAMING.get(table, ("notification_id",))]
            kept = {
                row
                for row in before[name]
                if not {str(row[at]).removeprefix("n-") for at in columns} & subjects
            }
            assert after[name] == kept, name
        links = {row for row in before[identity_links.name] if not {row[1], row[2]} & subjects}
        assert after[identity_links.name] == links
        assert {lead: store.events_of(lead) for lead in others} == rows
        assert [privacy.held(lead).subjects for lead in others] == [
            one.subjects for one in others.values()
        ]


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
                subject = f"MARKED-{draw.randrange(3)}" if mine else f"other-{draw.randrange(30)}"
                text = json.dumps({"note": subject * draw.randrange(1, 9)})
                named = arrival(number, subject, draw.randrange(10**12), properties=text)
                some.append(named._replace(message_id=f"{subject}-{draw.random()}"))
            some.append(arrival(-number, "MARKED-0", 1, anonymous_id=f"MARKED-{number % 3}"))
            store.ingest(some)
            leads = [f"other-{draw.randrange(30)}", "MARKED-0"]
            store.scores.save([score(lead, number) for lead in leads])
        tell(database, ["MARKED-0"])
        privacy.opt_out(["MARKED-0"], at=1, reason="MARKED")
        assert _bytes_of(path).count(b"MARKED") > 100
        erasure = privacy.erase("MARKED-2", at=2)
        assert erasure.is_wiped
        assert b"MARKED" not in _bytes_of(path)
        assert b"other-7" in _bytes_of(path)


def test_a_reader_in_the_way(tmp_path, monkeypatch):
    """Where someone reads all the while the erasure holds, and says that bytes may be left."""
    monkeypatch.setattr("features.store.privacy._WIPE_MILLISECONDS", 10)
    monkeypatch.setattr("features.store.privacy._WIPE_PAUSES_SECONDS", (0.0,))
    with open_database(tmp_path / "rung.db") as database:
        store, privacy = EventStore(database), Privacy(database)
        store.ingest([arrival(1, "ann"), arrival(2, "bob")])
        with database.reading() as connection:
            assert len(connection.execute(sa.select(events)).all()) == 2
            assert not privacy.erase("ann", at=1).is_wiped
        assert privacy.erase("bob", at=2).is_wiped
        assert store.count() == 0


def test_writers_in_the_way(tmp_path):
    """Where others write all the while, nothing of theirs fails, and the file is wiped."""
    with open_database(tmp_path / "rung.db") as database, ThreadPoolExecutor(2) as pool:
        store, privacy = EventStore(database), Privacy(database)
        store.ingest([arrival(at, f"lead-{at}", properties="{}") for at in range(5)])

        def write(number: int) -> bool:
            return all(store.ingest([arrival(1000 * number + at, "bob")]) for at in range(60))

        written = [pool.submit(write, number) for number in (1, 2)]
        assert all(privacy.erase(f"lead-{at}", at=1).is_wiped for at in range(5))
        assert all(one.result() for one in written)
        assert store.count() == 120


def test_postgresql_is_not_wiped(postgresql_url):
    """On PostgreSQL an erasure does not claim what only VACUUM does."""
    with open_database(postgresql_url) as database:
        EventStore(database).ingest([arrival(1, "ann")])
        assert not Privacy(database).erase("ann", at=1).is_wiped


# ---------------------------------------------------------------------------------------- Trainings


def trained(privacy: Privacy, lead: str = "ann") -> list[str]:
    return [one.bundle for one in privacy.models_trained_on(lead)]


def test_models_trained_on_a_lead(store, privacy):
    """A model is named if it saw what was known after the lead's first event, the latest first."""
    store.ingest([arrival(1, "ann", 5, known_at=100), arrival(2, "ann", 900)])
    for bundle, until, at in (("early", 99, 500), ("first", 100, 500), ("later", 600, 700)):
        privacy.record_training(bundle, "b2b", until, at)
    privacy.record_training("before", "b2b", 10_000, 50)
    privacy.record_training("first", "b2b", 9, 9)
    assert trained(privacy) == ["later", "first"]
    assert privacy.erase("ann", at=1000).models == (
        Training("later", "b2b", 600, 700),
        Training("first", "b2b", 100, 500),
    )
    with store.database.reading() as connection:
        assert json.loads(connection.scalar(sa.select(erasures.c.models))) == ["later", "first"]


def test_models_from_when_a_lead_was_opted_out(merged, privacy):
    """A model that left the lead out is not named, unless an id of it was another lead then."""
    privacy.opt_out(["ann"], at=200)
    privacy.record_training("with", "b2b", 150, 199)
    privacy.record_training("without", "b2b", 201, 250)
    assert trained(privacy) == ["with"]
    merged.ingest([arrival(20, "visitor-2", 190)])
    merged.ingest([arrival(21, "ann", 300, anonymous_id="visitor-2")])
    assert trained(privacy) == ["without", "with"]
    privacy.record_training("after", "b2b", 400, 500)
    assert trained(privacy) == ["without", "with"]


def test_the_model_that_serves(store, privacy):
    """The serving model is named if it may have seen the lead, and once if it was recorded."""
    store.ingest([arrival(1, "ann", 100)])
    for until, expected in ((99, []), (100, ["serves"])):
        found = privacy.models_trained_on("ann", Training("serves", "b2b", until))
        assert [one.bundle for one in found] == expected
    privacy.opt_out(["ann"], at=1)
    found = privacy.models_trained_on("ann", Training("serves", "b2b", 100))
    assert found == [Training("serves", "b2b", 100)]
    privacy.record_training("serves", "b2b", 100, 200)
    assert privacy.models_trained_on("ann", Training("serves", "b2b", 100)) == []


def test_opt_outs_name_ids(privacy, database):
    """Rows of opt-outs hold the ids as they were sent, for databases of both kinds."""
    privacy.opt_out(["<script>alert(1)</script>", "ü/ß ?#%"], at=3, reason="'; DROP TABLE")
    with database.reading() as connection:
        found = {tuple(row) for row in connection.execute(sa.select(opt_outs))}
    assert found == {
        ("<script>alert(1)</script>", 3, "'; DROP TABLE"),
        ("ü/ß ?#%", 3, "'; DROP TABLE"),
    }
