"""The slow obvious version of `features.funnel.stays`, and of its rates: loops over events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from features.ladder.ladder import Ladder
from tests.oracles.snapshot_oracle import DAY_US, Event, in_order, meets_any

__all__ = ["OracleStay", "oracle_incidence", "oracle_state", "oracle_stays"]


@dataclass(slots=True)
class OracleStay:
    """A lead before a step; instants in microseconds, None for never."""

    lead_id: str
    goal: int
    began: int
    entered: int
    advanced: int | None = None
    lost: int | None = None
    passed: bool = False
    traits: dict[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class _Way:
    """The way of one lead, told event by event."""

    ladder: Ladder
    lead_id: str
    found: list[OracleStay] = field(default_factory=list)
    standing: OracleStay | None = None
    lost: int | None = None
    traits: dict[str, object] = field(default_factory=dict)

    def begin(self, goal: int, began: int, when: int) -> OracleStay:
        lost = None if self.lost is None else when
        stay = OracleStay(self.lead_id, goal, began, when, lost=lost, traits=dict(self.traits))
        self.found.append(stay)
        return stay

    def learns(self, event: Event) -> None:
        for trait in self.ladder.traits:
            text = event.properties.get(trait.id)
            if trait.type == "category" and not trait.personal and isinstance(text, str):
                self.traits[trait.id] = text
        if self.standing is not None and self.standing.entered == event.occurred_us:
            self.standing.traits = dict(self.traits)

    def loses(self, event: Event) -> None:
        if meets_any(self.ladder.lost_when, event):
            self.lost = event.occurred_us
            if self.standing is not None and self.standing.lost is None:
                self.standing.lost = self.lost
        if meets_any(self.ladder.back_when, event):
            self.lost = None
            if self.standing is not None:
                self.standing.lost = None

    def climbs(self, event: Event) -> None:
        goals, when = self.ladder.goals, event.occurred_us
        done = [at for at, goal in enumerate(goals) if meets_any(goal.complete_when, event)]
        anew = meets_any(self.ladder.restart_on, event)
        buys = len(goals) - 1 in done
        stands = self.standing
        if stands is not None and max(done, default=-1) >= stands.goal and (buys or not anew):
            stands.advanced = when
            began = stands.began
            for goal in range(stands.goal + 1, max(done) + 1):
                passed = self.begin(goal, began, when)
                passed.advanced, passed.passed = when, True
            above = max(done) + 1
            self.standing = self.begin(above, began, when) if above < len(goals) else None
        if anew:
            self.standing = self.begin(0, when, when)


def oracle_stays(
    events: Sequence[Event], ladder: Ladder, lead_id: str, until: int
) -> list[OracleStay]:
    """The stays of one lead, by what was known at `until`."""
    way = _Way(ladder, lead_id)
    for event in in_order(events, ladder, lead_id):
        if event.known_us > until:
            continue
        if event.name == ladder.events.traits:
            way.learns(event)
        if not way.found:
            way.standing = way.begin(0, event.occurred_us, event.occurred_us)
        way.loses(event)
        way.climbs(event)
    return way.found


def oracle_state(stay: OracleStay, ladder: Ladder, counted_until: int, left: int | None) -> str:
    """What came of a stay by what is counted."""
    ends = stay.entered + round(ladder.goals[stay.goal].horizon_days * DAY_US)
    seen = min(ends, counted_until)
    went = stay.advanced
    if went is not None and went <= seen and (left is None or went <= left):
        return "advanced"
    if left is not None and left <= seen:
        return "left"
    if stay.lost is not None and stay.lost <= seen:
        return "lost"
    return "lapsed" if ends <= counted_until else "pending"


def oracle_incidence(rows: Sequence[tuple[int, bool]]) -> Fraction:
    """Kaplan and Meier's share, exactly, of (how long, whether it went on then)."""
    stays = Fraction(1)
    for took in sorted({took for took, went in rows if went}):
        at_risk = sum(1 for other, _ in rows if other >= took)
        went = sum(1 for other, went in rows if went and other == took)
        stays *= 1 - Fraction(went, at_risk)
    return 1 - stays
