"""How we judge and choose."""
