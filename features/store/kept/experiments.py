"""Experiments beside a store: what is tried, since when, and what came of it. None is ever changed.

An experiment is stopped and put away, and never made another: who is in which arm, and what the
arms were, has to stay what it was when the leads were drawn.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import sqlalchemy as sa

from features.errors import ExperimentConflict, UnknownExperiment
from features.store.database import Database, insert_into
from features.store.kept.meta import set_meta
from features.store.kept.scores import ScoreStore
from features.store.schema import experiments

__all__ = ["ExperimentState", "Experiments", "KeptExperiment"]

_TURN: Final = "experiments"

ExperimentState = Literal["running", "stopped", "archived"]


@dataclass(frozen=True, slots=True)
class KeptExperiment:
    """An experiment as it is kept.

    Parameters
    ----------
    body : plain values, see `features.offers.experiments`.
    started_at, stopped_at : microseconds since the epoch; None while it runs.
    verdict : what was decided when it was stopped; "" before.
    by : who began it.
    """

    ladder: str
    id: str
    body: Mapping[str, Any]
    state: ExperimentState
    started_at: int
    stopped_at: int | None
    verdict: str
    by: str


class Experiments:
    """The experiments of a database; where one begins or ends, all leads are scored anew."""

    def __init__(self, database: Database, scores: ScoreStore) -> None:
        self._database = database
        self._scores = scores

    def start(
        self,
        ladder: str,
        id_: str,
        body: Mapping[str, Any],
        *,
        now: int,
        by: str,
        check: Callable[[Sequence[KeptExperiment]], None] = lambda _: None,
    ) -> KeptExperiment:
        """Begin an experiment.

        Parameters
        ----------
        check : is given those of the ladder that run, while no other begins; raises what is against
            it.

        Raises
        ------
        ExperimentConflict : there is or was one of that id.
        """
        kept = KeptExperiment(ladder, id_, dict(body), "running", now, None, "", by)
        row = {
            "ladder": ladder,
            "id": id_,
            "body": json.dumps(body, separators=(",", ":"), sort_keys=True),
            "state": kept.state,
            "started_at": now,
            "stopped_at": None,
            "verdict": "",
            "by": by,
        }
        with self._database.writing() as connection:
            # First of all: on PostgreSQL whoever comes second waits here, and sees this one then.
            set_meta(connection, _TURN, secrets.token_hex(8))
            check(_of(connection, ladder, "running"))
            insert = insert_into(connection.engine, experiments).values(row)
            new = insert.on_conflict_do_nothing().returning(experiments.c.id)
            if connection.scalar(new) is None:
                raise ExperimentConflict(
                    f"there is or was an experiment {id_!r} on the ladder {ladder!r}: choose"
                    " another id"
                )
            self._scores.want_full_run(connection)
        return kept

    def stop(
        self,
        ladder: str,
        id_: str,
        *,
        now: int,
        verdict: str,
        then: Callable[[sa.Connection], None] = lambda _: None,
    ) -> KeptExperiment:
        """End an experiment: nobody is put into it any more, and its arms mean nothing.

        Parameters
        ----------
        then : what is done with it, in the same transaction.

        Raises
        ------
        UnknownExperiment, ExperimentConflict : there is none, or it was ended before.
        """
        self.get(ladder, id_)
        values = {"state": "stopped", "stopped_at": now, "verdict": verdict}
        with self._database.writing() as connection:
            if not _changed(connection, ladder, id_, "running", values):
                former = next(one for one in _of(connection, ladder) if one.id == id_)
                raise ExperimentConflict(
                    f"the experiment {id_!r} was ended before: {former.verdict!r}"
                )
            then(connection)
            self._scores.want_full_run(connection)
        return self.get(ladder, id_)

    def archive(self, ladder: str, id_: str) -> KeptExperiment:
        """Put an ended experiment away: it is listed and judged no more, and its id stays taken.

        Raises
        ------
        UnknownExperiment, ExperimentConflict : there is none, or it runs still.
        """
        if self.get(ladder, id_).state == "running":
            raise ExperimentConflict(f"the experiment {id_!r} still runs: stop it first")
        with self._database.writing() as connection:
            _changed(connection, ladder, id_, "stopped", {"state": "archived"})
            self._scores.want_full_run(connection)
        return self.get(ladder, id_)

    def get(self, ladder: str, id_: str) -> KeptExperiment:
        """One experiment; UnknownExperiment where there is none of that id."""
        found = self.of(ladder)
        for one in found:
            if one.id == id_:
                return one
        raise UnknownExperiment.named(id_, [one.id for one in found])

    def of(self, ladder: str, state: ExperimentState | None = None) -> list[KeptExperiment]:
        """The experiments of a ladder, or those in one state, in the order in which they began."""
        with self._database.reading() as connection:
            return _of(connection, ladder, state)

    def running(self, ladder: str) -> tuple[str, ...]:
        """The ids of those that run, in the order in which they began; quick to ask."""
        wanted = sa.select(experiments.c.id).where(
            experiments.c.ladder == ladder, experiments.c.state == "running"
        )
        with self._database.reading() as connection:
            return tuple(connection.scalars(wanted.order_by(experiments.c.started_at)))


def _changed(
    connection: sa.Connection, ladder: str, id_: str, state: str, values: Mapping[str, object]
) -> bool:
    """Change an experiment that is in a state; whether it was."""
    own = experiments.c.ladder == ladder, experiments.c.id == id_, experiments.c.state == state
    return bool(connection.execute(sa.update(experiments).where(*own).values(values)).rowcount)


def _of(
    connection: sa.Connection, ladder: str, state: ExperimentState | None = None
) -> list[KeptExperiment]:
    wanted = sa.select(experiments).where(experiments.c.ladder == ladder)
    if state is not None:
        wanted = wanted.where(experiments.c.state == state)
    wanted = wanted.order_by(experiments.c.started_at, experiments.c.id)
    rows = [row._asdict() for row in connection.execute(wanted)]
    return [KeptExperiment(**{**row, "body": json.loads(row["body"])}) for row in rows]
