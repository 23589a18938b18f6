"""What policies are worth on public data."""
