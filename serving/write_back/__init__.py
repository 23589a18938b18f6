"""Scores written to CRMs: a few properties of ours, when it matters, never over a person's word."""

from serving.write_back.configuration import WriteBack, read_write_backs
from serving.write_back.outbox import Outbox, Queued, scored
from serving.write_back.worker import Parts, keep_writing

__all__ = [
    "Outbox",
    "Parts",
    "Queued",
    "WriteBack",
    "keep_writing",
    "read_write_backs",
    "scored",
]
