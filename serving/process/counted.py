"""What was counted last beside a service, for routes and pages alike; or when it will be there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import ceil
from typing import Final, Literal, cast

import numpy as np

from features.arrays import Bools
from features.errors import UnknownReport
from features.funnel.kept import KIND, newest_causes
from features.funnel.states import State
from features.funnel.stays import Stays
from features.store.kept.columns import KeptColumns
from models.judging.funnel.cause_shapes import FunnelCauses
from models.judging.funnel.selection import Selection, only_of, stays_in
from serving.edge.parameters import wrong_query
from serving.process.service import Service
from serving.process.upkeep import seconds_until_again

__all__ = [
    "Uncounted",
    "by_hand",
    "causes_now",
    "minutes_until_again",
    "named_now",
    "not_counted",
    "only_from",
    "stays_now",
    "uncounted",
    "when_made",
]

Uncounted = Literal["soon", "other version", "erased", "off", "no ladder"]
"""Why there are no stays: the first are about to be counted, those that were are of another version
of the ladder, or went with a lead that was erased, nothing counts here, or there is no ladder to
count on yet."""
_OTHER: Final = (
    "was not counted yet: what was is of another version of it; it will be within {seconds:g}"
    " seconds, and `{by_hand}` does it now."
)
_ERASED: Final = (
    "is being counted again: a lead was erased, and what was counted named it; it will be there"
    " within {minutes} minutes, and `{by_hand}` does it now."
)


def stays_now(service: Service) -> Stays | None:
    """The stays that were counted last, on the ladder of now; None where `uncounted` says why."""
    ladder = service.ladder
    stays = service.funnel.stays(ladder)
    return None if stays is None else replace(stays, ladder=ladder)  # its titles, its bands


def uncounted(service: Service) -> Uncounted:
    """Why there are no stays."""
    if not service.settings.funnel_seconds:
        return "off"
    columns = KeptColumns(service.store.database)
    if columns.as_of(KIND, service.ladder.name) is not None:
        return "other version"
    if service.folder is None and not service.settings.ladder:
        return "no ladder"
    is_erased = columns.taken_at(KIND, service.ladder.name) is not None
    return "erased" if is_erased else "soon"


def not_counted(service: Service) -> UnknownReport:
    """The error that says why there are no stays, to whoever looks after the service."""
    seconds = service.settings.funnel_seconds
    match uncounted(service):
        case "other version":
            why = _OTHER.format(seconds=seconds, by_hand=by_hand(service, "funnel"))
        case "erased":
            minutes = minutes_until_again(service)
            why = _ERASED.format(minutes=minutes, by_hand=by_hand(service, "funnel"))
        case _:
            why = f"was not counted yet: {when_made(service, 'funnel', seconds)}"
    return UnknownReport(f"The funnel of the ladder {service.ladder.name!r} {why}")


def minutes_until_again(service: Service) -> int:
    """Within how many minutes what an erasure took away is counted again."""
    seconds = seconds_until_again(service, "funnel", service.settings.funnel_seconds)
    return max(2, ceil(seconds / 60.0))


def causes_now(service: Service) -> FunnelCauses | None:
    """Why leads stop, as it was found with the stays; who opted out since waits for no reply."""
    found = newest_causes(KeptColumns(service.store.database), service.ladder)
    if found is None:
        return None
    out = service.store.opted_out()
    late = [one for one in found["replies"]["late"] if one["lead_id"] not in out]
    return cast(FunnelCauses, {**found, "replies": {**found["replies"], "late": late}})


def named_now(
    service: Service, stays: Stays, step: str, state: State | None, selection: Selection
) -> Stays:
    """The stays of the leads that a number counts, the newest first; who opted out is left out.

    Raises
    ------
    FunnelError : no such step or trait.
    """
    found = stays_in(stays, step, state, selection)
    out = service.store.opted_out()  # some may have since the stays were found
    if not out:
        return found
    kept: Bools = ~np.isin(found.lead, [at for at, name in enumerate(found.leads) if name in out])
    return found.rows(kept)


def only_from(texts: Iterable[str]) -> dict[str, str | None]:
    """What is asked of leads by the words `trait:value` of a query; `trait:` is: was not known.

    Raises
    ------
    RequestValidationError : a word without a colon.
    FunnelError : a trait is asked for twice.
    """
    only: list[tuple[str, str]] = []
    for text in texts:
        trait, is_pair, value = text.partition(":")
        if not is_pair:
            raise wrong_query("only", f"{text!r}: write a trait, a colon and its value")
        only.append((trait, value))
    return only_of(only)


def when_made(service: Service, verb: str, seconds: float) -> str:
    """When what a verb makes will be there.

    Parameters
    ----------
    seconds : between two runs beside this service; 0 is never.
    """
    now = f"`{by_hand(service, verb)}` does it now"
    if not seconds:
        return f"RUNG_{verb.upper()}_SECONDS is 0; {now}."
    if service.folder is None and not service.settings.ladder:
        return "it will be once there is a model, or RUNG_LADDER names a ladder."
    return f"it will be within minutes of the first events; {now}."


def by_hand(service: Service, verb: str) -> str:
    """The command by which whoever runs Rung has at once what a verb makes.

    In capitals is what they know and nobody else need: the address of the store, which may hold a
    password, and where the ladder is that is served.
    """
    whose = "--ladder LADDER" if service.settings.ladder else "--bundle BUNDLE"
    return f"rung {verb} --store URL {whose}"
