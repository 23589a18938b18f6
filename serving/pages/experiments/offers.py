"""What is known of each offer by lot: those that were asked beside those that were left alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from features.clock import instant, microseconds
from features.ladder.ladder import Ladder
from features.ladder.offer import Offer
from models.judging.served import OFFERS
from models.judging.trials.pace import weeks_until_known
from models.judging.trials.shapes import ArmComparison, FramingsByLot, OfferByLot, OffersByLot, Span
from models.judging.trials.wording import WORTH, leads_told_of
from serving.pages.common import words
from serving.pages.common.moments import ShownAt, shown_at
from serving.pages.experiments.naming import rep_time
from serving.pages.experiments.told import TrialRow, scale_of
from serving.pages.experiments.verdicts import TrialVerdict, verdict_said
from serving.process.judged.looks import Look, look_of
from serving.process.service import Service

__all__ = [
    "OfferTrial",
    "OffersOfStep",
    "WordedOffer",
    "offers_look",
    "offers_of",
    "untried",
    "worded_offers",
]


@dataclass(frozen=True, slots=True)
class OfferTrial:
    """An offer beside leaving leads alone.

    Parameters
    ----------
    note : what it costs of a rep's time, and whether it is extended now.
    asked, alone : how many went on, of how many whose time is over.
    asked_share, alone_share : those that went on if the chance to be asked were the same for all;
        None where nobody's time is over.
    pending : leads of either who still have time.
    since : of the first lot.
    worth : a difference that is worth having.
    """

    title: str
    note: str
    asked: tuple[int, int]
    alone: tuple[int, int]
    asked_share: float | None
    alone_share: float | None
    pending: int
    since: ShownAt
    effect: Span
    said: TrialVerdict
    worth: float

    @property
    def of(self) -> int:
        """Of how many leads the difference is told: of 100, or of more where it is small."""
        return leads_told_of(self.effect, self.worth)

    @property
    def difference(self) -> str:
        """Of so many: "+10"; "" where there is none to tell of."""
        value = self.effect["value"]
        return "" if value is None else words.change(value, self.of)

    @property
    def between(self) -> str:
        """Where it surely lies: "−3 to +25"."""
        return words.changes(self.effect["low"], self.effect["high"] or 0.0, self.of)


@dataclass(frozen=True, slots=True)
class OffersOfStep:
    """The offers of a step that were given by lot; `most` is the difference at a picture's ends."""

    title: str
    days: float
    offers: Sequence[OfferTrial]
    most: float


@dataclass(frozen=True, slots=True)
class WordedOffer:
    """The ways to put an offer, the one that the others are compared with first."""

    title: str
    step: str
    days: float
    since: ShownAt
    rows: Sequence[TrialRow]
    most: float


def offers_look(service: Service) -> Look:
    """What was found when offers were looked at last."""
    return look_of(service, OFFERS, seconds=service.settings.judge_seconds)


def offers_of(look: Look, ladder: Ladder) -> list[OffersOfStep]:
    """The offers by lot, in the order of the ladder; those of a former ladder are left out."""
    if look.body is None:
        return []
    held = {one["offer"]: one for one in cast("OffersByLot", look.body)["offers"]}
    found = []
    for goal in ladder.goals:
        tried = [
            _trial(offer, held[offer.id], look.as_of)
            for offer in ladder.offers
            if offer.step == goal.id and offer.id in held
        ]
        if tried:
            most = scale_of([one.effect for one in tried])
            found.append(OffersOfStep(goal.title, goal.horizon_days, tried, most))
    return found


def worded_offers(look: Look, ladder: Ladder) -> list[WordedOffer]:
    """How each offer is put, by lot, in the order of the ladder; none in an earlier version's look.

    Of what the ladder has no more, nothing is told.
    """
    if look.body is None:
        return []
    held = {one["offer"]: one for one in cast("OffersByLot", look.body).get("framings", ())}
    titles = {goal.id: goal.title for goal in ladder.goals}
    return [
        _worded(offer, titles[offer.step], held[offer.id], look.as_of)
        for goal in ladder.goals
        for offer in ladder.offers
        if offer.step == goal.id and offer.id in held
    ]


def _worded(offer: Offer, step: str, one: FramingsByLot, as_of: int) -> WordedOffer:
    beside = {each["arm"]: each for each in one["comparisons"]}
    texts = {framing.id: framing.text for framing in offer.framings}
    control = next(arm["leads"] for arm in one["arms"] if arm["arm"] == one["control"])
    rows = []
    for arm in one["arms"]:
        other = beside.get(arm["arm"])
        said = _wording_said(offer, one, other, control + arm["leads"], as_of) if other else None
        rows.append(
            TrialRow(
                f"“{texts.get(arm['arm'], arm['arm'])}”",
                f"{words.count(arm['leads'])} {'lead' if arm['leads'] == 1 else 'leads'}",
                arm["leads"],
                arm["pending"],
                arm["reached"],
                arm["rate"],
                other["effect"] if other else None,
                said,
                other["worth"] if other else WORTH,
            )
        )
    return WordedOffer(
        offer.title,
        step,
        one["horizon_days"],
        shown_at(microseconds(instant(one["since"]))),
        rows,
        scale_of([row.effect for row in rows]),
    )


def _wording_said(
    offer: Offer, one: FramingsByLot, other: ArmComparison, leads: int, as_of: int
) -> TrialVerdict:
    weeks = None
    if other["more"] is not None:
        since = microseconds(instant(one["since"]))
        weeks = weeks_until_known(
            other["more"], leads=leads, since=since, as_of=as_of, horizon_days=one["horizon_days"]
        )
    is_over = offer.status == "retired"
    worth = other["worth"]
    return verdict_said(other["verdict"], other["more"], weeks, worth=worth, is_over=is_over)


def untried(look: Look, ladder: Ladder) -> list[Offer]:
    """The asks that are extended now and that nobody was given by lot yet."""
    body = cast("OffersByLot", look.body) if look.body is not None else None
    held = {one["offer"] for one in body["offers"]} if body else set()
    asks = [one for goal in ladder.goals for one in ladder.offers_of(goal.id)]
    return [one for one in asks if one.id not in held]


def _trial(offer: Offer, one: OfferByLot, as_of: int) -> OfferTrial:
    asked, alone = one["asked"], one["alone"]
    since = microseconds(instant(one["since"]))
    weeks = None
    if one["more"] is not None:
        leads, days = asked["leads"] + alone["leads"], one["horizon_days"]
        weeks = weeks_until_known(
            one["more"], leads=leads, since=since, as_of=as_of, horizon_days=days
        )
    stands = {"paused": "paused now", "retired": "no longer offered"}.get(offer.status, "")
    return OfferTrial(
        title=offer.title,
        note=", ".join(said for said in (rep_time([offer]), stands) if said),
        asked=(asked["reached"], asked["leads"] - asked["pending"]),
        alone=(alone["reached"], alone["leads"] - alone["pending"]),
        asked_share=asked["rate"],
        alone_share=alone["rate"],
        pending=asked["pending"] + alone["pending"],
        since=shown_at(since),
        effect=one["effect"],
        said=verdict_said(
            one["verdict"],
            one["more"],
            weeks,
            worth=one.get("worth"),
            is_over=offer.status == "retired",
        ),
        worth=one.get("worth", WORTH),
    )
