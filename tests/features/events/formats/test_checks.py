"""Rows that are no events: each is counted by its reason and shown; the others stay."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet
import pytest

from features.reading import read_table
from tests.features.events.scene import LADDER, NOON, NOON_US, as_csv, as_jsonl, event, read, write

BAD = [
    (event(lead_id=None), "missing lead_id", "lead_id is absent"),
    (event(lead_id=""), "missing lead_id", "lead_id is absent"),
    (event(lead_id="undefined"), "lead_id of nobody", "lead_id = 'undefined'"),
    (event(lead_id=" NaN"), "lead_id of nobody", "lead_id = ' NaN'"),
    (event(lead_id="{{ user.id }}"), "lead_id of nobody", "lead_id = '{{ user.id }}'"),
    (event(name=None), "missing name", "name is absent"),
    (event(occurred_at=None), "missing occurred_at", "occurred_at is absent"),
    (event(occurred_at="2026-03-01T12:00:00"), "naive time (", "'2026-03-01T12:00:00'"),
    (event(occurred_at="1 March"), "unreadable time", "occurred_at = '1 March'"),
    (event(occurred_at="2026-13-01T00:00:00Z"), "unreadable time", "2026-13-01"),
    (event(occurred_at="1772366400"), "number as time (", "1772366400"),
    (event(occurred_at="20260301"), "number as time (", "20260301"),
    (event(known_at="yesterday"), "unreadable time", "known_at = 'yesterday'"),
    (event(minutes="a few"), "text where the ladder reads a number", "minutes = 'a few'"),
    (event(minutes="inf"), "number that is not finite", "minutes = 'inf'"),
    (event(minutes="1e400"), "number that is not finite", "minutes = '1e400'"),
    (event(watched_fraction=-0.5), "negative duration or share", "watched_fraction = "),
    (event(properties='{"minutes": -1}'), "negative duration or share", "minutes = -1"),
    (event(properties='{"minutes": "x"}'), "text where the ladder reads", "minutes = 'x'"),
    (event(properties="{"), "broken JSON", "properties = '{'"),
    (event(properties="[1]"), "broken JSON", "properties = '[1]'"),
]


@pytest.mark.parametrize(("row", "reason", "value"), BAD)
def test_each_bad_row(tmp_path, row, reason, value):
    """A bad row is counted by its reason and shown with its place and value; the others stay."""
    good = event(known_at=NOON, minutes=1, watched_fraction=1, properties='{"own_data": true}')
    for file, line in (
        (write(tmp_path / "e.csv", as_csv([good, row])), 3),
        (write(tmp_path / "e.jsonl", as_jsonl([good, row])), 2),
    ):
        log, report = read(file)
        assert (len(log), report.rows, report.accepted) == (1, 2, 1)
        ((found, count),) = report.rejected.items()
        assert (found.startswith(reason), count) == (True, 1)
        (example,) = report.examples[found]
        assert example.startswith(f"{file}:{line}: ")
        assert value.strip("'") in example


ANSWERS = [
    (event(name="consultation_outcome", fit="not a fit"), ""),
    (event(name="consultation_outcome", fit="0"), ""),
    (event(name="consultation_outcome", note="held"), ""),
    (event(name="consent", granted="true", properties='{"channel": "email"}'), ""),
    (event(name="page_viewed", fit="Ann will call"), ""),
    (event(name="consultation_outcome", fit="Ann will call"), "fit = 'Ann will call'"),
    (event(name="consultation_outcome", properties='{"is_fit": 7}'), "is_fit = 7"),
    (event(name="consent", granted="later"), "granted = 'later'"),
    (event(name="audit_done", gaps="costs, handovers"), ""),
    (event(name="audit_done", properties='{"gaps": [{"name": "costs"}]}'), ""),
    (event(name="audit_done", properties='{"gaps": {"costs": 3}}'), "gaps = {'costs': 3}"),
]


@pytest.mark.parametrize(("row", "value"), ANSWERS)
def test_answers_that_are_read_by_meaning(tmp_path, row, value):
    """What a role's event answers is understood, or is a bad row that says what would be right."""
    file = write(tmp_path / "e.jsonl", as_jsonl([event(), row, row]))
    table, report = read_table(file, names=LADDER.events)
    assert len(table) == (1 if value else 3)
    assert sum(report.rejected.values()) == 3 - len(table)
    for reason, examples in report.examples.items():
        assert reason.startswith("unreadable answer (")
        assert [each.partition(": ")[2] for each in examples] == [value, value]
    assert read_table(file)[1].rejected == {}


def test_bad_values_in_parquet(tmp_path):
    """Parquet rows are judged by the same rules, and their place is the row."""
    columns = {
        "lead_id": ["a", None, "c", "d", "e"],
        "name": ["view"] * 5,
        "occurred_at": pa.array([NOON_US] * 5, pa.timestamp("us", "UTC")),
        "minutes": [1.0, 1.0, float("inf"), -1.0, float("nan")],
    }
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "e.parquet")
    log, report = read(tmp_path / "e.parquet")
    assert log.leads == ("a", "e")
    assert report.examples["number that is not finite"] == (
        f"{tmp_path / 'e.parquet'}:3: minutes = inf",
    )
    columns["minutes"] = pa.array([NOON_US] * 5, pa.timestamp("us", "UTC"))
    columns["occurred_at"] = [NOON_US] * 5
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "e.parquet")
    _, report = read(tmp_path / "e.parquet")
    assert report.rejected == {
        "missing lead_id": 1,
        "number as time (write it as 2026-03-01T12:00:00Z)": 4,
    }


def test_a_date_where_a_number_is_read(tmp_path):
    """A column of timestamps or lists holds no numbers."""
    for values in (pa.array([NOON_US], pa.timestamp("us", "UTC")), [[1]]):
        columns = {key: [value] for key, value in event().items()}
        pyarrow.parquet.write_table(
            pa.table({**columns, "minutes": values}), tmp_path / "e.parquet"
        )
        _, report = read(tmp_path / "e.parquet")
        assert report.rejected == {"text where the ladder reads a number": 1}


def test_only_what_the_ladder_reads_is_checked(tmp_path):
    """A text in a property that the ladder does not read as a number is no mistake."""
    file = write(tmp_path / "e.jsonl", as_jsonl([event(minutes="few")]))
    _, report = read_table(file)
    assert report.rejected == {}
