"""Log lines as JSON, one object a line."""

from __future__ import annotations

import json
import logging
from typing import Final

from features.clock import rfc3339

__all__ = ["LOGGER", "log", "log_to_stderr"]

LOGGER: Final = logging.getLogger("rung")


def log(event: str, level: int = logging.INFO, error: bool = False, **values: object) -> None:
    """One line: what happened and its values; with `error`, the exception that is being handled."""
    LOGGER.log(level, event, extra={"values": values}, exc_info=error)


def log_to_stderr(level: str) -> None:
    """Write lines to standard error, unless the caller has set logging up already."""
    LOGGER.setLevel(level.upper())
    if not LOGGER.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(_JsonLines())
        LOGGER.addHandler(handler)


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": rfc3339(round(record.created * 1_000_000)),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "values", {}),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
