"""What is said of an option is true of the verb that it is said of."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from rung.command import parser
from training.scores.reordering import refusals

ROOT = Path(__file__).parents[3]


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
