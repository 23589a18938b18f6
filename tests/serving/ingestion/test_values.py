"""One rule at every door: what a request may not say is no row of a file either, and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import count
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.errors import EventsError
from features.events.log import LogColumns
from features.ladder.file import read_ladder
from features.reading import read_events, read_table
from features.signals.table import ladder_columns
from tests.profiles import examples
from tests.serving.ingestion.ingesting import NOW, ingesting

LADDER = read_ladder("b2b")
NEEDS = LogColumns(*ladder_columns(LADDER))
new_id = partial(next, (f"door-{number}" for number in count()))


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with ingesting(tmp_path_factory.mktemp("doors"), LADDER) as running:
        yield running.client


def event(**changes):
    told = {"message_id": new_id(), "lead_id": "ann", "name": "tool_used", "occurred_at": NOW}
    return {**told, **changes}


def is_sent(client, told):
    return client.post("/v1/events", json={"events": [told]}).json()["accepted"] == 1


def is_imported(path, told):
    """Whether `rung import` takes it; with a row beside it, and alone."""
    verdicts = set()
    for rows in ([told], [event(), told], [told, event()]):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        table, _ = read_table(path, needs=NEEDS, names=LADDER.events)
        verdicts.add(len(table) == len(rows))
    (verdict,) = verdicts
    return verdict


def is_trained_on(path, told):
    """Whether `rung train` takes it."""
    path.write_text("".join(json.dumps(row) + "\n" for row in [event(), told]))
    return len(read_events(path, LADDER)[0]) == 2


VALUES: list[dict[str, Any]] = [
    *[{"lead_id": one} for one in ("a b", "é", "x" * 256, " a ", "a\u2028b", "+49", "a/b")],
    *[{"lead_id": one} for one in ("a\nb", "a\0", "\x7f", "  ", "\u3000", "x" * 257, "\ta")],
    *[{"lead_id": one} for one in (True, {"id": 1}, ["a"], 1.5, None, "")],
    *[{"message_id": one} for one in ("m" * 99, "a\nb", " ", {"a": 1}, False)],
    *[{"name": one} for one in ("n" * 200, "n" * 201, "a\tb", "", 5, ["a"], True)],
    *[{"occurred_at": f"{year}-01-01T00:00:00Z"} for year in ("0000", "0001", "1969", "1970")],
    *[{"occurred_at": f"{year}-12-31T23:59:59Z"} for year in ("1969", "2199", "2200", "9999")],
    *[{"occurred_at": one} for one in ("1970-01-01T00:00:00+01:00", "2199-12-31T23:59:59-01:00")],
    *[{"occurred_at": one} for one in ("2026-03-01 12:00:00 UTC", "2026-03-01 12:00 GMT", "UTC")],
    *[{"occurred_at": one} for one in ("20260301", "1772366400", 1772366400, "2026-03-01", "x")],
    *[{"properties": {"minutes": one}} for one in (0, "4.5", -1, "few", "inf", [1], True, None)],
    *[{"properties": {"watched_fraction": one}} for one in (1, 1.5, -0.1, "x", "0.5")],
    {"name": "consultation_outcome", "properties": {"fit": "Ann will call"}},
    {"name": "consent", "properties": {"granted": "later"}},
    {"name": "consent", "properties": {"granted": "yes", "channel": "email"}},
]


@pytest.mark.parametrize("changes", VALUES, ids=str)
def test_each_value(client, tmp_path, changes):
    """By request, import and training there is one verdict, beside a good row as alone."""
    told = event(**changes)
    verdict = is_sent(client, told)
    assert is_imported(tmp_path / "e.jsonl", {**told, "message_id": told["message_id"]}) == verdict
    assert is_trained_on(tmp_path / "e.jsonl", told) == verdict


def test_both_verdicts_occur(client):
    """A test of one verdict would not see a door that is always open."""
    assert {is_sent(client, event(**changes)) for changes in VALUES} == {True, False}


ids = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=4),
    st.text(st.sampled_from("\0\n\x7f\x85\u2028 a"), max_size=4),
    *(
        st.integers(-(2**63), 2**63),
        st.floats(allow_nan=False, allow_infinity=False),
        st.booleans(),
        st.none(),
        st.lists(st.integers(), max_size=1),
    ),
)


@settings(
    deadline=None,
    max_examples=examples(60),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(ids)
def test_any_id(client, tmp_path, told):
    """A request without an id is refused as one; our own route takes texts alone."""
    if isinstance(told, str):
        sent = is_sent(client, event(lead_id=told))
    else:
        call = {"type": "track", "event": "tool_used", "userId": told}
        body = {"batch": [{**call, "messageId": new_id()}]}
        sent = client.post("/v1/batch", json=body).json()["accepted"] == 1
    assert is_imported(tmp_path / "e.jsonl", event(lead_id=told)) == sent


# --------------------------------------------------------------------------------- Types of columns


def parquet(path, **columns):
    """A table of two rows: the one in question, and a good one before it."""
    whole = {
        "lead_id": ["ann", "bob"],
        "name": ["tool_used"] * 2,
        "occurred_at": pa.array([datetime(2026, 3, 1, tzinfo=UTC)] * 2),
        **columns,
    }
    pyarrow.parquet.write_table(pa.table(whole), path)
    return read_table(path, needs=NEEDS)


@pytest.mark.parametrize(
    ("column", "ids_", "reason"),
    [
        (pa.array([b"ann", b"bob"]), ["ann", "bob"], ""),
        (pa.array([b"ann", b"b\xfcb"]), ["ann"], "bytes that are no UTF-8 text"),
        (pa.array([b"ann", b"b\0b"]), ["ann"], "lead_id is not a text of 1 to 256"),
        (pa.array([b"ann", b"bob"], pa.large_binary()), ["ann", "bob"], ""),
        (pa.array([b"ann", b"bob"], pa.binary(3)), ["ann", "bob"], ""),
        (pa.array([b"ann", b"bob"]).dictionary_encode(), ["ann", "bob"], ""),
        (pa.array([1, 2**62]), ["1", str(2**62)], ""),
        (pa.array([1.0, 2.5]), ["1"], "an id that is no text and no whole number"),
        (pa.array([1.0, float("nan")]), ["1"], "missing lead_id"),
        (pa.array([Decimal("1"), Decimal("20")]), ["1", "20"], ""),
        (pa.array([Decimal("1.0"), Decimal("2.5")]), ["1"], "an id that is no text and no"),
        (pa.array([True, None]), [], "an id that is no text and no whole number"),
        (pa.array([{"id": "a"}, None]), [], "an id that is no text and no whole number"),
        (pa.array([datetime(2026, 3, 1, tzinfo=UTC)] * 2), [], "an id that is no text and no"),
        (pa.array([UUID(int=1).bytes] * 2, pa.uuid()), [str(UUID(int=1))] * 2, ""),
    ],
)
def test_types_of_ids(tmp_path, column, ids_, reason):
    """Bytes are text by UTF-8, whole numbers are ids; a truth value or an object is none."""
    table, report = parquet(tmp_path / "e.parquet", lead_id=column)
    assert table.lead_id.to_pylist() == ids_
    assert sum(report.rejected.values()) == 2 - len(ids_)
    assert any(found.startswith(reason) for found in report.rejected) or not reason


@pytest.mark.parametrize(
    ("column", "stored"),
    [
        (pa.array([Decimal("12.50"), Decimal("-3.00")]), ['{"x":12.5}', '{"x":-3}']),
        (pa.array([b"a", b"\xc3\xa9"]), ['{"x":"a"}', '{"x":"é"}']),
        (pa.array([[b"a"], None]), ['{"x":["a"]}', "{}"]),
        (pa.array([{"y": b"a"}, {"y": None}]), ['{"x":{"y":"a"}}', '{"x":{"y":null}}']),
    ],
)
def test_types_of_properties(tmp_path, column, stored):
    """What JSON has no type for is kept as the number or the text that it is."""
    table, report = parquet(tmp_path / "e.parquet", x=column)
    assert (table.property_texts(), report.rejected) == (stored, {})


def test_times_of_properties(tmp_path):
    """One that no calendar has makes its row a bad one; one long ago is a property as any other."""
    times = pa.array([-(2**41), 2**60], pa.int64()).cast(pa.timestamp("ms"))
    for column in (times, pa.array([[times[0]], [times[1]]], pa.list_(times.type))):
        table, report = parquet(tmp_path / "e.parquet", x=column)
        assert table.lead_id.to_pylist() == ["ann"]
        assert "1900" in table.property_texts()[0]
        assert report.rejected == {"a time that no calendar has": 1}


def test_bytes_within_a_property(tmp_path):
    """One that is no text makes its row a bad one, however deep it lies."""
    for column in (pa.array([[b"a"], [b"\xff"]]), pa.array([{"y": b"a"}, {"y": b"\xff"}])):
        table, report = parquet(tmp_path / "e.parquet", x=column)
        assert table.lead_id.to_pylist() == ["ann"]
        assert report.rejected == {"bytes that are no UTF-8 text": 1}


DAY = datetime(2026, 3, 1, tzinfo=UTC)
MICROSECONDS = int(DAY.timestamp()) * 1_000_000


@pytest.mark.parametrize("zone", ["UTC", None])
@pytest.mark.parametrize(
    ("unit", "ticks"),
    [
        ("ms", MICROSECONDS),
        ("us", -1),
        ("ns", -1),
        ("us", 2**62),
        ("ms", 2**62),
        ("ms", -(2**62)),
    ],
)
def test_a_wrong_unit(tmp_path, unit, ticks, zone):
    """A time far outside is a bad row and says what may be wrong; it does not come round."""
    right = MICROSECONDS * {"s": 1, "ms": 1000, "us": 10**6, "ns": 10**9}[unit] // 10**6
    column = pa.array([right, ticks], pa.int64()).cast(pa.timestamp(unit, zone))
    path = tmp_path / "e.parquet"
    columns = {"lead_id": ["ann", "bob"], "name": ["view"] * 2, "occurred_at": column}
    pyarrow.parquet.write_table(pa.table(columns), path)
    table, report = read_table(path, assume_timezone="Europe/Berlin")
    assert table.lead_id.to_pylist() == ["ann"]
    (reason,) = report.rejected
    assert reason == "time outside the years 1970 to 2199 (is its unit right?)"


def test_the_edge_in_a_zone(tmp_path):
    """A wall clock that shows 1970 may stand before it: the instant counts."""
    path = tmp_path / "e.csv"
    for local, count_ in (("1970-01-01T00:30:00", 0), ("1970-01-01T01:30:00", 1)):
        path.write_text(f"lead_id,name,occurred_at\nann,view,{local}\n")
        assert len(read_table(path, assume_timezone="Europe/Berlin")[0]) == count_
    edge = datetime(1970, 1, 1) + timedelta(minutes=30)  # noqa: DTZ001 its point
    table, _ = parquet(tmp_path / "e.parquet", occurred_at=pa.array([edge] * 2))
    assert len(table) == 0


def test_nothing_accepted(tmp_path):
    """A log of which nothing will do is an error that shows the reasons."""
    path = tmp_path / "e.jsonl"
    path.write_text(json.dumps(event(occurred_at="1969-01-01T00:00:00Z")) + "\n")
    with pytest.raises(EventsError, match=r"its only row was refused: .*\n  0 of 1 row accepted"):
        read_events(path, LADDER)
