"""Write requirements.lock from pyproject.toml: exact versions, hashes, no address of any index.

`make lock` runs it. Arguments go on to pip-compile, so `make lock ARGS="--upgrade-package numpy"`
moves one package and `make lock ARGS=--upgrade` moves all; without arguments what is locked stays.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
HEADER = """\
# Written by `make lock` from pyproject.toml (dependencies and the dev group), with Python {python}.
# Hashes cover every file of a version, so it installs on later Pythons too. No addresses: pip uses
# whichever index the machine is configured with, and the hashes decide what is accepted.
"""


def requirements(pyproject: Path) -> list[str]:
    """Return what the project needs to run and to be developed, as pip writes it."""
    table = tomllib.loads(pyproject.read_text())
    return [*table["project"]["dependencies"], *table["dependency-groups"]["dev"]]


def compile_lock(wanted: list[str], arguments: list[str]) -> str:
    """Resolve with pip-compile in a folder of its own, so that no path gets into the result."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "wanted.in").write_text("\n".join(wanted))
        if LOCK.exists():
            (Path(folder) / "locked.txt").write_text(LOCK.read_text())
        options = [
            "--quiet",
            "--generate-hashes",
            "--allow-unsafe",  # pip and setuptools are pinned too: hash mode refuses what is not
            "--strip-extras",
            "--no-annotate",
            "--no-header",
            "--no-emit-index-url",
            "--no-emit-find-links",
            "--no-emit-trusted-host",
            "--output-file=locked.txt",
        ]
        command = [sys.executable, "-m", "piptools", "compile", *options, *arguments, "wanted.in"]
        subprocess.run(command, cwd=folder, check=True)
        return (Path(folder) / "locked.txt").read_text()


def addresses(lock: str) -> list[str]:
    """Return the lines that name an address or a path, which a lock for any machine must not."""
    return [line for line in lock.splitlines() if re.search(r"://|^-|@ |^[./]", line)]


def main() -> None:
    """Resolve, refuse a lock that only works here, write."""
    lock = compile_lock(requirements(ROOT / "pyproject.toml"), sys.argv[1:])
    if found := addresses(lock):
        sys.exit("requirements.lock not written, these lines name a place:\n" + "\n".join(found))
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    LOCK.write_text(HEADER.format(python=python) + lock)
    print(f"requirements.lock: {len(re.findall(r'^[a-z0-9]', lock, re.MULTILINE))} packages")


if __name__ == "__main__":
    main()
