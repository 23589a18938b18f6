"""What the next offer best goes on with: what was said or found, and what a lead consumed last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from features.events.log import DAY_US
from features.events.readable import text_of, texts_of
from features.ladder.activity import activity_of
from features.ladder.field_names import plain, topic_key
from features.ladder.ladder import Ladder
from features.offers.in_order import Timed
from features.signals.rules import RulesByName

__all__ = ["LastSaid", "TopicPlan", "continued", "gaps_of", "topics_of"]

LastSaid = tuple[int, tuple[str, ...]]
"""Which of the events said something last, and what; -1 and () where none did."""


@dataclass(frozen=True, eq=False, slots=True)
class TopicPlan:
    """What of a ladder says what events are about.

    Parameters
    ----------
    of_offer : offer id -> its topics.
    lasts : topic that events say of a lead -> for how long after them, in microseconds.
    words : all topics of offers, as the first that has one spells it, by themselves and by `plain`.
    not_consumed, barred : names and rules of events that show nothing of what the lead consumes.
    """

    of_offer: Mapping[str, tuple[str, ...]]
    lasts: Mapping[str, int]
    words: Mapping[str, str]
    not_consumed: frozenset[str]
    barred: RulesByName

    @classmethod
    def of(cls, ladder: Ladder) -> Self:
        """The plan of a ladder."""
        first: dict[str, str] = {}
        words = {
            topic: first.setdefault(topic_key(topic), topic)
            for offer in ladder.offers
            for topic in offer.topics
        }
        names = ladder.events
        return cls(
            of_offer={
                offer.id: tuple(dict.fromkeys(words[topic] for topic in offer.topics))
                for offer in ladder.offers
            },
            lasts={one.name: round(one.days * DAY_US) for one in ladder.topics},
            words=first | words,
            not_consumed=frozenset((names.traits, names.consultation)),
            barred=RulesByName(activity_of(ladder).barred),
        )

    def word_for(self, topic: str) -> str:
        """The topic of an offer that a text means, in any spelling; "" for none."""
        return self.words.get(topic) or self.words.get(plain(topic), "")

    def lasting(self, said: Mapping[str, int], as_of: int) -> tuple[str, ...]:
        """Of topics that events said, and when the last did, those that they still hold for."""
        return tuple(one for one, when in said.items() if as_of < when + self.lasts[one])


def continued(topics: Sequence[str], known: Sequence[str]) -> list[str]:
    """Those of an offer's topics that are among some others in any spelling, as the offer's are."""
    keys = set(map(topic_key, known)) if topics else ()
    return [topic for topic in topics if topic_key(topic) in keys]


def gaps_of(known: Sequence[Timed]) -> LastSaid:
    """What the latest event with `gaps` revealed."""
    for at in reversed(range(len(known))):
        properties = known[at][1][3]
        if "gaps" in properties and _says_texts(properties["gaps"]):
            return at, texts_of(properties["gaps"])
    return -1, ()


def topics_of(
    known: Sequence[Timed], plan: TopicPlan, gaps: LastSaid, said: Sequence[str] = ()
) -> tuple[str, ...]:
    """What the next offer best goes on with, in the ladder's own words for it.

    A gap that an offer is about goes before what was consumed until it was found; what was consumed
    with it or since then stands beside it. What was said of topics goes before what was consumed,
    whenever that was: who says that the price is too high means it beyond the next page.

    Parameters
    ----------
    known : what happened, in the order of the log.
    gaps : as `gaps_of` finds them.
    said : topics that the ladder has events say, where they still hold.
    """
    lately = [plan.word_for(topic) or topic for topic in said]
    used_at, used = _consumed(known, plan)
    gaps_at, revealed = gaps
    own = [plan.word_for(topic) or topic for topic in used]
    open_gaps = [word for gap in revealed if (word := plan.word_for(gap))]
    if open_gaps and gaps_at > used_at:
        own = []
    return tuple(dict.fromkeys((*lately, *own, *open_gaps)))


def _consumed(known: Sequence[Timed], plan: TopicPlan) -> LastSaid:
    for at in reversed(range(len(known))):
        name, _, _, properties = known[at][1]
        topics = () if name in plan.not_consumed else _named_topics(properties, plan)
        if topics and not plan.barred.met(name, properties):
            return at, topics
    return -1, ()


def _named_topics(properties: Mapping[str, Any], plan: TopicPlan) -> tuple[str, ...]:
    for key in ("topics", "topic"):
        if key in properties and (topics := texts_of(properties[key])):
            return topics
    return plan.of_offer.get(text_of(properties["offer"]), ()) if "offer" in properties else ()


def _says_texts(value: object) -> bool:
    """Whether a value is an answer: a list, be it empty, or a text that is not."""
    return isinstance(value, list | tuple) or bool(texts_of(value))
