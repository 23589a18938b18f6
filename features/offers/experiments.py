"""Experiments as they are asked for and kept: plain values, checked against the ladder."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from math import isclose
from typing import Any, Final

from features.errors import ExperimentError, did_you_mean
from features.ladder.controls import (
    EXPERIMENT_KINDS,
    LEFT_ALONE_POLICIES,
    STANDING,
    Arm,
    Experiment,
)
from features.ladder.ladder import Ladder
from features.offers.assignments import CALLING

__all__ = [
    "LEFT_ALONE",
    "body_of",
    "check_experiment",
    "check_experiment_of_others",
    "check_words",
    "experiment_of",
    "with_experiments",
]

LEFT_ALONE: Final = "no_ask"
"""What an arm of somebody else's experiment names instead of an offer: its leads were not asked."""

_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_SHAPE: Final = "an id has small letters, digits, - and _, 64 of them at most"
_MOST_ARMS: Final = 10
_MOST_LETTERS: Final = 1024
_LEAST_SHARE: Final = 1e-4
_SUM_WITHIN: Final = 1e-6


def body_of(experiment: Experiment) -> dict[str, Any]:
    """As plain values, to be read by `experiment_of`."""
    return asdict(experiment)


def experiment_of(body: Mapping[str, Any]) -> Experiment:
    """The reverse of `body_of`."""
    arms = tuple(
        Arm(**{**arm, "share": float(arm["share"]), "offers": tuple(arm["offers"])})
        for arm in body["arms"]
    )
    return Experiment(**{**body, "arms": arms})


def with_experiments(ladder: Ladder, running: Sequence[Experiment]) -> Ladder:
    """The ladder with what runs on it: the standing controls of its file, then these."""
    standing = ladder.controls.standing
    return replace(ladder, experiments=(*((standing,) if standing else ()), *running))


def check_experiment(experiment: Experiment, ladder: Ladder, policies: Collection[str]) -> None:
    """Refuse an experiment that cannot be done on a ladder.

    Parameters
    ----------
    policies : the names of those that there are.

    Raises
    ------
    ExperimentError : all that is wrong with it, and what would be right.
    """
    looks = (_wrong_name, _wrong_step, _wrong_shares)
    wrong = [said for look in looks for said in look(experiment, ladder)]
    for arm in experiment.arms:
        wrong += [f"arm {arm.id!r}: {said}" for said in _wrong_offers(arm, experiment, ladder)]
        wrong += [f"arm {arm.id!r}: {said}" for said in _wrong_arm(arm, experiment, policies)]
    if wrong:
        raise ExperimentError(f"experiment {experiment.id!r}: {'; '.join(wrong)}")


def check_experiment_of_others(experiment: Experiment, ladder: Ladder) -> None:
    """Refuse an experiment that somebody else made, where a ladder cannot tell what its arms got.

    Its arms are called as the other tool calls them. Each names one offer that asks, whatever has
    become of it since, or `LEFT_ALONE`; several may name the same.

    Raises
    ------
    ExperimentError : all that is wrong with it, and what would be right.
    """
    looks = (_wrong_name, _wrong_shares)
    wrong = [said for look in looks for said in look(experiment, ladder)]
    for arm in experiment.arms:
        says = (*_wrong_share(arm), *_wrong_got(arm, ladder))
        wrong += [f"arm {arm.id!r}: {said}" for said in says]
    got = {arm.offers for arm in experiment.arms}
    if len(experiment.arms) > 1 and len(got) == 1:
        wrong.append("all arms got the same: there is nothing to compare")
    if wrong:
        raise ExperimentError(f"experiment {experiment.id!r}: {'; '.join(wrong)}")


def check_words(text: str, what: str) -> None:
    """Refuse words about an experiment that a table or a terminal could not show.

    Raises
    ------
    ExperimentError : says what would be right.
    """
    wrong = _wrong_words(text, what)
    if wrong:
        raise ExperimentError(wrong)


def _wrong_words(text: str, what: str) -> str:
    """What is wrong with them; "" if nothing is."""
    if text.isprintable() and len(text) <= _MOST_LETTERS:
        return ""
    return f"{what} is one line of {_MOST_LETTERS:,} letters at most, without control characters"


def _wrong_name(experiment: Experiment, _: Ladder) -> Iterator[str]:
    if wrong := _wrong_words(experiment.title, "a title"):
        yield wrong
    if not _ID.fullmatch(experiment.id):
        yield _SHAPE
    if experiment.id == CALLING or experiment.id.startswith(STANDING):
        yield f"{experiment.id!r} is an experiment of Rung's own: choose another id"
    if experiment.kind not in EXPERIMENT_KINDS:
        hint = did_you_mean(experiment.kind, EXPERIMENT_KINDS)
        yield f"no kind {experiment.kind!r}, but {', '.join(EXPERIMENT_KINDS)}{hint}"


def _wrong_step(experiment: Experiment, ladder: Ladder) -> Iterator[str]:
    steps = [goal.id for goal in ladder.goals]
    if experiment.step and experiment.step not in steps:
        hint = did_you_mean(experiment.step, steps)
        yield f"the ladder has no step {experiment.step!r}, but {', '.join(steps)}{hint}"
    if experiment.kind == "offer":
        if not experiment.step:
            yield "an experiment with offers needs the step that they are for"
        if not any(arm.offers for arm in experiment.arms):
            yield "no arm names an offer"


def _wrong_shares(experiment: Experiment, _: Ladder) -> Iterator[str]:
    if not 2 <= len(experiment.arms) <= _MOST_ARMS:
        yield f"it has {len(experiment.arms)} arms: write 2 to {_MOST_ARMS}"
    ids = [arm.id for arm in experiment.arms]
    if len(set(ids)) < len(ids):
        yield "two arms have the same id"
    if experiment.control not in ids:
        yield f"the control {experiment.control!r} is no arm of it: one of {', '.join(ids)}"
    total = sum(arm.share for arm in experiment.arms)
    if not isclose(total, 1.0, abs_tol=_SUM_WITHIN):
        yield f"the shares of the arms sum to {total:.6g}, not to 1"


def _wrong_arm(arm: Arm, experiment: Experiment, policies: Collection[str]) -> Iterator[str]:
    if not _ID.fullmatch(arm.id):
        yield _SHAPE
    yield from _wrong_share(arm)
    known = (*policies, *LEFT_ALONE_POLICIES)
    if arm.policy and experiment.kind != "policy":
        yield "only an experiment of the kind 'policy' names a policy"
    elif arm.policy and arm.policy not in known:
        yield f"no policy {arm.policy!r}, but {', '.join(known)}{did_you_mean(arm.policy, known)}"


def _wrong_share(arm: Arm) -> Iterator[str]:
    if not 0.0 < arm.share < 1.0:
        yield f"the share {arm.share:g} is not between 0 and 1"
    elif arm.share < _LEAST_SHARE:
        yield f"the share {arm.share:g} is below {_LEAST_SHARE:g}: nobody would come into it"


def _wrong_got(arm: Arm, ladder: Ladder) -> Iterator[str]:
    """What is wrong with what the leads of an arm got, by somebody else's word."""
    if len(arm.offers) != 1:
        yield f"name the one offer that its leads were asked with, or {LEFT_ALONE}"
        return
    (named,) = arm.offers
    asks = [offer.id for offer in ladder.offers if offer.role == "ask"]
    if named != LEFT_ALONE and named not in asks:
        hint = did_you_mean(named, [*asks, LEFT_ALONE])
        yield f"the ladder has no offer {named!r} that asks, but {', '.join(asks) or 'none'}{hint}"


def _wrong_offers(arm: Arm, experiment: Experiment, ladder: Ladder) -> Iterator[str]:
    if arm.offers and experiment.kind != "offer":
        yield "only an experiment of the kind 'offer' names offers"
        return
    there = [offer.id for offer in ladder.offers_of(experiment.step)]
    for offer in arm.offers:
        if offer not in there:
            hint = did_you_mean(offer, there)
            known = ", ".join(there) or "none"
            yield f"{offer!r} is no active offer of {experiment.step!r}, which has {known}{hint}"
