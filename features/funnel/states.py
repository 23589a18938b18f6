"""What is known of a lead that stood before a step. This is the one place that names the states."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["State"]


class State(IntEnum):
    """What came of it.

    LAPSED: its time was over before it went on. ADVANCED: it completed the step, or one above it,
    in time. LOST: by the ladder's own rule. LEFT: it opted out, and from then on nothing is known.
    PENDING: it still has time; unknown, and never a failure.
    """

    LAPSED = 0
    ADVANCED = 1
    LOST = 2
    LEFT = 3
    PENDING = -1
