"""Recommends, and keeps what it recommended: decisions, their exposures, their outcomes. No HTTP.

Nothing is answered before it is durable. A decision's id is drawn from and stands for it: asked
again with the same id, it gives the stored answer, whoever else asks at the same time.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar, cast

from features.clock import rfc3339, said_at
from features.errors import (
    DecidedForAnother,
    DecisionConflict,
    LimitReached,
    OptedOut,
    TimeError,
    UnknownDecision,
    UnknownLead,
)
from features.events.log import DAY_US
from features.events.of_lead import Row
from features.events.values import names_a_lead
from features.ladder.ladder import Ladder
from features.ladder.words import RECORD
from features.offers.decisions import (
    ANSWER,
    Decision,
    decision_event,
    exposure_events,
    message_id,
    outcome_event,
)
from features.offers.history import OfferHistory, history_of
from features.store.events import AtWriting, Event
from features.store.identities.turns import Erased, ErasedSince
from features.store.kept.notifications import Notice
from models.offers.eligibility import UNRESTRICTED, Asked, limit_against
from models.recommendation import Recommendation
from serving.recommending.answers import (
    DecisionAnswer,
    ExposureAnswer,
    OutcomeAnswer,
    OutcomeOfDecision,
    RecommendationAnswer,
    RecommendedAnswer,
    UnaskedAnswer,
)
from serving.recommending.told import answer_of, unasked_lead
from serving.scoring.answers import NotFoundAnswer
from serving.scoring.changes import recommended
from serving.scoring.controls import with_assignment
from serving.scoring.scorer import Scorer

__all__ = ["Recommender"]

_SKEW_US: Final = 5 * 60 * 1_000_000
"""An outcome, or an event of another process, may lie so far in the future, and an outcome so far
before its decision: clocks differ."""


_CAME: Final = "rung_came"
"""An event that no ladder knows: all that is known of a newcomer is that it is there."""
_TRIES: Final = 10
"""Each of them fails only because somebody else succeeded meanwhile."""

T = TypeVar("T")


class _Overtaken(Exception):
    """Something else was decided for the lead since it was looked at."""


class Recommender:
    """Recommends for the leads of a scorer's store with its bundle and policy.

    Decisions of one process are made one after the other. Two processes that decide at once for the
    same lead, or for the last minutes of a rep, see when they write what the other has written, and
    the second decides anew.
    """

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self.store = scorer.store
        self.clock = scorer.clock
        self._turn = threading.Lock()

    def recommend(
        self,
        lead_id: str,
        asked: Asked = UNRESTRICTED,
        decision_id: str | None = None,
        *,
        defer_exposure: bool = False,
        may_be_new: bool = False,
    ) -> RecommendationAnswer:
        """Decide what to offer a lead, and keep the decision.

        Parameters
        ----------
        decision_id : the caller's own; a known one gives the stored answer, whatever is `asked`.
        defer_exposure : the decision has not reached the lead until `expose` says so.
        may_be_new : a lead of which nothing is known is one that has come this moment.

        Raises
        ------
        NoModel : there is no bundle.
        UnknownLead : nothing is known of the lead, and it may not be new.
        OptedOut : it must not be profiled.
        UnknownOffer : the caller names an offer that the ladder does not have.
        NothingEligible : none of the only options that the caller lets be chosen is eligible.
        DecidedForAnother : the decision id belongs to another lead.
        """
        if self.scorer.privacy.is_opted_out(lead_id):  # a stored answer would be an ask as well
            raise OptedOut.named(lead_id)
        if decision_id is not None and (known := self._told(decision_id, lead_id)) is not None:
            return known
        named = decision_id if decision_id is not None else uuid.uuid4().hex
        with self._turn:
            for _ in range(_TRIES):
                try:
                    answer = self._decided(
                        *(lead_id, named, asked),
                        exposed=not defer_exposure,
                        may_be_new=may_be_new,
                    )
                except (_Overtaken, ErasedSince):
                    continue
                if answer is None:  # another caller was faster, or the lead was erased for good
                    answer = self._told(named, lead_id)
                if answer is None:
                    raise OptedOut.named(lead_id)
                return answer
        raise DecisionConflict(
            f"others go on deciding for lead {lead_id!r} at the same time; ask again"
        )

    def many(
        self,
        lead_ids: Sequence[str],
        asked: Asked = UNRESTRICTED,
        decision_ids: Sequence[str] | None = None,
        *,
        defer_exposure: bool = False,
    ) -> list[RecommendedAnswer | NotFoundAnswer | UnaskedAnswer]:
        """A decision for each of some stored leads, in order; see `recommend`.

        Parameters
        ----------
        decision_ids : one for each lead; None for new ones.
        """
        ids: Sequence[str | None] = decision_ids or [None] * len(lead_ids)
        answers: list[RecommendedAnswer | NotFoundAnswer | UnaskedAnswer] = []
        for lead_id, decision_id in zip(lead_ids, ids, strict=True):
            try:
                answer = self.recommend(lead_id, asked, decision_id, defer_exposure=defer_exposure)
            except OptedOut:
                answers.append(unasked_lead(lead_id))
            except UnknownLead as error:
                answers.append({"status": "not_found", "lead_id": lead_id, "detail": str(error)})
            else:
                answers.append({"status": "ok", **answer})
        return answers

    def _decided(
        self, lead_id: str, decision_id: str, asked: Asked, *, exposed: bool, may_be_new: bool
    ) -> RecommendationAnswer | None:
        """What was decided and is stored now; None where its id is taken by now.

        _Overtaken where another process has decided for the same lead, or with the same minutes of
        reps, since this one looked; ErasedSince where a lead was erased, which may be this one.
        """
        erased = self.store.identities.erased_now()
        lead, rows, as_of = self._read(lead_id, erased, may_be_new=may_be_new)
        history = history_of(rows, self._ladder, as_of)
        owner = self.store.actions.owner_of(lead, as_of)
        made = self._made(lead, rows, history, as_of, (decision_id, asked), is_drawn=not owner)
        # It stands under the id that was asked for: where that turns out to be somebody else than
        # the rest of the lead, the decision is theirs.
        decision = replace(made.decision, lead_id=lead_id)
        made = replace(made, decision=decision)
        arms = {experiment: arm for experiment, (arm, _) in history.arms.items()}
        answer = answer_of(made, self._ladder, arms, owner, exposed=exposed)
        event = decision_event(decision, self._ladder, answer, asked.channel)
        offer = self._ladder.offer(decision.chosen)
        minutes = offer.rep_minutes if offer else 0.0
        notice = _notice(decision, answer, minutes, exposed=exposed)
        if not exposed:
            is_new = self.store.append_new([event], notices=[notice], erased=erased)
        else:
            check = partial(self._check_still, decision, history)
            is_new = self._exposed(decision, as_of + 1, check, erased, [event], [notice])
        return answer if is_new else None

    def _read(
        self, lead_id: str, erased: Erased, *, may_be_new: bool
    ) -> tuple[str, list[Row], int]:
        """What a lead is called, its events, and the present, in which all of them are known."""
        now = self.clock()
        try:
            lead, rows = self.scorer.read(lead_id, now)
        except UnknownLead:
            if not may_be_new or not names_a_lead(lead_id):
                raise
            return self.store.lead_of(lead_id), [(_CAME, now, now, {})], now
        as_of = _present(now, rows)
        return lead, with_assignment(self.scorer, lead, rows, as_of, erased), as_of

    def _made(
        self,
        lead: str,
        rows: Sequence[Row],
        history: OfferHistory,
        as_of: int,
        question: tuple[str, Asked],
        *,
        is_drawn: bool,
    ) -> Recommendation:
        """The recommendation for a decision's id and what its caller restricts."""
        model = self.scorer.model
        estimates = model.estimate_rows(lead, rows, as_of)
        decision_id, asked = question
        return model.adviser_of(history).recommend(
            estimates.snapshot,
            estimates.scores,
            history,
            decision_id,
            self.scorer.limited(as_of, asked),
            is_drawn=is_drawn,
        )

    def _check_still(self, decision: Decision, history: OfferHistory, then: AtWriting) -> None:
        """_Overtaken where what the decision rests on is no more what is stored."""
        as_of = _present(decision.as_of, then.rows)
        if history_of(then.rows, self._ladder, as_of) != history:
            raise _Overtaken
        offer, left = self._ladder.offer(decision.chosen), self._minutes_left(then.minutes)
        if offer is not None and left is not None and offer.rep_minutes > left:
            raise _Overtaken

    def _check_limits(
        self, decision: Decision, channel: str | None, as_of: int, then: AtWriting
    ) -> None:
        """LimitReached where the chosen offer may not reach its lead at `as_of`.

        That is so too when what it was decided for is over.
        """
        as_of = _present(as_of, then.rows)
        asked = Asked(channel=channel, rep_minutes_left=self._minutes_left(then.minutes))
        history = history_of(then.rows, self._ladder, as_of)
        against = limit_against(self._ladder, decision.chosen, history, as_of, asked)
        if against is not None:
            raise LimitReached(against.offer_id, against.reason, against.text)
        if as_of > decision.expires_at and self._ladder.offer(decision.chosen) is not None:
            until = said_at(decision.expires_at)
            raise LimitReached(decision.chosen, "expired", f"was decided for until {until}")

    def _minutes_left(self, given: float) -> float | None:
        """What reps can still give on a day; None where there is no limit."""
        limit = self._ladder.limits.rep_minutes_a_day
        return None if limit is None else max(0.0, limit - given)

    def _exposed(
        self,
        decision: Decision,
        as_of: int,
        check: Callable[[AtWriting], None],
        erased: Erased,
        before: Sequence[Event] = (),
        notices: Sequence[Notice] = (),
    ) -> bool:
        """Store that a decision reached its lead, after some other events, if all that is new."""
        offer = self._ladder.offer(decision.chosen)
        events = [*before, *exposure_events(decision, self._ladder, as_of)]
        minutes = offer.rep_minutes if offer else 0.0
        return self.store.append_new(events, as_of // DAY_US, minutes, notices, check, erased)

    def _told(self, decision_id: str, lead_id: str) -> RecommendationAnswer | None:
        """What was answered under a decision id; None where it is new."""
        event = self.store.event(message_id(decision_id, "decision"))
        if event is None:
            return None
        if self.store.lead_of(event.lead_id) != self.store.lead_of(lead_id):
            raise DecidedForAnother(f"decision {decision_id!r} was made for another lead")
        answer = json.loads(event.properties).get(ANSWER)
        if answer is None:
            raise DecisionConflict(
                f"decision {decision_id!r} was made elsewhere; choose another id"
            )
        return self._with_ladder(answer)

    # --------------------------------------------------------------------------- what came of it

    def expose(self, decision_id: str) -> ExposureAnswer:
        """Store that a decision reached its lead now, unless that is known already.

        Raises
        ------
        UnknownDecision : there is none of that id.
        OptedOut : its lead must not be profiled by now.
        LimitReached : a limit of the ladder keeps its offer from the lead by now.
        """
        return self._unerased(partial(self._expose, decision_id))

    def _expose(self, decision_id: str, erased: Erased) -> ExposureAnswer:
        lead_id, held = self._stored(decision_id)
        decision = Decision.of_record(lead_id, held.get(RECORD, ""))
        exposed_at = self._exposed_at(decision_id)
        if exposed_at is None:
            if self.scorer.privacy.is_opted_out(lead_id):
                raise OptedOut.named(lead_id)
            as_of = max(self.clock(), decision.as_of + 1)
            check = partial(self._check_limits, decision, held.get("channel"), as_of)
            self._exposed(decision, as_of, check, erased)
            exposed_at = self._exposed_at(decision_id)
        if exposed_at is None:  # its lead was erased meanwhile
            raise UnknownDecision.named(decision_id)
        return {
            "decision_id": decision_id,
            "lead_id": decision.lead_id,
            "offer_id": decision.chosen,
            "exposed_at": exposed_at,
        }

    def _unerased(self, report: Callable[[Erased], T]) -> T:
        """What is reported of a decision that is there, also where others are erased meanwhile."""
        for _ in range(_TRIES):
            with suppress(ErasedSince):
                return report(self.store.identities.erased_now())
        raise DecisionConflict("leads go on being erased at the same time; report it again")

    def outcome(
        self,
        decision_id: str,
        value: float,
        kind: str = "outcome",
        occurred_at: int | None = None,
    ) -> OutcomeAnswer:
        """Store what came of a decision; the first report stays.

        Parameters
        ----------
        value : in [0, 1].
        occurred_at : microseconds since the epoch; now, where it is None, or right at the decision
            where a clock that was ahead has dated that into the future. What the clock of whoever
            reports it dates some minutes before the decision happened right at it.

        Raises
        ------
        UnknownDecision : there is none of that id.
        TimeError : a time before the decision, or in the future.
        DecisionConflict : another value was reported before.
        """
        return self._unerased(partial(self._report, decision_id, value, kind, occurred_at))

    def _report(
        self, decision_id: str, value: float, kind: str, occurred_at: int | None, erased: Erased
    ) -> OutcomeAnswer:
        decision, now = self._decision(decision_id), self.clock()
        at = max(now, decision.as_of) if occurred_at is None else occurred_at
        if at < decision.as_of - _SKEW_US:
            raise TimeError(f"{rfc3339(at)} is before the decision, {rfc3339(decision.as_of)}")
        if at > max(now + _SKEW_US, decision.as_of):
            raise TimeError(f"{rfc3339(at)} is in the future; it is {rfc3339(now)} here")
        at = max(at, decision.as_of)
        event = outcome_event(decision, self._ladder, at, now, value, kind)
        self.store.append_new([event], erased=erased, may_be_out=True)  # it only happened
        stored = self._outcome(decision_id)
        if stored is None:  # its lead was erased meanwhile
            raise UnknownDecision.named(decision_id)
        if stored["value"] != value:
            raise DecisionConflict(
                f"decision {decision_id!r} has the outcome {stored['value']:g} already"
            )
        return {"decision_id": decision_id, "lead_id": decision.lead_id, **stored}

    def decision(self, decision_id: str) -> DecisionAnswer:
        """A decision as it was told, and what became of it.

        Raises
        ------
        UnknownDecision : there is none of that id.
        OptedOut : its lead must not be profiled by now, so nobody is shown what was decided of it.
        """
        lead_id, held = self._stored(decision_id)
        if self.scorer.privacy.is_opted_out(lead_id):
            raise OptedOut.named(lead_id)
        if ANSWER not in held:
            raise UnknownDecision(f"decision {decision_id!r} is known, but was made elsewhere")
        exposed_at = self._exposed_at(decision_id)
        told = self._with_ladder(held[ANSWER])
        told["exposed"] = exposed_at is not None
        return {**told, "exposed_at": exposed_at, "outcome": self._outcome(decision_id)}

    # --------------------------------------------------------------------------------- the store

    def _with_ladder(self, kept: dict[str, Any]) -> RecommendationAnswer:
        """An answer as it was kept; older ones name less."""
        kept.setdefault("ladder", self._ladder.name)
        kept.setdefault("experiments", [])
        kept.setdefault("claimed_by", None)
        kept.setdefault("useful", None)
        return cast(RecommendationAnswer, kept)

    @property
    def _ladder(self) -> Ladder:
        return self.scorer.model.bundle.ladder

    def _stored(self, decision_id: str) -> tuple[str, dict[str, Any]]:
        """The lead of a decision, and what is kept of it; UnknownDecision where there is none."""
        event = self.store.event(message_id(decision_id, "decision"))
        if event is None:
            raise UnknownDecision.named(decision_id)
        return event.lead_id, json.loads(event.properties)

    def _decision(self, decision_id: str) -> Decision:
        lead_id, held = self._stored(decision_id)
        return Decision.of_record(lead_id, held.get(RECORD, ""))

    def _exposed_at(self, decision_id: str) -> str | None:
        event = self.store.event(message_id(decision_id, "exposure"))
        return rfc3339(event.occurred_at) if event else None

    def _outcome(self, decision_id: str) -> OutcomeOfDecision | None:
        event = self.store.event(message_id(decision_id, "outcome"))
        if event is None:
            return None
        held = json.loads(event.properties)
        return {
            "value": held["value"],
            "kind": held["kind"],
            "occurred_at": rfc3339(event.occurred_at),
            "late": held["late"],
        }


def _present(now: int, rows: Sequence[Row]) -> int:
    """The present by the clock that is ahead: of this process, or of one that stored an event."""
    return max([now, *(row[2] for row in rows if row[2] <= now + _SKEW_US)])


def _notice(
    decision: Decision, answer: RecommendationAnswer, rep_minutes: float, *, exposed: bool
) -> Notice:
    """What outside systems are told of a decision."""
    gains = {one["offer_id"]: one["gain"] for one in answer["ranking"]}
    told = {
        "offer_id": decision.chosen,
        "gain": gains.get(decision.chosen),
        "rep_minutes": rep_minutes,
        "step": decision.step,
        "probability_chosen": decision.propensity,
        "policy": decision.policy,
        "expires_at": answer["expires_at"],
        "exposed": exposed,
    }
    return recommended(decision.decision_id, decision.lead_id, decision.as_of, told)
