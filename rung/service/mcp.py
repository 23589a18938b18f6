"""`rung mcp`: an assistant asks whom to call, why, and what to say."""

from __future__ import annotations

import argparse
import os
from importlib.util import find_spec
from typing import Any, Final
from urllib.parse import urlsplit

from rung.call.arguments import as_count
from rung.call.parser import Progress, add_verb

__all__ = ["add_mcp"]

_URL: Final = "http://127.0.0.1:8000"
_VARIABLE: Final = "RUNG_KEY"


def add_mcp(verbs: Any) -> None:
    """Add `rung mcp`."""
    mcp = add_verb(verbs, "mcp", _mcp, "let an assistant ask the service, over MCP")
    mcp.add_argument("--url", type=_as_url, default=_URL, help=f"the service; default: {_URL}")
    mcp.add_argument(
        "--key-env",
        metavar="NAME",
        help=f"the environment variable that holds the key; default: {_VARIABLE}, if it is set",
    )
    mcp.add_argument(
        "--http",
        type=as_count,
        metavar="PORT",
        help="answer here over HTTP, each caller with a key of their own; default: standard input",
    )


def _as_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise argparse.ArgumentTypeError("must be an address such as https://rung.example.com")
    return text.rstrip("/")


def _mcp(parsed: argparse.Namespace, _: Progress) -> None:
    _check(parsed)
    from rung.service.assistants.server import serve_http, serve_standard_input

    if parsed.http is not None:
        return serve_http(parsed.url, parsed.http)
    return serve_standard_input(parsed.url, os.environ.get(parsed.key_env or _VARIABLE, ""))


def _check(parsed: argparse.Namespace) -> None:
    """Refuse what cannot work before anything is said on standard output."""
    from features.errors import Mistake
    from serving.settings import SettingsError

    mistakes = []
    if find_spec("mcp") is None:
        remedy = "pip install 'rung[assistants]'"
        mistakes.append(Mistake("mcp", "the package is not installed", remedy))
    if parsed.key_env and parsed.http is not None:
        remedy = "leave out --key-env: over HTTP each caller shows a key of their own"
        mistakes.append(Mistake("--key-env", "is for standard input", remedy))
    elif parsed.key_env and not os.environ.get(parsed.key_env):
        remedy = "it holds a key that `rung key create` made"
        mistakes.append(Mistake(parsed.key_env, "is not set", remedy))
    if mistakes:
        raise SettingsError(mistakes)
