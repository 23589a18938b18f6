"""When there will be what a worker makes now and then, for whoever asks before it is there."""

from __future__ import annotations

from typing import Final

from serving.process.service import Service

__all__ = ["when_made"]

_BY_HAND: Final = "`rung {verb} --store` does it now"


def when_made(service: Service, verb: str, seconds: float) -> str:
    """When what a verb makes will be there.

    Parameters
    ----------
    seconds : between two runs beside this service; 0 is never.
    """
    by_hand = _BY_HAND.format(verb=verb)
    if not seconds:
        return f"RUNG_{verb.upper()}_SECONDS is 0; {by_hand}."
    if service.folder is None and not service.settings.ladder:
        return "it will be once there is a model, or RUNG_LADDER names a ladder."
    return f"it will be within minutes of the first events; {by_hand}."
