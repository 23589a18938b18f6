"""Which policy serves: the ladder's rules, unless a file made for this very bundle says more."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from features.errors import BundleError, PolicyError
from models.bundle import load_bundle, save_bundle
from models.gate import GateError
from models.served_policy import DEFAULT, read_served, served_gate, write_served
from tests.gates import policy_gate, scores_gate


@pytest.fixture
def folder(bundle_folder, tmp_path) -> Path:
    """A copy of the trained bundle."""
    return Path(shutil.copytree(bundle_folder, tmp_path / "copy"))


@pytest.fixture
def other(trained, tmp_path) -> Path:
    """A folder with another bundle."""
    folder = Path(tmp_path / "other")
    save_bundle(replace(trained, advancement=trained.purchase), folder)
    return folder


def changed(folder: Path, **more: object) -> None:
    """Something else in the file than what was written there."""
    file = folder / "served_policy.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | more))


def test_the_careful_one_serves_at_first(folder, trained):
    """A bundle of which nobody promoted a policy is served with the one that needs no gate."""
    assert read_served(folder, trained) == DEFAULT == "careful"
    assert served_gate(folder, trained) is None


@pytest.mark.parametrize("name", ["learned", "thompson", "only:no_ask"])
def test_what_was_written_is_read(folder, trained, name):
    """The name comes back, and the report stays beside it."""
    gate = policy_gate(trained, name)
    write_served(folder, gate)
    assert read_served(folder, trained) == name
    assert served_gate(folder, trained) == gate
    assert json.loads((folder / "served_policy.json").read_text())["report"] == gate.report


def test_the_last_choice_serves(folder, trained):
    """A policy takes the place of the one before; no other file is left behind."""
    before = {path.name for path in folder.iterdir()}
    for name in ("learned", "rules"):
        write_served(folder, policy_gate(trained, name))
    assert read_served(folder, trained) == "rules"
    assert {path.name for path in folder.iterdir()} - before == {"served_policy.json"}


def test_a_choice_changes_no_score(folder, trained):
    """It is no part of the bundle's hash: the bundle loads as before."""
    write_served(folder, policy_gate(trained))
    assert load_bundle(folder).hash == trained.hash


def test_no_policy_serves_without_its_passed_gate(folder, other, trained):
    """None, another bundle's, one of scores and a refused one are refused; nothing is written."""
    with pytest.raises(TypeError, match="gate"):
        write_served(folder)  # type: ignore[call-arg]
    version = load_bundle(other).version
    said = f"the gate is of bundle {version}, this is {trained.version}; judge it"
    with pytest.raises(GateError, match=said):
        write_served(folder, policy_gate(load_bundle(other)))
    with pytest.raises(GateError, match="takes a gate for policy, not one for scores"):
        write_served(folder, scores_gate(trained))
    with pytest.raises(GateError, match="the gate was not passed: judged against 'rules'"):
        write_served(folder, policy_gate(trained, against="rules"))
    assert not (folder / "served_policy.json").exists()


def test_a_choice_for_another_bundle(folder, other, trained):
    """A policy that was judged with other effects does not choose with these."""
    write_served(other, policy_gate(load_bundle(other)))
    shutil.copy(other / "served_policy.json", folder)
    with pytest.raises(BundleError, match="was made for another bundle; promote the policy again"):
        read_served(folder, trained)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"bundle": "f" * 64}, "is damaged: the report is of bundle .*, not of ffffffffffff"),
        ({"policy": "thompson"}, "is damaged: the report is not of the policy 'thompson'"),
        ({"report": {}}, "is damaged: the report is of bundle None"),
        ({"metrics": {}}, "is damaged: nothing was judged"),
        ({"metrics": {"gain": float("nan")}}, "is damaged: gain is no number"),
        ({"metrics": {"gain": 10**400}}, "is damaged: int too large"),
        ({"metrics": ["gain"]}, "is damaged"),
        ({"missing": ["more decisions"]}, "lets no policy serve: the gate was not passed: more"),
    ],
    ids=["bundle", "policy", "report", "figures", "nan", "too large", "a list", "refused"],
)
def test_a_file_that_does_not_hold_together(folder, trained, more, said):
    """What was changed by hand afterwards serves nobody."""
    write_served(folder, policy_gate(trained))
    changed(folder, **more)
    with pytest.raises(BundleError, match=said):
        read_served(folder, trained)


def test_a_gate_of_scores_in_its_place(folder, trained):
    """A bundle whose scores are good enough has no policy by that."""
    (folder / "served_policy.json").write_text(json.dumps(scores_gate(trained).as_dict()))
    with pytest.raises(BundleError, match="lets no policy serve: this takes a gate for policy"):
        read_served(folder, trained)


def test_a_policy_that_there_is_none_of(folder, trained):
    """A name that means nothing serves nobody."""
    gate = policy_gate(trained)
    lost = "only:no-such-offer"
    unknown = replace(gate, policy=lost, report=gate.report | {"name": lost})
    with pytest.raises(PolicyError, match="no policy 'only:no-such-offer'"):
        write_served(folder, unknown)
    (folder / "served_policy.json").write_text(json.dumps(unknown.as_dict()))
    with pytest.raises(PolicyError, match="no policy 'only:no-such-offer'"):
        read_served(folder, trained)


@pytest.mark.parametrize("name", ["careful:no_value", "learned:no_exploration"])
def test_a_policy_without_a_factor_serves_nobody(folder, trained, name):
    """It is for an arm of an experiment, whatever gate it passed."""
    with pytest.raises(PolicyError, match=f"{name}.* is for an arm of an experiment"):
        policy_gate(trained, name)
    gate = policy_gate(trained)
    gate = replace(gate, policy=name, report=gate.report | {"name": name})
    with pytest.raises(PolicyError, match=f"{name}.* is for an arm of an experiment"):
        write_served(folder, gate)
    (folder / "served_policy.json").write_text(json.dumps(gate.as_dict()))
    with pytest.raises(PolicyError, match=f"{name}.* is for an arm of an experiment"):
        read_served(folder, trained)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"null", b'"rules"', b"{}", b'{"policy": "rules"}', b"\xff\xfe",
     b"[" * 100_000]
)  # fmt: skip
def test_a_damaged_file(folder, trained, text):
    """A file that is cut short, or something else, is no reason to serve with another policy."""
    (folder / "served_policy.json").write_bytes(text)
    with pytest.raises(BundleError, match=r"served_policy\.json is damaged: .*; promote the"):
        read_served(folder, trained)


def test_a_folder_in_its_place(folder, trained):
    """So is something that cannot be read at all."""
    (folder / "served_policy.json").mkdir()
    with pytest.raises(BundleError, match=r"served_policy\.json is damaged"):
        read_served(folder, trained)
