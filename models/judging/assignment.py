"""Who is in which arm: by a hash, so that it needs no store and stays for ever."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

__all__ = ["is_drawn", "lot"]

_BITS: Final = 53


def lot(salt: str, lead_id: str) -> float:
    """A number in [0, 1) that stands for a lead, spread evenly; another one for each salt."""
    text = f"{len(salt)}:{salt}{lead_id}".encode("utf-8", "surrogatepass")
    drawn = int.from_bytes(blake2b(text, digest_size=8).digest(), "big")
    return (drawn >> (64 - _BITS)) / float(1 << _BITS)


def is_drawn(salt: str, lead_id: str, share: float) -> bool:
    """Whether a lead is among a share of all; who is among a share is among any larger one."""
    return lot(salt, lead_id) < share
