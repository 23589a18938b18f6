"""Where events, scores and the rest are kept: SQLite or PostgreSQL."""
