"""`rung publish`: a bundle and its report into the registry, and to the champion by its gate."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rung.options import Progress, add_verb, json_option
from rung.reading import print_json

if TYPE_CHECKING:
    from models.gate import Gate
    from models.registry import Version

__all__ = ["add_publish"]

_REGISTRY: Final = "sqlite:///artifacts/mlflow.db"


def add_publish(verbs: Any) -> None:
    """Add `rung publish`."""
    publish = add_verb(verbs, "publish", _publish, "put a bundle and its report into the registry")
    publish.add_argument("bundle", type=Path)
    publish.add_argument("--report", type=Path, required=True, help="from rung evaluate --report")
    publish.add_argument("--registry", default=_REGISTRY, help=f"MLflow URI (default: {_REGISTRY})")
    publish.add_argument(
        "--promote", action="store_true", help="make it the champion, if its report passes the gate"
    )
    json_option(publish)


def _publish(parsed: argparse.Namespace, progress: Progress) -> int | None:
    from models.bundle import load_bundle
    from models.registry import CHAMPION, Registry
    from training.scores.gate import judge, read_report

    bundle = load_bundle(parsed.bundle)
    gate = judge(read_report(parsed.report), bundle)
    registry = Registry(parsed.registry)
    progress(f"logging to {parsed.registry}")
    version = registry.publish(parsed.bundle, gate, parsed.report)
    if parsed.promote:
        version = registry.promote(version, gate)
    is_champion = CHAMPION in version.aliases
    if parsed.json:
        print_json(_result(version, gate, is_champion=is_champion))
    else:
        print(f"{version.name} version {version.version}")
        for line in gate.missing:
            print(f"  the gate: {line}")
        if parsed.promote:
            print("it is the champion now" if is_champion else "the champion stays what it was")
    return 1 if parsed.promote and not is_champion else None


def _result(version: Version, gate: Gate, *, is_champion: bool) -> dict[str, Any]:
    return {
        "name": version.name,
        "version": version.version,
        "passed": gate.passed,
        "missing": list(gate.missing),
        "champion": is_champion,
    }
