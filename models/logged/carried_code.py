"""What a logged model takes along, so that it loads where Rung is not installed.

Rung is on no package index: the code of `features` and `models` goes with the model, and the
packages that scoring imports are named by the versions that are installed here.
"""

from __future__ import annotations

import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Final

__all__ = ["REQUIRED", "copy_code", "requirements"]

REQUIRED: Final = (
    "joblib",
    "lightgbm",
    "llvmlite",
    "numba",
    "numpy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "skops",
    "threadpoolctl",
)
"""The distributions that `models.flavor` imports by itself; what they need follows from them."""
_PACKAGES: Final = ("features", "models")
_CARRIED: Final = (".py", ".toml", ".typed")


def requirements() -> list[str]:
    """Requirements as pip reads them, such as "numpy==2.3.1"."""
    return [f"{name}=={version(name)}" for name in REQUIRED]


def copy_code(folder: Path) -> list[str]:
    """Copy the code of scoring, and nothing that lies beside it, into a folder; the copies."""
    root = Path(__file__).parents[2]
    for name in _PACKAGES:
        for path in sorted((root / name).rglob("*")):
            if path.suffix in _CARRIED and path.is_file():
                copied = folder / path.relative_to(root)
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copied)
    return [str(folder / name) for name in _PACKAGES]
