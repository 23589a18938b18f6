"""Which policy serves: the ladder's rules, unless a file made for this very bundle says more."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from features.errors import BundleError, PolicyError
from models.bundle import load_bundle
from models.served_policy import DEFAULT, ServedPolicy, read_served, write_served

REPORT = {"name": "learned", "assessment": {"gain": 1.5}}


@pytest.fixture
def folder(bundle_folder, tmp_path) -> Path:
    """A copy of the trained bundle."""
    return Path(shutil.copytree(bundle_folder, tmp_path / "copy"))


def test_the_rules_serve_at_first(folder, trained):
    """A bundle of which nobody promoted a policy is served with the ladder's own order."""
    assert read_served(folder, trained) == DEFAULT == "rules"


@pytest.mark.parametrize("name", ["learned", "thompson", "only:no_ask"])
def test_what_was_written_is_read(folder, trained, name):
    """The name comes back, and the report stays beside it."""
    write_served(folder, ServedPolicy(name, trained.hash, REPORT))
    assert read_served(folder, trained) == name
    assert json.loads((folder / "served_policy.json").read_text())["report"] == REPORT


def test_the_last_choice_serves(folder, trained):
    """A policy takes the place of the one before; no other file is left behind."""
    before = {path.name for path in folder.iterdir()}
    for name in ("learned", "rules"):
        write_served(folder, ServedPolicy(name, trained.hash, REPORT))
    assert read_served(folder, trained) == "rules"
    assert {path.name for path in folder.iterdir()} - before == {"served_policy.json"}


def test_a_choice_changes_no_score(folder, trained):
    """It is no part of the bundle's hash: the bundle loads as before."""
    write_served(folder, ServedPolicy("learned", trained.hash, REPORT))
    assert load_bundle(folder).hash == trained.hash


def test_a_choice_for_another_bundle(folder, trained):
    """A policy that was judged with other effects does not choose with these."""
    write_served(folder, ServedPolicy("learned", "f" * 64, REPORT))
    with pytest.raises(BundleError, match="was made for another bundle; promote the policy again"):
        read_served(folder, trained)


def test_a_policy_that_there_is_none_of(folder, trained):
    """A name that means nothing serves nobody."""
    write_served(folder, ServedPolicy("only:no-such-offer", trained.hash, REPORT))
    with pytest.raises(PolicyError, match="no policy 'only:no-such-offer'"):
        read_served(folder, trained)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"null", b'"rules"', b"{}", b'{"policy": "rules"}', b"\xff\xfe"]
)
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
