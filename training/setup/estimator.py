"""An estimator that is named in a configuration or on the command line, as an object."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from features.errors import did_you_mean
from models.scores.learners.rehearsal import EstimatorError

__all__ = ["EstimatorChoice", "build"]

_PLACE: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class EstimatorChoice:
    """Where an estimator is to be found and how it is made.

    Parameters
    ----------
    place : "module:Class", or "module:factory", a function that returns an estimator.
    parameters : its keyword arguments. A table with a `class` is an estimator as well, and a list
        of pairs of a name and such a table is what VotingClassifier and Pipeline take.
    trusted : types that skops does not know, and that whoever trains vouches for.
    """

    place: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    trusted: tuple[str, ...] = ()


def build(choice: EstimatorChoice) -> Any:
    """The estimator, not fitted.

    Raises
    ------
    EstimatorError : no such module or name, or parameters that it does not take.
    """
    return _made(choice.place, {name: _value(one) for name, one in choice.parameters.items()})


def _made(place: str, parameters: dict[str, Any]) -> Any:
    make = _found(place)
    try:
        return make(**parameters)
    except EstimatorError:
        raise
    except Exception as error:
        own = str(error).strip().split("\n")[0]
        raise EstimatorError(f"{place} cannot be made: {type(error).__name__}: {own}") from error


def _found(place: str) -> Any:
    if not _PLACE.fullmatch(place):
        raise EstimatorError(
            f"{place!r} names no estimator: write module:Class, such as"
            " sklearn.ensemble:RandomForestClassifier"
        )
    module_name, _, name = place.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise EstimatorError(
            f"{module_name} cannot be imported ({error}); it has to be installed, or lie in the"
            " current folder"
        ) from error
    except Exception as error:
        raise EstimatorError(
            f"{module_name} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    found = getattr(module, name, None)
    if found is None:
        hint = did_you_mean(name, [one for one in dir(module) if not one.startswith("_")])
        raise EstimatorError(f"{module_name} has no {name!r}{hint}")
    if not callable(found):
        raise EstimatorError(f"{place} is no class and no function that makes an estimator")
    return found


def _value(given: Any) -> Any:
    """A value of a parameter; tables with a `class` become estimators."""
    if isinstance(given, Mapping):
        if "class" not in given:
            return {name: _value(one) for name, one in given.items()}
        rest = {name: _value(one) for name, one in given.items() if name != "class"}
        return _made(str(given["class"]), rest)
    if isinstance(given, list):
        return [_pair(one) for one in given]
    return given


def _pair(given: Any) -> Any:
    """A name and an estimator are a tuple, as scikit-learn has it."""
    is_pair = isinstance(given, list) and len(given) == 2 and isinstance(given[1], Mapping)
    return (given[0], _value(given[1])) if is_pair else _value(given)
