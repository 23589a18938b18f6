"""How the service is, and what of its ladder the log has."""
