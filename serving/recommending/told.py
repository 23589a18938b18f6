"""A recommendation as its caller is told."""

from __future__ import annotations

from collections.abc import Mapping

from features.clock import rfc3339
from features.errors import OptedOut
from features.ladder.ladder import Ladder
from models.offers.options import NO_ASK
from models.recommendation import Ranked, Recommendation
from models.scores.venn_abers import LEVEL
from serving.recommending.answers import (
    FramingAnswer,
    OfferOfDecision,
    RankedAnswer,
    RecommendationAnswer,
    UnaskedAnswer,
    UpliftAnswer,
)
from serving.scoring.answers import UsefulAnswer
from serving.scoring.suggestion import aside, sentence, unasked

__all__ = ["answer_of", "unasked_lead"]


def answer_of(
    made: Recommendation, ladder: Ladder, arms: Mapping[str, str], owner: str, *, exposed: bool
) -> RecommendationAnswer:
    """A recommendation as it is told.

    Parameters
    ----------
    arms : by experiment, the arm that the lead is in; those that do not run are left out.
    owner : who works with the lead, "" for nobody.
    """
    decision, step = made.decision, made.step
    chosen = next(one for one in made.ranking if one.option_id == decision.chosen)
    return {
        "decision_id": decision.decision_id,
        "lead_id": decision.lead_id,
        "ladder": ladder.name,
        "step": {"id": step.id, "title": step.title} if step else None,
        "offer": _offer_line(made),
        "useful": _useful_line(made),
        "text": sentence(
            step,
            made.offer,
            chosen,
            unasked(made),
            made.useful,
            is_asked=made.is_asked,
            currency=ladder.value.currency,
        )
        + aside(made.spell, is_left_alone=made.is_left_alone and chosen.option_id == NO_ASK),
        "probability_chosen": decision.propensity,
        "ranking": [_ranked_line(one) for one in made.ranking],
        "excluded": [
            {"offer_id": one.offer_id, "reason": one.reason, "text": one.text}
            for one in made.excluded
        ],
        "policy": {"name": decision.policy, "version": decision.policy_version},
        "experiments": [
            {"experiment": one.id, "arm": arms[one.id]}
            for one in ladder.experiments
            if one.id in arms
        ],
        "claimed_by": owner or None,
        "as_of": rfc3339(decision.as_of),
        "expires_at": rfc3339(decision.expires_at),
        "exposed": exposed,
    }


def _offer_line(made: Recommendation) -> OfferOfDecision:
    offer, tailored = made.offer, made.personalisation
    if offer is None:
        return _no_offer(made.decision.chosen)
    framing: FramingAnswer = {"id": made.decision.framing or None, "text": made.framing}
    return {
        "id": offer.id,
        "step": offer.step,
        "title": offer.title,
        "kind": offer.kind,
        "framing": framing if made.framing else None,
        "duration_min": offer.effort.minutes,
        "topic": tailored["topic"] if tailored else None,
        "personalisation": tailored,
    }


def _useful_line(made: Recommendation) -> UsefulAnswer | None:
    useful = made.useful if made.decision.useful else None
    return {"offer_id": useful.id, "title": useful.title} if useful else None


def _no_offer(option_id: str) -> OfferOfDecision:
    return {
        "id": option_id,
        "step": None,
        "title": None,
        "kind": None,
        "framing": None,
        "duration_min": None,
        "topic": None,
        "personalisation": None,
    }


def unasked_lead(lead_id: str) -> UnaskedAnswer:
    """All that is said of a lead that has opted out: nothing is to be asked of it."""
    return {
        "status": "opted_out",
        "lead_id": lead_id,
        "offer": _no_offer(NO_ASK),
        "detail": str(OptedOut.named(lead_id)),
    }


def _ranked_line(ranked: Ranked) -> RankedAnswer:
    return {
        "offer_id": ranked.option_id,
        "propensity": ranked.propensity,
        "p_advance": ranked.p_advance,
        "uplift": _uplift(ranked),
        "gain": ranked.gain,
        "evidence": ranked.evidence,
        "leads": ranked.leads,
    }


def _uplift(ranked: Ranked) -> UpliftAnswer | None:
    if ranked.uplift is None or ranked.low is None or ranked.high is None:
        return None
    return {"value": ranked.uplift, "low": ranked.low, "high": ranked.high, "level": LEVEL}
