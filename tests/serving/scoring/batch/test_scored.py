"""The rows of scored leads: what a column says, and what it says beside the score before."""

from __future__ import annotations

import numpy as np
import pytest

from features.signals.fold import NONE
from features.store.kept.scores import OUT_OF_QUEUE, TOGETHER, Former
from models.bundle import load_bundle
from serving.scoring.batch.scored import Findings, Scored, stored_rows
from serving.scoring.ranking import Ranking
from serving.scoring.scorer import Scorer
from serving.scoring.work import Work, Works

NOW = 1_800_000_000_000_000


@pytest.fixture(scope="module")
def bundle(folder):
    return load_bundle(folder / "fitted")


@pytest.fixture
def scorer(store, bundle):
    return Scorer(store, bundle, lambda: NOW + 5)


def scored_leads(step: str, chances: list[float]) -> Scored:
    """Leads before a step, each with a chance; all else is plain."""
    count = len(chances)
    advance = np.array(chances)
    return Scored(
        leads=[f"lead-{at:05}" for at in range(count)],
        step=[step] * count,
        waiting_since=np.full(count, NONE),
        asked_at=np.full(count, NONE),
        works=Works(
            (Work("talk", "call", 0.0, 20.0), Work("quiet", "no_ask", 0.0, 0.0)),
            np.arange(count) % 2,
            np.arange(count, dtype=np.float64),
        ),
        traits=["{}", '{"source":"ads"}'] * (count // 2) + ["{}"] * (count % 2),
        position=np.zeros(count, dtype=np.int64),
        last_active=np.full(count, NOW - 1),
        advance=advance,
        low=advance / 2,
        high=advance / 2 + 0.5,
        purchase=advance / 3,
        week_ago=np.full(count, np.nan),
    )


def rows_of(scorer, scored, priority, former=None):
    queued = priority > OUT_OF_QUEUE
    ranking = Ranking.of(scored.position[queued], scored.advance[queued])
    told = Findings(ranking, {"lead-00000": '{"base":0.1}'}, "time")
    parts = list(stored_rows(scorer, scored, priority, told, NOW))
    return [row for part in parts for row in part.made(former or {})]


def test_a_band_is_left_late_before_the_same_step_alone(scorer, bundle):
    """Before another step, and for who had no score, the borders are the borders."""
    step = bundle.ladder.goals[0]
    chance = step.thresholds[1] * 0.99
    scored = scored_leads(step.id, [chance] * 4)
    former = {
        lead: Former(NOW - 9, id_, 0, "high", bundle.identity)
        for lead, id_ in zip(scored.leads, (step.id, "elsewhere", step.id), strict=False)
    }
    priority = np.array([1.5, 1.5, OUT_OF_QUEUE, 1.5])
    found = rows_of(scorer, scored, priority, former)
    assert [row.band for row in found] == ["high", "medium", None, "medium"]
    assert [row.percentile for row in found] == [1.0, 1.0, None, 1.0]
    assert [row.tab for row in found] == ["quiet", "quiet", None, "quiet"]


def test_a_percentile_is_among_those_before_the_same_step(scorer, bundle):
    """A chance within 90 days and one within 14 are not ranked against each other."""
    scored = scored_leads(bundle.ladder.goals[0].id, [0.768, 0.642, 0.5, 0.9, 0.7])
    scored.position[:] = [4, 1, 1, 4, 1]
    priority = np.array([1.5, 1.5, 1.5, OUT_OF_QUEUE, 1.5])
    found = [row.percentile for row in rows_of(scorer, scored, priority)]
    assert found == [1.0, 2 / 3, 1 / 3, None, 1.0]


def test_what_is_absent_is_none(scorer, bundle):
    """An instant or a number that is not there; reasons that were not looked for are no text."""
    step = bundle.ladder.goals[0]
    scored = scored_leads(step.id, [0.5, 0.25])
    for column in (scored.advance, scored.low, scored.high, scored.purchase):
        column[1] = np.nan
    scored.last_active[1], scored.waiting_since[0] = NONE, NOW - 7
    first, second = rows_of(scorer, scored, np.array([4.5, OUT_OF_QUEUE]))
    assert (first.p_advance, first.low, first.high) == (0.5, 0.25, 0.75)
    assert (second.p_advance, second.low, second.high, second.p_purchase) == (None,) * 4
    assert (first.last_active, second.last_active) == (NOW - 1, None)
    assert (first.waiting_since, second.waiting_since) == (NOW - 7, None)
    assert (first.reasons, second.reasons) == ('{"base":0.1}', "")
    assert (first.offer_id, first.rep_minutes, first.gain) == ("call", 20.0, 0.0)
    assert (second.offer_id, second.rep_minutes, second.gain) == ("no_ask", 0.0, 1.0)
    assert (first.source, second.source) == (None, "ads")
    assert {row.p_week_ago for row in (first, second)} == {None}
    assert {(row.as_of, row.scored_at, row.bundle) for row in (first, second)} == {
        (NOW, NOW + 5, bundle.identity)
    }


def test_parts_of_a_transaction_each(scorer, bundle):
    """Each lead once, in order, at most so many together."""
    scored = scored_leads(bundle.ladder.goals[0].id, np.linspace(0, 1, TOGETHER + 3).tolist())
    priority = np.linspace(1.1, 3.9, len(scored.leads))
    told = Findings(None, {}, "events")
    parts = list(stored_rows(scorer, scored, priority, told, NOW))
    assert [len(part.leads) for part in parts] == [TOGETHER, 3]
    rows = [row for part in parts for row in part.made({})]
    assert [row.lead_id for row in rows] == scored.leads
    assert [row.priority for row in rows] == priority.tolist()
    assert [row.p_advance for row in rows] == scored.advance.tolist()
    assert {row.percentile for row in rows} == {None}
