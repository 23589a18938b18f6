"""The keys: listed, made and shown once, revoked."""
