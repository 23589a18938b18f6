"""What the gate says of one bundle, and the figures that it says it by.

`training` judges, and gives a `Gate`. The registry and `served_policy` take it and refuse any that
was not passed, or is of another bundle: nothing begins to serve by a caller's promise alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, Self, cast

from typing_extensions import TypedDict  # pydantic reads typing's own from Python 3.12 on

from features.errors import Refused

__all__ = ["Gate", "GateCheck", "GateError", "GateKind"]

GateKind = Literal["scores", "policy"]
"""What was judged: a bundle's scores, or a policy that chooses with the bundle."""

_NAMES_BUNDLE: Final = {"scores": "version", "policy": "bundle"}
"""The member of a report that holds the version of the bundle."""


class GateCheck(TypedDict):
    """One thing that a gate asks for, with the figure that it goes by.

    `missing` says what keeps it from being passed, a sentence each; it is passed without any.
    `have` and `needed` are null where there is no such figure; what they count follows from `id`.
    `parts` names what a count counts, such as the segments that are harmed.
    """

    id: str
    missing: list[str]
    have: float | None
    needed: float | None
    parts: list[str]


class GateError(Refused):
    """A gate that was not passed, is of something else, or rests on nothing."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A verdict with its reasons.

    Parameters
    ----------
    bundle : the whole hash of the bundle that was judged.
    missing : a sentence for each thing that keeps the report from carrying it; passed without any.
    metrics : the figures it rests on.
    report : what was judged, as plain values. It names the bundle, and the policy.
    policy : the policy that was judged; "" for scores.
    beside : the whole hash of the champion that scores were compared with; "" for none.

    Raises
    ------
    GateError : a report of something else, or a gate that was passed without a figure, or with one
        that is no number.
    """

    kind: GateKind
    bundle: str
    missing: tuple[str, ...]
    metrics: dict[str, float]
    report: dict[str, Any]
    policy: str = ""
    beside: str = ""

    def __post_init__(self) -> None:
        if self.kind not in _NAMES_BUNDLE:
            raise GateError(f"there is no gate for {self.kind!r}")
        version = self.report.get(_NAMES_BUNDLE[self.kind])
        if not self.bundle or version != self.bundle[:12]:
            raise GateError(f"the report is of bundle {version}, not of {self.bundle[:12]}")
        if self.policy != ("" if self.kind == "scores" else self.report.get("name")):
            raise GateError(f"the report is not of the policy {self.policy!r}")
        if self.passed and not self.metrics:
            raise GateError("nothing was judged: a gate is not passed without a figure")
        odd = sorted(name for name, figure in self.metrics.items() if not math.isfinite(figure))
        if self.passed and odd:
            raise GateError(f"{odd[0]} is no number: a gate is not passed by it; judge it again")

    @property
    def passed(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing

    def require_of(self, kind: GateKind, bundle: str) -> None:
        """GateError unless this is the gate of what a bundle (by its hash) is to do."""
        if self.kind != kind:
            raise GateError(f"this takes a gate for {kind}, not one for {self.kind}")
        if self.bundle != bundle:
            raise GateError(
                f"the gate is of bundle {self.bundle[:12]}, this is {bundle[:12]}; judge it"
            )

    def require_passed(self, kind: GateKind, bundle: str) -> None:
        """GateError unless this is that gate, and it was passed."""
        self.require_of(kind, bundle)
        if not self.passed:
            raise GateError(f"the gate was not passed: {'; '.join(self.missing)}")

    def require_beside(self, champion: str) -> None:
        """GateError unless this was judged beside the champion of a hash; "" asks for none."""
        if champion and champion != self.bundle and champion != self.beside:
            said = f"beside {self.beside[:12]}" if self.beside else "beside no champion"
            raise GateError(
                f"the bundle was judged {said}, and {champion[:12]} serves; judge it beside that"
            )

    def why_not(self, bundle: str, champion: str) -> str:
        """Why it does not let a bundle's scores follow what serves, by hashes; "" where it does."""
        try:
            self.require_passed("scores", bundle)
            self.require_beside(champion)
        except GateError as error:
            return str(error)
        return ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def of_dict(cls, held: Mapping[str, Any]) -> Self:
        """The reverse of `as_dict`.

        Raises
        ------
        KeyError, TypeError, ValueError : it is no gate.
        GateError : it is one that does not hold together.
        """
        return cls(
            kind=cast("GateKind", held["kind"]),
            bundle=str(held["bundle"]),
            missing=tuple(str(line) for line in held["missing"]),
            metrics={str(name): float(figure) for name, figure in dict(held["metrics"]).items()},
            report=dict(held["report"]),
            policy=str(held["policy"]),
            beside=str(held.get("beside", "")),
        )
