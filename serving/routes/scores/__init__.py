"""Scores over HTTP: of one lead and of many; and the hot path, past the framework."""
