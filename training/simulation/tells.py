"""What simulated leads do on a rung and tell of themselves, event by event."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from features.arrays import Bools, Floats, Ints
from features.events.log import DAY_US
from features.ladder.ladder import Condition, EventRule, Ladder
from training.simulation.config import (
    BUSY_PER_DAY,
    FADE_DAYS,
    LISTENS_DAYS,
    QUIET_PER_DAY,
    REFUSES_BOUND,
    REFUSES_QUIET,
)
from training.simulation.leads import Leads
from training.simulation.log import SimulatedLog
from training.simulation.names import (
    company_names,
    email_addresses,
    person_names,
    phone_numbers,
    questions,
    sections,
)
from training.simulation.outcomes import PilotEndings
from training.simulation.truth import Told

__all__ = ["Tells"]

_KNOWN_AT_FIRST: Final = ("source",)


class Tells:
    """What leads of a simulation do, written into its log.

    Parameters
    ----------
    rng : draws what is done and when.

    Attributes
    ----------
    told : what the actions on each rung say of whether their leads are bound to go on.
    """

    def __init__(self, leads: Leads, log: SimulatedLog, rng: np.random.Generator) -> None:
        self.leads, self.log, self.rng = leads, log, rng
        self.ladder, self.config = log.ladder, log.config
        self.told: list[Told] = []
        self.outcomes = PilotEndings(log)

    def act(self, rung: int, lead: Ints, reached_at: Ints, until: Floats, bound: Bools) -> None:
        """What leads do on a rung without completing it: more, if they are to go on.

        Parameters
        ----------
        until : shape (n,), the days from reaching the rung to leaving it; inf of those that stay.
        bound : shape (n,), whether they are to go on.
        """
        days = np.minimum(
            np.minimum(until, LISTENS_DAYS), (self.config.ends_at - reached_at) / DAY_US
        )
        faded = QUIET_PER_DAY * FADE_DAYS * -np.expm1(-days / FADE_DAYS)
        count = self.rng.poisson(np.where(bound, BUSY_PER_DAY * days, faded))
        who = np.repeat(np.arange(len(lead)), count)
        share = self.rng.random(len(who))
        late = -FADE_DAYS * np.log1p(share * np.expm1(-days[who] / FADE_DAYS))
        after = np.where(bound[who], share * days[who], late)
        acted_at = reached_at[who] + np.maximum(1, after * DAY_US).astype(np.int64)
        order = np.lexsort([acted_at, lead[who]])
        who, after, acted_at = who[order], after[order], acted_at[order]
        tell = np.log(BUSY_PER_DAY / QUIET_PER_DAY) + after / FADE_DAYS
        self.told.append(Told(lead[who], acted_at, tell))
        names = self._pool(rung)
        chosen = self.rng.integers(0, len(names), len(who))
        for index, (name, failing) in enumerate(names):
            here = chosen == index
            properties = {
                key: self.rng.uniform(low, high, int(here.sum()))
                for key, (low, high) in failing.items()
            }
            if name == "page_viewed":
                properties["section"] = sections(self.rng, int(here.sum()))  # type: ignore[assignment]
            self.log.emit(name, lead[who][here], acted_at[here], properties)
        self._ask(rung, lead[who], acted_at)
        self._refuse(rung, lead, reached_at, days, bound)
        self.told += self.outcomes.tell(rung, lead, reached_at, until, bound)

    def _refuse(self, rung: int, lead: Ints, reached_at: Ints, days: Floats, bound: Bools) -> None:
        """What speaks against leads: more of it from those that are not to go on.

        It has luck of its own, so that a world without refusals is otherwise the same.
        """
        rng = np.random.default_rng((self.config.seed, 101, rung))
        a_day = self.config.refusals * np.where(bound, REFUSES_BOUND, REFUSES_QUIET)
        who = np.repeat(np.arange(len(lead)), rng.poisson(a_day * np.maximum(days, 0.0)))
        after = rng.random(len(who)) * days[who]
        refused_at = reached_at[who] + np.maximum(1, after * DAY_US).astype(np.int64)
        tell = np.full(len(who), np.log(REFUSES_BOUND / REFUSES_QUIET))
        self.told.append(Told(lead[who], refused_at, tell))
        kinds = _refusals(self.ladder, rung)
        chosen = rng.integers(0, len(kinds), len(who))
        for index, (name, properties) in enumerate(kinds):
            here = chosen == index
            held = {key: np.full(int(here.sum()), value) for key, value in properties.items()}
            self.log.emit(name, lead[who][here], refused_at[here], held)

    def _ask(self, rung: int, lead: Ints, acted_at: Ints) -> None:
        """Some actions are followed by a question, and most questions by an answer."""
        if rung < 2:
            return
        asks = self.rng.random(len(lead)) < 0.06
        asked_at = acted_at[asks] + self.rng.integers(10_000_000, 600_000_000, int(asks.sum()))
        told = {"text": questions(lead[asks])}
        self.log.emit(self.ladder.events.lead_asked, lead[asks], asked_at, told)
        answered = self.rng.random(len(asked_at)) < 0.9
        hours = self.rng.lognormal(1.0, 1.0, len(asked_at))
        self.log.emit(
            self.ladder.events.business_replied,
            lead[asks][answered],
            (asked_at + hours * DAY_US / 24).astype(np.int64)[answered],
            {},
        )

    def complete(self, rung: int, lead: Ints, completed_at: Ints, depth: Floats) -> None:
        """The event that completes a step, by one of its rules and as deeply as `depth` says.

        Parameters
        ----------
        depth : shape (n,), in [0, 1).
        """
        rules = self.ladder.goals[rung].complete_when
        chosen = self.rng.integers(0, len(rules), len(lead))
        for index, rule in enumerate(rules):
            here = chosen == index
            properties = {
                condition.property: _meeting(condition, depth[here]) for condition in rule.where
            }
            self.log.emit(rule.event, lead[here], completed_at[here], properties)
            self.outcomes.begin(rule.event, lead[here])

    def _pool(self, rung: int) -> list[tuple[str, dict[str, tuple[float, float]]]]:
        """Events that show engagement at the next step without completing any: names and ranges."""
        engaged = [
            one for one in self.ladder.goals[rung].engaged_by if one not in self.outcomes.names
        ]
        names = (*engaged, "page_viewed", "email_opened")
        rules = [rule for goal in self.ladder.goals for rule in goal.complete_when]
        rules += [*self.ladder.restart_on, *self.ladder.score_at]
        found = [(name, _failing([rule for rule in rules if rule.event == name])) for name in names]
        possible = [(name, ranges) for name, ranges in found if ranges is not None]
        return possible or [("visited", {})]

    def identify(self, lead: Ints, known_at: Ints, *, everything: bool) -> None:
        """What the lead has told of itself: where it came from at first, the rest with a form."""
        held = {
            trait.id: self.leads.traits[trait.id][lead]
            for trait in self.ladder.traits
            if everything or trait.id in _KNOWN_AT_FIRST
        }
        if everything and self.config.intent_sd > 0:
            held["full_name"] = person_names(lead)
            held["company"] = company_names(lead)
            held["email"] = email_addresses(lead)
            held["phone"] = phone_numbers(lead)
        if held:
            self.log.emit(self.ladder.events.traits, lead, known_at + 1, held)


_Kind = tuple[str, dict[str, float]]
_BOUNCE: Final[_Kind] = ("session_ended", {"seconds": 4.0, "pages": 1.0})
_EARLY: Final[tuple[_Kind, ...]] = (_BOUNCE, ("form_abandoned", {}))
_LATE: Final[tuple[_Kind, ...]] = (("session_no_show", {}), ("meeting_cancelled", {}))
_LAST: Final[tuple[_Kind, ...]] = (("proposal_declined", {}), ("meeting_cancelled", {}))


def _refusals(ladder: Ladder, rung: int) -> list[_Kind]:
    """What speaks against a lead on a rung: bounces at first, then no-shows, failures at last."""
    kinds = _EARLY if rung < len(ladder.steps) // 2 else _LATE
    if rung == len(ladder.steps):
        kinds = _LAST
    return [*kinds, ("email_unsubscribed", {}), (ladder.events.offer_declined, {})]


def _meeting(condition: Condition, depth: Floats) -> npt.NDArray[Any]:
    """Values that meet a condition, the deeper the further inside."""
    value = condition.value
    if isinstance(value, tuple):
        return np.full(len(depth), value[0], dtype=object)
    if isinstance(value, str):
        text = value if condition.operator == "is" else f"not {value}"
        return np.full(len(depth), text, dtype=object)
    if condition.operator in ("at_least", "above"):
        top = 1.0 if "fraction" in condition.property else 3.0 * max(abs(value), 1.0)
        return value + (0.001 + 0.999 * depth) * (top - value)
    if condition.operator in ("at_most", "below"):
        return value - (0.001 + 0.999 * depth) * max(abs(value), 1.0)
    return np.full(len(depth), value if condition.operator == "is" else value + 1.0)


def _failing(rules: list[EventRule]) -> dict[str, tuple[float, float]] | None:
    """Ranges of properties that meet none of the rules; None where there are none such."""
    ranges: dict[str, tuple[float, float]] = {}
    for rule in rules:
        below = [c for c in rule.where if c.operator in ("at_least", "above")]
        absent = [c for c in rule.where if c.operator != "is_not"]
        if below and isinstance(below[0].value, float | int):
            high = float(below[0].value)
            low, held = ranges.get(below[0].property, (0.0, high))
            ranges[below[0].property] = (low, min(held, 0.95 * high))
        elif not absent:
            return None
    return ranges
