"""What a form of the queue, or of a lead's page, asks to be done."""

from __future__ import annotations

from collections.abc import Mapping

from features.errors import ActionConflict
from features.store.people.actions import KeptAction
from serving.edge.access.access import Asker
from serving.pages.common.once import id_of_form
from serving.process.service import Service
from serving.process.working.actions import bring_back, claim, do, note, put_aside, release

__all__ = ["act", "undo"]


def act(service: Service, asker: Asker, form: Mapping[str, str]) -> KeptAction:
    """Do what a form says by what stands in `do`.

    That is "action:<id>", "later:<id>", "back", "claim", "release" or "note".

    Raises
    ------
    ActionConflict : it says nothing that can be done, or not now.
    UnknownLead, OptedOut : the lead is not there, or must not be worked with.
    """
    lead_id, (kind, _, id_) = form.get("lead", ""), form.get("do", "").partition(":")
    once = id_of_form(form.get("once", ""))
    if kind == "action":
        return do(service, asker, lead_id, id_, form, once)
    if kind == "later":
        return put_aside(service, asker, lead_id, id_)
    if kind == "back":
        return bring_back(service, asker, lead_id)
    if kind == "claim":
        return claim(service, asker, lead_id)
    if kind == "release":
        return release(service, asker, lead_id)
    if kind == "note":
        return note(service, asker, lead_id, form.get("text", ""), once)
    raise ActionConflict("this form says nothing that could be done")


def undo(service: Service, asker: Asker, action_id: str) -> KeptAction:
    """Take back an action; who may set things up may take back what others did.

    Raises
    ------
    ActionConflict : there is none such, or it is too late.
    """
    return service.store.actions.undo(
        action_id, name=asker.name, now=service.clock(), of_anybody=asker.may("admin")
    )
