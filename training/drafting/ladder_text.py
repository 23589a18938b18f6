"""A drafted ladder as the text of its file, with what to look at beside each guess."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import chain, count
from typing import Final

import numpy as np

from features.arrays import Floats
from features.events.log import DAY_US
from features.ladder.field_names import plain
from features.ladder.file import NOT_AN_OFFER
from features.ladder.words import in_percent
from models.judging.intervals import wilson
from training.drafting.draft import Draft
from training.drafting.profile import SeenOffer, SeenTrait
from training.drafting.steps import DraftedStep, Measured
from training.drafting.timeline import Deed

__all__ = ["judged_from", "ladder_text", "step_ids", "written_offers", "written_traits"]

_HORIZONS: Final = (1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90, 120, 180, 270, 365)
_WITHIN: Final = 0.8
"""The share of those who go on that do so within a horizon."""
_ID: Final = re.compile(r"[a-z][a-z0-9_-]*")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
"""What no comment may hold."""
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")

_PROTECTED: Final = frozenset(
    {
        *("gender", "sex", "age", "birthyear", "yearofbirth", "ethnicity", "race", "religion"),
        *("nationality", "disability", "sexualorientation", "maritalstatus", "pregnant"),
    }
)
"""Names of what leads are not to be told apart by."""


def ladder_text(draft: Draft, name: str, imports: str = "") -> str:
    """The TOML of a draft.

    Parameters
    ----------
    name : of the ladder.
    imports : the text of its [import] table; "" for none.
    """
    ids = step_ids(draft)
    parts = [_said(draft), imports.strip(), _head(name)]
    parts += [_step(draft, at, ids[at]) for at in range(len(draft.steps))]
    parts.append(_purchase(draft))
    parts += [_offer(one, [*ids, "purchase"]) for one in written_offers(draft)]
    agreed = {_slug(name): (name, ends) for name, ends in draft.agreed.items()}
    parts += [_commitment(*one) for id_, one in agreed.items() if _ID.fullmatch(id_)]
    told = [one.deed for step in draft.steps for one in step.deeds]
    read = {plain(name) for deed in told for name in (deed.number, deed.text)}
    parts += [_trait(one, read) for one in written_traits(draft)]
    parts.append(_left_out(draft))
    return "\n\n".join(part for part in parts if part) + "\n"


def written_offers(draft: Draft) -> list[SeenOffer]:
    """The offers that a ladder can name, which the text has."""
    return [one for one in draft.offers if _ID.fullmatch(one.id) and one.id not in NOT_AN_OFFER]


def written_traits(draft: Draft) -> list[SeenTrait]:
    """The traits that a ladder can name, which the text has."""
    return [one for one in draft.traits if _ID.fullmatch(one.id)]


def step_ids(draft: Draft) -> list[str]:
    """The ids of the steps, each after what completes it most often."""
    ids: list[str] = []
    for step in draft.steps:
        most = max(step.deeds, key=lambda one: (one.leads, one.deed.event))
        word = most.deed.value or most.deed.event
        slug = _slug(word)
        slug = (
            slug if re.match(r"[a-z]", slug) and slug != "purchase" else f"step-{slug}".strip("-")
        )
        others = (f"{slug}-{number}" for number in count(len(ids) + 1))
        ids.append(next(one for one in chain([slug], others) if one not in ids))
    return ids


def _slug(word: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-")


def judged_from(draft: Draft, first: int, last: int) -> int:
    """By when to have learned, so that enough comes later to judge it on; microseconds.

    Parameters
    ----------
    first, last : of the events of the log, in microseconds since the epoch.
    """
    days = 2 * max(_horizon(took) for took in (draft.took, *(step.took for step in draft.steps)))
    found = last - min(days * DAY_US, (last - first) // 3)
    whole = found // DAY_US * DAY_US
    return whole if whole > first else found


def _said(draft: Draft) -> str:
    return f"""\
# Drafted from {draft.events:,} events of {draft.leads:,} leads. Look at each line with a
# question, change what is wrong, and own it: what each key means stands in docs/ladder.md."""


def _head(name: str) -> str:
    return f"""\
[ladder]
name = {_text(name)}
title = {_text(name.replace("-", " ").replace("_", " ").capitalize())}
# restart_on = [{{event = "..."}}]   # does a lead ever begin anew?
# lost_when = [{{event = "..."}}]    # what says that a lead is over?

# [activity] is left out: names that end in _declined, _failed, _bounced and the like speak against
# a lead, what completes or engages with a step is its interest."""


def _step(draft: Draft, at: int, id_: str) -> str:
    step = draft.steps[at]
    lines = [
        f"# {step.leads:,} leads, median {_days(step.took)}; is this a step that a lead chooses?",
        "[[step]]",
        f"id = {_text(id_)}",
        f"title = {_text(id_.replace('-', ' ').capitalize())}",
        f"horizon_days = {_horizon(step.took)}   # {in_percent(_WITHIN)} of those who went on did"
        " by then",
    ]
    if at:
        lines.append(_band(draft, at))
    return "\n".join([*lines, _rules(step.deeds), _engaged(step)])


def _purchase(draft: Draft) -> str:
    final = draft.final
    return "\n".join(
        [
            f"# {final.leads:,} of {draft.leads:,} leads, median {_days(draft.took)} after the"
            " first step; is this what you sell for?",
            "[purchase]",
            f"title = {_text(_title(final.deed.event))}",
            f"horizon_days = {_horizon(draft.took)}",
            _band(draft, len(draft.steps)),
            _rules((final,)),
        ]
    )


def _title(event: str) -> str:
    """An event as the words that it is made of; as it is where they are none."""
    words = event.replace("_", " ").capitalize()
    return words if words.strip() else event


def _band(draft: Draft, at: int) -> str:
    went_on, below = draft.conversion(at)
    low, high = wilson(went_on, below)
    low, high = np.floor(low * 20) / 20, np.ceil(high * 20) / 20
    low = min(low, high - 0.05)
    return (
        f"band = [{low:.2f}, {high:.2f}]   # {went_on:,} of {below:,} of the step below did;"
        " what would be healthy?"
    )


def _rules(deeds: tuple[Measured, ...]) -> str:
    lines = [
        f"  {_rule(one.deed)},   # {one.leads:,} leads, {one.lift:.1f} times as likely to buy"
        for one in sorted(deeds, key=lambda one: (-one.leads, one.deed.event))
    ]
    return "\n".join(["complete_when = [", *lines, "]"])


def _rule(deed: Deed) -> str:
    where = []
    if deed.text:
        where.append(f"{_key(deed.text)} = {_text(deed.value)}")
    if deed.number:
        where.append(f"{_key(deed.number)} = {{at_least = {deed.at_least:g}}}")
    told = f", where = {{{', '.join(where)}}}" if where else ""
    return f"{{event = {_text(deed.event)}{told}}}"


def _engaged(step: DraftedStep) -> str:
    return f"engaged_by = [{', '.join(_text(name) for name in step.engaged)}]"


def _offer(offer: SeenOffer, ids: list[str]) -> str:
    at = offer.step
    return "\n".join(
        [
            f"# Extended {offer.times:,} times, most often to leads whose next step was this one.",
            "[[offer]]",
            f"id = {_text(offer.id)}",
            f"step = {_text(ids[at])}",
            f"title = {_text(offer.id)}   # what does the lead read?",
            'kind = "other"   # such as guide, webinar, session, pilot',
            f"effort = {{minutes = {5 * (at + 1)}}}   # a guess: how long does it take the lead?",
        ]
    )


def _commitment(name: str, ends: Sequence[str]) -> str:
    days = 30 if re.search(r"pilot|trial", _slug(name)) else 14
    until = ", ".join(f"{{event = {_text(end)}}}" for end in ends)
    lines = [
        "# By its name this is agreed and yet to come or to end: nothing is asked meanwhile.",
        "[[commitment]]",
        f"id = {_text(_slug(name))}",
        f"title = {_text(_title(name).lower())}   # as it is said, such as: a session is booked",
        f"from = [{{event = {_text(name)}}}]",
        *([f"until = [{until}]"] if until else []),
        f"days = {days}   # a guess: at the most. A property that says when is named in ends_at",
    ]
    return "\n".join(lines)


def _trait(one: SeenTrait, read: set[str]) -> str:
    """A trait; by its name protected, where no step is told by it in whatever spelling."""
    kind = "number" if one.is_number else "category"
    head = f'[[trait]]\nid = {_text(one.id)}\ntype = "{kind}"'
    counts = f"# {one.leads:,} leads, {one.kinds:,} values"
    if plain(one.id) in _PROTECTED - read:
        why = "nothing learns from it, and its groups are compared"
        return f"{counts}; {why}\n{head}\nprotected = true"
    return f"{counts}; is it known before a lead buys?\n{head}"


def _left_out(draft: Draft) -> str:
    lines = []
    if draft.spare:
        lines.append(f"# In the log, and read by no step: {', '.join(draft.spare)}")
    if draft.personal:
        lines.append(f"# Left out of the traits, as they name people: {', '.join(draft.personal)}")
    ids = [*(one.id for one in draft.offers), *(one.id for one in draft.traits)]
    odd = [id_ for id_ in ids if not _ID.fullmatch(id_)]
    if odd:
        lines.append(f"# Left out, as ids are lower case: {', '.join(odd)}")
    if reserved := [one.id for one in draft.offers if one.id in NOT_AN_OFFER]:
        lines.append(f"# Left out, as it stands for no offer: {', '.join(reserved)}")
    if not draft.offers:
        lines.append(
            "# No offer in the log: what can be put to a lead for each step? See [[offer]]."
        )
    return "\n".join(_CONTROL.sub(" ", line) for line in lines)


def _horizon(took: Floats) -> int:
    wanted = float(np.quantile(took, _WITHIN)) if len(took) else _HORIZONS[6]
    return next((days for days in _HORIZONS if days >= wanted), _HORIZONS[-1])


def _days(took: Floats) -> str:
    return f"{np.median(took):.1f} days" if len(took) else "unknown"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(text: str) -> str:
    """A TOML text; what JSON escapes, TOML does alike, but for one letter."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
