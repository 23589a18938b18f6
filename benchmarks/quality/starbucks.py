"""Starbucks rewards: an event log with randomised offers, in six waves.

A decision is a person who is sent an offer; the outcome is that it is completed after it was
viewed, within 72 hours (completion without a view is the app redeeming by itself, no response).
Trained on the waves up to 408 h, judged on those at 504 h and 576 h, which 72 hours do not censor.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.public_data import where
from benchmarks.quality import commands

__all__ = ["LADDER", "run"]

START = pd.Timestamp("2018-01-01T00:00:00Z")
_TRAIN_UNTIL_HOURS, _END_HOURS = 503.0, 714.0


def _offer_signals() -> str:
    """What the offer in hand asks and gives, and how the person took each kind before."""
    rows = []
    for measure in ("reward", "difficulty", "duration_days", "web", "email", "mobile", "social"):
        rows.append(
            f'[[signal]]\nid = "offer_{measure}"\nof = [{{ event = "offer_received" }}]\n'
            f'how = "last"\nmeasure = "{measure}"\nsays = "offer in hand: {measure} {{value}}"'
        )
    for measure in ("offer", "offer_type"):
        rows.append(
            f'[[signal]]\nid = "last_{measure}"\nof = [{{ event = "offer_received" }}]\n'
            f'how = "last"\nmeasure = "{measure}"\nmeasure_type = "category"\n'
            f'says = "offer in hand: {{value}}"'
        )
    for how in ("sum", "mean", "max", "last"):
        rows.append(
            f'[[signal]]\nid = "amount_{how}"\nof = [{{ event = "transaction" }}]\n'
            f'how = "{how}"\nmeasure = "amount"\nsays = "spend, {how}: {{value}}"'
        )
    for name in ("offer_received", "offer_viewed", "offer_completed"):
        for kind in ("bogo", "discount", "informational"):
            rows.append(
                f'[[signal]]\nid = "{name}_{kind}"\n'
                f'of = [{{ event = "{name}", where = {{ offer_type = "{kind}" }} }}]\n'
                f'how = "count"\nsays = "{name} of kind {kind}: {{value}}"'
            )
    rows.append(
        '[[signal]]\nid = "answered"\n'
        'of = [{ event = "offer_completed", where = { viewed = 1.0 } }]\n'
        'how = "count"\nsays = "offers completed after a view: {value}"'
    )
    return "\n\n".join(rows)


LADDER = (
    """
[ladder]
name = "starbucks"
title = "Starbucks rewards"
restart_on = [{ event = "offer_received" }]
score_at = [{ event = "offer_received" }]

[events]
offer_extended = "offer_received"
offer_seen = "offer_viewed"

[[step]]
id = "view"
title = "Views the offer"
horizon_days = 3
complete_when = [{ event = "offer_viewed" }]

[[step]]
id = "spend"
title = "Buys something"
horizon_days = 3
band = [0.3, 0.8]
engaged_by = ["transaction"]
complete_when = [{ event = "transaction", where = { amount = { at_least = 10.0 } } }]

[purchase]
title = "Completes the offer after viewing it"
horizon_days = 3
band = [0.1, 0.6]
complete_when = [{ event = "offer_completed", where = { viewed = 1.0, latest = 1.0 } }]

[[trait]]
id = "gender"
type = "category"

[[trait]]
id = "age"
type = "number"

[[trait]]
id = "income"
type = "number"

[[trait]]
id = "member_days"
type = "number"

"""
    + _offer_signals()
    + "\n"
)


def run(folder: Path) -> dict[str, Any]:
    """The report of `rung evaluate` on the last two waves."""
    events, ladder = commands.write_log(events_of_transcript(), LADDER, folder, "starbucks")
    split, end = _iso(_TRAIN_UNTIL_HOURS), _iso(_END_HOURS)
    commands.train(events, ladder, folder / "bundle", split)
    return commands.evaluate(events, ladder, folder / "bundle", split, end)


def _iso(hours: float) -> str:
    return str((START + pd.Timedelta(hours=hours)).isoformat())


def events_of_transcript() -> pd.DataFrame:
    """The transcript and the profiles as one log."""
    transcript = pd.read_parquet(where("starbucks_transcript.parquet"))
    portfolio = pd.DataFrame(json_lines("starbucks_portfolio.json.gz"))
    log = transcript.rename(columns={"person": "lead_id", "event": "name"})
    log["name"] = log["name"].str.replace(" ", "_")
    received = log["name"] == "offer_received"
    # A wave is sent at its hour; whatever else is stamped with the hour came after.
    hours = log["time"].astype(float) + np.where(received, 0.0, 0.5)
    log["occurred_at"] = START + pd.to_timedelta(hours, unit="h")
    log["offer"] = log["offer_id"]
    offers = portfolio.set_index("id")
    log["offer_type"] = log["offer"].map(offers["offer_type"])
    for column in ("reward", "difficulty"):
        log[column] = log["offer"].map(offers[column]).astype(float)
    log["duration_days"] = log["offer"].map(offers["duration"]).astype(float)
    for channel in ("web", "email", "mobile", "social"):
        uses = offers["channels"].map(lambda channels, channel=channel: channel in channels)
        log[channel] = log["offer"].map(uses.astype(float))
    log = log.join(_responses(log))
    log["message_id"] = "row-" + log["row"].astype(str)
    log = log.drop(columns=["row", "time", "offer_id"])
    return pd.concat([log, _profiles()], ignore_index=True)


def _responses(log: pd.DataFrame) -> pd.DataFrame:
    """Of each completion: viewed since it was received, and of the offer received last."""
    viewed = np.full(len(log), np.nan)
    latest = np.full(len(log), np.nan)
    in_hand: dict[str, tuple[str, bool]] = {}
    seen: dict[tuple[str, str], bool] = {}
    order = log.sort_values(["occurred_at", "row"], kind="stable")
    for at, lead, name, offer in zip(
        order.index, order["lead_id"], order["name"], order["offer"], strict=True
    ):
        if name == "offer_received":
            in_hand[lead] = (offer, True)
            seen[lead, offer] = False
        elif name == "offer_viewed":
            seen[lead, offer] = True
        elif name == "offer_completed":
            viewed[at] = float(seen.get((lead, offer), False))
            latest[at] = float(in_hand.get(lead, ("", False))[0] == offer)
    return pd.DataFrame({"viewed": viewed, "latest": latest}, index=log.index)


def _profiles() -> pd.DataFrame:
    people = pd.DataFrame(json_lines("starbucks_profile.json.gz"))
    since = pd.to_datetime(people["became_member_on"].astype(str), format="%Y%m%d", utc=True)
    return pd.DataFrame(
        {
            "lead_id": people["id"],
            "name": "identify",
            "occurred_at": START - pd.Timedelta(hours=1),
            "message_id": "profile-" + people["id"],
            "gender": people["gender"],
            "age": people["age"].where(people["age"] != 118).astype(float),
            "income": people["income"].astype(float),
            "member_days": (START - since).dt.days.astype(float),
        }
    )


def json_lines(name: str) -> list[dict[str, Any]]:
    table = pd.read_json(where(name), lines=True, orient="records")
    rows: list[dict[str, Any]] = json.loads(table.to_json(orient="records"))
    return rows
