"""What of a ladder a log has, what can be learned of it, and when more can."""
