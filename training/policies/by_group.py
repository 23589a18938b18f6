"""Whether a policy treats the groups of protected traits alike: whom it asks, and with a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from features.arrays import Bools, Floats
from features.events.log import EventLog
from features.ladder.ladder import Ladder
from features.signals.protected import ProtectedTrait, protected_traits
from models.judging.groups.figures import GroupMeasure
from models.judging.groups.report import (
    ASKED,
    ASKED_BY_LOG,
    ASKED_PERSON,
    ASKED_PERSON_BY_LOG,
    GroupsReport,
    groups_report,
)
from models.offers.options import options_of
from training.policies.decisions import Decisions

__all__ = ["MEASURES_OF_POLICIES", "groups_of_policy"]

MEASURES_OF_POLICIES: Final = (ASKED, ASKED_PERSON)
"""What the gate looks at: what the policy would do. What the log did stands beside it."""


def groups_of_policy(
    log: EventLog, ladder: Ladder, judged: Decisions, target: Floats
) -> GroupsReport | None:
    """The groups of every protected trait; None where the ladder has no such trait.

    Parameters
    ----------
    target : shape (n, n_options), with what chance the policy chooses each option.
    """
    is_ask, with_person = options_of(ladder).is_ask, _with_person(ladder)
    chosen = np.zeros(target.shape)
    chosen[np.arange(len(judged)), judged.chosen] = 1.0
    shares = {
        ASKED: target @ is_ask,
        ASKED_PERSON: target @ with_person,
        ASKED_BY_LOG: chosen @ is_ask,
        ASKED_PERSON_BY_LOG: chosen @ with_person,
    }

    def measured(one: ProtectedTrait) -> Sequence[GroupMeasure]:
        return [
            GroupMeasure(one.id, name, one.groups, one.group, judged.lead, np.clip(share, 0.0, 1.0))
            for name, share in shares.items()
        ]

    traits = protected_traits(log, ladder, judged.lead, judged.as_of)
    return groups_report(traits, judged.lead, measured, ladder.groups.least_ratio)


def _with_person(ladder: Ladder) -> Bools:
    """Shape (n_options,): whether an option asks for something in which a person takes part."""
    options = options_of(ladder)
    human = {offer.id for offer in ladder.offers if offer.effort.human}
    found: Bools = options.is_ask & np.array([name in human for name in options.ids])
    return found
