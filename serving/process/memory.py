"""What a process does with its memory once it is ready: nothing in it is looked through again."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Final

from serving.edge.logs import log

__all__ = ["hasten", "resident_bytes", "settle"]

_PAGES: Final = Path("/proc/self/statm")


def hasten() -> None:
    """Let the collector wait until `settle`: what is imported is kept, and it looks for nothing.

    It would look some hundred times while a process starts, half a second in all.
    """
    gc.disable()


def settle() -> None:
    """Let the collector never look again at what is there for good, and tell how much it is.

    It would take 0.2 s each time, in which nobody is answered.
    """
    gc.enable()
    gc.collect()
    gc.freeze()
    log("ready", resident_mib=round(resident_bytes() / 2**20))


def resident_bytes() -> int:
    """The memory that this process has in use; where the system does not say, the most so far."""
    try:
        return int(_PAGES.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        import resource  # which not every system has

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
