"""What an import says of identities: ids in one row are linked as an identify call links them."""

from __future__ import annotations

import json
from typing import Any

from features.reading import read_table
from features.store.events import EventStore
from tests.features.events.formats.exports.vendors import Happened, segment, write_json

AT = 1_772_366_400_000_000


def calls():
    one = segment(Happened("m1", "ann", "plan_chosen", AT, {}))
    visitor = {**one, "userId": None, "messageId": "m0"}
    second = {**one, "userId": "bob", "messageId": "m2", "timestamp": "2026-03-02T09:00:00Z"}
    return visitor, one, second


def test_a_visitor_belongs_to_the_user_who_claimed_it_first(tmp_path):
    """The visitor's events are the first user's; a second one at the same device stays apart."""
    table, _ = read_table(write_json(tmp_path / "x.jsonl", calls()))
    with EventStore.open(tmp_path / "events.db") as store:
        store.append(table)
        assert store.identities.lead_of("anon-ann") == "ann"
        assert store.identities.ids_of("ann") == ["ann", "anon-ann"]
        assert store.identities.lead_of("bob") == "bob"


def test_importing_again_adds_nothing(tmp_path):
    """Files may come in any order, and twice: the store is the same."""
    visitor, one, second = calls()
    parts = [write_json(tmp_path / f"{at}.jsonl", [row]) for at, row in
             enumerate((second, visitor, one, visitor))]  # fmt: skip
    with EventStore.open(tmp_path / "events.db") as store:
        told = [store.append(read_table(part)[0]).accepted for part in parts]
        assert told == [1, 1, 1, 0]
        assert store.identities.lead_of("anon-ann") == "ann"
        assert store.count() == 3


def test_events_without_an_id_of_theirs(tmp_path):
    """An export without message ids, imported again beside a newer one, is known again."""
    row: dict[str, Any] = {
        "event_name": "seen", "event_timestamp": str(AT), "user_pseudo_id": "p", "user_id": None,
        "event_params": [],
    }  # fmt: skip
    later = {**row, "user_id": "ann", "event_timestamp": str(AT + 1)}
    first = write_json(tmp_path / "1.jsonl", [row])
    both = write_json(tmp_path / "2.jsonl", [row, later])
    assert json.loads(both.read_text().splitlines()[1])["user_id"] == "ann"
    with EventStore.open(tmp_path / "events.db") as store:
        store.append(read_table(first)[0])
        assert store.append(read_table(both)[0]).accepted == 1
        assert store.identities.lead_of("p") == "ann"


def test_leads_that_are_one_are_scored_anew(store, tmp_path):
    """Also where all leads were scored after the events had come, and before the ids were one."""
    table, _ = read_table(write_json(tmp_path / "x.jsonl", calls()))

    def score_all(_):
        store.scores.finish_full_run({}, store.scores.full_run()[1])

    store.append(table, score_all)
    assert store.lead_of("anon-ann") == "ann"
    assert store.scores.full_run()[1] != ""
    store.append(table, score_all)
    assert store.scores.full_run()[1] == ""  # nothing has changed since
