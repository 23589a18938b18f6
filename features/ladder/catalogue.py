"""The offers of a ladder as they are now: the file's, with the versions that were made beside it.

An offer can be edited, paused, dated, added and retired while a model serves: nothing that a score
follows from is in it. What was learned of an offer stays with its id (`models.offers.projection`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from features.clock import instant, microseconds, rfc3339
from features.errors import LadderError, Mistake, TimeError
from features.ladder.event_rule import EventRule
from features.ladder.file import parse_ladder
from features.ladder.ladder import Ladder
from features.ladder.offer import Effort, Offer, OfferVersion

__all__ = [
    "as_far_as_it_fits",
    "newest",
    "offer_of_table",
    "offer_table",
    "rebased",
    "table_of_version",
    "with_catalogue",
]

_INSTANTS: Final = ("valid_from", "valid_until", "repeats_until")
_USUAL: Final = Offer("", "", "", "", Effort())
_EFFORT: Final = ("minutes", "form_fields", "live", "human", "money")
_PLAIN: Final = (
    *("value_minutes", "framing", "rep_minutes", "guarantee_days", "scope_days"),
    *("topics", "channels", "during", "not_while"),
    *("again_after_days", "role", "repeats_days", "status"),
)


def with_catalogue(ladder: Ladder, versions: Iterable[OfferVersion]) -> Ladder:
    """The ladder with versions of offers in place of its file's own, or after them.

    Of versions of one offer the one that holds last does; those that the ladder has already are
    among them.

    Raises
    ------
    LadderError : a version that does not fit the ladder, such as one for a step that it lacks.
    """
    found = newest([*ladder.catalogue, *versions])
    if found == ladder.catalogue:
        return ladder
    tables = {one.offer_id: _table_of(one) for one in found}
    offers = _parsed(ladder, tables).offers
    number = {one.offer_id: one.version for one in found}
    numbered = tuple(replace(one, version=number.get(one.id, 0)) for one in offers)
    return replace(ladder, offers=numbered, catalogue=found)


def as_far_as_it_fits(
    ladder: Ladder, versions: Iterable[OfferVersion]
) -> tuple[Ladder, tuple[str, ...]]:
    """As `with_catalogue`, without the versions that do not fit, and why not, one sentence each.

    An offer of the file whose version does not fit is as the file has it, but for its status: what
    was paused is not extended for that.
    """
    versions = newest([*ladder.catalogue, *versions])
    try:
        return with_catalogue(ladder, versions), ()
    except LadderError:
        problems = []
    ladder = replace(ladder, catalogue=())
    for one in versions:
        try:
            ladder = with_catalogue(ladder, [one])
        except LadderError as error:
            why = "; ".join(str(mistake) for mistake in error.mistakes)
            problems.append(f"offer {one.offer_id!r} version {one.version} does not fit: {why}")
    held = {one.offer_id: one.status for one in versions if one not in ladder.catalogue}
    offers = tuple(replace(one, status=held.get(one.id, one.status)) for one in ladder.offers)
    return replace(ladder, offers=offers), tuple(problems)


def newest(versions: Iterable[OfferVersion]) -> tuple[OfferVersion, ...]:
    """The version of each offer that holds last, in the order in which the offers came first."""
    found: dict[str, OfferVersion] = {}
    for one in versions:
        former = found.get(one.offer_id)
        if former is None or (one.from_at, one.version) > (former.from_at, former.version):
            found[one.offer_id] = one
    return tuple(found.values())


def offer_of_table(ladder: Ladder, table: Mapping[str, object]) -> Offer:
    """The offer that a table means on a ladder, read by the rules of the ladder file.

    Raises
    ------
    LadderError : with all mistakes, by the keys of the table.
    """
    offer_id = table.get("id")
    if not isinstance(offer_id, str):
        raise LadderError("offer", [Mistake("id", "is missing", "a name such as bottleneck-video")])
    tables = {one.offer_id: _table_of(one) for one in ladder.catalogue if one.offer_id != offer_id}
    ids = [offer.id for offer in ladder.offers]
    # Where it will stand among the offers: there the reader finds what is wrong with it.
    at = ids.index(offer_id) if offer_id in ids else len(ids)
    here = f"offer[{at}]."
    try:
        offers = _parsed(ladder, {**tables, offer_id: _with_instants(table)}).offers
    except LadderError as error:
        mistakes = [
            replace(one, path=one.path.removeprefix(here), problem=one.problem.replace(here, ""))
            for one in error.mistakes
        ]
        raise LadderError(f"offer {offer_id!r}", mistakes) from error
    return next(offer for offer in offers if offer.id == offer_id)


def offer_table(offer: Offer) -> dict[str, Any]:
    """The table that means an offer, as JSON has it: the reverse of `offer_of_table`."""
    table: dict[str, Any] = {
        "id": offer.id,
        "step": offer.step,
        "title": offer.title,
        "kind": offer.kind,
        "effort": _unusual(offer.effort, _USUAL.effort, _EFFORT),
    }
    table |= _unusual(offer, _USUAL, _PLAIN)
    for name in _INSTANTS:
        if (moment := getattr(offer, name)) is not None:
            table[name] = rfc3339(microseconds(moment))
    if offer.framings:
        table["framings"] = [{"id": one.id, "text": one.text} for one in offer.framings]
    if offer.only_after:
        table["only_after"] = [_rule_table(rule) for rule in offer.only_after]
    return table


def table_of_version(version: OfferVersion) -> dict[str, Any]:
    """What a version says, its state among it also where that is the usual one."""
    return {**json.loads(version.body), "status": version.status}


def rebased(
    before: Mapping[str, Any], after: Mapping[str, Any], onto: Mapping[str, Any]
) -> dict[str, Any]:
    """A third table with what differs between two others, and nothing else, changed."""
    found = dict(onto)
    for key in {**before, **after}:
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if isinstance(new, dict) and isinstance(onto.get(key), dict):  # each effort by itself
            found[key] = rebased(old or {}, new, onto[key])
        elif key in after:
            found[key] = new
        else:
            found.pop(key, None)
    return found


def _unusual(of: object, usual: object, names: Iterable[str]) -> dict[str, Any]:
    """The values that differ from the usual ones, by name; tuples as lists."""
    found = {name: getattr(of, name) for name in names if getattr(of, name) != getattr(usual, name)}
    return {name: list(one) if isinstance(one, tuple) else one for name, one in found.items()}


def _rule_table(rule: EventRule) -> dict[str, Any]:
    where: dict[str, dict[str, object]] = {}
    for one in rule.where:
        value = list(one.value) if isinstance(one.value, tuple) else one.value
        where.setdefault(one.property, {})[one.operator] = value
    return {"event": rule.event, "where": where} if where else {"event": rule.event}


def _table_of(version: OfferVersion) -> dict[str, object]:
    return _with_instants(table_of_version(version))


def _with_instants(table: Mapping[str, object]) -> dict[str, object]:
    """A table with its instants as TOML has them; one that is none is left for the reader."""
    found = dict(table)
    for name in _INSTANTS:
        value = found.get(name)
        if isinstance(value, str):
            try:
                found[name] = instant(value)
            except TimeError:
                continue  # the reader says where it stands and what would be right
    return found


def _parsed(ladder: Ladder, tables: Mapping[str, Mapping[str, object]]) -> Ladder:
    if not ladder.source:
        problem = "was not read from a file: versions of offers have nothing to stand beside"
        raise LadderError(ladder.name, [Mistake("ladder", problem)])
    return parse_ladder(ladder.source, ladder.name, tables)
