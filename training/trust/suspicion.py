"""What a probe finds: a sentence that names the place, its figures, and whether training stops.

`LeakFound` is raised where something was found that nobody has accepted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from features.errors import Unusable

__all__ = ["LeakFound", "LeakKind", "Suspicion"]

LeakKind = Literal["too good", "written after", "shuffled", "time reversed", "known too early"]


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Something that a probe found.

    Parameters
    ----------
    id : what it is about, and what `--accept-leak` takes: a signal's id, `event.NAME`, `order`,
        `copies` or `labels`.
    says : a sentence with the figures and what would be right.
    stops : whether nothing may be trained until somebody accepts it.
    accepted : why somebody accepts it; "" where nobody does.
    example : leads to look at, for whoever trains; a bundle, which outlives them, does not hold it.
    """

    id: str
    kind: LeakKind
    says: str
    stops: bool = True
    figures: dict[str, float] = field(default_factory=dict)
    accepted: str = ""
    example: str = ""

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, without the example."""
        told = asdict(self)
        del told["example"]
        return told

    @property
    def shown(self) -> str:
        """What it says, with the example."""
        return f"{self.says} ({self.example})" if self.example else self.says


class LeakFound(Unusable):
    """The training set seems to know what it is to predict; carries all that was found."""

    def __init__(self, findings: Sequence[Suspicion]) -> None:
        self.findings = tuple(findings)
        ids = list(dict.fromkeys(found.id for found in findings))
        said = [f"  {found.id} ({found.kind}): {found.shown}" for found in findings]
        super().__init__(
            "\n".join(
                [
                    "not trained: the log seems to know outcomes before they come about",
                    *said,
                    "  what is meant to be so is accepted with a reason, which the bundle keeps:"
                    f' --accept-leak {ids[0]} "why it is known by then"',
                ]
            )
        )
