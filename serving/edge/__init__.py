"""What every request passes: keys, sessions, limits, problems, bodies."""
