"""What MLflow is told of a bundle: what it takes and gives, and what it was trained on."""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np
import pandas as pd
from mlflow.entities import Dataset, DatasetInput, InputTag
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import AnyType

from features.clock import rfc3339, when
from features.events.log import EventLog
from features.signals.program import compile_ladder
from features.signals.snapshot import LOST, snapshot
from models.bundle import Bundle
from models.logged.run_page import profile_of

__all__ = ["example_of", "signature_of", "training_log"]

_DIGITS: Final = 36
"""As many of a digest as MLflow keeps."""


def example_of(bundle: Bundle) -> pd.DataFrame:
    """The signals of a lead that has done one thing; its instant as JSON has it."""
    until = int(bundle.manifest["until"])
    columns = compile_ladder(bundle.ladder).columns
    log = EventLog.from_columns(["example"], ["example"], np.array([until]), columns=columns)
    frame = snapshot(log, bundle.ladder, None, when(until)).frame()
    return frame.assign(as_of=[rfc3339(until)])


def signature_of(bundle: Bundle, example: pd.DataFrame) -> ModelSignature:
    """The columns that are taken and given.

    MLflow's own datetime refuses an instant with a zone, and its string a categorical column, which
    is what `rung features` writes, and whoever is lost may be said by 1 as by true: hence these may
    be anything, and `score_frame` judges them.
    """
    needed = {"ladder.position", *bundle.encoding.columns}
    inputs: list[Any] = [ColSpec(DataType.string, "lead_id", required=False)]
    anything: Any = AnyType()  # type: ignore[no-untyped-call]
    inputs.append(ColSpec(anything, "as_of", required=False))
    for column in map(str, example.columns.drop(["lead_id", "as_of", LOST])):
        is_text = isinstance(example[column].dtype, pd.CategoricalDtype)
        kind = anything if is_text else DataType.double
        inputs.append(ColSpec(kind, column, required=column in needed))
    inputs.append(ColSpec(anything, LOST, required=False))  # frames of before do not have it
    kinds = {"lead_id": DataType.string, "as_of": DataType.datetime, "step": DataType.string}
    outputs: list[Any] = [
        ColSpec(kinds.get(column, DataType.double), column, required=column in ("lead_id", "as_of"))
        for column in map(str, bundle.score_frame(example))
    ]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def training_log(bundle: Bundle) -> DatasetInput:
    """The log that a bundle was trained on, as its digest and counts; no row of it."""
    digest = str(bundle.manifest["data_fingerprint"])
    log = Dataset(
        name=f"{bundle.ladder.name} events",
        digest=digest[:_DIGITS],
        source_type="rung",
        source=json.dumps({"data_fingerprint": digest}),
        profile=json.dumps(profile_of(bundle)),
    )
    return DatasetInput(log, [InputTag("mlflow.data.context", "training")])
