"""A tool that sends events in a form of its own, as the ladder file describes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Source"]


@dataclass(frozen=True, slots=True)
class Source:
    """A tool that sends events in a form of its own, and where in its payload each thing stands.

    Paths are as `data.items[0].id`; an empty one means that there is no such thing.

    Parameters
    ----------
    signature : what the header `header` holds of the raw body, after `prefix`.
    secret : "env:" and the name of the variable that holds it.
    items : where the list of events stands; empty: the body is the list, or the one event.
    lead_id, anonymous : the ids of the lead; within an event, as are all paths below.
    email : an address of the lead: where the ladder identifies by it, it says who the lead is.
    event : the name of all events, or of those that `names` does not have; "" ignores them.
    event_at : where an event's kind stands.
    names : the names of events, by kind; empty: the kind is the name.
    time : when it happened; empty: when it arrived.
    message_id : what is the same when it is sent again; empty: all that it says.
    properties : names of properties, each with its path.
    """

    name: str
    signature: Literal["hmac-sha256-hex", "hmac-sha256-base64", "none"]
    secret: str = ""
    header: str = ""
    prefix: str = ""
    items: str = ""
    lead_id: str = ""
    anonymous: str = ""
    email: str = ""
    event: str = ""
    event_at: str = ""
    names: tuple[tuple[str, str], ...] = ()
    time: str = ""
    time_unit: Literal["rfc3339", "s", "ms"] = "rfc3339"
    message_id: str = ""
    properties: tuple[tuple[str, str], ...] = ()
