"""Why leads stop, what content brings and what replies do, as kept, printed and served.

Shares are in [0, 1], intervals are at 95 %. Unknown members are to be ignored.
"""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict  # pydantic reads typing's own from Python 3.12 on

from models.judging.funnel.shapes import Rate, StepBand

__all__ = [
    "AudienceCell",
    "CauseSegment",
    "ContentLifts",
    "DepthEvidence",
    "Diagnosis",
    "DiagnosisAnswer",
    "DropCause",
    "ExperimentDraft",
    "FieldsCell",
    "FunnelCauses",
    "JumpEvidence",
    "LateQuestion",
    "PieceLift",
    "ReplyDistribution",
    "ReplyEffect",
    "ReplyTimes",
    "ReplyTrigger",
    "ReplyWeek",
    "Share",
    "StepDiagnosis",
]

DropCause = Literal["jump", "value"]
"""The jump to the step is too large; or what came before gave too little value."""
DiagnosisAnswer = Literal["named", "neither", "not enough data", "not below"]


class Share(TypedDict):
    """A share with its interval; `value` is null without anybody."""

    value: float | None
    low: float
    high: float
    leads: int


class FieldsCell(TypedDict):
    """Leads who were extended an offer that asks for so many fields, and the share that went on."""

    fields: int
    went_on: Share


class JumpEvidence(TypedDict):
    """What speaks for a jump that is too large.

    `effort`, `effort_before`: minutes' worth of what was extended, or else of the lightest offer;
    `ratio` of them, `most` is the healthy one. `began` did something of the step, or refused; the
    share of these that went on, and the share of all that stop who do so after they began.
    `heavier_goes_on_less`: sure or not; null where all were asked alike. `p`: how likely all of the
    evidence is without this cause; null where it does not point there.
    """

    effort: float | None
    effort_before: float | None
    ratio: float | None
    most: float
    extended: int
    seen: int
    began: int
    declined: int
    went_on_of_began: Share
    stops_after_beginning: Share
    heavier_goes_on_less: bool | None
    by_fields: list[FieldsCell]
    p: float | None


class DepthEvidence(TypedDict):
    """What speaks for too little value before, by how deeply leads used what came before.

    `shallow`, `deep`: of the third that used it least and most, the share that went on. `barely`:
    the share that did hardly more than the step asks for. `if_all_deep`: the share that would go on
    if all used it as the deep third did, and all else were the same. `returned_*`: the share that
    came back to it. `days_at_step_before`: at the median. `p` as in `JumpEvidence`.
    """

    measures: list[str]
    known: int
    shallow: Share
    deep: Share
    barely: Share
    if_all_deep: float | None
    returned_went_on: Share
    returned_stopped: Share
    days_at_step_before: float | None
    p: float | None


class CauseSegment(TypedDict):
    """A segment in which the evidence of a cause holds, false discoveries kept to 5 %."""

    cause: DropCause
    trait: str
    value: str | None
    rate: Share
    false_discovery_rate: float


class AudienceCell(TypedDict):
    """A segment that surely goes on less, or more, than the others: who they are, not a cause."""

    trait: str
    value: str | None
    rate: Share
    others: Share
    false_discovery_rate: float


class ExperimentDraft(TypedDict):
    """The next experiment: arms, the smallest difference worth having, and how long it takes.

    `leads_80`, `leads_90`: of both arms together, for a power of 80 and 90 %. Weeks are at the
    present pace, with the time of the last lead; null where nobody comes.
    """

    step: str
    change: str
    arms: list[str]
    rate_now: float
    rate_worth: float
    leads_80: int
    leads_90: int
    weeks_80: float | None
    weeks_90: float | None


class StepDiagnosis(TypedDict):
    """Why leads stop before a step.

    `more_leads`: so many more whose time is over would tell, where there is not enough data.
    `by_fields`: the share that went on by how many fields the first offer of the step asked for,
    wherever an offer of it asks for any, below its band or not; of those who were extended one.
    """

    id: str
    title: str
    band: StepBand | None
    rate: Rate
    leads: int
    answer: DiagnosisAnswer
    causes: list[DropCause]
    more_leads: int | None
    by_fields: list[FieldsCell]
    jump: JumpEvidence | None
    value: DepthEvidence | None
    segments: list[CauseSegment]
    audience: list[AudienceCell]
    experiments: list[ExperimentDraft]
    says: str


class Diagnosis(TypedDict):
    """Why leads stop, step by step, those without a band or not below it among them."""

    ladder: str
    as_of: str
    steps: list[StepDiagnosis]
    notes: list[str]


class PieceLift(TypedDict):
    """What a piece of content adds to the share that goes on at a step.

    `evidence` is "randomised" where offers of it were drawn by lot (then it is the effect of
    offering it), "observational" where leads like them are compared, and "unknown", with `why`,
    where neither can be. `beside`: what leads without it did at such an instant; "other pieces"
    where hardly anybody like them did anything that names none, and the lift is that over these.
    `naive` is the plain difference, which is not to be believed.
    """

    step: str
    property: str
    piece: str
    leads: int
    evidence: Literal["randomised", "observational", "unknown"]
    beside: Literal["no piece", "other pieces"] | None
    verdict: Literal["more", "less", "no sure effect", "unknown"]
    lift: float | None
    low: float | None
    high: float | None
    share_with: float | None
    share_without: float | None
    leads_with: int
    leads_without: int
    naive: float | None
    false_discovery_rate: float | None
    why: str | None
    says: str


class ContentLifts(TypedDict):
    """All pieces at all steps, those with the largest sure lift first."""

    ladder: str
    as_of: str
    pieces: list[PieceLift]
    notes: list[str]


class ReplyDistribution(TypedDict):
    """Hours from a question to its first reply; waiting ones count for as long as they wait.

    `answered_within`: the share answered within 1, 4, 24 and 72 hours.
    """

    questions: int
    answered: int
    waiting: int
    given_up: int
    by_offer: int
    automatic: int | None
    median_hours: float | None
    p90_hours: float | None
    answered_within: dict[str, float]


class ReplyEffect(TypedDict):
    """What a fast reply adds to the share that goes on; `within_hours` is what is called fast."""

    evidence: Literal["observational", "unknown"]
    within_hours: float
    verdict: Literal["more", "less", "no sure effect", "unknown"]
    lift: float | None
    low: float | None
    high: float | None
    share_fast: float | None
    share_slow: float | None
    leads_fast: int
    leads_slow: int
    why: str | None


class LateQuestion(TypedDict):
    """A lead that waits longer than the limit now."""

    lead_id: str
    asked_at: str
    hours: float


class ReplyWeek(TypedDict):
    """The questions of a week whose limit is over, or that were answered before."""

    since: str
    asked: int
    in_time: int
    share: float | None


class ReplyTrigger(TypedDict):
    """How long the first reply takes to what meets a rule of `[limits] reply_to`, as a question.

    `by_person`: the same where automatic replies are none; null where the ladder names none.
    """

    trigger: str
    first: ReplyDistribution
    by_person: ReplyDistribution | None


class ReplyTimes(TypedDict):
    """How long leads wait for a reply, what it does, and who waits too long now.

    `limit_hours` is null, and `late` and `weeks` are empty, where the ladder sets none.
    """

    ladder: str
    as_of: str
    limit_hours: float | None
    distribution: ReplyDistribution
    effect: ReplyEffect
    late: list[LateQuestion]
    weeks: list[ReplyWeek]
    triggers: list[ReplyTrigger]
    says: str


class FunnelCauses(TypedDict):
    """Why leads stop, what content adds, and how long replies take, of one log at one instant."""

    diagnosis: Diagnosis
    content: ContentLifts
    replies: ReplyTimes
