"""What `rung doctor` finds of the running service: at once what is quick, the rest when asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from serving.doctor.examination import RunningParts, examine_running
from serving.doctor.finding import Finding, FindingState
from serving.notifications.endpoints import Endpoints
from serving.pages.common import words
from serving.process.service import Service

__all__ = ["Checked", "FindingShown", "check_service"]

_FOR_ADMINS: Final = frozenset(
    {"connectors", "disk", "keys", "machine", "model", "notifications", "settings", "store"}
)
"""Parts whose findings name keys, addresses, folders or the machine."""
_PAGES: Final = {
    "connectors": ("Connections", "/settings/connections"),
    "keys": ("Keys", "/settings/keys"),
    "notifications": ("Webhooks", "/settings/webhooks"),
    "write-back": ("Connections", "/settings/connections"),
}
"""Where a part is looked at and set here."""
_FOR_MACHINES: Final = ("/v1/", "write_backs")
"""What a remedy names that needs no page; where there is one, that is the remedy."""
_NAME: Final = re.compile(r"[A-Za-z]+[-_/.0-9]|rung ")
"""How a text begins that is no sentence: with a command, or with a name."""


@dataclass(frozen=True, slots=True)
class FindingShown:
    """A finding as it is read; `page` and `address` are where it is set here, "" for nowhere."""

    part: str
    state: FindingState
    what: str
    why: str
    remedy: str
    page: str
    address: str


@dataclass(frozen=True, slots=True)
class Checked:
    """Findings by what they ask for, each as the reader may see it.

    Parameters
    ----------
    hidden : how many findings are for those who may change settings, and need something.
    """

    wrong: tuple[FindingShown, ...]
    notes: tuple[FindingShown, ...]
    fine: tuple[FindingShown, ...]
    hidden: int

    @property
    def all(self) -> tuple[FindingShown, ...]:
        """What needs something first."""
        return (*self.wrong, *self.notes, *self.fine)


def check_service(
    service: Service, environment: Mapping[str, str], *, is_whole: bool, for_admin: bool
) -> Checked:
    """Look at the service.

    Parameters
    ----------
    is_whole : look at every event and at the model that a start would load as well.
    for_admin : tell what concerns keys, webhooks, files and the machine as well.
    """
    parts = RunningParts(service.settings, environment, service.store.database, service.ladder)
    found = examine_running(parts, service.clock, is_whole=is_whole)
    shown = [one for one in found if for_admin or one.part not in _FOR_ADMINS]
    titles = _endpoint_titles(service) if for_admin else {}
    of = {
        state: tuple(_readable(one, titles) for one in shown if one.state == state)
        for state in ("wrong", "note", "fine")
    }
    hidden = sum(one.state != "fine" for one in found) - len(of["wrong"]) - len(of["note"])
    return Checked(of["wrong"], of["note"], of["fine"], hidden)


def _endpoint_titles(service: Service) -> dict[str, str]:
    """What endpoints of notifications are called, by id."""
    found = Endpoints(service.store.database, service.clock).all()
    return {one.id: one.description or one.url for one in found}


def _readable(one: Finding, titles: Mapping[str, str]) -> FindingShown:
    """A finding whose parts can be read as sentences, titles in the place of ids."""
    what, remedy = one.what, one.remedy
    for id_, title in titles.items():
        what = what.replace(id_, f"“{words.shown(title)}”")
    page, address = _PAGES.get(one.part, ("", "")) if one.state != "fine" else ("", "")
    if page and any(name in remedy for name in _FOR_MACHINES):
        remedy = ""
    return FindingShown(
        words.sentence(one.part),
        one.state,
        what if _NAME.match(what) else words.sentence(what),
        words.sentence(one.why),
        remedy,
        page,
        address,
    )
