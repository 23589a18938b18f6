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
from models.judging.trials.shapes import OfferByLot, OffersByLot, Span
from models.judging.trials.wording import WORTH, leads_told_of
from serving.pages.common import words
from serving.pages.common.moments import ShownAt, shown_at
from serving.pages.experiments.naming import rep_time
from serving.pages.experiments.told import scale_of
from serving.pages.experiments.verdicts import TrialVerdict, verdict_said
from serving.process.judged.looks import Look, look_of
from serving.process.service import Service

__all__ = ["OfferTrial", "OffersOfStep", "offers_look", "offers_of", "untried"]


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
