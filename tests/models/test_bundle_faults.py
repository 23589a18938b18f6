"""Each call to the disk fails once while a bundle is saved: the old one stays."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from models.bundle import load_bundle, save_bundle
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
