"""A first ladder from a log: what its events tell of steps, and the file that says so."""
