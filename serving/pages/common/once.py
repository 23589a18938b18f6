"""Ids of filled-in forms: what is sent with one is kept once, however often its answer is lost.

A page has a token, made when it is opened, and asks for news of itself with it. The forms of a lead
on it have an id of the token, which stays until an action is kept by it, and is another then: so
a page that renews itself leaves what is typed, but for what was kept meanwhile.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from typing import Final

from features.store.people.actions import Actions
from serving.edge.access.access import Asker

__all__ = ["form_ids", "form_token", "id_of_form"]

_ID: Final = re.compile(r"[0-9a-f]{32}")


def form_token(asked: str) -> str:
    """The token of a page that asks again, or a new one."""
    return asked if _ID.fullmatch(asked) else secrets.token_hex(16)


def id_of_form(sent: str) -> str:
    """The id that was sent with a form; "" for none, or what is no such id."""
    return sent if _ID.fullmatch(sent) else ""


def form_ids(actions: Actions, asker: Asker, token: str, leads: Iterable[str]) -> dict[str, str]:
    """An id for the forms of each lead, by which nothing is kept so far.

    Parameters
    ----------
    token : of the page; two readers have no id in common all the same.
    leads : or other texts, one for each form that is filled in by itself.
    """
    found = {lead: _hashed(f"{token} {asker.key_id} {asker.name} {lead}") for lead in leads}
    while used := actions.among([*found.values()]):
        found = {lead: _hashed(one) if one in used else one for lead, one in found.items()}
    return found


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
