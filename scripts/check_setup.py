"""Show that the set-up depends neither on the pip at hand nor on what is published later.

An index is made up for it, in a folder: it holds, for every locked package, a small wheel of the
locked version and one of a newer version, both with what the real one requires. For pip 23.0, 23.2,
24.0 and the newest, a copy of the checkout whose .venv has that pip is set up from there: with uv,
without it, and by that pip alone, dependencies and all. Each has to end with what is locked.

Given the paths of locks, it only asks whether each pip alone can install those:
`check_setup.py requirements.lock`. Where there is little time, `PROOF_PIPS=2` sets the checkout up
with 23.2 and the newest alone. Exit code 3: the real index, from which pip, uv and hatchling come,
does not answer.
"""

import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from install import INSTALLER, ROOT, SETS, SOURCE, WHEELS, indented
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

LOCKS: Final = [*SETS["dev"], SOURCE, INSTALLER]
PIPS: Final = ("pip==23.0", "pip==23.2", "pip==24.0", "pip")
BUILDERS: Final = ("uv", "hatchling", "editables")
"""These have to work, so they are the real ones, with what they require."""

VERSIONS: Final = """
import importlib.metadata as held, json
print(json.dumps({one.metadata["Name"]: one.version for one in held.distributions()}))
"""
NO_INDEX: Final = 3


class CheckError(Exception):
    """What the set-up got wrong, and with which pip."""


def main() -> None:
    """Check every pip, two at a time."""
    locks = [Path(name).resolve() for name in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(2) as pool:
        world = World(Path(name), locks or LOCKS)
        check = partial(with_locks, locks=locks) if locks else with_checkout
        step = 1 if locks else int(os.environ.get("PROOF_PIPS", "1"))
        try:
            list(pool.map(partial(check, world), world.pips[step - 1 :: step]))
        except CheckError as error:
            sys.exit(f"check_setup: {error}")


class World:
    """The made-up index, the locks that fit it, and the versions of pip."""

    def __init__(self, folder: Path, locks: Sequence[Path]) -> None:
        self.folder = folder
        self.index, self.with_uv = folder / "index", folder / "uv"
        held = {lock: pins(lock.read_text()) for lock in locks}
        real = builders() if INSTALLER in locks else set()
        self.pips = [fetch(folder / "pip" / wanted, [wanted]) for wanted in PIPS]
        if real:
            self._fetch_builders({k: v for one in held.values() for k, v in one.items()}, real)
        self.locks = {lock.name: self._stand_in(one, real) for lock, one in held.items()}

    def _fetch_builders(self, held: Mapping[Requirement, str], real: set[str]) -> None:
        """Fetch the real ones by their real hashes; uv into a folder of its own."""
        wanted = self.folder / "builders.lock"
        texts = [text for pin, text in held.items() if canonicalize_name(pin.name) in real]
        wanted.write_text("".join(texts))
        fetch(self.with_uv, [*WHEELS, "--requirement", wanted])
        for wheel in list(self.with_uv.glob("*.whl")):
            if not wheel.name.startswith("uv-"):
                publish(wheel, self.index / canonicalize_name(wheel.name.split("-")[0]))

    def _stand_in(self, held: Mapping[Requirement, str], real: set[str]) -> str:
        """Make the wheels of a lock, and return the lock with their hashes."""
        texts = []
        for pin, text in held.items():
            name, version = canonicalize_name(pin.name), str(pin.specifier).removeprefix("==")
            stand_in(self.index / name, name, f"{Version(version).major + 1}.0")
            if name not in real:
                wheel = stand_in(self.index / name, name, version)
                digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
                text = f"{text.splitlines()[0]}\n    --hash=sha256:{digest}\n"
            texts.append(text)
        return "".join(texts)

    def environment(self, *, uv: bool) -> dict[str, str]:
        """Return an environment in which this index is the only one."""
        said = {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": self.index.as_uri(),
            "UV_CACHE_DIR": str(self.folder / "cache"),
        }
        if uv:
            said["PIP_FIND_LINKS"] = str(self.with_uv)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "UV_"))}
        return kept | said


def pins(lock: str) -> dict[Requirement, str]:
    """Return the text of each pin of a lock."""
    texts = re.findall(r"^\w.*\\\n(?: +.*\n)+", lock, re.MULTILINE)
    return {Requirement(text.split("\\\n")[0]): text for text in texts}


def builders() -> set[str]:
    """Return the names of what has to be real: the builders, and all that they require."""
    names, open_ends = set[str](), [str(name) for name in BUILDERS]
    while open_ends:
        name = canonicalize_name(open_ends.pop())
        if name not in names:
            names.add(name)
            needs = [Requirement(line) for line in importlib.metadata.requires(name) or []]
            open_ends += [need.name for need in needs if _holds(need)]
    return names


def _holds(need: Requirement) -> bool:
    return need.marker is None or need.marker.evaluate({"extra": ""})


def fetch(folder: Path, wanted: Sequence[str | Path]) -> Path:
    """Download wheels from the index of this machine, and return the first."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest"]
    done = subprocess.run([*command, folder, *wanted], capture_output=True, text=True)
    if done.returncode:
        print(f"check_setup: no package index answers\n{indented(done.stderr)}", file=sys.stderr)
        sys.exit(NO_INDEX)
    return next(iter(sorted(folder.glob("*.whl"))))


def stand_in(folder: Path, name: str, version: str) -> Path:
    """Write a wheel that holds nothing and requires what the installed package requires."""
    stem = f"{name.replace('-', '_')}-{version}"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *_needs(name)]
    files = {
        "METADATA": "\n".join(lines) + "\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: rung\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "".join(
            f"{stem}.dist-info/{file},,\n" for file in ("METADATA", "WHEEL", "RECORD")
        ),
    }
    path = folder.parent / f"{stem}-py3-none-any.whl"
    folder.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in files.items():
            wheel.writestr(f"{stem}.dist-info/{file}", text)
    return publish(path, folder)


def publish(wheel: Path, folder: Path) -> Path:
    """Put a wheel into the folder of its package, and on the page that an index has of it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "index.html").open("a") as page:
        page.write(f'<a href="{wheel.name}">{wheel.name}</a>\n')
    return wheel.rename(folder / wheel.name)


def _needs(name: str) -> Iterator[str]:
    """What the installed package says it requires; nothing where it is not installed."""
    try:
        held = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return
    for key in ("Requires-Dist", "Provides-Extra"):
        yield from (f"{key}: {value}" for value in held.get_all(key) or [])


def with_checkout(world: World, pip: Path) -> None:
    """Set up with one pip in three ways; where uv is not to be had, what runs is enough."""
    for how in ("with uv", "without uv", "by itself"):
        project = checkout(world, world.folder / pip.stem / how.replace(" ", "-"))
        python = environment(project / ".venv", pip)
        if not starts(python, pip):
            return
        if how == "with uv":
            set_up(world, project, "dev", uv=True)
            compare(python, world.locks.values())
        elif how == "without uv":
            set_up(world, project, "run", uv=False)
            compare(python, [world.locks[lock.name] for lock in SETS["run"]])
        else:
            by_pip(world, python, [project / lock.name for lock in SETS["dev"]])
        say(pip, f"{how}: the locked versions")


def with_locks(world: World, pip: Path, locks: Sequence[Path]) -> None:
    """Let one pip resolve locks that are not of a checkout."""
    folder = world.folder / pip.stem
    python = environment(folder / ".venv", pip)
    if starts(python, pip):
        for lock in locks:
            (folder / lock.name).write_text(world.locks[lock.name])
        by_pip(world, python, [folder / lock.name for lock in locks])
        say(pip, "by itself: the locked versions")


def checkout(world: World, folder: Path) -> Path:
    """Copy what the set-up reads, with the locks of the made-up index."""
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for name, text in world.locks.items():
        (folder / name).write_text(text)
    (folder / "scripts" / "openmp.py").write_text("")  # a stand-in has no library to look at
    return folder


def environment(folder: Path, pip: Path) -> Path:
    """Make a virtual environment with one pip, and return its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = next((folder / "lib").glob("python*/site-packages"))
    zipfile.ZipFile(pip).extractall(site)
    return folder / "bin" / "python"


def starts(python: Path, pip: Path) -> bool:
    """Return whether this pip runs on this Python at all: 23.0 does not on 3.12."""
    done = subprocess.run([python, "-m", "pip", "--version"], capture_output=True)
    if done.returncode:
        say(pip, "does not run on this Python: left out")
    return done.returncode == 0


def set_up(world: World, project: Path, name: str, *, uv: bool) -> None:
    """Run the set-up as make does, and look at which of the two did it."""
    command = [sys.executable, str(project / "scripts" / "install.py"), name]
    said = world.environment(uv=uv)
    done = subprocess.run(command, env=said, capture_output=True, text=True)
    if done.returncode or uv == ("pip does it" in done.stdout):
        raise CheckError(f"{project.parent.name}, {project.name}\n{done.stdout}{done.stderr}")


def by_pip(world: World, python: Path, locks: Sequence[Path]) -> None:
    """Let pip resolve the locks; it installs nothing."""
    command = [str(python), "-m", "pip", "install", "--quiet", "--dry-run", *WHEELS]
    command += [word for lock in locks for word in ("--requirement", str(lock))]
    said = world.environment(uv=False)
    done = subprocess.run(command, env=said, capture_output=True, text=True)
    if done.returncode:
        raise CheckError(f"{locks[0].parent}, by itself\n{indented(done.stderr)}")


def compare(python: Path, locks: Iterable[str]) -> None:
    """Refuse versions that are not the locked ones, and locks that lack something."""
    listed = subprocess.run([python, "-c", VERSIONS], check=True, capture_output=True, text=True)
    held = {canonicalize_name(name): found for name, found in json.loads(listed.stdout).items()}
    for pin in (pin for lock in locks for pin in pins(lock) if _holds(pin)):
        found = held.get(canonicalize_name(pin.name))
        if f"=={found}" != str(pin.specifier):
            raise CheckError(f"{python}: {pin.name} is {found}, the lock says {pin.specifier}")
    done = subprocess.run([python, "-m", "pip", "check"], capture_output=True, text=True)
    if done.returncode or "rung" not in held:
        raise CheckError(f"{python}: {done.stdout or 'rung is not installed'}")


def say(pip: Path, what: str) -> None:
    """Print what came out for one pip."""
    print(f"check_setup: {pip.stem.split('-py')[0]} {what}", flush=True)


if __name__ == "__main__":
    main()
