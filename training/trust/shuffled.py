"""The negative control: outcomes that are shuffled among the leads of a step must not be told.

If a model tells them all the same, the leads are not separate people, and every figure of the model
flatters it. If the true outcomes are told no better, there is nothing to learn, which is no leak.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from features.arrays import Floats, Ints
from features.events.log import EventLog
from features.ladder.ladder import Ladder
from features.signals.linked_log import link
from features.signals.program import compile_ladder
from training.trust.quick_model import fitted_ranks
from training.trust.rows import ProbeRows, auc_within_steps, chance_error
from training.trust.suspicion import Suspicion

__all__ = ["copies", "people", "permuted", "shuffled"]

_SURE: Final = 5.0
"""Standard errors above one half from which shuffled outcomes are told."""
_LEARNS: Final = 2.0
"""Standard errors up to which the true ones are not told."""
_WORTH: Final = 0.6
"""An AUC that is worth having: about what saves `WORTH` of the log loss of rates."""
_LEAST_EDGE: Final = 0.03
_FEWEST_INSTANTS: Final = 3
"""Different instants in a history, below which two leads may share it by chance."""
_MINUTE_US: Final = 60_000_000
_MANY_COPIES: Final = 0.2
"""The share of the leads that may have the history of another."""


def shuffled(rows: ProbeRows, person: Ints, ranks: Floats, goal: str) -> list[Suspicion]:
    """Whether a quick model tells shuffled outcomes, and whether it tells the true ones.

    Parameters
    ----------
    person : shape (n_leads,), the same number for leads with one history (`people`).
    ranks : shape (n,), the quick model's margins for the true outcomes.
    goal : what the outcomes are of, in words.
    """
    if not rows.is_enough:
        return []
    error = chance_error(rows)
    happened = permuted(rows, person, np.random.default_rng(7))
    told = auc_within_steps(fitted_ranks(rows, happened)[0], happened, rows.position)
    true = auc_within_steps(ranks, rows.happened, rows.position)
    if told is None or true is None:
        return []
    figures = {"shuffled": round(told, 4), "true": round(true, 4), "error": round(error, 4)}
    if told - 0.5 > max(_SURE * error, _LEAST_EDGE):
        said = (
            f"with the outcomes of {goal} shuffled among the people of each step, a model still"
            f" ranks them with an AUC of {told:.3f} (chance: 0.500 ± {error:.3f}): the leads are"
            " not separate people. Give all ids of a person one lead_id, or an anonymous_id that"
            " joins them"
        )
        return [Suspicion("labels", "shuffled", said, figures=figures)]
    if true - 0.5 < _LEARNS * error:
        # Below one half is chance as well: of few leads that comes easily, and rules nothing out.
        is_none = max(true, 0.5) + _LEARNS * error < _WORTH
        what = "nothing to learn" if is_none else "not sure yet whether there is anything to learn"
        said = (
            f"{what} about {goal}: a quick model ranks the true outcomes with an AUC of"
            f" {true:.3f}, shuffled ones with {told:.3f} (chance: 0.500 ± {error:.3f})"
        )
        return [Suspicion("labels", "shuffled", said, stops=False, figures=figures)]
    return []


def permuted(rows: ProbeRows, person: Ints, rng: np.random.Generator) -> Floats:
    """Shape (n,): the outcomes of another person at the same step, in no order.

    A person's outcomes stay together, as they are alike; their order in time does not, because it
    tells by itself how long somebody has stood at the step.
    """
    happened = np.empty(len(rows))
    who = person[rows.lead]
    for at in np.unique(rows.position):
        here = np.flatnonzero(rows.position == at)
        here = here[np.argsort(who[here], kind="stable")]
        _, starts, size = np.unique(who[here], return_index=True, return_counts=True)
        donor = rng.permutation(len(starts))
        of_row = np.repeat(np.arange(len(starts)), size)
        drawn = (rng.random(len(here)) * size[donor][of_row]).astype(np.int64)
        happened[here] = rows.happened[here[starts[donor][of_row] + drawn]]
    return happened


def people(log: EventLog, ladder: Ladder) -> Ints:
    """Shape (n_leads,): the same number for leads that completed the same at the same instants.

    Only completions at three instants or more are compared: fewer can be alike by chance, and so
    can times that are told by the minute or the day. Everybody else is a person of their own.
    """
    rows = np.flatnonzero(link(log, compile_ladder(ladder)).completes())
    lead = log.lead_of_rows()[rows]
    person = np.arange(len(log.leads))
    first: dict[bytes, int] = {}
    for part in np.split(rows, np.flatnonzero(np.diff(lead)) + 1) if len(rows) else []:
        when = log.occurred[part]
        if len(np.unique(when[when % _MINUTE_US != 0])) >= _FEWEST_INSTANTS:
            at = int(np.searchsorted(log.starts, part[0], side="right") - 1)
            person[at] = first.setdefault(log.name[part].tobytes() + when.tobytes(), at)
    return person


def copies(log: EventLog, person: Ints) -> list[Suspicion]:
    """Whether many leads have the history of another: one person under several ids."""
    _, size = np.unique(person, return_counts=True)
    many = int(size[size > 1].sum())
    if many < _MANY_COPIES * len(person) or many == 0:
        return []
    example = next(at for at in range(len(person)) if person[at] != at)
    return [
        Suspicion(
            "copies",
            "shuffled",
            f"{many:,} of {len(person):,} leads completed the same steps at the same instants as"
            " another: one person under several ids is learned from and judged on at once. Give all"
            " ids of a person one lead_id, or an anonymous_id that joins them",
            figures={"share": round(many / len(person), 4)},
            example=f"such as {log.leads[example]!r} and {log.leads[person[example]]!r}",
        )
    ]
