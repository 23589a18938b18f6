"""The configuration of a training as a TOML file: read with every mistake named, and written.

Its keys are the fields of `TrainConfig` (at the top), `FitConfig` (in `[fit]`) and `BoostingConfig`
(in `[boosting]`); one `seed` at the top holds for all. `[estimator]` names what takes the place of
the trees.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

from features.errors import LadderError, Mistake, Unusable, did_you_mean, told_mistakes
from features.toml_table import parse_toml
from models.scores.learners.trusted import trusted_names
from training.pipeline import TrainConfig
from training.setup.estimator import EstimatorChoice, build

__all__ = ["ConfigError", "Configuration", "config_text", "parse_config", "read_config"]


class ConfigError(Unusable):
    """A configuration that cannot be used. `mistakes` holds every one that was found."""

    def __init__(self, source: str, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__(told_mistakes(source, self.mistakes))


@dataclass(frozen=True, slots=True)
class Configuration:
    """A configuration as a file has it; the estimator is named and not made."""

    train: TrainConfig = field(default_factory=TrainConfig)
    estimator: EstimatorChoice | None = None

    def made(self) -> TrainConfig:
        """What `train` takes; EstimatorError where the estimator cannot be made."""
        if self.estimator is None:
            return self.train
        estimator, trusted = build(self.estimator), self.estimator.trusted
        fit = replace(self.train.fit, estimator=estimator, trusted=trusted)
        return replace(self.train, fit=fit)

    def with_estimator(self, place: str | None, trusted: Collection[str]) -> Configuration:
        """The same with another estimator in the place of the trees, and with types it may have.

        Parameters
        ----------
        place : "module:Class"; None for the configuration's own. The parameters stay.
        trusted : beside those that the configuration lists.
        """
        held = self.estimator or EstimatorChoice("")
        types = tuple(sorted({*held.trusted, *trusted}))
        return replace(self, estimator=replace(held, place=place or held.place, trusted=types))

    def seeded(self, seed: int) -> Configuration:
        """The same with another seed, for the points and for the fit."""
        fit = replace(self.train.fit, seed=seed)
        return replace(self, train=replace(self.train, seed=seed, fit=fit))


@dataclass(frozen=True, slots=True)
class _Range:
    """What a number may be; `over` is a bound that it may not reach itself."""

    least: float = 0.0
    most: float = math.inf
    over: float = -math.inf
    under: float = math.inf

    def holds(self, value: float) -> bool:
        return self.least <= value <= self.most and self.over < value < self.under

    def __str__(self) -> str:
        low = f"above {self.over:g}" if self.over > -math.inf else f"from {self.least:g}"
        if self.under < math.inf:
            return f"{low} and below {self.under:g}"
        if self.most < math.inf:
            return f"{low} to {self.most:,.0f}" if self.most > 1 else f"{low} to {self.most:g}"
        return low


_SHARE: Final = _Range(most=1.0, over=0.0)
_AT_LEAST_ONE: Final = _Range(least=1.0)
_RANGES: Final = {
    "seed": _Range(most=2**31 - 1),
    "most_points": _AT_LEAST_ONE,
    "folds": _Range(least=2.0, most=50.0),
    "least_leads": _AT_LEAST_ONE,
    "calibration_share": _Range(over=0.0, under=1.0),
    "least_calibration": _AT_LEAST_ONE,
    "learning_rate": _SHARE,
    "num_leaves": _Range(least=2.0, most=131_072.0),
    "min_data_in_leaf": _AT_LEAST_ONE,
    "feature_fraction": _SHARE,
    "bagging_fraction": _SHARE,
    "most_rounds": _AT_LEAST_ONE,
    "patience": _AT_LEAST_ONE,
}
"""Of those numbers that may not be anything from 0."""
_WORDS: Final[dict[type, str]] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
}


def read_config(path: Path) -> Configuration:
    """The configuration of a file.

    Raises
    ------
    ConfigError : not UTF-8, no TOML, unknown keys, values of another type or out of range.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), [Mistake("file", f"is no text in UTF-8: {error}")]) from error
    return parse_config(text, str(path))


def parse_config(text: str, source: str) -> Configuration:
    """The configuration of a TOML text; what it does not name is as by default.

    Raises
    ------
    ConfigError : as `read_config`; `source` is what it calls the text.
    """
    try:
        given = parse_toml(text, source)
    except LadderError as error:
        raise ConfigError(source, error.mistakes) from error
    mistakes: list[Mistake] = []
    default = TrainConfig()
    tables = {"fit": default.fit, "boosting": default.fit.boosting}
    top = {key: value for key, value in given.items() if key not in (*tables, "estimator")}
    also = (*tables, "estimator")
    own = _values(top, default, "", mistakes, also)
    fit = _values(_table(given, "fit", mistakes), default.fit, "fit.", mistakes)
    boosting = _table(given, "boosting", mistakes)
    trees = _values(boosting, default.fit.boosting, "boosting.", mistakes)
    estimator = _estimator(_table(given, "estimator", mistakes), mistakes)
    if mistakes:
        raise ConfigError(source, mistakes)
    fit = {"seed": own.get("seed", default.seed), **fit}
    fitted = replace(default.fit, boosting=replace(default.fit.boosting, **trees), **fit)
    return Configuration(replace(default, fit=fitted, **own), estimator)


def _table(given: Mapping[str, Any], name: str, mistakes: list[Mistake]) -> dict[str, Any]:
    held = given.get(name, {})
    if isinstance(held, dict):
        return held
    mistakes.append(Mistake(name, f"{held!r} is no table", f"write [{name}]"))
    return {}


def _values(
    given: Mapping[str, Any],
    default: Any,
    place: str,
    mistakes: list[Mistake],
    tables: Sequence[str] = (),
) -> dict[str, Any]:
    """The fields of a dataclass that a table sets."""
    allowed = dict(_plain(default, within=bool(place)))
    found = {}
    for key, value in given.items():
        if key not in allowed:
            names = [*allowed, *tables]
            hint = did_you_mean(key, names).removeprefix("; ") or f"there are: {', '.join(names)}"
            mistakes.append(Mistake(f"{place}{key}", "is unknown", hint))
        elif wrong := _wrong(key, value, type(allowed[key])):
            mistakes.append(Mistake(f"{place}{key}", f"{value!r} will not do", wrong))
        else:
            found[key] = type(allowed[key])(value)
    return found


def _plain(config: Any, *, within: bool) -> Iterator[tuple[str, Any]]:
    """The fields that a file can set: numbers and texts; in a table all but the seed."""
    for one in fields(config):
        value = getattr(config, one.name)
        if type(value) in _WORDS and not (within and one.name == "seed"):
            yield one.name, value


def _wrong(key: str, value: Any, kind: type) -> str:
    """What would be right; "" where the value is."""
    if kind is float and type(value) in (int, float):
        is_right = math.isfinite(value)
    else:
        is_right = type(value) is kind
    bounds = _RANGES.get(key, _Range()) if kind in (int, float) else None
    if is_right and (bounds is None or bounds.holds(value)):
        return ""
    return f"write {_WORDS[kind]}" + (f", {bounds}" if bounds else "")


def _estimator(given: dict[str, Any], mistakes: list[Mistake]) -> EstimatorChoice | None:
    if not given:
        return None
    before = len(mistakes)
    for key in given:
        if key not in ("class", "trusted", "parameters"):
            hint = "there are: class, trusted, parameters; what the class takes stands in"
            mistakes.append(Mistake(f"estimator.{key}", "is unknown", f"{hint} parameters"))
    place, parameters = given.get("class", ""), given.get("parameters", {})
    if not isinstance(place, str):
        mistakes.append(Mistake("estimator.class", f"{place!r} will not do", "write module:Class"))
    if not isinstance(parameters, dict):
        hint = "write [estimator.parameters]"
        mistakes.append(Mistake("estimator.parameters", f"{parameters!r} is no table", hint))
    trusted = _trusted(given.get("trusted", []), mistakes)
    if len(mistakes) > before:
        return None
    return EstimatorChoice(place, parameters, trusted)


def _trusted(given: object, mistakes: list[Mistake]) -> tuple[str, ...]:
    names = given if isinstance(given, list) else [given]
    try:
        return trusted_names(",".join(str(name) for name in names))
    except ValueError as error:
        mistakes.append(Mistake("estimator.trusted", "is no list of types", str(error)))
        return ()


def config_text(config: TrainConfig, *notes: str) -> str:
    """A configuration as TOML, its estimator left out; notes stand above it as comments.

    `parse_config` reads it back as it was.
    """
    lines = [f"# {note}" for note in notes]
    lines += _lines(config, within=False)
    lines += ["", "[fit]", *_lines(config.fit, within=True)]
    lines += ["", "[boosting]", *_lines(config.fit.boosting, within=True)]
    return "\n".join(lines) + "\n"


def _lines(config: Any, *, within: bool) -> list[str]:
    return [f"{name} = {_toml(value)}" for name, value in _plain(config, within=within)]


def _toml(value: bool | float | str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, str) else repr(value)
