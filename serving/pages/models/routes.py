"""Models: can the figures be trusted, since when, what changed, when to train again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from features.clock import instant, microseconds
from features.errors import BundleError
from models.bundle import version_of
from models.gate import GateError
from models.judging.readiness import Readiness
from models.judging.served import AheadLook
from models.sources import FolderSource, SourceVersion
from serving.edge.access.access import Asker
from serving.edge.access.needs import needs
from serving.pages.common.downloads import CsvTable, csv_answer, named_table
from serving.pages.common.forms import form_of
from serving.pages.common.frame import page, why_no_model
from serving.pages.common.moments import ShownAt, day_of, shown_at
from serving.pages.experiments.naming import policy_said
from serving.pages.models.advice import limits_of, ready_steps, train_again
from serving.pages.models.evidence import ModelEvidence, evidence_of
from serving.pages.models.figures import (
    GoalFigures,
    ModelGoal,
    expected_of,
    figures_of,
    nearest_promise,
)
from serving.pages.models.pictures import gains_drawn, moves_drawn, promises_drawn
from serving.pages.models.tables import (
    OF_GOAL,
    moves_table,
    ready_table,
    signals_table,
    versions_table,
)
from serving.process.judged.drifting import ahead_of, look_ahead_of, queue_drift
from serving.process.judged.looks import Look, look_of
from serving.process.judged.moved import movements
from serving.process.judged.policies import serves_now
from serving.process.judged.versions import (
    Tenure,
    back_to,
    promotable,
    promote_other,
    served_so_far,
    take_back,
)
from serving.process.served import Served
from serving.process.service import Service

__all__ = ["router"]

_GOALS: Final[tuple[ModelGoal, ...]] = ("advancement", "purchase")
_TABLES: Final = (*OF_GOAL, "recalibrations", "signals", "versions", "readiness")
_MOST_WHY: Final = 300
_Reads = Annotated[Asker, Depends(needs("read", is_page=True))]
_Sets = Annotated[Asker, Depends(needs("admin", is_page=True))]

router = APIRouter(include_in_schema=False)


@router.get("/models")
async def models_page(
    request: Request, service: Served, asker: _Reads, goal: str = "advancement"
) -> Response:
    """Whether the figures can be trusted, and all that this rests on."""
    shown: ModelGoal = "purchase" if goal == "purchase" else "advancement"
    table = named_table(request, _TABLES)
    if table is not None:
        return await run_in_threadpool(lambda: csv_answer(table, _table(service, table, shown)))
    return await run_in_threadpool(lambda: _shown(request, service, asker, shown))


@router.post("/models/back")
async def go_back(request: Request, service: Served, asker: _Sets) -> Response:
    """Let serve again what served before; where that cannot be done the page says why."""
    form = await form_of(request)

    def back() -> Response:
        why = form.get("why", "").strip()[:_MOST_WHY]
        if not why.isprintable() or not why:
            said = "Write in one line why you go back: it is kept with the model."
            return _shown(request, service, asker, "advancement", said)
        try:
            take_back(service, form.get("seen", ""), asker.name, why)
        except (BundleError, GateError) as error:
            return _shown(request, service, asker, "advancement", str(error))
        return RedirectResponse("/models#versions", 303)

    return await run_in_threadpool(back)


@router.get("/models/others")
async def other_models(request: Request, service: Served, asker: _Reads) -> Response:
    """Which models are kept beside the one that serves, and what the gate says of each."""
    return await run_in_threadpool(lambda: _others_shown(request, service, asker))


@router.post("/models/promote")
async def promote_model(request: Request, service: Served, asker: _Sets) -> Response:
    """Let another one serve, by the gate's verdict that is kept; or the page says why not."""
    form = await form_of(request)

    def promote() -> Response:
        which, why = form.get("model", ""), form.get("why", "").strip()[:_MOST_WHY]
        if not which or not why.isprintable() or not why:
            said = "Choose a model, and write in one line why it is to serve: it is kept with it."
            return _others_shown(request, service, asker, said)
        try:
            promote_other(service, which, form.get("seen", ""), asker.name, why)
        except (BundleError, GateError) as error:
            return _others_shown(request, service, asker, str(error))
        return RedirectResponse("/models#versions", 303)

    return await run_in_threadpool(promote)


# ------------------------------------------------------------------------------------------- pages


@dataclass(frozen=True, slots=True)
class _Version:
    """A time in which a model served, as the page shows it."""

    told: Tenure
    policy: str
    since: ShownAt
    ended: ShownAt | None
    until: ShownAt | None

    @property
    def ordered(self) -> float | None:
        """What its gate knew of the order in which it puts leads."""
        return self.told.gate.metrics.get("advancement_auc") if self.told.gate else None


@dataclass(frozen=True, slots=True)
class _Other:
    """A model that is kept beside the one that serves, as the page shows it."""

    told: SourceVersion
    name: str
    why_not: str

    @property
    def served(self) -> ShownAt | None:
        """Since when it served last; None of one that never did."""
        return _day(self.told.from_at)

    @property
    def judged(self) -> tuple[ShownAt, ShownAt] | None:
        """The first and the last day of what it was judged on."""
        held = self.told.gate.report if self.told.gate else {}
        start, until = held.get("start"), held.get("until")
        if not start or not until:
            return None
        return shown_at(microseconds(instant(start))), shown_at(microseconds(instant(until)))

    @property
    def ordered(self) -> float | None:
        """What its gate knew of the order in which it puts leads."""
        return self.told.gate.metrics.get("advancement_auc") if self.told.gate else None


def _others_shown(request: Request, service: Service, asker: Asker, mistake: str = "") -> Response:
    bundle = service.scorer.bundle
    if bundle is None:
        return _shown(request, service, asker, "advancement", mistake)
    others: list[_Other] = []
    try:
        others = [_Other(one.told, _named(one.told), one.why_not) for one in promotable(service)]
    except BundleError as error:
        mistake = mistake or str(error)
    values = {
        "mistake": mistake,
        "others": others,
        "may_serve": [one for one in others if not one.why_not],
        "may_not": [one for one in others if one.why_not],
        "seen": bundle.version,
        "is_folder": isinstance(service.source, FolderSource),
    }
    return page(request, service, asker, "models/others.html", values, 409 if mistake else 200)


def _shown(
    request: Request, service: Service, asker: Asker, goal: ModelGoal, mistake: str = ""
) -> Response:
    status = 409 if mistake else 200
    bundle = service.scorer.bundle
    if bundle is None:
        why = {"why_not": why_no_model(service, asker), "mistake": mistake}
        return page(request, service, asker, "models/none.html", why, status)
    evidence, moved = evidence_of(service), movements(service)
    figures, ready = _all_figures(service, evidence), _readiness(service)
    found = cast("Readiness | None", ready.body)
    look = look_ahead_of(service)
    ahead = cast("AheadLook | None", look.body)
    shown = next((one for one in figures if one.goal == goal), None)
    values: dict[str, Any] = {
        "mistake": mistake,
        "goal": goal,
        "evidence": evidence,
        "figures": shown,
        "promise": nearest_promise(shown.promises) if shown else None,
        "promises": promises_drawn(shown.promises) if shown else None,
        "gains": gains_drawn(shown.gains) if shown else [],
        "moved": [(one, moves_drawn(one.course, one.trained)) for one in moved],
        "drift": queue_drift(service),
        "look": look,
        "ahead": ahead,
        "ahead_since": day_of(ahead["since"]) if ahead else None,
        "expected": expected_of(ahead, goal),
        "again": train_again(service, figures, moved, ahead, found),
        "limits": limits_of(bundle, figures),
        "ready": ready,
        "ready_at": shown_at(ready.as_of) if found else None,
        "ready_steps": ready_steps(found) if found else [],
        "summary": found["summary"] if found else "",
        "version": bundle.version,
        "trained_on": bundle.manifest.get("trained_on", {}).get(goal, {}),
        "trained_until": _day(bundle.manifest.get("until")),
        "policy": policy_said(serves_now(service)),
        "recalibrates": bool(service.settings.recalibrate_seconds),
        **_versions(service),
    }
    return page(request, service, asker, "models/models.html", values, status)


def _versions(service: Service) -> dict[str, Any]:
    served = [
        _Version(
            one,
            policy_said(one.policy),
            shown_at(one.from_at),
            None if one.to_at is None else shown_at(one.to_at),
            _day(one.until),
        )
        for one in served_so_far(service)
    ]
    back, present = back_to(service), version_of(service.scorer.model.bundle.hash)
    return {
        "versions": served,
        "since": served[0].since if served and served[0].told.version == present else None,
        "seen": present,
        "back": _named(back) if back else "",
        "is_folder": isinstance(service.source, FolderSource),
    }


def _named(version: SourceVersion) -> str:
    """What a model is called: by when what it learned from ends."""
    known = _day(version.until)
    return f"The model of {known.day}" if known else version.label or version_of(version.hash)


def _all_figures(service: Service, evidence: ModelEvidence) -> list[GoalFigures]:
    if evidence.evaluation is None:
        return []
    return [figures_of(evidence.evaluation, goal, service.ladder) for goal in _GOALS]


def _readiness(service: Service) -> Look:
    seconds = service.settings.readiness_seconds
    return look_of(service, "readiness", seconds=seconds, needs_model=False)


def _day(moment: int | None) -> ShownAt | None:
    return shown_at(moment) if moment else None


def _table(service: Service, name: str, goal: ModelGoal) -> CsvTable:
    if name == "recalibrations":
        return moves_table(movements(service))
    if name == "signals":
        return signals_table(ahead_of(service))
    if name == "versions":
        return versions_table(served_so_far(service))
    if name == "readiness":
        found = cast("Readiness | None", _readiness(service).body)
        return ready_table(ready_steps(found) if found else [])
    figures = _all_figures(service, evidence_of(service))
    shown = next((one for one in figures if one.goal == goal), None)
    return OF_GOAL[name](shown) if shown else (("nothing was judged yet",), [])
