"""Each call to the disk fails once while a bundle is saved: the old one stays.

And bundles whose hash is right, and whose files hold something else than Rung ever wrote.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from features.errors import BundleError
from models.bundle import load_bundle, save_bundle
from models.bundle.files import _hash
from tests.faults import Faults, each_fault, failing_disk


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_save_bundle(trained, tmp_path, when):
    """What is read afterwards is one of the two, and the next attempt comes through."""
    newer = replace(trained, manifest={**trained.manifest, "until": trained.manifest["until"] + 1})
    other = save_bundle(newer, tmp_path / "other")
    numbers = count()

    def attempt(faults: Faults) -> None:
        place = tmp_path / f"{when}-{next(numbers)}"
        save_bundle(trained, place)
        before = load_bundle(place).hash
        said = ""
        with failing_disk(faults):
            try:
                save_bundle(other, place)
            except OSError as error:
                said = str(error)
        assert str(place) in said or not said
        assert load_bundle(place).hash in ((before, other.hash) if said else (other.hash,))
        save_bundle(other, place)
        assert load_bundle(place).hash == other.hash

    assert each_fault(attempt, when) > 10


# ---------------------------------------------------------------- What nobody of ours has written

_CALIBRATOR = ("model.json", "advancement", "calibrator")
WRONG: dict[tuple[str, ...], tuple[Any, ...]] = {
    ("manifest.json", "trusted_types"): (None, 5),
    ("manifest.json", "signals_fingerprint"): (..., None),
    ("model.json",): ([], None, "x"),
    ("model.json", "encoding", "texts"): (None, [], {"trait.role": [["a"]]}),
    ("model.json", "encoding", "columns"): (None, ["a"], [1]),
    ("model.json", "encoding", "absent"): (["nothing"], [[1]]),
    ("model.json", "advancement", "typical"): (None, [], [[1.0]], float("nan")),
    _CALIBRATOR: (None, []),
    (*_CALIBRATOR, "rate"): (None, [], [0.1], [[0.1]], "x"),
    (*_CALIBRATOR, "rate", "0"): (-1.0, 2.0, float("nan"), None, ...),
    (*_CALIBRATOR, "slope", "0"): (float("inf"), "x", 1e999),
    (*_CALIBRATOR, "z"): (None, float("nan")),
    (*_CALIBRATOR, "leads"): (-1, [], None),
    (*_CALIBRATOR, "grid"): ([], 1, [0.5], None),
    (*_CALIBRATOR, "low", "0"): (..., float("nan"), -1.0),
    ("offers.json",): ([], None),
    ("offers.json", "usual"): ([], [[1.0]], None),
    ("offers.json", "usual", "0"): ([], None),
    ("offers.json", "evidence"): ([], None),
    ("offers.json", "leads"): ([1], {}),
}
"""Places in the files of a bundle, with values that do not belong there; ... is none at all."""


@pytest.fixture
def folder(bundle_folder, tmp_path):
    return shutil.copytree(bundle_folder, tmp_path / "copy")


def rewritten(folder, name: str, text: str) -> None:
    """Another text in a file, and the hash of it in the manifest."""
    (folder / name).write_text(text)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest.pop("hash", None)
    (folder / "manifest.json").write_text(json.dumps(manifest | {"hash": _hash(folder, manifest)}))


def changed(held: Any, path: tuple[str, ...], value: Any) -> Any:
    """The same with another value at a place of it."""
    if not path:
        return value
    key: Any = int(path[0]) if isinstance(held, list) else path[0]
    if len(path) == 1 and value is ...:
        del held[key]
    else:
        held[key] = changed(held[key], path[1:], value)
    return held


@pytest.mark.parametrize("place", WRONG, ids="/".join)
def test_what_was_never_written(folder, place):
    """It is damage, said in a sentence, when it is loaded and not when somebody is scored."""
    name, *path = place
    sound = (folder / name).read_text()
    for value in WRONG[place]:
        rewritten(folder, name, json.dumps(changed(json.loads(sound), tuple(path), value)))
        with pytest.raises(BundleError, match=r"is damaged: .*; train it again|on other signals"):
            load_bundle(folder)
    rewritten(folder, name, sound)
    load_bundle(folder)


@pytest.mark.parametrize("name", ["manifest.json", "model.json", "offers.json"])
def test_what_nests_without_an_end(folder, name):
    """Lists in each other, a hundred thousand of them."""
    if name == "manifest.json":
        (folder / name).write_text("[" * 100_000)
    else:
        rewritten(folder, name, "[" * 100_000)
    with pytest.raises(BundleError, match="is damaged"):
        load_bundle(folder)


def test_trees_of_other_columns(folder):
    """What its trees ask is what its encoding gives."""
    text = (folder / "advancement.txt").read_text()
    before = text.partition("max_feature_idx=")[2].partition("\n")[0]
    more = text.replace(f"max_feature_idx={before}", f"max_feature_idx={int(before) + 1}")
    rewritten(folder, "advancement.txt", more)
    with pytest.raises(BundleError, match="is damaged: its trees ask"):
        load_bundle(folder)


def test_an_estimator_that_is_no_archive(folder):
    """What stands where the trees stood is not looked into."""
    (folder / "advancement.txt").unlink()
    rewritten(folder, "advancement.skops", "no archive")
    with pytest.raises(BundleError, match="no archive of an estimator"):
        load_bundle(folder)
