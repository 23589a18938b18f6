"""What leads of a world let others see of themselves: visits, completions, questions, traits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.outcomes.luck import Of, counts
from benchmarks.outcomes.people import TOPICS
from features.arrays import Ints

if TYPE_CHECKING:
    from benchmarks.outcomes.world import World

__all__ = ["Tells"]

_MOST_ACTIONS: Final = 8
_AT_ONCE: Final = ("source",)
"""What is known of a lead when it comes; the rest it tells with the second step."""
_SECTIONS: Final = ("home", "blog", "features", "pricing", "customers", "docs")
_ASSETS: Final = ("bottleneck-template", "handover-checklist", "savings-calculator")
_ENGAGES: Final = (
    ("content_read", "email_clicked"),
    ("asset_opened", "form_submitted"),
    ("assessment_started", "webinar_watched_on_demand"),
    ("video_audit_requested", "content_read"),
    ("pilot_milestone", "content_read"),
    ("contract_sent", "content_read"),
)
"""What leads do on each rung without completing its step."""
_PAGE, _ENGAGED = 0.6, 0.9
"""Up to here an action is a page, and up to there something of the rung; the rest are bounces."""


class Tells:
    """Writes down what leads do on the day of a world."""

    def __init__(self, world: World) -> None:
        self.world, self.people = world, world.people

    def arrive(self, leads: Ints) -> None:
        """Leads come, to a page."""
        for lead in leads.tolist():
            self.world.tell(lead, 11.0, "page_viewed", section="home")
            self._identify(lead, 11.001, at_once=True)

    def _identify(self, lead: int, hour: float, *, at_once: bool) -> None:
        traits = self.people.traits
        held = {
            key: _plain(values[lead])
            for key, values in traits.items()
            if not at_once or key in _AT_ONCE
        }
        self.world.tell(lead, hour, "identify", **held)

    def browse(self) -> None:
        """What leads do without completing anything, the more the keener they are."""
        world, planted = self.world, self.world.parameters
        day, luck = world.day, world.luck
        mind = np.clip(self.people.intent + world.state.drift + world.state.mood, -2.0, 2.0)
        looks = self.people.busy > 1.0
        rate = (
            planted.activity * self.people.busy * np.exp(planted.tell * np.where(looks, 0.0, mind))
        )
        rate = np.where(world.is_here, rate, 0.0)
        number = counts(luck.of(day, Of.ACTIONS), rate, _MOST_ACTIONS)
        what = luck.slots(day, Of.WHAT, _MOST_ACTIONS)
        detail = luck.slots(day, Of.DETAIL, _MOST_ACTIONS)
        when = np.sort(12.0 + 11.0 * luck.slots(day, Of.WHEN, _MOST_ACTIONS), axis=0)
        for lead in np.flatnonzero(number).tolist():
            for slot in range(int(number[lead])):
                self._act(lead, when[slot, lead], what[slot, lead], float(detail[slot, lead]))

    def _act(self, lead: int, hour: float, what: float, detail: float) -> None:
        world = self.world
        if what < _PAGE:
            section = _SECTIONS[int(detail * len(_SECTIONS))]
            world.tell(lead, hour, "page_viewed", section=section)
        elif what < _ENGAGED:
            pool = _ENGAGES[world.state.rung[lead]]
            name = pool[int((what - _PAGE) / (_ENGAGED - _PAGE) * len(pool)) % len(pool)]
            self._engage(lead, hour, name, detail)
        else:
            world.tell(lead, hour, "session_ended", seconds=4.0, pages=1.0)

    def _engage(self, lead: int, hour: float, name: str, detail: float) -> None:
        held: dict[str, Any] = {}
        if name == "content_read":
            held = {"seconds": 20.0 + 240.0 * detail, "topic": self._topic(lead, detail)}
        elif name == "asset_opened":
            held = {"asset": _ASSETS[int(detail * len(_ASSETS))]}
        self.world.tell(lead, hour, name, **held)

    def _topic(self, lead: int, detail: float) -> str:
        """What a lead reads about: mostly what it is after."""
        own = int(self.people.topic[lead])
        return TOPICS[own if detail < 0.8 else (own + 1) % len(TOPICS)]

    def ask(self) -> None:
        """Some that are past the first step ask something, if no question of theirs waits."""
        world = self.world
        may = world.is_here & (world.state.rung >= 1) & (world.journal.waits_since < 0)
        asks = may & (world.luck.of(world.day, Of.ASKS) < world.parameters.questions)
        for lead in np.flatnonzero(asks).tolist():
            world.tell(lead, 23.2, "lead_asked")

    def complete(self, lead: int, rung: int, depth: float, *, booked: bool, piloted: bool) -> None:
        """The event that completes a step, the deeper the more."""
        world, step = self.world, self.world.ladder.goals[rung].id
        held: dict[str, Any] = {}
        name = "contract_signed"
        if step == "content":
            topic = self._topic(lead, depth)
            name, held = "content_read", {"seconds": 300.0 + 600.0 * depth, "topic": topic}
        elif step == "value":
            name, held = "asset_used", {"minutes": 15.0 + 30.0 * depth}
        elif step == "participation":
            name = "webinar_attended" if booked else "assessment_completed"
            held = {"minutes": 20.0 + 40.0 * depth} if booked else {}
        elif step == "human":
            name, held = "session_held", {"minutes": 10.0 + 30.0 * depth}
        elif step == "trial":
            name = "pilot_started" if piloted else "guarantee_accepted"
        hour = 11.9 if booked else 16.0  # what was booked is over before anything new begins
        world.tell(lead, hour, name, **held)
        if step == "value":
            self._identify(lead, hour + 0.001, at_once=False)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
