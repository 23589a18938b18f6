"""Pictures of what runs over time: how probabilities have moved since a bundle was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure

from models.bundle import Bundle
from models.recalibrated import FAR, shift_of
from models.scores.recalibration import Move

__all__ = ["draw_moves"]

_COLOURS: Final = {"advancement": "#2f7f5f", "purchase": "#b5651d"}
_INK, _QUIET = "#1f2933", "#9aa5b1"


def draw_moves(bundle: Bundle, moves: Mapping[str, Sequence[Move]], path: Path) -> None:
    """The factor that typical odds are moved by, over time, into a file by its suffix."""
    figure = Figure(figsize=(8.0, 3.6), layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    for goal, of in moves.items():
        if of:
            known_at = np.array([move.known_at for move in of], dtype="datetime64[us]")
            factor = np.exp([shift_of(bundle, goal, move) for move in of])
            axes.step(known_at, factor, where="post", color=_COLOURS[goal], label=goal)
    axes.axhline(1.0, color=_QUIET, linewidth=0.8)
    axes.axhspan(np.exp(-FAR), np.exp(FAR), color=_QUIET, alpha=0.12)
    axes.set_yscale("log", base=2)
    axes.set_title(f"Typical odds, times so much: {bundle.version}", loc="left", color=_INK)
    axes.tick_params(axis="x", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=9)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
