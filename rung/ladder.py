"""`rung ladder check`: a ladder as a table, and what the method advises."""

from __future__ import annotations

import argparse
from typing import Any

from rung.options import Progress, add_verb, group, json_option
from rung.reading import print_json

__all__ = ["add_ladder"]


def add_ladder(verbs: Any) -> None:
    """Add `rung ladder`."""
    ladder_verbs = group(verbs, "ladder", "look at a ladder", "Look at a ladder.")
    check = add_verb(
        ladder_verbs, "check", _check, "print a ladder as a table, and the method's advice"
    )
    check.add_argument("file", help="a TOML file, or a shipped ladder: b2b, b2b-assessment, b2c")
    json_option(check)


def _check(parsed: argparse.Namespace, _: Progress) -> None:
    from features.ladder.advice import advise, ladder_table
    from features.ladder.file import read_ladder

    ladder = read_ladder(parsed.file)
    advice = advise(ladder)
    if parsed.json:
        told = [{"path": a.path, "text": a.text, "source": a.source} for a in advice]
        return print_json({"ladder": ladder.name, "steps": len(ladder.steps), "advice": told})
    print(ladder_table(ladder))
    print(f"\n{len(advice)} piece{'s' if len(advice) != 1 else ''} of advice")
    for one in advice:
        print(f"  {one.path}: {one.text} [{one.source}]")
    return None
