"""The log of a store is that of the file it was filled from, whole or of some leads."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from features.errors import EventsError
from features.events.of_lead import log_of_rows
from features.reading import read_events
from features.store.arrivals import Arrival, Event
from features.store.events import Appended
from tests.features.store.scene import COLUMNS, LADDER, assert_same_log, imported


def test_round_trip(store, file, database_url):
    """A store gives the log that the file it was filled from gives, by object and by URL."""
    expected, _ = read_events(file, LADDER)
    assert imported(store, file) == Appended(5, 0)
    assert_same_log(store.log(LADDER), expected)
    log, report = read_events(database_url, LADDER)
    assert_same_log(log, expected)
    assert (report.rows, report.accepted) == (5, 5)


def test_one_lead_is_the_same_by_any_way(store, file):
    """The rows of a lead, its log by id, and its part of the whole log say the same."""
    imported(store, file)
    by_id = store.log_of(["ann", "ann", "nobody"], LADDER)
    assert_same_log(by_id, log_of_rows("ann", store.events_of("ann"), COLUMNS))
    whole = store.log(LADDER)
    part = whole.only(np.array([lead == "ann" for lead in whole.leads]))
    np.testing.assert_array_equal(part.numbers, by_id.numbers)
    assert len(store.log_of([], LADDER)) == 0


def test_until(store, file):
    """A log up to an instant holds what was known then, the instant included."""
    imported(store, file)
    log = store.log(LADDER, until=datetime(2026, 3, 1, tzinfo=UTC))
    assert (log.leads, len(log)) == (("ann",), 3)


def test_values_that_say_no_number_are_absent(store):
    """What came in unchecked cannot break a log; log and request path agree about it."""
    odd = '{"minutes":"few","own_data":"1e999","section":7,"watched_fraction":[1]}'
    store.append_events([Event("m", "ann", "view", 1, 1, odd)])
    log = store.log(LADDER)
    assert np.isnan(log.numbers).all()
    assert_same_log(log, log_of_rows("ann", store.events_of("ann"), COLUMNS))
    assert log.text_values[COLUMNS.texts.index("section")] == ("7",)


def test_events_of_a_merged_lead_from_before_1970(store):
    """What a lead's own id brought keeps its instants, whichever way it is read."""
    store.append_events([Event("m", "user", "view", -9, -5), Event("n", "anon", "view", -8, -4)])
    store.ingest([Arrival("o", "user", "view", 7, 7, "{}", "anon", None)])
    log = store.log_of(["anon"], LADDER)
    assert log.leads == ("user",)
    assert (log.occurred.tolist(), log.known.tolist()) == ([-9, -8, 7], [-5, 7, 7])
    assert_same_log(log, store.log(LADDER))
    assert_same_log(log, log_of_rows("user", store.events_of("user"), COLUMNS))


def test_an_empty_store(store, database_url):
    """A store without events has no log to read."""
    assert store.count() == 0
    with pytest.raises(EventsError, match="there is no event in it"):
        read_events(database_url, LADDER)
