"""Every error of ours, wherever it is defined."""

from __future__ import annotations

import importlib
from pathlib import Path

from features.errors import RungError

_ROOT = Path(__file__).resolve().parent.parent


def every_error() -> set[type[RungError]]:
    """All that derive from RungError, after every module was imported."""
    for package in ("features", "models", "training", "serving", "rung"):
        for path in (_ROOT / package).rglob("*.py"):
            module = path.relative_to(_ROOT).with_suffix("")
            importlib.import_module(".".join(module.parts).removesuffix(".__init__"))
    return {kind for kind in _below(RungError) if not kind.__module__.startswith("tests")}


def _below(kind: type[RungError]) -> set[type[RungError]]:
    found = set(kind.__subclasses__())
    return found.union(*(_below(one) for one in found))
