"""Routes: the offers of the ladder, and their versions."""
