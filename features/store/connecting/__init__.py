"""Connections to a database: how they are opened and begin, and what it is when they fail."""
