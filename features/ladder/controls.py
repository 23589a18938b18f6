"""What is done with some leads by lot, so that it can be measured: controls and experiments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, get_args

from features.ladder.event_rule import EventRule, Gain
from features.ladder.words import AGAINST_ENDINGS
from features.toml_table import Table

__all__ = [
    "EXPERIMENT_KINDS",
    "LEFT_ALONE_POLICIES",
    "STANDING",
    "Afterwards",
    "Arm",
    "Controls",
    "Experiment",
    "ExperimentKind",
    "read_controls",
    "refused_afterwards",
]

ExperimentKind = Literal["offer", "policy", "ladder", "content", "framing", "channel", "hour"]
"""What differs between the arms. Rung itself gives leads the offers and the policy of their arm;
the others are done by the tool that asks for a lead's arm."""
EXPERIMENT_KINDS: Final[tuple[ExperimentKind, ...]] = get_args(ExperimentKind)
LEFT_ALONE_POLICIES: Final = ("no_ask", "usual")
"""Arms in which Rung suggests nothing: nobody asks anything, or all goes on as without Rung."""
STANDING: Final = "standing"
"""How the experiment begins that the ladder's own shares make, and by which it can be asked for."""
_RUNG: Final = "rung"
_RANDOM: Final = "uniform"
"""The policy that gives every option the same chance."""
_MOST: Final = 0.9


@dataclass(frozen=True, slots=True)
class Controls:
    """Shares of leads, by lot; 0 is off.

    Parameters
    ----------
    none : of the leads that become worth a call, the share that nobody calls.
    no_ask, usual, random : of all leads, the share that is asked nothing, that the business treats
        as it did without Rung, and that gets offers at random.
    """

    none: float = 0.0
    no_ask: float = 0.0
    usual: float = 0.0
    random: float = 0.0

    @property
    def standing(self) -> Experiment | None:
        """The experiment of the shares of all leads; None where all are 0."""
        held = (("no_ask", self.no_ask), ("usual", self.usual), (_RANDOM, self.random))
        arms = tuple(
            Arm("random" if policy == _RANDOM else policy, share, policy=policy)
            for policy, share in held
            if share
        )
        if not arms:
            return None
        rest = Arm(_RUNG, 1.0 - sum(arm.share for arm in arms))
        # Other shares are another experiment: who is in which arm stays comparable. With the same
        # salt a lead that was asked nothing is so still, where the share is not smaller.
        shares = "-".join(f"{share:g}" for _, share in held)
        return Experiment(
            f"{STANDING}-{shares}",
            "policy",
            (*arms, rest),
            control=arms[0].id,
            title="Rung itself",
            salt=STANDING,
        )


@dataclass(frozen=True, slots=True)
class Arm:
    """What some leads of an experiment get.

    Parameters
    ----------
    share : of the leads, in (0, 1).
    offers : of a kind "offer": what the leads of this arm are asked with, and no offers of others.
    policy : of a kind "policy": what chooses for them; one of `LEFT_ALONE_POLICIES` leaves them
        alone, "" is the policy that serves.
    """

    id: str
    share: float
    offers: tuple[str, ...] = ()
    policy: str = ""


@dataclass(frozen=True, slots=True)
class Experiment:
    """Two arms or more that leads are put into by lot, each once and for good.

    Parameters
    ----------
    control : the arm that the others are compared with.
    step : the leads that come to stand before this step; "" for all.
    salt : draws the arms; another one draws other leads. "" is the id.
    """

    id: str
    kind: ExperimentKind
    arms: tuple[Arm, ...]
    control: str
    step: str = ""
    title: str = ""
    salt: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether Rung puts leads into it when it looks at them, and does what their arm says."""
        return self.kind in ("offer", "policy")

    def arm(self, arm_id: str) -> Arm | None:
        """The arm of an id; None where it has none such."""
        return next((arm for arm in self.arms if arm.id == arm_id), None)


@dataclass(frozen=True, slots=True)
class Afterwards:
    """What comes after a purchase, such as renewals and referrals: told apart, and never a signal.

    Parameters
    ----------
    gain : the events, and what each is worth.
    days : how long after a lead was put into an arm they count.
    """

    id: str
    title: str
    gain: Gain
    days: float = 365.0


def refused_afterwards(
    after_purchase: Iterable[Afterwards], restart_on: Iterable[EventRule]
) -> tuple[EventRule, ...]:
    """What comes after a purchase and is called as refusals are, and is none.

    Such an event ends what was bought, and says nothing of whether a lead will buy. So does what
    begins the ladder anew, whatever else is said of it: all events of a name, in the order of the
    names, and then those of other names of which only some do.
    """
    rules = [rule for rule in restart_on if rule.event.endswith(AGAINST_ENDINGS)]
    names = {one.gain.rule.event for one in after_purchase}
    names |= {rule.event for rule in rules if not rule.where}
    whole = sorted(name for name in names if name.endswith(AGAINST_ENDINGS))
    return (*map(EventRule, whole), *(rule for rule in rules if rule.event not in names))


def read_controls(table: Table) -> Controls:
    """The table [controls]."""
    shares = [
        table.number_that(name, 0.0, lambda share: 0 <= share <= 0.5, "be in [0, 0.5]")
        for name in ("none", "no_ask", "usual", "random")
    ]
    if sum(shares[1:]) > _MOST:
        table.wrong("random", f"no_ask, usual and random are {_MOST:g} together at most")
    return Controls(*shares)
