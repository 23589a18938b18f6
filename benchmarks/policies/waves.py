"""Starbucks' randomised waves as decisions of Rung: which offer to send next, if any.

Every person has a decision at every wave, drawn with known chances: 0.075 for each of ten offers,
0.25 for none. They are written into the log as Rung writes its own, learned from up to 408 h, and
judged at 504 h and 576 h by the net spend of the next 72 hours: transactions less rewards paid.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pandas as pd

from benchmarks.policies.judged import Judged, judged
from benchmarks.quality import starbucks
from features.arrays import Floats
from features.events.log import DAY_US, EventLog
from features.ladder.file import parse_ladder
from features.ladder.ladder import Ladder
from features.ladder.words import RECORD
from features.offers.decisions import Decision, decision_event, exposure_events
from features.reading import read_events
from features.store.events import Event
from models.bundle import Bundle
from models.judging.off_policy import Logged, off_policy
from models.offers.options import NO_ASK, NURTURE
from models.offers.policy import POLICIES
from training.pipeline import train
from training.policies.choices import shares_of
from training.policies.decisions import Decisions, drawn_decisions
from training.policies.offers import learn_offers
from training.policies.predicted_values import predicted_values

__all__ = ["LOGGED", "Waves", "run"]


LOGGED: Final = "as the waves were sent"
_SENT, _NOT_SENT = 0.075, 0.25
_HOURS: Final = (0, 168, 336, 408, 504, 576)
_TRAIN_UNTIL_HOURS, _END_HOURS = 503.0, 714.0
_HORIZON_US: Final = 3 * DAY_US
_OTHER_SEEDS: Final = (1, 2, 3, 4)
_BEFORE: Final = 1_000_000
"""A decision is made a second before its wave, with what was known then."""

_HEAD = """
[ladder]
name = "starbucks-policy"
title = "Starbucks rewards, next offer"
restart_on = [{ event = "rung_decision" }]
score_at = [{ event = "rung_decision" }]

[events]
offer_extended = "offer_received"
offer_seen = "offer_viewed"

[value]
horizon_days = 3
gains = [
  { event = "transaction", measure = "amount" },
  { event = "offer_completed", measure = "reward", worth = -1 },
]

[policy]
exploration = 0.1

[[step]]
id = "buy"
title = "Buys something"
horizon_days = 3
complete_when = [{ event = "transaction" }]

[[step]]
id = "complete"
title = "Completes the offer after viewing it"
horizon_days = 3
band = [0.1, 0.6]
complete_when = [{ event = "offer_completed", where = { viewed = 1.0, latest = 1.0 } }]

[purchase]
title = "Spends 20 at once"
horizon_days = 3
band = [0.1, 0.6]
complete_when = [{ event = "transaction", where = { amount = { at_least = 20.0 } } }]
"""


def _ladder_text() -> str:
    """The ladder: the ten offers all complete the first step, where everybody is at every wave.

    Traits and signals are those that the scores are benchmarked with.
    """
    signals = starbucks.LADDER[starbucks.LADDER.index("[[trait]]") :]
    return "\n".join([_HEAD, *(_offer(row) for row in _portfolio()), signals])


def _offer(row: dict[str, Any]) -> str:
    return f"""
[[offer]]
id = "{_name(row)}"
step = "buy"
title = "{_name(row)}"
kind = "{row["offer_type"]}"
effort = {{ minutes = {row["difficulty"]} }}
value_minutes = {row["reward"]}
channels = {json.dumps(row["channels"])}
"""


def _portfolio() -> list[dict[str, Any]]:
    return starbucks.json_lines("starbucks_portfolio.json.gz")


def _name(row: dict[str, Any]) -> str:
    """What an offer is called here: its kind, reward, least spend and days."""
    return f"{row['offer_type']}-r{row['reward']}-d{row['difficulty']}-{row['duration']}d"


# --- the log ----------------------------------------------------------------------------------


def events_of_transcript(ladder: Ladder) -> pd.DataFrame:
    """The transcript with the decisions that it follows from."""
    events = starbucks.events_of_transcript()
    events["offer"] = events["offer"].map({row["id"]: _name(row) for row in _portfolio()})
    return pd.concat([events, _records(events, ladder)], ignore_index=True)


def _records(events: pd.DataFrame, ladder: Ladder) -> pd.DataFrame:
    """A decision and an exposure for each person and wave, as rows of the log."""
    people = sorted(events.loc[events["name"] == "identify", "lead_id"])
    received = events[events["name"] == "offer_received"]
    rows: list[Event] = []
    for hours in _HOURS:
        here = received[received["occurred_at"] == starbucks.START + pd.Timedelta(hours=hours)]
        sent = dict(zip(here["lead_id"], here["offer"], strict=True))
        for person in people:
            decision = _decision(person, hours, sent.get(person, NO_ASK), ladder)
            # That the offer was extended is in the transcript already.
            exposure, *_ = exposure_events(decision, ladder, decision.as_of + _BEFORE)
            rows += [decision_event(decision, ladder), exposure]
    return pd.DataFrame([_row(event) for event in rows])


def _decision(person: str, hours: int, chosen: str, ladder: Ladder) -> Decision:
    offers = tuple(offer.id for offer in ladder.offers)
    at = _microseconds(hours) - _BEFORE
    return Decision(
        decision_id=f"{person}-{hours}",
        lead_id=person,
        as_of=at,
        step=ladder.steps[0].id,
        options=(*offers, NO_ASK),
        probabilities=(*[_SENT] * len(offers), _NOT_SENT),
        chosen=chosen,
        policy="starbucks",
        policy_version="1",
        expires_at=at + _HORIZON_US,
    )


def _row(event: Event) -> dict[str, object]:
    properties = json.loads(event.properties)
    return {
        "message_id": event.message_id,
        "lead_id": event.lead_id,
        "name": event.name,
        "occurred_at": pd.Timestamp(event.occurred_at, unit="us", tz="UTC"),
        "offer": properties.get("offer"),
        RECORD: properties[RECORD],
    }


def _microseconds(hours: float) -> int:
    return int((starbucks.START + pd.Timedelta(hours=hours)).value // 1000)


# --- training and judging ---------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class Waves:
    """The policies as the last two waves judge them.

    Parameters
    ----------
    policies : their gains are over `best`, of all options alone the best in the training waves.
    alone : policy -> the mean of its one option in the training waves.
    learned_from : how many decisions were.
    seeds : what DR says of the learned policy if effects are learned with other seeds.
    """

    policies: list[Judged]
    best: str
    alone: dict[str, float]
    learned_from: int
    seeds: tuple[float, ...]


def run(folder: Path) -> Waves:
    """Train on the waves up to 408 h, judge on those at 504 h and 576 h."""
    ladder = parse_ladder(_ladder_text(), "starbucks-policy")
    path = folder / "waves.parquet"
    events_of_transcript(ladder).to_parquet(path, index=False)
    log, _ = read_events(path, ladder)
    until = _microseconds(_TRAIN_UNTIL_HOURS)
    bundle = train(log, ladder, until=until)
    made = drawn_decisions(log, ladder, _microseconds(_END_HOURS))
    made = made.rows(made.is_over)
    others = [_with_seed(bundle, log, until, seed) for seed in _OTHER_SEEDS]
    return _judged(bundle, others, made.rows(made.as_of <= until), made.rows(made.as_of > until))


def _with_seed(bundle: Bundle, log: EventLog, until: int, seed: int) -> Bundle:
    """The bundle with effects that were learned with another seed."""
    known = log.known_by(until)
    offers, _ = learn_offers(known, bundle.ladder, bundle.encoding, until, seed)
    return replace(bundle, offers=offers)


def _judged(
    bundle: Bundle, others: list[Bundle], earlier: Decisions, decisions: Decisions
) -> Waves:
    options = bundle.offers.options
    alone = {
        f"only:{name}": float(earlier.value[earlier.chosen == at].mean())
        for at, name in enumerate(options.ids)
        if name != NURTURE
    }
    best = max(alone, key=alone.__getitem__)
    logged = Logged(decisions.probability, decisions.chosen, decisions.value, decisions.lead)
    matrix = bundle.encoding.matrix(decisions.snapshot)
    predicted = predicted_values(matrix, logged, binary=False)
    targets = _targets(bundle, decisions, alone)
    again = [_targets(other, decisions, ())["learned"] for other in others]
    return Waves(
        policies=judged(logged, targets, targets[best], predicted),
        best=best,
        alone=alone,
        learned_from=bundle.manifest["decisions"]["drawn"],
        seeds=tuple(off_policy(logged, target, predicted).dr.value for target in again),
    )


def _targets(bundle: Bundle, decisions: Decisions, alone: Iterable[str]) -> dict[str, Floats]:
    """The policies by name, and what sent the waves."""
    names = [*POLICIES, *alone]
    targets = {name: shares_of(bundle, decisions, name, exploration=0.0) for name in names}
    return {**targets, LOGGED: decisions.probability}
