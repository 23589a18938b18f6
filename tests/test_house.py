"""The house: packages, imports, lock and what must not be in a file."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {"features", "models", "training", "serving", "rung"}
ADDRESSES = (
    r"(?<![\w.-])/(?:work|root|home|opt/(?:wheels|pypi))/",  # folders of one machine
    r"pypi\.(?:org|python)",
    r"(?:files|test)\.python" + "hosted",
    r"registry\.(?:npm|yarn)",
    r"deb\.debian",
)


def tracked() -> list[Path]:
    """Files that git tracks or would track."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]


def modules() -> list[str]:
    """Every module that the wheel ships."""
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]
    return sorted(name.removesuffix(".__init__") for name in names if not name.endswith("__main__"))


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_top_level_packages():
    """Five packages are the architecture; beside them stand only tests and benchmarks."""
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert found - {"benchmarks"} == PACKAGES | {"tests"}
    assert list(ROOT.glob("*.py")) == []


def test_shipped():
    """The wheel ships the five packages, all with their types."""
    targets = pyproject()["tool"]["hatch"]["build"]["targets"]
    assert set(targets["wheel"]["only-include"]) == PACKAGES
    assert {path.parent.name for path in ROOT.glob("*/py.typed")} == PACKAGES


def test_test_folders_are_packages():
    """A test folder without __init__.py would hide the package of the same name."""
    folders = {path.parent for path in (ROOT / "tests").rglob("*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").exists()]


@pytest.mark.slow
def test_imports_need_no_environment(tmp_path):
    """Importing any module reads no environment variable and prints nothing."""
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, *modules()],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_no_machine_in_a_file():
    """No file names a folder of one machine or the address of a package index."""
    pattern = re.compile("|".join(ADDRESSES))
    hits = [
        f"{path.relative_to(ROOT)}: {hit.group()}"
        for path in tracked()
        if (hit := pattern.search(path.read_text(encoding="utf-8", errors="ignore")))
    ]
    assert hits == []


def test_shares_are_written_in_one_way():
    """Shares that people read have a space before their sign: no format writes them without."""
    glued = re.compile(r"""[:"'][+,]?\.\d%[}"']|(?:\d|(?<!_SPACE)\})%["' ,.;:)]""")
    said = [
        f"{path.relative_to(ROOT)}:{at}: {line.strip()}"
        for package in sorted(PACKAGES)
        for path in (ROOT / package).rglob("*.py")
        for at, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if glued.search(line) and "{value:.0%}" not in line
    ]
    assert said == []


def test_gitignore_names_no_package():
    """A package named in .gitignore would be missing from the wheel without a word."""
    lines = (ROOT / ".gitignore").read_text().splitlines()
    assert not {line.strip(" /*") for line in lines} & PACKAGES


def groups() -> dict[str, list[str]]:
    """What each lock is asked to hold."""
    asked = pyproject()["dependency-groups"]
    return {
        "requirements.lock": pyproject()["project"]["dependencies"] + asked["editable"],
        "requirements-dev.lock": asked["dev"],
        "requirements-source.lock": asked["source"],
        "requirements-installer.lock": asked["installer"],
    }


def pins(lock: str) -> list[Requirement]:
    """The packages that a lock holds."""
    lines = (ROOT / lock).read_text().replace(" \\\n    --hash", " --hash").splitlines()
    return [Requirement(line.split(" --hash")[0]) for line in lines if line[0] != "#"]


@pytest.mark.parametrize("lock", groups())
def test_lock_holds_what_is_asked_for(lock):
    """Every dependency is locked with its extras, within its bounds; no address is named."""
    held = {canonicalize_name(pin.name): pin for other in groups() for pin in pins(other)}
    here = {canonicalize_name(pin.name) for pin in pins(lock)}
    for requirement in map(Requirement, groups()[lock]):
        pin = held[name := canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(str(pin.specifier).removeprefix("=="))
        assert requirement.extras <= pin.extras
        assert name in here or lock == "requirements-dev.lock"  # what runs may have it already
    assert "://" not in (ROOT / lock).read_text()


@pytest.mark.parametrize("lock", groups())
def test_lock_is_exact(lock):
    """Every line of a lock names one version and at least one hash."""
    text = (ROOT / lock).read_text()
    assert {len(pin.specifier) for pin in pins(lock)} == {1}
    assert {one.operator for pin in pins(lock) for one in pin.specifier} == {"=="}
    pinned = re.findall(r"^\w.*\\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    assert len(pinned) == len(pins(lock))


def test_locks_hold_a_package_once():
    """What runs and what tests it cannot disagree on a version: each stands in one lock."""
    names = [canonicalize_name(pin.name) for lock in groups() for pin in pins(lock)]
    assert sorted(names) == sorted(set(names))


def test_no_test_sets_its_examples_for_itself():
    """How many examples hypothesis tries follows the profile, so that a quick run is quick."""
    fixed = re.compile(r"max_examples\s*=\s*\d")
    tests = [path for path in tracked() if path.match("test_*.py")]
    assert [path.name for path in tests if fixed.search(path.read_text())] == []
