"""Funnels for the words of the page: a few leads on a small ladder, counted as always."""

from __future__ import annotations

from features.events.log import DAY_US
from features.funnel.stays import Stays, stays_of
from features.ladder.ladder import Band, EventRule, Ladder, Step, Trait
from tests.features.strategies import START_US, log_of
from tests.oracles.snapshot_oracle import Event

NAMES = ("video", "call", "order")


def ladder_of(*bands: tuple[float, float] | None) -> Ladder:
    """Watch, Call, Buy, with their usual shares; all that is left out is without one."""
    low, middle, high = (
        band and Band(*band) for band in (*bands, *[None] * (len(NAMES) - len(bands)))
    )
    return Ladder(
        name="small",
        title="Watch, call, buy",
        steps=(
            Step("watch", "Watch", (EventRule("video"),), 7.0, low),
            Step("call", "Call", (EventRule("call"),), 14.0, middle),
        ),
        purchase=Step("purchase", "Buy", (EventRule("order"),), 30.0, high),
        traits=(Trait("source", "category"),),
    )


def event(name: str, day: float, lead: str, **said: float | str) -> Event:
    at = START_US + round(day * DAY_US)
    return Event(lead, name, at, at, said)


def climbers(many: int, *went: int, day: float = 0.0, source: str = "search") -> list[Event]:
    """So many leads that came on a day, of whom so many went on at each step, a day later each."""
    rows = [event("identify", day, f"{source}{day}-{at}", source=source) for at in range(many)]
    for step, number in enumerate(went):
        rows += [event(NAMES[step], day + step + 1, f"{source}{day}-{at}") for at in range(number)]
    return rows


def counted(ladder: Ladder, day: float, *rows: Event) -> Stays:
    """Their stays by a day, on which somebody who never goes on was seen last."""
    seen = [event("page", 0, "zoe"), event("page", day, "zoe")]
    return stays_of(log_of([*rows, *seen], ladder), ladder)
