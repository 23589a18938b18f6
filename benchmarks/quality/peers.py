"""What a data scientist would try first, on a table of traits: four ways without tuning.

Logistic regression gets one-hot categories and scaled numbers; the trees get categories
as they are. Every one fits on the training rows and answers for the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import lightgbm as lgb
import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from features.arrays import Floats

__all__ = ["PEERS", "Floats", "Peer"]

Peer = Callable[[pd.DataFrame, Floats, pd.DataFrame], Floats]
"""From training rows, their outcomes and other rows to the probabilities of the others."""

_MOST_CATEGORIES: Final = 254
"""HistGradientBoosting takes no more in one column; rarer ones count as absent."""
_SEED: Final = 0


def _base_rate(_: pd.DataFrame, happened: Floats, test: pd.DataFrame) -> Floats:
    return np.full(len(test), happened.mean())


def _logistic(train: pd.DataFrame, happened: Floats, test: pd.DataFrame) -> Floats:
    texts = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="absent"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    prepare = make_column_transformer(
        (numbers, make_column_selector(dtype_include=np.number)),
        (texts, make_column_selector(dtype_exclude=np.number)),
    )
    model = make_pipeline(prepare, LogisticRegression(max_iter=2000))
    return _fitted(model, _plain(train), happened, _plain(test))


def _lightgbm(train: pd.DataFrame, happened: Floats, test: pd.DataFrame) -> Floats:
    model = lgb.LGBMClassifier(random_state=_SEED, verbosity=-1)
    return _fitted(model, *_categories(train, happened, test))


def _hist_boosting(train: pd.DataFrame, happened: Floats, test: pd.DataFrame) -> Floats:
    model = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=_SEED)
    return _fitted(model, *_categories(train, happened, test))


def _fitted(model: Any, train: pd.DataFrame, happened: Floats, test: pd.DataFrame) -> Floats:
    model.fit(train, happened)
    return np.asarray(model.predict_proba(test)[:, 1], dtype=np.float64)


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Texts as Python objects with NaN, which scikit-learn's imputer knows."""
    texts = table.select_dtypes(exclude="number").columns
    return table.astype(dict.fromkeys(texts, object)).where(table.notna(), np.nan)


def _categories(
    train: pd.DataFrame, happened: Floats, test: pd.DataFrame
) -> tuple[pd.DataFrame, Floats, pd.DataFrame]:
    """Texts as pandas categories, those of the training rows."""
    kinds = {
        column: pd.CategoricalDtype(train[column].value_counts().index[:_MOST_CATEGORIES])
        for column in train.select_dtypes(exclude="number")
    }
    return train.astype(kinds), happened, test.astype(kinds)


PEERS: Final[dict[str, Peer]] = {
    "base rate of train": _base_rate,
    "logistic regression": _logistic,
    "LightGBM default": _lightgbm,
    "HistGradientBoosting default": _hist_boosting,
}
