"""What happened to a lead, the newest first: what it did, what we did, and what Rung chose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Literal

from features.clock import is_over, rfc3339
from features.events.of_lead import Row
from features.events.properties import as_text
from features.events.readable import fit_in, fit_of, granted_of, until_of
from features.ladder.action import CLAIMED, HANDS, NOTED, RELEASED, SNOOZED, STAFF
from features.ladder.activity import activity_of
from features.ladder.ladder import Ladder
from features.ladder.words import OFFER, RECORD, USEFUL
from features.offers.decisions import OF_EXPERIMENT
from features.signals.protected import without_protected
from features.signals.rules import met_any
from features.store.people.actions import UNDO_US, KeptAction
from models.offers.options import NO_ASK, NURTURE
from serving.pages.common import words
from serving.pages.queue.aside import until_said
from serving.pages.queue.facts import ways_of
from serving.process.working.actions import zone

__all__ = ["MOST_EVENTS", "SIDES", "Entry", "Side", "entries_of", "notes_of"]

Side = Literal["theirs", "ours", "rung"]
SIDES: Final[dict[Side, str]] = {
    "theirs": "What they did",
    "ours": "What we did",
    "rung": "What Rung chose",
}
MOST_EVENTS: Final = 400
"""So many of a lead's latest events are told on its page."""
_MOST_PROPERTIES: Final = 8
_UNOFFERED: Final = {NO_ASK: "wait", NURTURE: "send something useful"}
_FOUND: Final = {
    "yes": "A consultation found a fit",
    "no": "A consultation found no fit",
    "unclear": "A consultation left open whether it is a fit",
}
_ANSWERED: Final = ("channel", "granted")
"""Properties of a consent that its text has told."""
_HIDDEN: Final = frozenset({RECORD, "decision_id", "context", "ip", "user_agent", "message_id"})
"""Properties that say nothing to whoever talks to the lead."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened, or the same several times in a row.

    Parameters
    ----------
    first_at, last_at : RFC 3339, UTC; the same where it happened once.
    step : the title of the step that it completed; "" for none.
    properties : names and values in words; of several none.
    """

    side: Side
    text: str
    count: int
    first_at: str
    last_at: str
    day: str
    step: str
    properties: tuple[tuple[str, str], ...]
    is_open: bool = False


def entries_of(
    rows: Sequence[Row],
    ladder: Ladder,
    completed: Sequence[str | None],
    open_actions: Sequence[KeptAction],
    now: int,
) -> list[Entry]:
    """The entries of events, the newest first.

    Parameters
    ----------
    rows : the events that are known, in any order.
    completed : for each row the title of the step that it completed.
    open_actions : what was done a moment ago, and is not in the log yet.
    """
    pairs = sorted(zip(rows, completed, strict=True), key=_newest_first, reverse=True)
    names = {offer.id: offer.title for offer in ladder.offers}
    told = [_entry_of_action(action, now) for action in reversed(open_actions)]
    for _, group in groupby(pairs, key=lambda pair: _alike(pair, ladder, names)):
        told.append(_entry(list(group), ladder, names, now))
    return told


def notes_of(rows: Sequence[Row], open_actions: Sequence[KeptAction]) -> list[tuple[str, str, str]]:
    """What was noted, the newest first: who, when (RFC 3339), and the text."""
    found = [(row[1], row[3]) for row in rows if row[0] == NOTED]
    for action in open_actions:
        found += [(action.done_at, dict(held)) for name, held in action.events if name == NOTED]
    newest_first = sorted(found, key=lambda one: one[0], reverse=True)
    return [
        (_by(held), rfc3339(at), words.plain_lines(held.get("text"))) for at, held in newest_first
    ]


def _by(held: Mapping[str, object]) -> str:
    return words.shown(held.get("by") or "Somebody")


def _newest_first(pair: tuple[Row, str | None]) -> tuple[int, int]:
    return min(pair[0][1], pair[0][2]), pair[0][2]


def _alike(
    pair: tuple[Row, str | None], ladder: Ladder, names: Mapping[str, str]
) -> tuple[object, ...]:
    """Events in a row that are told as one: the same thing, none of which completes a step.

    Each question has words of its own, and waits for an answer.
    """
    row, step = pair
    if step is not None or row[0] == ladder.events.lead_asked:
        return (id(row),)
    return _side(row, ladder), _text(row, ladder, names)


def _entry(
    group: Sequence[tuple[Row, str | None]], ladder: Ladder, names: Mapping[str, str], now: int
) -> Entry:
    (last, step), (first, _) = group[0], group[-1]
    last_at, first_at = min(last[1], last[2]), min(first[1], first[2])
    return Entry(
        side=_side(last, ladder),
        text=_text(last, ladder, names),
        count=len(group),
        first_at=rfc3339(first_at),
        last_at=rfc3339(last_at),
        day=words.day(last_at, now),
        step=step or "",
        properties=_properties(last, ladder) if len(group) == 1 else (),
    )


def _entry_of_action(action: KeptAction, now: int) -> Entry:
    at = rfc3339(action.done_at)
    text = f"{action.title}, by {words.shown(action.name)}"
    is_open = not is_over(action.due_at, now, UNDO_US)
    return Entry("ours", text, 1, at, at, words.day(action.done_at, now), "", (), is_open)


def _side(row: Row, ladder: Ladder) -> Side:
    name, _, _, properties = row
    events = ladder.events
    if name in (events.decision, events.exposure, events.outcome, events.assignment):
        return "ours" if _drawn_in(properties) else "rung"
    rules = activity_of(ladder)
    if name in STAFF or met_any(rules.ours, name, properties):
        return "ours"
    by_button = {action.event for action in ladder.buttons} - {events.offer_declined}
    theirs = met_any(rules.interest, name, properties) or met_any(rules.against, name, properties)
    return "ours" if name in by_button and not theirs else "theirs"


def _text(row: Row, ladder: Ladder, names: Mapping[str, str]) -> str:
    """What happened, in words; titles and never ids."""
    name, _, _, held = row
    offer = as_text(held.get(OFFER)) or ""
    useful = names.get(as_text(held.get(USEFUL)) or "", "")
    title = ": ".join(filter(None, (_UNOFFERED.get(offer) or names.get(offer), useful)))
    by = f" by {_by(held)}" if held.get("by") else ""
    events = ladder.events
    arm = words.titled(words.shown(as_text(held.get("arm")) or "an arm"))
    others = _drawn_in(held)
    chose = f"Drawn by lot in {others}" if others else "Rung chose"
    shown = f"Reached by what {others} drew" if others else "Shown as Rung chose"
    told = {
        events.decision: f"{chose}: {title or _UNOFFERED[NO_ASK]}",
        events.exposure: f"{shown}{title and f': {title}'}",
        events.outcome: "What came of it was reported",
        events.assignment: f"Drawn by lot into “{arm}”{_of_experiment(held, ladder)}",
        events.offer_extended: f"Offered{title and f': {title}'}",
        events.offer_declined: f"Said no{title and f' to {title}'}",
        events.traits: "Told us about themselves" if held else "Was recognised",
        events.lead_asked: "Asked us something",
        events.business_replied: "We replied",
        events.consent: _consent(held),
        events.consultation: _FOUND.get(fit_of(fit_in(held)[1]) or "", ""),
        events.offer_seen: f"Saw an offer{title and f': {title}'}",
        CLAIMED: f"Taken{by}",
        RELEASED: f"Let go{by}",
        SNOOZED: _aside(row, by, ladder),
        NOTED: f"Noted{by}",
    }
    return told.get(name) or words.titled(words.shown(name))


def _consent(held: Mapping[str, object]) -> str:
    """What somebody said of ways to be reached: "Refused: phone"; "" where that cannot be read."""
    granted = granted_of(held.get("granted"))
    if granted is None:
        return ""
    return f"{'Agreed' if granted else 'Refused'}: {ways_of(held)}"


def _drawn_in(held: Mapping[str, object]) -> str:
    """The experiment of others that an event of a decision is of, in words; "" for Rung's own."""
    policy = as_text(held.get("policy")) or ""
    if not policy.startswith(OF_EXPERIMENT):
        return ""
    return f"“{words.titled(words.shown(policy.removeprefix(OF_EXPERIMENT)))}”"


def _of_experiment(held: Mapping[str, object], ladder: Ladder) -> str:
    """Of which experiment that runs an arm is, in words; "" for another one."""
    id_ = as_text(held.get("experiment"))
    one = next((one for one in ladder.experiments if one.id == id_), None)
    return "" if one is None else f" of “{words.shown(one.title or words.titled(one.id))}”"


def _aside(row: Row, by: str, ladder: Ladder) -> str:
    """That somebody was put aside, or is no more: an end that has passed says so."""
    _, occurred, _, held = row
    until = None if granted_of(held.get("until_back")) is True else until_of(held) or occurred
    if until is not None and until <= occurred:
        return f"Brought back{by}"
    return f"Put aside{by} {until_said(until, occurred, zone(ladder))}"


def _properties(row: Row, ladder: Ladder) -> tuple[tuple[str, str], ...]:
    """What an event says beside its name, of strangers' words none that hide anything."""
    name, _, _, held = row
    events = ladder.events
    if name in (events.decision, events.exposure, events.assignment) or name in HANDS:
        return ()
    is_answer = name == events.consent and bool(_consent(held))
    told = without_protected(ladder, held)
    shown = [
        words.measured(words.shown(key), value)
        for key, value in sorted(told.items())
        if key not in _HIDDEN
        and key not in (OFFER, USEFUL)
        and value not in (None, "")
        and not (is_answer and key in _ANSWERED)
    ]
    return tuple(shown[:_MOST_PROPERTIES])
