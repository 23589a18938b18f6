"""The sentences that a manager reads first, for every state of a log."""

from __future__ import annotations

from typing import Any

import pytest

from training.readiness.wording import summary_of

NOW = 1_767_571_200_000_000  # 2026-01-05T00:00Z


def outcomes(level: str, weeks: float | None = None) -> dict[str, Any]:
    """What a goal comes to."""
    return {"level": level, "next": {"level": "", "takes": "", "weeks": weeks}}


def step(title: str, level: str, weeks: float | None = None, dead: str = "") -> dict[str, Any]:
    reasons = [{"why": "never_named", "text": dead}] if dead else []
    return {"title": title, "dead": reasons, **outcomes(level, weeks)}


@pytest.mark.parametrize(
    ("steps", "together", "said"),
    [
        (
            [step("A", "model"), step("B", "calibrated"), step("C", "rates", 8.0)],
            "calibrated",
            "Scores tell leads apart at 2 of 3 steps by their own outcomes;"
            " 'C' will by about March 2026.",
        ),
        (
            [step("A", "model"), step("B", "rates"), step("C", "bands", 1.0)],
            "model",
            "Scores tell leads apart at 1 of 3 steps by their own outcomes;"
            " when another will, first outcomes will tell.",
        ),
        ([step("A", "model")], "model", "Scores tell leads apart at all 1 steps."),
        (
            [step("A", "rates", 9.0), step("B", "rates", 4.0)],
            "model",
            "Scores tell leads apart by what the steps have in common: none has enough outcomes of"
            " its own yet; 'B' will by about February 2026.",
        ),
        (
            [step("A", "rates"), step("B", "bands")],
            "rates",
            "Scores are the rates of the steps: too few outcomes are known to tell leads apart;"
            " none will at the present pace.",
        ),
        (
            [step("A", "bands", 3.0)],
            "bands",
            "Scores are the ladder's bands: no outcome is known yet;"
            " when a step will, first outcomes will tell.",
        ),
    ],
)
def test_where_leads_are_told_apart(steps, together, said):
    """How many steps, or what scores are instead, and which step is next."""
    assert summary_of(steps, outcomes(together), NOW) == said  # type: ignore[arg-type]


def test_dead_steps_are_named():
    """Each with its reason."""
    steps = [step("A", "bands", dead="no event is called 'x'"), step("B", "model")]
    assert summary_of(steps, outcomes("model"), NOW).endswith(  # type: ignore[arg-type,arg-type]
        " Nothing can be learned of 1 step as it stands: 'A': no event is called 'x'."
    )
