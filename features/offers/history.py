"""What a lead was offered and answered, and what else decides which offer can come next.

It is read from the rows of one lead on every recommendation. Which events matter, and to what, is
worked out once per ladder.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from features.events.of_lead import Row
from features.events.readable import (
    WITHDRAWN,
    channels_closed_by,
    channels_of,
    fit_in,
    fit_of,
    granted_of,
    offers_of,
    text_of,
)
from features.ladder.activity import activity_of
from features.ladder.field_names import channel_key, field_key, plain
from features.ladder.ladder import Beats, Commitment, EventRule, Ladder
from features.ladder.quiet_hours import zone_of
from features.ladder.words import USEFUL
from features.offers.assignments import CALLING, assignment_of
from features.offers.commitments import Open, commitments_of, followed_by, opened, still_open
from features.offers.in_order import Columns, in_order
from features.offers.known_fields import fields_of_form, fields_of_traits
from features.offers.topics import TopicPlan, gaps_of, topics_of
from features.offers.ways import BOUNCED, bounced_ways
from features.signals.beats import sums_of_rows
from features.signals.rules import RulesByName, met_any
from features.signals.table import ladder_columns

__all__ = ["OfferHistory", "completed_by", "completions_of", "history_of"]


@dataclass(frozen=True, slots=True)
class OfferHistory:
    """What was known of a lead at an instant. All times are in microseconds since the epoch, UTC.

    Parameters
    ----------
    extended : offer id and when, in time order, asks and support alike; "" is an offer that the
        event does not name.
    declined : offer id -> when the lead last declined it.
    unanswered : asks in a row since the last answer. The lead answers by seeing or declining an
        offer or by completing any rung. An offer that the ladder does not have counts as an ask.
    completed : rung id -> when first completed since the ladder was last begun anew.
    consents : channel, as `channel_key` has it -> whether the lead granted it, by the latest
        answer; "" is the answer for all channels. It replaces the answers for single channels
        before it, so that a channel's own answer, where there is one, is always the later one.
        Who unsubscribed by the name of an event has closed that channel as well.
    bounced : channels that do not work, as `channel_key` has them: what was sent by them has come
        back, and nothing has shown since that it arrives.
    fit : what the latest consultation found: "yes", "no", "unclear".
    gaps : what the latest event with `gaps` revealed; () where it revealed none.
    topics : what the next offer best goes on with: gaps that some offer is about, what the lead
        consumed last, unless that was before, and what it said of topics lately.
    fields : the profile fields that are known, by traits or by a form, as `field_key` names them.
    opened : ids of the offers that need not wait for an event, or whose event has come.
    is_lost : whether the lead is lost, by the ladder's own rules.
    in_flight : commitments that are open, in the ladder's order.
    taken : offer id -> when the lead itself last took it up, since the ladder was begun.
    sent : offer id -> when it was last sent to nurture the lead, which is no ask.
    time_zone : the lead's own, by the name of the IANA database; "" where none is known.
    arms : experiment -> the arm of it that the lead was put into first, and when.
    """

    extended: tuple[tuple[str, int], ...]
    declined: Mapping[str, int]
    unanswered: int
    completed: Mapping[str, int]
    consents: Mapping[str, bool]
    fit: str | None
    gaps: tuple[str, ...]
    topics: tuple[str, ...]
    fields: frozenset[str]
    opened: frozenset[str]
    is_lost: bool = False
    in_flight: Mapping[str, Open] = field(default_factory=dict)
    taken: Mapping[str, int] = field(default_factory=dict)
    sent: Mapping[str, int] = field(default_factory=dict)
    time_zone: str = ""
    arms: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    bounced: frozenset[str] = frozenset()

    @property
    def calling(self) -> tuple[str, int] | None:
        """The arm of those that are called or left alone, and since when; None without one."""
        return self.arms.get(CALLING)

    def may_contact(self, channel: str, *, unless_asked: bool) -> bool:
        """Whether a channel is open: by its own answer, else by that for all, else by default.

        Parameters
        ----------
        unless_asked : what holds where the lead said nothing.
        """
        said = self.said_of(channel)
        return unless_asked if said is None else said

    def said_of(self, *channels: str) -> bool | None:
        """What the lead said of the first of some channels that it has spoken of, else of all.

        None where it said nothing.
        """
        keys = (*map(channel_key, channels), "")
        return next((self.consents[key] for key in keys if key in self.consents), None)

    def knows(self, field_name: str) -> bool:
        """Whether a profile field is known, whatever the spelling of its name."""
        return field_key(field_name) in self.fields


_Properties = Mapping[str, object]


@dataclass(slots=True)
class _Walk:
    """What the rows up to here have said."""

    opened: set[str]
    extended: list[tuple[str, int]] = field(default_factory=list)
    declined: dict[str, int] = field(default_factory=dict)
    unanswered: int = 0
    completed: dict[str, int] = field(default_factory=dict)
    consents: dict[str, bool] = field(default_factory=dict)
    fit: str | None = None
    fields: set[str] = field(default_factory=set)
    is_lost: bool = False
    begun: dict[str, Open] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    time_zone: str = ""
    arms: dict[str, tuple[str, int]] = field(default_factory=dict)
    topics_said: dict[str, int] = field(default_factory=dict)


_Reader = Callable[[_Walk, int, _Properties], None]
"""Tells a walk about one event: when it happened and its properties."""


@dataclass(frozen=True, eq=False, slots=True)
class _Plan:
    """What of a ladder decides how a row is read.

    Parameters
    ----------
    readers : event name -> what reads such events, in order.
    open : ids of the offers that wait for nothing.
    topics : what says what events are about.
    no_forms : names of events that are no form that the lead filled in.
    interest : rules of what the lead did itself.
    commitments : their ids, in order.
    columns : the properties by which a log orders events of equal clocks.
    beats : events whose measure adds up; rules are met by the sums.
    channels : those that the offers name, as `channel_key` has them.
    """

    readers: Mapping[str, tuple[_Reader, ...]]
    open: frozenset[str]
    topics: TopicPlan
    no_forms: frozenset[str]
    interest: RulesByName
    commitments: tuple[str, ...]
    columns: Columns
    beats: tuple[Beats, ...]
    channels: frozenset[str]


def history_of(rows: Sequence[Row], ladder: Ladder, as_of: int) -> OfferHistory:
    """The history of one lead from its rows, in any order, that were known at `as_of`."""
    plan = _plan(ladder)
    walk = _Walk(set(plan.open))
    known = in_order(rows, plan.columns, as_of)
    readers = plan.readers
    sums = {one.measure: sums_of_rows(known, one) for one in plan.beats}
    for at, (when, (name, _, _, properties)) in enumerate(known):
        judged = properties
        for measure, found in sums.items():
            if at in found:
                judged = {**properties, measure: found[at]}
        for read in readers.get(name, ()):
            read(walk, when, judged)
        if name.endswith(WITHDRAWN):
            walk.consents |= dict.fromkeys(channels_closed_by(name, plan.channels), False)
        if properties and name not in plan.no_forms and (told := fields_of_form(name, properties)):
            walk.fields |= told
        if properties and (offer := _taken(name, properties, plan)):
            walk.taken[offer] = when
    gaps = gaps_of(known)
    said = plan.topics.lasting(walk.topics_said, as_of)
    has_bounced = any(row[0].endswith(BOUNCED) for _, row in known)
    return OfferHistory(
        extended=tuple(walk.extended),
        declined=walk.declined,
        unanswered=walk.unanswered,
        completed=walk.completed,
        consents=walk.consents,
        fit=walk.fit,
        gaps=gaps[1],
        topics=topics_of(known, plan.topics, gaps, said),
        fields=frozenset(walk.fields),
        opened=frozenset(walk.opened),
        is_lost=walk.is_lost,
        in_flight=still_open(walk.begun, plan.commitments, as_of),
        taken=walk.taken,
        sent=walk.sent,
        time_zone=walk.time_zone,
        arms=walk.arms,
        bounced=bounced_ways(known, ladder.events) if has_bounced else frozenset(),
    )


def completions_of(rows: Sequence[Row], ladder: Ladder, as_of: int) -> list[str | None]:
    """For each row the id of the highest rung that it completed; None where it completed none."""
    return [rungs[-1] if rungs else None for rungs in completed_by(rows, ladder, as_of)]


def completed_by(rows: Sequence[Row], ladder: Ladder, as_of: int) -> list[tuple[str, ...]]:
    """For each row the ids of the rungs that it completed, the lowest first.

    The first event that meets a rung's rules completes it, until the ladder is begun anew. A
    purchase that begins it anew is one all the same.
    """
    plan = _plan(ladder)
    known = in_order(rows, plan.columns, as_of)
    sums = {one.measure: sums_of_rows(known, one) for one in plan.beats}
    done: set[str] = set()
    found: dict[int, tuple[str, ...]] = {}
    for at, (_, row) in enumerate(known):
        judged = {**row[3], **{measure: held[at] for measure, held in sums.items() if at in held}}
        new = tuple(
            goal.id
            for goal in ladder.goals
            if goal.id not in done and met_any(goal.complete_when, row[0], judged)
        )
        if new:
            found[id(row)] = new
            done.update(new)
        if met_any(ladder.restart_on, row[0], judged):
            done.clear()
    return [found.get(id(row), ()) for row in rows]


# --------------------------------------------------------------------------------------------- Plan


@lru_cache(maxsize=64)
def _plan(ladder: Ladder) -> _Plan:
    """How the rows of a ladder's leads are read."""
    names, activity = ladder.events, activity_of(ladder)
    readers: defaultdict[str, list[_Reader]] = defaultdict(list)
    support = frozenset(offer.id for offer in ladder.offers if offer.role == "support")
    offers = {plain(offer.id): offer.id for offer in ladder.offers}
    offers |= {offer.id: offer.id for offer in ladder.offers}
    readers[names.offer_extended].append(_extends(offers, support))
    readers[names.offer_seen].append(_see)
    readers[names.exposure].append(_send)
    readers[names.offer_declined].append(_declines(offers))
    readers[names.consent].append(_consent)
    readers[names.consultation].append(_consult)
    readers[names.traits].append(_tell)
    readers[names.assignment].append(_assign)
    if ladder.limits.quiet.time_zone_trait:
        readers[names.traits].append(_tells_zone(ladder.limits.quiet.time_zone_trait))
    for goal in ladder.goals:
        _listen(readers, goal.complete_when, _completes(goal.id))
    _listen(readers, ladder.lost_when, _lose)
    _listen(readers, ladder.back_when, _win_back)
    for one in commitments_of(ladder):
        _listen(readers, one.until, _ends(one.id))
        _listen(readers, one.begins, _begins(one, followed_by(one, ladder)))
    _listen(readers, ladder.restart_on, _restart)  # after the rungs: what completes one too is over
    for offer in ladder.offers:
        _listen(readers, offer.only_after, _opens(offer.id))
    for topic in ladder.topics:
        _listen(readers, topic.says, _says(topic.name))
    return _Plan(
        readers={name: tuple(found) for name, found in readers.items()},
        open=frozenset(offer.id for offer in ladder.offers if not offer.only_after),
        topics=TopicPlan.of(ladder),
        no_forms=frozenset(
            (*(rule.event for rule in activity.ours), names.traits, names.consultation)
        ),
        interest=RulesByName(activity.interest),
        commitments=tuple(one.id for one in commitments_of(ladder)),
        columns=Columns(*ladder_columns(ladder)),
        beats=ladder.beats,
        channels=frozenset(channel_key(one) for offer in ladder.offers for one in offer.channels),
    )


def _listen(
    readers: defaultdict[str, list[_Reader]], rules: Sequence[EventRule], read: _Reader
) -> None:
    """Have `read` read the events that meet any of the rules."""
    for name in dict.fromkeys(rule.event for rule in rules):
        own = tuple(rule for rule in rules if rule.event == name)
        readers[name].append(_where(own, name, read))


def _where(rules: tuple[EventRule, ...], name: str, read: _Reader) -> _Reader:
    """Reads the events of one name that meet any of the rules."""
    if any(not rule.where for rule in rules):
        return read

    def reads(walk: _Walk, when: int, properties: _Properties) -> None:
        if met_any(rules, name, properties):
            read(walk, when, properties)

    return reads


# ------------------------------------------------------------------------------------------ Readers


def _extends(offers: Mapping[str, str], support: frozenset[str]) -> _Reader:
    def extend(walk: _Walk, when: int, properties: _Properties) -> None:
        named = _offers_in(properties, offers) or [""]
        walk.extended += [(offer, when) for offer in named]
        walk.unanswered += not support.issuperset(named)  # several at once are one ask

    return extend


def _offers_in(properties: _Properties, offers: Mapping[str, str]) -> list[str]:
    """The offers that an event names, by the ladder's ids where it has them in any spelling."""
    named = offers_of(properties)
    return [offers.get(one) or offers.get(plain(one), one) for one in named]


def _see(walk: _Walk, _when: int, _properties: _Properties) -> None:
    walk.unanswered = 0


def _send(walk: _Walk, when: int, properties: _Properties) -> None:
    if useful := text_of(properties.get(USEFUL)):
        walk.sent[useful] = when


def _declines(offers: Mapping[str, str]) -> _Reader:
    def decline(walk: _Walk, when: int, properties: _Properties) -> None:
        walk.unanswered = 0
        walk.declined |= dict.fromkeys(_offers_in(properties, offers), when)

    return decline


def _consent(walk: _Walk, _when: int, properties: _Properties) -> None:
    channels = channels_of(properties.get("channel"))
    if not channels:  # an answer for all of them
        walk.consents.clear()
    is_granted = granted_of(properties.get("granted")) is True  # what cannot be read is no consent
    walk.consents.update(dict.fromkeys(channels or ("",), is_granted))


def _consult(walk: _Walk, _when: int, properties: _Properties) -> None:
    walk.fit = fit_of(fit_in(properties)[1]) or walk.fit


def _tell(walk: _Walk, _when: int, properties: _Properties) -> None:
    walk.fields |= fields_of_traits(properties)


def _assign(walk: _Walk, when: int, properties: _Properties) -> None:
    told = assignment_of(properties)
    if told is not None:
        walk.arms.setdefault(told.experiment, (told.arm, when))


def _tells_zone(trait: str) -> _Reader:
    def tell_zone(walk: _Walk, _when: int, properties: _Properties) -> None:
        if trait in properties:
            named = text_of(properties[trait])
            walk.time_zone = named if named and zone_of(named) else ""

    return tell_zone


def _completes(rung: str) -> _Reader:
    def complete(walk: _Walk, when: int, _properties: _Properties) -> None:
        walk.unanswered = 0
        walk.completed.setdefault(rung, when)  # to do it again completes nothing

    return complete


def _restart(walk: _Walk, _when: int, _properties: _Properties) -> None:
    walk.completed.clear()
    walk.taken.clear()


def _begins(commitment: Commitment, followed: Commitment | None) -> _Reader:
    def begin(walk: _Walk, when: int, properties: _Properties) -> None:
        before = walk.begun.get(commitment.id)
        walk.begun[commitment.id] = opened(commitment, followed, before, when, properties)

    return begin


def _ends(commitment: str) -> _Reader:
    def end(walk: _Walk, _when: int, _properties: _Properties) -> None:
        walk.begun.pop(commitment, None)

    return end


def _lose(walk: _Walk, _when: int, _properties: _Properties) -> None:
    walk.is_lost = True


def _win_back(walk: _Walk, _when: int, _properties: _Properties) -> None:
    walk.is_lost = False


def _opens(offer: str) -> _Reader:
    def open_offer(walk: _Walk, _when: int, _properties: _Properties) -> None:
        walk.opened.add(offer)

    return open_offer


def _says(topic: str) -> _Reader:
    def say(walk: _Walk, when: int, _properties: _Properties) -> None:
        walk.topics_said[topic] = when

    return say


_TAKEN_BY: Final = ("offer", "asset")
"""Properties in which what a lead did names the offer that it took up."""


def _taken(name: str, properties: _Properties, plan: _Plan) -> str:
    """The offer that the lead took up with an event; "" for none."""
    for key in _TAKEN_BY:
        offer = properties.get(key)
        if isinstance(offer, str) and offer in plan.topics.of_offer:
            is_own = plan.interest.met(name, properties)
            return offer if is_own and not plan.topics.barred.met(name, properties) else ""
    return ""
