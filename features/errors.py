"""Every error that Rung raises on purpose. A message names the place and says what would be right.

Those of one room stand there; what several rooms raise stands here.

RungError
├── Unknown                  something that is named does not exist
│   ├── UnknownLead          a lead that the log does not hold
│   ├── UnknownAccount       a company of which no lead has a score
│   ├── UnknownOffer         an offer that the ladder does not have
│   ├── UnknownLadder        a ladder that is not served here
│   ├── UnknownReport        a report that was not made yet
│   ├── UnknownDecision      a decision that was never made here
│   ├── UnknownExperiment    an experiment that was never begun on the ladder
│   ├── UnknownLink          a link between two ids that does not stand
│   ├── UnknownHorizon       days that nothing was learned about
│   ├── UnknownKey           in serving.edge.errors: a key that was never made here
│   ├── UnknownEndpoint      in serving.notifications.errors: an endpoint that there is none of
│   └── UnknownConnector     in serving.connectors.errors: one that is off, or that there is none of
├── Conflict                 it is there already, and says otherwise
│   ├── ActionConflict       a lead in other hands, or something that is too late to take back
│   │   └── WrongAnswer      what an action asked for, and was not told
│   ├── DecisionConflict     a decision or an outcome that is stored already, and says otherwise
│   │   └── DecidedForAnother  a decision that is stored already, about another lead
│   ├── ExperimentConflict   an experiment that is there already, over, or still runs
│   ├── OfferConflict        an offer that somebody else has changed since it was looked at
│   ├── LimitReached         an offer that was decided on, and that a limit keeps from its lead now
│   ├── NothingEligible      none of the only options that a caller lets be chosen may be chosen
│   ├── StaleCursor          a place in an order of changes that is no more
│   ├── ModelGone            a score by a model that served once, and that is kept no more
│   ├── ChangedMeanwhile     in serving.edge.errors: what is to be changed is not what was looked at
│   ├── RotatedSince         in serving.notifications.errors: a secret that another one has followed
│   └── EndpointDisabled     in serving.notifications.errors: gets nothing until it is enabled again
├── Refused                  a request, or a value of one, that is not taken
│   ├── OptedOut             a lead that must not be profiled: no score, no recommendation
│   ├── KeyNeeded            in serving.edge.errors: a request without a key, or with an unknown one
│   ├── NotAllowed           in serving.edge.errors: what a key, or its sender, may not do
│   ├── TooManyRequests      in serving.edge.errors: asked too often; carries how long to wait
│   ├── InvalidKey           in serving.edge.errors: a key that cannot be made: its name or scopes
│   ├── ForbiddenAddress     in serving.notifications.errors: a URL that nothing may be sent to
│   ├── UnsignedRequest      in serving.connectors.errors: a signature that is absent, wrong or old
│   ├── PayloadError         in serving.connectors.errors: genuine, and not what the vendor sends
│   ├── GateError            in models.gate: not passed, of another bundle, or resting on nothing
│   ├── EventRefused         in serving.ingestion.values: an event that is not taken, and why
│   └── CallRefused          in serving.write_back.calls: a CRM takes none of a call as it stands
└── Unusable                 a file, a store, data or a setting that cannot be used
    ├── LadderError          a ladder file with mistakes; carries all of them
    ├── EventsError          an event log that cannot be read, or that --strict refuses
    ├── TimeError            an instant without a time zone, or a text that is no time
    ├── StoreError           an event store that cannot be opened, or is not ours
    │   └── StoreAway        one that is out of reach, read-only or full for now
    ├── BundleError          a bundle that is absent, damaged, or made for another ladder
    ├── NoModel              a probability asked for before there is a model
    ├── NotEnoughData        nothing to learn from or to evaluate on
    ├── LeakFound            in training.trust.suspicion: a log that knows outcomes too early
    ├── ExperimentError      an experiment that cannot be done on the ladder
    ├── FunnelError          a step, a state or a trait that leads are not counted by
    ├── PolicyError          a policy that there is none of, or that gave what is no distribution
    ├── SettingsError        in serving.settings: an environment that cannot be used
    ├── ConfigError          in training.setup.config_file: a configuration with mistakes
    ├── NoOptuna             in training.setup.search: what searches is not installed
    ├── EstimatorError       in models.scores.learners.learner: cannot take the trees' place
    ├── NoSpark              in rung.cluster.session: what runs on a cluster is not installed
    ├── ClusterFailed        in rung.cluster.tasks: work over parts that was given up
    ├── CallFailed           in serving.write_back.calls: a CRM gave no answer to go by
    └── NoAnswer             in rung.service.assistants.asking: an assistant is told why
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

__all__ = [
    "ActionConflict",
    "BundleError",
    "Conflict",
    "DecidedForAnother",
    "DecisionConflict",
    "EventsError",
    "ExperimentConflict",
    "ExperimentError",
    "FunnelError",
    "LadderError",
    "LimitReached",
    "Mistake",
    "ModelGone",
    "NoModel",
    "NotEnoughData",
    "NothingEligible",
    "OfferConflict",
    "OptedOut",
    "PolicyError",
    "Refused",
    "RungError",
    "StaleCursor",
    "StoreAway",
    "StoreError",
    "TimeError",
    "Unknown",
    "UnknownAccount",
    "UnknownDecision",
    "UnknownExperiment",
    "UnknownHorizon",
    "UnknownLadder",
    "UnknownLead",
    "UnknownLink",
    "UnknownOffer",
    "UnknownReport",
    "Unusable",
    "did_you_mean",
    "told_mistakes",
    "without_password",
]

_PASSWORD: Final = re.compile(r"(://[^:/?#]*):.*@")
_PASSWORD_ASKED: Final = re.compile(r"([?&](?:ssl)?password=)[^&#\s]*", re.IGNORECASE)
"""As libpq takes one too: in the query of its URL."""
_MOST_TOLD: Final = 100
"""Mistakes that a message tells; nobody mends more of them at once."""


class RungError(Exception):
    """The base of all errors that Rung raises on purpose."""


class Unknown(RungError):
    """Something that is named does not exist. Its subclasses say what."""


class Conflict(RungError):
    """Something is there already, and says otherwise. Its subclasses say what."""


class Refused(RungError):
    """A request, or a value of one, that is not taken. Its subclasses say why."""


class Unusable(RungError):
    """A file, a store, data or a setting that cannot be used. Its subclasses say which."""


class UnknownLead(Unknown):
    """A lead that the log does not hold."""

    @classmethod
    def named(cls, lead_id: str, known: Sequence[str] = ()) -> UnknownLead:
        """The error for one unknown lead, with a hint where a known id is close."""
        return cls(f"no lead {lead_id!r} in this log{did_you_mean(lead_id, known)}")


class UnknownHorizon(Unknown):
    """Days that nothing was learned about; the message says which would do."""


class UnknownAccount(Unknown):
    """A company of which no lead has a score."""


class UnknownOffer(Unknown):
    """An offer that the ladder does not have."""

    @classmethod
    def named(cls, offer_id: str, known: Sequence[str] = ()) -> UnknownOffer:
        """The error for one unknown offer, with a hint where a known id is close."""
        return cls(f"no offer {offer_id!r} in this ladder{did_you_mean(offer_id, known)}")


class UnknownReport(Unknown):
    """A report that was not made yet."""


class UnknownLadder(Unknown):
    """A ladder that is not served here."""

    @classmethod
    def named(cls, name: str, known: Sequence[str]) -> UnknownLadder:
        """The error for one unknown ladder, with a hint where one is close, or those there are."""
        hint = did_you_mean(name, known) or f"; there is {', '.join(map(repr, known))}"
        return cls(f"no ladder {name!r} is served here{hint}")


class UnknownDecision(Unknown):
    """A decision that was never made here."""

    @classmethod
    def named(cls, decision_id: str) -> UnknownDecision:
        """The error for one unknown decision."""
        return cls(f"no decision {decision_id!r} was made here")


class UnknownExperiment(Unknown):
    """An experiment that was never begun on the ladder."""

    @classmethod
    def named(cls, experiment: str, known: Sequence[str]) -> UnknownExperiment:
        """The error for one unknown experiment, with a hint where one is close."""
        return cls(f"no experiment {experiment!r} here{did_you_mean(experiment, known)}")


class UnknownLink(Unknown):
    """A link between two ids that does not stand."""


class StaleCursor(Conflict):
    """A place in an order that is no more: what follows it has to be read anew from the start."""


class ModelGone(Conflict):
    """The model that served at an instant is kept no more; says what can be asked instead."""


class DecisionConflict(Conflict):
    """A decision or an outcome that is stored already, and says otherwise."""


class DecidedForAnother(DecisionConflict):
    """A decision that is stored already, about another lead."""


class ActionConflict(Conflict):
    """Something that a person cannot do with a lead now: it is another's, or it is too late."""


class OfferConflict(Conflict):
    """An offer that somebody else has changed since it was looked at."""


class ExperimentConflict(Conflict):
    """An experiment that is there already, or whose state allows no such change."""


class LimitReached(Conflict):
    """An offer that was decided on, and that one of the ladder's limits keeps from its lead now.

    Parameters
    ----------
    reason, text : the code and the fact, as a recommendation would give them now.
    """

    def __init__(self, offer_id: str, reason: str, text: str) -> None:
        self.offer_id = offer_id
        self.reason = reason
        self.text = text
        super().__init__(f"offer {offer_id!r} cannot be extended now: {text}")


class NothingEligible(Conflict):
    """None of the only options that a caller lets be chosen may be chosen.

    Parameters
    ----------
    why : what stands against each, by its id.
    """

    def __init__(self, why: Mapping[str, str]) -> None:
        self.why = dict(why)
        listed = "; ".join(f"{one!r}: {text}" for one, text in self.why.items())
        super().__init__("none of what was sent may be offered now" + (listed and f": {listed}"))


class OptedOut(Refused):
    """A lead that must not be profiled: there is no score of it, and nothing is recommended."""

    @classmethod
    def named(cls, lead_id: str) -> OptedOut:
        """The error for one lead."""
        return cls(f"lead {lead_id!r} has opted out of profiling")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in a file the user owns: where it is, what is wrong, what would be right."""

    path: str
    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"

    @property
    def what(self) -> str:
        """What is wrong and what would be right, for whoever sees where it is."""
        return self.problem + (f" ({self.remedy})" if self.remedy else "")


def told_mistakes(source: str, mistakes: Sequence[Mistake]) -> str:
    """How many mistakes a file has, and a line for each of the first hundred."""
    count = len(mistakes)
    lines = [f"{source}: {count} mistake{'s' if count != 1 else ''}"]
    lines += [f"  {mistake}" for mistake in mistakes[:_MOST_TOLD]]
    if count > _MOST_TOLD:
        lines.append(f"  and {count - _MOST_TOLD} more")
    return "\n".join(lines)


class LadderError(Unusable):
    """A ladder that cannot be used. `mistakes` holds every one that was found, in file order.

    The message tells the first hundred of them.
    """

    def __init__(self, source: str, mistakes: Sequence[Mistake]) -> None:
        self.source = source
        self.mistakes = tuple(mistakes)
        super().__init__(told_mistakes(source, self.mistakes))


class EventsError(Unusable):
    """An event log that cannot be read, or whose bad rows `--strict` refuses."""


class TimeError(Unusable):
    """An instant without a time zone, or a text that is no time."""


class StoreError(Unusable):
    """An event store that cannot be opened, or that holds something else."""


class StoreAway(StoreError):
    """An event store that is out of reach, read-only or full for now: to try again is right."""


class BundleError(Unusable):
    """A bundle that is absent, damaged, or made for another ladder."""


class NoModel(Unusable):
    """A probability was asked for before there is a model; says how to make one."""


class NotEnoughData(Unusable):
    """Nothing to learn from or to evaluate on; says what is missing."""


class ExperimentError(Unusable):
    """An experiment that cannot be done on the ladder; says all that is wrong with it."""


class FunnelError(Unusable):
    """A step, a state or a trait that leads are not counted by."""


class PolicyError(Unusable):
    """A policy that there is none of, or one whose probabilities are no distribution."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint such as "; did you mean 'video'?", or "" where nothing is close."""
    spelt = {each.casefold(): each for each in known}
    close = get_close_matches(word.casefold(), list(spelt), n=1)
    return f"; did you mean {spelt[close[0]]!r}?" if close else ""


def without_password(source: object) -> str:
    """A file or the URL of a store as people are shown it: its password is nobody's to read.

    It reaches to the last @, since people do not encode those of a password.
    """
    return _PASSWORD_ASKED.sub(r"\1***", _PASSWORD.sub(r"\1:***@", str(source)))
