"""A gate: passed only where nothing is missing, something was judged, and of this bundle."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from models.gate import Gate, GateError
from tests.gates import policy_gate, scores_gate

OTHER = "f" * 64


@pytest.fixture(params=[scores_gate, policy_gate], ids=["scores", "policy"])
def gate(request, trained) -> Gate:
    """A passed gate of each kind."""
    found: Gate = request.param(trained)
    return found


def test_passed_is_that_nothing_is_missing(gate):
    """There is no second place that says it."""
    assert gate.passed
    assert not replace(gate, missing=("more decisions",)).passed
    with pytest.raises(TypeError, match="passed"):
        replace(gate, passed=True)


def test_it_has_the_whole_hash(gate, trained):
    """The report names the bundle by its version; the gate is of the bundle that was judged."""
    assert gate.bundle == trained.hash


@pytest.mark.parametrize("report", [{}, {"version": "0" * 12, "bundle": "0" * 12}])
def test_a_report_of_something_else(gate, report):
    """A gate cannot be made from a report that does not name its bundle."""
    with pytest.raises(GateError, match=r"the report is of bundle (None|0{12}), not of "):
        replace(gate, report=report)


@pytest.mark.parametrize("bundle", ["", OTHER])
def test_another_bundle_than_the_report(gate, bundle):
    """Nor can it be handed on to another bundle."""
    with pytest.raises(GateError, match="the report is of bundle"):
        replace(gate, bundle=bundle)


def test_another_policy_than_the_report(trained):
    """Nor to another policy; scores have none."""
    for gate, name in ((policy_gate(trained), "greedy"), (policy_gate(trained), "")):
        with pytest.raises(GateError, match=f"the report is not of the policy '{name}'"):
            replace(gate, policy=name)
    with pytest.raises(GateError, match="the report is not of the policy 'learned'"):
        replace(scores_gate(trained), policy="learned")


@pytest.mark.parametrize("figure", [float("nan"), float("inf")])
def test_a_figure_that_is_no_number(gate, figure):
    """Nothing is passed by it, as no comparison with it says anything; it may be refused."""
    odd = gate.metrics | {"odd": figure}
    with pytest.raises(GateError, match="odd is no number: a gate is not passed by it"):
        replace(gate, metrics=odd)
    assert not replace(gate, metrics=odd, missing=("more decisions",)).passed


def test_nothing_was_judged(gate):
    """Without a figure nothing was judged, and nothing is passed; it may be refused."""
    with pytest.raises(GateError, match="nothing was judged"):
        replace(gate, metrics={})
    assert not replace(gate, metrics={}, missing=("no figures",)).passed


def test_no_third_kind(gate):
    """There are gates for scores and for policies."""
    with pytest.raises(GateError, match="there is no gate for 'offers'"):
        replace(gate, kind="offers")


def test_what_is_required(gate, trained):
    """The kind, the bundle, and that it was passed: each is asked for, and told."""
    gate.require_passed(gate.kind, trained.hash)
    other = "policy" if gate.kind == "scores" else "scores"
    with pytest.raises(GateError, match=f"takes a gate for {other}, not one for {gate.kind}"):
        gate.require_of(other, trained.hash)
    with pytest.raises(GateError, match=f"is of bundle {trained.version}, this is ffffffffffff"):
        gate.require_of(gate.kind, OTHER)
    refused = replace(gate, missing=("one", "two"))
    refused.require_of(gate.kind, trained.hash)
    with pytest.raises(GateError, match="the gate was not passed: one; two"):
        refused.require_passed(gate.kind, trained.hash)


def test_it_comes_back(gate):
    """What is kept of it is all of it."""
    assert Gate.of_dict(json.loads(json.dumps(gate.as_dict()))) == gate
    with pytest.raises(KeyError, match="missing"):
        Gate.of_dict({key: held for key, held in gate.as_dict().items() if key != "missing"})


def test_beside_the_champion(trained):
    """A gate lets a bundle follow the champion that it was judged beside, or itself, or none."""
    alone, beside = scores_gate(trained), scores_gate(trained, beside=OTHER)
    for champion in ("", trained.hash):
        alone.require_beside(champion)
        beside.require_beside(champion)
    beside.require_beside(OTHER)
    with pytest.raises(GateError, match=f"judged beside no champion, and {OTHER[:12]} serves"):
        alone.require_beside(OTHER)
    with pytest.raises(GateError, match=f"judged beside {OTHER[:12]}, and eeeeeeeeeeee serves"):
        beside.require_beside("e" * 64)
    assert Gate.of_dict(json.loads(json.dumps(beside.as_dict()))) == beside
    old = {key: value for key, value in beside.as_dict().items() if key != "beside"}
    assert Gate.of_dict(old) == replace(beside, beside="")
