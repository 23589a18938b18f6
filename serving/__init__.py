"""How the outside asks."""
