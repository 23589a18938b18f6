"""The slow obvious version of `models.offers.effects`: one parameter at a time, one row at a time.

A parameter is a name, and a row of the design says by name what each of them does to the outcome.
The posterior is the textbook's for a linear model with a Gaussian prior, from dense matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.arrays import Floats
from models.offers.effects import REST, EffectRows
from models.offers.options import TOPIC, Options

__all__ = ["OracleChange", "OraclePosterior", "oracle_log_evidence", "oracle_posterior"]

Parameter = tuple[str, ...]
"""("g", attribute), ("topic",), ("u", option), ("G", attribute, z) or ("b", option, z)."""


@dataclass(frozen=True, slots=True)
class OracleChange:
    """How much more some options did before than they do now, as a parameter.

    Parameters
    ----------
    options : places of those that changed.
    ends : when each span of time but the last ended.
    shape : what share of it there was in each span, the last among them.
    sd : of its size, beforehand.
    """

    options: Sequence[int]
    ends: Sequence[int]
    shape: Sequence[float]
    sd: float

    def of(self, at: int, when: int) -> float:
        """What one unit of it adds to tau of an option at an instant."""
        if at not in self.options:
            return 0.0
        return self.shape[sum(end <= when for end in self.ends)]


@dataclass(frozen=True, slots=True)
class OraclePosterior:
    """Coefficients of (1, topic, z) of every option but the last, one option after the other.

    Parameters
    ----------
    mean : shape (n_options - 1, 2 + n_modifiers).
    covariance : shape (n, n) with n the number of coefficients, all options jointly.
    """

    mean: Floats
    covariance: Floats


def oracle_posterior(
    options: Options,
    rows: EffectRows,
    deviations: Sequence[float],
    changes: Sequence[OracleChange] = (),
) -> OraclePosterior:
    """The posterior of what options do now, for given standard deviations of u, G and b."""
    z_count = rows.modifiers.shape[1]
    names = _parameters(options, z_count)
    prior_mean, prior_sd, design, told = _problem(options, rows, names, deviations, changes)
    precision = np.diag(1.0 / prior_sd**2)
    for row in range(len(told)):
        precision += np.outer(design[row], design[row]) / rows.noise[row]
    pull = prior_mean / prior_sd**2
    for row in range(len(told)):
        pull = pull + design[row] * told[row] / rows.noise[row]
    covariance = np.linalg.inv(precision)
    mean = covariance @ pull
    to = _coefficients(options, z_count, names)
    to = np.concatenate([to, np.zeros((len(to), len(changes)))], axis=1)
    shape = (len(options) - 1, 2 + z_count)
    return OraclePosterior((to @ mean).reshape(shape), to @ covariance @ to.T)


def oracle_log_evidence(
    options: Options,
    rows: EffectRows,
    deviations: Sequence[float],
    changes: Sequence[OracleChange] = (),
) -> float:
    """log p(outcomes | deviations, changes), from the covariance of the outcomes themselves."""
    names = _parameters(options, rows.modifiers.shape[1])
    prior_mean, prior_sd, design, told = _problem(options, rows, names, deviations, changes)
    covariance = design @ np.diag(prior_sd**2) @ design.T + np.diag(rows.noise)
    apart = told - design @ prior_mean
    _, log_size = np.linalg.slogdet(2.0 * np.pi * covariance)
    return -0.5 * float(log_size + apart @ np.linalg.solve(covariance, apart))


def _problem(
    options: Options,
    rows: EffectRows,
    names: Sequence[Parameter],
    deviations: Sequence[float],
    changes: Sequence[OracleChange],
) -> tuple[Floats, Floats, Floats, Floats]:
    """Prior means and standard deviations, the design, and what it has to explain.

    Changes are parameters after all others.
    """
    mean, sd = _prior(options, rows, names, deviations)
    design, told = _design(options, rows, names)
    columns = np.zeros((len(rows), len(changes)))
    for row in range(len(rows)):
        for column, change in enumerate(changes):
            for at in range(len(options) - 1):
                assert rows.when is not None
                weight = rows.contrast[row, at] * rows.scale[row]
                columns[row, column] += weight * change.of(at, int(rows.when[row]))
    mean = np.concatenate([mean, np.zeros(len(changes))])
    sd = np.concatenate([sd, [change.sd for change in changes]])
    return mean, sd, np.concatenate([design, columns], axis=1), told


def _parameters(options: Options, z_count: int) -> list[Parameter]:
    attributes = [one.name for one in options.attributes]
    given = options.ids[:-1]
    names: list[Parameter] = [("topic",)]
    names += [("g", attribute) for attribute in attributes]
    names += [("u", option) for option in given]
    for z in range(z_count):
        names += [("G", attribute, str(z)) for attribute in attributes]
        names += [("b", option, str(z)) for option in given]
    return names


def _prior(
    options: Options, rows: EffectRows, names: Sequence[Parameter], deviations: Sequence[float]
) -> tuple[Floats, Floats]:
    """Means and standard deviations; of what lies beyond an offset nothing is expected."""
    attribute = {one.name: one for one in options.attributes}
    own = dict(zip("uGb", deviations, strict=True))
    mean, sd = [], []
    for name in names:
        if name[0] == "topic":
            mean.append(TOPIC.mean)
            sd.append(TOPIC.sd)
        elif name[0] == "g":
            mean.append(attribute[name[1]].mean)
            sd.append(attribute[name[1]].sd)
        else:
            mean.append(0.0)
            sd.append(own[name[0]])
    of_all = [name[0] in ("topic", "g") for name in names]
    rest = np.where(of_all, REST, 1.0) if rows.offset is not None else 1.0
    return np.array(mean) * (rows.offset is None), np.array(sd) * rest


def _effect(options: Options, name: Parameter, at: int, topic: float, z: Floats) -> float:
    """How far one unit of a parameter moves tau of an option, for one lead."""
    value = {one.name: options.values[at, col] for col, one in enumerate(options.attributes)}
    kind = name[0]
    if kind == "topic":
        return topic
    if kind == "g":
        return float(value[name[1]])
    if kind == "u":
        return float(options.ids[at] == name[1])
    if kind == "G":
        return float(value[name[1]] * z[int(name[2])])
    return float((options.ids[at] == name[1]) * z[int(name[2])])


def _design(
    options: Options, rows: EffectRows, names: Sequence[Parameter]
) -> tuple[Floats, Floats]:
    """Shape (n, n_parameters), and the residual past the offset, which they have to explain."""
    design = np.zeros((len(rows), len(names)))
    told = np.array(rows.residual)
    for row in range(len(rows)):
        for at in range(len(options) - 1):
            weight = rows.contrast[row, at] * rows.scale[row]
            if rows.offset is not None:
                told[row] -= weight * rows.offset[row, at]
            for column, name in enumerate(names):
                moved = _effect(options, name, at, rows.topic[row, at], rows.modifiers[row])
                design[row, column] += weight * moved
    return design, told


def _coefficients(options: Options, z_count: int, names: Sequence[Parameter]) -> Floats:
    """Shape (n_coefficients, n_parameters), by asking what tau is at 0 and how far it moves."""
    nothing = np.zeros(z_count)
    found = []
    for at in range(len(options) - 1):
        start = [_effect(options, name, at, 0.0, nothing) for name in names]
        found.append(start)
        with_topic = [_effect(options, name, at, 1.0, nothing) for name in names]
        found.append([after - before for after, before in zip(with_topic, start, strict=True)])
        for z in range(z_count):
            one = np.eye(z_count)[z]
            moved = [_effect(options, name, at, 0.0, one) for name in names]
            found.append([after - before for after, before in zip(moved, start, strict=True)])
    return np.array(found)
