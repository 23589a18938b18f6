"""Data sets without times: one snapshot a lead, an outcome, and published folds.

Each lead is known at one instant by its traits; whether it buys is told a day later. A fold's
bundle is trained on the other folds by `rung train` and scores its own by `rung score`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.public_data import read_csv
from benchmarks.quality import commands

__all__ = ["SAAS", "X_EDUCATION", "CrossSection", "fold_scores", "later_scores"]

_KNOWN = pd.Timestamp("2024-01-01T00:00:00Z")
_BOUGHT = _KNOWN + pd.Timedelta(days=1)
_UNTIL = "2024-03-01T00:00:00Z"
_APART = pd.Timedelta(minutes=15)
"""Between two leads of a table in order: its times are not told, only who came after whom."""
_ALL_TOLD = "2024-12-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class CrossSection:
    """A table with an id, an outcome and traits.

    `read` gives (ids, bought, traits); numeric columns of the traits are number traits.
    """

    name: str
    title: str
    folds: str
    read: Callable[[], tuple[pd.Series, pd.Series, pd.DataFrame]]


def _x_education() -> tuple[pd.Series, pd.Series, pd.DataFrame]:
    """Without the columns that sales wrote during or after the talk."""
    table = read_csv("xeducation_leads.csv.gz")
    late = [column for column in table.columns if column.startswith("Asymmetrique")]
    late += ["Tags", "Lead Quality", "Lead Profile", "Last Activity", "Last Notable Activity"]
    traits = table.drop(columns=[*late, "Prospect ID", "Lead Number", "Converted"])
    return table["Lead Number"], table["Converted"], traits.replace("Select", np.nan)


def _saas() -> tuple[pd.Series, pd.Series, pd.DataFrame]:
    """Without what is known only after a conversion."""
    table = read_csv("saas_trial_orgs.csv.gz")
    after = ["converted", "converted_at", "days_to_convert", "trial_start", "trial_end"]
    traits = table.drop(columns=["organization_id", *after])
    return table["organization_id"], table["converted"], traits


X_EDUCATION = CrossSection(
    "xeducation", "X Education", "splits/xedu_cv5_seed0.csv.gz", _x_education
)
SAAS = CrossSection("saas", "SaaS trial", "splits/saas_cv5_seed0.csv.gz", _saas)


@dataclass(frozen=True, eq=False, slots=True)
class FoldScores:
    """One fold: what happened, what was served, whether anything was learned, and the matrix."""

    bought: np.ndarray
    probability: np.ndarray
    learned: bool
    train: tuple[pd.DataFrame, np.ndarray]
    test: pd.DataFrame


def fold_scores(data: CrossSection, folder: Path) -> list[FoldScores]:
    """Every fold of a data set, through the public commands."""
    ids, bought, traits = data.read()
    ids = ids.astype(str)
    folds = read_csv(data.folds).assign(row_id=lambda f: f["row_id"].astype(str))
    fold = ids.map(folds.set_index("row_id")["fold"]).to_numpy()
    columns = {column: f"c{at}" for at, column in enumerate(traits.columns)}
    traits = traits.rename(columns=columns)
    events = _events(ids, bought, traits)
    ladder = _ladder(data, traits, list(columns))
    result = []
    for at in sorted(set(fold)):
        held_out = set(ids[fold == at])
        inside = events["lead_id"].isin(held_out)
        train_log, path = commands.write_log(events[~inside], ladder, folder, "train")
        test_log, _ = commands.write_log(
            events[inside & (events["name"] == "identify")], ladder, folder, "test"
        )
        manifest = commands.train(train_log, path, folder / "bundle", _UNTIL)
        scores = commands.score(
            test_log, folder / "bundle", _KNOWN.isoformat(), folder / "scores.parquet"
        )
        rows = fold == at
        result.append(
            FoldScores(
                bought=bought[rows].to_numpy(dtype=float),
                probability=scores.loc[ids[rows], "purchase_probability"].to_numpy(),
                learned=manifest["trained_on"]["purchase"]["learned"],
                train=(traits[~rows], bought[~rows].to_numpy(dtype=float)),
                test=traits[rows],
            )
        )
    return result


def later_scores(data: CrossSection, split: str, folder: Path) -> FoldScores:
    """The leads that came last, by a bundle that was trained on those before.

    Leads stand a quarter of an hour apart, in the order of their numbers: what is newest is known,
    and is learned from. Scored are the later ones by `rung evaluate --predictions`.
    """
    ids, bought, traits = data.read()
    ids = ids.astype(str)
    part = read_csv(split).assign(row_id=lambda f: f["row_id"].astype(str))
    is_test = (ids.map(part.set_index("row_id")["set"]) == "test").to_numpy()
    columns = {column: f"c{at}" for at, column in enumerate(traits.columns)}
    traits = traits.rename(columns=columns)
    when = _KNOWN + (ids.astype(int).rank() - 1) * _APART
    ladder = _ladder(data, traits, list(columns))
    logs = []
    for name, rows in (("train", ~is_test), ("all", np.ones(len(ids), dtype=bool))):
        events = _events(ids[rows], bought[rows], traits[rows], when[rows], _ALL_TOLD)
        logs.append(commands.write_log(events, ladder, folder, name))
    (train_log, path), (whole, _) = logs
    manifest = commands.train(train_log, path, folder / "bundle", _ALL_TOLD)
    first = (when[is_test].min() - _APART / 2).isoformat()
    said = commands.predictions(whole, path, folder / "bundle", first, folder / "told.parquet")
    told = said[said["goal"] == "purchase"].set_index("lead_id")
    return FoldScores(
        bought=bought[is_test].to_numpy(dtype=float),
        probability=told["probability"].loc[ids[is_test].tolist()].to_numpy(),
        learned=manifest["trained_on"]["purchase"]["learned"],
        train=(traits[~is_test], bought[~is_test].to_numpy(dtype=float)),
        test=traits[is_test],
    )


def _events(
    ids: pd.Series,
    bought: pd.Series,
    traits: pd.DataFrame,
    when: pd.Series | None = None,
    until: str = _UNTIL,
) -> pd.DataFrame:
    when = pd.Series(_KNOWN, index=ids.index) if when is None else when
    known = pd.DataFrame({"lead_id": ids, "name": "identify", "occurred_at": when})
    known = pd.concat([known, traits], axis=1)
    buyers = bought == 1
    told = when[buyers] + (_BOUGHT - _KNOWN)
    buys = pd.DataFrame({"lead_id": ids[buyers], "name": "bought", "occurred_at": told})
    # The table tells of all that had happened by then; a log says so by an event at its end.
    closed = pd.DataFrame(
        {"lead_id": ["the export"], "name": "exported", "occurred_at": pd.Timestamp(until)}
    )
    return pd.concat([known, buys, closed], ignore_index=True)


def _ladder(data: CrossSection, traits: pd.DataFrame, titles: list[str]) -> str:
    """Nothing is known of the way up: the steps are there because a ladder has some."""
    rows = [
        f'[ladder]\nname = "{data.name}"\ndormant_after_days = 30',
        'score_at = [{ event = "identify" }]',
        '[[step]]\nid = "visit"\ntitle = "Visit"\nhorizon_days = 30\n'
        'complete_when = [{ event = "visited" }]',
        '[[step]]\nid = "talk"\ntitle = "Talk"\nhorizon_days = 30\nband = [0.2, 0.6]\n'
        'complete_when = [{ event = "talked" }]',
        '[purchase]\nhorizon_days = 30\nband = [0.2, 0.6]\ncomplete_when = [{ event = "bought" }]',
    ]
    for column, title in zip(traits, titles, strict=True):
        number = pd.api.types.is_numeric_dtype(traits[column])
        kind = "number" if number else "category"
        says = title.replace('"', "'").replace("{", "(").replace("}", ")")
        rows.append(f'[[trait]]\nid = "{column}"\ntype = "{kind}"\nsays = "{says}: {{value}}"')
    return "\n\n".join(rows) + "\n"
