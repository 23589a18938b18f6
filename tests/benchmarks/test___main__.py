"""Every benchmark that can be asked for is there, takes what it is given, and has a place."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks import __main__ as benchmarks

README = Path(benchmarks.__file__).with_name("README.md").read_text("utf-8")


@pytest.mark.parametrize("name", benchmarks._BENCHMARKS)
def test_each_has_a_run(name):
    """It takes how much, and those that are drawn where to."""
    run = import_module(f"benchmarks.{benchmarks._BENCHMARKS[name]}").run
    taken = {"small"} | ({"picture"} if name in benchmarks._DRAWN else set())
    assert taken <= set(inspect.signature(run).parameters)


def test_a_table_has_a_place():
    """What is written stands between its marks, and the rest of the page stays."""
    page = benchmarks.with_part(README, "fold", "| new |")
    assert "<!-- fold -->\n\n| new |\n\n<!-- /fold -->" in page
    assert page.partition("<!-- fold -->")[0] == README.partition("<!-- fold -->")[0]
    with pytest.raises(ValueError, match="no part between <!-- folds -->"):
        benchmarks.with_part(README, "folds", "| new |")
