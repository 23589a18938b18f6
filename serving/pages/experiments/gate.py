"""Whether another policy may serve: all that its gate asks for, with the figures, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from features.ladder.ladder import Ladder
from models.gate import GateCheck
from models.judging.served import PolicyLook
from models.served_policy import DEFAULT
from serving.pages.common import words
from serving.pages.common.moments import ShownAt, shown_at
from serving.pages.experiments.naming import policy_said, segment_said
from serving.process.judged.looks import Look
from serving.process.judged.policies import (
    candidate_of,
    may_change_here,
    policy_look,
    serves_now,
)
from serving.process.service import Service

__all__ = ["GatePart", "PolicyCheck", "gate_part"]

_SOON: Final = 0.999
"""A bar is full where nothing more is needed, and not before."""


@dataclass(frozen=True, slots=True)
class PolicyCheck:
    """One thing that a gate asks for.

    Parameters
    ----------
    text : what it is, and how it stands, in a sentence.
    share : of what is needed so much is there, in [0, 1]; None where nothing is counted.
    """

    text: str
    is_met: bool
    share: float | None = None
    aside: str = ""


@dataclass(frozen=True, slots=True)
class GatePart:
    """What chooses now, and whether the other policy may.

    Parameters
    ----------
    serves, candidate : the policies in words; `name` is the candidate's own name.
    is_served : whether the candidate is what serves.
    asked : empty where it could not be judged.
    decisions, leads : that it was judged on, and `pending` decisions whose outcomes are not known.
    may_serve : whether the gate is passed and the service itself can let it serve.
    is_here : whether the service itself can change what chooses.
    """

    serves: str
    name: str
    candidate: str
    is_served: bool
    look: Look
    asked: Sequence[PolicyCheck]
    decisions: int
    leads: int
    pending: int
    may_serve: bool
    is_here: bool

    @property
    def as_of(self) -> ShownAt | None:
        """By what was known it was judged; None before it was."""
        return shown_at(self.look.as_of) if self.look.body else None

    @property
    def met(self) -> int:
        """How many of the things that are asked for are there."""
        return sum(one.is_met for one in self.asked)


def gate_part(service: Service) -> GatePart:
    """The part of the page that says whether another policy may serve."""
    name, serves = candidate_of(service), serves_now(service)
    look = policy_look(service, name)
    body = cast("PolicyLook | None", look.body)
    report: Mapping[str, Any] = body["gate"]["report"] if body and body["gate"] else {}
    asked = [_asked(one, report, service.ladder) for one in body["checks"]] if body else []
    value = report["assessment"]["value"] if report else {"decisions": 0, "leads": 0}
    is_here = may_change_here(service)
    return GatePart(
        serves=policy_said(serves),
        name=name,
        candidate=policy_said(name),
        is_served=serves == name and name != DEFAULT,
        look=look,
        asked=asked,
        decisions=int(value["decisions"]),
        leads=int(value["leads"]),
        pending=int(report.get("pending", 0)),
        may_serve=is_here and bool(body and body["gate"] and not body["gate"]["missing"]),
        is_here=is_here,
    )


def _asked(check: GateCheck, report: Mapping[str, Any], ladder: Ladder) -> PolicyCheck:
    """A check in words; one that the page does not know is told as the gate says it."""
    told = _WORDS.get(check["id"])
    if told is None:
        return PolicyCheck(
            words.sentence("; ".join(check["missing"]) or check["id"]), _is_met(check)
        )
    return told(check, report, ladder)


def _is_met(check: GateCheck) -> bool:
    return not check["missing"]


def _later(check: GateCheck, _: Mapping[str, Any], __: Ladder) -> PolicyCheck:
    if _is_met(check):
        return PolicyCheck("Judged on choices that the model had not learned from.", is_met=True)
    return PolicyCheck(
        "Judged on choices that the model learned from: later ones are needed.", False
    )


def _against(check: GateCheck, _: Mapping[str, Any], __: Ladder) -> PolicyCheck:
    if _is_met(check):
        return PolicyCheck("Judged beside what really chose for these leads.", is_met=True)
    return PolicyCheck("Judged beside something else than what really chose.", is_met=False)


def _sure(check: GateCheck, report: Mapping[str, Any], ladder: Ladder) -> PolicyCheck:
    watch = report.get("watch")
    if watch is None:
        return PolicyCheck(
            "No lead can be counted yet.",
            False,
            0.0,
            "A lead counts once all is over that its first choices can bring.",
        )
    leads, money = words.count(watch["leads"]), ladder.value.currency
    gain = f"{_signed(watch['value'])} {money} a choice"
    span = f"{_signed(watch['low'])} to {_signed(watch['high'])} {money}, however often one looks"
    if _is_met(check):
        return PolicyCheck(f"Surely brings more: {gain}, by {leads} leads.", True, 1.0, span)
    if watch["high"] < 0:
        return PolicyCheck(f"Surely brings less: {gain}, by {leads} leads.", False, None, span)
    if check["needed"] is None or check["have"] is None:
        return PolicyCheck(
            f"Brings nothing more so far: {gain}, by {leads} leads.", False, None, span
        )
    needed = float(f"{check['needed']:.2g}")
    text = f"{leads} of about {words.count(needed)} leads that it takes to be sure of a gain."
    return PolicyCheck(text, False, min(check["have"] / needed, _SOON), f"So far {gain} ({span}).")


def _agree(check: GateCheck, _: Mapping[str, Any], __: Ladder) -> PolicyCheck:
    have, most = check["have"] or 0.0, check["needed"] or 0.0
    aside = f"They differ {have:.1f} times as much as by chance; up to {most:g} times is let pass."
    if _is_met(check):
        return PolicyCheck("Two ways to reckon the gain agree.", True, aside=aside)
    return PolicyCheck("Two ways to reckon the gain do not agree.", False, aside=aside)


def _harm(check: GateCheck, _: Mapping[str, Any], ladder: Ladder) -> PolicyCheck:
    if _is_met(check):
        return PolicyCheck("No part of the leads is surely worse off.", is_met=True)
    parts = " and ".join(segment_said(ladder, one) for one in check["parts"])
    return PolicyCheck(f"Surely worse off: {parts}.", is_met=False)


def _groups(check: GateCheck, report: Mapping[str, Any], ladder: Ladder) -> PolicyCheck:
    if not _is_met(check):  # which one is no page's business: no page shows a protected trait
        said = "A group of a protected trait is treated apart, or was not looked at."
        return PolicyCheck(said, is_met=False, aside="`rung champion judge` says which.")
    if not ladder.protected and not report.get("groups"):
        return PolicyCheck("The ladder protects no trait, so no groups are compared.", is_met=True)
    return PolicyCheck("No protected group is surely treated apart.", is_met=True)


_WORDS: Final = {
    "later": _later,
    "against": _against,
    "sure": _sure,
    "agree": _agree,
    "harm": _harm,
    "groups": _groups,
}


def _signed(amount: float) -> str:
    """An amount of money with its sign: "+493", "−1,513", "+0.012"."""
    size = abs(amount)
    text = f"{size:,.0f}" if size >= 10 else f"{size:.2g}"
    return text if text == "0" else f"{'+' if amount > 0 else '−'}{text}"
