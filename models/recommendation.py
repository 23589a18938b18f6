"""The best next micro-commitment for one lead: what may be offered, what it would change, a choice.

eligible offers -> effects and value -> probabilities of the policy -> one drawn, tailored, recorded

Nothing here reads a clock or a store: the same lead, instant, bundle and decision id give the same
recommendation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from features.arrays import Bools, Floats
from features.errors import NothingEligible
from features.events.log import DAY_US
from features.ladder.ladder import Framing, Ladder, Offer, Step
from features.ladder.words import REPLY, in_percent
from features.offers.decisions import BELIEVED_WORSE, Decision
from features.offers.history import OfferHistory
from features.offers.topics import continued
from features.signals.snapshot import Snapshot
from models.bundle import Bundle, Scores
from models.offers.channels import may_be_written_to
from models.offers.eligibility import (
    NO_CANDIDATE,
    ON_PURPOSE,
    UNRESTRICTED,
    Asked,
    Eligibility,
    Excluded,
    Spell,
    against_nurture,
    eligibility,
    is_left_alone,
    quiet_spell,
    sendable,
)
from models.offers.offer_model import Evidence, Forecast
from models.offers.options import NO_ASK, NURTURE, Options
from models.offers.policy import Policy, choose, policy, probabilities
from models.offers.standing import ends_of
from models.offers.tailoring import (
    Personalisation,
    framing_chances,
    framing_of,
    likeliest_framing,
    personalisation,
    something_useful,
)

__all__ = ["ACTIVE_DAYS", "Adviser", "Ranked", "Recommendation", "forecast_of"]

ACTIVE_DAYS: Final = 7.0
"""A lead that did something within so many days is active."""
_DONE_DAYS: Final = 30.0
"""How long a decision about a customer stays open: there is no step with a horizon."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """An option with what is believed of it.

    Parameters
    ----------
    propensity : the probability that the policy chooses it with.
    p_advance : P(the next step within its horizon | option); None for a customer.
    uplift, low, high : what it adds to that of no ask, with its interval at 90 %.
    gain : what it adds to the value of no ask, costs taken off, in the business's currency.
    """

    option_id: str
    propensity: float
    p_advance: float | None
    uplift: float | None
    low: float | None
    high: float | None
    gain: float | None
    evidence: Evidence
    leads: int


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A decision with the evidence for it.

    Parameters
    ----------
    offer : what was chosen; None where that is to nurture or not to ask.
    useful : what to send where that, or the likeliest choice, is to nurture; None where the ladder
        has nothing for it.
    framing : how it is put; "" without an offer.
    ranking : all options that may be chosen, and no ask; the likeliest choice first, then the one
        worth most.
    spell : quiet hours, over which what was chosen has to wait; None where it may be done now.
    is_left_alone : whether the lead is one that is left alone on purpose.
    is_asked : whether the lead has asked something that nobody has replied to: that comes first.
    """

    decision: Decision
    step: Step | None
    offer: Offer | None
    useful: Offer | None
    framing: str
    personalisation: Personalisation | None
    ranking: tuple[Ranked, ...]
    excluded: tuple[Excluded, ...]
    spell: Spell | None
    is_left_alone: bool
    is_asked: bool


@dataclass(frozen=True, eq=False)
class Adviser:
    """A bundle and the policy that serves, ready to recommend."""

    bundle: Bundle
    policy_name: str = "careful"

    @property
    def ladder(self) -> Ladder:
        """The bundle's ladder."""
        return self.bundle.ladder

    @cached_property
    def options(self) -> Options:
        """The options of the ladder."""
        return self.bundle.offers.options

    @cached_property
    def policy(self) -> Policy:
        """What chooses; PolicyError where there is no policy of that name."""
        return policy(self.policy_name, self.options)

    @cached_property
    def _rules(self) -> Policy:
        return policy("rules", self.options)

    @cached_property
    def _place(self) -> dict[str, int]:
        return {name: at for at, name in enumerate(self.options.ids)}

    def recommend(
        self,
        snapshot: Snapshot,
        scores: Scores,
        history: OfferHistory,
        decision_id: str,
        asked: Asked = UNRESTRICTED,
        *,
        is_drawn: bool = True,
    ) -> Recommendation:
        """The recommendation for the one lead of a snapshot, at the snapshot's instant.

        Parameters
        ----------
        scores : the bundle's scores of the snapshot.
        history : of the same lead, known at the same instant.
        decision_id : draws the choice.
        is_drawn : False for a lead that a person works with: it is what is suggested to them, the
            likeliest choice, with certainty.

        Raises
        ------
        UnknownOffer : the caller names an offer that the ladder does not have.
        PolicyError : the policy gave what is no distribution.
        NothingEligible : none of the only options that may be chosen is eligible.
        """
        position, as_of = int(snapshot.position[0]), int(snapshot.as_of[0])
        goals = self.ladder.goals
        has_next = position < len(goals) and not history.is_lost
        step = goals[position] if has_next else None
        allowed = eligibility(self.ladder, position, history, as_of, asked)
        forecast = self.forecast(snapshot, scores, allowed, history, asked)
        # There is no next step to choose by once a lead has bought.
        which = self.policy if step else self._rules
        shares = probabilities(which, forecast.beliefs, self.ladder.policy)[0]
        if asked.only is not None:
            shares = self._among(asked.only, shares, forecast, allowed.excluded)
        there = np.flatnonzero(shares > 0.0)
        may = self._may_be_chosen(which, forecast, shares, asked.only)
        excluded = (
            *allowed.excluded,
            *self._worse(forecast, may),
            *self._no_nurture(forecast, may, history, as_of, asked),
        )
        likeliest = int(np.lexsort((-forecast.beliefs.gain[0], -shares))[0])
        if not is_drawn:
            shares = (np.arange(len(shares)) == likeliest).astype(np.float64)
        chosen = choose(shares, decision_id)
        offer = self.ladder.offers[chosen] if chosen < len(self.ladder.offers) else None
        is_tried = is_drawn and which.explores
        framing, chance, others = self._framing(offer, decision_id if is_tried else None)
        possible = np.flatnonzero(shares > 0.0)
        useful = None
        if self.options.nurture in (chosen, likeliest):
            pieces = sendable(self.ladder, position, history, as_of, asked)
            useful = something_useful(pieces, history)
        ids, topic = self.options.ids, forecast.beliefs.topic[0]
        horizon_days = step.horizon_days if step else _DONE_DAYS
        decision = Decision(
            decision_id=decision_id,
            lead_id=snapshot.leads[0],
            as_of=as_of,
            step=step.id if step else "",
            options=tuple(ids[at] for at in possible),
            probabilities=tuple(shares[possible].tolist()),
            chosen=ids[chosen],
            policy=self.policy_name,
            policy_version=self.bundle.version,
            expires_at=self._expires_at(offer, history, as_of, horizon_days),
            offer_version=offer.version if offer else 0,
            on_topic=tuple(ids[at] for at in np.flatnonzero(topic)),
            excluded=tuple((one.offer_id, one.reason) for one in excluded),
            framing=framing.id,
            framing_probability=chance,
            other_framings=others,
            useful=useful.id if useful and ids[chosen] == NURTURE else "",
        )
        return Recommendation(
            decision=decision,
            step=step,
            offer=offer,
            useful=useful,
            framing=framing.text,
            personalisation=self._tailored(offer, position, history),
            # Every effect is told against no ask, also where that could not be chosen.
            ranking=self._ranking(forecast, shares, np.union1d(there, self.options.no_ask), step),
            excluded=excluded,
            spell=None
            if ids[chosen] == NO_ASK
            else quiet_spell(self.ladder, offer or useful, history, as_of, asked),
            is_left_alone=is_left_alone(self.ladder, history, as_of),
            is_asked=REPLY in history.in_flight,
        )

    def _may_be_chosen(
        self, which: Policy, forecast: Forecast, shares: Floats, only: frozenset[str] | None
    ) -> Bools:
        """Shape (n_options,): what the policy chooses among, whatever it chose with certainty."""
        may: Bools = which.seen(forecast.beliefs).eligible[0]
        if only is not None:
            may = may & np.array([one in only for one in self.options.ids])
        return np.logical_or(may, shares > 0.0)

    def _among(
        self,
        only: frozenset[str],
        shares: Floats,
        forecast: Forecast,
        excluded: tuple[Excluded, ...],
    ) -> Floats:
        """The policy's choice, held to some options: as it is among them, or the one worth most."""
        may = forecast.beliefs.eligible[0] & np.array([one in only for one in self.options.ids])
        if not may.any():
            sent = [one for one in excluded if one.offer_id in only]
            raise NothingEligible({one.offer_id: one.text for one in sent})
        kept: Floats = np.where(may, shares, 0.0)
        if not kept.any():
            kept[np.where(may, forecast.beliefs.gain[0], -np.inf).argmax()] = 1.0
        kept /= kept.sum()
        return kept

    def _expires_at(
        self, offer: Offer | None, history: OfferHistory, as_of: int, horizon_days: float
    ) -> int:
        """When a decision is over: with its horizon, its offer, or what that is for meanwhile."""
        over = [as_of + round(horizon_days * DAY_US)]
        ends = ends_of(self.ladder, offer, as_of) if offer else None
        over += [] if ends is None else [ends]
        under_way = history.in_flight
        meant = [under_way[one].ends for one in offer.during if one in under_way] if offer else []
        over += [max(meant)] if meant else []
        return max(as_of + 1, min(over))

    def _worse(self, forecast: Forecast, may: Bools) -> tuple[Excluded, ...]:
        """The offers that may be extended and are believed to do worse than leaving alone."""
        beliefs = forecast.beliefs
        alone = float(beliefs.advance[0, self.options.no_ask])
        left_out = np.flatnonzero(beliefs.eligible[0] & ~may).tolist()
        return tuple(
            Excluded(
                self.options.ids[at],
                BELIEVED_WORSE,
                _worse_words(float(beliefs.advance[0, at]), alone),
            )
            for at in left_out
            if at < len(self.ladder.offers)
        )

    def _no_nurture(
        self, forecast: Forecast, may: Bools, history: OfferHistory, as_of: int, asked: Asked
    ) -> tuple[Excluded, ...]:
        """Why nothing useful may be sent: by what a lead may get, the caller, or what is believed.

        Empty where it may be chosen.
        """
        at, beliefs = self.options.nurture, forecast.beliefs
        if may[at]:
            return ()
        if against := against_nurture(self.ladder, history, as_of, asked):
            return (against,)
        if not beliefs.eligible[0, at]:
            return (Excluded(NURTURE, "left_alone", ON_PURPOSE),)
        if asked.only is not None and NURTURE not in asked.only:
            return (Excluded(NURTURE, "not_a_candidate", NO_CANDIDATE),)
        alone = float(beliefs.advance[0, self.options.no_ask])
        words = _worse_words(float(beliefs.advance[0, at]), alone)
        return (Excluded(NURTURE, BELIEVED_WORSE, words),)

    def _framing(
        self, offer: Offer | None, decision_id: str | None
    ) -> tuple[Framing, float, tuple[tuple[str, float], ...]]:
        """How it is put, the chance of that, and the other ways with theirs."""
        if offer is None:
            return Framing("", ""), 1.0, ()
        shares = self.bundle.offers.framings.get(offer.id, {})
        if decision_id is None:
            return likeliest_framing(offer, shares), 1.0, ()
        framing, chance = framing_of(offer, shares, decision_id)
        chances = framing_chances(offer, shares).items()
        others = tuple((one, each) for one, each in chances if one != framing.id and each > 0.0)
        return framing, chance, others

    def forecast(
        self,
        snapshot: Snapshot,
        scores: Scores,
        allowed: Eligibility,
        history: OfferHistory,
        asked: Asked = UNRESTRICTED,
    ) -> Forecast:
        """What each option would do for the one lead of a snapshot."""
        eligible = np.zeros((1, len(self.options)), dtype=np.bool_)
        topic = np.zeros_like(eligible)
        as_of = int(snapshot.as_of[0])
        is_left = history.is_lost or is_left_alone(self.ladder, history, as_of)
        may_be = not is_left and may_be_written_to(self.ladder, history, as_of, asked)
        eligible[0, self.options.nurture] = may_be
        eligible[0, self.options.no_ask] = True
        for offer in allowed.offers:
            at = self._place[offer.id]
            eligible[0, at] = True
            topic[0, at] = bool(continued(offer.topics, history.topics))
        return forecast_of(self.bundle, snapshot, scores, eligible, topic)

    def _tailored(
        self, offer: Offer | None, position: int, history: OfferHistory
    ) -> Personalisation | None:
        if offer is None:
            return None
        worth = self.bundle.offers.fields
        return personalisation(offer, self.ladder, position, history, worth)

    def _ranking(
        self,
        forecast: Forecast,
        shares: Floats,
        there: npt.NDArray[np.intp],
        step: Step | None,
    ) -> tuple[Ranked, ...]:
        beliefs, model = forecast.beliefs, self.bundle.offers

        def told(values: Floats, at: int) -> float | None:
            return float(values[0, at]) if step else None

        ranked = [
            Ranked(
                option_id=self.options.ids[at],
                propensity=float(shares[at]),
                p_advance=told(beliefs.advance, at),
                uplift=told(forecast.uplift, at),
                low=told(forecast.low, at),
                high=told(forecast.high, at),
                gain=told(beliefs.gain, at),
                evidence=model.evidence[at],
                leads=model.leads[at],
            )
            for at in there.tolist()
        ]
        return tuple(sorted(ranked, key=lambda one: (-one.propensity, -(one.gain or 0.0))))


def _worse_words(with_it: float, alone: float) -> str:
    """Why an offer is believed to do worse than leaving alone."""
    if with_it < alone:
        with_, without = in_percent(with_it, 1), in_percent(alone, 1)
        if with_ == without:
            return f"the chance is put slightly lower with it and at {without} without"
        return f"the chance is put at {with_} with it and {without} without"
    return "costs more than it is believed to bring"


def forecast_of(
    bundle: Bundle,
    snapshot: Snapshot,
    scores: Scores,
    eligible: Bools,
    topic: Bools,
) -> Forecast:
    """What each option would do for the leads of a snapshot, whether asked now or judged later.

    Parameters
    ----------
    scores : the bundle's scores of the snapshot.
    eligible, topic : shape (n, n_options).
    """
    # Customers and lost leads have no score; one half stands in where nothing is told of it.
    bought = (snapshot.position >= len(bundle.ladder.goals)) | snapshot.is_lost
    return bundle.offers.forecast(
        bundle.encoding.matrix(snapshot),
        np.where(bought, 0.5, scores.advance.probability),
        np.where(bought, 0.5, scores.purchase.probability),
        snapshot.position,
        eligible,
        topic,
        snapshot.active_within(ACTIVE_DAYS),
    )
