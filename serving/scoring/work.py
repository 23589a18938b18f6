"""Whose work a lead is, and where it stands in the queue: by value for a minute of a rep.

Who waits for a reply comes first, the longest first. Then those whom a person can help, the most to
gain for a minute first; then those for whom a mail or a page does it; then those to leave in peace.
Chances of different steps and horizons are never ranked against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Final, Self, get_args

import numpy as np

from features.arrays import Bools, Floats, Ints
from features.events.log import DAY_US
from features.ladder.ladder import Offer
from features.signals.fold import NONE
from models.offers.channels import has_refused_all
from models.offers.offer_model import of_step
from models.recommendation import forecast_of
from serving.scoring.answers import Tab
from serving.scoring.controls import takes_a_person, with_assignment
from serving.scoring.model import ScoredLeads
from serving.scoring.scorer import Scorer
from serving.scoring.suggestion import suggestion_for

__all__ = ["Work", "Works", "exact_work", "likely_work", "place", "tab_of"]

_TABS: Final[tuple[Tab, ...]] = get_args(Tab)
_FEWEST_MINUTES: Final = 1.0
"""What costs a rep less than a minute is as good as a minute's work."""
_LITTLE: Final = 1e-6
"""Of the business's currency a minute: what a purchase that is certain adds to a worth."""


@dataclass(frozen=True, slots=True)
class Work:
    """What would be suggested for a lead, as the queue needs it.

    Parameters
    ----------
    tab : whose work it is; who waits for a reply is told apart by `place`.
    option_id : what is suggested: an offer, to nurture, or not to ask.
    gain : what that is believed to add to the value of leaving alone, in the business's currency.
    rep_minutes : what it costs a rep.
    is_out : whether the lead stands in no queue: it does not fit, or has refused every channel.
    """

    tab: Tab
    option_id: str
    gain: float
    rep_minutes: float
    is_out: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Works:
    """What would be suggested for many leads, as columns.

    Parameters
    ----------
    options : the work that each option is; what it gains is another amount for each lead.
    option, gain : shape (n,), which of them it is for each lead, and what it gains.
    """

    options: tuple[Work, ...]
    option: Ints
    gain: Floats

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """All parts, of one model, as one."""
        return cls(
            parts[0].options if parts else (),
            np.concatenate([np.empty(0, dtype=np.int64), *(part.option for part in parts)]),
            np.concatenate([np.empty(0), *(part.gain for part in parts)]),
        )

    def put(self, at: int, work: Work) -> None:
        """Let another work be that of a lead."""
        ids = [option.option_id for option in self.options]
        self.option[at], self.gain[at] = ids.index(work.option_id), work.gain

    def places(self, purchase: Floats, waiting_since: Ints, as_of: int) -> Floats:
        """Shape (n,): where each lead stands, as `place` has it.

        Parameters
        ----------
        waiting_since : NONE for a lead that does not wait for a reply.
        """
        base = np.array([_base(option.tab) for option in self.options])
        minutes = np.array([_minutes(option) for option in self.options])
        worth = np.maximum(self.gain / minutes[self.option], 0.0)
        waits = np.where(waiting_since == NONE, 0, as_of - waiting_since)
        return np.where(
            waiting_since == NONE,
            base[self.option] + _squashed(worth + _LITTLE * purchase),
            _base("reply") + _squashed(waits / DAY_US),
        )


def likely_work(estimates: ScoredLeads) -> Works:
    """What is likely suggested for leads by their signals alone.

    Quick, because their histories are not looked at: limits and what is under way are unknown to
    it. `exact_work` knows them.
    """
    model, scores, snapshot = estimates.model, estimates.scores, estimates.snapshot
    ladder, options = model.bundle.ladder, model.adviser.options
    offers = [ladder.offer(name) for name in options.ids]
    works = tuple(map(_work, offers, options.ids))
    count = len(snapshot.leads)
    if count == 0:
        return Works(works, np.empty(0, dtype=np.int64), np.empty(0))
    rung = np.minimum(scores.position, len(ladder.goals) - 1)
    eligible: Bools = np.array([of_step(ladder, at) for at in range(len(ladder.goals))])[rung]
    topic = np.zeros_like(eligible)
    forecast = forecast_of(model.bundle, snapshot, scores, eligible, topic)
    shares = model.adviser.policy(forecast.beliefs, ladder.policy)
    chosen = shares.argmax(axis=1)
    return Works(works, chosen, forecast.beliefs.gain[np.arange(count), chosen])


def exact_work(scorer: Scorer, lead_id: str, as_of: int) -> Work:
    """What is suggested for a lead by all that is known of it.

    Of leads that are worth a call a share is left alone (`serving.scoring.controls`): which, is
    kept before anybody sees the lead in the queue. Nothing else is drawn or kept.

    Raises
    ------
    UnknownLead, OptedOut : as `Scorer.read`.
    ErasedSince : a lead was erased meanwhile, and it may be this one.
    """
    model, erased = scorer.model, scorer.erased()
    lead_id, read = scorer.read(lead_id, as_of)
    rows = with_assignment(scorer, lead_id, read, as_of, erased)
    advice = suggestion_for(model, lead_id, rows, as_of, scorer.limited(as_of))
    work = _work(advice.offer, advice.best.option_id, advice.best.gain or 0.0)
    is_out = advice.history.fit == "no" or has_refused_all(model.bundle.ladder, advice.history)
    return replace(work, is_out=is_out)


def place(work: Work, purchase: float, waits_us: int | None) -> float:
    """Where a lead stands, the highest first; the whole part is the tab, see `tab_of`.

    Parameters
    ----------
    purchase : its chance of a purchase, which decides among those that are worth the same.
    waits_us : how long the lead has waited for a reply; None where it does not.
    """
    since = np.array([NONE if waits_us is None else -waits_us])
    works = Works((work,), np.zeros(1, dtype=np.int64), np.array([work.gain]))
    return float(works.places(np.array([purchase]), since, 0)[0])


def tab_of(priority: float) -> Tab | None:
    """The tab of a place in the queue; None for a lead that stands in none."""
    at = len(_TABS) - int(priority) if isfinite(priority) and priority >= 1.0 else -1
    return _TABS[at] if 0 <= at < len(_TABS) else None


def _base(tab: Tab) -> float:
    return float(len(_TABS) - _TABS.index(tab))


def _minutes(work: Work) -> float:
    """The minutes of a rep that what it gains is for."""
    return max(work.rep_minutes, _FEWEST_MINUTES)


def _squashed(amount: Floats) -> Floats:
    """Amounts as numbers in [0, 1) that keep the order; what is below nothing is nothing."""
    some = np.where(amount > 0.0, amount, 0.0)
    return some / (1.0 + some)


def _work(offer: Offer | None, option_id: str, gain: float = 0.0) -> Work:
    if offer is None:
        return Work("quiet", option_id, gain, 0.0)
    tab: Tab = "talk" if takes_a_person(offer) else "marketing"
    return Work(tab, option_id, gain, offer.rep_minutes)
