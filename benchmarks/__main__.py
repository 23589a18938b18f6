"""`python -m benchmarks [NAME|all] [--small|--write]`: quality, speed and proofs."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks.tables import machine

_README: Final = Path(__file__).with_name("README.md")


def _fold(*, small: bool) -> str:
    from benchmarks import fold

    return fold.run(small=small)


def _scoring(*, small: bool) -> str:
    from benchmarks import scoring

    return scoring.run(small=small)


def _quality(*, small: bool) -> str:
    from benchmarks.quality import report

    return report.run(small=small)


def _drift(*, small: bool, picture: Path | None = None) -> str:
    from benchmarks import drift

    return drift.run(small=small, plot=picture)


def _little(*, small: bool) -> str:
    from benchmarks.quality import little

    return little.run(small=small)


def _horizons(*, small: bool) -> str:
    from benchmarks.quality import horizons

    return horizons.run(small=small)


def _policy(*, small: bool) -> str:
    from benchmarks.policies import report

    return report.run(small=small)


def _trees(*, small: bool) -> str:
    from benchmarks import trees

    return trees.run(small=small)


def _training(*, small: bool) -> str:
    from benchmarks import training

    return training.run(small=small)


def _scaling(*, small: bool, picture: Path | None = None) -> str:
    from benchmarks import scaling

    return scaling.run(small=small, picture=picture)


def _bulk(*, small: bool, leads: int | None = None) -> str:
    from benchmarks import bulk

    return bulk.run(small=small, leads=leads)


def _parts(*, small: bool) -> str:
    from benchmarks import parts

    return parts.run(small=small)


def _recommend(*, small: bool) -> str:
    from benchmarks import recommend

    return recommend.run(small=small)


def _truth(*, small: bool) -> str:
    from benchmarks import truth

    return truth.run(small=small)


def _service(*, small: bool) -> str:
    from benchmarks.service import whole

    return whole.run(small=small)


def _identities(*, small: bool) -> str:
    from benchmarks import identities

    return identities.run(small=small)


def _exports(*, small: bool) -> str:
    from benchmarks import exports

    return exports.run(small=small)


def _cluster(*, small: bool) -> str:
    from benchmarks import cluster

    return cluster.run(small=small)


def _pages(*, small: bool) -> str:
    from benchmarks import pages

    return pages.run(small=small)


def _funnel(*, small: bool) -> str:
    from benchmarks.funnel import report

    return report.run(small=small)


def _outcome(*, small: bool, **options: Any) -> str:
    from benchmarks.outcomes import report

    return report.run(small=small, **options)


_BENCHMARKS: Final[dict[str, Callable[..., str]]] = {
    "fold": _fold,
    "scoring": _scoring,
    "trees": _trees,
    "training": _training,
    "scaling": _scaling,
    "bulk": _bulk,
    "parts": _parts,
    "recommend": _recommend,
    "service": _service,
    "identities": _identities,
    "exports": _exports,
    "cluster": _cluster,
    "pages": _pages,
    "quality": _quality,
    "little": _little,
    "horizons": _horizons,
    "drift": _drift,
    "policy": _policy,
    "funnel": _funnel,
    "truth": _truth,
    "outcome": _outcome,
}
"""Each imports what it measures when it runs."""
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
        text = f"{machine()}\n\n{_BENCHMARKS[name](small=parsed.small, **options)}"
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
