"""The bundle as an MLflow pyfunc: `mlflow.pyfunc.load_model` and MLflow's own server use it.

MLflow calls `_load_pyfunc` with the folder of the bundle that was logged. Nothing is unpickled, and
this file needs no MLflow. Types of a bundle's own are those that RUNG_TRUSTED_TYPES permits, as in
the service.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from models.bundle import load_bundle
from models.scores.learners.trusted import trusted_names

__all__ = ["SignalsToScores"]


class SignalsToScores:
    """Takes a frame of signals, as `rung features` writes it, and gives a frame of scores."""

    def __init__(self, folder: Path, trusted: Collection[str] = ()) -> None:
        self.bundle = load_bundle(folder, trusted=trusted)

    def predict(self, frame: pd.DataFrame, params: object = None) -> pd.DataFrame:  # noqa: ARG002 - MLflow's signature
        """Columns lead_id, as_of, step, p_advance, low, high, p_purchase, in the order given.

        Who has bought, or is lost by the column `ladder.lost`, has no step and NaN.
        """
        return self.bundle.score_frame(frame)


def _load_pyfunc(path: str) -> SignalsToScores:
    return SignalsToScores(Path(path), trusted_names(os.environ.get("RUNG_TRUSTED_TYPES", "")))
