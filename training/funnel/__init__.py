"""Where leads stop, written down; and what experiments on them have shown."""
