"""`python -m benchmarks [NAME|all] [--small|--write]`: quality, speed and proofs."""

from __future__ import annotations

import argparse
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from benchmarks.tables import machine

_README: Final = Path(__file__).with_name("README.md")


_BENCHMARKS: Final = {
    "fold": "engine.fold",
    "scoring": "engine.scoring",
    "trees": "engine.trees",
    "training": "engine.training",
    "scaling": "engine.scaling",
    "bulk": "many_leads.bulk",
    "parts": "many_leads.parts",
    "recommend": "engine.recommend",
    "service": "service.whole",
    "identities": "service.identities",
    "exports": "service.exports",
    "cluster": "many_leads.cluster",
    "pages": "service.pages",
    "quality": "quality.report",
    "little": "quality.little",
    "horizons": "quality.horizons",
    "drift": "quality.drift",
    "policy": "policies.report",
    "funnel": "funnel.report",
    "truth": "quality.truth",
    "outcome": "outcomes.report",
}
"""The module of each, whose `run` measures; imported when it is its turn, with its peers."""
_DRAWN: Final = ("drift", "scaling")
"""Their pictures stand beside the README."""


def main() -> int:
    """Run what was asked for, print it, and write it into the README if told to."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Quality and speed, beside peers."
    )
    parser.add_argument("which", nargs="?", default="all", choices=[*_BENCHMARKS, "all"])
    parser.add_argument("--small", action="store_true", help="less of everything: a quick look")
    parser.add_argument("--write", action="store_true", help="put the tables into the README here")
    parser.add_argument("--leads", type=int, help="bulk: how many (default: a million)")
    parser.add_argument("--worlds", type=int, help="outcome: how many (default: 20)")
    parser.add_argument("--days", type=int, help="outcome: how long (default: 182)")
    parser.add_argument("--jobs", type=int, default=2, help="outcome: processes (default: 2)")
    parsed = parser.parse_args()
    if parsed.small and parsed.write:
        parser.error("--write takes the full sizes; leave out --small")
    if parsed.write and (parsed.worlds or parsed.days):
        parser.error("--write takes the full sizes; leave out --worlds and --days")
    for name in _BENCHMARKS if parsed.which == "all" else [parsed.which]:
        options = _options(parsed) if name == "outcome" else {}
        if name == "bulk":
            options = {"leads": parsed.leads}
        if name in _DRAWN and parsed.write:
            options = {"picture": _README.with_name(f"{name}.png")}
        measured = import_module(f"benchmarks.{_BENCHMARKS[name]}")
        print(f"{name} ...", file=sys.stderr, flush=True)
        text = f"{machine()}\n\n{measured.run(small=parsed.small, **options)}"
        print(f"## {name}\n\n{text}\n", flush=True)
        if parsed.write:
            _README.write_text(with_part(_README.read_text("utf-8"), name, text), "utf-8")
    return 0


def _options(parsed: argparse.Namespace) -> dict[str, Any]:
    """What only the outcome benchmark takes; its picture stands beside the README."""
    picture = _README.with_name("outcome.png") if parsed.write else None
    return {
        "worlds": parsed.worlds,
        "days": parsed.days,
        "jobs": parsed.jobs,
        "picture": picture,
    }


def with_part(page: str, name: str, text: str) -> str:
    """The page with the part between `<!-- name -->` and `<!-- /name -->` replaced."""
    marks = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not marks.search(page):
        raise ValueError(f"README.md has no part between <!-- {name} --> and <!-- /{name} -->")
    return marks.sub(lambda found: f"{found[1]}\n{text}\n\n{found[2]}", page)


if __name__ == "__main__":
    sys.exit(main())
