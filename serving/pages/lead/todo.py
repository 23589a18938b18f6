"""What to do next with a lead, as its page shows it: the option, what it changes, what else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from features.ladder.ladder import Ladder, Offer
from models.offers.eligibility import Excluded
from models.offers.options import NO_ASK, NURTURE
from models.recommendation import Ranked
from models.scores.calibration import LEVEL
from serving.pages.common import words
from serving.scoring.suggestion import (
    Suggestion,
    evidence_words,
    things,
    unasked,
)

__all__ = ["UNOFFERED", "ToDo", "to_do"]

UNOFFERED: Final = {
    NURTURE: "Send something useful, ask for nothing",
    NO_ASK: "Leave them alone for now",
}
"""What the options are called that are no offers."""
_OTHER_TIMES: Final = frozenset(
    {"step_completed", "step_not_next", "support_not_due", "not_in_flight"}
)


@dataclass(frozen=True, slots=True)
class Chance:
    """A chance with its likely range, each in [0, 1]."""

    name: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Choice:
    """Another option: its chance, and how that differs from leaving the lead alone."""

    title: str
    chance: float
    change: str
    range: str
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
    continues : topics that the lead used last and that the offer goes on with.
    agenda : what to talk about, with minutes.
    form_fields, ask_field : what the offer asks for, and one thing more that is worth a question.
    chances : of the next step with the option and without an ask.
    not_now, other_times : offers of this step, and those for other steps or times.
    by_rules : whether the default policy chose it rather than a promoted one.
    aside : until when to wait, or why the lead is left alone; "" where there is nothing to say.
    """

    title: str
    facts: str
    framing: str
    continues: tuple[str, ...]
    agenda: tuple[tuple[str, str], ...]
    form_fields: tuple[str, ...]
    ask_field: str | None
    chances: tuple[Chance, ...]
    evidence: str
    others: tuple[Choice, ...]
    not_now: tuple[NotNow, ...]
    other_times: tuple[NotNow, ...]
    level: str
    by_rules: bool
    aside: str


def to_do(advice: Suggestion, ladder: Ladder, *, by_rules: bool) -> ToDo:
    """An advice as the page shows it; the lead must have a next step."""
    titles = {offer.id: offer.title for offer in ladder.offers} | UNOFFERED
    best, found, tailored = advice.best, advice.recommendation, advice.personalisation
    agenda = tailored["agenda"] if tailored else []
    ask_field = tailored["ask_field"] if tailored else None
    return ToDo(
        title=titles[best.option_id],
        facts=_told(advice),
        framing=advice.framing.text,
        continues=tuple(tailored["continues"]) if tailored else (),
        agenda=tuple((part["topic"], f"{part['minutes']:g} min") for part in agenda),
        form_fields=tuple(map(words.titled, tailored["form_fields"])) if tailored else (),
        ask_field=words.titled(ask_field) if ask_field else None,
        chances=_chances(best, unasked(found)),
        evidence=evidence_words(best),
        others=tuple(_choice(one, titles) for one in found.ranking if one is not best),
        not_now=_listed(found.excluded, titles, of_step=True),
        other_times=_listed(found.excluded, titles, of_step=False),
        level=f"{100 * LEVEL:.0f}",
        by_rules=by_rules,
        aside=advice.aside.strip(),
    )


def _told(advice: Suggestion) -> str:
    """What the option is, in a few words; to nurture, the piece to send."""
    if advice.offer is not None:
        return _facts(advice.offer)
    useful = advice.recommendation.useful
    return f"“{useful.title}”" if useful and advice.best.option_id == NURTURE else ""


def _facts(offer: Offer) -> str:
    """What an offer is, in a few words: "Session · 15 min · live · 30 min of yours"."""
    minutes, own = offer.effort.minutes, offer.rep_minutes
    facts = [
        words.titled(offer.kind),
        f"{minutes:g} min" if minutes else "",
        "live" if offer.effort.live else "",
        f"{offer.scope_days} days" if offer.scope_days else "",
        f"holds {things(offer.guarantee_days, 'day')}" if offer.guarantee_days else "",
        f"{own:g} min of yours" if own else "",
    ]
    return " · ".join(fact for fact in facts if fact)


def _chances(best: Ranked, alone: Ranked) -> tuple[Chance, ...]:
    """The chance with the best option and, where that is another one, without an ask."""
    base = alone.p_advance or 0.0
    left = Chance("Left alone", base, base, base)
    if best.option_id == NO_ASK:
        return (left,)
    low, high = base + (best.low or 0.0), base + (best.high or 0.0)
    return (Chance("With this", best.p_advance or 0.0, low, high), left)


def _choice(ranked: Ranked, titles: dict[str, str]) -> Choice:
    is_none = ranked.option_id == NO_ASK
    return Choice(
        title=titles[ranked.option_id],
        chance=ranked.p_advance or 0.0,
        change="" if is_none else words.change(ranked.uplift or 0.0),
        range="" if is_none else words.changes(ranked.low or 0.0, ranked.high or 0.0),
        evidence=evidence_words(ranked),
    )


def _listed(
    excluded: tuple[Excluded, ...], titles: dict[str, str], *, of_step: bool
) -> tuple[NotNow, ...]:
    return tuple(
        NotNow(titles[one.offer_id], one.text)
        for one in excluded
        if (one.reason not in _OTHER_TIMES) == of_step
    )
