"""Where leads stop: whether that is worse than usual, since when, who they are, what to try."""
