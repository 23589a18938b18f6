"""Public logs pass with what was known at the time, and stop with what sales wrote later."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.public_data import DataAbsent, read_csv
from benchmarks.quality import commands, cross_sections, olist
from features.ladder.file import read_ladder
from features.reading import read_events
from models.scores.encoding import Encoding
from training.decision_points import decision_points
from training.labels import label
from training.trust.probes import probed
from training.trust.suspicion import Suspicion

pytestmark = pytest.mark.slow


def found_in(events: pd.DataFrame, ladder: str, folder: Path) -> list[Suspicion]:
    """What the probes find in a log, as `rung train` reads it."""
    file, its_ladder = commands.write_log(events, ladder, folder, "log")
    read = read_ladder(str(its_ladder))
    log, _ = read_events(file, read)
    until = log.judged_until(None)
    points = decision_points(log, read, end=until, seed=7)
    outcomes = label(log, read, points, until)
    return probed(log, read, points, outcomes, Encoding.learn(points.snapshot))


def of_table(
    data: cross_sections.CrossSection, folder: Path, late: Sequence[str] = ()
) -> list[tuple[str, bool]]:
    """What is found in a table, with some columns of it that were written late."""
    try:
        ids, bought, traits = data.read()
        if late:
            traits = pd.concat([traits, read_csv("xeducation_leads.csv.gz")[list(late)]], axis=1)
    except DataAbsent as absent:
        pytest.skip(str(absent))
    titles = list(traits.columns)
    traits.columns = [f"c{at}" for at in range(len(titles))]
    events = cross_sections._events(ids.astype(str), bought, traits)
    found = found_in(events, cross_sections._ladder(data, traits, titles), folder)
    return [(titles[int(one.id[7:])] if one.stops else one.id, one.stops) for one in found]


def test_x_education_without_what_sales_wrote(tmp_path):
    """Rare sources of whose leads 98 in 100 buy are honest: traits of the first contact pass."""
    assert of_table(cross_sections.X_EDUCATION, tmp_path) == []


def test_x_education_with_what_sales_wrote(tmp_path):
    """The tag that sales gives a lead once it knows how it ends stops training, by its name."""
    late = ("Tags", "Lead Quality", "Last Activity", "Last Notable Activity")
    assert of_table(cross_sections.X_EDUCATION, tmp_path, late) == [("Tags", True)]


def test_saas_has_nothing_to_learn(tmp_path):
    """Trials whose use tells nothing are trained on all the same, with a note."""
    assert of_table(cross_sections.SAAS, tmp_path) == [("labels", False)]


def test_olist(tmp_path):
    """A log with real times passes."""
    try:
        events = olist._events()
    except DataAbsent as absent:
        pytest.skip(str(absent))
    assert found_in(events, olist.LADDER, tmp_path) == []
