"""On which condition a request is done: it was not done before, nothing changed meanwhile."""
