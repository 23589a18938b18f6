"""The registry: versions of bundles, their reports, and the aliases that say which one serves.

The only room that imports MLflow, and only after it has said what MLflow must not do.
"""

import os

# MLflow decides about telemetry when it is imported; a default installation must not phone home.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
# Where the run is to be seen is no part of what a verb prints for programs.
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
# It would ask a server that is away for two minutes before it said so, and one that takes calls and
# answers none for a quarter of an hour.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")

from models.registry.registry import Registry

__all__ = ["Registry"]
