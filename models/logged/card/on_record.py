"""What a model card is written from: a bundle, and what was found of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from models.bundle import Bundle
from models.gate import Gate
from models.logged.former_bundles import Promotion

__all__ = ["GOALS", "OnRecord"]

GOALS: Final = {"advancement": "The next step", "purchase": "A purchase"}


@dataclass(frozen=True, eq=False, slots=True)
class OnRecord:
    """A bundle and what was found of it.

    Parameters
    ----------
    gate : of its scores, passed or not, with the report that was judged; None without a report.
    policy : the policy that it is served with.
    policy_gate : of a policy with it, passed or not; None where none was judged.
    promotion : since when it serves and who let it; None where that is not on record.
    """

    bundle: Bundle
    gate: Gate | None = None
    policy: str = ""
    policy_gate: Gate | None = None
    promotion: Promotion | None = None

    @property
    def manifest(self) -> Mapping[str, Any]:
        """What the bundle says of how it was made."""
        return self.bundle.manifest

    @property
    def report(self) -> Mapping[str, Any] | None:
        """The report of `rung evaluate`; None where nobody has judged it."""
        return self.gate.report if self.gate else None

    def judged(self, goal: str) -> Mapping[str, Any]:
        """What the report says of a goal; empty without one."""
        return (self.report or {}).get(goal) or {}

    def trained(self, goal: str) -> Mapping[str, Any]:
        """The counts of what a goal was trained on; empty where the bundle does not tell."""
        found: Mapping[str, Any] = self.manifest.get("trained_on", {}).get(goal, {})
        return found
