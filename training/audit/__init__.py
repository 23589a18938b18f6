"""Scores that somebody else made, judged on what came of the leads."""
