"""Contact data where a file may hold none: the row is bad, or it is taken out of an address."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from features.events.formats.checks import checked
from features.events.formats.import_report import Rejects
from features.events.formats.row_batch import Reading, RowBatch
from features.events.log import LogColumns
from features.events.personal_data import contact_rule, personal_place
from features.events.urls import without_contact
from features.ladder.source import ImportColumns
from features.reading import read_table
from tests.features.events.formats.exports.vendors import Happened, mixpanel, posthog, segment
from tests.features.events.scene import LADDER, NOON, as_csv, as_jsonl, event, write, write_parquet

RULE = contact_rule(LADDER)
FIRST, LATER = "page_viewed", "session_booked"
ADDRESS = "https://x.example/a?email=ann%40example.com&plan=team"
CLEANED = "https://x.example/a?email=redacted&plan=team"


def of_format(path, rows):
    """The same rows in each format."""
    yield write(path / "e.csv", as_csv(rows))
    yield write(path / "e.jsonl", as_jsonl(rows))
    yield write_parquet(path / "e.parquet", rows)


REFUSED = [
    ({"email": "ann@example.com"}, "email"),
    ({"note": "call +49 30 1234567"}, "note"),
    ({"mobile": 1701234567}, "mobile"),
    ({"properties": '{"form": {"fields": [{"Email": "x"}]}}'}, "form.fields.0.Email"),
    ({"properties": '{"note": "ann@example.com"}', "minutes": 3}, "note"),
]


@pytest.mark.parametrize(("said", "place"), REFUSED)
def test_a_row_of_the_first_step_is_bad(tmp_path, said, place):
    """It is told by line and reason, and the value itself is not repeated; the others stay."""
    rows = [event(minutes=1), event(**said), event(name=LATER, **said), event(name="identify")]
    for file in of_format(tmp_path, rows):
        table, report = read_table(file, contact=RULE)
        assert table.name.to_pylist() == [FIRST, LATER, "identify"]
        ((reason, count),) = report.rejected.items()
        assert (reason, count) == (f"personal data: {RULE.why_none(FIRST, is_anonymous=False)}", 1)
        line = 3 if file.suffix == ".csv" else 2
        assert report.examples[reason] == (f"{file}:{line}: property = {place!r}",)
        assert report.redacted == {}
        everything, report = read_table(file)
        assert (len(everything), report.redacted) == (4, None)


NOTHING = [{"mobile": 0}, {"email": ""}, {"phone": True}, {"order": "0012345678"}]


@pytest.mark.parametrize("said", NOTHING)
def test_what_says_nothing_of_a_person(tmp_path, said):
    """An empty value, a truth value, and digits alone."""
    for file in (write(tmp_path / "e.csv", as_csv([event(**said)])),
                 write(tmp_path / "e.jsonl", as_jsonl([event(**said)]))):  # fmt: skip
        assert read_table(file, contact=RULE, strict=True)[1].accepted == 1


def test_it_is_taken_out_of_addresses(tmp_path):
    """Of all columns of a row, and counted by where it stood; of other events it stays."""
    rows = [
        event(url=ADDRESS, asset="a"),
        event(url=ADDRESS, ref="?phone=030+1234567"),
        event(url="/pricing?utm=1"),
        event(name=LATER, url=ADDRESS),
        event(properties=json.dumps({"page": {"url": ADDRESS}})),
    ]
    why = RULE.why_none(FIRST, is_anonymous=False)
    for file in of_format(tmp_path, rows):
        table, report = read_table(file, contact=RULE, needs=LogColumns((), ("url",)), strict=True)
        kept = [json.loads(text) for text in table.property_texts()]
        assert [one.get("url") for one in kept] == [
            *(CLEANED, CLEANED, "/pricing?utm=1", ADDRESS, None)
        ]
        assert table.texts["url"].to_pylist() == [one.get("url") for one in kept]
        assert kept[1]["ref"] == "?phone=redacted"
        assert kept[4] == {"page": {"url": CLEANED}}
        said = f"contact data taken out of an address: {why}"
        first = 2 if file.suffix == ".csv" else 1
        places = ("url", "ref and url", "page.url")
        lines = zip((first, first + 1, first + 4), places, strict=True)
        assert report.redacted == {said: 3}
        assert report.lines()[1:] == [
            f"3 rows kept, {said}",
            *(f"  {file}:{line}: {place}" for line, place in lines),
        ]


def test_a_row_that_is_bad_is_not_said_to_be_kept(tmp_path):
    """Neither for the data that is left in it, nor for another fault."""
    rows = [event(url=ADDRESS, email="ann@example.com"), event(url=ADDRESS, occurred_at="x")]
    for file in (
        write(tmp_path / "e.csv", as_csv(rows)),
        write(tmp_path / "e.jsonl", as_jsonl(rows)),
    ):
        _, report = read_table(file, contact=RULE)
        assert (report.accepted, report.redacted, sum(report.rejected.values())) == (0, {}, 2)


def test_a_column_of_objects(tmp_path):
    """As Parquet has them: each value is looked at."""
    table = pa.table(
        {
            "lead_id": ["ann", "bob"],
            "name": [FIRST, FIRST],
            "occurred_at": [NOON, NOON],
            "page": [{"url": ADDRESS, "tags": ["a"]}, {"url": "/", "tags": ["ann@example.com"]}],
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "e.parquet")
    found, report = read_table(tmp_path / "e.parquet", contact=RULE)
    assert [json.loads(text) for text in found.property_texts()] == [
        {"page": {"tags": ["a"], "url": CLEANED}}
    ]
    assert sum(report.rejected.values()) == 1


MAPPED = ImportColumns(
    lead=("user",), anonymous_id=("visitor",), event="what", occurred_at="when"
)  # fmt: skip
ROW = {"user": None, "what": "opened", "when": NOON}
HAPPENED = Happened("m1", "ann", "opened", 1_772_366_400_000_000, {"email": "a@b.example"})
UNKNOWN = [
    (MAPPED, {**ROW, "user": "ann", "visitor": "v1"}, False),
    (MAPPED, {**ROW, "visitor": "v1"}, True),
    (MAPPED, {**ROW, "visitor": "v1", "what": LATER}, False),
    (MAPPED, {**ROW, "visitor": "v1", "what": "identify"}, False),
    (None, segment(HAPPENED), False),
    (None, {**segment(HAPPENED), "userId": None}, True),
    (None, posthog(HAPPENED), False),
    (None, posthog(HAPPENED) | {"distinct_id": "d", "properties": {"$device_id": "d"}}, True),
    (
        None,
        posthog(HAPPENED)
        | {"distinct_id": "d", "properties": {"$device_id": "d", "$is_identified": True}},
        False,
    ),
    (None, posthog(HAPPENED) | {"properties": {"$process_person_profile": False}}, True),
    (None, mixpanel(HAPPENED), False),
]


@pytest.mark.parametrize(("layout", "row", "is_unknown"), UNKNOWN)
def test_who_has_not_said_who_they_are(tmp_path, layout, row, is_unknown):
    """What a row says that names a device alone is as of the first step, whatever the event."""
    if "properties" in row:
        row = {**row, "properties": {**row["properties"], "email": "ann@example.com"}}
    else:
        row = {**row, "email": "ann@example.com"}
    file = write(tmp_path / "e.jsonl", as_jsonl([row]))
    _, report = read_table(file, layout=layout, contact=RULE)
    assert report.rejected == (
        {f"personal data: {RULE.why_none('opened', is_anonymous=True)}": 1} if is_unknown else {}
    )


words = st.sampled_from(
    [
        *("/", "?", "&", "=", "#", ";", "email", "first", "name", "x", "a@b.example", "@", "r=1"),
        *("%40", "+49", "1701234567", "+", "0301234567", "030 1234567", ".", "https://", "<"),
    ]
)
texts = st.lists(words, max_size=8).map("".join)


@example([{"u": "/a?q=1&first/name=ann"}])
@example([{"u": "?x=1?email=2"}])
@example([{"u": "/a#email=2"}])
@given(
    st.lists(st.dictionaries(texts.filter(bool), texts | st.integers(0, 3), max_size=3), max_size=4)
)
def test_it_is_what_the_service_finds(values):
    """The quick look finds all that the slow one does, in columns and in objects alike."""
    expected, bad = [], 0
    for one in values:
        clean, _ = without_contact(one)
        is_bad = personal_place(clean) is not None
        bad += is_bad
        expected += [] if is_bad else [{k: v for k, v in clean.items() if v != ""}]
    rows = len(values)
    base = {"lead_id": "ann", "name": FIRST, "occurred_at": NOON}
    columns = {key: pa.array([value] * rows, pa.string()) for key, value in base.items()}
    batch = RowBatch("f", np.arange(rows), columns, {}, values, lambda at: at)
    rejects = Rejects()
    table = checked(batch, Reading(LogColumns(), None, contact=RULE), rejects)
    kept = [json.loads(text) for text in table.property_texts()]
    assert [{k: v for k, v in one.items() if v != ""} for one in kept] == expected
    assert rejects.total == bad
    flat = [
        {"u": value} for one in values for value in one.values() if type(value) is str and value
    ]
    column = pa.array([one["u"] for one in flat], pa.string())
    columns = {key: pa.array([value] * len(flat), pa.string()) for key, value in base.items()}
    lines = np.arange(len(flat))
    batch = RowBatch("f", lines, columns, {"u": column}, None, lambda at: at)
    table = checked(batch, Reading(LogColumns(), None, contact=RULE), Rejects())
    judged = [without_contact(one)[0] for one in flat]
    good = [one["u"] for one in judged if personal_place(one) is None]
    assert table.flat["u"].to_pylist() == good
