"""`rung offer`: what can be offered is edited, paused, added and retired, without a training."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.ladder.words import things
from rung.call.arguments import as_time
from rung.call.bundles import loaded_bundle
from rung.call.options import json_option, store_option, trust_option
from rung.call.parser import Progress, add_verb, group
from rung.call.printing import note, print_json, print_line
from rung.call.reading import store_of

if TYPE_CHECKING:
    from features.ladder.ladder import Ladder, OfferVersion
    from features.ladder.offer import OfferStatus
    from features.store.events import EventStore
    from models.bundle import Bundle

__all__ = ["add_offer"]

_STATUS: dict[str, OfferStatus] = {"pause": "paused", "resume": "active", "retire": "retired"}


def add_offer(verbs: Any) -> None:
    """Add `rung offer`."""
    offer_verbs = group(verbs, "offer", "what can be offered", "Offers, without a training.")
    listed = add_verb(offer_verbs, "list", _list, "show every offer as it is now")
    show = add_verb(offer_verbs, "show", _show, "print an offer and its versions, as JSON")
    put = add_verb(offer_verbs, "set", _set, "add offers or edit them, from a file")
    put.add_argument(
        "file", type=Path, help="TOML with [[offer]] tables, or JSON as `rung offer show` prints it"
    )
    named = [show]
    for name, summary in (
        ("pause", "extend an offer to nobody, for now"),
        ("resume", "extend it again"),
        ("retire", "extend it to nobody any more; what was learned stays"),
    ):
        named.append(add_verb(offer_verbs, name, _set_status, summary))
        named[-1].set_defaults(status=_STATUS[name])
    for verb in named:
        verb.add_argument("offer", metavar="OFFER", help="its id")
    for verb in (put, *named[1:]):
        verb.add_argument("--from", dest="from_at", type=as_time, help="since when (default: now)")
        verb.add_argument("--by", default="command line", help="who wants it so; kept")
    for verb in (listed, put, *named):
        store_option(verb)
        verb.add_argument("--bundle", type=Path, help="default: the model of the settings")
        trust_option(verb)
        json_option(verb)


def _list(parsed: argparse.Namespace, _: Progress) -> None:
    from features.clock import now
    from serving.recommending.catalogue import all_offers

    with _opened(parsed) as (store, bundle):
        told = all_offers(bundle, store, now())
    if parsed.json:
        return print_json(told)
    for one in told:
        state = "" if one["status"] == "active" else f", {one['status']}"
        version = f", version {one['version']}" if one["version"] else ""
        leads = f"{things(one['leads'], 'lead')} learned from"
        print_line(f"{one['step']}: {one['id']}, “{one['title']}”{state}{version}; {leads}")
        for planned in one["planned"]:
            print_line(f"  planned: {_words(planned)}")
    return None


def _show(parsed: argparse.Namespace, _: Progress) -> None:
    from features.clock import now
    from serving.recommending.catalogue import one_offer

    with _opened(parsed) as (store, bundle):
        told = one_offer(bundle, store, now(), parsed.offer)
    if parsed.json:
        return print_json(told)
    print_json(told["offer"])
    for line in [*map(_words, told["versions"]), *told["warnings"]]:
        print(f"# {line}")
    return None


def _set(parsed: argparse.Namespace, _: Progress) -> None:
    tables = _tables(parsed.file)
    kept = []
    with _opened(parsed) as (store, bundle):
        ladder = bundle.ladder
        from features.ladder.catalogue import offer_of_table, with_catalogue

        for table in tables:  # all of them are right before the first one is kept
            offer_of_table(ladder, table)
        for table in tables:
            one = store.offers.keep(ladder, table, **_when(parsed))
            ladder = with_catalogue(ladder, [one])
            kept.append(one)
    _print_kept(parsed, ladder, kept)


def _set_status(parsed: argparse.Namespace, _: Progress) -> None:
    with _opened(parsed) as (store, bundle):
        one = store.offers.set_status(bundle.ladder, parsed.offer, parsed.status, **_when(parsed))
    _print_kept(parsed, bundle.ladder, [one])


def _print_kept(parsed: argparse.Namespace, ladder: Ladder, kept: list[OfferVersion]) -> None:
    from serving.recommending.catalogue import told_version, warnings_of

    told = [{"id": one.offer_id, **told_version(one)} for one in kept]
    for version in kept:
        for warning in warnings_of(ladder, kept, version.offer_id):
            note(f"{version.offer_id}: {warning}")
    if parsed.json:
        return print_json(told)
    for one in told:
        print_line(f"{one['id']} {_words(one)}")
    print_line("a running service knows within some 2 seconds")
    return None


def _words(one: Mapping[str, Any]) -> str:
    """A version in words: "version 2: paused from 2026-11-27T09:00:00Z, made by ann"."""
    begins, made = (f"{one[name][:19]}Z" for name in ("from_at", "made_at"))
    planned = f" on {made}" if made != begins else ""
    return f"version {one['version']}: {one['status']} from {begins}, made{planned} by {one['by']}"


def _when(parsed: argparse.Namespace) -> dict[str, Any]:
    from features.clock import microseconds, now

    present = now()
    from_at = microseconds(parsed.from_at) if parsed.from_at else present
    return {"from_at": from_at, "now": present, "by": parsed.by}


@contextmanager
def _opened(parsed: argparse.Namespace) -> Iterator[tuple[EventStore, Bundle]]:
    """The store, and the bundle on the ladder that a service would serve it on now."""
    from features.clock import now
    from models.sources import source_of
    from serving.process.ladder_in_use import LadderInUse
    from serving.settings import Settings

    settings = Settings.from_environment(os.environ)
    source = source_of(settings.bundle, settings.model, settings.registry, settings.tracking)
    loaded = loaded_bundle(parsed.bundle or source.folder(), parsed)
    with store_of(parsed.store, must_exist=True) as store:
        bundle, problem = LadderInUse(store, settings.ladder, now).of(loaded)
        if problem:
            note(problem)
        yield store, bundle


def _tables(path: Path) -> list[dict[str, Any]]:
    """The tables of a file, TOML or JSON."""
    from features.errors import LadderError, Mistake
    from features.files import why_no_text
    from features.toml_table import parse_toml

    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise LadderError(str(path), [Mistake("file", why_no_text(error))]) from error
    if path.suffix == ".toml":
        held: object = parse_toml(text, str(path)).get("offer", [])
    else:
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        try:
            held = json.loads("\n".join(lines))
        except ValueError as error:
            raise LadderError(str(path), [Mistake("file", f"is no JSON: {error}")]) from error
    given = held if isinstance(held, list) else [held]
    tables = [one for one in given if isinstance(one, dict)]
    if not tables or len(tables) < len(given):
        problem = "has something else than offers" if tables else "has no offer"
        raise LadderError(str(path), [Mistake("offer", problem, "write [[offer]] tables")])
    return tables
