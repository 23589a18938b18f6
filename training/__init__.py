"""How a bundle comes to exist and is allowed to serve."""
