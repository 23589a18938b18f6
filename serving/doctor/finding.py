"""One thing that was looked at: what was found, why it matters, what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["Finding", "FindingState", "fine", "note", "wrong"]

FindingState = Literal["fine", "note", "wrong"]
"""A note is worth knowing; what is wrong must be done something about."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one part of a deployment.

    Parameters
    ----------
    part : what was looked at, in a word or two.
    why, remedy : why it matters and what to do; "" where all is fine.
    """

    part: str
    state: FindingState
    what: str
    why: str = ""
    remedy: str = ""

    def line(self) -> str:
        """All of it in one line."""
        mark = "WRONG" if self.state == "wrong" else self.state
        said = f"{mark:<6}{self.part}: {self.what}"
        said += f"; {self.why}" if self.why else ""
        return said + (f". Do: {self.remedy}" if self.remedy else "")

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def fine(part: str, what: str) -> Finding:
    """There is nothing to do."""
    return Finding(part, "fine", what)


def note(part: str, what: str, why: str, remedy: str) -> Finding:
    """It may be as it should be; someone should know."""
    return Finding(part, "note", what, why, remedy)


def wrong(part: str, what: str, why: str, remedy: str) -> Finding:
    """Something must be done."""
    return Finding(part, "wrong", what, why, remedy)
