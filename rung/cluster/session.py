"""Tasks on Apache Spark: rows of an Arrow table there, which name a task or hand something on."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias, cast

import pyarrow as pa

from features.errors import EventsError, RungError, Unusable
from rung.cluster.tasks import ClusterFailed, Done, Handing, Regrouping

__all__ = ["NoSpark", "SparkCluster", "spark_cluster"]

_TOLD: Final = pa.schema(
    {"number": pa.int64(), "source": pa.int64(), "told": pa.string(), "data": pa.binary()}
)
_SPARK_TOLD: Final = "number long, source long, told string, data binary"
_ANSWERS: Final = -1
"""The number under which a regrouping hands on what is no piece."""
_JAVA: Final = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Java hands work to Python and little else: to compile well takes longer than that does."""
_SETTINGS: Final[Mapping[str, object]] = {
    "spark.sql.adaptive.enabled": "false",  # a task is a file: none are put together
    "spark.sql.execution.arrow.maxRecordsPerBatch": 16,  # a row is thousands of events
    "spark.executorEnv.OMP_NUM_THREADS": 1,  # Spark starts a task a core
    "spark.driver.extraJavaOptions": _JAVA,
    "spark.executor.extraJavaOptions": _JAVA,
    "spark.log.level": "ERROR",
    "spark.ui.showConsoleProgress": "false",
}
_Row: TypeAlias = "tuple[int, int, str, bytes | None]"


class NoSpark(Unusable):
    """What runs on a cluster is not installed; the message says how it is."""


@contextmanager
def spark_cluster(master: str, settings: Mapping[str, str]) -> Iterator[SparkCluster]:
    """A session on a cluster, which ends with the block.

    Parameters
    ----------
    master : such as spark://HOST:7077, yarn, or local[2] for two processes of this machine.
    settings : of Spark, by their names; they go before ours.

    Raises
    ------
    NoSpark : PySpark or Java are not installed here.
    ClusterFailed : the master does not answer, or the work of the block failed for good.
    """
    # Of its own way with pandas, which nothing here takes.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support", FutureWarning)
    try:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise NoSpark("--master needs PySpark: pip install 'rung[spark]'") from error
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # of the nodes as well
    builder = SparkSession.builder.master(master).appName("rung")
    for name, value in {**_SETTINGS, **settings}.items():
        builder = builder.config(name, str(value))
    try:
        session = builder.getOrCreate()
    except PySparkException as error:
        if "JAVA_GATEWAY" not in str(error):
            raise ClusterFailed(f"{master}: {_first_line(error)}") from error
        raise NoSpark(
            "--master needs Java 17 or later, on the PATH or at JAVA_HOME; on Debian:"
            " apt-get install default-jre-headless"
        ) from error
    except Py4JError as error:
        raise ClusterFailed(f"{master}: {_first_line(error)}") from error
    try:
        yield SparkCluster(session)
    except (PySparkException, Py4JError) as error:
        raise ClusterFailed(f"{master}: {_first_line(error)}") from error
    finally:
        session.stop()


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


@dataclass(frozen=True, eq=False, slots=True)
class SparkCluster:
    """A `rung.cluster.tasks.Cluster`: what a lost worker was at is done elsewhere."""

    session: Any

    def each(self, count: int, work: Callable[[int], Done], doing: str) -> list[Done]:
        """As `Cluster.each`; the pages of Spark show what is being done."""
        self.session.sparkContext.setJobDescription(doing)
        return _answers(self._numbers(count).mapInArrow(partial(_each, work), _SPARK_TOLD))

    def regrouped(self, asked: Regrouping) -> tuple[list[Done], list[Done]]:
        """As `Cluster.regrouped`."""
        self.session.sparkContext.setJobDescription(" and ".join(asked.doing))
        self.session.conf.set("spark.sql.shuffle.partitions", str(asked.groups))
        gather = asked.gather
        pieces = self._numbers(asked.count).mapInArrow(partial(_split, asked.split), _SPARK_TOLD)

        def together(group: pa.Table) -> pa.Table:  # Spark tells by the hints what it is to get
            return _gathered(gather, group)

        rows = _rows(pieces.groupBy("number").applyInArrow(together, _SPARK_TOLD))
        first = [row for row in rows if row[0] == _ANSWERS]
        return _decoded([(row[1], *row[1:]) for row in first]), _decoded(
            [row for row in rows if row[0] != _ANSWERS]
        )

    def _numbers(self, count: int) -> Any:
        return self.session.range(0, count, 1, count)


def _each(work: Callable[[int], Done], batches: Iterator[pa.RecordBatch]) -> Iterator[Any]:
    for batch in batches:
        for number in batch.column(0).to_pylist():
            yield _batch([_encoded(number, partial(work, number))])


def _split(
    split: Callable[[int], Handing], batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for number in batch.column(0).to_pylist():
            try:
                answer = yield from _handed(split(number), number)
                _, source, told, data = _row_of(number, answer)
            except RungError as error:
                _, source, told, data = _refusal(number, error)
            yield _batch([(_ANSWERS, source, told, data)])


def _handed(handing: Handing, number: int) -> Generator[pa.RecordBatch, None, Done]:
    """What a task hands on, each piece with its place among them; the answer of the task."""
    place = 0
    while True:
        try:
            to, piece = next(handing)
        except StopIteration as end:
            return cast(Done, end.value)
        yield _batch([(to, number, f"{place:09}", piece)])
        place += 1


def _gathered(gather: Callable[[int, list[bytes]], Done], group: pa.Table) -> pa.Table:
    number = group["number"][0].as_py()
    if number == _ANSWERS:
        return group.cast(_TOLD)
    group = group.sort_by([("source", "ascending"), ("told", "ascending")])
    row = _encoded(number, lambda: gather(number, group["data"].to_pylist()))
    return pa.Table.from_batches([_batch([row])])


def _batch(rows: list[_Row]) -> pa.RecordBatch:
    named = zip(zip(*rows, strict=True), _TOLD.types, strict=True)
    columns = [pa.array(column, kind) for column, kind in named]
    return pa.RecordBatch.from_arrays(columns, schema=_TOLD)


_REFUSED: Final = "refused"


def _encoded(number: int, work: Callable[[], Done]) -> _Row:
    """An answer as a row; what was raised on purpose is an answer as well."""
    try:
        return _row_of(number, work())
    except RungError as error:
        return _refusal(number, error)


def _row_of(number: int, answer: Done) -> _Row:
    data = None
    if answer.table is not None:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, answer.table.schema) as stream:
            stream.write_table(answer.table)
        data = sink.getvalue().to_pybytes()
    return number, number, json.dumps(answer.told), data


def _refusal(number: int, error: RungError) -> _Row:
    return number, number, json.dumps({_REFUSED: str(error)}), None


def _answers(frame: Any) -> list[Done]:
    return _decoded(_rows(frame))


def _rows(frame: Any) -> list[_Row]:
    columns = frame.toArrow().to_pydict()
    return sorted(
        zip(*(columns[name] for name in _TOLD.names), strict=True), key=lambda row: row[:2]
    )


def _decoded(rows: list[_Row]) -> list[Done]:
    answers = []
    for number, _, told, data in rows:
        values = json.loads(told)
        if _REFUSED in values:
            raise EventsError(values[_REFUSED])
        table = None if data is None else pa.ipc.open_stream(data).read_all()
        answers.append(Done(number, values, table))
    return answers
