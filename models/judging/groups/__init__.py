"""Groups of protected traits beside each other, and what a gate makes of it."""
