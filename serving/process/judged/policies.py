"""Let a policy serve by its kept gate, or the careful one again.

Only where the model is a folder's: what a registry serves is a version, and another policy of it is
another version.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from features.errors import BundleError
from features.store.kept.champions import Champion
from models.gate import Gate, GateError
from models.judging.served import POLICY, about_policy
from models.served_policy import DEFAULT, withdraw_served, write_served
from models.sources import FolderSource
from serving.process.judged.looks import Look, look_of
from serving.process.service import Service

__all__ = ["candidate_of", "let_serve", "may_change_here", "policy_look", "serves_now", "withdraw"]

_CANDIDATE: Final = "learned"
"""The policy that a worker judges, to say whether it may serve."""


def serves_now(service: Service) -> str:
    """The name of the policy that serves; the careful one before there is a model."""
    scorer = service.scorer
    return DEFAULT if scorer.bundle is None else scorer.model.adviser.policy_name


def candidate_of(service: Service) -> str:
    """The policy whose gate is shown: the one that serves, or that which might."""
    serves = serves_now(service)
    return _CANDIDATE if serves == DEFAULT else serves


def policy_look(service: Service, name: str) -> Look:
    """The newest judgement of a policy with the bundle that serves."""
    bundle = service.scorer.bundle
    about = about_policy(bundle.hash, name) if bundle else ""
    return look_of(service, POLICY, about, seconds=service.settings.judge_seconds)


def may_change_here(service: Service) -> bool:
    """Whether the service itself can let another policy serve."""
    return service.folder is not None and isinstance(service.source, FolderSource)


def let_serve(service: Service, name: str, by: str) -> None:
    """Serve with a policy, by the gate of its newest report.

    Raises
    ------
    GateError : it was not judged with this very bundle, or its gate was not passed.
    BundleError : the model is not a folder's, the policy cannot be served with it, or the folder
        cannot be written to.
    """
    folder, since = _folder(service), service.clock()
    gate = _kept_gate(service, name)
    try:
        write_served(folder, gate, trusted=service.settings.trusted_types)
    except OSError as error:
        raise BundleError(f"{folder} cannot be written to: {error.strerror}") from error
    service.refresh()
    if serves_now(service) != name:
        withdraw_served(folder)
        service.refresh()
        raise BundleError(
            f"{name!r} cannot be served with this model now, the log says why: judge it again"
        )
    _note(service, name, by, since)


def withdraw(service: Service, by: str) -> None:
    """Serve with the careful policy again; BundleError where that cannot be done here."""
    folder, since = _folder(service), service.clock()
    try:
        withdraw_served(folder)
    except OSError as error:
        raise BundleError(f"{folder} cannot be written to: {error.strerror}") from error
    service.refresh()
    _note(service, DEFAULT, by, since)


def _kept_gate(service: Service, name: str) -> Gate:
    """The gate of a policy with the bundle and the values that serve."""
    bundle, body = service.scorer.model.bundle, policy_look(service, name).body
    if body is None or body["gate"] is None:
        raise GateError(f"{name!r} was not judged with the model that serves: there is no gate")
    if bundle.ladder.value != bundle.learned_on.value:
        raise GateError("the ladder has other values than the policy was judged by: train again")
    return Gate.of_dict(body["gate"])


def _folder(service: Service) -> Path:
    if service.folder is None or not may_change_here(service):
        raise BundleError(
            "what a registry serves is changed there: promote the policy in a bundle's folder with"
            " `rung policy promote`, and publish that with `rung publish --promote`"
        )
    return service.folder


def _note(service: Service, policy: str, by: str, since: int) -> None:
    """Keep who wanted it so, as it serves now; the service has noted the rest by itself."""
    bundle = service.scorer.model.bundle
    service.store.champions.add(Champion(bundle.ladder.name, since, bundle.hash, policy, by))
