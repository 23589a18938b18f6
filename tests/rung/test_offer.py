"""`rung offer`: edited from a file, paused, planned, refused with all mistakes; and trained on."""

from __future__ import annotations

import json
import re

import pytest

from features.ladder.file import read_ladder
from features.store.events import EventStore
from models.bundle import load_bundle
from tests.rung.scene import call, done, message

FIRST = read_ladder("b2b").offers[0]
TOML = """\
[[offer]]
id = "new-checklist"
step = "value"
title = "A checklist"
kind = "template"
effort = {minutes = 3}
valid_from = 2027-01-01T09:00:00+01:00
valid_until = 2027-01-01T10:00:00+01:00
repeats_days = 7
"""


@pytest.fixture
def options(tmp_path, bundle_folder):
    url = f"sqlite:///{tmp_path}/rung.db"
    EventStore.open(url).close()
    return ("--store", url, "--bundle", bundle_folder)


@pytest.mark.parametrize("verb", [("list",), ("pause", FIRST.id)])
def test_a_store_that_is_not_there(verb, tmp_path, bundle_folder):
    """It is not made: an offer that is paused there would be extended all the same."""
    options = ("--store", f"sqlite:///{tmp_path}/rugn.db", "--bundle", bundle_folder)
    assert "there is no such store" in message("offer", *verb, *options)
    assert list(tmp_path.glob("rugn.db*")) == []


def test_edit_by_what_show_prints(options, tmp_path):
    """What is shown can be edited in a file and set again, its notes and all."""
    path = tmp_path / "video.json"
    done("offer", "pause", FIRST.id, "--by", "ann", *options)
    path.write_text(done("offer", "show", FIRST.id, *options).out.replace(FIRST.title, "Mine"))
    said = done("offer", "set", path, "--by", "bob", *options)
    assert re.search(rf"{FIRST.id} version 2: paused from [-0-9T:]{{19}}Z, made by bob\n", said.out)
    assert "a running service knows within some 2 seconds" in said.out
    listed = done("offer", "list", *options).out.splitlines()
    assert listed[0].startswith(f"content: {FIRST.id}, “Mine”, paused, version 2; ")
    done("offer", "resume", FIRST.id, *options)
    shown = done("offer", "show", FIRST.id, "--json", *options).json
    assert (shown["title"], shown["status"], shown["version"]) == ("Mine", "active", 3)
    versions = shown["versions"]
    assert [(one["version"], one["status"], one["by"]) for one in versions] == [
        (1, "paused", "ann"),
        (2, "paused", "bob"),
        (3, "active", "command line"),
    ]


def test_a_new_offer_from_toml(options, tmp_path):
    """Tables of a TOML file are taken as the ladder file has them; it is planned where it says."""
    path = tmp_path / "new.toml"
    path.write_text(TOML)
    done("offer", "set", path, "--from", "2190-01-01", *options)
    listed = done("offer", "list", *options).out
    assert "value: new-checklist, “A checklist”; 0 leads learned from\n" in listed
    assert "  planned: version 1: active from 2190-01-01T00:00:00Z, made on 20" in listed
    done("offer", "set", path, *options)
    told = {one["id"]: one for one in done("offer", "list", "--json", *options).json}
    new = told["new-checklist"]
    assert (new["title"], new["status"], new["version"]) == ("A checklist", "active", 2)
    assert (new["evidence"], new["leads"], len(new["planned"])) == ("prior", 0, 1)
    done("offer", "retire", "new-checklist", *options)
    assert ", retired, version 3" in done("offer", "list", *options).out


def test_an_offer_so_light_that_the_next_ones_are_jumps(options, tmp_path):
    """It is kept, and what is never recommended beside this one is said, planned ones as well."""
    path = tmp_path / "new.toml"
    path.write_text(TOML)
    said = done("offer", "set", path, "--from", "2190-01-01", *options)
    about = "new-checklist: 'process-assessment' is never recommended beside this one: it asks for "
    assert about in said.err
    shown = done("offer", "show", "new-checklist", "--json", *options).json
    assert any(line.startswith("'process-assessment' is never") for line in shown["warnings"])
    assert "# 'process-assessment' is never" in done("offer", "show", "new-checklist", *options).out
    path.write_text(TOML.replace("minutes = 3", "minutes = 15"))
    assert "never recommended" not in done("offer", "set", path, *options).err
    path.write_text(TOML.replace("minutes = 3", "minutes = 500"))
    said = done("offer", "set", path, "--json", *options)
    assert said.json[0]["id"] == "new-checklist"
    assert (
        "new-checklist: this one is never recommended: it asks for 500 minutes' worth" in said.err
    )


def test_what_is_refused(options, tmp_path):
    """A mistake in one of several offers keeps none of them; all mistakes are told."""
    path = tmp_path / "new.toml"
    path.write_text(TOML + TOML.replace("new-checklist", "other").replace("value", "valu"))
    said = call("offer", "set", path, *options)
    assert said.code == 3
    assert "step: there is no step 'valu'; did you mean 'value'?" in said.err
    assert done("offer", "show", FIRST.id, "--json", *options).json["versions"] == []
    with EventStore.open(options[1]) as store:
        assert store.offers.versions("b2b") == []
    path.write_text("title = 3\n")
    assert "has no offer (write [[offer]] tables)" in call("offer", "set", path, *options).err
    text = tmp_path / "new.json"
    text.write_text("{")
    assert "is no JSON" in call("offer", "set", text, *options).err
    text.write_bytes(b'{"title": "\xe4"}')
    assert "cannot be read as UTF-8 text" in call("offer", "set", text, *options).err
    text.write_text(json.dumps([3]))
    assert "has no offer" in call("offer", "set", text, *options).err
    assert "did you mean 'framework-video'" in message("offer", "pause", "framework-vido", *options)
    assert "did you mean 'framework-video'" in message("offer", "show", "framework-vido", *options)


@pytest.mark.slow
def test_trained_with_the_catalogue(events_file, options, tmp_path):
    """A bundle that is trained from a store has the offers of the store, versions and all."""
    url, path = options[1], tmp_path / "new.toml"
    path.write_text(TOML)
    done("import", events_file, "--ladder", "b2b", "--store", url)
    done("offer", "set", path, *options)
    out = tmp_path / "again"
    done("train", url, "--ladder", "b2b", "--out", out)
    ladder = load_bundle(out).ladder
    offer = ladder.offer("new-checklist")
    assert offer is not None
    assert (offer.version, offer.repeats_days) == (1, 7)
    assert [one.offer_id for one in ladder.catalogue] == ["new-checklist"]
