"""What an action asks for, read as it was typed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from features.clock import instant, microseconds
from features.ladder.action import LeadAction
from features.ladder.file import read_ladder
from features.ladder.ladder import Commitment, EventRule
from serving.process.working.actions import WrongAnswer, _answered

NOW = microseconds(instant("2026-06-01T12:00:00Z"))
AGREED = Commitment("demo", "a demo is agreed", (EventRule("demo_agreed"),), ends_at="over_at")
LADDER = replace(read_ladder("b2b"), commitments=(AGREED,))


@pytest.mark.parametrize(
    ("event", "name", "text", "is_taken"),
    [
        ("demo_agreed", "over_at", "2026-06-02T12:00", True),
        ("demo_agreed", "over_at", "2026-05-30T12:00", False),
        ("demo_agreed", "asked_at", "2026-05-30T12:00", True),
        ("demo_held", "over_at", "2026-05-30T12:00", True),
    ],
)
def test_what_is_agreed_ends_in_time_to_come(event, name, text, is_taken):
    """By the ladder's own name for its end; any other instant may tell of what has been."""
    action = LeadAction("it", "It", event, asks=(name,))
    if is_taken:
        assert _answered(action, {name: text}, LADDER, NOW).keys() == {name}
        return
    with pytest.raises(WrongAnswer, match="has passed already"):
        _answered(action, {name: text}, LADDER, NOW)
