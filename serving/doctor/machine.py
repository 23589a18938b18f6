"""The limits of the machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from serving.doctor.finding import Finding, fine, note

__all__ = ["limits"]

_FEW_FILES: Final = 4096


def limits() -> Iterator[Finding]:
    """How many files, and so how many connections, a process that starts here may have."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY or most >= _FEW_FILES:
        yield fine("machine", "enough open files")
        return
    yield note(
        "machine",
        f"a process may have {most:,} open files",
        "each connection is one, and beyond that callers are turned away",
        "LimitNOFILE=65536 in the unit (this shell's limit is shown, the unit has its own)",
    )
