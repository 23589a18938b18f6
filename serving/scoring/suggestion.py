"""What is advised for a lead, in a salesperson's words: the option, what it changes, how we know.

An effect is worded as one only where it was measured on leads who were given the option at random.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from features.events.of_lead import Row
from features.ladder.controls import LEFT_ALONE_POLICIES, Experiment
from features.ladder.ladder import Framing, Ladder, Offer, Step
from features.ladder.words import of_money, things
from features.offers.history import OfferHistory, history_of
from models.offers.eligibility import ON_PURPOSE, UNRESTRICTED, Asked, Spell, quiet_spell
from models.offers.options import NO_ASK, NURTURE
from models.offers.tailoring import Personalisation, likeliest_framing, personalisation
from models.recommendation import Ranked, Recommendation
from models.served_policy import DEFAULT
from serving.scoring.model import Model

__all__ = [
    "AdvisedBy",
    "Suggestion",
    "aside",
    "chance",
    "evidence_words",
    "is_reply",
    "sentence",
    "suggestion_for",
    "to_do",
    "unasked",
]

AdvisedBy = Literal["ladder", "policy", "experiment"]
"""The ladder's order and what is known of its offers, a promoted policy, or the arm of a lead."""
_SPACE: Final = "\u00a0"
_ALIKE: Final = 0.01
"""Chances that are no further apart are not told apart."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The option that the policy would choose most likely, with nothing drawn and nothing kept.

    Parameters
    ----------
    best : the option's own line of the recommendation's ranking.
    offer : None where the option is to nurture or not to ask.
    framing : the likeliest way to put it; its text is "" where there is none.
    spell : quiet hours, over which it has to wait; None where it may be done now.
    history : what the lead was offered, and said, by then.
    currency : what prices are in.
    score : the chance of the next step as it is told beside the advice; None without a next step.
    experiment : the one whose arm, that the lead is in, has chosen it; None where none has.
    """

    recommendation: Recommendation
    best: Ranked
    offer: Offer | None
    framing: Framing
    personalisation: Personalisation | None
    spell: Spell | None
    history: OfferHistory
    currency: str
    score: float | None = None
    experiment: Experiment | None = None

    @property
    def kind(self) -> AdvisedBy:
        """What has chosen it."""
        if self.experiment is not None:
            return "experiment"
        return "ladder" if self.recommendation.decision.policy == DEFAULT else "policy"

    @property
    def text(self) -> str:
        """The advice as one sentence."""
        found = self.recommendation
        told = sentence(
            found.step,
            self.offer,
            self.best,
            unasked(found),
            found.useful,
            is_asked=found.is_asked,
            currency=self.currency,
        )
        return told + self.about_score + self.aside

    @property
    def aside(self) -> str:
        """What is to be known with it, as sentences to follow the advice; "" for nothing."""
        is_left = self.recommendation.is_left_alone and self.best.option_id == NO_ASK
        return aside(self.spell, is_left_alone=is_left)

    @property
    def about_score(self) -> str:
        """Why the score lies beside the chances with the option and without; "" where it does not.

        It is an expectation under what was usually done with leads that stood there, and some of
        that may be believed to do worse than anything that is advised.
        """
        if self.offer is None and self.recommendation.is_asked:
            return ""  # nor are the two chances told
        both = (self.best.p_advance, unasked(self.recommendation).p_advance)
        told = [one for one in both if one is not None]
        score = self.score
        if score is None or not told or min(told) - _ALIKE <= score <= max(told) + _ALIKE:
            return ""
        how = "lower" if score < min(told) else "higher"
        return f" The score, {chance(score)}, is {how}: it is that of leads treated as usual."


def suggestion_for(
    model: Model, lead_id: str, rows: Sequence[Row], as_of: int, asked: Asked = UNRESTRICTED
) -> Suggestion:
    """What to do next with a lead of which these events are stored, at one instant.

    Whoever looks at it can wait: quiet hours take nothing from it, and are said with it.
    """
    ladder = model.bundle.ladder
    estimates = model.estimate_rows(lead_id, rows, as_of)
    history = history_of(rows, ladder, as_of)
    asked = replace(asked, at_any_hour=True)
    found = model.adviser_of(history).recommend(
        estimates.snapshot, estimates.scores, history, decision_id="", asked=asked
    )
    best = found.ranking[0]
    offer = ladder.offer(best.option_id)
    spell = (
        None
        if best.option_id == NO_ASK
        else quiet_spell(ladder, offer or found.useful, history, as_of, asked)
    )
    money = ladder.value.currency
    score = float(estimates.scores.advance.probability[0]) if found.step else None
    by = _experiment_of(ladder, history, found)
    if offer is None:
        none = Framing("", "")
        return Suggestion(found, best, None, none, None, spell, history, money, score, by)
    position, learned = int(estimates.scores.position[0]), model.bundle.offers
    return Suggestion(
        recommendation=found,
        best=best,
        offer=offer,
        framing=likeliest_framing(offer, learned.framings.get(offer.id, {})),
        personalisation=personalisation(offer, ladder, position, history, learned.fields),
        spell=spell,
        history=history,
        currency=money,
        score=score,
        experiment=by,
    )


def _experiment_of(
    ladder: Ladder, history: OfferHistory, found: Recommendation
) -> Experiment | None:
    """The experiment that has chosen the likeliest option: by the policy or the offers of an arm.

    Of several the one that began last decides, see `Model.adviser_of`.
    """
    option_id = found.ranking[0].option_id
    for experiment in reversed(ladder.experiments):
        arm = experiment.arm(history.arms.get(experiment.id, ("", 0))[0])
        if arm is None:
            continue
        is_alone = arm.policy in LEFT_ALONE_POLICIES
        if option_id in arm.offers or (arm.policy and (found.is_left_alone or not is_alone)):
            return experiment
    return None


# -------------------------------------------------------------------------------------------- Words


def sentence(
    step: Step | None,
    offer: Offer | None,
    chosen: Ranked,
    alone: Ranked,
    useful: Offer | None = None,
    *,
    currency: str,
    is_asked: bool = False,
) -> str:
    """A recommendation as one sentence.

    Parameters
    ----------
    step : the lead's next one; None after the purchase, and for a lead that is lost.
    chosen, alone : what is believed of the option, and of not asking.
    useful : what to send where the option is to nurture.
    is_asked : as in `to_do`; what an answer changes is not known, so no chance is told of it.
    currency : what a price is in.
    """
    doing = to_do(offer, chosen.option_id, useful, is_asked=is_asked, currency=currency)
    if step is None:
        return f"There is no next step: {doing}."
    if offer is None and is_asked:
        return f"Next step {step.title}: {doing}."
    chances = _chances(step, chosen, alone)
    return f"Next step {step.title}: {doing}; {chances} ({evidence_words(chosen)})."


def aside(spell: Spell | None, *, is_left_alone: bool) -> str:
    """Sentences to follow another: why a lead is left alone, until when to wait; "" for none."""
    why = f" {ON_PURPOSE[:1].upper()}{ON_PURPOSE[1:]}." if is_left_alone else ""
    return why + (f" Quiet hours: {spell.text}." if spell else "")


def to_do(
    offer: Offer | None,
    option_id: str,
    useful: Offer | None = None,
    *,
    currency: str,
    is_asked: bool = False,
) -> str:
    """What to do, to be read after a colon.

    Parameters
    ----------
    useful : what to send to a lead that is nurtured.
    is_asked : whether the lead waits for a reply, which it gets whether or not the ladder has an
        offer that says so.
    currency : what a price is in.
    """
    if is_reply(offer):
        return "answer what they asked and ask for nothing"
    if is_asked:
        then = to_do(offer, option_id, currency=currency) if offer else ""
        return f"answer what they asked and {f'then {then}' if then else 'ask for nothing'}"
    if offer is None:
        if option_id == NURTURE:
            what = f"“{useful.title}”" if useful else "something useful"
            return f"send {what} and ask for nothing"
        return "leave the lead alone for now"
    if offer.role == "support":
        return f"help with “{offer.title}” and ask for nothing"
    costs = _costs(offer, currency)
    return f"offer “{offer.title}”" + (f", {costs}" if costs else "")


def _costs(offer: Offer, currency: str) -> str:
    """What taking an offer costs a lead: "60 minutes of their time and 2,000 EUR to pay"."""
    minutes, money = offer.effort.minutes, offer.effort.money
    told = (
        f"{things(minutes, 'minute')} of their time" if minutes else "",
        f"{of_money(money, currency)} to pay" if money else "",
    )
    return " and ".join(filter(None, told))


def is_reply(offer: Offer | None) -> bool:
    """Whether an offer says to answer what a lead has asked."""
    return offer is not None and offer.role != "ask" and offer.kind.casefold() == "reply"


def _chances(step: Step, chosen: Ranked, alone: Ranked) -> str:
    """The chance of the step with the option and without an ask."""
    days = f"the chance within {things(step.horizon_days, 'day')}"
    without = chance(alone.p_advance or 0.0)
    if chosen.option_id == NO_ASK:
        return f"{days} is then put at {without}"
    with_it = chance(chosen.p_advance or 0.0)
    if with_it == without:
        return f"{days} is put at {with_it} with it and without"
    if chosen.evidence == "randomised" and not _may_be_nothing(chosen):
        return f"that moves {days} from {without} to {with_it}"
    return f"{days} is put at {with_it} with it and {without} without"


def _may_be_nothing(ranked: Ranked) -> bool:
    """Whether the interval of an effect holds no effect."""
    return (ranked.low or 0.0) <= 0.0 <= (ranked.high or 0.0)


def evidence_words(ranked: Ranked) -> str:
    """Where what is believed of an option comes from."""
    leads = things(ranked.leads, "lead")
    if ranked.evidence == "prior":
        few = f"{leads} so far, too few: mostly the ladder's bands"
        return few if ranked.leads else "no data yet: the ladder's bands"
    if ranked.evidence == "observational":
        return f"adjusted from {leads}, not randomised"
    were = "was" if ranked.leads == 1 else "were"
    given = "left alone" if ranked.option_id == NO_ASK else "given it"
    return f"from {leads} who {were} {given} at random"


def unasked(recommendation: Recommendation) -> Ranked:
    """What is believed of not asking; it is always among the options."""
    return next(one for one in recommendation.ranking if one.option_id == NO_ASK)


def chance(probability: float) -> str:
    """A probability in percent: "42 %", "under 1 %"."""
    percent = 100.0 * probability
    if percent < 0.5:
        return f"under{_SPACE}1{_SPACE}%"
    if percent >= 99.5:
        return f"over{_SPACE}99{_SPACE}%"
    return f"{percent:.0f}{_SPACE}%"
