"""The rooms: how much one holds, how long a file is, one name for one thing, tests that mirror."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("features", "models", "training", "serving", "rung")
MOST_IN_A_ROOM = 14
MOST_LINES = 500
LONG = {
    "features/signals/fold.py",  # the kernel
}
NOT_COUNTED = {"__init__.py", "__pycache__", "py.typed"}
AS_A_WHOLE = {
    "models/scores/test_refusals",  # signals, constraints, calibration
    "scripts/test_setup",
    "serving/live",  # a real process, whole: crashes, replicas, real clients, hostile requests
    "training/scores/test_planted_truth",
    "training/policies/test_policy_truth",
}
"""Tests of more than one module, by their place in `tests/`."""


def rooms() -> Iterator[Path]:
    for package in PACKAGES:
        root = ROOT / package
        yield from (path for path in (root, *root.rglob("*")) if (path / "__init__.py").exists())


def files() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


@pytest.mark.parametrize("room", list(rooms()), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_can_be_kept_in_mind(room):
    """No folder holds more than 14 modules and folders, and each says what it is for."""
    held = {path.name for path in room.iterdir()} - NOT_COUNTED
    assert len(held) <= MOST_IN_A_ROOM, sorted(held)
    assert ast.get_docstring(ast.parse((room / "__init__.py").read_text()))


def test_no_file_is_long():
    """A file has at most 500 lines, but for the fold's kernel."""
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files()}
    assert {name: count for name, count in lengths.items() if count > MOST_LINES} == {
        name: lengths[name] for name in LONG if lengths[name] > MOST_LINES
    }


def test_one_name_for_one_thing():
    """No two modules define a public class, or a kind of value, of the same name."""
    found = defaultdict(list)
    for path in files():
        for name in _kinds(ast.parse(path.read_text())):
            found[name].append(str(path.relative_to(ROOT)))
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def _kinds(module: ast.Module) -> Iterator[str]:
    for node in module.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name[0].isupper() and not name.isupper():
                yield name


def files_of_tests() -> list[Path]:
    return sorted((ROOT / "tests").rglob("test_*.py"))


def test_tests_mirror_the_rooms():
    """A test file stands where its module stands, and begins with its name."""
    astray = []
    for path in files_of_tests():
        place = path.relative_to(ROOT / "tests")
        if len(place.parts) == 1 or any(str(place).startswith(whole) for whole in AS_A_WHOLE):
            continue
        room, words = ROOT / place.parent, path.stem.removeprefix("test_").split("_")
        names = ("_".join(words[:count]) for count in range(len(words), 0, -1))
        if room.name in path.stem or any(_is_module(room, name) for name in names):
            continue
        astray.append(str(place))
    assert astray == []


def _is_module(room: Path, name: str) -> bool:
    return (room / f"{name}.py").exists() or (room / name / "__init__.py").exists()


def test_no_test_borrows_from_another():
    """What tests share stands in a module that is no test."""
    found = []
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            named = node.module if isinstance(node, ast.ImportFrom) and node.module else ""
            if named.startswith("tests.") and named.rpartition(".")[2].startswith("test_"):
                found.append(f"{path.relative_to(ROOT)}: {named}")
    assert found == []


def test_every_router_is_for_the_app_alone():
    """Each module with routes is protected by the import contract, so that none is a short cut."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (protected,) = [one for one in contracts["contracts"] if one["type"] == "protected"]
    routers = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "serving").rglob("*.py")
        if re.search(r"^router = APIRouter\(", path.read_text(), re.MULTILINE)
    }
    assert set(protected["protected_modules"]) == routers
