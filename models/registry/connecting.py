"""How a registry is opened, and how several of us use one at once."""

from __future__ import annotations

import errno
import fcntl
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import mlflow
from alembic.util.exc import CommandError
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

from features.errors import BundleError
from models.logged.registry_uri import in_short, shown

# Its migrations of a fresh database are nobody's news.
logging.getLogger("mlflow").setLevel(logging.WARNING)
logging.getLogger("alembic").setLevel(logging.WARNING)

__all__ = ["alone", "opened", "unless_there"]


def opened(tracking: str, versions: str, file: Path | None) -> MlflowClient:
    """A client of the registry, which is MLflow's own in this process from now on.

    Parameters
    ----------
    tracking, versions : MLflow's URIs of runs, and of versions of models.
    file : as in `alone`; its folder is made.

    Raises
    ------
    BundleError : nobody answers there, or the database cannot be opened.
    """
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with alone(file):
            mlflow.set_tracking_uri(tracking)
            mlflow.set_registry_uri(versions)
            client = MlflowClient(tracking, versions)
            client.search_experiments(max_results=1)  # makes tables of a file, if need be
    except MlflowException as error:
        raise BundleError(f"no registry at {shown(tracking)}: {in_short(error.message)}") from error
    except (SQLAlchemyError, CommandError) as error:
        said = str(error).splitlines()[0]
        raise BundleError(
            f"the registry at {shown(tracking)} cannot be opened ({said}); if another program is"
            " making or upgrading it, try again when that is done"
        ) from error
    return client


@contextmanager
def alone(file: Path | None) -> Iterator[None]:
    """While this lasts no other of us opens or fills the registry whose database is a file.

    MLflow makes the tables of a new one, and two that do so at once fail. Where no file can be
    made beside it, nothing can be made in it either, and nobody has to wait.

    Parameters
    ----------
    file : of the database; None where a server keeps it, which sees to that itself.
    """
    if file is None:
        yield
        return
    with ExitStack() as stack:
        try:
            lock = stack.enter_context(Path(f"{file}.lock").open("a"))
        except PermissionError:
            lock = None
        except OSError as error:
            if error.errno != errno.EROFS:
                raise
            lock = None
        if lock is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def unless_there() -> Iterator[None]:
    """What another makes at the same time is as good as made here."""
    try:
        yield
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
            raise
