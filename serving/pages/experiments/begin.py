"""The form that begins an experiment: what can be chosen, what was filled in, what is wrong."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast
from urllib.parse import urlencode

from features.ladder.controls import (
    EXPERIMENT_KINDS,
    LEFT_ALONE_POLICIES,
    STANDING,
    Arm,
    Experiment,
    ExperimentKind,
)
from features.ladder.ladder import Ladder
from features.offers.assignments import CALLING
from features.offers.experiments import experiment_of
from features.store.kept.experiments import KeptExperiment
from models.offers.policy import POLICIES, POLICIES_WITHOUT
from serving.pages.common import words
from serving.pages.experiments.naming import policy_said, rep_time

__all__ = [
    "MOST_WAYS",
    "BeginForm",
    "WayField",
    "blank_form",
    "choices",
    "filled_form",
    "mistakes_in",
]

MOST_WAYS: Final = 4
"""Ways that the page has fields for; the API takes ten."""
_ALMOST: Final = 0.5
"""Shares that come to 100 % but for so much are taken for it: three times 33.3 is meant so."""
_LONGEST: Final = 40


@dataclass(frozen=True, slots=True)
class WayField:
    """What was filled in for one way."""

    name: str = ""
    share: str = ""
    offers: frozenset[str] = frozenset()
    policy: str = ""

    @property
    def percent(self) -> float | None:
        """The share as a number; None where it is none, or not above 0."""
        try:
            found = float(self.share.replace("%", "").replace(",", ".").strip())
        except ValueError:
            return None
        return found if 0.0 < found < 100.0 else None


@dataclass(frozen=True, slots=True)
class BeginForm:
    """A form as it is shown; `kind` and `step` are "" until they are chosen."""

    kind: str
    step: str
    title: str
    ways: Sequence[WayField]
    mistakes: Sequence[str] = field(default_factory=tuple)

    def address(self, ways: int) -> str:
        """The same with so many ways."""
        query = {"kind": self.kind, "step": self.step, "ways": str(ways)}
        return f"/experiments/-/begin?{urlencode(query)}"

    def experiment(self, taken: Sequence[str]) -> Experiment:
        """What was filled in, under an id of its own; for a form without mistakes."""
        total = sum(way.percent or 0.0 for way in self.ways)
        ids: list[str] = []
        for at, way in enumerate(self.ways):
            ids.append(_apart(_arm_id(self.kind, way, at), ids))
        arms = tuple(
            Arm(id_, (way.percent or 0.0) / total, tuple(sorted(way.offers)), way.policy)
            for id_, way in zip(ids, self.ways, strict=True)
        )
        own = _slug(self.title) or "experiment"
        if own.startswith((STANDING, CALLING)):
            own = f"try-{own}"
        return Experiment(
            id=_apart(own, taken),
            kind=cast("ExperimentKind", self.kind),
            arms=arms,
            control=arms[0].id,
            step=self.step,
            title=self.title,
        )


def blank_form(ladder: Ladder, kind: str, step: str, ways: str) -> BeginForm:
    """The form before anything is filled in, as an address asks for it."""
    known = kind if kind in EXPERIMENT_KINDS else ""
    there = step if step in [goal.id for goal in ladder.goals] else ""
    count = int(ways) if ways.isdecimal() and 2 <= int(ways) <= MOST_WAYS else 2
    share = f"{100.0 / count:.4g}"
    return BeginForm(known, there, "", tuple(WayField(share=share) for _ in range(count)))


def filled_form(ladder: Ladder, form: Mapping[str, str]) -> BeginForm:
    """What was filled in, as it was sent."""
    blank = blank_form(ladder, form.get("kind", ""), form.get("step", ""), form.get("ways", ""))
    ways = []
    for at in range(len(blank.ways)):
        start = f"way{at}."
        offers = {
            key.removeprefix(f"{start}offer.") for key in form if key.startswith(f"{start}offer.")
        }
        ways.append(
            WayField(
                name=form.get(f"{start}name", "").strip(),
                share=form.get(f"{start}share", "").strip(),
                offers=frozenset(offers) if blank.kind == "offer" else frozenset(),
                policy=form.get(f"{start}policy", "") if blank.kind == "policy" else "",
            )
        )
    return BeginForm(blank.kind, blank.step, form.get("title", "").strip(), tuple(ways))


def mistakes_in(form: BeginForm, ladder: Ladder, running: Sequence[KeptExperiment]) -> list[str]:
    """All that is wrong with what was filled in, with what would be right."""
    looks = (_wrong_title, _wrong_shares, _wrong_ways, _wrong_offers)
    found = [said for look in looks for said in look(form, ladder)]
    return found + list(_taken_offers(form, ladder, running))


def choices(form: BeginForm, ladder: Ladder) -> Mapping[str, object]:
    """What can be chosen in the fields of a form."""
    return {
        "offers": [(one.id, one.title, rep_time([one])) for one in ladder.offers_of(form.step)]
        if form.step
        else [],
        "policies": [("", "As Rung does now"), *((one, policy_said(one)) for one in _POLICIES)],
        "steps": [(goal.id, goal.title) for goal in ladder.goals],
    }


_POLICIES: Final = (*LEFT_ALONE_POLICIES, *POLICIES, *POLICIES_WITHOUT)


def _wrong_title(form: BeginForm, _: Ladder) -> Iterator[str]:
    if not form.title:
        yield "It has no name: write what is tried, such as “Worksheet or checklist”."
    elif not form.title.isprintable():
        yield "The name is to be one line of letters, digits and signs."


def _wrong_shares(form: BeginForm, _: Ladder) -> Iterator[str]:
    wrong = [at for at, way in enumerate(form.ways, 1) if way.percent is None]
    if wrong:
        which = " and ".join(str(at) for at in wrong)
        yield f"Way {which}: the share is a number above 0 and below 100."
        return
    total = sum(way.percent or 0.0 for way in form.ways)
    if abs(total - 100.0) > _ALMOST:
        yield f"The shares come to {total:.4g} %, not to 100 %."


def _wrong_ways(form: BeginForm, _: Ladder) -> Iterator[str]:
    if form.kind in ("offer", "policy"):
        given = [(way.offers, way.policy) for way in form.ways]
        if len(set(given)) < len(given):
            yield "Two ways are the same: there would be nothing to compare."
        return
    for at, way in enumerate(form.ways, 1):
        if not way.name:
            yield f"Way {at} has no name: your tool is told it, so that it knows what to do."
    names = [_slug(way.name) for way in form.ways if way.name]
    if len(set(names)) < len(names):
        yield "Two ways have the same name."


def _wrong_offers(form: BeginForm, ladder: Ladder) -> Iterator[str]:
    known = {one.id for one in ladder.offers_of(form.step)} if form.step else set()
    if form.kind == "offer" and not any(way.offers & known for way in form.ways):
        yield "No way has an offer: tick one at least."
    gone = sorted({one for way in form.ways for one in way.offers} - known)
    if gone:
        names = ", ".join(words.shown(one) for one in gone)
        yield f"Not offered at this step any more: {names}. Choose again."


def _taken_offers(
    form: BeginForm, ladder: Ladder, running: Sequence[KeptExperiment]
) -> Iterator[str]:
    wanted = {one for way in form.ways for one in way.offers}
    for kept in running:
        other = experiment_of(kept.body)
        for one in sorted(wanted & {offer for arm in other.arms for offer in arm.offers}):
            offer = ladder.offer(one)
            yield (
                f"“{offer.title if offer else one}” is in the experiment"
                f" “{other.title or other.id}” already: an offer is in one at a time."
            )


def _arm_id(kind: str, way: WayField, at: int) -> str:
    if kind == "offer":
        return min(way.offers) if len(way.offers) == 1 else f"way-{at + 1}"
    if kind == "policy":
        return way.policy.replace("_", "-") or "as-now"
    return _slug(way.name) or f"way-{at + 1}"


def _slug(text: str) -> str:
    """Small letters, digits and hyphens, as ids are made of."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST].strip("-")


def _apart(id_: str, taken: Sequence[str]) -> str:
    """An id that is not taken yet."""
    found, at = id_, 2
    while found in taken:
        found, at = f"{id_}-{at}", at + 1
    return found
