"""What `rung doctor` finds of the running service: at once what is quick, the rest when asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from serving.doctor.examination import RunningParts, examine_running
from serving.doctor.finding import Finding
from serving.pages.common import words
from serving.process.service import Service

__all__ = ["Checked", "check_service"]

_FOR_ADMINS: Final = frozenset(
    {"connectors", "disk", "keys", "machine", "model", "notifications", "settings", "store"}
)
"""Parts whose findings name keys, addresses, folders or the machine."""


@dataclass(frozen=True, slots=True)
class Checked:
    """Findings by what they ask for, each as the reader may see it.

    Parameters
    ----------
    hidden : how many findings are for those who may change settings, and need something.
    """

    wrong: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    fine: tuple[Finding, ...]
    hidden: int

    @property
    def all(self) -> tuple[Finding, ...]:
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
    of = {
        state: tuple(_readable(one) for one in shown if one.state == state)
        for state in ("wrong", "note", "fine")
    }
    hidden = sum(one.state != "fine" for one in found) - len(of["wrong"]) - len(of["note"])
    return Checked(of["wrong"], of["note"], of["fine"], hidden)


def _readable(one: Finding) -> Finding:
    """A finding whose parts can be read as sentences."""
    told = (words.sentence(part) for part in (one.part, one.what, one.why, one.remedy))
    part, what, why, remedy = told
    return Finding(part, one.state, what, why, remedy)
