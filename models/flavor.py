"""The bundle as an MLflow pyfunc: `mlflow.pyfunc.load_model` and MLflow's own server use it.

MLflow calls `_load_pyfunc` with the folder of the bundle that was logged. Nothing is unpickled, and
this file needs no MLflow.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from models.bundle import load_bundle

__all__ = ["SignalsToScores"]


class SignalsToScores:
    """Takes a frame of signals, as `rung features` writes it, and gives a frame of scores."""

    def __init__(self, folder: Path) -> None:
        self.bundle = load_bundle(folder)

    def predict(self, frame: pd.DataFrame, params: object = None) -> pd.DataFrame:  # noqa: ARG002 - MLflow's signature
        """Columns lead_id, as_of, step, p_advance, low, high, p_purchase, in the order given."""
        return self.bundle.score_frame(frame)


def _load_pyfunc(path: str) -> SignalsToScores:
    return SignalsToScores(Path(path))
