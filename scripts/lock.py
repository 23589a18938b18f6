"""Write the locks from pyproject.toml: exact versions, hashes, no address of any index.

`make lock` runs it. Arguments go on to uv, so `make lock ARGS="--upgrade-package numpy"` moves one
package and `make lock ARGS=--upgrade` moves all; without arguments what is locked stays.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any, Final

import pip_settings
from install import INSTALLER, PYTHON, ROOT, SETS, SOURCE, UV, explain

RUN, DEV = SETS["dev"]
LOCKS: Final = {
    RUN: "What Rung needs to run, and to be installed from a checkout",
    DEV: "What tests and checks it, on top of requirements.lock",
    SOURCE: "What is published without a wheel, built with what requirements-dev.lock holds",
    INSTALLER: "What installs the others",
}
HEADER: Final = """\
# {what}.
# Written by `make lock` from pyproject.toml, for every Python from {python} on. No addresses: the
# index is the one that the machine's pip has, and the hashes decide what is accepted from it.
"""
RESOLVE: Final = [
    "--quiet",
    "--universal",
    "--fork-strategy=fewest",  # one version for all Pythons
    "--generate-hashes",
    "--no-strip-extras",  # a pin without its extra is no pin to pip 23
    "--no-annotate",
    "--no-header",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--output-file=locked.txt",
]


def main() -> None:
    """Resolve everything at once, then what runs within it; refuse a lock that names a place."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())
    if not UV.exists():
        sys.exit("lock: there is no uv for this machine, and only uv writes these locks")
    for lock, text in resolve(table, sys.argv[1:]).items():
        if found := addresses(text):
            sys.exit(f"{lock.name} not written, these lines name a place:\n" + "\n".join(found))
        python = re.findall(r"[\d.]+", table["project"]["requires-python"])[0]
        lock.write_text(HEADER.format(what=LOCKS[lock], python=python) + text)
        print(f"{lock.name}: {len(pins(text))} packages")


def resolve(table: dict[str, Any], arguments: list[str]) -> dict[Path, str]:
    """Return the text of each lock. A package stands in one of them."""
    groups = table["dependency-groups"]
    to_run = [*table["project"]["dependencies"], *groups["editable"]]
    whole = compile_lock([*to_run, *groups["dev"]], ["--only-binary=:all:", *arguments])
    within = [re.sub(r"\[.*?\]", "", pin) for pin in pins(whole)]
    part = compile_lock(to_run, ["--only-binary=:all:"], within)
    # The whole knows more markers than its part: its pins stand wherever they are the same.
    everything = {head(pin): text for pin, text in pins(whole).items()}
    run = {head(pin): everything.pop(head(pin), text) for pin, text in pins(part).items()}
    return {
        RUN: "".join(run.values()),
        DEV: "".join(everything.values()),
        SOURCE: compile_lock(groups["source"], ["--no-deps", *arguments]),
        INSTALLER: compile_lock(groups["installer"], ["--only-binary=:all:", *arguments]),
    }


def compile_lock(wanted: list[str], arguments: list[str], within: list[str] | None = None) -> str:
    """Resolve with uv in a folder of its own, so that no path gets into the result."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "wanted.in").write_text("\n".join(wanted))
        (folder / "within.txt").write_text("\n".join(within or []))
        held = "".join(lock.read_text() for lock in LOCKS if lock.exists())
        (folder / "locked.txt").write_text(held)
        settings = pip_settings.read(PYTHON)
        command: list[str | Path] = [
            UV,
            "pip",
            "compile",
            *RESOLVE,
            *pip_settings.options(settings, ROOT),
        ]
        done = subprocess.run(
            [*command, "--python-version=3.11", "--constraint=within.txt", *arguments, "wanted.in"],
            cwd=folder,
            env=pip_settings.variables(settings),
            stderr=subprocess.PIPE,
            text=True,
        )
        if done.returncode:
            sys.exit(f"lock: {explain(done.stderr)}")
        return (folder / "locked.txt").read_text()


def pins(lock: str) -> dict[str, str]:
    """Return the text of each pin with its hashes, by its own line: `name[extra]==1.0 ; marker`."""
    found = re.findall(r"^((\w.*?) *\\\n(?: +.*\n)+)", lock, re.MULTILINE)
    return {pin: text for text, pin in found}


def head(pin: str) -> str:
    """Return a pin without its marker."""
    return pin.split(" ")[0]


def addresses(lock: str) -> list[str]:
    """Return the lines that name an address or a path, which a lock for any machine must not."""
    return [line for line in lock.splitlines() if re.search(r"://|^-|@ |^[./]", line)]


if __name__ == "__main__":
    main()
