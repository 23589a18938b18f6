"""`rung lead`: what is kept of one lead is shown, given out and erased; and whether it may be."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from features.ladder.words import things
from rung.call.options import json_option, store_option
from rung.call.parser import Progress, add_verb, group
from rung.call.printing import print_json, print_line
from rung.call.reading import store_of

if TYPE_CHECKING:
    from features.store.events import EventStore

__all__ = ["add_lead"]

_SHOWN: Final = 50
"""Ids, and links, that are printed of a lead with more."""


def add_lead(verbs: Any) -> None:
    """Add `rung lead`."""
    lead_verbs = group(verbs, "lead", "what is kept of a lead", "One lead.")
    show = add_verb(lead_verbs, "show", _show, "who a lead is, by any of its ids")
    export = add_verb(lead_verbs, "export", _export, "print everything that is kept, as JSON")
    opt_out = add_verb(lead_verbs, "opt-out", _opt_out, "profile a lead no more")
    opt_out.add_argument("--reason", default="", help="kept, and part of an export")
    opt_in = add_verb(lead_verbs, "opt-in", _opt_in, "take an opt-out back")
    told = "erase all that is kept of a lead; what is sent later is somebody new"
    erase = add_verb(lead_verbs, "erase", _erase, told)
    erase.add_argument(
        "--suppress", action="store_true", help="for good: store nothing under its ids any more"
    )
    unsuppress = add_verb(
        lead_verbs, "unsuppress", _unsuppress, "store events of a lead again that was erased"
    )
    for verb in (show, export, opt_out, opt_in, erase, unsuppress):
        verb.add_argument("lead", metavar="LEAD", help="any id of it")
        store_option(verb)
        json_option(verb)


def _show(parsed: argparse.Namespace, _: Progress) -> None:
    with store_of(parsed.store, must_exist=True) as store:
        _print_lead(parsed, store)


def _print_lead(parsed: argparse.Namespace, store: EventStore) -> None:
    from features.clock import said_at
    from features.store.privacy import Privacy

    found = Privacy(store.database).lead(parsed.lead).as_dict()
    if parsed.json:
        return print_json(found)
    span = ""
    if found["events"]:
        span = f", {said_at(found['first_seen'])} to {said_at(found['last_seen'])}"
    print_line(f"{found['lead_id']}: {things(found['events'], 'event')}{span}")
    for subject in found["subjects"][:_SHOWN]:
        print_line(f"  id {subject}")
    _print_rest(found["subjects"], "ids")
    for link in found["links"][:_SHOWN]:
        undone = f", undone {said_at(link['undone_at'])}" if link["undone_at"] else ""
        print_line(
            f"  {link['kind']} {link['source']} = {link['target']},"
            f" {said_at(link['known_at'])}{undone}"
        )
    _print_rest(found["links"], "links")
    out = found["opt_out"]
    since = f"opted out {said_at(out['at'])} {out['reason']}".rstrip() if out else ""
    print_line(f"  {since or 'may be profiled'}")
    return None


def _print_rest(found: Sequence[object], what: str) -> None:
    if len(found) > _SHOWN:
        print_line(f"  and {len(found) - _SHOWN:,} more {what}; --json has them all")


def _export(parsed: argparse.Namespace, _: Progress) -> None:
    from features.clock import now
    from features.store.privacy import Privacy

    with store_of(parsed.store, must_exist=True) as store:
        print_json(Privacy(store.database).export(parsed.lead, now()))


def _opt_out(parsed: argparse.Namespace, _: Progress) -> None:
    from features.clock import now
    from features.store.privacy import Privacy

    with store_of(parsed.store, must_exist=True) as store:
        Privacy(store.database).opt_out([parsed.lead], now(), parsed.reason)
        _print_lead(parsed, store)


def _opt_in(parsed: argparse.Namespace, _: Progress) -> None:
    from features.clock import now
    from features.store.privacy import Privacy

    with store_of(parsed.store, must_exist=True) as store:
        Privacy(store.database).opt_in([parsed.lead], now())
    if parsed.json:
        return print_json({"lead_id": parsed.lead, "opted_out": False})
    print_line(f"{parsed.lead} may be profiled")
    return None


def _erase(parsed: argparse.Namespace, _: Progress) -> None:
    from features.clock import now, said_at
    from features.store.privacy import Privacy

    with store_of(parsed.store, must_exist=True) as store:
        privacy = Privacy(store.database)
        erased = privacy.erase(parsed.lead, now(), is_suppressed=parsed.suppress).as_dict()
    if parsed.json:
        return print_json(erased)
    events, ids = erased["events"], erased["subjects"]
    print_line(
        f"erased: {events:,} event{'s' if events != 1 else ''} of {ids} id{'s' if ids != 1 else ''}"
    )
    for model in erased["models"]:
        at = f", {said_at(model['trained_at'])}" if model["trained_at"] else ""
        print_line(f"  trained on them: {model['version']} ({model['ladder']}{at})")
    print_line(f"  the files hold no byte of them: {'yes' if erased['is_wiped'] else 'not yet'}")
    if parsed.suppress:
        print_line("  nothing is stored under these ids any more")
    return None


def _unsuppress(parsed: argparse.Namespace, _: Progress) -> None:
    from features.store.privacy import Privacy

    with store_of(parsed.store, must_exist=True) as store:
        ids = Privacy(store.database).unsuppress(parsed.lead)
    if parsed.json:
        return print_json({"lead_id": parsed.lead, "suppressed": False, "subjects": ids})
    print_line(f"events of {parsed.lead} are stored again; it was erased with {things(ids, 'id')}")
    return None
