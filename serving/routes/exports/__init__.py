"""Scores as other tools copy them: flat rows, in the order in which they change."""
