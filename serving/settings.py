"""What the operator sets: the environment, read once, refused early.

`RUNG_` and a field's name in capitals is its variable. Nothing is read when this is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from features.errors import Mistake, Unusable, did_you_mean
from models.logged.registry_uri import DEFAULT_URI, address
from models.scores.learners.trusted import trusted_names

__all__ = ["Settings", "SettingsError"]

_PREFIX: Final = "RUNG_"
_OF_OTHERS: Final = frozenset({"RUNG_KEY"})
"""Read by `rung mcp`, which may be started from the same shell."""
_LEVELS: Final = ("debug", "info", "warning", "error")


class SettingsError(Unusable):
    """Settings that cannot be used. `mistakes` holds every one that was found."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


@dataclass(frozen=True, slots=True)
class Settings:
    """How one process of the service runs.

    Parameters
    ----------
    database_url : a path or a URL of the event store; made where there is none.
    bundle : the folder that `rung train` wrote.
    trusted_types : types of your own estimator that a bundle may be made of, with commas between
        them, such as mymodule.MyClass: to load it runs that code.
    model, registry : such as rung-b2b@champion, and the MLflow URI of the registry that has it; ""
        for the bundle of the folder. Without a RUNG_REGISTRY, MLflow's own variables say where.
    tracking : where the runs of that registry are; "" for the registry itself.
    ladder : a file or a shipped ladder whose event names hold before there is a model.
    rescore_seconds : pause between two scorings of all leads; time alone changes scores.
    recalibrate_seconds : pause between two looks at what came of scores; 0 leaves probabilities as
        they were trained.
    readiness_seconds : pause between two looks at what of the ladder the log has; 0 for none.
    experiments_seconds : pause between two comparisons of the arms of experiments; 0 for none.
    judge_seconds : pause between two looks at how good what serves is by now, and whether another
        policy may; 0 for none.
    retrain_days : pause between two trainings on what has come of leads by then, each of which
        promotes only what is better and passes the gate; 0 leaves that to people.
    retrain_on_drift : "yes" trains anew also as soon as the world is surely another one than the
        model has learned from, at most once a week; "no" waits.
    funnel_seconds : pause between two countings of how many go on at each step; 0 for none.
    scoring : whether this process scores in the background ("inside"), or others do ("elsewhere").
    reply_minutes : a lead that waits longer for a reply raises an alarm; 0 for none, None for what
        the ladder's `reply_hours` say.
    rate_limit : requests a second that each key may make of this process; 0 for no limit.
    browser_rate_limit : requests a second that each address may make with keys for pages.
    webhook_private : whether notifications may go to private addresses and over plain http.
    connectors : the TOML file that switches connectors on; None leaves all of them off.
    """

    database_url: str = "sqlite:///rung.db"
    bundle: Path = Path("artifacts/bundle")
    trusted_types: tuple[str, ...] = ()
    model: str = ""
    registry: str = DEFAULT_URI
    tracking: str = ""
    ladder: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    rescore_seconds: float = 900.0
    recalibrate_seconds: float = 3600.0
    readiness_seconds: float = 86_400.0
    funnel_seconds: float = 3600.0
    experiments_seconds: float = 3600.0
    judge_seconds: float = 86_400.0
    retrain_days: float = 0.0
    retrain_on_drift: str = "no"
    scoring: str = "inside"
    reply_minutes: float | None = None
    log_level: str = "info"
    rate_limit: float = 5000.0
    browser_rate_limit: float = 50.0
    webhook_private: str = "refuse"
    connectors: Path | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """The settings of an environment such as `os.environ`; an empty value is as good as none.

        Raises
        ------
        SettingsError : unknown `RUNG_` variables and unreadable values, all at once.
        """
        names = {_PREFIX + field.name.upper(): field.name for field in fields(cls)}
        mistakes: list[Mistake] = []
        values: dict[str, Any] = {}
        for variable in sorted(name for name in environment if name.startswith(_PREFIX)):
            if variable in _OF_OTHERS:
                continue
            if variable not in names:
                hint = did_you_mean(variable, names).removeprefix("; ")
                mistakes.append(Mistake(variable, "no such setting", hint))
            elif text := environment[variable].strip():
                try:
                    values[names[variable]] = _READERS[names[variable]](text)
                except ValueError as error:
                    mistakes.append(Mistake(variable, f"{text!r} will not do", str(error)))
        if mistakes:
            raise SettingsError(mistakes)
        if "registry" not in values:
            place = address(None, environment)
            apart = "" if place.tracking == place.registry else place.tracking
            values = {"registry": place.registry, "tracking": apart} | values
        return cls(**values)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65_535:
        raise ValueError("a port is a whole number from 0 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1.0 <= seconds <= 86_400.0:
        raise ValueError("write seconds, from 1 to 86400")
    return seconds


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0.0 <= rate <= 1e6:
        raise ValueError("write requests a second, from 0 (no limit) to 1000000")
    return rate


def _seconds_or_never(text: str) -> float:
    return 0.0 if text.strip() == "0" else _seconds(text)


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = -1.0
    if days and not 1.0 <= days <= 366.0:
        raise ValueError("write days, from 1 to 366, or 0 for never")
    return days


def _inside_or_elsewhere(text: str) -> str:
    if text.lower() not in ("inside", "elsewhere"):
        raise ValueError("one of inside, elsewhere")
    return text.lower()


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = -1.0
    if not 0.0 <= minutes <= 1e6:
        raise ValueError("write minutes, from 0 (no alarm) to 1000000")
    return minutes


def _model(text: str) -> str:
    name, at, alias = text.partition("@")
    if not name or (at and not alias):
        raise ValueError("write a model of the registry and an alias, such as rung-b2b@champion")
    return text


def _level(text: str) -> str:
    if text.lower() not in _LEVELS:
        raise ValueError(f"one of {', '.join(_LEVELS)}")
    return text.lower()


def _yes_or_no(text: str) -> str:
    if text.lower() not in ("yes", "no"):
        raise ValueError("one of yes, no")
    return text.lower()


def _refuse_or_allow(text: str) -> str:
    if text.lower() not in ("refuse", "allow"):
        raise ValueError("one of refuse, allow")
    return text.lower()


_READERS: Final[dict[str, Callable[[str], object]]] = {
    "database_url": str,
    "bundle": Path,
    "trusted_types": trusted_names,
    "model": _model,
    "registry": str,
    "tracking": str,
    "ladder": str,
    "host": str,
    "port": _port,
    "rescore_seconds": _seconds,
    "recalibrate_seconds": _seconds_or_never,
    "readiness_seconds": _seconds_or_never,
    "funnel_seconds": _seconds_or_never,
    "experiments_seconds": _seconds_or_never,
    "judge_seconds": _seconds_or_never,
    "retrain_days": _days,
    "retrain_on_drift": _yes_or_no,
    "scoring": _inside_or_elsewhere,
    "reply_minutes": _minutes,
    "log_level": _level,
    "rate_limit": _rate,
    "browser_rate_limit": _rate,
    "webhook_private": _refuse_or_allow,
    "connectors": Path,
}
