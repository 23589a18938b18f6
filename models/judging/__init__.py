"""Statistics that judge scores and policies; nothing here fits or serves."""
