"""Which models served since when, and the way back to the last one."""

from __future__ import annotations

import pytest

from features.errors import BundleError
from models.bundle import load_bundle, version_of
from models.logged.former_bundles import Promotion, promote_into
from models.sources import FolderSource
from serving.process.judged.versions import (
    back_to,
    gate_of_present,
    served_so_far,
    take_back,
)
from tests.gates import scores_gate


@pytest.fixture
def promoted(own, folder):
    """A service whose folder was given another model by Ann, which serves."""
    former = load_bundle(own.folder)
    new = load_bundle(folder / "fitted")
    said = Promotion(own.clock(), "Ann", "it is better")
    gate = scores_gate(new, beside=former.hash)
    promote_into(own.folder, folder / "fitted", gate, said)
    own.refresh()
    return own


def test_what_served_with_who_and_why(promoted, folder):
    """The newest first; what its source tells is told of the time that it is meant for."""
    rates, fitted = (load_bundle(folder / name) for name in ("rates", "fitted"))
    now, before = served_so_far(promoted)
    assert (now.version, before.version) == (version_of(fitted.hash), version_of(rates.hash))
    assert (now.by, now.why, now.to_at) == ("Ann", "it is better", None)
    assert (before.by, before.why, before.to_at) == ("", "", now.from_at)
    assert now.gate is not None
    assert now.gate.metrics["advancement_auc"] == 0.75
    assert gate_of_present(promoted) == now.gate


def test_back_and_not_there_again(promoted, folder):
    """What served before serves again; what was gone back from is not gone back to."""
    rates, fitted = (load_bundle(folder / name) for name in ("rates", "fitted"))
    target = back_to(promoted)
    assert target is not None
    assert target.hash == rates.hash
    seen = version_of(fitted.hash)
    assert take_back(promoted, seen, "Bob", "a try") == version_of(rates.hash)
    assert promoted.scorer.bundle.hash == rates.hash
    now, taken, first = served_so_far(promoted)
    assert (now.by, now.why) == ("Bob", "a try")
    assert (taken.version, taken.taken_back) == (seen, True)
    assert (first.by, first.why) == ("", "")
    assert back_to(promoted) is None


def test_another_serves_by_now(promoted):
    """Who looked at a page of yesterday does not take back what came since."""
    with pytest.raises(BundleError, match=r"serves by now, not 0123456789ab"):
        take_back(promoted, "0123456789ab", "Bob", "a try")
    assert len(served_so_far(promoted)) == 2


def test_without_a_model(bare):
    """There is nothing at all."""
    assert (served_so_far(bare), back_to(bare), gate_of_present(bare)) == ([], None, None)


def test_nothing_served_before(own):
    """It says so."""
    assert back_to(own) is None
    assert gate_of_present(own) is None
    with pytest.raises(BundleError, match="nothing to go back to"):
        take_back(own, version_of(own.scorer.bundle.hash), "Bob", "a try")


def test_a_folder_that_cannot_be_written_to(promoted, monkeypatch):
    """It is said, and what serves stays."""

    def refuse(*_: object) -> str:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(FolderSource, "roll_back", refuse)
    seen = version_of(promoted.scorer.bundle.hash)
    with pytest.raises(BundleError, match="cannot be written to: Read-only file system"):
        take_back(promoted, seen, "Bob", "a try")


def test_a_damaged_record_leaves_what_the_store_knows(promoted):
    """Of what the source cannot tell, the page tells what the store has."""
    beside = promoted.folder.parent / f"{promoted.folder.name}.former"
    (beside / "champion.json").write_text("{")
    now, _ = served_so_far(promoted)
    assert (now.by, now.gate) == ("", None)
