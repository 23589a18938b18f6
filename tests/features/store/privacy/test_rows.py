"""Which tables hold rows of a lead, and what a row says as JSON."""

from __future__ import annotations

from features.store.privacy.rows import NAMING
from features.store.schema import METADATA
from tests.features.store.privacy.scene import arrival

NOTHING_OF_A_LEAD = {
    *("erasures", "trainings", "rep_minutes", "endpoints", "deliveries", "api_keys", "sessions"),
    *("leases", "rung_meta", "reports", "offers", "suppressions"),
    *("recalibrations", "champions", "experiments", "kept_columns"),
}
"""`deliveries` belong to notifications and go with them; `suppressions` are keyed hashes; whatever
stands in `kept_columns` goes with any erasure."""


def test_every_table_is_accounted_for():
    """A table is either known to name leads, by its columns, or known to hold nothing of them."""
    assert {table.name for table in NAMING} | NOTHING_OF_A_LEAD == set(METADATA.tables)
    assert not {table.name for table in NAMING} & NOTHING_OF_A_LEAD
    for table, columns in NAMING.items():
        assert set(columns) <= set(table.c.keys())


def test_numbers_that_json_has_no_word_for(store, privacy):
    """What JSON cannot say is shown as the text that came in."""
    odd = '{"a":NaN,"b":1e999,"c":-Infinity,"d":1.5}'
    store.ingest([arrival(1, "ann", properties=odd)])
    (event,) = privacy.export("ann", exported_at=1)["events"]
    assert event["properties"] == {"a": "NaN", "b": "1e999", "c": "-Infinity", "d": 1.5}
