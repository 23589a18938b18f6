"""What simulated leads do: steps are completed by their rules alone, and offers are answered."""

import numpy as np

from features.ladder.ladder import Condition, EventRule
from features.reading import read_events
from features.signals.linked_log import link
from features.signals.program import compile_ladder
from training.simulation.tells import _failing, _meeting

DEEP = np.array([0.0, 0.5, 0.999])


def test_values_meet_their_condition():
    """Deeper values lie further inside, and the shallowest meets it still."""
    at_least = _meeting(Condition("fraction", "at_least", 0.8), DEEP)
    assert ((at_least >= 0.8) & (at_least <= 1.0)).all()
    assert (np.diff(at_least) > 0).all()
    assert (_meeting(Condition("pages", "above", 3.0), DEEP) > 3.0).all()
    assert (_meeting(Condition("wait", "below", 3.0), DEEP) < 3.0).all()
    assert set(_meeting(Condition("plan", "one_of", ("team", "free")), DEEP)) == {"team"}
    assert set(_meeting(Condition("plan", "is", "team"), DEEP)) == {"team"}
    assert "team" not in set(_meeting(Condition("plan", "is_not", "team"), DEEP))


def test_ranges_that_meet_no_rule():
    """Below every threshold; None where any event of the name would do."""
    rules = [
        EventRule("video", (Condition("fraction", "at_least", 0.8),)),
        EventRule("video", (Condition("fraction", "at_least", 0.5),)),
    ]
    assert _failing(rules) == {"fraction": (0.0, 0.95 * 0.5)}
    assert _failing([EventRule("video")]) is None
    assert _failing([]) == {}


def test_a_step_is_completed_by_going_on_alone(b2b, world, tmp_path):
    """No more completions stand in the log than leads that went on: other actions complete none."""
    world.events.to_parquet(tmp_path / "events.parquet", index=False)
    log, _ = read_events(tmp_path / "events.parquet", b2b)
    linked = link(log, compile_ladder(b2b))
    lead = log.lead_of_rows()
    for rung in range(len(b2b.goals)):
        of_rung = [rule.event for rule in b2b.goals[rung].complete_when]
        rows = linked.meets(rung) & np.isin(np.array(log.names)[log.name], of_rung)
        assert np.unique(lead[rows], return_counts=True)[1].max() == 1
