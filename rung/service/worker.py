"""The process that `rung serve` starts beside itself: it scores, and has the upkeep done."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serving.process.upkeep import Chore
    from serving.settings import Settings

__all__ = ["chores_of"]


def chores_of(settings: Settings) -> Sequence[Chore]:
    """What is done now and then beside a service, as its settings say."""
    from features.funnel.kept import KIND
    from features.store.privacy.erasures import of_report
    from features.store.schema import READINESS
    from models.judging.served import SCORES
    from serving.process.upkeep import Chore

    rung = (sys.executable, "-m", "rung")
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
    return found


if __name__ == "__main__":
    from serving.process.memory import hasten

    hasten()
    from serving.process.worker import main

    sys.exit(main(chores_of))
