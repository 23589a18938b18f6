"""A standalone Spark cluster on this machine: a master and one-core workers, on the loopback alone.

Spark is wherever an environment has PySpark: this one, or the one that `.ci/run` makes beside it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Spark", "Standalone", "found_spark", "standalone"]

_ROOT: Final = Path(__file__).resolve().parents[2]
_CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rung/spark"
_STARTS_WITHIN_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Spark:
    """A Python that has PySpark, and where PySpark lies."""

    python: str
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """For a driver and for what starts a cluster: our code and packages, this machine alone."""
        paths = [str(_ROOT), sysconfig.get_paths()["purelib"]]
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "PYSPARK_PYTHON": self.python,
            "SPARK_HOME": str(self.home),
            "SPARK_LOCAL_IP": "127.0.0.1",
        }

    @property
    def settings(self) -> dict[str, str]:
        """Of a driver: what makes a node of this machine the same as one with Rung installed."""
        return {
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.executorEnv.PYTHONPATH": self.environment["PYTHONPATH"],
        }


def found_spark() -> tuple[Spark | None, str]:
    """Where Spark is, and why it cannot be run; one of them is nothing."""
    if shutil.which("java") is None:
        return None, "there is no java here; .ci/run installs it"
    for python in (sys.executable, str(_CACHE / "bin/python")):
        libraries = Path(python).parent.parent.glob("lib/python*/site-packages/pyspark")
        for home in libraries:
            if (home / "jars").is_dir():
                return Spark(python, home), ""
    return None, "there is no PySpark here; .ci/run installs it"


@dataclass(frozen=True, slots=True)
class Standalone:
    """A running cluster.

    Parameters
    ----------
    url : of the master.
    workers : their processes, to be killed.
    """

    url: str
    workers: tuple[subprocess.Popen[bytes], ...]


@contextmanager
def standalone(spark: Spark, folder: Path, workers: int = 2) -> Iterator[Standalone]:
    """Start a master and workers of one core each; they end with the block.

    Parameters
    ----------
    folder : for their logs and work.
    """
    with ExitStack() as stack:
        bare = ("--host", "127.0.0.1", "--port", "0", "--webui-port", "0")
        log = folder / "master.log"
        stack.enter_context(_running(spark, ("master.Master", *bare), log))
        url = _said(log, r"Starting Spark master at (spark://\S+)")
        started = []
        for at in range(workers):
            log = folder / f"worker-{at}.log"
            own = ("--cores", "1", "--memory", "3g", "--work-dir", str(folder / f"worker-{at}"))
            command = ("worker.Worker", *bare, *own, url)
            started.append(stack.enter_context(_running(spark, command, log)))
        for at in range(workers):
            _said(folder / f"worker-{at}.log", r"(Successfully registered with master)")
        yield Standalone(url, tuple(started))


@contextmanager
def _running(
    spark: Spark, command: tuple[str, ...], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    name, *arguments = command
    with log.open("wb") as out:
        process = subprocess.Popen(
            [spark.home / "bin/spark-class", f"org.apache.spark.deploy.{name}", *arguments],
            env=_plain(spark.environment),
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _plain(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what would make the daemons speak another way."""
    return {
        name: value for name, value in environment.items() if not name.startswith("SPARK_DAEMON")
    }


def _said(log: Path, pattern: str) -> str:
    """What a log says, once it does."""
    ends = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < ends:
        if found := re.search(pattern, log.read_text(errors="replace")):
            return found[1]
        time.sleep(0.1)
    raise RuntimeError(f"{log} never said {pattern}:\n{log.read_text(errors='replace')[-2000:]}")
