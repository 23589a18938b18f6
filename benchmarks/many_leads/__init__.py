"""Millions of leads: from the store, over parts of a log, on Apache Spark."""
