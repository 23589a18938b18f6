"""Another policy is let to choose by its kept gate alone, and taken back."""

from __future__ import annotations

import pytest

from features.errors import BundleError, PolicyError
from models.bundle import load_bundle
from models.gate import GateError
from models.served_policy import read_served
from models.sources import RegistrySource
from serving.process import service
from serving.process.judged import policies
from serving.process.judged.looks import Look
from serving.process.judged.policies import (
    candidate_of,
    let_serve,
    may_change_here,
    policy_look,
    serves_now,
    withdraw,
)
from tests.gates import watched
from tests.serving.process.judged.scene import keep_gate


def served_by_folder(service) -> str:
    return read_served(service.folder, load_bundle(service.folder))


def test_it_serves_and_is_taken_back(own):
    """At once, in the folder as well, and it is known who wanted it so."""
    assert (serves_now(own), candidate_of(own)) == ("careful", "learned")
    keep_gate(own)
    let_serve(own, "learned", "Ann")
    assert (serves_now(own), candidate_of(own), served_by_folder(own)) == ("learned",) * 3
    assert own.store.champions.of("b2b")[0].by == "Ann"
    withdraw(own, "Bob")
    assert (serves_now(own), served_by_folder(own)) == ("careful", "careful")
    newest, former, _ = own.store.champions.of("b2b")
    assert (newest.policy, newest.by, former.policy) == ("careful", "Bob", "learned")


def test_what_cannot_be_served_never_did(own, monkeypatch):
    """Where it is not served after all nothing is noted: what served when is judged by that."""

    def cannot(*_: object) -> str:
        raise PolicyError("not here")

    keep_gate(own)
    before = own.store.champions.of("b2b")
    monkeypatch.setattr(service, "read_served", cannot)
    with pytest.raises(BundleError, match="cannot be served with this model now"):
        let_serve(own, "learned", "Ann")
    assert own.store.champions.of("b2b") == before
    assert before[0].policy == serves_now(own) == "careful"


def test_not_without_a_passed_gate(own):
    """Neither a gate that is missing, nor one that was not passed, nor one of another policy."""
    with pytest.raises(GateError, match="there is no gate"):
        let_serve(own, "learned", "Ann")
    keep_gate(own, watch=watched(-1.0, -2.0, 0.5))
    with pytest.raises(GateError, match="no gain"):
        let_serve(own, "learned", "Ann")
    with pytest.raises(GateError, match="there is no gate"):
        let_serve(own, "thompson", "Ann")
    assert (serves_now(own), served_by_folder(own)) == ("careful", "careful")


def test_not_where_it_could_not_be_judged(own):
    """A report that only says why there is nothing to judge carries nothing."""
    keep_gate(own)
    body = dict(policy_look(own, "learned").body or {}) | {"gate": None}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(policies, "policy_look", lambda *_: Look(body))
        with pytest.raises(GateError, match="there is no gate"):
            let_serve(own, "learned", "Ann")


def test_what_a_registry_serves_is_changed_there(own):
    """It says by which commands."""
    keep_gate(own)
    own.source = RegistrySource("sqlite:///none.db", "rung-b2b", "champion")
    assert not may_change_here(own)
    for change in (lambda: let_serve(own, "learned", "Ann"), lambda: withdraw(own, "Ann")):
        with pytest.raises(BundleError, match="rung publish --promote"):
            change()


def test_a_folder_that_cannot_be_written_to(own, monkeypatch):
    """It is said, and what serves stays."""
    keep_gate(own)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(policies, "write_served", refuse)
    monkeypatch.setattr(policies, "withdraw_served", refuse)
    for change in (lambda: let_serve(own, "learned", "Ann"), lambda: withdraw(own, "Ann")):
        with pytest.raises(BundleError, match="cannot be written to: Permission denied"):
            change()
    assert serves_now(own) == "careful"


def test_without_a_model(bare):
    """There is nothing to let serve."""
    assert (serves_now(bare), policy_look(bare, "learned").missing) == ("careful", "no model")
    assert not may_change_here(bare)
