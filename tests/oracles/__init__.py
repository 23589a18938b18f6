"""Slow and obvious versions of fast code, to compare it with."""
