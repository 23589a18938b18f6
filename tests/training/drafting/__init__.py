"""Drafting a ladder from a log."""
