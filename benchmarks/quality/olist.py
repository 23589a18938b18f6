"""Olist's marketing funnel: first contact, then won or not within 90 days.

Three traits of the first contact, a real log with real times, and a base rate that drifts. Trained
on the contacts of the published split's train set, judged at the instants of the later ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.public_data import read_csv
from benchmarks.quality import commands

__all__ = ["LADDER", "first_contacts", "run"]

LADDER = """
[ladder]
name = "olist"
title = "Olist sellers"
score_at = [{ event = "identify" }]

[[step]]
id = "contact"
title = "First contact"
horizon_days = 30
complete_when = [{ event = "contacted" }]

[[step]]
id = "talk"
title = "Talk with sales"
horizon_days = 30
band = [0.2, 0.6]
complete_when = [{ event = "talked" }]

[purchase]
title = "Won"
horizon_days = 90
band = [0.05, 0.3]
complete_when = [{ event = "won" }]

[[trait]]
id = "origin"
type = "category"
says = "came from {value}"

[[trait]]
id = "landing_page"
type = "category"
says = "landed on page {value}"

[[trait]]
id = "weekday"
type = "category"
says = "first contact on a {value}"
"""

_HORIZON_DAYS = 90
TRAIN_UNTIL = "2018-05-15T00:00:00Z"
TEST_FROM = "2018-01-31T12:00:00Z"
TEST_UNTIL = "2018-11-14T00:00:00Z"


def run(folder: Path) -> dict[str, Any]:
    """The report of `rung evaluate` on the split's test contacts."""
    sets = read_csv("splits/olist_observed.csv.gz").set_index("row_id")["set"]
    events = _events()
    part = events["lead_id"].map(sets)
    train_log, ladder = commands.write_log(events[part == "train"], LADDER, folder, "train")
    all_log, _ = commands.write_log(events[part.isin(["train", "test"])], LADDER, folder, "all")
    commands.train(train_log, ladder, folder / "bundle", TRAIN_UNTIL)
    return commands.evaluate(all_log, ladder, folder / "bundle", TEST_FROM, TEST_UNTIL)


def _events() -> pd.DataFrame:
    contacts = read_csv("olist_mql.csv.gz")
    deals = read_csv("olist_closed_deals.csv.gz")
    when = pd.to_datetime(contacts["first_contact_date"], utc=True)
    known = pd.DataFrame(
        {
            "lead_id": contacts["mql_id"],
            "name": "identify",
            "occurred_at": when,
            "origin": contacts["origin"],
            "landing_page": contacts["landing_page_id"],
            "weekday": when.dt.day_name(),
        }
    )
    won = pd.DataFrame(
        {
            "lead_id": deals["mql_id"],
            "name": "won",
            "occurred_at": pd.to_datetime(deals["won_date"], utc=True),
        }
    )
    return pd.concat([known, won], ignore_index=True)


def first_contacts() -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame, np.ndarray]:
    """The same leads as a table: traits and outcome of the train set, then of the test set.

    A lead that was won before its first contact is not one to predict, for any tool.
    """
    sets = read_csv("splits/olist_observed.csv.gz").set_index("row_id")["set"]
    events = _events()
    known = events[events["name"] == "identify"].set_index("lead_id")
    won = events[events["name"] == "won"].set_index("lead_id")["occurred_at"].groupby(level=0).min()
    days = (won.reindex(known.index) - known["occurred_at"]).dt.total_seconds() / 86_400
    bought = (days <= _HORIZON_DAYS).to_numpy(dtype=float)
    part = sets.reindex(known.index).to_numpy()
    traits = known[["origin", "landing_page", "weekday"]]
    train = part == "train"
    test = (part == "test") & ~(days <= 0).to_numpy()
    return traits[train], bought[train], traits[test], bought[test]
