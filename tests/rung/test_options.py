"""Arguments that are refused before a verb runs."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from rung import options
from rung.command import parser
from tests.rung.scene import call, refused
from training.scores.reordering import refusals

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("verb", "option"),
    [
        (("train", "e.csv", "--ladder", "b2b", "--out", "b"), "--until"),
        (("score", "e.csv", "--bundle", "b", "--out", "s.csv"), "--as-of"),
        (("features", "e.csv", "--ladder", "b2b", "--out", "s.csv"), "--as-of"),
        (("evaluate", "e.csv", "--ladder", "b2b", "--bundle", "b"), "--from"),
        (("evaluate", "e.csv", "--ladder", "b2b", "--bundle", "b"), "--until"),
    ],
)
def test_a_time_without_a_zone(verb, option):
    """It could mean anything: the call is not understood, and the message says what to write."""
    said = refused(*verb, option, "2026-03-01T12:00:00", code=2)
    assert f"argument {option}: '2026-03-01T12:00:00' has no time zone" in said
    assert "write 2026-03-01T12:00:00Z for UTC" in said
    assert "is not a time" in refused(*verb, option, "yesterday", code=2)


@pytest.mark.parametrize("count", ["0", "-3", "many", "1.5"])
def test_a_count_that_is_none(count):
    """So is a number of leads that is no number."""
    assert "must be a whole number from 1" in refused("demo", f"--leads={count}", code=2)


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
    writing = {options.as_file, options.as_folder, options.as_picture, options.as_table}
    writing |= {options.as_scores, options.as_json_lines, options.as_toml, options.as_page}
    places = {one.dest: one.type for one in actions_of(parser()) if one.type in {Path, *writing}}
    written, read = set(options._WRITTEN), set(options._READ)
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


def _remedies() -> Iterator[tuple[str, str, str]]:
    """Each option that a text of the code names together with its verb: file, verb, option."""
    verb_named = re.compile(r"\brung ((?:[a-z]+ ?)+)")
    for room in ("features", "models", "training", "serving", "rung"):
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    for part in re.split(r"[.;:`\n]|(?=\brung )", node.value):
                        if (named := verb_named.search(part)) is None:
                            continue
                        for option in re.findall(r"(?<=\s)--[a-z][a-z-]+", part):
                            yield f"{path.relative_to(ROOT)}", named[1], option


def test_a_remedy_names_an_option_that_its_verb_has():
    """Who is told to say so with an option can."""
    verbs = dict(_verbs(parser()))
    checked = 0
    for place, words, option in _remedies():
        told = words.split()
        while told and " ".join(told) not in verbs:
            told.pop()
        if told:
            checked += 1
            assert option in verbs[" ".join(told)], f"{place}: rung {' '.join(told)} {option}"
    assert checked > 10


@pytest.mark.parametrize("verb", ["publish", "retrain", "champion promote"])
def test_who_is_refused_by_the_gate_can_do_what_it_says(verb):
    """The gate does not know which verb asks it: each that promotes has what its refusals name."""
    held = {
        "champion": "f" * 64, "note": "",
        "orders": [{"by": "purchase", "top": 20, "kept": 1, "overlap": 0.05}],
    }  # fmt: skip
    said = refusals(held, "f" * 64, 0.8)
    said += refusals({**held, "note": "the champion cannot be compared"}, "f" * 64, 0.8)
    named = [option for one in said for option in re.findall(r"--[a-z-]+", one)]
    assert len(named) == 2
    assert set(named) <= dict(_verbs(parser()))[verb]


def _verbs(of: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, set[str]]]:
    """Every verb with its options, such as `champion promote`."""
    below = [action for action in of._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield name, {option for action in of._actions for option in action.option_strings}
    for action in below:
        for verb, its in action.choices.items():
            yield from _verbs(its, f"{name} {verb}".strip())
