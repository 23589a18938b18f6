"""Which policy a bundle is served with: the careful one, until a passed gate lets another.

The choice stands beside the bundle as served_policy.json and is no part of its hash: promoting a
policy changes no score. The file is the gate: it names the policy and the bundle that it was passed
for, and holds the report's figures.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Final

from features.errors import BundleError
from features.files import new_file
from models.bundle import UNREADABLE, Bundle, load_bundle, unreadable
from models.gate import Gate, GateError
from models.offers.policy import policy_to_serve

__all__ = ["DEFAULT", "read_served", "served_gate", "withdraw_served", "write_served"]

DEFAULT: Final = "careful"
"""It needs no gate: what it may choose is guarded by code."""
FILE: Final = "served_policy.json"


def read_served(folder: Path, bundle: Bundle) -> str:
    """The name of the policy to serve a bundle with.

    Raises
    ------
    BundleError : the file is damaged, was made for another bundle, or holds a gate that was not
        passed.
    PolicyError : it names a policy that there is none of, or that is for an arm of an experiment.
    """
    gate = served_gate(folder, bundle)
    return gate.policy if gate else DEFAULT


def served_gate(folder: Path, bundle: Bundle) -> Gate | None:
    """The passed gate of the policy to serve a bundle with; None where that is the careful one.

    Raises what `read_served` raises.
    """
    path = Path(folder) / FILE
    if not path.exists():
        return None
    try:
        gate = Gate.of_dict(json.loads(path.read_text(encoding="utf-8")))
    except (*UNREADABLE, GateError) as error:
        raise unreadable(path, error, "promote the policy again") from error
    if gate.bundle != bundle.hash:
        raise BundleError(f"{path} was made for another bundle; promote the policy again")
    try:
        gate.require_passed("policy", bundle.hash)
    except GateError as error:
        raise BundleError(f"{path} lets no policy serve: {error}; promote it again") from error
    if bundle.ladder.value != bundle.learned_on.value:
        raise BundleError(
            f"{path} was judged by another [value] than the ladder has now; judge the policy again"
        )
    policy_to_serve(gate.policy, bundle.offers.options)
    return gate


def write_served(folder: Path, gate: Gate, *, trusted: Collection[str] = ()) -> None:
    """Serve the bundle of a folder with the policy of a gate; a running service picks it up.

    Raises
    ------
    BundleError : there is no bundle.
    GateError : the gate was not passed, or is not that of a policy with this very bundle.
    PolicyError : there is no such policy, or it is for an arm of an experiment.
    """
    bundle = load_bundle(folder, trusted=trusted)
    gate.require_passed("policy", bundle.hash)
    policy_to_serve(gate.policy, bundle.offers.options)
    with new_file(Path(folder) / FILE) as path:
        path.write_text(json.dumps(gate.as_dict(), indent=1, sort_keys=True) + "\n", "utf-8")


def withdraw_served(folder: Path) -> None:
    """Serve the bundle of a folder with the careful policy again; a running service picks it up."""
    (Path(folder) / FILE).unlink(missing_ok=True)
