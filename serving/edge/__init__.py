"""What every request passes: keys, sessions, limits, bodies, problems, lines of the log."""
