"""A folder that serves: promoted by a gate, taken back, bit for bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from features.errors import BundleError
from models.bundle import copy_bundle, load_bundle
from models.bundle import files as bundle_files
from models.gate import Gate, GateError
from models.logged import former_bundles
from models.logged.former_bundles import (
    Promotion,
    ServedBundle,
    back_from,
    former_of,
    promote_into,
    roll_back,
    served_by,
)
from tests.serving import world


@pytest.fixture(scope="module")
def bundles(tmp_path_factory) -> list[Path]:
    """Three bundles of one ladder."""
    folder = tmp_path_factory.mktemp("bundles")
    for at in range(3):
        world.rates_bundle(folder / str(at), leads=at)
    return [folder / str(at) for at in range(3)]


def gate_of(bundle: Path, beside: Path | None = None, missing: tuple[str, ...] = ()) -> Gate:
    hash_ = load_bundle(bundle).hash
    former = load_bundle(beside).hash if beside else ""
    return Gate("scores", hash_, missing, {"auc": 0.7}, {"version": hash_[:12]}, beside=former)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def said(at: int, why: str = "") -> Promotion:
    return Promotion(at, "ann", why)


def test_there_and_back(bundles, tmp_path):
    """What served serves again, to the last byte; what was taken back is not gone back to."""
    folder = tmp_path / "serving"
    first, second, third = bundles
    promote_into(folder, first, gate_of(first), said(1_000_000, "the first"))
    promote_into(folder, second, gate_of(second, first), said(2_000_000))
    promote_into(folder, third, gate_of(third, second), said(3_000_000))
    assert bytes_of(folder) == bytes_of(third)
    kept = [one.hash for one in former_of(folder)]
    assert kept == [load_bundle(one).hash for one in (second, first)]
    back = roll_back(folder, said(4_000_000, "a mistake"))
    assert back.hash == load_bundle(second).hash
    assert bytes_of(folder) == bytes_of(second)
    present = served_by(folder)
    assert present is not None
    assert present.promotion == said(4_000_000, "a mistake")
    assert present.gate == gate_of(second, first)
    assert roll_back(folder, said(5_000_000)).hash == load_bundle(first).hash
    left = ", ".join(load_bundle(one).hash[:12] for one in (second, third))
    wrong = f"before, {left} was gone back from, .*: there is nothing to go back to"
    with pytest.raises(BundleError, match=wrong):
        roll_back(folder, said(6_000_000))
    assert bytes_of(folder) == bytes_of(first)


def test_what_was_half_kept_is_not_gone_back_to(bundles, tmp_path):
    """Whoever is killed while what serves is kept leaves a part that has a manifest already."""
    folder = tmp_path / "serving"
    first, second, _ = bundles
    promote_into(folder, first, gate_of(first), said(1_000_000))
    name = "00000000000001000000-0123456789ab"
    part = tmp_path / "serving.former" / f".0123abcd.{name}"
    part.mkdir()
    (part / "manifest.json").write_bytes((second / "manifest.json").read_bytes())
    assert former_of(folder) == []
    with pytest.raises(BundleError, match="there is nothing to go back to"):
        roll_back(folder, said(2_000_000))


def test_what_serves_is_no_former_one(bundles, tmp_path, monkeypatch):
    """Whoever is killed before the new bundle has its place leaves a copy of what serves."""
    folder = tmp_path / "serving"
    first, second, third = bundles
    promote_into(folder, first, gate_of(first), said(1_000_000))
    promote_into(folder, second, gate_of(second, first), said(2_000_000))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("features.files._exchange", killed)
        with pytest.raises(KeyboardInterrupt):
            promote_into(folder, third, gate_of(third, second), said(3_000_000))
    present = served_by(folder)
    assert present is not None
    assert present.hash == load_bundle(second).hash
    assert [one.hash for one in former_of(folder)] == [load_bundle(first).hash]
    promote_into(folder, third, gate_of(third, second), said(4_000_000))
    hashes = [load_bundle(one).hash for one in (second, first)]
    assert [one.hash for one in former_of(folder)] == hashes


def of_another_version(bundle: Path) -> str:
    """Let a bundle be one that an earlier version of Rung wrote; its hash."""
    path = bundle / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"format": manifest["format"] - 1}))
    return str(manifest["hash"])


@pytest.mark.parametrize("damage", [of_another_version, lambda one: damaged(one)])
def test_what_cannot_be_read_gives_way(bundles, tmp_path, damage):
    """After an upgrade, or a disk that lied, another is promoted, and what served is told of."""
    folder = tmp_path / "serving"
    first, second, third = bundles
    promote_into(folder, first, gate_of(first), said(1_000_000, "the first"))
    promote_into(folder, second, gate_of(second, first), said(2_000_000))
    damage(folder)
    damage(former_of(folder)[0].folder)
    with pytest.raises(GateError, match="judged beside no champion"):
        promote_into(folder, third, gate_of(third), said(3_000_000))
    promote_into(folder, third, gate_of(third, second), said(3_000_000))
    assert bytes_of(folder) == bytes_of(third)
    hashes = [load_bundle(one).hash for one in (second, first)]
    assert [one.hash for one in former_of(folder)] == hashes
    assert former_of(folder)[1].promotion.why == "the first"


def damaged(bundle: Path) -> None:
    with (bundle / "model.json").open("a") as file:
        file.write(" ")


@pytest.mark.parametrize("is_of_other_signals", [False, True])
def test_nothing_is_gone_back_to_that_could_not_serve(
    bundles, tmp_path, monkeypatch, is_of_other_signals
):
    """What serves stays, and a service that is started again has a model."""
    folder = tmp_path / "serving"
    first, second, _ = bundles
    promote_into(folder, first, gate_of(first), said(1))
    promote_into(folder, second, gate_of(second, first), said(2))
    if is_of_other_signals:
        monkeypatch.setattr(bundle_files, "signals_fingerprint", lambda _: "others")
    else:
        of_another_version(former_of(folder)[0].folder)
    before = bytes_of(folder)
    with pytest.raises(BundleError, match=r"(?s)cannot with this version of Rung: .* was changed"):
        roll_back(folder, said(3))
    assert bytes_of(folder) == before
    assert [one.taken_back for one in former_of(folder)] == [False]


class _KilledError(Exception):
    """Stands for a signal that nothing survives."""


@pytest.mark.parametrize("is_exchanged", [True, False])
def test_killed_where_the_folders_are_exchanged(bundles, tmp_path, monkeypatch, is_exchanged):
    """What serves is known by what it does, and what follows, or goes back, finds it."""
    folder = tmp_path / "serving"
    first, second, third = bundles
    promote_into(folder, first, gate_of(first), said(1_000_000))

    def killed(source: Path, into: Path) -> None:
        if into != folder or is_exchanged:
            copy_bundle(source, into)
        if into == folder:
            raise _KilledError

    def kill(what: Callable[[], object]) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(former_bundles, "copy_bundle", killed)
            with pytest.raises(_KilledError):
                what()

    kill(lambda: promote_into(folder, second, gate_of(second, first), said(2_000_000, "better")))
    present = served_by(folder)
    assert present is not None
    if is_exchanged:
        assert (present.promotion, present.gate) == (
            said(2_000_000, "better"),
            gate_of(second, first),
        )
        kill(lambda: roll_back(folder, said(3_000_000, "no better")))
        present = served_by(folder)
        assert present is not None
        assert present.promotion == said(3_000_000, "no better")
    assert present.hash == load_bundle(first).hash
    assert present.gate == gate_of(first)
    promote_into(folder, third, gate_of(third, first), said(4_000_000))
    present = served_by(folder)
    assert present is not None
    assert present.promotion == said(4_000_000)
    assert roll_back(folder, said(5_000_000)).gate == gate_of(first)


def test_what_is_the_first(bundles, tmp_path):
    """Nothing served before it."""
    promote_into(tmp_path / "serving", bundles[0], gate_of(bundles[0]), said(1))
    with pytest.raises(BundleError, match=r"nothing served from .* before: there is"):
        roll_back(tmp_path / "serving", said(2))


def test_without_a_gate_nothing_moves(bundles, tmp_path):
    """Not passed, of another bundle, or beside another champion: what serves stays."""
    folder = tmp_path / "serving"
    first, second, third = bundles
    promote_into(folder, first, gate_of(first), said(1))
    for gate in (
        gate_of(second, first, ("it is worse",)),
        gate_of(third, first),
        gate_of(second, third),
        gate_of(second),
    ):
        with pytest.raises(GateError):
            promote_into(folder, second, gate, said(2))
    assert bytes_of(folder) == bytes_of(first)
    assert former_of(folder) == []


def test_a_folder_that_nobody_promoted_into(bundles, tmp_path):
    """What `rung train` wrote there serves, and is kept when another takes its place."""
    folder = tmp_path / "serving"
    world.rates_bundle(folder)
    before = bytes_of(folder)
    present = served_by(folder)
    assert present is not None
    assert (present.promotion, present.gate) == (Promotion(), None)
    promote_into(folder, bundles[1], gate_of(bundles[1], folder), said(2))
    roll_back(folder, said(3))
    assert bytes_of(folder) == before


def test_what_was_trained_into_the_folder_served_last(bundles, tmp_path):
    """Nobody wrote down since when, and what is gone back to is what served last all the same."""
    folder = tmp_path / "serving"
    first, second, third = bundles
    promote_into(folder, first, gate_of(first), said(1_000_000))
    promote_into(folder, second, gate_of(second, first), said(2_000_000))
    copy_bundle(third, folder)
    promote_into(folder, second, gate_of(second, third), said(3_000_000))
    hashes = [load_bundle(one).hash for one in (third, first)]
    assert [one.hash for one in former_of(folder)] == hashes
    assert former_of(folder)[0].promotion == Promotion()
    assert roll_back(folder, said(4_000_000)).hash == hashes[0]


def test_the_oldest_that_is_kept_may_serve_again(bundles, tmp_path, monkeypatch):
    """It is not the one that goes for the sake of the newest."""
    monkeypatch.setattr(former_bundles, "_MOST", 1)
    folder = tmp_path / "serving"
    first, second, third = bundles
    promote_into(folder, first, gate_of(first), said(1_000_000))
    promote_into(folder, second, gate_of(second, first), said(2_000_000))
    (oldest,) = former_of(folder)
    promote_into(folder, oldest.folder, gate_of(first, second), said(3_000_000))
    assert bytes_of(folder) == bytes_of(first)
    assert load_bundle(second).hash in {one.hash for one in former_of(folder)}
    promote_into(folder, third, gate_of(third, first), said(4_000_000))
    assert [one.hash for one in former_of(folder)] == [load_bundle(first).hash]
    roll_back(folder, said(5_000_000))
    assert bytes_of(folder) == bytes_of(first)


def test_other_files_are_left_alone(bundles, tmp_path):
    """A folder with anything else in it is not taken for one that serves."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    assert served_by(folder) is None
    with pytest.raises(BundleError, match="no bundle"):
        promote_into(folder, bundles[0], gate_of(bundles[0]), said(1))
    assert (folder / "thesis.txt").read_text() == "years of work"


def test_a_damaged_record(bundles, tmp_path):
    """It is named."""
    folder = tmp_path / "serving"
    promote_into(folder, bundles[0], gate_of(bundles[0]), said(1))
    (tmp_path / "serving.former" / "champion.json").write_text("{")
    with pytest.raises(BundleError, match=r"champion.json is damaged"):
        served_by(folder)


def told(*said: str) -> list[ServedBundle]:
    """Bundles by their hash; one that ends in "!" was gone back from."""
    return [
        ServedBundle(Path(one), one.rstrip("!"), Promotion(), taken_back=one.endswith("!"))
        for one in said
    ]


@pytest.mark.parametrize(
    ("present", "former", "back"),
    [
        ("c", ["c", "b", "a"], "b"),
        ("b", ["b", "c!", "a"], "a"),
        ("b", ["b", "b", "a"], "a"),
        ("a", ["a", "b!"], None),
        ("c", ["c", "b", "b!", "a"], "b"),  # promoted again since it was taken back
        ("c", ["c", "b!", "b", "a"], "a"),
        ("", ["a"], "a"),
        ("", [], None),
    ],
)
def test_what_going_back_leads_to(present, former, back):
    """The newest other bundle that was not gone back from, by what was said of it last."""
    found = back_from(present, told(*former))
    assert (found.hash if found else None) == back
