"""Files and folders that appear whole or not at all.

What is written is written beside its place and moved there in one step, once all of it is on the
disk: a full disk, a crash or an interruption leaves what was there before.

Such a part is `.<8 hex digits>.<name>`, and whoever writes it holds a lock on it. A writer that is
killed leaves one that nobody holds; the next writer of that place takes it away.
"""

from __future__ import annotations

import atexit
import ctypes
import errno
import fcntl
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

__all__ = [
    "check_file",
    "check_folder_for",
    "clear_away",
    "kept_away",
    "new_file",
    "new_folder",
    "room_of_process",
    "why_no_text",
]

_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2
_NO_EXCHANGE: Final = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}
"""What a file system says that cannot exchange two folders."""
_IN_USE: Final = {errno.EBUSY, errno.EXDEV}
"""What is said of a folder that is a mount point: it cannot be moved, its files can."""
_ABSENT: Final = (FileNotFoundError, IsADirectoryError, NotADirectoryError)


def kept_away(error: BaseException) -> str:
    """Why a file that is there cannot be read for now, such as for want of a permission.

    "" where there is none, or what is wrong is what it holds: another one is to be made.
    """
    if not isinstance(error, OSError) or isinstance(error, _ABSENT) or error.errno is None:
        return ""
    return os.strerror(error.errno)


def why_no_text(error: OSError | UnicodeDecodeError) -> str:
    """What to say, after its name, of a file whose text could not be read."""
    if isinstance(error, UnicodeDecodeError):
        return f"cannot be read as UTF-8 text: {error}"
    return f"cannot be read: {error.strerror or error}"


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Where to write a file (with the same suffix) that takes the place of `path` at the end.

    A device or a pipe is written to as it is.

    Raises
    ------
    OSError : it cannot be written; the error names `path`, and what was there still is.
    """
    place = Path(path).resolve()
    if place.exists() and not place.is_file() and not place.is_dir():
        yield place
        return
    if place.is_dir():
        raise _error(errno.EISDIR, path)
    part, lock = _held_part(path, place, place.parent, lambda one: one.touch(exist_ok=False))
    with _naming(path, part):
        try:
            yield part
            _to_disk(part)
            part.replace(place)
        finally:
            part.unlink(missing_ok=True)
            os.close(lock)


@contextmanager
def new_folder(folder: Path, is_replaced: Callable[[str], bool]) -> Iterator[Path]:
    """An empty folder to write to, whose files take their place in `folder` at the end.

    Parameters
    ----------
    is_replaced : whether an older file of that name in `folder` is to go; others stay, unless one
        of the same name was written.

    Raises
    ------
    OSError : it cannot be written; the error names `folder`, and what was there still is.
    """
    place = Path(folder).resolve()
    part, lock = _new_part(Path(folder), place)
    with _naming(folder, part):
        try:
            yield part
            for file in part.iterdir():
                _to_disk(file)
            _take_place(part, place, is_replaced)
        finally:
            shutil.rmtree(part, ignore_errors=True)
            os.close(lock)


def clear_away(place: Path) -> None:
    """Take away what writers of a file or folder left beside it, or in it, when they were killed.

    What somebody writes by now stays, and so does all that cannot be taken away.
    """
    place = Path(place).resolve()
    left = re.compile(rf"\.[0-9a-f]{{8}}\.{re.escape(place.name)}")
    for holder in (place.parent, place):
        with suppress(OSError):
            for name in [name for name in os.listdir(holder) if left.fullmatch(name)]:  # noqa: PTH208 names alone
                _clear(holder / name)


def _clear(part: Path) -> None:
    with suppress(OSError):
        lock = os.open(part, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if part.is_dir():
                shutil.rmtree(part, ignore_errors=True)
            else:
                part.unlink(missing_ok=True)
        finally:
            os.close(lock)


def room_of_process(name: str) -> Path:
    """An empty folder, where what is temporary is kept, that goes with the process.

    A process that is killed leaves its own. The next one that asks for such a room takes it away,
    as nobody holds its lock: whatever ends processes, there is one a process at most.

    Parameters
    ----------
    name : what such folders are called before a number.

    Raises
    ------
    OSError : there is no room for anything temporary.
    """
    with suppress(OSError):
        for left in Path(tempfile.gettempdir()).glob(f"{name}-*"):
            if left.lstat().st_uid == os.geteuid():
                _clear(left)
    while True:
        room = Path(tempfile.mkdtemp(prefix=f"{name}-"))
        if _lock(room) is not None:  # which is held as long as the process lasts
            atexit.register(shutil.rmtree, room, ignore_errors=True)
            return room


def check_file(path: Path) -> None:
    """Whether `new_file` could write a file, before there is anything to write.

    Raises
    ------
    OSError : it could not; the error names `path`.
    """
    place = Path(path).resolve()
    if place.exists() and not place.is_file() and not place.is_dir():
        return
    if place.is_dir():
        raise _error(errno.EISDIR, path)
    holder = _there(place)
    if holder.is_dir() and holder != place.parent:
        raise _error(errno.ENOENT, path)
    _check_holds(holder, path)


def check_folder_for(folder: Path) -> None:
    """Whether `new_folder` could write a folder, before there is anything to write.

    Raises
    ------
    OSError : it could not; the error names `folder`.
    """
    place = Path(folder).resolve()
    if place.exists() and not place.is_dir():
        raise _error(errno.ENOTDIR, folder)
    if place.exists() and os.access(place, os.W_OK):
        return
    _check_holds(_there(place), folder)


def _there(place: Path) -> Path:
    """The nearest that exists of what is to hold a place."""
    return next(one for one in place.parents if one.exists())


def _check_holds(holder: Path, path: Path) -> None:
    if not holder.is_dir():
        raise _error(errno.ENOTDIR, path)
    if not os.access(holder, os.W_OK | os.X_OK):
        raise _error(errno.EACCES, path)


def _beside(place: Path) -> Path:
    return place.with_name(f".{secrets.token_hex(4)}.{place.name}")


def _new_part(folder: Path, place: Path) -> tuple[Path, int]:
    """An empty folder beside one; inside it, where nothing may be written beside. And its lock."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists() and not place.is_dir():
            raise _error(errno.ENOTDIR)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error
    is_beside = os.access(place.parent, os.W_OK) or not place.is_dir()
    return _held_part(folder, place, place.parent if is_beside else place, Path.mkdir)


def _held_part(
    path: Path, place: Path, holder: Path, make: Callable[[Path], None]
) -> tuple[Path, int]:
    """A new part of a place, and the lock by which nobody takes it for one that was left."""
    clear_away(place)
    try:
        while True:
            part = holder / _beside(place).name
            make(part)
            lock = _lock(part)
            if lock is not None:
                return part, lock
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _lock(part: Path) -> int | None:
    """The lock of a part, to be closed; None where somebody took the part away before it had one.

    Where a disk knows no locks there is none, and nothing is taken away.
    """
    try:
        lock = os.open(part, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    except OSError:
        return lock
    if part.exists():
        return lock
    os.close(lock)
    return None


def _take_place(part: Path, place: Path, is_replaced: Callable[[str], bool]) -> None:
    if not place.exists():
        part.rename(place)
        return
    if part.parent == place or place == Path.cwd():
        _move_each(part, place, is_replaced)
        return
    for old in place.iterdir():
        if not is_replaced(old.name) and not (part / old.name).exists():
            _also_in(old, part / old.name)
    shutil.copymode(place, part)
    try:
        _exchange(part, place)
    except OSError as error:
        if error.errno not in _IN_USE:
            raise
        _move_each(part, place, is_replaced)


def _also_in(old: Path, new: Path) -> None:
    """The same file under another name, or a copy where there are no links; folders as a whole."""
    if old.is_dir() and not old.is_symlink():
        shutil.copytree(old, new, symlinks=True, copy_function=_linked)
    else:
        _linked(str(old), str(new))


def _linked(old: str, new: str) -> None:
    try:
        os.link(old, new, follow_symlinks=False)
    except OSError:
        shutil.copy2(old, new, follow_symlinks=False)


def _move_each(part: Path, place: Path, is_replaced: Callable[[str], bool]) -> None:
    """File by file: each is whole, and needs no room."""
    written = sorted(part.iterdir())
    for old in place.iterdir():
        if is_replaced(old.name) and not (part / old.name).exists():
            old.unlink()
    for new in written:
        if new.is_dir() and (place / new.name).exists():
            continue
        new.replace(place / new.name)


def _exchange(one: Path, other: Path) -> None:
    """Two folders change places, in one step where the system can."""
    libc = ctypes.CDLL(None, use_errno=True)
    rename = getattr(libc, "renameat2", None)
    if rename is not None:
        names = os.fsencode(one), os.fsencode(other)
        if rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0:
            return
        found = ctypes.get_errno()
        if found not in _NO_EXCHANGE:
            raise _error(found)
    away = other.with_name(f".{secrets.token_hex(4)}-{other.name}")  # no part: it is not cleared
    other.rename(away)
    try:
        one.rename(other)
    except OSError:
        away.rename(other)
        raise
    away.rename(one)


def _to_disk(file: Path) -> None:
    """What is on its way to the disk is there; a disk that is full says so now."""
    if not file.is_file():
        return
    with file.open("rb") as opened:
        os.fsync(opened.fileno())


def _error(number: int, path: Path | None = None) -> OSError:
    if path is None:
        return OSError(number, os.strerror(number))
    return OSError(number, os.strerror(number), str(path))


@contextmanager
def _naming(path: Path, part: Path) -> Iterator[None]:
    """Errors of the system name what was to be written, not the part beside it.

    Those that name something else, such as a file that is read meanwhile, stay as they are.
    """
    try:
        yield
    except OSError as error:
        if error.filename is not None and part.name not in str(error.filename):
            raise
        number = error.errno or errno.EIO
        said = os.strerror(number) if error.errno else str(error)
        raise OSError(number, said, str(path)) from error
