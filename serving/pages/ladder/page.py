"""All that the page shows, put together of what was counted last."""

from __future__ import annotations

from typing import Any, Final

from features.funnel.stays import Stays
from models.judging.funnel.cause_shapes import FunnelCauses
from models.judging.funnel.rates import came_again, funnel
from models.judging.funnel.shapes import Funnel
from models.judging.funnel.wording import again_said, lever_said
from serving.pages.common import words
from serving.pages.common.people import person_of
from serving.pages.ladder.answer import answered
from serving.pages.ladder.choices import WITHIN, LadderChoice, trait_choices
from serving.pages.ladder.cohorts import cohort_lines, cohort_pictures
from serving.pages.ladder.segments import segment_tables
from serving.pages.ladder.steps import step_rows, way_rows
from serving.pages.ladder.why import advice_on, causes_of_steps, piece_table, reply_lines
from serving.process.counted import by_hand, causes_now, minutes_until_again, uncounted
from serving.process.service import Service

__all__ = ["counted_values", "uncounted_values"]

_MOST_LATE: Final = 10
_TABLES: Final = ("steps", "cohorts", "segments", "content", "replies")


def uncounted_values(service: Service) -> dict[str, Any]:
    """The values of the page before there is anything to show."""
    return {
        "why": uncounted(service),
        "by_hand": by_hand(service, "funnel"),
        "minutes": minutes_until_again(service),
        "every": _pause(service.settings.funnel_seconds),
        "ladder": service.ladder,
        "advice": advice_on(service.ladder),
    }


def _pause(seconds: float) -> str:
    """A pause in words: "every hour", "every 5 minutes"."""
    for size, unit in ((3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            many = seconds / size
            return f"every {unit}" if many == 1 else f"every {many:g} {unit}s"
    return ""


def counted_values(service: Service, stays: Stays, choice: LadderChoice) -> dict[str, Any]:
    """The values of the page."""
    selection = choice.selection(stays)
    found = funnel(stays, selection, choice.by)
    causes = causes_now(service)
    return {
        "found": found,
        "choice": choice,
        "state": "ready" if found["leads"] else "nobody" if len(stays) else "empty",
        "answer": answered(found, choice) if found["leads"] else None,
        "within": _within(choice),
        "traits": trait_choices(stays, choice),
        "beside": choice.beside_address(),
        "again": again_said(came_again(selection.of(stays))),
        "steps": step_rows(found, choice),
        "ways": way_rows(found),
        "lever": _lever(found),
        "pictures": cohort_pictures(found, choice),
        "lines": cohort_lines(found, choice),
        "by": [(one, one == choice.by, choice.by_address(one)) for one in ("week", "month")],
        "segments": segment_tables(found, choice),
        "tables": {name: choice.address(table=name) for name in _TABLES},
        "failed": "funnel" in service.failures,
        "every": _pause(service.settings.funnel_seconds),
        "ladder": stays.ladder,
        "advice": advice_on(stays.ladder),
        **_why(service, stays, causes, choice),
    }


def _within(choice: LadderChoice) -> list[tuple[str, bool, str]]:
    return [
        (text, one == choice.within, choice.within_address(one)) for one, text in WITHIN.items()
    ]


def _lever(found: Funnel) -> tuple[str, bool] | None:
    """The biggest lever with its arithmetic, and whether it is surely one."""
    lever = found["lever"]
    if lever is None:
        return None
    return lever_said(lever, found["steps"][-1]["id"]), lever["is_sure"]


def _why(
    service: Service, stays: Stays, causes: FunnelCauses | None, choice: LadderChoice
) -> dict[str, Any]:
    """Causes, content and replies; these are of all leads, whoever is chosen."""
    if causes is None:
        return {
            "causes": None,
            "pieces": None,
            "replies": None,
            "weeks": [],
            "late": [],
            "later": 0,
        }
    replies = causes["replies"]
    now, ladder = service.clock(), stays.ladder
    late = [
        (person_of(one["lead_id"], service.store.events_of(one["lead_id"]), ladder, now), one)
        for one in replies["late"][:_MOST_LATE]
    ]
    return {
        "causes": causes_of_steps(causes["diagnosis"], choice),
        "is_early": all(one["rate"]["value"] is None for one in causes["diagnosis"]["steps"]),
        "notes": [words.sentence(note) + "." for note in causes["diagnosis"]["notes"]],
        "is_some": bool(choice.only) or choice.within != "all",
        "pieces": piece_table(causes["content"], ladder),
        "replies": replies,
        "weeks": reply_lines(replies),
        "late": late,
        "later": len(replies["late"]) - len(late),
    }
