"""A verb as a chore of `rung serve` and `rung work`: it ends when the process that began it does.

That one holds the lease by which nobody else does the same. Whoever is killed cannot stop what it
began; but the pipe between them closes, and the chore sees that.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

import rung

__all__ = ["end_with_parent"]


def end_with_parent() -> None:
    """End this process, as by SIGTERM, once its standard input ends."""
    threading.Thread(target=_wait_for_the_end, name="parent", daemon=True).start()


def _wait_for_the_end() -> None:
    # Past Python's own buffer: whoever holds its lock when the interpreter ends takes it down.
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    end_with_parent()
    sys.exit(rung.main())
