"""Who is in which arm: by a hash, so that it needs no store and stays for ever."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from features.ladder.controls import Arm, Experiment

__all__ = ["arm_of", "is_drawn", "lot"]

_BITS: Final = 53


def lot(salt: str, lead_id: str) -> float:
    """A number in [0, 1) that stands for a lead, spread evenly; another one for each salt."""
    text = f"{len(salt)}:{salt}{lead_id}".encode("utf-8", "surrogatepass")
    drawn = int.from_bytes(blake2b(text, digest_size=8).digest(), "big")
    return (drawn >> (64 - _BITS)) / float(1 << _BITS)


def is_drawn(salt: str, lead_id: str, share: float) -> bool:
    """Whether a lead is among a share of all; who is among a share is among any larger one."""
    return lot(salt, lead_id) < share


def arm_of(experiment: Experiment, ladder: str, lead_id: str) -> Arm:
    """The arm that an id is drawn into: the same whenever and wherever it is asked.

    The arms share [0, 1) in their order.
    """
    drawn = lot(f"{ladder}/{experiment.salt or experiment.id}", lead_id)
    below = 0.0
    for arm in experiment.arms[:-1]:
        below += arm.share
        if drawn < below:
            return arm
    return experiment.arms[-1]
