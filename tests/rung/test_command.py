"""The command: its help, what is no verb, its exit codes."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from io import BytesIO, TextIOWrapper
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import pytest

import rung.command
from rung.call.printing import say_aside
from tests.rung.scene import TEN_MISTAKES, done, refused

VERBS = (
    *("demo", "ladder", "import", "train", "evaluate", "features", "score", "publish", "policy"),
    *("key", "lead", "serve", "work", "mcp", "doctor"),
)


POLICY_VERBS = ("evaluate", "compare", "promote")


KEY_VERBS = ("create", "list", "revoke")


@pytest.mark.parametrize(
    "verb",
    [
        (),
        *((verb,) for verb in VERBS),
        ("ladder", "check"),
        *(("policy", verb) for verb in POLICY_VERBS),
        *(("key", verb) for verb in KEY_VERBS),
    ],
)
def test_help(verb):
    """Every verb explains itself, every option of it, and exits with 0."""
    said = done(*verb, "--help")
    assert said.out.startswith(" ".join(["usage: rung", *verb]))
    assert said.err == ""


def test_help_lists_every_verb():
    """The verbs of the list are those there are."""
    listed = done("--help").out
    assert [verb for verb in VERBS if f"\n    {verb} " not in listed] == []


def test_an_unknown_option():
    """The verb says how it is called, and which option was meant."""
    said = refused("calling", "e.csv", "--ladder", "b2b", "--untill", "2026-01-01", code=2)
    assert said.startswith("usage: rung calling ")
    assert said.endswith("arguments: --untill 2026-01-01; did you mean '--until'?\n")
    assert refused("calling", "a", "b", "--ladder", "b2b", code=2).endswith("arguments: b\n")


@pytest.mark.parametrize("verb", [(), ("train",), ("score",), ("mcp",)])
def test_help_is_instant(verb):
    """Help loads no library that takes its time."""
    text = f"""
import sys, rung
try:
    rung.main({[*verb, "--help"]!r})
except SystemExit as end:
    heavy = set("numpy pandas pyarrow numba lightgbm sklearn mlflow fastapi sqlalchemy".split())
    heavy |= {{"httpx2", "mcp"}}
    print("LOADED", end.code, sorted(heavy & set(sys.modules)))
"""
    found = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout.splitlines()[-1] == "LOADED 0 []"


def test_no_verb_and_an_unknown_one():
    """A call that cannot be understood exits with 2 and says what there is."""
    assert "VERB" in refused(code=2)
    assert "invalid choice: 'trian'; did you mean 'train'?" in refused("trian", code=2)
    assert "'lst'; did you mean 'list'?" in refused("offer", "lst", code=2)
    said = refused("key", "x", code=2)
    assert said.endswith("invalid choice: 'x'; there is create, list, revoke\n")
    assert "--ladder" in refused("train", "events.parquet", "--out", "bundle", code=2)


def test_the_installed_program(tmp_path):
    """`rung` is this command line, and hands its exit code to the shell."""
    program = Path(sys.executable).with_name("rung")
    if not program.exists():
        pytest.skip("rung is not installed")
    found = subprocess.run(
        [program, "ladder", "check", "nothing.toml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert found.returncode == 3
    assert "is neither a file nor a shipped ladder" in found.stderr


def test_the_package_is_the_program(tmp_path):
    """`python -m rung` is the same command line, and hands its exit code on."""
    command = [sys.executable, "-m", "rung", "ladder", "check", "nothing.toml"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert found.returncode == 3
    assert "is neither a file nor a shipped ladder" in found.stderr


@pytest.mark.parametrize(
    ("words", "is_piped", "is_buffered"),
    [
        *product(["train --show-config", "ladder check b2b"], [True, False], [True, False]),
        ("train --help", True, True),  # argparse itself passes over it where nothing is buffered
    ],
)
def test_output_that_cannot_be_written(words, is_piped, is_buffered):
    """A full disk is told in a line, of what parsing prints too; a pipe nobody reads is not."""
    environment = os.environ | {"PYTHONUNBUFFERED": "" if is_buffered else "1"}
    if is_piped:
        read, write = os.pipe()
        os.close(read)
    else:
        write = os.open("/dev/full", os.O_WRONLY)
    try:
        found = subprocess.run(
            [sys.executable, "-m", "rung", *words.split()],
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
    finally:
        os.close(write)
    said = "" if is_piped else "rung: No space left on device\n"
    assert (found.returncode, found.stderr) == (1, said)


@pytest.mark.parametrize("is_closed", [False, True])
def test_progress_that_cannot_be_written(is_closed):
    """A full disk under what is said aside, or none there at all, ends no work and changes none."""
    code = (
        "import sys; from rung import main; from rung.call.printing import note; note('by the way')"
    )
    after = " 2>&-" if is_closed else " 2>/dev/full"
    command = f'"$0" -c "$1; sys.exit(main(sys.argv[1:]))" ladder check b2b{after}'
    found = subprocess.run(
        ["sh", "-c", command, sys.executable, code], stdout=subprocess.PIPE, text=True
    )
    assert found.returncode == 0
    assert found.stdout.startswith("step ")


def stop(*_: object) -> None:
    raise KeyboardInterrupt


def test_stopped_before_the_verb_runs(monkeypatch, capsys):
    """Ctrl+C while the command is read from the disk, or the call understood, is no trace."""
    with monkeypatch.context() as patch:
        patch.setattr(rung.command, "parser", stop)
        assert rung.main(["train"]) == 130
    assert capsys.readouterr().err == "\nrung: stopped\n"
    monkeypatch.delitem(sys.modules, "rung.command")
    monkeypatch.delattr(rung, "command")
    monkeypatch.setattr(sys, "meta_path", [SimpleNamespace(find_spec=stop)])
    assert rung.main(["train"]) == 130
    assert capsys.readouterr().err == "\nrung: stopped\n"


def test_letters_that_the_encoding_has_not(monkeypatch):
    """They are escaped: a title has curly quotes, a file or a terminal may be Latin-1."""
    file = BytesIO()
    monkeypatch.setattr("sys.stdout", TextIOWrapper(file, encoding="latin-1"))
    monkeypatch.setattr(rung.command, "_run", lambda _: sys.stdout.write("“Grüße”\n"))
    rung.command.main([])
    assert file.getvalue() == "\\u201cGrüße\\u201d\n".encode("latin-1")


def test_a_pipe_that_breaks_elsewhere_is_told(monkeypatch, capsys):
    """A connection to a store that is lost is none of what is printed."""

    def lost(_: object) -> int:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(rung.command, "_run", lost)
    assert rung.command.main([]) == 1
    assert capsys.readouterr().err == "rung: Broken pipe\n"


def test_lines_of_threads_stay_apart(monkeypatch):
    """Each line of progress is written with its end in one piece."""
    written: list[str] = []
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(write=written.append, flush=lambda: None))
    say_aside("fitting")
    assert [text for text in written if text] == ["fitting\n"]


@pytest.mark.parametrize("is_watched", [True, False])
def test_progress_beside_json(is_watched, events_file, bundle_folder):
    """Where somebody looks on, progress is told beside a result in JSON, and never in it."""
    own, other = pty.openpty() if is_watched else os.pipe()
    command = ("rung", "readiness", str(events_file), "--bundle", str(bundle_folder), "--json")
    found = subprocess.run(
        [sys.executable, "-m", *command], stdout=subprocess.PIPE, stderr=other, text=True
    )
    os.close(other)
    said = ""
    with suppress(OSError):  # a terminal whose other end is closed
        while more := os.read(own, 65_536):
            said += more.decode()
    os.close(own)
    assert json.loads(found.stdout)["steps"]
    assert ("reading" in said) is is_watched


def test_any_verb_refuses_a_ladder_with_mistakes(events_file, tmp_path):
    """It is the same code and the same list wherever a ladder is read."""
    file = tmp_path / "ladder.toml"
    file.write_text(TEN_MISTAKES)
    for rest in (
        ("train", events_file, "--out", tmp_path / "b"),
        ("import", events_file, "--store", f"sqlite:///{tmp_path / 's.db'}"),
    ):
        assert "10 mistakes" in refused(*rest, "--ladder", file, code=3)
    assert {path.name for path in tmp_path.iterdir()} == {"ladder.toml"}
