"""How good scores are on public data, beside peers."""
