"""The folder of an experiment's report: where it is, and what its titles may hold."""

from __future__ import annotations

import json

import pytest

from features.ladder.controls import Arm, Experiment
from features.offers.assignments import Assignment, assignment_event
from tests.training.funnel.experiments.scene import LADDER, START, Row, as_log
from training.funnel.experiments.judgement import judge_experiment
from training.funnel.experiments.report import folder_named, write_experiment


@pytest.mark.parametrize(
    "odd", ["../elsewhere", "..", ".", "", "/root", "a/b", "a\\b", "red\x1b[31m", "a\n", "a" * 300]
)
def test_a_folder_stays_where_it_is_wanted(odd, tmp_path):
    """A file may call its experiments anything; none leads elsewhere, and no two share a folder."""
    name = folder_named(odd)
    assert (tmp_path / name).resolve().parent == tmp_path.resolve()
    assert name.isprintable()
    assert name not in {folder_named(other) for other in ("tools", "../tools", "b")}


def test_an_id_of_ours_is_its_folder():
    assert folder_named("tools-2_b") == "tools-2_b"


def test_a_title_may_speak_of_dollars(tmp_path):
    """Dollars begin no formula in a picture."""
    arms = (Arm("calm", 0.5), Arm("rung", 0.5))
    two = Experiment("two", "framing", arms, control="calm", title="From $5 to $\\frac")
    rows: list[Row] = [("nobody", "export", 100.0, {})]
    for at in range(40):
        told = Assignment("two", arms[at % 2].id, 0.5)
        event = assignment_event(told, f"lead-{at}", LADDER, START)
        rows.append((f"lead-{at}", event.name, 1.0, json.loads(event.properties)))
    found = judge_experiment(as_log(rows), LADDER, two)
    assert found["goals"][0]["comparisons"][0]["course"]
    page = write_experiment(found, tmp_path / "two")
    assert page.read_text().startswith("# From $5 to $\\frac\n")
    assert (tmp_path / "two" / "course.png").stat().st_size > 5000
