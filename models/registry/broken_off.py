"""Runs of publishes that were broken off: each ends with a version, or is deleted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from features.clock import now, rfc3339

__all__ = ["finish_others", "finished", "unfinished_tag"]

_UNFINISHED: Final = "rung_publish_begun"
"""The tag of a run while its version is not there. A run has it from its first moment on."""
_GIVEN_UP_US: Final = 3_600_000_000
"""A publish takes seconds to minutes: of one that began so long ago nothing comes any more."""


def unfinished_tag() -> dict[str, str]:
    """The tag that a run begins with, until its version is there."""
    return {_UNFINISHED: rfc3339(now())}


@contextmanager
def finished(client: MlflowClient, run_id: str) -> Iterator[None]:
    """In the end a run that was begun has a version, or it is gone.

    Whoever is killed meanwhile, or whom the registry does not answer any more, leaves it with its
    tag: `finish_others` finds it by that.
    """
    try:
        yield
    except BaseException:
        with suppress(MlflowException):
            _finish(client, run_id)
        raise
    _finish(client, run_id)


def _finish(client: MlflowClient, run_id: str) -> None:
    """Let a run be whole, as it has its version, or go, as nothing will be registered of it."""
    if client.search_model_versions(f"run_id = '{run_id}'"):
        client.delete_tag(run_id, _UNFINISHED)
        return
    run = client.get_run(run_id)
    for model in client.search_logged_models(
        [run.info.experiment_id], f"source_run_id = '{run_id}'"
    ):
        client.delete_logged_model(model.model_id)
    client.delete_run(run_id)


def finish_others(client: MlflowClient, experiment: str, *, is_alone: bool) -> None:
    """Finish what other publishes to an experiment have left.

    Parameters
    ----------
    is_alone : whether nobody else publishes there now; otherwise what began a short while ago is
        left to whoever is at it.

    Raises
    ------
    MlflowException : the registry cannot be asked.
    """
    for run in client.search_runs([experiment], f"tags.{_UNFINISHED} LIKE '%'"):
        if is_alone or _is_given_up(run):
            _finish(client, run.info.run_id)


def _is_given_up(run: Run) -> bool:
    return now() - int(run.info.start_time) * 1000 > _GIVEN_UP_US
