"""The shapes of recommendations and of what becomes of them, as served and as described.

As in `serving.scoring.answers` one typed dict is both.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict  # pydantic reads typing's own from Python 3.12 on

from models.offers.offer_model import Evidence
from models.offers.tailoring import Personalisation
from serving.scoring.answers import StepAnswer, UsefulAnswer

__all__ = [
    "ArmOfLead",
    "DecisionAnswer",
    "ExcludedAnswer",
    "ExposureAnswer",
    "FramingAnswer",
    "OfferOfDecision",
    "OutcomeAnswer",
    "OutcomeOfDecision",
    "PolicyAnswer",
    "RankedAnswer",
    "RecommendationAnswer",
    "RecommendedAnswer",
    "UnaskedAnswer",
    "UpliftAnswer",
]


class FramingAnswer(TypedDict):
    """How to put it; `id` is null where the offer has one way only."""

    id: str | None
    text: str


class OfferOfDecision(TypedDict):
    """What was chosen. Of `nurture` and `no_ask` all but the id is null."""

    id: str
    step: str | None
    title: str | None
    kind: str | None
    framing: FramingAnswer | None
    duration_min: float | None
    topic: str | None
    personalisation: Personalisation | None


class UpliftAnswer(TypedDict):
    """What it adds to the chance of the next step under no ask, with its interval at `level`."""

    value: float
    low: float
    high: float
    level: float


class RankedAnswer(TypedDict):
    """An option: how likely it was chosen, and what is believed of it.

    `propensity` is how it is chosen with and says nothing of the lead, 0 where another one was
    certain; `p_advance` is the chance of
    the next step with it; `gain` is what it adds to the value of no ask, costs taken off.
    """

    offer_id: str
    propensity: Annotated[float, Field(ge=0, le=1)]
    p_advance: Annotated[float | None, Field(ge=0, le=1)]
    uplift: UpliftAnswer | None
    gain: float | None
    evidence: Evidence
    leads: int


class ExcludedAnswer(TypedDict):
    """An offer that is not eligible: a code, and the fact in words."""

    offer_id: str
    reason: str
    text: str


class PolicyAnswer(TypedDict):
    """What chose: a policy, and the version of the model that it chose with."""

    name: str
    version: str


class ArmOfLead(TypedDict):
    """The arm that a lead is in, of an experiment."""

    experiment: str
    arm: str


class RecommendationAnswer(TypedDict):
    """A decision, drawn with the propensities of its ranking, and kept."""

    decision_id: str
    lead_id: str
    ladder: str
    step: Annotated[StepAnswer | None, Field(description="The next step; null after the purchase.")]
    offer: OfferOfDecision
    useful: Annotated[
        UsefulAnswer | None,
        Field(
            description="What to send where `nurture` was chosen; null otherwise, and where the"
            " ladder has nothing that asks for nothing."
        ),
    ]
    text: Annotated[str, Field(description="The decision as a sentence for a salesperson.")]
    probability_chosen: Annotated[float, Field(gt=0, le=1)]
    ranking: Annotated[
        list[RankedAnswer],
        Field(
            description="All options, `nurture` and `no_ask` among them; propensities add up to 1."
        ),
    ]
    excluded: Annotated[
        list[ExcludedAnswer],
        Field(description="All other offers of the ladder; `nurture`, if no option."),
    ]
    policy: PolicyAnswer
    experiments: Annotated[
        list[ArmOfLead],
        Field(
            description="The arms that the lead was in, of experiments that ran then; propensities"
            " are those of its arms."
        ),
    ]
    claimed_by: Annotated[
        str | None,
        Field(
            description="Who worked with the lead then: nothing was drawn, the likeliest option is"
            " what was suggested to them."
        ),
    ]
    as_of: str
    expires_at: Annotated[str, Field(description="When the window for an outcome closes.")]
    exposed: Annotated[
        bool, Field(description="Whether the lead is taken to have seen it at once.")
    ]


class RecommendedAnswer(RecommendationAnswer):
    """The decision for one lead of many."""

    status: Literal["ok"]


class UnaskedAnswer(TypedDict):
    """Nothing is decided for a lead that has opted out of profiling, and nothing is kept.

    `offer` is always `no_ask`. There is no decision id, no ranking and no probability.
    """

    status: Literal["opted_out"]
    lead_id: str
    offer: OfferOfDecision
    detail: str


class ExposureAnswer(TypedDict):
    """That a decision reached its lead, and when."""

    decision_id: str
    lead_id: str
    offer_id: str
    exposed_at: str


class OutcomeOfDecision(TypedDict):
    """What was reported; `late` where it happened after the window: it is kept, and not counted."""

    value: float
    kind: str
    occurred_at: str
    late: bool


class OutcomeAnswer(OutcomeOfDecision):
    """The same, with its decision."""

    decision_id: str
    lead_id: str


class DecisionAnswer(RecommendationAnswer):
    """A decision with what became of it so far."""

    exposed_at: str | None
    outcome: OutcomeOfDecision | None
