"""The offers as a list: what each is, whether it is offered, what is known, who changed it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from features.clock import instant, microseconds
from features.ladder.catalogue import offer_table
from features.ladder.ladder import OfferVersion
from features.ladder.offer import OfferStatus
from features.ladder.words import of_money
from serving.pages.common import words
from serving.pages.settings.sections import Moment, moment
from serving.process.service import Service
from serving.recommending.catalogue import all_offers

__all__ = [
    "OfferRow",
    "OfferState",
    "StepOffers",
    "catalogue",
    "offers_by_step",
    "planned_changes",
    "state_counts",
    "state_words",
]

OfferState = Literal["active", "paused", "retired"]
_STATES: Final[Mapping[OfferStatus, tuple[str, str]]] = {
    "active": ("Offered", "on"),
    "paused": ("Paused", "paused"),
    "retired": ("Retired", "off"),
}


class Planned(NamedTuple):
    """A change that holds from later on: when, the state then, and the version that has it."""

    at: Moment
    what: str
    version: int


@dataclass(frozen=True, slots=True)
class OfferRow:
    """An offer in the list.

    Parameters
    ----------
    state, state_kind : in a word, and how that is coloured.
    facts : what it is, in a few words.
    known : what is known of it.
    changed, by : when and by whom it was changed last; None where it is as the file has it.
    planned : the changes that hold from later on.
    is_yet : whether it is there already, rather than from later on.
    """

    id: str
    title: str
    step_id: str
    status: OfferStatus
    state: str
    state_kind: str
    facts: str
    known: str
    version: int
    changed: Moment | None
    by: str
    planned: tuple[Planned, ...]
    is_yet: bool
    is_support: bool


@dataclass(frozen=True, slots=True)
class StepOffers:
    """The offers of a step; `is_bare` where nothing can be asked of a lead before it."""

    id: str
    title: str
    rows: tuple[OfferRow, ...]
    is_bare: bool


def catalogue(service: Service) -> list[dict[str, Any]]:
    """Every offer as the API tells it; without a model those of the ladder, of which none is."""
    now, bundle = service.clock(), service.scorer.bundle
    if bundle is not None:
        return all_offers(bundle, service.store, now)
    return [
        {
            "id": one.id,
            "step": one.step,
            "title": one.title,
            "status": one.status,
            "version": one.version,
            "evidence": "prior",
            "leads": 0,
            "offer": offer_table(one),
            "planned": [],
        }
        for one in service.ladder.offers
    ]


def offers_by_step(
    service: Service, state: OfferState | None = None, step: str | None = None
) -> list[StepOffers]:
    """The offers of each step, or of one; those in one state where it is named."""
    ladder, now = service.ladder, service.clock()
    made = {(one.offer_id, one.version): one for one in service.store.offers.versions(ladder.name)}
    there = {one.id for one in ladder.offers}
    money = ladder.value.currency
    rows = [_row(told, made, now, money, is_yet=told["id"] in there) for told in catalogue(service)]
    found = []
    for goal in ladder.goals:
        if step in (None, goal.id):
            own = [row for row in rows if row.step_id == goal.id]
            shown = tuple(row for row in own if state in (None, row.status))
            is_bare = not any(_is_asked(row) for row in own)
            if shown or (state is None and not own):
                found.append(StepOffers(goal.id, goal.title, shown, is_bare))
    return found


def _is_asked(row: OfferRow) -> bool:
    return row.status == "active" and row.is_yet and not row.is_support


def state_counts(told: Sequence[Mapping[str, Any]]) -> Mapping[str, int]:
    """How many offers are in each state."""
    return Counter(one["status"] for one in told)


def state_words(status: OfferStatus) -> tuple[str, str]:
    """A state in a word, and how that is coloured."""
    return _STATES[status]


def _row(
    told: Mapping[str, Any],
    made: Mapping[tuple[str, int], OfferVersion],
    now: int,
    currency: str,
    *,
    is_yet: bool,
) -> OfferRow:
    version = made.get((told["id"], told["version"]))
    state, kind = _STATES[told["status"]] if is_yet else ("Planned", "off")
    return OfferRow(
        id=told["id"],
        title=told["title"],
        step_id=told["step"],
        status=told["status"],
        state=state,
        state_kind=kind,
        facts=_facts(told["offer"], currency),
        known=words.sentence(words.learned_from(told["evidence"], told["leads"])),
        version=told["version"],
        changed=moment(version.made_at, now) if version else None,
        by=version.by if version else "",
        planned=planned_changes(told, now, is_yet=is_yet),
        is_yet=is_yet,
        is_support=told["offer"].get("role") == "support",
    )


def planned_changes(told: Mapping[str, Any], now: int, *, is_yet: bool) -> tuple[Planned, ...]:
    """What is to change from when on: the state then, of the versions that will hold.

    A version that another one for the same instant replaces, or that changes nothing, is none.
    """
    last = {one["from_at"]: one for one in sorted(told["planned"], key=lambda one: one["version"])}
    before = (told["offer"], told["status"]) if is_yet else None
    found = []
    for from_at in sorted(last, key=lambda text: instant(text)):
        after = ({**last[from_at]["offer"]}, last[from_at]["status"])
        is_other = before is None or _without_state(before) != _without_state(after)
        at = moment(microseconds(instant(from_at)), now)
        if at is not None and is_other:
            same = before is not None and before[1] == after[1]
            what = "Changed" if same else _STATES[last[from_at]["status"]][0]
            found.append(Planned(at, what, last[from_at]["version"]))
        before = after
    return tuple(found)


def _without_state(one: tuple[Mapping[str, Any], str]) -> tuple[dict[str, Any], str]:
    """What an offer says and its state, which stands in the first only where it is no usual one."""
    return {name: value for name, value in one[0].items() if name != "status"}, one[1]


def _facts(table: Mapping[str, Any], currency: str) -> str:
    """What an offer is: "Session · 15 min with a person · 30 min of yours"."""
    effort = table["effort"]
    money = effort.get("money", 0.0)
    person = "with a person" if effort.get("human") else ""
    minutes, own = effort.get("minutes", 0.0), table.get("rep_minutes", 0.0)
    asked = len(effort.get("form_fields", ()))
    facts = [
        words.titled(table["kind"]),
        f"{minutes:g} min {person}".strip() if minutes else person,
        f"{of_money(money, currency)} to pay" if money else "",
        f"{asked} {'field' if asked == 1 else 'fields'} to fill in" if asked else "",
        f"{own:g} min of yours" if own else "",
        "asks for nothing" if table.get("role") == "support" else "",
    ]
    return " · ".join(fact for fact in facts if fact)
