"""Training again, and watching."""
