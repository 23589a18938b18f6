"""The set-up, from an index that also holds newer versions than the locked ones."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scripts.loading import ROOT

COVERAGE = {"coverage", "iniconfig", "packaging", "pluggy", "pygments", "pytest", "pytest-cov"}


def check(*locks: Path) -> subprocess.CompletedProcess[str]:
    """Run the check; without an index it is skipped, unless nothing may be."""
    command = [sys.executable, str(ROOT / "scripts" / "check_setup.py"), *map(str, locks)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 3 and "SKIP_NOTHING" not in os.environ:
        pytest.skip(done.stderr)
    return done


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """What pytest-cov needs, as it is locked: it asks for coverage with an extra."""
    text = "".join(path.read_text() for path in sorted(ROOT.glob("requirements*.lock")))
    pins = re.findall(r"^\w.*\\\n(?: +.*\n)+", text, re.MULTILINE)
    path = tmp_path / "small.lock"
    path.write_text("".join(pin for pin in pins if re.split(r"[\[=]", pin)[0] in COVERAGE))
    return path


@pytest.mark.slow
def test_set_up_depends_on_no_pip():
    """pip 23.0, 23.2, 24.0 and the newest all end with the locked versions.

    A run with little time (`PROOF_PIPS=2`) tries the second and the last of them.
    """
    done = check()
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("the locked versions") >= (6 if "PROOF_PIPS" in os.environ else 9)


@pytest.mark.slow
def test_a_pin_with_its_extra_holds(lock):
    """Every pip keeps to a pin that names the extra which others ask for."""
    assert "coverage[toml]==" in lock.read_text()
    done = check(lock)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_pin_without_its_extra_is_found_out(lock):
    """The check can fail: without the extra, pip 23 looks past the pin to the newer version."""
    lock.write_text(lock.read_text().replace("coverage[toml]==", "coverage=="))
    done = check(lock)
    assert done.returncode == 1
    assert "coverage[toml]" in done.stderr
