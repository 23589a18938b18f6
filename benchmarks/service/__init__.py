"""The service over HTTP, in a process of its own, beside its floors and a peer."""
