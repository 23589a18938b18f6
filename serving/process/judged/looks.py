"""The newest report of a kind: what it says, whether it is behind, or why there is none yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from features.store.kept.reports import Reports
from serving.process.service import Service

__all__ = ["Look", "LookMissing", "look_of"]

LookMissing = Literal["", "soon", "off", "no model", "no ladder"]
"""Why there is no report: the first is about to be made, nothing here makes any, there is no model
yet, or no ladder; "" where there is one."""
_BEHIND: Final = 2.0
"""Times the pause between two looks after which news must have been looked at."""
_LEAST_BEHIND_US: Final = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Look:
    """What was found when something was looked at last.

    Parameters
    ----------
    body : of the report; None where there is none, and `missing` says why.
    as_of : microseconds since the epoch: it saw what was known by then; 0 without one.
    is_behind : whether news has come since that should have been looked at by now.
    """

    body: Mapping[str, Any] | None
    as_of: int = 0
    missing: LookMissing = ""
    is_behind: bool = False


def look_of(
    service: Service, kind: str, about: str = "", *, seconds: float, needs_model: bool = True
) -> Look:
    """The newest report of a kind on the ladder that is served.

    Parameters
    ----------
    seconds : between two looks beside this service; 0 where nothing looks.
    needs_model : whether nothing is looked at before a model serves.

    Raises
    ------
    StoreError : the report is not what was kept.
    """
    report = Reports(service.store.database).newest(kind, service.ladder.name, about)
    if report is None:
        return Look(None, missing=_missing(service, seconds, needs_model=needs_model))
    news = service.store.scores.last_news_at()
    pause = max(_BEHIND * seconds * 1e6, _LEAST_BEHIND_US)
    behind = bool(seconds) and news is not None and news - report.as_of > pause
    return Look(report.body, report.as_of, is_behind=behind)


def _missing(service: Service, seconds: float, *, needs_model: bool) -> LookMissing:
    if service.folder is None and needs_model:
        return "no model"
    if not seconds:
        return "off"
    if service.folder is None and not service.settings.ladder:
        return "no ladder"
    return "soon"
