"""The process that `rung serve` starts beside itself: it scores, and has the upkeep done."""

from __future__ import annotations

import sys
from math import inf
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serving.process.upkeep import Chore
    from serving.settings import Settings

__all__ = ["chores_of"]

_DAY_SECONDS: Final = 86_400.0


def chores_of(settings: Settings) -> Sequence[Chore]:
    """What is done now and then beside a service, as its settings say."""
    from features.funnel.kept import KIND
    from features.store.privacy.erasures import of_report
    from features.store.schema import READINESS
    from models.judging.served import SCORES
    from serving.process.upkeep import Chore

    rung = (sys.executable, "-m", "rung.chore")
    ladder = ("--ladder", settings.ladder) if settings.ladder else ()
    looks = {"readiness": settings.readiness_seconds, "funnel": settings.funnel_seconds}
    keeps = {"funnel": KIND, "readiness": of_report(READINESS)}
    found = [
        Chore(
            *(verb, seconds, (*rung, verb, "--json", *ladder)),
            needs_model=not ladder,
            keeps=keeps.get(verb, ""),
        )
        for verb, seconds in looks.items()
        if seconds
    ]
    if settings.experiments_seconds:
        command = (*rung, "experiment", "judge", "--json", *ladder)
        found.append(
            Chore("experiments", settings.experiments_seconds, command, needs_model=not ladder)
        )
    if settings.recalibrate_seconds:
        found.append(
            Chore("recalibrate", settings.recalibrate_seconds, (*rung, "recalibrate", "--json"))
        )
    if settings.judge_seconds:
        command = (*rung, "champion", "judge", "--json", *ladder)
        found.append(Chore("champion", settings.judge_seconds, command, keeps=of_report(SCORES)))
    if settings.retrain_days or settings.retrain_on_drift == "yes":
        found.append(_retraining(settings, (*rung, "retrain", "--by", "rung work", *ladder)))
    return found


def _retraining(settings: Settings, command: tuple[str, ...]) -> Chore:
    """Training anew: on its days, and sooner where the world has moved."""
    from serving.process.judged.drifting import has_drifted
    from serving.process.upkeep import Chore

    return Chore(
        "retrain",
        settings.retrain_days * _DAY_SECONDS or inf,
        command,
        settings=_what_serves(settings),
        is_told=True,
        urged_by=has_drifted if settings.retrain_on_drift == "yes" else None,
    )


def _what_serves(settings: Settings) -> dict[str, str]:
    """Where that is which serves, to be replaced: not the copy of it that this process has."""
    if not settings.model:
        return {"RUNG_BUNDLE": str(settings.bundle)}
    found = {"RUNG_MODEL": settings.model, "RUNG_REGISTRY": settings.registry}
    return found | ({"RUNG_TRACKING": settings.tracking} if settings.tracking else {})


if __name__ == "__main__":
    from serving.process.memory import hasten

    hasten()
    from serving.process.worker import main

    sys.exit(main(chores_of))
