"""What the processes of one run share: the first that needs it makes it, the others wait."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

__all__ = ["compile_once", "made_once"]


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder of this name, filled by `make` in the first process that asks for it.

    A process that dies gives its lock back, and the next one starts over.
    """
    folder = _of_the_run(factory) / name
    made = folder.with_name(f"{name}.made")
    with folder.with_name(f"{name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            made.touch()
    return folder


def _of_the_run(factory: pytest.TempPathFactory) -> Path:
    """pytest-xdist gives each of its processes a folder inside that of the run."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def compile_once() -> None:
    """Let one process at a time compile, from now on: the others then load what it has kept.

    Numba itself looks for that alone before it starts, so that processes which start together all
    compile the same loops, for most of a minute.
    """
    from numba.core.compiler_lock import global_compiler_lock
    from numba.core.dispatcher import Dispatcher

    compiled: Any = Dispatcher
    true, is_ours = compiled.compile, False

    @wraps(true)
    def alone(self: Any, signature: Any) -> Any:
        nonlocal is_ours
        with global_compiler_lock:  # of the threads of this process, which may take it again
            if is_ours:
                return true(self, signature)
            with Path(__file__).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                is_ours = True
                try:
                    return true(self, signature)
                finally:
                    is_ours = False
                    fcntl.flock(lock, fcntl.LOCK_UN)  # whoever was forked meanwhile has it as well

    compiled.compile = alone
