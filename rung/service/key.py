"""`rung key`: who may ask the service."""

from __future__ import annotations

import argparse
from typing import Any

from rung.call.options import json_option, store_option
from rung.call.parser import Progress, add_verb, group
from rung.call.printing import print_json, print_line, say_aside
from rung.call.reading import store_of

__all__ = ["add_key"]


def add_key(verbs: Any) -> None:
    """Add `rung key`."""
    key_verbs = group(verbs, "key", "who may ask the service", "Keys.")
    create = add_verb(key_verbs, "create", _create, "make a key, and show it this once")
    create.add_argument("name", help="who will have it, such as website")
    create.add_argument(
        "--scope", action="append", default=[], help="ingest, read, decide or admin; again for more"
    )
    create.add_argument("--source", default="", help="message ids are unique within it")
    create.add_argument("--ladder", default="", help="the only ladder it may ask about")
    create.add_argument(
        "--origin",
        action="append",
        default=[],
        help="a site whose pages may use it, such as https://www.example.com; again for more",
    )
    listed = add_verb(key_verbs, "list", _list, "show what each key may do")
    revoke = add_verb(key_verbs, "revoke", _revoke, "take a key back, for good")
    revoke.add_argument("id", help="from rung key list")
    for verb in (create, listed, revoke):
        store_option(verb)
        json_option(verb)


def _create(parsed: argparse.Namespace, _: Progress) -> None:
    from features.clock import now
    from serving.edge.access.keys import Keys

    with store_of(parsed.store) as store:
        key, text = Keys(store.database).create(
            parsed.name,
            parsed.scope,
            parsed.source,
            parsed.ladder,
            parsed.origin,
            as_of=now(),
        )
    if parsed.json:
        return print_json({**key.as_dict(), "key": text})
    print(text)
    say_aside("keep it now: it cannot be shown again")
    return None


def _list(parsed: argparse.Namespace, _: Progress) -> None:
    from serving.edge.access.keys import Keys

    with store_of(parsed.store, must_exist=True) as store:
        keys = [key.as_dict() for key in Keys(store.database).all()]
    if parsed.json:
        return print_json(keys)
    for key in keys:
        made, revoked = key["created_at"], key["revoked_at"]
        source = f", source {key['source']}" if key["source"] else ""
        ladder = f", ladder {key['ladder']}" if key["ladder"] else ""
        sites = f", pages of {' '.join(key['origins'])}" if key["origins"] else ""
        state = f"revoked {revoked}" if revoked else f"made {made}"
        may = f"{', '.join(key['scopes'])}{source}{ladder}{sites}"
        print_line(f"{key['id']}  {key['name']}: {may}; {state}")
    if not keys:
        print_line("no key: the service answers its own machine alone")
    return None


def _revoke(parsed: argparse.Namespace, _: Progress) -> None:
    from features.clock import now
    from serving.edge.access.keys import Keys

    with store_of(parsed.store, must_exist=True) as store:
        key = Keys(store.database).revoke(parsed.id, as_of=now())
    if parsed.json:
        return print_json(key.as_dict())
    print_line(f"{key.id} ({key.name}) is revoked; a running service knows within 5 seconds")
    return None
