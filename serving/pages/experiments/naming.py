"""What arms, kinds and policies are called to people, who have never seen an id."""

from __future__ import annotations

from typing import Final

from features.ladder.ladder import Ladder
from features.ladder.offer import Offer
from serving.pages.common import words
from serving.recommending.experiments import ArmAnswer, ExperimentAnswer

__all__ = [
    "KINDS",
    "POLICY_WORDS",
    "arm_name",
    "arm_note",
    "policy_said",
    "rep_time",
    "segment_said",
]

POLICY_WORDS: Final = {
    "careful": "Rung's careful way",
    "rules": "The ladder's order",
    "greedy": "The likeliest next step",
    "uniform": "By chance",
    "thompson": "Trial and error",
    "learned": "What was learned",
    "learned:no_value": "What was learned, by the next step alone",
    "careful:no_value": "Rung's careful way, by the next step alone",
    "thompson:no_value": "Trial and error, by the next step alone",
    "learned:no_exploration": "What was learned, with nothing tried out",
    "careful:no_exploration": "Rung's careful way, with nothing tried out",
    "rules:no_exploration": "The ladder's order, with nothing tried out",
    "greedy:no_exploration": "The likeliest next step, with nothing tried out",
    "no_ask": "Left alone",
    "usual": "Business as usual",
}
"""What chooses, by its name in the ladder file and on the command line."""
_WHAT_IT_DOES: Final = {
    "careful": "the ladder's order until an offer is surely better",
    "rules": "whatever the leads do",
    "greedy": "even where it costs purchases later",
    "uniform": "every allowed offer alike",
    "thompson": "more often what looks better so far",
    "learned": "what brings most by all that is known",
    "learned:no_value": "whatever it does to the purchase, and whatever it costs",
    "careful:no_value": "whatever it does to the purchase, and whatever it costs",
    "thompson:no_value": "whatever it does to the purchase, and whatever it costs",
    "learned:no_exploration": "always what looks best, so that nothing new is learned",
    "careful:no_exploration": "always what looks best, so that nothing new is learned",
    "rules:no_exploration": "always the same, so that nothing new is learned",
    "greedy:no_exploration": "always what looks likeliest, so that nothing new is learned",
    "no_ask": "nobody asks anything",
    "usual": "as it was before Rung",
}
KINDS: Final = {
    "offer": ("Which offer", "Rung gives each lead the offers of its way."),
    "policy": ("What chooses", "Rung chooses for each lead as its way says."),
    "ladder": ("Order of steps", "Your own tool asks Rung for the way of each lead."),
    "content": ("Content", "Your own tool asks Rung for the way of each lead."),
    "framing": ("Wording", "Your own tool asks Rung for the way of each lead."),
    "channel": ("Channel", "Your own tool asks Rung for the way of each lead."),
    "hour": ("Time of day", "Your own tool asks Rung for the way of each lead."),
}
"""What differs between the ways, and who does it."""
_STANDING_ARMS: Final = {"rung": "Rung", "random": "Offers by chance"}


def policy_said(name: str) -> str:
    """What a policy is called."""
    return POLICY_WORDS.get(name, words.titled(words.shown(name)))


def arm_name(told: ExperimentAnswer, arm: ArmAnswer, ladder: Ladder) -> str:
    """What the leads of an arm get, in a few words."""
    if arm["offers"]:
        return " or ".join(_offer_title(ladder, one) for one in arm["offers"])
    if told["kind"] == "offer":
        return "None of these"
    if arm["id"] in _STANDING_ARMS and told["started_at"] is None:
        return _STANDING_ARMS[arm["id"]]
    if arm["policy"]:
        return policy_said(arm["policy"])
    return words.titled(words.shown(arm["id"]))


def arm_note(arm: ArmAnswer, ladder: Ladder) -> str:
    """Its share of the leads, what it does, and what it costs of a rep's time."""
    said = [f"{100.0 * arm['share']:.3g} % of leads"]
    if arm["policy"] in _WHAT_IT_DOES and not arm["offers"]:
        said.append(_WHAT_IT_DOES[arm["policy"]])
    offers = [offer for one in arm["offers"] if (offer := ladder.offer(one)) is not None]
    if offers:
        said.append(rep_time(offers))
    return ", ".join(said)


def rep_time(offers: list[Offer]) -> str:
    """What offers cost a rep: "no rep's time", "20 minutes of a rep each"."""
    minutes = sorted({offer.rep_minutes for offer in offers})
    if minutes == [0.0]:
        return "no rep's time"
    span = " to ".join(f"{one:g}" for one in dict.fromkeys((minutes[0], minutes[-1])))
    return f"{span} minutes of a rep each"


def segment_said(ladder: Ladder, segment: str) -> str:
    """Some of the leads, as a gate names them: "step: trial" is "leads before Trial"."""
    kind, _, name = segment.partition(": ")
    if kind == "step":
        title = next((goal.title for goal in ladder.goals if goal.id == name), name)
        return f"leads before “{title}”"
    return f"leads with {words.titled(kind).lower()} “{words.shown(name)}”"


def _offer_title(ladder: Ladder, offer_id: str) -> str:
    offer = ladder.offer(offer_id)
    return offer.title if offer else words.titled(words.shown(offer_id))
