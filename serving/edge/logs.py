"""Log lines as JSON, one object a line; those of a request carry its id.

No line holds what was sent. Of an exception that is not ours the message is left out, since it may
quote values: what it was and where it was raised remain. Keys are masked wherever they stand, in
paths, addresses and what others say, since callers put them where they do not belong.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterator
from contextvars import ContextVar
from math import isfinite
from typing import Any, Final

import orjson

from features.clock import rfc3339
from features.errors import RungError, StoreAway

__all__ = [
    "LOGGER",
    "REQUEST_ID",
    "JsonLines",
    "log",
    "log_failure",
    "log_to_stderr",
    "logging_of_process",
    "masked",
]

LOGGER: Final = logging.getLogger("rung")
REQUEST_ID: Final[ContextVar[str]] = ContextVar("request_id", default="")
"""The id of the request that is being served, "" outside of one."""
_SERVER: Final = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")
_TALKATIVE: Final = ("sqlalchemy.pool", "psycopg", "python_multipart")
"""Two tell of each connection that was cut, one with a trace, the other with the server's address
and user; the third of each form that is none. Whoever used them says so in a line."""
_QUOTES_NOTHING: Final = (
    *(RungError, OSError, ImportError, AttributeError, NameError, TypeError, MemoryError),
    *(ArithmeticError, AssertionError, NotImplementedError, RecursionError),
)
"""Exceptions whose message names files, types or parts of the program, and no data."""
_MOST_CAUSES: Final = 10
_SECRETS: Final = tuple(
    (needle, re.compile(rf"({before}){secret}"))
    for needle, before, secret in (
        # Of a key of ours the id may be read. Its secret holds a capital or a digit, no name does.
        (
            "rung",
            r"rung(?:_|%5[Ff])[A-Za-z0-9]{1,40}(?:_|%5[Ff])(?=[a-z_-]{0,60}[A-Z0-9])",
            r"[\w%-]{12,}",
        ),
        ("whsec_", r"whsec_", r"[\w+/=-]+"),
        ("k_live_", r"\b[srp]k_live_", r"\w+"),
        ("k_test_", r"\b[srp]k_test_", r"\w+"),
        ("pat-", r"\bpat-[a-z]{2}[0-9]?-", r"[\w-]{8,}"),
        ("xox", r"\bxox[a-z]-", r"[\w-]{8,}"),
        ("hooks.slack.com/", r"hooks\.slack\.com/", r"[\w/-]+"),
        ("eyJ", r"\beyJ", r"[\w-]{8,300}\.[\w-]+(?:\.[\w-]*)?"),
        ("earer ", r"\b[Bb]earer +", r"[\w.~+/=-]{8,}"),
        ("asic ", r"\bBasic +", r"[\w.~+/=-]{8,}"),
        ("://", r"://[^\s:/?#\"@]{0,100}:", r"[^\s/\"\\]{1,200}(?=@)"),
        (
            "=",
            r"[?&;][\w.-]{0,40}(?i:token|key|secret|signature|password|passwd|pwd|sig)=",
            r"[^\s&;#\"\\]+",
        ),
    )
)
"""What every secret of a kind holds, and its form: ours, then those of vendors and of addresses.

No part before a secret is without a bound, so that no text takes long.
"""


def log(event: str, level: int = logging.INFO, error: bool = False, **values: object) -> None:
    """One line: what happened and its values; with `error`, the exception that is being handled."""
    if not LOGGER.isEnabledFor(level):
        return
    shown = {name: _shown(one) for name, one in values.items()}
    # Not by `LOGGER.log`: each request has a line, and that looks for the place of this very call.
    trace = sys.exc_info() if error else None
    record = LOGGER.makeRecord(
        *(LOGGER.name, level, __file__, 0, event, (), trace), extra={"values": shown}
    )
    LOGGER.handle(record)


def log_failure(event: str, error: Exception, **values: str) -> None:
    """One line on what a part of the process failed with that goes on, or is tried again.

    A store that is away says so itself; of a mistake of ours it takes the trace.
    """
    if isinstance(error, StoreAway):
        log(event, logging.WARNING, False, why=str(error), **values)
    else:
        log(event, logging.ERROR, True, **values)


def _shown(value: object) -> object:
    """A value with its secrets masked: in JSON a letter may be an escape, which hides one."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, list | tuple):
        return [_shown(one) for one in value]
    if isinstance(value, dict):
        return {masked(str(name)): _shown(one) for name, one in value.items()}
    return value


def masked(text: str) -> str:
    """The same text, with *** in place of the secrets of keys that stand in it."""
    for needle, form in _SECRETS:
        if needle in text:
            text = form.sub(r"\1***", text)
    return text


def log_to_stderr(level: str) -> None:
    """Write lines to standard error, unless the caller has set logging up already.

    A server that has set up its own writes it in the same form from now on; handlers of another
    kind, such as those that collect for somebody else, are left as they are.
    """
    _say_nothing_of_logging()
    LOGGER.setLevel(level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if not LOGGER.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(JsonLines())
        LOGGER.addHandler(handler)
    for name in _SERVER:
        for theirs in logging.getLogger(name).handlers:
            if type(theirs) is logging.StreamHandler:
                theirs.setFormatter(JsonLines())


def logging_of_process(level: str) -> dict[str, Any]:
    """How a process logs that is nothing but the service, as `logging.config.dictConfig` takes it.

    Requests have a line of ours, so the server's own are left out.
    """
    _say_nothing_of_logging()
    ours = {"handlers": ["stderr"], "level": level.upper(), "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonLines}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            LOGGER.name: ours,
            "uvicorn": ours,
            "uvicorn.access": {"handlers": [], "level": "CRITICAL", "propagate": False},
            **{name: {"level": "CRITICAL"} for name in _TALKATIVE},
        },
    }


def _say_nothing_of_logging() -> None:
    """A line that cannot be written, as on a full disk, is lost without a trace of Python's."""
    logging.raiseExceptions = False


class JsonLines(logging.Formatter):
    """A record as a JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record, whoever logged it."""
        line: dict[str, object] = {
            "time": rfc3339(round(record.created * 1_000_000)),
            "level": record.levelname.lower(),
            "event": masked(_said(record.getMessage())),
        }
        if request_id := REQUEST_ID.get():
            line["request_id"] = request_id
        line |= getattr(record, "values", {})
        if record.exc_info and record.exc_info[1]:
            line["error"] = masked("".join(_told(record.exc_info[1])))
        return masked(_as_json(line))


def _as_json(line: dict[str, object]) -> str:
    """It in ASCII, so that no terminal and no reader of lines takes a character for its own."""
    try:
        told = orjson.dumps(line, default=str)  # a tenth of the time that `json` takes
    except orjson.JSONEncodeError:  # such as half a character, or a number beyond 64 bits
        return json.dumps(_sayable(line), default=str, separators=(",", ":"))
    if told.isascii():
        return told.decode()
    return _BEYOND_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], told.decode())


_BEYOND_ASCII: Final = re.compile(r"[^\0-\x7f]+")


def _sayable(value: object) -> object:
    """It with null for numbers that are none, and texts for names, as `orjson` writes both."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): _sayable(one) for name, one in value.items()}
    return [_sayable(one) for one in value] if isinstance(value, list) else value


def _said(message: str) -> str:
    """The first line of a message, as what follows may quote values; why a start failed, whole."""
    return message if message.startswith("Traceback") else message.partition("\n")[0]


def _told(error: BaseException, most: int = _MOST_CAUSES) -> Iterator[str]:
    """What led to an exception, where it was raised, what it is, and what it holds."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and most:
        yield from _told(cause, most - 1)
        yield "which led to\n"
    yield from traceback.format_tb(error.__traceback__)
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    yield f"{kind}: {error}\n" if isinstance(error, _QUOTES_NOTHING) else f"{kind}\n"
    for part in getattr(error, "exceptions", ()) if most else ():
        yield from _told(part, most - 1)
