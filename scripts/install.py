"""Set .venv up from the locks: an installer first, by its hash, and everything else by it.

`make` runs it with the Python that .venv is made of: `install.py run` for what Rung needs to run,
`install.py dev` for what tests and checks it on top of that. Which pip Python brings does not
matter, nor what has been published since: pip is only given complete locks and looks for nothing
beside them. Where uv cannot be had or cannot follow pip's settings, pip does its work. A file that
is not the locked one ends it, whoever finds out. Only the standard library is used.
"""

import contextlib
import fcntl
import hashlib
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import pip_settings

ROOT: Final = Path(__file__).resolve().parent.parent
VENV: Final = ROOT / ".venv"
PYTHON: Final = VENV / "bin" / "python"
UV: Final = VENV / "bin" / "uv"
SCRIPTS: Final = [ROOT / "scripts" / f"{name}.py" for name in ("install", "openmp", "pip_settings")]

INSTALLER: Final = ROOT / "requirements-installer.lock"
SETS: Final = {
    "run": [ROOT / "requirements.lock"],
    "dev": [ROOT / "requirements.lock", ROOT / "requirements-dev.lock"],
}
SOURCE: Final = ROOT / "requirements-source.lock"
"""What is published without a wheel: built here, with what the other locks hold."""

PIP: Final[list[str | Path]] = [
    PYTHON,
    *("-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-input", "--no-user"),
    "--no-deps",  # nothing to resolve, so no pip is too old for it
]
WHEELS: Final = ["--require-hashes", "--only-binary", ":all:"]
AS_IT_STANDS: Final = ["--no-deps", "--no-build-isolation"]
"""To build with what is there, and fetch nothing."""

MISMATCH: Final = re.compile("hash mismatch|do not match the hashes", re.IGNORECASE)
NO_INDEX: Final = re.compile(
    r"NewConnectionError|ConnectTimeout|ReadTimeout|Name or service not known|name resolution"
    r"|Connection refused|Network is unreachable|ProxyError|error sending request|dns error"
    r"|timed out|Max retries|Retrying",
    re.IGNORECASE,
)
ADVICE: Final = [
    (
        MISMATCH,
        "a file is not the one that was locked, and nothing was installed from it. Do not go on:"
        " ask whoever runs your package index what it serves.",
    ),
    (re.compile(r"No space left", re.IGNORECASE), "the disk is full."),
    (
        re.compile(r"certificate.?verify|invalid peer certificate|UnknownIssuer", re.IGNORECASE),
        "the certificate of the package index is not known here. Name the right one:"
        " python3 -m pip config set global.cert FILE",
    ),
    (
        re.compile(r"\b40[137]\b|Unauthorized|Forbidden|authentication required", re.IGNORECASE),
        "the package index or the proxy wants to know who you are. Give it your name and password"
        " in pip's configuration.",
    ),
    (
        NO_INDEX,
        "no package index answers. Look at the network; where a mirror or a proxy is in use, tell"
        " pip: python3 -m pip config set global.index-url URL (or global.proxy)",
    ),
    (
        re.compile(r"No matching distribution|Could not find a version|No solution|no wheel"),
        "the package index lacks a locked file for this machine. Rung is installed from wheels, on"
        " Linux with Python 3.11 to 3.13; a mirror has to hold them. Another Python: make setup"
        " PYTHON=python3.12",
    ),
]


class SetupError(Exception):
    """The set-up cannot go on; the message says why and what to do."""


def main() -> None:
    """Install one set, unless its stamp says that it is there."""
    if len(sys.argv) != 2 or sys.argv[1] not in SETS:
        sys.exit("usage: install.py run | dev")
    try:
        with alone():
            set_up(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit("setup: interrupted. The same command goes on where it ended.")
    except (SetupError, OSError) as error:
        sys.exit(f"setup: {error}")


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Let one set-up run at a time. A second one waits, and then finds nothing left to do."""
    with Path(__file__).open() as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another make is at it; waiting")
            fcntl.flock(held, fcntl.LOCK_EX)
        except OSError:
            pass  # a file system without locks: whoever runs two at once there has to look out
        yield


def set_up(name: str) -> None:
    """Bring .venv to a set. Its stamp goes first and comes back last, so that it never lies."""
    if name == "dev":
        set_up("run")
    if VENV.is_symlink() and not is_sound():
        VENV.unlink()  # it is another folder's, which must not be emptied
    stamp = VENV / f".stamp-{name}"
    made_of = digest(name)
    if is_sound() and stamp.exists() and stamp.read_text() == made_of:
        stamp.touch()
        return
    stamp.unlink(missing_ok=True)
    if name == "run":
        make_environment()
    forget_half_installed()
    install(name)
    stamp.write_text(made_of)


def digest(name: str) -> str:
    """Return a digest of all that a set is made from: the locks, Rung's metadata, the scripts."""
    files = [*ROOT.glob("requirements*.lock")] if name == "dev" else [INSTALLER, *SETS[name]]
    files += [ROOT / "pyproject.toml", *SCRIPTS]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in sorted(files))).hexdigest()


def is_sound() -> bool:
    """Return whether .venv was made in this folder, still has its Python, and in it a pip."""
    own = str(VENV)
    with contextlib.suppress(OSError):
        told = (VENV / "bin" / "activate").read_text(errors="replace")
        # As each Python writes it. The path alone may be the end of another one.
        spellings = own, f'"{own}"', f"'{own}'", shlex.quote(own)
        if any(f"={one}\n" in told for one in spellings):
            return not run([PYTHON, "-c", "import pip, sys; sys.exit(sys.version_info < (3, 11))"])
    return False


def make_environment() -> None:
    """Make .venv, or keep the one that works.

    One in which Rung never was is kept for no other Python: the one that it has may be what failed.
    """
    asked = platform.python_version()
    if is_sound():
        code = "import platform; print(platform.python_version())"
        held = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True).stdout.strip()
        had_rung = any((VENV / "lib").glob("python*/site-packages/rung-*.dist-info"))
        if had_rung or held == asked:
            say(f"1/3 .venv is there (Python {held})")
            if held != asked:
                say(f"    `make clean` makes room for Python {asked}")
            return
    say(f"1/3 virtual environment in .venv (Python {asked})")
    if complaint := run([sys.executable, "-m", "venv", "--clear", VENV]):
        raise SetupError(f"no virtual environment could be made.\n{complaint}")


def forget_half_installed() -> None:
    """Let no package pass for installed of which only some files are there.

    A set-up that was killed, or found the disk full, leaves such ones. What a package is called is
    there among the first, who installed it after all else: uv and pip look for the former alone.
    """
    for told in (VENV / "lib").glob("python*/site-packages/*.dist-info"):
        if not all((told / name).is_file() for name in ("INSTALLER", "RECORD")):
            shutil.rmtree(told)


def install(name: str) -> None:
    """Install the locks of a set; then Rung itself, or what has to be built."""
    count = len(locked([SETS[name][-1]]))
    what = "2/3 {} locked packages" if name == "run" else "{} more packages, for tests and checks"
    say(what.format(count))
    tool = Installer.choose(SETS[name])
    tool.install([*WHEELS, *(word for lock in SETS[name] for word in ("--requirement", lock))])
    if name == "dev":
        tool.install([*AS_IT_STANDS, "--require-hashes", "--requirement", SOURCE])
        return
    say("3/3 rung itself, editable")
    tool.install([*AS_IT_STANDS, "--editable", ROOT])
    if code := subprocess.run([PYTHON, ROOT / "scripts" / "openmp.py"]).returncode:
        sys.exit(code)


def locked(locks: Iterable[Path]) -> set[str]:
    """Return the names of the packages that locks hold."""
    texts = (lock.read_text() for lock in locks)
    return {name for text in texts for name in re.findall(r"^([\w.-]+)", text, re.MULTILINE)}


class Installer:
    """uv as long as it can do the work, else pip."""

    def __init__(self, settings: Mapping[str, str], obstacle: str) -> None:
        self.settings = settings
        self.obstacle = obstacle
        if obstacle:
            say(f"    {obstacle}: pip does it, in a minute or two")

    @classmethod
    def choose(cls, locks: Iterable[Path]) -> "Installer":
        """Fetch uv, and find out whether it can follow what pip is told on this machine."""
        settings = pip_settings.read(PYTHON)
        if names := pip_settings.only_pip(settings, locked(locks)):
            return cls(settings, f"uv has no word for pip's {', '.join(names)}")
        complaint = run([*pip(settings), *WHEELS, "--requirement", INSTALLER])
        if MISMATCH.search(complaint) or NO_INDEX.search(complaint):
            raise SetupError(explain(complaint))
        if complaint:
            return cls(settings, "no uv for this machine")
        return cls(settings, "uv does not run here" if run([UV, "--version"]) else "")

    def install(self, arguments: Sequence[str | Path]) -> None:
        """Install; take pip for the rest when uv fails, unless a file is not the locked one."""
        if not self.obstacle:
            complaint = self._by_uv(arguments)
            if not complaint:
                return
            if MISMATCH.search(complaint):
                raise SetupError(explain(complaint))
            self.obstacle = "uv failed"
            forget_half_installed()
            say(f"    uv failed, pip does it in a minute or two. uv says:\n{indented(complaint)}")
        if complaint := run([*pip(self.settings), *arguments]):
            raise SetupError(explain(complaint))

    def _by_uv(self, arguments: Sequence[str | Path]) -> str:
        """Return what uv complains about, nothing if it did it.

        It runs outside of the folder, or it would read what a folder further up configures.
        """
        said = pip_settings.options(self.settings, ROOT)
        command = [UV, "pip", "install", "--quiet", "--python", PYTHON, *said, *arguments]
        return run(command, pip_settings.variables(self.settings), Path("/"))


def pip(settings: Mapping[str, str]) -> list[str | Path]:
    """Return pip's command, with a second try where it is told to make one alone.

    Without one it keeps to itself that no index answers, and says that there is no such package.
    """
    return [*PIP, *(("--retries", "1") if settings.get("retries") == "0" else ())]


def run(
    command: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    folder: Path = ROOT,
) -> str:
    """Return what a program complains about when it fails, nothing when it succeeds."""
    try:
        done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
    except OSError as error:
        return str(error)
    if done.returncode == 0:
        return ""
    return (done.stderr or done.stdout).strip() or f"it ended with code {done.returncode}"


def explain(complaint: str) -> str:
    """Return what went wrong and what to do, and below it the words of the program."""
    known = (advice for pattern, advice in ADVICE if pattern.search(complaint))
    return f"{next(known, 'a package could not be installed.')}\n{indented(complaint)}"


def indented(complaint: str) -> str:
    """Return the last lines of a complaint, without warnings and the hashes of other files."""
    passing = re.compile(r"WARNING|\s*$|\s*Expected +or ")
    lines = [line for line in complaint.splitlines() if not passing.match(line)]
    return "\n".join(f"      {line}" for line in (lines or complaint.splitlines())[-12:])


def say(line: str) -> None:
    """Print at once: what follows may take its time."""
    print(f"setup: {line}", flush=True)


if __name__ == "__main__":
    main()
