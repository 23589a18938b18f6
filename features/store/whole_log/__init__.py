"""A whole log: as a table that is imported, and as all that signals read."""
