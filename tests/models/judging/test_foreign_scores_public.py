"""A vendor's score of public data, with what came of the leads (skipped without the data)."""

import csv
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.judging.foreign_scores import family_p_values, holm, later_half, ordering

DATA = Path(__file__).parents[4] / "shared" / "data" / "xeducation_leads.csv.gz"


@pytest.mark.skipif(not DATA.exists(), reason="the public data are not here")
@pytest.mark.parametrize("column", ["Asymmetrique Activity Score", "Asymmetrique Profile Score"])
def test_vendors_score(column):
    """It orders leads better than chance, weakly, and differently later than earlier."""
    with gzip.open(DATA, "rt", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row[column]]
    score = np.array([float(row[column]) for row in rows])
    won = np.array([float(row["Converted"]) for row in rows])
    number = np.array([int(row["Lead Number"]) for row in rows])
    found: Any = ordering(score, won)
    assert 0.6 < found.interval[0] < found.auc < 0.65
    values = family_p_values(score, won, later_half(number), is_probability=False)
    assert holm(values) == ("drift",)
