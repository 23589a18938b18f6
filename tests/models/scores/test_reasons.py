"""Reasons for a score: they add up to it, and compare a lead with the typical one of its rung."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from features.clock import when
from features.events.log import DAY_US, EventLog
from features.signals.program import compile_ladder
from features.signals.snapshot import snapshot
from models.scores.reasons import OTHER, Explanations, explain, reasons

INSTANTS = 40


@pytest.fixture(scope="module")
def many(simulated_log, b2b):
    """All leads at forty instants, some before their first event, some long after their last."""
    end = int(simulated_log.known.max())
    first = int(simulated_log.known.min())
    instants = np.linspace(first - DAY_US, end + 100 * DAY_US, INSTANTS).astype(np.int64)
    leads = simulated_log.leads * INSTANTS
    return snapshot(simulated_log, b2b, leads, np.repeat(instants, len(simulated_log.leads)))


@pytest.fixture(scope="module")
def explained(trained, many):
    return trained.explain(many)


def rung_of(bundle, shot):
    return np.minimum(shot.position, len(bundle.ladder.goals) - 1)


def probability_of(bundle, shot):
    matrix = bundle.encoding.matrix(shot)
    return bundle.advancement.estimate(matrix, rung_of(bundle, shot)).probability


def test_the_bundle_has_learned(trained, many):
    """What follows would say nothing about a bundle without a model, or of leads on one rung."""
    assert trained.advancement.evidence == "model"
    assert set(many.position.tolist()) == set(range(len(trained.ladder.goals) + 1))
    assert np.ptp(probability_of(trained, many)) > 0.3


def test_base_and_points_are_the_probability(trained, many, explained):
    """Over more than ten thousand rows on every rung they sum to what is served."""
    assert len(many) >= 10_000
    total = explained.base + explained.points.sum(axis=1)
    np.testing.assert_allclose(total, probability_of(trained, many), rtol=0, atol=1e-9)
    served = trained.score(many).advance.probability
    goes_on = ~np.isnan(served)
    assert goes_on.sum() >= 10_000
    np.testing.assert_allclose(total[goes_on], served[goes_on], rtol=0, atol=1e-9)


def test_base_is_that_of_the_rung(trained, many, explained):
    """The starting point depends on the rung alone, and is a probability."""
    rung = rung_of(trained, many)
    bases = [set(explained.base[rung == at].tolist()) for at in range(len(trained.ladder.goals))]
    assert [len(base) for base in bases] == [1] * len(bases)
    assert ((explained.base > 0) & (explained.base < 1)).all()


def test_no_points_where_there_is_no_model(trained, many):
    """The rates of the steps are their own explanation: the base is the probability."""
    assert trained.purchase.evidence == "rates"
    matrix, rung = trained.encoding.matrix(many), rung_of(trained, many)
    found = explain(trained.purchase, matrix, rung)
    assert not found.points.any()
    np.testing.assert_allclose(
        found.base, trained.purchase.estimate(matrix, rung).probability, atol=1e-12
    )


def like_row(model, matrix, row):
    """The model, were the lead of a row the typical one."""
    contributions = model.contributions(matrix[[row]])[0]
    margin = float(model.margins(matrix[[row]])[0])
    goals = len(model.typical)
    return replace(
        model,
        typical=np.tile(contributions, (goals, 1)),
        calibrator=replace(model.calibrator, typical_margin=np.full(goals, margin)),
    )


def test_the_typical_lead_needs_no_reasons(trained, many):
    """A lead that is the typical one has the base as its probability and no points."""
    matrix, rung = trained.encoding.matrix(many), rung_of(trained, many)
    for row in (0, 5000, 9000):
        found = explain(like_row(trained.advancement, matrix, row), matrix[[row]], rung[[row]])
        assert abs(found.points).max() < 1e-12
    other = explain(like_row(trained.advancement, matrix, 0), matrix[[9000]], rung[[9000]])
    assert abs(other.points).max() > 1e-3


def test_steps_that_cancel_keep_their_points(trained, many):
    """Where good and bad signs are even, each still counts, by the curve's own slope."""
    matrix, rung = trained.encoding.matrix(many)[[9000]], rung_of(trained, many)[[9000]]
    model = like_row(trained.advancement, trained.encoding.matrix(many), 9000)
    model.typical[:, 3] -= 0.5
    model.typical[:, 7] += 0.5
    found = explain(model, matrix, rung)
    rate = found.base[0] * (1 - found.base[0]) * model.calibrator.slope[0]
    assert found.points[0, 3] == pytest.approx(0.5 * rate)
    assert found.points[0, 7] == pytest.approx(-0.5 * rate)
    assert found.points.sum() == pytest.approx(0.0, abs=1e-12)


def test_points_have_the_sign_of_the_margin(trained, many, explained):
    """Carrying contributions over from log-odds to probability turns none of them around."""
    model, rung = trained.advancement, rung_of(trained, many)
    some = np.arange(0, len(many), 50)
    steps = model.contributions(trained.encoding.matrix(many)[some]) - model.typical[rung[some]]
    clear = abs(steps) > 1e-6
    assert (np.sign(explained.points[some])[clear] == np.sign(steps)[clear]).all()


# ------------------------------------------------------------------------------------------ Reasons


@pytest.mark.parametrize("most", [0, 1, 5, 1000])
def test_reasons_add_up(trained, many, explained, most):
    """However many are told, they sum to the distance from the base; the last is the rest."""
    chance = probability_of(trained, many)
    for row in range(0, len(many), 251):
        told = reasons(many, explained, row, most)
        total = math.fsum(reason.points for reason in told)
        assert total == pytest.approx(chance[row] - explained.base[row], abs=1e-9)
        assert told[-1].signal == OTHER
        assert len(told) <= most + 1


def test_the_strongest_come_first(many, explained):
    """They are in order of weight, none of them weighs nothing, and no signal is told twice."""
    for row in range(0, len(many), 97):
        *strongest, _ = reasons(many, explained, row)
        weights = [abs(reason.points) for reason in strongest]
        assert weights == sorted(weights, reverse=True)
        assert all(weight >= 0.0005 for weight in weights)
        assert len({reason.signal for reason in strongest}) == len(strongest)


def test_signals_of_one_story_are_told_once(many, explained):
    """A step, activity and the position speak once each, by the signal that weighs most there."""
    families = {
        signal.id: (
            signal.id
            if signal.group in ("profile", "custom")
            else ".".join(signal.id.split(".")[: 2 if signal.group == "step" else 1])
        )
        for signal in many.signals
    }
    columns = {signal.id: at for at, signal in enumerate(many.signals)}
    for row in range(0, len(many), 97):
        *told, _ = reasons(many, explained, row, 1000)
        assert len({families[reason.signal] for reason in told}) == len(told)
        for reason in told:
            whole = [at for id_, at in columns.items() if families[id_] == families[reason.signal]]
            points = explained.points[row, whole]
            assert points.sum() == pytest.approx(reason.points, abs=1e-12)
            own = explained.points[row, columns[reason.signal]]
            assert own * np.sign(reason.points) == max(points * np.sign(reason.points))


def test_sentences_never_say_nan(many, explained):
    """What is absent is said in words, for every lead at every instant."""
    for row in range(0, len(many), 41):
        for reason in reasons(many, explained, row, 1000):
            assert reason.text.strip()
            assert not {"nan", "none"} & set(reason.text.lower().split())


def test_a_lead_that_nobody_knows(trained, b2b):
    """A lead with a single event of an unknown kind is explained by what it has not done."""
    until = int(trained.manifest["until"])
    log = EventLog.from_columns(
        ["new"], ["something_else"], np.array([until]), columns=compile_ladder(b2b).columns
    )
    shot = snapshot(log, b2b, None, when(until + DAY_US))
    found = trained.explain(shot)
    chance = trained.score(shot).advance.probability[0]
    told = reasons(shot, found, 0, 1000)
    assert math.fsum(reason.points for reason in told) == pytest.approx(
        chance - found.base[0], abs=1e-9
    )
    never = {signal.says_never for signal in shot.signals}
    assert never & {reason.text for reason in told}


def test_an_unseen_text_is_still_told_as_it_is(b2b):
    """A word that training never met counts as absent, and the sentence says it anyway."""
    columns = compile_ladder(b2b).columns
    trait = next(t.id for t in b2b.traits if t.type == "category")
    log = EventLog.from_columns(
        ["new"], ["identify"], np.array([DAY_US]), texts={trait: ["xylophones"]}, columns=columns
    )
    shot = snapshot(log, b2b, None, when(2 * DAY_US))
    points = np.zeros((1, len(shot.signals)))
    points[0, [signal.id for signal in shot.signals].index(f"trait.{trait}")] = 0.2
    told = reasons(shot, Explanations(np.array([expit(0.0)]), points), 0)
    assert "xylophones" in told[0].text
    assert [reason.points for reason in told] == [0.2, 0.0]
