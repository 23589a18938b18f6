"""The public commands, called as a user calls them, with their JSON answer."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd

import rung

__all__ = ["evaluate", "predictions", "score", "train", "write_log"]


def _run(*arguments: str) -> dict[str, Any]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = rung.main([*arguments, "--json"])
    if code:
        raise RuntimeError(f"rung {' '.join(arguments)} ended with {code}")
    answer: dict[str, Any] = json.loads(printed.getvalue())
    return answer


def write_log(events: pd.DataFrame, ladder: str, folder: Path, name: str) -> tuple[Path, Path]:
    """Write a log and its ladder for the commands to read."""
    path, ladder_path = folder / f"{name}.parquet", folder / "ladder.toml"
    events.to_parquet(path, index=False)
    ladder_path.write_text(ladder, encoding="utf-8")
    return path, ladder_path


def train(events: Path, ladder: Path, bundle: Path, until: str) -> dict[str, Any]:
    """`rung train`: the manifest."""
    return _run(
        "train", str(events), "--ladder", str(ladder), "--out", str(bundle), "--until", until
    )


def evaluate(events: Path, ladder: Path, bundle: Path, start: str, until: str) -> dict[str, Any]:
    """`rung evaluate`: the report."""
    return _run(
        "evaluate", str(events), "--ladder", str(ladder), "--bundle", str(bundle),
        "--from", start, "--until", until,
    )  # fmt: skip


def predictions(events: Path, ladder: Path, bundle: Path, start: str, out: Path) -> pd.DataFrame:
    """`rung evaluate --predictions`: a row a judged point and goal."""
    _run(
        "evaluate", str(events), "--ladder", str(ladder), "--bundle", str(bundle),
        "--from", start, "--predictions", str(out),
    )  # fmt: skip
    return pd.read_parquet(out)


def score(events: Path, bundle: Path, as_of: str, out: Path) -> pd.DataFrame:
    """`rung score`: a row a lead."""
    _run("score", str(events), "--bundle", str(bundle), "--as-of", as_of, "--out", str(out))
    return pd.read_parquet(out).set_index("lead_id")
