"""What holds between the tables of a ladder file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Final

from features.errors import did_you_mean
from features.ladder.action import LeadAction
from features.ladder.activity import activity_of
from features.ladder.event_rule import EventRule
from features.ladder.field_names import plain
from features.ladder.file.names import ID, PURCHASE, check_unique
from features.ladder.file.offers import BUILT_IN
from features.ladder.ladder import Commitment, EventNames, Identity, Ladder, Limits, Offer, Step
from features.ladder.source import Source
from features.ladder.words import REPLY
from features.toml_table import FileOrder, Found, PropertyUse, Table, listed

__all__ = [
    "check_afterwards",
    "check_commitments",
    "check_completions",
    "check_interest",
    "check_offer_steps",
    "check_property_types",
    "check_protected",
    "check_source_events",
    "check_step_count",
]

FEWEST_STEPS, MOST_STEPS = 2, 12
_HINTED: Final = 50
"""Names that a misspelt one is compared with."""


def check_afterwards(found: Found, ladder: Ladder) -> None:
    """What comes after a purchase is no signal: nothing that is learned from reads its events.

    It may begin the ladder anew: a contract that ended is won again, and changes nothing before it.
    """
    check_unique(found, "after_purchase", [one.id for one in ladder.after_purchase])
    read, settled = _Read(ladder), _settled_by(ladder)
    for at, one in enumerate(ladder.after_purchase):
        event = one.gain.rule.event
        if read.has(event):
            found.wrong(
                f"after_purchase[{at}].event",
                f"{event!r} is read by a step or a signal, and would be learned from",
                "an event that no step and no signal reads, and that is no interest in [activity]",
            )
        elif event in settled:
            found.wrong(
                f"after_purchase[{at}].event",
                f"{event!r} is named by {settled[event]} too, and settles what is learned from",
                "another event at one of the two; restart_on may name what comes after a purchase",
            )


def _settled_by(ladder: Ladder) -> dict[str, str]:
    """The events that say which leads are scored, when, or that one has failed, each with where."""
    lists = (
        ("lost_when", ladder.lost_when),
        ("back_when", ladder.back_when),
        ("score_at", ladder.score_at),
    )
    places: dict[str, str] = {}
    for key, rules in lists:
        for at, rule in enumerate(rules):
            places.setdefault(rule.event, f"ladder.{key}[{at}]")
    return places


class _Read:
    """What steps and signals read; some signals read all that is interest."""

    def __init__(self, ladder: Ladder) -> None:
        self.names = {rule.event for goal in ladder.goals for rule in goal.complete_when}
        self.names |= {name for goal in ladder.goals for name in goal.engaged_by}
        self.names |= {rule.event for row in ladder.signals for rule in row.of}
        self.names |= set(asdict(ladder.events).values())  # those with a role: offers, replies, ...
        activity = activity_of(ladder)
        # What only ends as a refusal does, as `seat_cancelled`, is ruled out by `activity_of`.
        self.against = _Named(ladder.activity.against or ())
        self.interest, self.barred = _Named(activity.interest), _Named(activity.barred)

    def has(self, event: str) -> bool:
        """Whether events of a name are read."""
        is_interest = self.interest.has(event) and not self.barred.has(event)
        return event in self.names or self.against.has(event) or is_interest


class _Named:
    """Names of events that rules are for, each looked up at once: a file may have very many."""

    def __init__(self, rules: Iterable[EventRule]) -> None:
        names = {rule.event for rule in rules}
        self._endings = {name[1:] for name in names if name.startswith("*")}
        self._names = names
        self._lengths = {len(ending) for ending in self._endings}

    def has(self, event: str) -> bool:
        """Whether events of this name may meet one of the rules."""
        return event in self._names or any(
            event[len(event) - length :] in self._endings
            for length in self._lengths
            if length <= len(event)
        )


def check_step_count(root: Table, steps: Sequence[Step]) -> None:
    """A ladder has neither too few steps nor too many."""
    if FEWEST_STEPS <= len(steps) <= MOST_STEPS or (root.has("step") and root.is_doubtful("step")):
        return
    problem = f"a ladder has {FEWEST_STEPS} to {MOST_STEPS} steps, this one has {len(steps)}"
    root.wrong("step", problem, "one [[step]] for each, without the purchase")


def check_source_events(found: Found, sources: Sequence[Source], roles: EventNames) -> None:
    """No source sends what Rung itself writes."""
    own = (roles.decision, roles.exposure, roles.outcome, roles.assignment)
    for index, source in enumerate(sources):
        given = [("event", source.event), *((f"names.{kind}", to) for kind, to in source.names)]
        for key, name in given:
            if name in own:
                problem = f"cannot be {name!r}"
                found.wrong(f"source[{index}].{key}", problem, "Rung itself writes that event")


def check_completions(found: Found, steps: Sequence[Step], purchase: Step) -> None:
    """Two rungs completed by the very same events cannot be told apart."""
    seen: dict[frozenset[object], str] = {}
    paths = [*(f"step[{index}]" for index in range(len(steps))), PURCHASE]
    for path, rung in zip(paths, (*steps, purchase), strict=True):
        at = f"{path}.complete_when"
        if not rung.complete_when or found.is_wrong(at):
            continue
        rules = frozenset((rule.event, frozenset(rule.where)) for rule in rung.complete_when)
        if rules in seen:
            found.wrong(at, f"is the same as {seen[rules]}", "each step needs events of its own")
        seen.setdefault(rules, at)


def check_interest(found: Found, ladder: Ladder) -> None:
    """What always speaks against a lead completes no step."""
    against = _Named(rule for rule in activity_of(ladder).against if not rule.where)
    paths = [*(f"step[{index}]" for index in range(len(ladder.steps))), PURCHASE]
    for path, rung in zip(paths, ladder.goals, strict=True):
        for index, rule in enumerate(rung.complete_when):
            if against.has(rule.event):
                found.wrong(
                    f"{path}.complete_when[{index}].event",
                    f"{rule.event!r} speaks against a lead and completes no step",
                    "another event, or other rules in [activity] against",
                )


def check_commitments(
    found: Found,
    offers: Sequence[Offer],
    actions: Sequence[LeadAction],
    commitments: Sequence[Commitment],
) -> None:
    """Only commitments that there are are named; one follows another that runs out by itself."""
    own = [one.id for one in commitments]
    places: list[tuple[str, Sequence[str], Sequence[str]]] = []
    places += [(f"offer[{at}].during", one.during, BUILT_IN) for at, one in enumerate(offers)]
    places += [(f"offer[{at}].not_while", one.not_while, BUILT_IN) for at, one in enumerate(offers)]
    places += [(f"action[{at}].during", one.during, (REPLY,)) for at, one in enumerate(actions)]
    for path, names, built_in in places:
        known = [*own, *built_in]
        for name in names:
            if name not in known:
                problem = f"there is no commitment {name!r}{_hint(name, known)}"
                found.wrong(path, problem, f"one of {listed(known)}")
    others = {one.id: one for one in commitments if one.begins}
    for index, one in enumerate(commitments):
        if not (one.until or one.ends_at or one.days):
            found.wrong(f"commitment[{index}]", "never ends", "give it until, ends_at or days")
        if one.after:
            _check_followed(found, f"commitment[{index}].after", one.after, others)


def _check_followed(found: Found, path: str, after: str, others: Mapping[str, Commitment]) -> None:
    """What is followed is one of those that an event begins, and is over by time."""
    followed = others.get(after)
    if followed is None:
        problem = f"there is no commitment {after!r} with from{_hint(after, list(others))}"
        found.wrong(path, problem, "one that an event begins")
    elif not (followed.ends_at or followed.days):
        problem = f"{followed.id!r} never runs out, so that nothing follows it"
        found.wrong(path, problem, f"give {followed.id!r} ends_at or days")


def check_protected(
    found: Found,
    protected: Mapping[str, str],
    offers: Sequence[Offer],
    commitments: Sequence[Commitment],
    identity: Identity,
    limits: Limits,
) -> None:
    """Nothing but the trait itself names a protected trait, by whatever spelling.

    Parameters
    ----------
    protected : the ids of the protected traits, and where each stands.
    """
    named = [
        (use.path, use.property)
        for use in found.uses
        if not (use.property in protected and use.path.startswith("trait["))
    ]
    for at, offer in enumerate(offers):
        named += [(f"offer[{at}].effort.form_fields", name) for name in offer.effort.form_fields]
    named += [("identity.identify_by", name) for name in identity.identify_by]
    named += [(f"commitment[{at}].ends_at", one.ends_at) for at, one in enumerate(commitments)]
    named += [("limits.time_zone_trait", limits.quiet.time_zone_trait)]
    keys = {plain(one): one for one in protected}
    for path, name in named:
        if (trait := keys.get(plain(name))) is not None:
            here = protected[trait] if path == "Rung itself" else path
            found.wrong(
                here,
                f"names {name!r}, and the trait {trait!r} is protected",
                "the report of groups alone reads it",
            )


def check_offer_steps(root: Table, steps: Sequence[Step], offers: Sequence[Offer]) -> None:
    """Offers name steps that there are."""
    ids = [step.id for step in steps]
    sound = [name for name in ids if ID.fullmatch(name) and name != PURCHASE]
    known = [*sound, PURCHASE]
    # Where the steps have mistakes themselves, an offer may mean the one that is unreadable.
    is_sure = bool(ids) and sound == ids and not root.is_doubtful("step")
    there, remedy = {*ids, PURCHASE}, f"one of {listed(known)}"
    for index, offer in enumerate(offers):
        if not offer.step or offer.step in there:
            continue
        hint = _hint(offer.step, known)
        if is_sure or hint:
            problem = f"there is no step {offer.step!r}{hint}"
            root.found.wrong(f"offer[{index}].step", problem, remedy)


def _hint(name: str, known: Sequence[str]) -> str:
    """What may have been meant, of the first names there are: each of many would look at all."""
    return did_you_mean(name, known[:_HINTED])


def check_property_types(found: Found, order: FileOrder) -> None:
    """A property is a number everywhere or a text everywhere, as it has one column in the log."""
    first: dict[str, PropertyUse] = {}
    clashing: set[str] = set()
    for use in sorted(found.uses, key=lambda use: order.rank(use.path)):
        other = first.setdefault(use.property, use)
        if other.is_text == use.is_text or use.property in clashing:
            continue
        clashing.add(use.property)
        words = ("a text", "a number") if use.is_text else ("a number", "a text")
        found.wrong(
            use.path,
            f"reads {use.property!r} as {words[0]}, {other.path} as {words[1]}",
            "a property has one type",
        )
