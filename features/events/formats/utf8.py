"""Text files as UTF-8, whatever they hold: what is none is marked, so that its cell is known."""

from __future__ import annotations

import codecs
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.arrays import Bools

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["as_utf8", "is_utf16", "marked", "unmarked"]

_MARK: Final = "\ufdd0"
"""Stands before each byte that is no text. Unicode gives it to nobody, so that no text has it."""
_FIRST: Final = 0xF0000
"""A byte stands as the character of this number and its own, of the private ones."""
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


def is_utf16(start: bytes) -> bool:
    """Whether what begins so is marked as UTF-16."""
    return start[:2] in _UTF16


@contextmanager
def as_utf8(file: Path) -> Iterator[io.BufferedReader[_AsUtf8]]:
    """The bytes of a file, or of one packed with gzip, as UTF-8.

    A file that begins with the mark of UTF-16 is read as that.
    """
    packed = file.suffix.lower() == ".gz"
    with (
        gzip.open(file) if packed else file.open("rb") as stream,
        io.BufferedReader(_AsUtf8(stream), 1 << 20) as buffered,
    ):
        yield buffered


class _AsUtf8(io.RawIOBase):
    def __init__(self, stream: IO[bytes] | gzip.GzipFile) -> None:
        self._stream = stream
        first = stream.read(2)
        decoder = codecs.getincrementaldecoder("utf-16")
        self._utf16 = decoder("replace") if is_utf16(first) else None
        self._open_end = b""
        self._rest = memoryview(self._decoded(first, is_last=False))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        room = memoryview(buffer)
        chunk = b" "
        while chunk and not self._rest:
            chunk = self._stream.read(len(room))
            self._rest = memoryview(self._decoded(chunk, is_last=not chunk))
        found, self._rest = self._rest[: len(room)], self._rest[len(room) :]
        room[: len(found)] = found
        return len(found)

    def _decoded(self, chunk: bytes, *, is_last: bool) -> bytes:
        if self._utf16 is not None:
            return self._utf16.decode(chunk, is_last).encode("utf-8", "replace")
        whole = self._open_end + chunk
        try:
            _, used = codecs.utf_8_decode(whole, "strict", is_last)
        except UnicodeDecodeError:
            text, used = codecs.utf_8_decode(whole, _ERRORS, is_last)
            self._open_end = whole[used:]
            return text.encode()
        self._open_end = whole[used:]
        return whole[:used]


_ERRORS: Final = "rung-marked"


def _mark(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)  # noqa: S101 it is used for decoding alone
    wrong = error.object[error.start : error.end]
    return "".join(_MARK + chr(_FIRST + byte) for byte in wrong), error.end


codecs.register_error(_ERRORS, _mark)


def marked(column: pa.Array) -> Bools:
    """Shape (n,): in which texts of a column there are bytes that are none."""
    found = pc.fill_null(pc.match_substring(column, _MARK), False)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.bool_)


def unmarked(text: str) -> str:
    r"""A text to be shown to people: a byte that is none stands as \xe4."""
    first, *others = text.split(_MARK)
    return first + "".join(f"\\x{ord(one[0]) - _FIRST:02x}{one[1:]}" for one in others)
