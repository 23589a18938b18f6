"""The same code on Apache Spark: whole leads lie together in files, a task is one of them.

`session` alone knows of Spark, and imports it when it is asked for. A task reads a file of events
as one machine would (`features.reading`), folds it with the one fold, and writes its result under a
name that follows from the task alone: run again it writes the same bytes to the same place. What
needs all leads (who is whom, random numbers, ranks, weights) is done once, on the driver, from a
few numbers a lead.
"""

from rung.cluster.verbs import add_cluster

__all__ = ["add_cluster"]
