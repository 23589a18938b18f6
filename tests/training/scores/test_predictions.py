"""What was said of each point beside what came, a row a point and goal."""

from __future__ import annotations

import pandas as pd
import pytest

from features.events.log import DAY_US
from models.judging import metrics
from tests.training.scores.scene import JUDGED_UNTIL, LADDER, small_world
from training.scores.evaluate import evaluate


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    log, bundle, _ = small_world()
    told: list[pd.DataFrame] = []
    evaluate(bundle, log, until=JUDGED_UNTIL, told=told.append)
    return told[0]


@pytest.mark.parametrize("goal", ["advancement", "purchase"])
def test_the_figures_of_the_report_follow_from_the_rows(table, goal):
    """Counts, AUC and log loss of the judged rows are those of the report."""
    judged = getattr(small_world()[2], goal)
    rows = table[table["goal"] == goal]
    counts = rows["outcome"].value_counts()
    assert len(rows) == judged.counts.points
    assert counts.to_dict() == {
        "advanced": judged.counts.advanced,
        "lapsed": judged.counts.lapsed,
        "pending": judged.counts.pending,
    }
    some = rows[rows["judged"]]
    happened = (some["outcome"] == "advanced").to_numpy(dtype=float)
    probability = some["probability"].to_numpy()
    assert metrics.auc(probability, happened) == pytest.approx(judged.performance.auc)
    assert metrics.log_loss(probability, happened) == pytest.approx(judged.performance.log_loss)


def test_when_it_was_decided(table):
    """Advanced: when it became known; lapsed: at its end, with late reports; pending: never."""
    days = {goal.id: goal.horizon_days for goal in LADDER.goals}
    horizon = pd.to_timedelta(table["step"].map(days), unit="D")
    horizon = horizon.where(table["goal"] == "advancement", pd.Timedelta(days=21))
    waited = table["decided_at"] - table["as_of"]
    for outcome in ("advanced", "lapsed", "pending"):
        rows = table["outcome"] == outcome
        assert rows.any()
        if outcome == "pending":
            assert waited[rows].isna().all()
        elif outcome == "lapsed":
            assert (waited[rows] >= horizon[rows]).all()
            delay = (waited[rows] - horizon[rows]).groupby([table["goal"], table["step"]])
            assert (delay.min() == delay.max()).all()  # what late reports of a goal take
        else:
            assert (waited[rows] > pd.Timedelta(0)).all()
            assert (waited[rows] <= horizon[rows]).mean() > 0.95


def test_an_advanced_row_is_an_event_of_the_log(table):
    """The instant at which a purchase was decided is when an order of the lead became known."""
    log = small_world()[0]
    bought = table[(table["goal"] == "purchase") & (table["outcome"] == "advanced")]
    order = log.names.index("order")
    for lead, decided in zip(bought["lead_id"][:40], bought["decided_at"][:40], strict=True):
        at = log.index_of(lead)
        rows = slice(log.starts[at], log.starts[at + 1])
        assert decided.value // 1000 in log.known[rows][log.name[rows] == order]


def test_rows_are_told_in_order(table):
    """By lead, then by instant; the last knowledge is that of the end."""
    assert table.equals(table.sort_values(["lead_id", "as_of", "goal"], ignore_index=True))
    assert table["decided_at"].max().value // 1000 <= JUDGED_UNTIL
    assert table["as_of"].max().value // 1000 > JUDGED_UNTIL - 7 * DAY_US
    assert ((table["low"] <= table["probability"]) & (table["probability"] <= table["high"])).all()
