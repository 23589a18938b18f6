"""Where what serves comes from: a folder, or an alias of a registry that may be away."""

from __future__ import annotations

import functools
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from features.errors import BundleError
from models import sources
from models.bundle import load_bundle
from models.gate import Gate, GateError
from models.logged.former_bundles import Promotion, ServedBundle
from models.logged.versions import ServedVersion, Version
from models.sources import FolderSource, RegistrySource, source_of
from tests.gates import scores_gate
from tests.serving import world

FIRST = Version("rung-b2b", 1, "a" * 64, ("live",))
SECOND = Version("rung-b2b", 2, "b" * 64, ())


class Registered:
    """A registry with versions to be fetched, which notes what it was asked."""

    def __init__(self, bundle: Path) -> None:
        self.bundle, self.present, self.is_away = bundle, FIRST, False
        self.fetched: list[int] = []
        self.asked: list[object] = []
        self.kept: Gate | None = None

    def champion(self, name: str, alias: str) -> Version | None:
        self.asked.append((name, alias))
        if self.is_away:
            raise BundleError("the registry cannot be asked")
        return self.present

    def named(self, name: str, alias: str) -> Version:
        found = self.champion(name, alias)
        assert found is not None
        return found

    def download(self, version: Version, into: Path) -> Path:
        self.fetched.append(version.version)
        into.mkdir()
        if self.is_away:
            (into / "half").write_text("of a file")
            raise BundleError("cannot be had")
        return Path(shutil.copytree(self.bundle, into / "bundle"))

    def champions(self, *asked: str) -> list[ServedVersion]:
        self.asked.append(asked)
        return [
            ServedVersion(SECOND, Promotion(2, "ann", "better"), taken_back=False),
            ServedVersion(FIRST, Promotion(1, "bob", "the first"), taken_back=True),
        ]

    def gate(self, version: Version, alias: str) -> Gate:
        self.asked.append((version, alias))
        if self.kept is None:
            raise BundleError("no gate")
        return self.kept

    def roll_back(self, *asked: object) -> Version:
        self.asked.append(asked)
        return FIRST

    def publish(self, bundle: Path, *_: object, **more: object) -> Version:
        self.asked.append((bundle, more))
        return SECOND

    def set_alias(self, *asked: object) -> Version:
        self.asked.append(asked)
        return SECOND


@pytest.fixture
def registry(bundle_folder) -> Registered:
    return Registered(bundle_folder)


@pytest.fixture
def source(registry, tmp_path, monkeypatch) -> RegistrySource:
    """The alias "live" of it; copies are made in a folder of the test."""

    def made(**_: object) -> str:
        (tmp_path / "copies").mkdir()  # once
        return str(tmp_path / "copies")

    monkeypatch.setattr("features.files.tempfile.mkdtemp", made)
    return RegistrySource("sqlite:///none.db", "rung-b2b", "live", _registry=registry)


def test_where_it_comes_from(tmp_path):
    """The settings name a folder, or a model of the registry with its alias."""
    assert source_of(tmp_path, "", "x") == FolderSource(tmp_path)
    assert source_of(tmp_path, "rung-b2b@live", "x") == RegistrySource("x", "rung-b2b", "live")
    assert source_of(tmp_path, "rung-b2b", "x") == RegistrySource("x", "rung-b2b", "champion")


def test_what_it_is_called(tmp_path):
    """In an error there is no password."""
    assert str(FolderSource(tmp_path)) == str(tmp_path)
    named = RegistrySource("http://ann:secret@mlflow", "rung-b2b", "live")
    assert str(named) == "rung-b2b@live in http://***@mlflow"


def test_no_bundle_has_no_stamp(tmp_path):
    """A folder without a manifest holds no bundle."""
    assert FolderSource(tmp_path).stamp() is None


def test_a_stamp_tells_another_bundle_and_another_policy(bundle_folder, tmp_path):
    """And stays what it is otherwise, so that nothing is loaded in vain."""
    source = FolderSource(Path(shutil.copytree(bundle_folder, tmp_path / "bundle")))
    (source.path / "served_policy.json").unlink(missing_ok=True)
    trained = source.stamp()
    (source.path / "notes.txt").write_text("nothing of ours")
    assert source.stamp() == trained
    assert trained is not None
    (source.path / "served_policy.json").write_text("{}")
    promoted = source.stamp()
    (source.path / "manifest.json").write_text("{}")
    assert len({trained, promoted, source.stamp()}) == 3


def test_an_alias_that_names_nothing_is_no_registry_that_is_away(source, registry):
    """The one has no stamp; of the other it is not known."""
    assert source.stamp() == "rung-b2b/1"
    registry.present = None
    assert source.stamp() is None
    registry.is_away = True
    with pytest.raises(BundleError, match="cannot be asked"):
        source.stamp()
    assert set(registry.asked) == {("rung-b2b", "live")}


def test_a_version_is_fetched_once(source, registry, bundle_folder):
    """However often it is asked for, such as while it does not load."""
    folders = {source.folder() for _ in range(3)}
    assert registry.fetched == [1]
    (folder,) = folders
    assert load_bundle(folder).hash == load_bundle(bundle_folder).hash
    registry.present = SECOND
    assert source.folder() != folder
    assert registry.fetched == [1, 2]
    assert set(registry.asked) == {("rung-b2b", "live")}


def test_with_the_process_all_copies_go(source, tmp_path, monkeypatch):
    """Whatever served from them: they are of no use to anybody else."""
    at_end: list[functools.partial[None]] = []
    monkeypatch.setattr(
        "features.files.atexit.register",
        lambda what, *given, **more: at_end.append(functools.partial(what, *given, **more)),
    )
    assert source.folder().is_dir()
    for one in at_end * 2:  # somebody may have cleaned up before
        one()
    assert not (tmp_path / "copies").exists()


def test_a_registry_that_is_away_is_told_before_a_bundle_is_made(source, monkeypatch):
    """As a folder that holds something else is."""

    def away(_: object) -> object:
        raise BundleError("the registry cannot be opened")

    source.check()
    monkeypatch.setattr(RegistrySource, "_opened", away)
    with pytest.raises(BundleError, match="cannot be opened"):
        source.check()


def test_a_copy_that_is_gone_is_fetched_again(source, registry):
    """Whatever cleans up where copies are does no harm."""
    shutil.rmtree(source.folder())
    shutil.rmtree(source._room)
    source._room.mkdir()
    assert (source.folder() / "manifest.json").is_file()
    assert registry.fetched == [1, 1]


def test_what_could_not_be_fetched_whole_leaves_nothing(source, registry, tmp_path):
    """And it is fetched again."""
    registry.champion = lambda *_: FIRST
    registry.is_away = True
    with pytest.raises(BundleError, match="cannot be had"):
        source.folder()
    assert list((tmp_path / "copies").iterdir()) == []
    registry.is_away = False
    assert source.folder().is_dir()


def test_copies_do_not_pile_up(source, registry, tmp_path):
    """What serves and the one before it stay; those that never served go."""
    for number in (1, 2, 3, 4):
        registry.present = Version("rung-b2b", number, "c" * 64, ())
        folder = source.folder()
        if number != 2:  # does not load
            source.let_go(folder)
            source.let_go(folder)
    assert sorted(path.name for path in (tmp_path / "copies").iterdir()) == ["3", "4"]
    assert source.folder() == folder
    assert registry.fetched == [1, 2, 3, 4]


def test_a_version_that_served_is_fetched(source, registry):
    """As often as it is asked for, and beside the copy that serves."""
    serving = source.folder()
    for _ in range(2):
        found = source.folder_of(SECOND.hash)
        assert (found / "manifest.json").is_file()
        assert found != serving
    assert registry.fetched == [1, 2, 2]
    assert source.folder_of("0" * 64) is None
    assert serving.is_dir()


def test_what_a_registry_tells(source, registry):
    """Who promoted what, why, and what was taken back, of the alias that serves."""
    now, before = source.versions()
    assert (now.hash, now.from_at, now.by, now.why) == (SECOND.hash, 2, "ann", "better")
    assert (now.taken_back, before.taken_back) == (False, True)
    assert (now.label, before.label) == ("rung-b2b/2", "rung-b2b/1")
    assert registry.asked == [("rung-b2b", "live")]


def test_by_which_gate_it_serves(source, registry, trained):
    """It is that of this very bundle, kept for this alias; where none is kept, nobody knows."""
    assert source.gate() is None  # the alias was moved past Rung
    registry.kept = scores_gate(trained)
    assert source.gate() is None  # and it is that of another version
    registry.present = replace(FIRST, hash=trained.hash)
    assert source.gate() == registry.kept
    assert registry.asked[-1] == (registry.present, "live")


def test_a_registry_keeps_who_went_back_and_why(source, registry):
    """They are handed on whole, with the alias."""
    said = Promotion(3, "ann", "the queue looks wrong")
    assert source.roll_back(said) == FIRST.hash
    assert registry.asked == [("rung-b2b", said, "live")]


def test_a_registry_is_given_a_bundle(source, registry, trained, bundle_folder):
    """It becomes a version of the model that the source names, and the alias names it."""
    gate, said = scores_gate(trained), Promotion(3, "ann", "better")
    source.promote(bundle_folder, gate, said, trusted=["a.B"])
    published, named = registry.asked
    assert published == (bundle_folder, {"trusted": ["a.B"], "name": "rung-b2b"})
    assert named == (SECOND, "live", gate, said)


def test_nothing_is_published_without_a_passed_gate(source, registry, trained, bundle_folder):
    """A version that cannot serve is not made on the way."""
    with pytest.raises(GateError, match="was not passed"):
        source.promote(bundle_folder, scores_gate(trained, flatters=True), Promotion(3))
    assert registry.asked == []


def test_a_folder_is_given_a_bundle_and_goes_back(bundle_folder, trained, tmp_path):
    """It serves, with who and why; there is nothing to go back to yet."""
    source = FolderSource(tmp_path / "serving")
    source.check()
    assert source.gate() is None
    source.promote(bundle_folder, scores_gate(trained), Promotion(3, "ann", "better"))
    assert source.gate() == scores_gate(trained)
    (one,) = source.versions()
    assert (one.hash, one.from_at, one.by, one.why) == (trained.hash, 3, "ann", "better")
    with pytest.raises(BundleError, match="nothing to go back to"):
        source.roll_back(Promotion(4, "ann", "worse"))


def test_others_of_a_folder_and_their_verdicts(tmp_path):
    """Each bundle once, by a verdict that lets it follow what serves, where one was kept."""
    bundles = [tmp_path / name for name in "abc"]
    loaded = [world.rates_bundle(one, leads=at) for at, one in enumerate(bundles)]
    first, second, third = (one.hash for one in loaded)
    source = FolderSource(tmp_path / "serving")
    assert source.others() == []

    def promote(at: int, beside: str) -> None:
        gate = scores_gate(loaded[at], beside=beside)
        source.promote(bundles[at], gate, Promotion(at + 1, "ann", "better"))

    promote(0, "")
    promote(1, first)
    promote(2, second)
    assert [one.hash for one in source.others()] == [second, first]
    said = [one.why_not(third) for one in source.others()]
    assert said[0].startswith(f"the bundle was judged beside {first[:12]}, and {third[:12]} serves")
    assert said[1].startswith(f"the bundle was judged beside no champion, and {third[:12]} serves")
    with pytest.raises(GateError, match="judge it beside that"):
        source.promote_other(second, Promotion(9, "bob", "again"))
    with pytest.raises(BundleError, match="'0123' is not, or no more, kept beside"):
        source.promote_other("0123", Promotion(9, "bob", "again"))
    assert source.roll_back(Promotion(10, "bob", "worse")) == second
    newest = source.others()[0]
    assert (newest.hash, newest.why_not(second)) == (third, "")
    assert source.promote_other(third, Promotion(11, "bob", "not worse")) == third
    now, taken, *_ = source.versions()
    assert (now.hash, now.by, now.why, now.taken_back) == (third, "bob", "not worse", False)
    assert taken.hash == second
    (source.path.parent / "serving.former").rename(tmp_path / "moved")
    assert source.others() == []


def test_one_of_a_folder_that_cannot_be_loaded(tmp_path, monkeypatch):
    """It is said, and what serves stays."""
    bundles = [tmp_path / name for name in "ab"]
    loaded = [world.rates_bundle(one, leads=at) for at, one in enumerate(bundles)]
    source = FolderSource(tmp_path / "serving")
    for at, beside in enumerate(("", loaded[0].hash)):
        source.promote(bundles[at], scores_gate(loaded[at], beside=beside), Promotion(at + 1))
    source.roll_back(Promotion(3))
    monkeypatch.setattr("models.bundle.files.signals_fingerprint", lambda _: "others")
    with pytest.raises(BundleError, match="cannot with this version of Rung"):
        source.promote_other(loaded[1].hash, Promotion(4))
    assert source.versions()[0].hash == loaded[0].hash


def test_the_folder_of_what_served(tmp_path, monkeypatch):
    """What serves, what served before it, and nothing of which nobody knows."""
    present, before = (ServedBundle(tmp_path / one, one * 64, Promotion()) for one in "ab")
    monkeypatch.setattr(sources, "served_by", lambda _: present)
    monkeypatch.setattr(sources, "former_of", lambda _: [before])
    source = FolderSource(tmp_path)
    assert source.folder_of("a" * 64) == present.folder
    assert source.folder_of("b" * 64) == before.folder
    assert source.folder_of("c" * 64) is None


def test_a_folder_with_something_else(tmp_path):
    """It is said before a bundle is made for it."""
    (tmp_path / "thesis.txt").write_text("ten years")
    with pytest.raises(BundleError, match=r"holds 'thesis.txt'"):
        FolderSource(tmp_path).check()


def test_a_folder_tells_what_it_was_trained_on(bundle_folder, trained, tmp_path):
    """Of an empty place nothing is told."""
    assert FolderSource(tmp_path / "none").versions() == []
    copied = Path(shutil.copytree(bundle_folder, tmp_path / "bundle"))
    (one,) = FolderSource(copied).versions()
    assert (one.by, one.from_at, one.gate, one.label) == ("", 0, None, "")
    assert one.until == int(trained.manifest["until"])
