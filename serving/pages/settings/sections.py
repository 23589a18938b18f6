"""What the pages of the settings share: where one can go, what was changed just now, times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from features.clock import rfc3339, when
from features.events.log import DAY_US
from serving.edge.access.access import Asker
from serving.edge.access.needs import needs
from serving.edge.errors import NotAllowed
from serving.pages.common.frame import page
from serving.process.service import Service

__all__ = ["Looker", "Moment", "Said", "Setter", "SettingsPlace", "closed", "moment", "section"]

Looker = Annotated[Asker, Depends(needs("read", is_page=True))]
"""Whoever may look."""
Setter = Annotated[Asker, Depends(needs("admin", is_page=True))]
"""Whoever may change settings."""

_PLACES: Final = (
    ("ladder", "Ladder", "/settings", False),
    ("offers", "Offers", "/settings/offers", False),
    ("keys", "Keys", "/settings/keys", True),
    ("connections", "Connections", "/settings/connections", False),
    ("webhooks", "Webhooks", "/settings/webhooks", True),
    ("checks", "Checks", "/settings/checks", False),
    ("privacy", "Privacy", "/settings/privacy", False),
    ("activity", "Who did what", "/settings/activity", False),
)
"""Name, title, address, and whether only who may change settings sees it."""
_OLD_US: Final = 300 * DAY_US
"""What is older is told with its year."""


@dataclass(frozen=True, slots=True)
class SettingsPlace:
    """A page of the settings."""

    title: str
    address: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class Said:
    """What was changed just now.

    Parameters
    ----------
    title : what did it happen to: the text of a stranger; "" for nothing of a name.
    text : what stands after the title.
    lead : what stands before it, such as "Paused:".
    undo, undo_address, undo_fields : the words of the button that takes it back, where its form
        goes and what it sends; "" where it cannot be taken back.
    is_bad : whether something did not go as it was meant to.
    """

    text: str
    lead: str = ""
    title: str = ""
    undo: str = ""
    undo_address: str = ""
    undo_fields: tuple[tuple[str, str], ...] = ()
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant: RFC 3339, and as a reader without scripts sees it, UTC.

    Parameters
    ----------
    is_old : whether it is so long ago, or so far ahead, that it is told by its day and year.
    """

    iso: str
    text: str
    is_old: bool = False


def moment(instant: int | None, now: int) -> Moment | None:
    """An instant as the pages show it; None for none. Both in microseconds since the epoch."""
    if instant is None:
        return None
    at = when(instant)
    is_old = abs(now - instant) > _OLD_US
    day = f"{at.day} {at:%b %Y}" if is_old else f"{at.day} {at:%b} {at:%H:%M} UTC"
    return Moment(rfc3339(instant), day, is_old)


def section(
    request: Request,
    service: Service,
    asker: Asker,
    name: str,
    values: dict[str, Any],
    *,
    template: str = "",
    said: Said | None = None,
    status: int = 200,
) -> Response:
    """A page of the settings; `template` is the name of its own where it is not the section's."""
    may_set = asker.may("admin")
    around = {
        "places": [
            SettingsPlace(title, address, own == name)
            for own, title, address, needs_more in _PLACES
            if may_set or not needs_more
        ],
        "said": said,
        "is_open": not asker.key_id,
        "table_address": f"{request.url.path}?format=csv&table=",
    }
    own = f"settings/{template or name}.html"
    return page(request, service, asker, own, around | values, status)


async def closed(
    request: Request, service: Service, asker: Asker, name: str, *, as_file: bool
) -> Response:
    """The page that says that only others may see what is here.

    Raises
    ------
    NotAllowed : a file was asked for.
    """
    title = next(title for own, title, _, _ in _PLACES if own == name)
    if as_file:
        raise NotAllowed(f"{title} are for keys with the scope admin.")
    values = {"title": title, "key_name": asker.name}
    return await run_in_threadpool(
        lambda: section(request, service, asker, name, values, template="closed")
    )
