"""What kind of problem each error is to the one who asked: its name, its status, its title.

The errors of a room above this one stand in a table of that room; `serving.app` puts them together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from features.errors import (
    ActionConflict,
    BundleError,
    DecidedForAnother,
    DecisionConflict,
    EventsError,
    ExperimentConflict,
    ExperimentError,
    FunnelError,
    LadderError,
    LimitReached,
    ModelGone,
    NoModel,
    NotEnoughData,
    NothingEligible,
    OfferConflict,
    OptedOut,
    PolicyError,
    RungError,
    StaleCursor,
    StoreAway,
    StoreError,
    TimeError,
    UnknownAccount,
    UnknownDecision,
    UnknownExperiment,
    UnknownHorizon,
    UnknownLadder,
    UnknownLead,
    UnknownLink,
    UnknownOffer,
    UnknownReport,
)
from serving.edge.errors import (
    ChangedMeanwhile,
    InvalidKey,
    KeyNeeded,
    NotAllowed,
    TooManyRequests,
    UnknownKey,
)

__all__ = ["INTERNAL", "KINDS", "Kinds", "ProblemKind"]


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """A kind of problem.

    Parameters
    ----------
    kind : ends the problem's type.
    status : of the answer.
    shows_detail : whether the caller may read the error's message.
    """

    kind: str
    status: int
    title: str
    shows_detail: bool = True


Kinds = Mapping[type[RungError], ProblemKind]

KINDS: Final[Kinds] = {
    KeyNeeded: ProblemKind("key-needed", 401, "A key is needed"),
    NotAllowed: ProblemKind("not-allowed", 403, "Not allowed"),
    TooManyRequests: ProblemKind("too-many-requests", 429, "Too many requests"),
    UnknownKey: ProblemKind("unknown-key", 404, "No such key"),
    InvalidKey: ProblemKind("invalid-key", 422, "No such key can be made"),
    UnknownLadder: ProblemKind("unknown-ladder", 404, "No such ladder"),
    UnknownAccount: ProblemKind("unknown-account", 404, "No such account"),
    UnknownLead: ProblemKind("unknown-lead", 404, "No such lead"),
    UnknownLink: ProblemKind("unknown-link", 404, "No such link"),
    OptedOut: ProblemKind("opted-out", 409, "Opted out of profiling"),
    UnknownReport: ProblemKind("unknown-report", 404, "No such report yet"),
    UnknownDecision: ProblemKind("unknown-decision", 404, "No such decision"),
    UnknownExperiment: ProblemKind("unknown-experiment", 404, "No such experiment"),
    ExperimentConflict: ProblemKind("experiment-conflict", 409, "The experiment is otherwise"),
    OfferConflict: ProblemKind("offer-conflict", 409, "The offer was changed meanwhile"),
    ChangedMeanwhile: ProblemKind("changed-meanwhile", 412, "It was changed meanwhile"),
    ExperimentError: ProblemKind("invalid-experiment", 422, "No such experiment can be done"),
    ActionConflict: ProblemKind("action-conflict", 409, "That cannot be done with the lead now"),
    DecidedForAnother: ProblemKind("decision-conflict", 409, "It is stored otherwise already"),
    DecisionConflict: ProblemKind("decision-conflict", 409, "It is stored otherwise already"),
    StaleCursor: ProblemKind("stale-cursor", 410, "Read all anew"),
    ModelGone: ProblemKind("model-gone", 410, "That model is no more"),
    NothingEligible: ProblemKind("nothing-eligible", 409, "Nothing of it may be offered"),
    LimitReached: ProblemKind("limit-reached", 409, "A limit holds it back"),
    UnknownOffer: ProblemKind("unknown-offer", 404, "No such offer"),
    TimeError: ProblemKind("invalid-time", 422, "A time that cannot be read"),
    EventsError: ProblemKind("invalid-events", 422, "Events that cannot be used"),
    NotEnoughData: ProblemKind("not-enough-data", 409, "Not enough data"),
    UnknownHorizon: ProblemKind("unknown-horizon", 422, "Nothing is known of these days"),
    NoModel: ProblemKind("no-model", 503, "No model yet"),
    BundleError: ProblemKind(
        "bundle-unusable", 503, "The model cannot be used", shows_detail=False
    ),
    StoreAway: ProblemKind("store-unavailable", 503, "The event store cannot be used now", False),
    StoreError: ProblemKind("store-unavailable", 503, "The event store is out of reach", False),
    LadderError: ProblemKind(
        "ladder-unusable", 500, "The ladder cannot be used", shows_detail=False
    ),
    FunnelError: ProblemKind("not-counted", 422, "Leads are not counted by that"),
    PolicyError: ProblemKind(
        "policy-unusable", 500, "The policy cannot be used", shows_detail=False
    ),
}
"""Of the errors that several rooms raise, and of those of this room."""
INTERNAL: Final = ProblemKind("internal", 500, "Something went wrong here", shows_detail=False)
