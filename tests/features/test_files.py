"""What is written appears whole or not at all."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from features import files
from features.files import (
    check_file,
    check_folder_for,
    clear_away,
    new_file,
    new_folder,
    room_of_process,
)
from tests.full_disk import full_after


def held(folder: Path) -> dict[str, str]:
    """The files below a folder, with what is in them."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def all_parts(_: str) -> bool:
    return True


def no_part(_: str) -> bool:
    return False


def test_a_file_takes_its_place_at_the_end(tmp_path):
    """Until it is whole the old one stands; its suffix is its own, and nothing stays beside it."""
    path = tmp_path / "scores.csv.gz"
    path.write_text("old")
    with new_file(path) as part:
        part.write_text("new")
        assert part.name.endswith(".csv.gz")
        assert path.read_text() == "old"
    assert held(tmp_path) == {"scores.csv.gz": "new"}


@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt])
def test_an_interrupted_file_leaves_the_old_one(tmp_path, fault):
    """Whatever ends the writing, what was there is there, and nothing else."""
    path = tmp_path / "out.txt"
    path.write_text("old")

    def write() -> None:
        with new_file(path) as part:
            part.write_text("ne")
            raise fault

    with pytest.raises(fault):
        write()
    assert held(tmp_path) == {"out.txt": "old"}


def left(place: Path) -> None:
    """What writers of a place that were killed have left: beside it, and in it."""
    for holder in (place.parent, place):
        (holder / f".0123abcd.{place.name}").mkdir(parents=True)
        (holder / f".0123abcd.{place.name}" / "a.txt").write_text("half")
    (place.parent / f".89abcdef.{place.name}").write_text("half")


def test_what_a_killed_writer_left_goes_with_the_next(tmp_path):
    """Parts of that place alone: other names are somebody's."""
    folder, file = tmp_path / "bundle", tmp_path / "a[1].txt"
    left(folder)
    (tmp_path / ".0123abcd.a[1].txt").write_text("half")
    others = {".0123abcd.bundle2": "", ".0123abcd.a1.txt": "", ".0123ABCD.bundle": "", ".b.txt": ""}
    for name in others:
        (tmp_path / name).write_text("")
    with new_folder(folder, all_parts) as part:
        (part / "a.txt").write_text("new")
    with new_file(file) as part:
        part.write_text("new")
    assert held(tmp_path) == {"bundle/a.txt": "new", "a[1].txt": "new", **others}


def test_what_is_written_by_now_stays(tmp_path):
    """Two may write to one place at once: neither takes the other's part for one that was left."""
    folder, file = tmp_path / "bundle", tmp_path / "out.txt"
    with new_folder(folder, all_parts) as part, new_file(file) as text:
        (part / "a.txt").write_text("first")
        text.write_text("first")
        with new_folder(folder, all_parts) as other, new_file(file) as later:
            (other / "a.txt").write_text("second")
            later.write_text("second")
        assert held(tmp_path) == {
            **{"bundle/a.txt": "second", "out.txt": "second"},
            **{f"{part.name}/a.txt": "first", text.name: "first"},
        }
    assert held(tmp_path) == {"bundle/a.txt": "first", "out.txt": "first"}


def test_a_part_that_was_taken_for_one_that_was_left_is_made_anew(tmp_path, monkeypatch):
    """Whoever clears away may come between a part and its lock."""
    real, opened = os.open, []

    def late(path, *rest, **more):
        opened.append(path)
        if len(opened) == 1:
            clear_away(tmp_path / "bundle")
        return real(path, *rest, **more)

    monkeypatch.setattr(os, "open", late)
    with new_folder(tmp_path / "bundle", all_parts) as part:
        (part / "a.txt").write_text("new")
    assert not opened[0].exists()
    assert part != opened[0]
    assert held(tmp_path) == {"bundle/a.txt": "new"}


def test_a_room_goes_with_its_process_or_with_the_next(tmp_path, monkeypatch):
    """Whoever is killed leaves no more than the next process takes away; nobody else's goes."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    killed = """
import os, signal
from pathlib import Path
from features.files import room_of_process
(room_of_process("bundles") / "copy").mkdir()
os.kill(os.getpid(), signal.SIGKILL)
"""
    where = {**os.environ, "TMPDIR": str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", killed], env=where).returncode < 0
    (left,) = tmp_path.iterdir()
    assert (left / "copy").is_dir()
    (tmp_path / "bundles").mkdir()
    first, second = room_of_process("bundles"), room_of_process("bundles")
    kept = sorted(path.name for path in (first, second))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundles", *kept]


def test_a_full_disk_names_the_file(tmp_path):
    """The error names what was to be written, and the old one is whole."""
    path, folder = tmp_path / "out.txt", tmp_path / "bundle"
    folder.mkdir()
    for one in (path, folder / "a.txt"):
        one.write_text("old")
    much = b"x" * 1000
    full = pytest.raises(OSError, match="File too large")
    with full_after(100), full as raised, new_file(path) as part:
        part.write_bytes(much)
    assert raised.value.filename == str(path)
    full = pytest.raises(OSError, match="File too large")
    with full_after(100), full as raised, new_folder(folder, all_parts) as part:
        (part / "a.txt").write_bytes(much[:50])
        (part / "b.txt").write_bytes(much)
    assert raised.value.filename == str(folder)
    assert held(tmp_path) == {"out.txt": "old", "bundle/a.txt": "old"}


def test_other_errors_keep_their_names(tmp_path):
    """A file that is read meanwhile and is not there is named itself."""
    with pytest.raises(FileNotFoundError) as raised, new_file(tmp_path / "out") as part:
        part.write_text((tmp_path / "source").read_text())
    assert raised.value.filename == str(tmp_path / "source")


@pytest.mark.parametrize("way", ["exchange", "renames", "mount point", "nothing beside", "cwd"])
def test_a_folder_takes_its_place(tmp_path, monkeypatch, way):
    """Its files are replaced as one, files of others stay, on any kind of file system."""
    folder = tmp_path / "report"
    (folder / "notes").mkdir(parents=True)
    for name in ("a.json", "a.png", "mine.txt", "notes/mine.txt"):
        (folder / name).write_text("old")
    if way == "renames":
        monkeypatch.setattr("features.files.ctypes.CDLL", lambda *_, **__: object())
    if way == "mount point":
        busy = OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        monkeypatch.setattr(files, "_exchange", lambda *_: (_ for _ in ()).throw(busy))
    if way == "nothing beside":
        monkeypatch.setattr("features.files.os.access", lambda *_: False)
    if way == "cwd":
        monkeypatch.chdir(folder)
    with new_folder(folder, {"a.json", "a.png"}.__contains__) as part:
        (part / "a.json").write_text("new")
        assert (folder / "a.json").read_text() == "old"
    others = {"mine.txt": "old", "notes/mine.txt": "old"}
    assert held(folder) == {"a.json": "new"} | others
    assert list(tmp_path.iterdir()) == [folder]
    if way == "cwd":
        assert Path.cwd() == folder
        assert Path("a.json").read_text() == "new"


def test_a_new_folder(tmp_path):
    """One that is not there is made, with those above it; where a file stands, that is named."""
    with new_folder(tmp_path / "a" / "b", no_part) as part:
        (part / "c").write_text("new")
    assert held(tmp_path) == {"a/b/c": "new"}
    for folder in (tmp_path / "a" / "b" / "c", tmp_path / "a" / "b" / "c" / "d"):
        with pytest.raises(OSError, match=str(folder)), new_folder(folder, no_part):
            raise AssertionError
    with pytest.raises(IsADirectoryError, match="b'"), new_file(tmp_path / "a" / "b"):
        raise AssertionError


def test_a_link_stays_a_link(tmp_path):
    """What a link points at is replaced, a device is written to as it is."""
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    with new_file(tmp_path / "link.txt") as part:
        part.write_text("new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"
    with new_file(Path(os.devnull)) as part:
        assert part == Path(os.devnull)


def test_the_mode_of_a_folder_stays(tmp_path):
    """Who may read a folder may read the new one."""
    folder = tmp_path / "bundle"
    folder.mkdir(mode=0o750)
    (folder / "a").write_text("old")
    with new_folder(folder, all_parts) as part:
        (part / "a").write_text("new")
    assert folder.stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize(
    ("name", "is_file", "is_folder"),
    [
        ("new", True, True),
        ("old.txt", True, False),
        ("full", False, True),
        ("gone/new", False, True),
        ("gone/deeper/new", False, True),
        ("old.txt/new", False, False),
        ("old.txt/deeper/new", False, False),
    ],
)
def test_what_cannot_be_written_is_known_before(tmp_path, name, is_file, is_folder):
    """By the same error as when it is written, which names it; what is checked is not touched."""

    def tried(write) -> tuple[int | None, str | None]:
        try:
            write(tmp_path / name)
        except OSError as error:
            return error.errno, error.filename
        return None, None

    def as_file(path: Path) -> None:
        with new_file(path) as part:
            part.write_text("new")

    def as_folder(path: Path) -> None:
        with new_folder(path, no_part) as part:
            (part / "new").write_text("new")

    (tmp_path / "old.txt").write_text("old")
    (tmp_path / "full").mkdir()
    before = held(tmp_path)
    checked = tried(check_file), tried(check_folder_for)
    assert held(tmp_path) == before
    assert not (tmp_path / "gone").exists()
    assert [one[0] is None for one in checked] == [is_file, is_folder]
    assert checked[0] == tried(as_file)
    (tmp_path / "new").unlink(missing_ok=True)
    assert (checked[1][0] is None) == (tried(as_folder)[0] is None)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_of_others_is_known_before(tmp_path):
    """A folder that may not be written to holds no new file, and a folder below neither."""
    tmp_path.chmod(0o500)
    for check in (check_file, check_folder_for):
        with pytest.raises(PermissionError):
            check(tmp_path / "new")


def test_a_pipe_is_written_as_it_is(tmp_path):
    """What is no file on a disk can be written to."""
    os.mkfifo(tmp_path / "pipe")
    check_file(tmp_path / "pipe")
    check_file(Path("/dev/null"))
