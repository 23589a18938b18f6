"""Every error that Rung raises on purpose. A message names the place and says what would be right.

RungError
├── LadderError          a ladder file with mistakes; carries all of them
├── EventsError          an event log that cannot be read, or that --strict refuses
├── UnknownLead          a lead that the log does not hold
├── OptedOut             a lead that must not be profiled: no score, no recommendation
├── UnknownOffer         an offer that the ladder does not have
├── UnknownDecision      a decision that was never made here
├── UnknownLink          a link between two ids that does not stand
├── UnknownEndpoint      an endpoint of notifications that there is none of
├── EndpointDisabled     an endpoint that gets nothing until it is enabled again
├── ForbiddenAddress     a URL that nothing may be sent to
├── UnknownConnector     a connector that is off, or that there is none of
├── UnsignedRequest      a vendor's request whose signature is absent, wrong or too old
├── ReplayedRequest      a vendor's request that was taken before
├── PayloadError         a vendor's request that is genuine, and not what the vendor sends
├── DecisionConflict     a decision or an outcome that is stored already, and says otherwise
├── NotEnoughData        nothing to learn from or to evaluate on
├── BundleError          a bundle that is absent, damaged, or made for another ladder
├── StoreError           an event store that cannot be opened, or is not ours
├── TimeError            an instant without a time zone, or a text that is no time
├── NoModel              a probability asked for before there is a model
├── KeyNeeded            a request without a key, or with one that is not known
├── NotAllowed           a request that its key, or its sender, may not make
├── TooManyRequests      a caller that asks too often; carries how long to wait
├── UnknownKey           a key that was never made here
├── InvalidKey           a key that cannot be made: its name, scopes or source will not do
├── PolicyError          a policy that there is none of, or that gave what is no distribution
├── EventRefused         in serving.ingestion.values: an event that is not taken, and why
├── GateError            in models.gate: not passed, of another bundle, or resting on nothing
├── CallFailed           in serving.write_back: a CRM gave no answer to go by
├── CallRefused          in serving.write_back: a CRM takes none of a call as it stands
└── SettingsError        in serving.settings: an environment that cannot be used
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

__all__ = [
    "BundleError",
    "DecisionConflict",
    "EndpointDisabled",
    "EventsError",
    "ForbiddenAddress",
    "InvalidKey",
    "KeyNeeded",
    "LadderError",
    "Mistake",
    "NoModel",
    "NotAllowed",
    "NotEnoughData",
    "OptedOut",
    "PayloadError",
    "PolicyError",
    "ReplayedRequest",
    "RungError",
    "StoreError",
    "TimeError",
    "TooManyRequests",
    "UnknownConnector",
    "UnknownDecision",
    "UnknownEndpoint",
    "UnknownKey",
    "UnknownLead",
    "UnknownLink",
    "UnknownOffer",
    "UnsignedRequest",
    "did_you_mean",
]


class RungError(Exception):
    """The base of all errors that Rung raises on purpose."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in a file the user owns: where it is, what is wrong, what would be right."""

    path: str
    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" + (f" ({self.remedy})" if self.remedy else "")


class LadderError(RungError):
    """A ladder that cannot be used. `mistakes` holds every one that was found, in file order."""

    def __init__(self, source: str, mistakes: Sequence[Mistake]) -> None:
        self.source = source
        self.mistakes = tuple(mistakes)
        count = len(self.mistakes)
        lines = "\n".join(f"  {mistake}" for mistake in self.mistakes)
        super().__init__(f"{source}: {count} mistake{'s' if count != 1 else ''}\n{lines}")


class EventsError(RungError):
    """An event log that cannot be read, or whose bad rows `--strict` refuses."""


class UnknownLead(RungError):
    """A lead that the log does not hold."""

    @classmethod
    def named(cls, lead_id: str, known: Sequence[str] = ()) -> UnknownLead:
        """The error for one unknown lead, with a hint where a known id is close."""
        return cls(f"no lead {lead_id!r} in this log{did_you_mean(lead_id, known)}")


class OptedOut(RungError):
    """A lead that must not be profiled: there is no score of it, and nothing is recommended."""

    @classmethod
    def named(cls, lead_id: str) -> OptedOut:
        """The error for one lead."""
        return cls(f"lead {lead_id!r} has opted out of profiling")


class UnknownOffer(RungError):
    """An offer that the ladder does not have."""

    @classmethod
    def named(cls, offer_id: str, known: Sequence[str] = ()) -> UnknownOffer:
        """The error for one unknown offer, with a hint where a known id is close."""
        return cls(f"no offer {offer_id!r} in this ladder{did_you_mean(offer_id, known)}")


class UnknownDecision(RungError):
    """A decision that was never made here."""

    @classmethod
    def named(cls, decision_id: str) -> UnknownDecision:
        """The error for one unknown decision."""
        return cls(f"no decision {decision_id!r} was made here")


class UnknownLink(RungError):
    """A link between two ids that does not stand."""


class UnknownEndpoint(RungError):
    """An endpoint of notifications that there is none of."""

    @classmethod
    def named(cls, endpoint_id: str) -> UnknownEndpoint:
        """The error for one unknown endpoint."""
        return cls(f"there is no endpoint {endpoint_id!r}")


class EndpointDisabled(RungError):
    """An endpoint that gets nothing until it is enabled again."""


class ForbiddenAddress(RungError):
    """A URL, or an address, that nothing may be sent to; says why."""


class UnknownConnector(RungError):
    """A connector that is off, or that there is none of; says how to switch it on."""


class UnsignedRequest(RungError):
    """A vendor's request whose signature is absent or wrong, or was made too long ago."""


class ReplayedRequest(RungError):
    """A vendor's request that was taken before."""


class PayloadError(RungError):
    """A vendor's request that is genuine, and whose body is not what the vendor sends."""


class DecisionConflict(RungError):
    """A decision or an outcome that is stored already, and says otherwise."""


class NotEnoughData(RungError):
    """Nothing to learn from or to evaluate on; says what is missing."""


class BundleError(RungError):
    """A bundle that is absent, damaged, or made for another ladder."""


class StoreError(RungError):
    """An event store that cannot be opened, or that holds something else."""


class TimeError(RungError):
    """An instant without a time zone, or a text that is no time."""


class NoModel(RungError):
    """A probability was asked for before there is a model; says how to make one."""


class PolicyError(RungError):
    """A policy that there is none of, or one whose probabilities are no distribution."""


class KeyNeeded(RungError):
    """A request without a key, or with one that is not known here or was revoked."""


class NotAllowed(RungError):
    """A request that its key may not make, or that came from where none may come from."""


class TooManyRequests(RungError):
    """A caller asks too often. `seconds` is how long to wait."""

    def __init__(self, message: str, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(message)


class UnknownKey(RungError):
    """A key that was never made here."""

    @classmethod
    def named(cls, key_id: str, known: Sequence[str] = ()) -> UnknownKey:
        """The error for one unknown key, with a hint where a known id is close."""
        return cls(f"no key {key_id!r} was made here{did_you_mean(key_id, known)}")


class InvalidKey(RungError):
    """A key that cannot be made: its name, its scopes or its source will not do."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint such as "; did you mean 'video'?", or "" where nothing is close."""
    close = get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
