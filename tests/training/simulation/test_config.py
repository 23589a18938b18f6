"""What is planted in a simulated world."""

from dataclasses import asdict
from datetime import UTC, datetime

from features.clock import microseconds
from features.events.log import DAY_US
from training.simulation.config import SimulationConfig


def test_nothing_is_hidden_where_all_is_observable():
    """No intent, no effects of offers, nothing late; all else stays as it was."""
    config = SimulationConfig(leads=7, depth=0.3)
    hidden = {"intent_sd", "offer_sd", "aversion", "fatigue", "late_share"}
    changed = asdict(config.observable())
    assert {changed[name] for name in hidden} == {0.0}
    assert {name for name, value in asdict(config).items() if changed[name] != value} == hidden


def test_the_log_ends_after_its_days():
    """Instants are in microseconds since the epoch."""
    config = SimulationConfig(days=1.5, start=datetime(2026, 1, 5, tzinfo=UTC))
    assert config.starts_at == microseconds(config.start)
    assert config.ends_at - config.starts_at == 1.5 * DAY_US
