"""Where leads stop and what experiments show: on public data, and at speed."""
