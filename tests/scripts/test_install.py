"""The set-up script: stamps, the way from uv to pip, and what it says when it cannot go on."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.scripts.loading import ROOT, load

MISMATCH = "error: Failed to download `idna==3.20`\n  cause: Hash mismatch for `idna==3.20`"


@pytest.fixture
def install(monkeypatch) -> ModuleType:
    """The script, which belongs to no package."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    module = load("install")
    monkeypatch.delitem(sys.modules, "pip_settings")
    return module


@pytest.fixture
def tools(install, monkeypatch, tmp_path):
    """Stand-ins for uv and pip: what each complains about, and the order in which they ran."""
    complaints, ran = {"uv": "", "pip": ""}, []

    def run(command, *_):
        name = "uv" if command[0] == install.UV else "pip"
        ran.append(name)
        return complaints[name]

    monkeypatch.setattr(install, "run", run)
    monkeypatch.setattr(install, "VENV", tmp_path / ".venv")
    return complaints, ran


def test_uv_is_enough(install, tools):
    """What uv installs, pip does not touch."""
    install.Installer({}, "").install(["--requirement", "a.lock"])
    assert tools[1] == ["uv"]


def test_pip_takes_over(install, tools, capsys):
    """When uv fails pip does the work, this and what follows, and it is said."""
    tools[0]["uv"] = "error: it does not like the weather"
    installer = install.Installer({}, "")
    installer.install([])
    installer.install([])
    assert tools[1] == ["uv", "pip", "pip"]
    assert "does not like the weather" in capsys.readouterr().out


def test_configuration_of_a_parent_folder(install, monkeypatch):
    """uv runs where no project is; pip where make runs, or a relative path would lead elsewhere."""
    folders = []

    def run(*_, cwd, **__):
        folders.append(cwd)
        return subprocess.CompletedProcess([], 0, "", "")

    monkeypatch.setattr(install.subprocess, "run", run)
    install.Installer({}, "").install([])
    install.Installer({}, "no uv").install([])
    assert folders == [Path("/"), ROOT]


def test_a_wrong_file_ends_it(install, tools):
    """A hash that differs is never a reason to try with the other program."""
    tools[0]["uv"] = MISMATCH
    with pytest.raises(install.SetupError, match=r"(?s)not the one that was locked.*idna==3\.20"):
        install.Installer({}, "").install([])
    assert tools[1] == ["uv"]


@pytest.mark.parametrize(
    ("complaint", "ends"),
    [
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "not the one that was locked"),
        ("WARNING: Retrying (Retry(total=4))\nERROR: No matching distribution", "no package index"),
    ],
)
def test_installer_out_of_reach(install, tools, complaint, ends):
    """Without an index, or with a wrong uv, there is no point in going on with pip."""
    tools[0]["pip"] = complaint
    with pytest.raises(install.SetupError, match=ends):
        install.Installer.choose([])


@pytest.mark.parametrize(("retries", "added"), [("0", ["--retries", "1"]), ("3", []), ("", [])])
def test_that_no_index_answers_is_seen_without_retries_too(install, monkeypatch, retries, added):
    """A pip that tries once says nothing of the network, and there would seem to be no uv."""
    ran: list[list[object]] = []

    def run(command: list[object]) -> str:
        ran.append(command)
        return ""

    monkeypatch.setattr(install, "run", run)
    told = {"retries": retries} if retries else {}
    monkeypatch.setattr(install.pip_settings, "read", lambda _: told)
    install.Installer.choose([])
    assert ran[0] == [*install.PIP, *added, *install.WHEELS, "--requirement", install.INSTALLER]
    install.Installer(told, "no uv").install(["--requirement", "a.lock"])
    assert ran[-1] == [*install.PIP, *added, "--requirement", "a.lock"]


def test_no_uv_for_this_machine(install, tools, capsys):
    """An index that has no uv for this machine leaves the work to pip."""
    tools[0]["pip"] = "ERROR: No matching distribution found for uv==0.13.9"
    assert install.Installer.choose([]).obstacle
    assert "no uv for this machine" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("complaint", "advice"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("SSLError(SSLCertVerificationError(1, 'certificate verify failed'))", "global.cert"),
        ("ERROR: HTTP error 401 while getting x", "your name and password"),
        ("cause: dns error", "global.index-url"),
        ("ERROR: No matching distribution found for numpy==2.4.6", "for this machine"),
        ("something else", "could not be installed"),
    ],
)
def test_advice(install, complaint, advice):
    """A failure says what to do, and then what the program said."""
    said = install.explain(complaint)
    assert advice in said
    assert complaint in said


@pytest.fixture
def clone(install, monkeypatch, tmp_path):
    """The script in a folder of its own, with a .venv that works and nothing to install."""
    for name, value in {"ROOT": tmp_path, "VENV": tmp_path / ".venv"}.items():
        monkeypatch.setattr(install, name, value)
    install.VENV.mkdir()
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr(install, "is_sound", lambda: True)
    monkeypatch.setattr(install, "make_environment", lambda: None)
    return install


def test_second_set_up_does_nothing(clone, monkeypatch):
    """A set is installed once; the second time its stamp is enough."""
    installed: list[str] = []
    monkeypatch.setattr(clone, "install", installed.append)
    clone.set_up("dev")
    clone.set_up("dev")
    assert installed == ["run", "dev"]


def test_interrupted_set_up_leaves_no_stamp(clone, monkeypatch):
    """A stamp stands for a set that is there: it goes before the work and comes back after it."""
    stamp = clone.VENV / ".stamp-run"
    stamp.write_text("of an older lock")

    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(clone, "install", interrupted)
    with pytest.raises(KeyboardInterrupt):
        clone.set_up("run")
    assert not stamp.exists()


def test_broken_environment_has_no_valid_stamp(clone, monkeypatch):
    """A .venv whose Python is gone is set up again, whatever its stamp says."""
    installed: list[str] = []
    monkeypatch.setattr(clone, "install", installed.append)
    clone.set_up("run")
    monkeypatch.setattr(clone, "is_sound", lambda: False)
    clone.set_up("run")
    assert installed == ["run", "run"]


@pytest.mark.parametrize(
    ("held", "had_rung", "is_made"),
    [("3.14.0", False, True), ("3.14.0", True, False), ("", False, False), ("", True, False)],
)
def test_another_python_is_tried(install, monkeypatch, tmp_path, held, had_rung, is_made):
    """Where the first one failed the next gets an environment; what works is nobody's to clear."""
    made: list[list[object]] = []

    def run(command: list[object]) -> str:
        made.append(command)
        return ""

    monkeypatch.setattr(install, "VENV", tmp_path)
    monkeypatch.setattr(install, "is_sound", lambda: True)
    monkeypatch.setattr(install, "run", run)
    told = f"{held or platform.python_version()}\n"
    answer = subprocess.CompletedProcess([], 0, told, "")
    monkeypatch.setattr(install.subprocess, "run", lambda *_, **__: answer)
    if had_rung:
        (tmp_path / "lib" / "python3.14" / "site-packages" / "rung-0.1.0.dist-info").mkdir(
            parents=True
        )
    install.make_environment()
    assert made == ([[sys.executable, "-m", "venv", "--clear", tmp_path]] if is_made else [])


def test_moved_environment_is_not_sound(install, monkeypatch, tmp_path):
    """A .venv that was moved still names the folder that it was made in."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "old"], check=True)
    (tmp_path / "old").rename(tmp_path / "new")
    monkeypatch.setattr(install, "VENV", tmp_path / "new")
    monkeypatch.setattr(install, "PYTHON", Path(sys.executable))
    assert not install.is_sound()


@pytest.mark.parametrize(
    "written",
    ['VIRTUAL_ENV="{}"', "VIRTUAL_ENV={}", "    export VIRTUAL_ENV='{}'"],
)
@pytest.mark.parametrize("moved_to", ["rung", "build/my rung", "build/o'brien"])
def test_where_an_environment_was_made(install, monkeypatch, tmp_path, written, moved_to):
    """Whatever Python wrote it: from .../build/rung to .../rung, one path is the end of the other.

    `make` asks that by itself before any Python runs.
    """
    own = tmp_path / moved_to / ".venv"
    (own / "bin").mkdir(parents=True)
    (own / "bin" / "python").symlink_to(sys.executable)
    shutil.copy(ROOT / "Makefile", own.parent)
    monkeypatch.setattr(install, "VENV", own)
    monkeypatch.setattr(install, "PYTHON", Path(sys.executable))
    for made_in, is_sound in ((Path("/build", *own.parts[1:]), False), (own, True)):
        told = written.format(str(made_in).replace("'", "'\"'\"'") if "'{" in written else made_in)
        (own / "bin" / "activate").write_text(f"# of it\n{told}\n")
        assert install.is_sound() is is_sound
        command = [
            "make",
            "--no-print-directory",
            "--eval",
            "sound: ; @echo $(if $(SOUND),is,was) sound",
            "sound",
        ]
        done = subprocess.run(command, capture_output=True, text=True, cwd=own.parent)
        is_odd = "'" in moved_to and "'{" in written  # which Python looks at, each time
        assert done.stdout == f"{'is' if is_sound and not is_odd else 'was'} sound\n", done.stderr


def test_another_python_than_that_of_a_finished_environment_is_told(tmp_path):
    """Where nothing is left to install no script runs, and make itself says what it keeps."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "Makefile", tmp_path)
    made_of = [f"requirements{kind}.lock" for kind in ("", "-installer", "-dev", "-source")]
    made_of += [f"scripts/{name}.py" for name in ("install", "openmp", "pip_settings")]
    for at, name in enumerate([*made_of, "pyproject.toml", ".venv/.stamp-run", ".venv/.stamp-dev"]):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1_000 + at, 1_000 + at))
    (tmp_path / ".venv" / "bin" / "activate").write_text(f"VIRTUAL_ENV={tmp_path}/.venv\n")
    held, other = tmp_path / ".venv" / "bin" / "python", tmp_path / "other"
    for script, version in ((held, "3.12.1"), (other, "3.13.2")):
        script.write_text(f"#!/bin/sh\necho {version}\n")
        script.chmod(0o755)

    def said(*options: str, **variables: str) -> str:
        known = {key: value for key, value in os.environ.items() if key not in _OF_MAKE}
        command = ["make", "--no-print-directory", "setup", *options]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env=known | variables
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    ready = "setup: .venv is ready\n"
    told = "setup: .venv stays with Python 3.12.1; make clean makes room for ./other (3.13.2)\n"
    assert said() == said("PYTHON=.venv/bin/python") == ready
    assert said("PYTHON=./other") == said(PYTHON="./other") == told + ready


_OF_MAKE = {"MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "MAKELEVEL", "PYTHON"}
"""What a make above this one would tell it, and what the test says itself."""


def test_pip_finds_no_half_of_what_uv_has_left(install, tools, monkeypatch):
    """A disk that is full breaks uv off in the middle of a package; pip would pass over it."""
    site, found = with_halves(install.VENV), []
    tools[0]["uv"] = "error: No space left on device"
    by_uv = install.run

    def run(command, *_):
        found.append(sorted(path.name for path in site.iterdir()))
        return by_uv(command)

    monkeypatch.setattr(install, "run", run)
    install.Installer({}, "").install([])
    assert found[1] == ["whole-1.0.dist-info"]
    assert len(found) == 2


def with_halves(environment: Path) -> Path:
    """The packages of an environment: one that is whole, and two of which a part was written."""
    site = environment / "lib" / "python3.11" / "site-packages"
    whole, half = ("METADATA", "RECORD", "INSTALLER"), ("METADATA", "RECORD")
    for name, files in (("whole", whole), ("half", half), ("halted", ("METADATA", "INSTALLER"))):
        told = site / f"{name}-1.0.dist-info"
        told.mkdir(parents=True)
        for file in files:
            (told / file).touch()
    return site


def test_half_installed_packages_are_installed_again(clone, monkeypatch):
    """What a set-up that was killed has left does not pass for a package that is there."""
    site = with_halves(clone.VENV)
    found: list[list[str]] = []
    monkeypatch.setattr(
        clone, "install", lambda _: found.append(sorted(path.name for path in site.iterdir()))
    )
    clone.set_up("run")
    assert found == [["whole-1.0.dist-info"]]


def test_only_known_sets(tmp_path):
    """A wrong argument is answered with the usage."""
    command = [sys.executable, str(ROOT / "scripts" / "install.py"), "all"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "usage: install.py run | dev\n")


def test_the_environment_of_another_folder_is_left_alone(install, tmp_path, monkeypatch):
    """A link to it gives way to an environment of one's own; what it led to is as it was."""
    other, here = tmp_path / "other" / ".venv", tmp_path / "here" / ".venv"
    (other / "bin").mkdir(parents=True)
    (other / "bin" / "activate").write_text(f"VIRTUAL_ENV={other}\n")
    (other / ".stamp-run").write_text("theirs")
    here.parent.mkdir()
    here.symlink_to(other)
    monkeypatch.setattr(install, "VENV", here)
    monkeypatch.setattr(install, "PYTHON", here / "bin" / "python")
    monkeypatch.setattr(install, "install", lambda _: None)
    monkeypatch.setattr(install, "make_environment", here.mkdir)
    install.set_up("run")
    assert not here.is_symlink()
    assert (here / ".stamp-run").read_text() == install.digest("run")
    assert (other / ".stamp-run").read_text() == "theirs"
    assert (other / "bin" / "activate").exists()
