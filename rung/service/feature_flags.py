"""Rung as a provider of OpenFeature: the next ask of a lead, as the flag `next-ask`.

The targeting key is the lead's id. The value of the flag is the id of the offer that was drawn (a
string), or the offer as the service tells it (an object); the variant is its id. Each evaluation is
a decision that is kept, with its id and its propensity in the flag's metadata.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import httpx2
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode, OpenFeatureError
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata
from openfeature.track import TrackingEventDetails

from rung.service.assistants.asking import AWAY, NOT_RUNG, NoAnswer, answer_of, segment

__all__ = ["NEXT_ASK", "RungProvider"]

NEXT_ASK: Final = "next-ask"
_SECONDS: Final = 5.0
_CODES: Final = {
    AWAY: ErrorCode.PROVIDER_NOT_READY,
    NOT_RUNG: ErrorCode.PARSE_ERROR,
    "no-model": ErrorCode.PROVIDER_NOT_READY,
    "store-unavailable": ErrorCode.PROVIDER_NOT_READY,
    "unknown-lead": ErrorCode.INVALID_CONTEXT,
    "invalid-request": ErrorCode.INVALID_CONTEXT,
}
"""By the kind of no answer; any other is ErrorCode.GENERAL. The default stays in each case."""

AskValue = TypeVar("AskValue")
ObjectValue = Sequence[FlagValueType] | Mapping[str, FlagValueType]


class RungProvider(AbstractProvider):
    """Asks a running service, with a key that has the scope `decide`.

    Parameters
    ----------
    url : of the service.
    channel : where it would be extended; open if left out.
    is_shown : whether a lead has seen what was decided at once. Otherwise it counts as shown when
        `track` says so.
    """

    def __init__(
        self,
        url: str,
        key: str = "",
        *,
        channel: str | None = None,
        is_shown: bool = False,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        super().__init__()
        self._restricted = {"defer_exposure": not is_shown} | (
            {"channel": channel} if channel else {}
        )
        self._http = httpx2.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=_SECONDS,
            transport=transport,
        )

    def get_metadata(self) -> Metadata:
        """Who provides."""
        return Metadata(name="rung")

    def shutdown(self) -> None:
        """Close the connections."""
        self._http.close()

    # ---------------------------------------------------------------------------------- Evaluation

    def resolve_string_details(
        self,
        flag_key: str,
        default_value: str,  # noqa: ARG002 the SDK's client keeps it where an error is raised
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[str]:
        """The id of the offer that was drawn, which may be `nurture` or `no_ask`."""
        return self._decided(flag_key, evaluation_context, lambda offer: str(offer["id"]))

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: ObjectValue,  # noqa: ARG002 likewise
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[ObjectValue]:
        """The offer that was drawn, with how to put it, as the service tells it."""
        return self._decided(flag_key, evaluation_context, lambda offer: offer)

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,
        evaluation_context: EvaluationContext | None = None,  # noqa: ARG002
    ) -> FlagResolutionDetails[bool]:
        """Always a mismatch: an ask is no truth value."""
        return _mismatch(flag_key, default_value)

    def resolve_integer_details(
        self,
        flag_key: str,
        default_value: int,
        evaluation_context: EvaluationContext | None = None,  # noqa: ARG002
    ) -> FlagResolutionDetails[int]:
        """Always a mismatch, likewise."""
        return _mismatch(flag_key, default_value)

    def resolve_float_details(
        self,
        flag_key: str,
        default_value: float,
        evaluation_context: EvaluationContext | None = None,  # noqa: ARG002
    ) -> FlagResolutionDetails[float]:
        """Always a mismatch, likewise."""
        return _mismatch(flag_key, default_value)

    async def resolve_string_details_async(
        self,
        flag_key: str,
        default_value: str,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[str]:
        """The same, in a thread that may wait."""
        return await asyncio.to_thread(
            self.resolve_string_details, flag_key, default_value, evaluation_context
        )

    async def resolve_object_details_async(
        self,
        flag_key: str,
        default_value: ObjectValue,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[ObjectValue]:
        """The same, in a thread that may wait."""
        return await asyncio.to_thread(
            self.resolve_object_details, flag_key, default_value, evaluation_context
        )

    def _decided(
        self,
        flag_key: str,
        context: EvaluationContext | None,
        value_of: Callable[[dict[str, Any]], AskValue],
    ) -> FlagResolutionDetails[AskValue]:
        """A decision for the lead.

        Raises
        ------
        OpenFeatureError : there is none; the client then gives the default.
        """
        if flag_key != NEXT_ASK:
            raise OpenFeatureError(ErrorCode.FLAG_NOT_FOUND, f"the only flag is {NEXT_ASK}")
        if context is None or not context.targeting_key:
            raise OpenFeatureError(ErrorCode.TARGETING_KEY_MISSING, "it is the id of the lead")
        told = self._post(
            "/v1/recommendations", {"lead_id": context.targeting_key, **self._restricted}
        )
        offer = told["offer"]
        is_out = told.get("status") == "opted_out"
        return FlagResolutionDetails(
            value_of(offer),
            reason=Reason.DISABLED if is_out else Reason.SPLIT,
            variant=offer["id"],
            flag_metadata={}
            if is_out
            else {"decision_id": told["decision_id"], "propensity": told["probability_chosen"]},
        )

    def _post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        try:
            return answer_of(self._http.post(path, json=dict(body)))
        except httpx2.HTTPError as error:
            raise OpenFeatureError(_CODES[AWAY], "the service does not answer") from error
        except NoAnswer as error:
            code = _CODES.get(error.kind, ErrorCode.GENERAL)
            raise OpenFeatureError(code, str(error)) from error

    # ------------------------------------------------------------------------------------ Tracking

    def track(
        self,
        tracking_event_name: str,
        evaluation_context: EvaluationContext | None = None,  # noqa: ARG002 decisions know the lead
        tracking_event_details: TrackingEventDetails | None = None,
    ) -> None:
        """Report what became of the decision that the attribute `decision_id` names.

        `exposure`: the lead has seen it. Any other name is what the outcome was, whose value, from
        0 to 1, goes with it. Without a decision, or without a value, nothing is reported; nor is an
        error, for tracking has nobody to tell.
        """
        details = tracking_event_details or TrackingEventDetails()
        decision_id = details.attributes.get("decision_id")
        if not isinstance(decision_id, str):
            return
        path = f"/v1/decisions/{segment(decision_id)}"
        with contextlib.suppress(OpenFeatureError):
            if tracking_event_name == "exposure":
                self._post(f"{path}/exposure", {})
            elif details.value is not None:
                outcome = {"value": float(details.value), "kind": tracking_event_name}
                self._post(f"{path}/outcome", outcome)


def _mismatch(flag_key: str, default: AskValue) -> FlagResolutionDetails[AskValue]:
    code = ErrorCode.TYPE_MISMATCH if flag_key == NEXT_ASK else ErrorCode.FLAG_NOT_FOUND
    return FlagResolutionDetails(
        default, code, f"the only flag is {NEXT_ASK}, a string or an object", Reason.ERROR
    )
