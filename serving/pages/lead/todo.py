"""What to do next with a lead, as its page shows it, what is known of it, and what else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from features.ladder.ladder import Ladder, Offer
from features.ladder.words import of_money, things
from features.offers.decisions import BELIEVED_WORSE
from models.offers.eligibility import Excluded
from models.offers.options import NO_ASK, NURTURE
from models.recommendation import Ranked
from serving.pages.common import words
from serving.scoring.suggestion import Suggestion, is_reply

__all__ = ["UNOFFERED", "Choice", "ToDo", "evidence_of", "to_do"]

UNOFFERED: Final = {
    NURTURE: "Send something useful, ask for nothing",
    NO_ASK: "Leave them alone for now",
}
"""What the options are called that are no offers."""
_OF: Final = (100, 1_000, 10_000)
"""Of so many leads a difference is told, the first in which there is one to be seen."""
_OTHER_TIMES: Final = frozenset(
    {"step_completed", "step_not_next", "support_not_due", "not_in_flight"}
)


@dataclass(frozen=True, slots=True)
class Choice:
    """Another option, and what is known of what it changes."""

    title: str
    evidence: str


@dataclass(frozen=True, slots=True)
class NotNow:
    """An offer that may not be extended, and why."""

    title: str
    why: str


@dataclass(frozen=True, slots=True)
class ToDo:
    """The option that is recommended, what to put into it, and the options beside it.

    Parameters
    ----------
    facts : kind, minutes and the like, in a few words.
    continues : topics that the offer goes on with: what the lead used last, or said that it minds.
    agenda : what to talk about, with minutes.
    form_fields, ask_field : what the offer asks for, and one thing more that is worth a question.
    evidence : one sentence: what the option changes, or that this is not known yet.
    not_now, other_times : offers of this step, and those for other steps or times.
    not_now_score : why the score lies beside the chances that are told there; "" where it does not.
    offer_id : what is asked for; "" where nothing is.
    verb : "Offer" or "Help with"; "" where `title` says all.
    aside : until when to wait, or why the lead is left alone; "" where there is nothing to say.
    """

    title: str
    facts: str
    framing: str
    continues: tuple[str, ...]
    agenda: tuple[tuple[str, str], ...]
    form_fields: tuple[str, ...]
    ask_field: str | None
    evidence: str
    others: tuple[Choice, ...]
    not_now: tuple[NotNow, ...]
    not_now_score: str
    other_times: tuple[NotNow, ...]
    aside: str
    offer_id: str
    verb: str


def to_do(advice: Suggestion, ladder: Ladder) -> ToDo:
    """An advice as the page shows it; the lead must have a next step."""
    titles = {offer.id: offer.title for offer in ladder.offers} | UNOFFERED
    best, found, tailored = advice.best, advice.recommendation, advice.personalisation
    agenda = tailored["agenda"] if tailored else []
    ask_field = tailored["ask_field"] if tailored else None
    # What is to be sent is not told as out beside it: it is out as an ask.
    sent = found.useful.id if found.useful and best.option_id == NURTURE else ""
    excluded = tuple(one for one in found.excluded if one.offer_id != sent)
    return ToDo(
        title=titles[best.option_id],
        facts=_told(advice, ladder.value.currency),
        framing=advice.framing.text,
        continues=tuple(tailored["continues"]) if tailored else (),
        agenda=tuple((part["topic"], f"{part['minutes']:g} min") for part in agenda),
        form_fields=tuple(map(words.titled, tailored["form_fields"])) if tailored else (),
        ask_field=words.titled(ask_field) if ask_field else None,
        evidence=evidence_of(best, _chooser(advice))
        + (advice.about_score if is_clear(best) else ""),
        others=tuple(_choice(one, titles) for one in found.ranking if one is not best),
        not_now=_listed(excluded, titles, of_step=True),
        not_now_score=advice.about_score.strip()
        if any(one.reason == BELIEVED_WORSE for one in excluded)
        else "",
        other_times=_listed(excluded, titles, of_step=False),
        aside=advice.aside.strip(),
        offer_id=advice.offer.id if advice.offer and advice.offer.role == "ask" else "",
        verb=_verb(advice.offer),
    )


def _verb(offer: Offer | None) -> str:
    if offer is None or is_reply(offer):
        return ""
    return "Offer" if offer.role == "ask" else "Help with"


def _told(advice: Suggestion, currency: str) -> str:
    """What the option is, in a few words; to nurture, the piece to send."""
    if advice.offer is not None:
        return _facts(advice.offer, currency)
    useful = advice.recommendation.useful
    return f"“{useful.title}”" if useful and advice.best.option_id == NURTURE else ""


def _facts(offer: Offer, currency: str) -> str:
    """What an offer is, in a few words: "Session · 15 min · live · 30 min of yours"."""
    minutes, own, money = offer.effort.minutes, offer.rep_minutes, offer.effort.money
    facts = [
        words.titled(offer.kind),
        f"{minutes:g} min" if minutes else "",
        "live" if offer.effort.live else "",
        f"{of_money(money, currency)} to pay" if money else "",
        things(offer.scope_days, "day") if offer.scope_days else "",
        f"holds {things(offer.guarantee_days, 'day')}" if offer.guarantee_days else "",
        f"{own:g} min of yours" if own else "",
    ]
    return " · ".join(fact for fact in facts if fact)


def evidence_of(best: Ranked, chooser: str) -> str:
    """What an option changes, as one sentence; a pair of chances only where lots were drawn.

    What is believed without that agrees with nothing that a reader could check, so it says how many
    leads are behind it and no more.

    Parameters
    ----------
    chooser : what has chosen it, in words.
    """
    if best.option_id == NO_ASK:
        return ""
    if is_clear(best):
        return f"{_helps(best)}."
    return f"Chosen by {chooser}. What it changes is not known yet{_so_far(best)}."


def _chooser(advice: Suggestion) -> str:
    """What has chosen an option, in words."""
    experiment = advice.experiment
    if experiment is not None:
        title = words.shown(experiment.title or words.titled(experiment.id))
        return f"the experiment “{title}”, into which this lead came by lot"
    return "your ladder's order" if advice.kind == "ladder" else "the policy that was promoted"


def is_clear(ranked: Ranked) -> bool:
    """Whether lots were drawn, and all of the interval lies on one side of no difference."""
    low, high = ranked.low or 0.0, ranked.high or 0.0
    return ranked.evidence == "randomised" and (low > 0.0 or high < 0.0)


def _helps(ranked: Ranked) -> str:
    """What was measured: "Helps: 59 instead of 43 of 100 (learned from ...)"."""
    share, uplift = ranked.p_advance or 0.0, ranked.uplift or 0.0
    verb = "Helps" if uplift > 0.0 else "Hurts"
    learned = words.learned_from(ranked.evidence, ranked.leads)
    for of in _OF:
        told, alone = (words.count(max(0.0, of * one)) for one in (share, share - uplift))
        if told != alone:
            break
    return f"{verb}: {told} instead of {alone} of {words.count(of)} ({learned})"


def _so_far(ranked: Ranked) -> str:
    return f" ({things(ranked.leads, 'lead')} given it so far)" if ranked.leads else ""


def _choice(ranked: Ranked, titles: dict[str, str]) -> Choice:
    if ranked.option_id == NO_ASK:
        return Choice(titles[NO_ASK], "Always possible")
    known = _helps(ranked) if is_clear(ranked) else f"Not known yet{_so_far(ranked)}"
    return Choice(titles[ranked.option_id], known)


def _listed(
    excluded: tuple[Excluded, ...], titles: dict[str, str], *, of_step: bool
) -> tuple[NotNow, ...]:
    return tuple(
        NotNow(titles[one.offer_id], one.text)
        for one in excluded
        if (one.reason not in _OTHER_TIMES) == of_step
    )
