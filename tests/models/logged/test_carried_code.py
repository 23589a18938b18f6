"""The code that goes with a logged model, and what it needs."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

from models.logged.carried_code import REQUIRED, copy_code, requirements

OURS = {"features", "models"}


def test_only_code_is_carried(tmp_path):
    """No compiled file, and no file of another kind, goes along."""
    copy_code(tmp_path)
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {
        ".py",
        ".toml",
        ".typed",
    }


def test_requirements_can_be_resolved():
    """Each is a version of a package on an index; ours is on none."""
    assert all(re.fullmatch(r"[a-z-]+==[\w.]+", line) for line in requirements())
    assert not [line for line in requirements() if line.startswith("rung")]


def test_the_code_is_whole_and_what_it_imports_is_required(tmp_path):
    """Whoever has the copies alone can score, and everything they import by themselves is named."""
    copies = copy_code(tmp_path / "code")
    assert {Path(path).name for path in copies} == OURS
    text = """
import sys
sys.path.insert(0, sys.argv[1])
import models.flavor
from features.ladder.file import read_ladder
read_ladder("b2b")
for name, module in sys.modules.items():
    if name.partition(".")[0] in ("features", "models"):
        print(module.__file__)
"""
    done = subprocess.run(
        [sys.executable, "-c", text, str(tmp_path / "code")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    files = [Path(line) for line in done.stdout.split()]
    assert len(files) > 20
    assert all(path.is_relative_to(tmp_path) for path in files)
    known = packages_distributions()
    tops = {top for path in files for top in _imported(path)} - OURS - sys.stdlib_module_names
    assert {known[top][0] for top in tops} <= set(REQUIRED)


def _imported(path: Path) -> Iterator[str]:
    """What a file imports when it is imported itself."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]
