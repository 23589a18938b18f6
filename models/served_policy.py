"""Which policy a bundle is served with: the ladder's rules, until a stored report carries another.

The choice stands beside the bundle as served_policy.json and is no part of its hash: promoting a
policy changes no score. It names the bundle that it was made for, and holds the report's figures.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from features.errors import BundleError
from models.bundle import Bundle
from models.offers.policy import policy

__all__ = ["DEFAULT", "ServedPolicy", "read_served", "write_served"]

DEFAULT: Final = "rules"
FILE: Final = "served_policy.json"


@dataclass(frozen=True, slots=True)
class ServedPolicy:
    """A policy, the bundle that it chooses with, and the report that carries it."""

    name: str
    bundle: str
    report: dict[str, Any]


def read_served(folder: Path, bundle: Bundle) -> str:
    """The name of the policy to serve a bundle with.

    Raises
    ------
    BundleError : the file is damaged, or was made for another bundle.
    PolicyError : it names a policy that there is none of.
    """
    path = Path(folder) / FILE
    if not path.exists():
        return DEFAULT
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        name, made_for = str(held["policy"]), str(held["bundle"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{path} is damaged: {error}; promote the policy again") from error
    if made_for != bundle.hash:
        raise BundleError(f"{path} was made for another bundle; promote the policy again")
    policy(name, bundle.offers.options)
    return name


def write_served(folder: Path, served: ServedPolicy) -> None:
    """Serve a bundle with a policy; the service picks it up when it loads the bundle."""
    held = {"policy": served.name, "bundle": served.bundle, "report": served.report}
    path = Path(folder) / FILE
    waiting = path.with_suffix(".tmp")
    waiting.write_text(json.dumps(held, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    waiting.replace(path)
