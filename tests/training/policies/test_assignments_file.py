"""Who was put into which arm by somebody else, from any format; what says two things is refused."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from features.errors import EventsError, ExperimentError
from tests.training.policies.scene import us
from training.policies.assignments_file import NEVER, AssignmentColumns, read_assignments

USUAL = AssignmentColumns()
OTHER = AssignmentColumns("user", "at", "variant", "opened")
ROWS = [
    {"user": "ann", "at": "2026-01-05T00:00:00Z", "variant": True, "opened": "2026-01-06T00:00Z"},
    {"user": "bob", "at": "2026-01-05T12:00:00Z", "variant": False, "opened": None},
]


def written(path, *rows: str, head: str = "lead_id,assigned_at,arm"):
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


def told(path) -> str:
    """What is said against a file, without its place."""
    with pytest.raises((EventsError, ExperimentError)) as caught:
        read_assignments(path, USUAL)
    return str(caught.value).replace(f"{path}", "FILE")


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.jsonl"])
def test_every_format_says_the_same(tmp_path, name):
    """Arms that are truth values are called "true" and "false"; what is empty never came."""
    path = tmp_path / name
    if path.suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, ROWS)))
    elif path.suffix == ".csv":
        path.write_text(
            "user,at,variant,opened\n"
            "ann,2026-01-05T00:00:00Z,true,2026-01-06T00:00Z\nbob,2026-01-05T12:00:00Z,false,\n"
        )
    else:
        frame = pd.DataFrame(ROWS)
        frame[["at", "opened"]] = frame[["at", "opened"]].apply(pd.to_datetime, utc=True)
        frame.to_parquet(path)
    found = read_assignments(path, OTHER)
    assert (found.ids, found.arms) == (("ann", "bob"), ("true", "false"))
    assert found.at.tolist() == [us(0), us(0.5)]
    assert found.reached_at is not None
    assert found.reached_at.tolist() == [us(1), NEVER]


def test_the_first_row_of_an_id_counts(tmp_path):
    """A tool that tells each time an arm is shown says the same again, in any order."""
    path = written(
        tmp_path / "a.csv",
        "bob,2026-01-07T00:00:00Z,b",
        "ann,2026-01-06T00:00:00Z,a",
        "bob,2026-01-05T00:00:00Z,b",
    )
    found = read_assignments(path, USUAL)
    assert (found.ids, found.arms, found.again) == (("bob", "ann"), ("b", "a"), 1)
    assert found.at.tolist() == [us(0), us(1)]
    assert found.reached_at is None


def test_an_arm_that_changes_is_refused(tmp_path):
    path = written(tmp_path / "a.csv", "ann,2026-01-06T00:00Z,a", "ann,2026-01-07T00:00Z,b")
    assert told(path) == (
        "FILE: in two arms at once: 1 lead, such as 'ann' in 'a' and 'b'; name the arm that each"
        " was put into first"
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("ann,yesterday,a", "FILE:2: occurred_at = 'yesterday'"),
        ("ann,2026-01-06T00:00:00,a", "naive time"),
        (",2026-01-06T00:00:00Z,a", "no lead in the row"),
        ("ann,2026-01-06T00:00:00Z,", "lead 'ann' has a row without an arm"),
    ],
)
def test_one_bad_row_refuses_the_file(tmp_path, row, said):
    """A lot of which some leads are missing is no lot."""
    assert said in told(written(tmp_path / "a.csv", row, "bob,2026-01-06T00:00:00Z,b"))


def test_a_zone_and_an_absent_column(tmp_path):
    path = written(tmp_path / "a.csv", "ann,2026-01-05T01:00:00,a")
    assert read_assignments(path, USUAL, timezone="Europe/Berlin").at.tolist() == [us(0)]
    other = written(tmp_path / "b.csv", "ann,2026-01-05T01:00:00Z,a", head="lead_id,at,arm")
    assert told(other) == (
        "FILE: not assignments of an experiment: no column assigned_at; it has lead_id, at, arm"
    )


@pytest.mark.parametrize(
    ("reached", "said"),
    [
        ("soon", "lead 'ann': 'soon' does not say when it was reached"),
        ("2026-01-04T00:00:00Z", "lead 'ann' was reached at 2026-01-04T00:00:00Z, before it was"),
    ],
)
def test_when_it_reached_the_lead(tmp_path, reached, said):
    path = tmp_path / "a.csv"
    path.write_text(f"user,at,variant,opened\nann,2026-01-05T00:00:00Z,a,{reached}\n")
    with pytest.raises(ExperimentError, match=said):
        read_assignments(path, OTHER)
