"""What of a lead's events is its own interest, what speaks against it, and what is ours.

A refusal, a bounce, a withdrawal or a failure is an event like others, and never interest. The
ladder's table [activity] says which events are which; what it leaves out follows from the ladder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from features.ladder.controls import refused_afterwards
from features.ladder.event_rule import PatternBut, opposite
from features.ladder.ladder import Condition, EventRule, Ladder
from features.ladder.words import AGAINST_ENDINGS, REFUSALS

__all__ = ["REFUSED", "ActivityRules", "activity_of", "ends_of", "is_against", "reads_as_agreed"]

REFUSED: Final = ("0", "false", *REFUSALS)
"""Texts of a consent that was not granted."""
_MOST_WAYS: Final = 64
"""In more ways than that no event fails to begin the ladder anew: what has its name is neither."""
_PARTS: Final = re.compile(r"[\W_]+|(?<=[a-z0-9])(?=[A-Z])")
"""What stands between the words of a name: "Session Booked", "session_booked", "sessionBooked"."""
_AGREED: Final = re.compile(  # by its words; a registration alone may be of an account
    r".+ (booked|reserved|scheduled)"
    r"|(.+ )?(class|course|demo|event|seminar|webinar|workshop) registered"
    r"|(.+ )?(pilot|trial) (began|started)"
)
_ENDS: Final = frozenset(
    {
        *(ending.strip("_").replace("_", " ") for ending in AGAINST_ENDINGS),
        *("attended", "canceled", "completed", "done", "ended", "expired", "finished", "held"),
        *("missed", "noshow", "over", "succeeded"),
    }
)
"""What an event is called that tells an end, after what it is the end of."""


@dataclass(frozen=True, slots=True)
class ActivityRules:
    """As the ladder's `Activity`, with what it leaves out filled in.

    Parameters
    ----------
    neither : what no pattern of the others stands for: its name ends as a refusal does, and it
        comes after a purchase or begins the ladder anew.
    """

    interest: tuple[EventRule, ...] = ()
    against: tuple[EventRule, ...] = ()
    ours: tuple[EventRule, ...] = ()
    neither: tuple[EventRule, ...] = ()

    @property
    def barred(self) -> tuple[EventRule, ...]:
        """What cannot be interest, whatever else is said of it."""
        return (*self.against, *self.ours, *self.neither)


@lru_cache(maxsize=64)
def activity_of(ladder: Ladder) -> ActivityRules:
    """The rules of a ladder.

    Interest is what completes or engages with a step, and a question; against are names that end in
    `AGAINST_ENDINGS`, declined offers and refused consents; ours are offers, replies and what Rung
    itself writes.
    """
    given, names = ladder.activity, ladder.events
    engaging = (name for goal in ladder.goals for name in goal.engaged_by)
    completing = (rule.event for goal in ladder.goals for rule in goal.complete_when)
    refusal = (Condition("granted", "one_of", REFUSED),)
    interest = _events(*engaging, *completing, names.lead_asked)
    declined = [] if names.offer_declined.endswith(AGAINST_ENDINGS) else [names.offer_declined]
    against = (
        *_events(*declined, *(f"*{ending}" for ending in AGAINST_ENDINGS)),
        EventRule(names.consent, refusal),
    )
    ours = _events(
        names.offer_extended,
        names.business_replied,
        *(names.decision, names.exposure, names.outcome, names.assignment),
    )
    neither = (
        ()
        if given.against is not None
        else refused_afterwards(ladder.after_purchase, ladder.restart_on)
    )
    after = tuple(dict.fromkeys(rule.event for rule in neither))
    spared = _but(against if given.against is None else given.against, after)
    return ActivityRules(
        interest=_but(interest if given.interest is None else given.interest, after),
        against=(*spared, *_otherwise(against, neither)),
        ours=ours if given.ours is None else given.ours,
        neither=neither,
    )


def _otherwise(
    against: tuple[EventRule, ...], neither: tuple[EventRule, ...]
) -> tuple[EventRule, ...]:
    """Rules of patterns for the other events of names of which some begin the ladder anew.

    They meet none of what begins it: of each of those rules one condition is not met. An event
    without the number that a condition compares is neither.
    """
    found: list[EventRule] = []
    for name in dict.fromkeys(rule.event for rule in neither if rule.where):
        unmet: list[tuple[Condition, ...]] = [()]
        for rule in (one for one in neither if one.event == name):
            ways = [tuple(opposite(condition)) for condition in rule.where]
            unmet = list(dict.fromkeys((*one, *way) for one in unmet for way in ways))
            if len(unmet) > _MOST_WAYS:
                unmet = []
        found += [
            PatternBut(one.event, (*one.where, *conditions), only=name)
            for one in against
            if one.event[:1] == "*" and one.names(name)
            for conditions in unmet
        ]
    return tuple(found)


def is_against(rules: tuple[EventRule, ...], ladder: Ladder) -> bool:
    """Whether every event that meets some rules speaks against; False for no rules."""
    against = activity_of(ladder).against
    return bool(rules) and all(any(_covers(one, rule) for one in against) for rule in rules)


def reads_as_agreed(name: str) -> bool:
    """Whether an event's name says that something was agreed that is yet to come, or to end."""
    return _AGREED.fullmatch(_words(name)) is not None


def ends_of(name: str, others: Iterable[str]) -> tuple[str, ...]:
    """Which of some events by their names tell the end of what was agreed with one.

    Parameters
    ----------
    name : of the event by which it was agreed, as `session_booked`; of its end the first words are
        the same, as of `session_held`.
    """
    what = _words(name).rsplit(" ", 1)[0]
    return tuple(
        other
        for other in others
        if (words := _words(other)).startswith(f"{what} ") and words[len(what) + 1 :] in _ENDS
    )


def _words(name: str) -> str:
    return _PARTS.sub(" ", name).strip().lower()


def _covers(wider: EventRule, rule: EventRule) -> bool:
    """Whether what meets `rule` meets `wider`, as far as their conditions are the same."""
    return wider.names(rule.event) and set(wider.where) <= set(rule.where)


def _but(rules: tuple[EventRule, ...], names: tuple[str, ...]) -> tuple[EventRule, ...]:
    """The rules, whose patterns stand for none of some names."""
    return tuple(
        PatternBut(rule.event, rule.where, found)
        if rule.event[:1] == "*" and (found := tuple(filter(rule.names, names)))
        else rule
        for rule in rules
    )


def _events(*names: str) -> tuple[EventRule, ...]:
    return tuple(EventRule(name) for name in dict.fromkeys(names))
