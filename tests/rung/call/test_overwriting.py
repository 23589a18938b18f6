"""No verb writes over what it reads."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pytest

from rung.call import arguments, overwriting
from rung.command import parser
from tests.rung.scene import call, refused


@pytest.fixture
def inputs(tmp_path, monkeypatch):
    """A current folder with a log, a folder of logs, a ladder and what looks like a bundle."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "log.parquet",
        "lad.toml",
        "scores.csv",
        "logs/a.parquet",
        "bundle/manifest.json",
        "parts/_MANIFEST",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"what {name} says")
    (tmp_path / "link.parquet").symlink_to("log.parquet")
    (tmp_path / "away").symlink_to("logs")
    return tmp_path


AS_OF = "--as-of 2026-03-01T12:00:00Z"


@pytest.mark.parametrize(
    ("words", "option"),
    [
        ("score log.parquet --bundle bundle --out log.parquet", "--out"),
        ("score log.parquet --bundle bundle --out link.parquet", "--out"),
        ("score link.parquet --bundle bundle --out logs/../log.parquet", "--out"),
        ("score log.parquet --bundle bundle --out bundle/s.csv", "--out"),
        (f"features logs --ladder b2b {AS_OF} --out logs/out.parquet", "--out"),
        (f"features away/ --ladder b2b {AS_OF} --out logs/out.csv", "--out"),
        (f"features logs --ladder b2b {AS_OF} --out away/new.csv.gz", "--out"),
        (
            "evaluate log.parquet --ladder b2b --bundle bundle --predictions log.parquet",
            "--predictions",
        ),
        ("evaluate log.parquet --ladder b2b --bundle bundle --report bundle", "--report"),
        ("tune log.parquet --ladder lad.toml --minutes 1 --out ./lad.toml", "--out"),
        ("tune log.parquet --ladder b2b --config lad.toml --minutes 1 --out lad.toml", "--out"),
        ("train logs --ladder b2b --out logs", "--out"),
        ("funnel logs --ladder b2b --rejects logs/bad.jsonl", "--rejects"),
        ("audit scores.csv --html scores.csv", "--html"),
        ("audit scores.csv --json scores.csv", "--json"),
        ("init lad.toml log.parquet --to lad.toml", "--to"),
        ("cluster score parts --bundle bundle --out parts/scores", "--out"),
    ],
)
def test_nothing_is_written_over_what_is_read(inputs, words, option):
    """However it is spelt: the message names both before anything is read, and all stays."""
    before = {path: path.read_bytes() for path in inputs.rglob("*") if path.is_file()}
    told = refused(*words.split())
    assert told.startswith(f"rung: {option} ")
    assert "that is read, " in told
    assert told.endswith(": write it elsewhere\n")
    assert {path: path.read_bytes() for path in inputs.rglob("*") if path.is_file()} == before


def actions_of(of: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """The arguments of a verb and of all verbs below it."""
    for action in of._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from actions_of(below)
        else:
            yield action


def test_every_place_is_written_or_read():
    """No verb has a file or a folder of which nobody has said whether it is an input."""
    writing = {arguments.as_file, arguments.as_folder, arguments.as_picture, arguments.as_table}
    writing |= {arguments.as_scores, arguments.as_json_lines, arguments.as_toml, arguments.as_page}
    places = {one.dest: one.type for one in actions_of(parser()) if one.type in {Path, *writing}}
    written, read = set(overwriting._WRITTEN), set(overwriting._READ)
    assert {name for name, kind in places.items() if kind in writing} <= written
    # The served folder that is promoted into is a bundle's own; an offer's file is never a log.
    assert places.keys() - written - read == {"into", "file"}


@pytest.mark.usefixtures("inputs")
@pytest.mark.parametrize(
    "words",
    [
        "train . --ladder b2b --out new",
        "init logs --to logs/ladder.toml",
        "score log.parquet --bundle bundle --out bundle.csv",
        "funnel log.parquet --ladder logs --out logs/funnel",
        "publish bundle --report bundle/report",
    ],
)
def test_what_stands_beside_what_is_read(words):
    """It may be written: nobody takes it for what was read. A report to promote by is read."""
    assert "write it elsewhere" not in call(*words.split()).err


@pytest.mark.parametrize(
    "words",
    [
        "train logs --ladder b2b --out logs/old",
        "funnel logs --ladder b2b --out logs/old",
        "audit scores.csv --events logs --html logs/old.html",
    ],
)
def test_what_was_written_there_before(inputs, words):
    """A call that was allowed is so when it is repeated: what it wrote is not read as events."""
    (inputs / "logs" / "old").mkdir()
    (inputs / "logs" / "old.html").write_text("a page")
    assert "write it elsewhere" not in call(*words.split()).err
