"""What was kept of two people as of one lead goes with the link that had joined them."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from features.store.events import EventStore
from features.store.identities.parting import NO_RECORD
from features.store.identities.rule import ALIAS, CLAIM
from features.store.kept.notifications import Notice, add_notices
from features.store.privacy import Privacy
from features.store.schema import METADATA, deliveries, endpoints, write_backs
from tests.features.store.identities.scene import arrival
from tests.features.store.privacy.scene import score, tell

BOTH = json.dumps({"ids": ["ann", "bob", "old-bob"], "traits": {"town": "Bobville"}})


@pytest.fixture
def joined(store: EventStore) -> EventStore:
    """Ann and Bob, who were taken for one, were scored as one, and were told of as one."""
    sent = [
        arrival("m1", "ann"),
        arrival("m2", "bob", previous_id="old-bob"),
        arrival("m3", "carl"),
        arrival("m4", "ann", 20, previous_id="bob"),
    ]
    store.ingest(sent)
    assert store.ids_of("bob") == ["ann", "bob", "old-bob"]
    store.scores.save([score("ann"), score("carl")])
    tell(store.database, ["ann", "old-bob", "carl"])
    include(store, BOTH)
    return store


def include(store: EventStore, extra: str) -> None:
    with store.database.writing() as connection:
        connection.execute(sa.update(deliveries).values(extra=extra))


def extras(store: EventStore) -> dict[str, str]:
    wanted = sa.select(deliveries.c.notification_id, deliveries.c.extra)
    with store.database.reading() as connection:
        return {row[0]: row[1] for row in connection.execute(wanted)}


def records(store: EventStore) -> dict[str, tuple[str, str | None, int | None]]:
    columns = (write_backs.c[name] for name in ("lead_id", "external_id", "wanted", "due_at"))
    with store.database.reading() as connection:
        return {lead: tuple(row) for lead, *row in connection.execute(sa.select(*columns))}


def test_undone(joined):
    """No delivery, no record of a CRM and no score is of both any more; others stay as they are."""
    joined.undo_link(ALIAS, "bob", "ann", undone_at=99)
    assert extras(joined) == {"n-ann": "{}", "n-old-bob": "{}", "n-carl": BOTH}
    assert records(joined) == {
        "ann": (NO_RECORD, None, None),
        "bob": (NO_RECORD, None, None),
        "carl": ("crm-carl", '{"score": "carl"}', 5),
    }
    assert (joined.scores.of("ann"), joined.scores.of("bob")) == (None, None)
    assert joined.scores.of("carl") is not None


def test_what_is_news_once_they_are_parted(joined):
    """That they are is none; what came of one of them, and waits, still is."""
    served = [one for one in joined.marks.take(10, 100, 1) if one.sent_id == "ann"]
    with joined.database.writing() as connection:
        joined.marks.remove(connection, served)
    joined.undo_link(ALIAS, "bob", "ann", undone_at=99)
    marks = {one.sent_id: one for one in joined.marks.take(10, 10**9, 1)}
    assert [marks[one].is_news for one in ("ann", "bob", "carl")] == [False, True, True]
    assert [marks[one].is_again for one in ("ann", "bob", "carl")] == [True, True, False]
    with joined.database.reading() as connection:
        assert joined.marks.again(connection) == ["ann", "bob"]
        assert joined.marks.news_since(connection, ["ann", "bob"]) == {"bob": marks["bob"].since}


def test_whoever_follows_scores_is_told_that_one_is_gone(joined):
    """The score that both had together has no place in anybody's copy of the scores."""
    place = joined.changes.present()
    joined.undo_link(ALIAS, "bob", "ann", undone_at=99)
    joined.changes.settle()
    part = joined.changes.part(place, joined.changes.present(place), 9)
    assert [(one.lead_id, one.score) for one in part.changes] == [("ann", None)]


def test_a_crm_that_refused_both_is_tried_at_once(joined):
    """What kept the record of both from being written counts for neither, and nobody has it."""
    with joined.database.writing() as connection:
        connection.execute(sa.update(write_backs).values(attempts=7, leased_until=10**9))
    joined.undo_link(ALIAS, "bob", "ann", undone_at=99)
    columns = write_backs.c["lead_id", "attempts", "leased_until"]
    with joined.database.reading() as connection:
        rows = connection.execute(sa.select(*columns).order_by(write_backs.c.lead_id)).all()
    assert [tuple(row) for row in rows] == [("ann", 0, 0), ("bob", 0, 0), ("carl", 7, 10**9)]


@pytest.mark.parametrize(("gone", "stays"), [("ann", "bob"), ("bob", "ann")])
def test_one_of_both_is_erased(joined, gone, stays):
    """Then nothing names it any more, nor tells what was known of it."""
    joined.undo_link(ALIAS, "bob", "ann", undone_at=99)
    privacy = Privacy(joined.database)
    privacy.erase(gone, 100)
    include_of_carl = {"n-carl": BOTH}
    assert {one: text for one, text in extras(joined).items() if text != "{}"} == include_of_carl
    with joined.database.reading() as connection:
        kept = [
            str(tuple(row))
            for table in METADATA.sorted_tables
            if table is not deliveries
            for row in connection.execute(sa.select(table))
        ]
    assert not [row for row in kept if gone in row]
    told = privacy.export(stays, exported_at=1)
    assert gone not in json.dumps(told)


def test_a_link_that_joins_nothing(joined):
    """Where both are one lead by another link as well, all stays as it was."""
    joined.ingest([arrival("m5", "ann", previous_id="old-bob")])
    before = records(joined)
    joined.undo_link(ALIAS, "bob", "ann", undone_at=99)
    assert joined.ids_of("bob") == ["ann", "bob", "old-bob"]
    assert set(extras(joined).values()) == {BOTH}
    assert records(joined) == before
    assert joined.scores.of("ann") is not None


def test_somebody_claimed_a_visitor_before(store):
    """A claim that is older than the one that stood parts them likewise, as it comes late."""
    store.ingest([arrival("m1", "visitor"), arrival("m2", "ann", 20, anonymous_id="visitor")])
    store.ingest([arrival("m3", "bob", 5)])
    tell(store.database, ["ann", "bob"])
    include(store, BOTH)
    store.ingest([arrival("m4", "bob", 15, anonymous_id="visitor")])
    assert store.ids_of("bob") == ["bob", "visitor"]
    assert extras(store) == {"n-ann": "{}", "n-bob": BOTH}
    assert records(store) == {
        "ann": (NO_RECORD, None, None),
        "bob": ("crm-bob", '{"score": "bob"}', 5),
    }


def test_an_id_without_events(store):
    """An id that is left without any can have no score: no CRM waits to be told of it."""
    store.ingest([arrival("m1", "ann", anonymous_id="visitor")])
    tell(store.database, ["ann"])
    store.undo_link(CLAIM, "visitor", "ann", undone_at=99)
    assert set(records(store)) == {"ann"}


def test_many_ids(store):
    """However many there are, each goes with the id that it hangs on."""
    visitors = [f"v{at}" for at in range(1200)]
    store.ingest([arrival(one, "bob", anonymous_id=one) for one in visitors])
    store.ingest([arrival("m1", "ann"), arrival("m2", "ann", previous_id="bob")])
    with store.database.writing() as connection:
        row: dict[str, object] = {
            "id": "e",
            "url": "https://x.test",
            "description": "",
            "types": "[]",
        }
        row |= {"secret": "whsec_", "created_at": 1}
        connection.execute(sa.insert(endpoints).values(row))
        add_notices(connection, [Notice("n1", "step.completed", "v1199", 20, "{}")])
    include(store, BOTH)
    store.undo_link(ALIAS, "bob", "ann", undone_at=99)
    assert len(store.ids_of("bob")) == 1201
    assert extras(store) == {"n1": "{}"}
