"""A disk that is full: files of this process can grow no further than so many bytes."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["full_after"]


@contextmanager
def full_after(size: int) -> Iterator[None]:
    """While this lasts, no file of this process grows beyond a size in bytes.

    Nor is bytecode kept: a module that is imported meanwhile would be left behind cut off, for
    good, as the interpreter does not look whether all of it was written.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    kept = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        sys.dont_write_bytecode = kept
