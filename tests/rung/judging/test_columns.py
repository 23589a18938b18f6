"""Columns of a table in a terminal: as wide as what stands in them."""

from __future__ import annotations

from rung.judging.columns import aligned


def test_no_column_runs_into_the_next() -> None:
    """However long a name or a figure is; a row may end early, and nothing trails."""
    lines = aligned(
        [
            ("", "champion", "difference"),
            (
                "value in the top 10%, a hundred scores",
                "45,784.70",
                "-1,867.70 ± 2,046.29",
                "worse",
            ),
            ("AUC", "0.9"),
        ],
        texts=(0, 3),
    )
    assert lines == [
        "                                         champion            difference",
        "value in the top 10%, a hundred scores  45,784.70  -1,867.70 ± 2,046.29  worse",
        "AUC                                           0.9",
    ]
